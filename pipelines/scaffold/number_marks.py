"""Which columns of text hold numbers between marks: a currency or unit, thousands, a number that means "no value"."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.repairs import repair_numbers
from ...components.example_gen.settings import Repair

MARKS = ("S/.", "S/", "US$", "R$", "$", "€", "£", "USD", "EUR", "PEN", "%", "°C", "kg", "km", "cm", "mm", "hPa")
SENTINELS = (-9999.0, -999.0, -99.0, 9999.0, 99999.0, -99999.0)
MIN_SHARE = 0.98
MIN_MARKED = 0.5
MIN_DISTINCT = 11

_GROUPED = {
    ",": r"^\D{0,5}[+-]?\d{1,3}(,\d{3})+(,\d{3}|\.\d+)\D{0,5}$",
    ".": r"^\D{0,5}[+-]?\d{1,3}(\.\d{3})+(\.\d{3}|,\d+)\D{0,5}$",
    " ": r"^\D{0,5}[+-]?\d{1,3}( \d{3})+\D{0,5}$",
}


def find_marks(array: pa.Array, decimal: str) -> Repair | None:
    """Returns how a column's texts are numbers between marks; None if they are none, or numbers as they stand.

    Args:
        array: `pyarrow.Array` of shape `(N,)`, null where there is no value.
        decimal: string. The decimal mark of the other columns.
    """
    if not pa.types.is_string(array.type):
        return None
    present = array.drop_null()
    texts = present.unique()
    if len(texts) < MIN_DISTINCT:
        return None
    remove = tuple(mark for mark in MARKS if _share(texts, mark) >= MIN_MARKED)
    thousands = next((mark for mark, form in _GROUPED.items() if _any(texts, form)), None)
    if not remove and thousands is None:
        return None
    point = {",": ".", ".": ","}.get(thousands or "", decimal)
    marks = {"remove": _needed(texts, remove), "thousands": thousands, "decimal": None if point == decimal else point}
    repair = Repair.model_validate(marks)
    numbers = repair_numbers(texts, repair, decimal)
    is_fitting = 1 - numbers.is_unfit.mean() >= MIN_SHARE and len(numbers.texts.unique().drop_null()) >= MIN_DISTINCT
    return repair if is_fitting else None


def find_sentinel(numbers: np.ndarray) -> float | None:
    """Returns a number that stands for "no value" among those of a column: twice or more, and far from all others.

    Args:
        numbers: array of floats of shape `(N,)`, NaN where there is no value.
    """
    present = numbers[~np.isnan(numbers)]
    for sentinel in SENTINELS:
        others = present[present != sentinel]
        if len(others) < MIN_DISTINCT or len(present) - len(others) < 2:
            continue
        low, high = others.min(), others.max()
        if max(low - sentinel, sentinel - high) > max(high - low, 1.0):
            return sentinel
    return None


def _share(texts: pa.Array, mark: str) -> float:
    return float(pc.mean(pc.match_substring(texts, mark).cast(pa.float64())).as_py())


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _needed(texts: pa.Array, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the marks without those that are a part of a longer one wherever they occur: `$` of `US$`."""
    needed: list[str] = []
    for mark in sorted(marks, key=len, reverse=True):
        rest = texts
        for longer in needed:
            rest = pc.replace_substring(rest, longer, "")
        if pc.any(pc.match_substring(rest, mark)).as_py():
            needed.append(mark)
    return tuple(needed)
