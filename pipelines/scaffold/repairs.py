"""Which columns of a sample need a repair to be numbers or times, and what they are after it."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.repairs import repair_numbers
from ...components.example_gen.settings import Repair
from .dates import Dates, find_dates, read_dates
from .number_marks import SENTINELS, find_marks, find_sentinel
from .wording import Finding, say


@dataclasses.dataclass(frozen=True)
class FoundRepair:
    """How a column is to be read.

    Args:
        repair: `Repair`.
        values: `pyarrow.Array` of shape `(N,)`: timestamps or floats, null where there is no value or it does not fit.
        is_unfit: array of bools of shape `(N,)`. Which texts do not fit; their rows are quarantined.
        note: string. What is repaired, in words.
        question: string. What only a person knows of it; empty where nothing is open.
    """

    repair: Repair
    values: pa.Array
    is_unfit: np.ndarray
    note: str
    question: str = ""


def find_repairs(columns: Mapping[str, pa.Array], decimal: str, others: Collection[str]) -> dict[str, FoundRepair]:
    """Returns the repair of each column that needs one.

    Args:
        columns: mapping of name to `pyarrow.Array` of shape `(N,)`, null where there is no value.
        decimal: string. The decimal mark of the data.
        others: collection of strings. The columns of numbers with the other mark.
    """
    found = {name: find_repair(array, decimal, has_other_mark=name in others) for name, array in columns.items()}
    return {name: repair for name, repair in found.items() if repair}


def find_repair(
    array: pa.Array, decimal: str, *, has_other_mark: bool = False, numbers_only: bool = False
) -> FoundRepair | None:
    """Returns the repair that a column needs; None for others.

    Args:
        array: `pyarrow.Array` of shape `(N,)`, null where there is no value.
        decimal: string. The decimal mark of the data.
        has_other_mark: bool. Whether it holds numbers with the other mark. Defaults to False.
        numbers_only: bool. Whether dates are left as they are. Defaults to False.
    """
    if not pa.types.is_string(array.type):
        return None
    if not numbers_only and (dates := find_dates(array)):
        return _of_dates(array, dates)
    if marks := find_marks(array, decimal):
        removed = [say("without {marks}", marks=", ".join(map(repr, marks.remove)))] if marks.remove else []
        grouped = [say("{mark!r} between thousands", mark=marks.thousands)] if marks.thousands else []
        return _of_numbers(array, marks, decimal, say("is a number, {marks}", marks=_joined(removed + grouped)))
    if has_other_mark:
        mark = "." if decimal == "," else ","
        note = say(
            "is a number with {mark!r} as its decimal mark, where other columns have {decimal!r}",
            mark=mark,
            decimal=decimal,
        )
        return _of_numbers(array, Repair.model_validate({"decimal": mark}), decimal, note)
    if texts := _sentinel(array, decimal):
        note = say("{shown} is far from all other numbers and counts as missing", shown=", ".join(map(repr, texts)))
        return _of_numbers(array, Repair(missing_values=texts), decimal, note)
    return None


def _of_dates(array: pa.Array, dates: Dates) -> FoundRepair:
    times = read_dates(array, dates.time_format)
    note = say("is a time, written as {time_format!r}", time_format=dates.time_format)
    question = (
        say(
            "its dates fit {time_format!r} and {other!r} alike. The first is taken: is it right?",
            time_format=dates.time_format,
            other=dates.other,
        )
        if dates.other
        else ""
    )
    is_unfit = _mask(pc.and_(pc.is_valid(array), pc.is_null(times)))
    return FoundRepair(Repair(time_format=dates.time_format), times, is_unfit, note, question)


def _joined(parts: list[Finding]) -> Finding:
    return parts[0] if len(parts) == 1 else say("{one}, {other}", one=parts[0], other=parts[1])


def _of_numbers(array: pa.Array, repair: Repair, decimal: str, note: str) -> FoundRepair:
    repaired = repair_numbers(array, repair, decimal)
    return FoundRepair(repair, repaired.texts.cast(pa.float64()), repaired.is_unfit, note)


def _sentinel(array: pa.Array, decimal: str) -> tuple[str, ...]:
    """Returns the texts of a number that stands for "no value" in a column of numbers."""
    texts = {text for number in SENTINELS for text in (f"{number:g}", f"{number:.1f}".replace(".", decimal))}
    present = [text for text in array.unique().to_pylist() if text in texts]
    if not present:
        return ()
    numbers = repair_numbers(array, Repair(), decimal)
    if numbers.is_unfit.any():
        return ()
    sentinel = find_sentinel(numbers.texts.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return tuple(text for text in present if float(text.replace(decimal, ".")) == sentinel)


def _mask(array: pa.Array) -> np.ndarray:
    mask: np.ndarray = np.array(array.to_numpy(zero_copy_only=False), bool)
    return mask
