"""Which text columns of a sample hold numbers: with which decimal mark, and what stands among them that is none.

A column of text holds numbers if they are many different ones and what is none is rare (`Exceptions`):

- at most `MAX_MARKERS` different texts without a digit, such as `unknown` or `inf`, in at most `MAX_MISSING_SHARE` of
  the values: they mean "no value", unless the label or a column of text has them as values of its own;
- what a spreadsheet writes in place of a value, such as `#DIV/0!`, means "no value" in any column, and so does a usual
  marker such as `N/A` in a label of words;
- other texts, such as `12 kg`, in one row or at most `MAX_QUARANTINED_SHARE` of the values: their rows are
  quarantined, as those of infinite numbers in a column of numbers are.
"""

import dataclasses
import math
from collections.abc import Mapping, Set

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .wording import say

MISSING_MARKERS = frozenset({"NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", "."})
"""The usual ways to write that a number is missing."""
NO_CLASSES = MISSING_MARKERS - {"None", "none", "-", "."}
"""Those that are no class of a label of words either."""
SPREADSHEET_ERRORS = frozenset(
    {"#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"}
    | {"#N/D", "#¡DIV/0!", "#¡VALOR!", "#¡REF!", "#¿NOMBRE?", "#¡NUM!", "#¡NULO!"}
)
"""What spreadsheets in English and Spanish write in place of a value."""
MAX_MARKERS = 10
MAX_MISSING_SHARE = 0.5
MAX_QUARANTINED_SHARE = 0.02
MAX_CODES = 10
MAX_SHOWN = 3

_NUMBER = {
    mark: rf"^\s*[+-]?(\d+{pattern}?\d*|{pattern}\d+)([eE][+-]?\d+)?\s*$"
    for mark, pattern in ((".", r"\."), (",", ","))
}
_FRACTION = {".": r"\d\.\d|^\s*[+-]?\.\d", ",": r"^\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*$"}
_THOUSANDS = r"^\s*[+-]?[1-9]\d{0,2},\d{3}\s*$"
_MARKERS = MISSING_MARKERS | SPREADSHEET_ERRORS
_MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class Exceptions:
    """What stands among the numbers of a column and is none, or among words and means "no value".

    Args:
        missing: dict of text that means "no value" to the number of its rows.
        quarantined: dict of text whose rows are quarantined to their number.
        is_quarantined: array of bools of shape `(N,)`. Which rows are.
        num_values: int. Rows with a text.
        are_words: bool. Whether the column holds words.
    """

    missing: Mapping[str, int]
    quarantined: Mapping[str, int]
    is_quarantined: np.ndarray
    num_values: int
    are_words: bool = False

    def notes(self, name: str) -> list[str]:
        """Returns a line for each way in which the texts are treated; the usual markers of a missing value have none.

        Args:
            name: string. The column's name in the file.
        """
        if self.are_words:
            return [
                say(
                    "{name}: {num} of {num_values} values count as missing: {shown} (`data.missing_values`).",
                    name=name,
                    num=sum(self.missing.values()),
                    num_values=self.num_values,
                    shown=_show(self.missing),
                )
            ]
        lines: list[str] = []
        if unusual := {text: count for text, count in self.missing.items() if text not in MISSING_MARKERS}:
            lines.append(
                say(
                    "{name}: {num} of {num_values} values are no numbers and count as missing: "
                    "{shown} (`data.missing_values`).",
                    name=name,
                    num=sum(unusual.values()),
                    num_values=self.num_values,
                    shown=_show(unusual),
                )
            )
        if self.quarantined:
            lines.append(
                say(
                    "{name}: {num} of {num_values} values are no finite numbers: {shown}. Their rows are quarantined.",
                    name=name,
                    num=sum(self.quarantined.values()),
                    num_values=self.num_values,
                    shown=_show(self.quarantined),
                )
            )
        return lines


def choose_decimal(columns: Mapping[str, pa.Array], label: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Returns the decimal mark of the data, `"."` or `","`, the columns with the other one, and those of either.

    The label's mark is taken, else that of most columns. `1,234` may be a number with a thousands mark: it counts only
    in a file with other decimal commas.

    Args:
        columns: mapping of name to `pyarrow.Array`; those of text count.
        label: string. Name of the label.
    """
    found: dict[str, list[str]] = {".": [], ",": []}
    ambiguous = []
    for name, array in columns.items():
        if array.type != pa.string():
            continue
        for mark in found:
            numbers = array.filter(_is_number(array, mark))
            fractions = numbers.filter(pc.match_substring_regex(numbers, _FRACTION[mark]).fill_null(False))
            if not len(fractions) or 2 * len(numbers) < len(array) - array.null_count:
                continue
            if mark == "," and pc.all(pc.match_substring_regex(fractions, _THOUSANDS)).as_py():
                ambiguous.append(name)
            else:
                found[mark].append(name)
    decimal = max(found, key=lambda mark: (label in found[mark], len(found[mark]), mark == "."))
    others = found["." if decimal == "," else ","]
    return decimal, tuple(others), tuple(ambiguous) if decimal == "." else ()


def find_exceptions(columns: Mapping[str, pa.Array], decimal: str, classes: str = "") -> dict[str, Exceptions]:
    """Returns the exceptions of each column of numbers that has any.

    Args:
        columns: mapping of name to `pyarrow.Array`, null where there is no value.
        decimal: string. The decimal mark.
        classes: string. A column of classes, in which none but the usual markers mean "no value". Defaults to none.
    """
    candidates = {name: _exceptions(array, decimal) for name, array in columns.items()}
    if classes and not set(candidates[classes] or ()) <= MISSING_MARKERS:
        candidates[classes] = None
    texts = {
        name: set(array.unique().drop_null().to_pylist())
        for name, array in columns.items()
        if array.type == pa.string() and candidates[name] is None
    }
    found = {}
    for name in texts:
        if exceptions := _no_words(columns[name], SPREADSHEET_ERRORS | (NO_CLASSES if name == classes else set())):
            found[name] = exceptions
    for name, counts in candidates.items():
        if not counts:
            continue
        array = columns[name]
        num_values = len(array) - array.null_count
        markers = [
            text for text in counts if array.type == pa.string() and (_has_no_digit(text) or text in SPREADSHEET_ERRORS)
        ]
        are_few = len(markers) <= MAX_MARKERS
        is_claimed = {text: any(text in others for others in texts.values()) for text in markers}
        missing = {text: counts[text] for text in markers if text in _MARKERS or (are_few and not is_claimed[text])}
        quarantined = {text: count for text, count in counts.items() if text not in missing}
        num_unusual = sum(count for text, count in missing.items() if text not in _MARKERS)
        max_quarantined = max(1, MAX_QUARANTINED_SHARE * num_values)
        if num_unusual > MAX_MISSING_SHARE * num_values or sum(quarantined.values()) > max_quarantined:
            continue
        is_quarantined = ~_mask(_is_number(array, decimal) if array.type == pa.string() else pc.is_finite(array))
        is_quarantined &= _mask(pc.is_valid(array))
        if array.type == pa.string():
            is_quarantined &= ~_mask(pc.is_in(array, pa.array(list(missing), pa.string())))
        found[name] = Exceptions(missing, quarantined, is_quarantined, num_values)
    return found


def plain_numbers(array: pa.Array, decimal: str) -> pa.Array:
    """Returns a column in which each text that is a number has a decimal point."""
    if decimal == "." or array.type != pa.string():
        return array
    return pc.if_else(_is_number(array, decimal), pc.replace_substring(array, decimal, "."), array)


def numbers_kept(array: pa.Array, exceptions: Exceptions | None, decimal: str) -> pa.Array:
    """Returns the values that the ingest keeps, numbers with a decimal point."""
    kept = array.filter(pa.array(~exceptions.is_quarantined)) if exceptions else array
    return plain_numbers(kept, decimal)


def _no_words(array: pa.Array, markers: Set[str]) -> Exceptions | None:
    """Returns which texts of a column of words mean "no value"; None where none does."""
    present = array.filter(pc.is_in(array, pa.array(sorted(markers), pa.string())))
    if not len(present):
        return None
    missing = {count["values"]: count["counts"] for count in pc.value_counts(present).to_pylist()}
    return Exceptions(missing, {}, np.zeros(len(array), bool), len(array) - array.null_count, are_words=True)


def _exceptions(array: pa.Array, decimal: str) -> dict[str, int] | None:
    """Returns the texts that are no numbers with their counts; None if the column does not hold numbers in the main."""
    is_text = array.type == pa.string()
    if not is_text and not pa.types.is_floating(array.type):
        return None
    present = array.drop_null()
    is_number = _is_number(present, decimal) if is_text else pc.is_finite(present)
    numbers, others = present.filter(is_number), present.filter(pc.invert(is_number))
    if not len(others):
        return {} if len(numbers) else None
    is_usual = is_text and set(others.unique().to_pylist()) <= _MARKERS
    if len(numbers) < len(others) and not is_usual:
        return None
    if not is_usual and is_text and len(numbers.unique()) <= MAX_CODES:
        return None  # Few different numbers among other texts are codes as well.
    if not len(numbers):
        return None
    return {str(count["values"]): count["counts"] for count in pc.value_counts(others).to_pylist()}


def _is_number(array: pa.Array, decimal: str) -> pa.Array:
    """Returns whether each text is a decimal number that float32 holds; false where there is none."""
    is_number = pc.match_substring_regex(array, _NUMBER[decimal]).fill_null(False)
    is_long = pc.or_(pc.match_substring_regex(array, "[eE]"), pc.greater(pc.utf8_length(array), 30)).fill_null(False)
    places = np.flatnonzero(_mask(pc.and_(is_number, is_long)))
    if not len(places):
        return is_number
    mask = _mask(is_number).copy()
    for place, text in zip(places, array.take(pa.array(places)).to_pylist(), strict=True):
        number = float(text.strip().replace(decimal, "."))
        mask[place] = math.isfinite(number) and abs(number) <= _MAX_FLOAT32
    return pa.array(mask)


def _has_no_digit(text: str) -> bool:
    return not any(map(str.isdigit, text))


def _show(counts: Mapping[str, int]) -> str:
    most = sorted(counts, key=lambda text: (-counts[text], text))
    shown = ", ".join(f"{text[:40]!r} ({counts[text]})" for text in most[:MAX_SHOWN])
    return shown if len(most) <= MAX_SHOWN else f"{shown} and {len(most) - MAX_SHOWN} more"


def _mask(array: pa.Array) -> np.ndarray:
    mask: np.ndarray = np.array(array.to_numpy(zero_copy_only=False), bool)
    return mask
