"""What a column is, as far as its values show. A column

- without a value, with one value, or of nested values is no input;
- of numbers is boolean if they are 0 and 1; categorical if they are whole and at most `MAX_CODES` different ones, each
  with `ROWS_A_VALUE` rows on average; no input if they are whole, all different, and in ascending or descending
  order or under a name that ends in "id"; else numeric. Digits with a leading zero are text;
- of dates or times is a time, and so is one of whole numbers all of which are seconds or milliseconds since 1970 in
  the years from 2001 to 2034;
- of text is categorical if they are at most `MAX_WORDS` different ones, each with `ROWS_A_VALUE` rows on
  average; else no input.

What few whole numbers are, levels with an order or counts, `examination` finds.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable

import pyarrow as pa

from ...components.example_gen.convert import to_text
from ...components.example_gen.settings import ColumnType, describe_values
from ...components.features import FeatureKind
from .number_texts import MAX_CODES
from .wording import say

MAX_WORDS = 1000
ROWS_A_VALUE = 5
NEARLY_ALL = 0.95
FREE_TEXT_WORDS = 4
EPOCHS = {"seconds since 1970": (1.0e9, 2.05e9), "milliseconds since 1970": (1.0e12, 2.05e12)}
"""By unit the numbers that are times: from 2001 to 2034."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"0\d+")
ID_NAME = re.compile(r"(?:(?:^|_)id|Id|ID)$")


@dataclasses.dataclass(frozen=True)
class InferredColumn:
    """A column as the sample shows it.

    Args:
        name: string. Identifier.
        original_name: string. Name in the file.
        type: `ColumnType` or None where the column holds no plain values.
        kind: `FeatureKind` or None for a column that is no input.
        required: bool. Whether every row of the sample has a value.
        values: tuple of strings. The values of a categorical text column, sorted.
        reason: string. Why the column is no input; empty for an input.
        basis: string. Why an input is of its kind, where its values alone do not say it.
    """

    name: str
    original_name: str
    type: ColumnType | None
    kind: FeatureKind | None
    required: bool = True
    values: tuple[str, ...] = ()
    reason: str = ""
    basis: str = ""


def infer_column(name: str, original_name: str, array: pa.Array) -> InferredColumn:
    """Returns what a column is, by the rules of this module.

    Args:
        name: string. Identifier.
        original_name: string. Name in the file.
        array: `pyarrow.Array` of its values as a table yields them, null where there is none.
    """
    return _infer_values(InferredColumn(name, original_name, None, None, required=not array.null_count), array)


def infer_text(name: str, original_name: str, array: pa.Array, written: str) -> InferredColumn:
    """Returns what a column of text is whose numbers the ingest cannot read.

    Args:
        name: string. Identifier.
        original_name: string. Name in the file.
        array: `pyarrow.Array` of text.
        written: string. How the numbers are written, the reason of a column that is no input.
    """
    column = InferredColumn(name, original_name, ColumnType.STRING, None, required=not array.null_count)
    present = array.drop_null()
    column = _infer_words(column, present.unique().to_pylist(), len(present))
    return column if column.kind else dataclasses.replace(column, reason=written)


def widen(column: InferredColumn) -> InferredColumn:
    """Returns a column that later rows are likely to fit: numbers with fractions, other texts, values missing."""
    is_count = column.kind is FeatureKind.NUMERIC and column.type is ColumnType.INT64
    kind = ColumnType.FLOAT32 if is_count else column.type
    return dataclasses.replace(column, type=kind, required=False, values=())


def holds_plain_values(kind: pa.DataType) -> bool:
    """Returns whether a column of this type holds numbers, times or text, or nothing at all."""
    return bool(
        kind in (pa.string(), pa.null())
        or pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    )


def are_numbers(texts: Iterable[str]) -> bool:
    """Returns whether every text is a finite decimal number."""
    return all(_NUMBER.fullmatch(text.strip()) for text in texts)


def _infer_values(column: InferredColumn, array: pa.Array) -> InferredColumn:
    kind, name = array.type, column.name
    if pa.types.is_nested(kind):
        return dataclasses.replace(column, reason=say("holds nested values ({kind})", kind=kind))
    if not holds_plain_values(kind):
        return dataclasses.replace(column, reason=say("holds neither numbers nor text ({kind})", kind=kind))
    present = array.drop_null()
    distinct = present.unique()
    if not len(distinct):
        return dataclasses.replace(column, reason=say("has no value"))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = dataclasses.replace(column, type=ColumnType.INT64, kind=FeatureKind.TIME)
    else:
        texts = to_text(name, distinct).to_pylist()
        are_words = kind == pa.string() and (not are_numbers(texts) or any(map(_has_leading_zero, texts)))
        if are_words:
            column = _infer_words(column, texts, len(present))
        else:
            column = _infer_numbers(column, texts, len(present), pa.types.is_floating(kind))
    if len(distinct) == 1:
        return dataclasses.replace(
            column, kind=None, values=(), reason=say("is always {shown!r}", shown=to_text(name, distinct)[0].as_py())
        )
    return column


def _has_leading_zero(text: str) -> bool:
    return bool(_LEADING_ZERO.fullmatch(text.strip()))


def _infer_numbers(column: InferredColumn, texts: list[str], num_values: int, is_floating: bool) -> InferredColumn:
    """Returns the column of numbers whose different texts, in the order of the file, are given."""
    numbers = list(dict.fromkeys(float(text) for text in texts))
    if not all(map(math.isfinite, numbers)):
        return dataclasses.replace(column, type=ColumnType.FLOAT32, reason=say("holds infinite numbers"))
    are_whole = all(number.is_integer() and abs(number) < 2**53 for number in numbers)
    if are_whole and set(numbers) == {0, 1}:
        return dataclasses.replace(column, type=ColumnType.INT64, kind=FeatureKind.BOOLEAN)
    if are_whole and len(numbers) <= MAX_CODES and num_values >= ROWS_A_VALUE * len(numbers):
        return dataclasses.replace(column, type=ColumnType.INT64, kind=FeatureKind.CATEGORICAL)
    is_integer = are_whole and not is_floating and all(text.strip().lstrip("+-").isdigit() for text in texts)
    column = dataclasses.replace(column, type=ColumnType.INT64 if is_integer else ColumnType.FLOAT32)
    for unit, (first, last) in EPOCHS.items():
        if is_integer and len(numbers) > MAX_CODES and first <= min(numbers) and max(numbers) <= last:
            return dataclasses.replace(column, kind=FeatureKind.TIME, basis=say(unit))
    if is_integer and column.required and len(numbers) == num_values:
        steps = {low < high for low, high in itertools.pairwise(numbers)}
        if len(steps) == 1:
            return dataclasses.replace(column, reason=say("a row number: all different, in order"))
    if are_whole and ID_NAME.search(column.name) and len(numbers) >= NEARLY_ALL * num_values:
        if len(numbers) == num_values:
            return dataclasses.replace(column, reason=say("an identifier: different in every row"))
        return dataclasses.replace(column, reason=say("an identifier: different in nearly every row"))
    return dataclasses.replace(column, kind=FeatureKind.NUMERIC)


def _infer_words(column: InferredColumn, texts: list[str], num_values: int) -> InferredColumn:
    column = dataclasses.replace(column, type=ColumnType.STRING)
    if len(texts) == num_values:
        return dataclasses.replace(column, reason=say("an identifier: different in every row"))
    if len(texts) > MAX_WORDS or num_values < ROWS_A_VALUE * len(texts):
        others = [text for text in texts if not are_numbers([text])]
        numbers: str = ""
        if 2 * len(others) < len(texts):
            numbers = say(", most of them numbers, but not {others}", others=describe_values(others, 3))
        free = say(", free text") if sum(len(text.split()) for text in texts) >= FREE_TEXT_WORDS * len(texts) else ""
        reason = say(
            "has {num} different texts in {num_values} rows{free}{numbers}",
            num=len(texts),
            num_values=num_values,
            free=free,
            numbers=numbers,
        )
        return dataclasses.replace(column, reason=reason)
    return dataclasses.replace(column, kind=FeatureKind.CATEGORICAL, values=tuple(sorted(texts)))
