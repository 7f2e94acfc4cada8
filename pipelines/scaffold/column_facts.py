"""What each column of a sample holds, for the summary and the profile page."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .column_inference import InferredColumn
from .wording import Finding, say

MAX_BARS = 20
MAX_WORDS = 12
TAIL = 0.005
DAY = 86_400
OTHERS = "\N{HORIZONTAL ELLIPSIS}"


@dataclasses.dataclass(frozen=True)
class Bar:
    """Rows with a value, or with one of an interval.

    Args:
        label: string. The value, or the start of the interval.
        num_rows: int.
        target: float or None. The mean label of the rows, or their share of the class that is shown; None for too few.
    """

    label: str
    num_rows: int
    target: float | None


@dataclasses.dataclass(frozen=True)
class ColumnFacts:
    """What a column holds.

    Args:
        column: `InferredColumn`.
        num_rows: int.
        num_missing: int.
        num_distinct: int.
        extent: string. The least and the largest value, or the most frequent words.
        bars: tuple of `Bar`: values or intervals in their order, or words, the most frequent first.
        is_number: bool. Whether the bars are numbers or times.
        score: float or None. The AUC or R² that the column alone reaches.
    """

    column: InferredColumn
    num_rows: int
    num_missing: int
    num_distinct: int
    extent: str
    bars: tuple[Bar, ...]
    is_number: bool
    score: float | None


def describe_columns(
    columns: Iterable[InferredColumn],
    values: Mapping[str, pa.Array],
    targets: np.ndarray,
    scores: Mapping[str, float],
) -> list[ColumnFacts]:
    """Returns what each column holds that has plain values.

    Args:
        columns: iterable of `InferredColumn`.
        values: mapping of name to `pyarrow.Array` of shape `(N,)`: times, floats or text, null where there is no value.
        targets: array of floats of shape `(N,)`: the label, or 1 for the class that is shown and 0 for the others; NaN
            where there is none.
        scores: mapping of column to the AUC or R² of it alone.
    """
    return [
        _describe(column, values[column.name], targets, scores.get(column.name))
        for column in columns
        if column.name in values
    ]


def _describe(column: InferredColumn, array: pa.Array, targets: np.ndarray, score: float | None) -> ColumnFacts:
    is_known = array.is_valid().to_numpy(zero_copy_only=False)
    present, targets = array.drop_null(), targets[is_known]
    distinct = present.unique()
    if pa.types.is_string(array.type):
        bars, is_number = _bars_of_words(present, targets), False
        extent = ", ".join(bar.label for bar in bars[:3] if bar.label != OTHERS)
    else:
        is_time = pa.types.is_timestamp(array.type)
        numbers = present.cast(pa.int64()).to_numpy() / 1e6 if is_time else present.to_numpy()
        bars, is_number = _bars_of_numbers(numbers, targets, len(distinct), is_time=is_time), True
        extent = _extent(numbers, is_time=is_time) if len(numbers) else ""
    return ColumnFacts(column, len(array), array.null_count, len(distinct), extent, tuple(bars), is_number, score)


def _extent(numbers: np.ndarray, *, is_time: bool) -> Finding:
    low, high = (_write(end, is_time=is_time) for end in (numbers.min(), numbers.max()))
    return say("{low} to {high}", low=low, high=high)


def _bars_of_words(present: pa.Array, targets: np.ndarray) -> list[Bar]:
    counts = sorted(pc.value_counts(present).to_pylist(), key=lambda count: (-count["counts"], count["values"]))
    words = [count["values"] for count in counts[:MAX_WORDS]]
    places = pc.index_in(present, pa.array(words, pa.string())).fill_null(len(words)).to_numpy(zero_copy_only=False)
    return _bars([*words, OTHERS] if len(counts) > MAX_WORDS else words, places, targets)


def _bars_of_numbers(numbers: np.ndarray, targets: np.ndarray, num_distinct: int, *, is_time: bool) -> list[Bar]:
    if not len(numbers):
        return []
    if num_distinct <= MAX_BARS:
        values, places = np.unique(numbers, return_inverse=True)
        return _bars([_write(value, is_time=is_time) for value in values], places, targets)
    low, high = np.quantile(numbers, [TAIL, 1 - TAIL])
    if low == high:
        low, high = numbers.min(), numbers.max()
    step = (high - low) / MAX_BARS
    if not is_time and (numbers == np.floor(numbers)).all():
        # As many whole numbers in each interval.
        low, step = np.floor(low), np.ceil((high - np.floor(low) + 1) / MAX_BARS)
    if is_time and step > DAY:
        low, step = np.floor(low / DAY) * DAY, np.ceil(step / DAY) * DAY
    edges = low + step * np.arange(MAX_BARS)
    edges = edges[edges <= high]
    # What lies outside, a hundredth of the rows, stands at the ends.
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 1)
    return _bars([_write(edge, is_time=is_time) for edge in edges], places, targets)


def _bars(labels: Sequence[str], places: np.ndarray, targets: np.ndarray) -> list[Bar]:
    counts = np.bincount(places, minlength=len(labels))
    is_known = ~np.isnan(targets)
    num_known = np.bincount(places[is_known], minlength=len(labels))
    sums = np.bincount(places[is_known], weights=targets[is_known], minlength=len(labels))
    return [
        Bar(label, int(count), float(total / known) if known else None)
        for label, count, known, total in zip(labels, counts, num_known, sums, strict=False)
    ]


def _write(number: float, *, is_time: bool) -> str:
    if not is_time:
        return f"{number:.4g}" if abs(number) < 10_000 else f"{number:,.0f}"
    time = datetime.datetime.fromtimestamp(float(number), datetime.UTC)
    return time.strftime("%Y-%m-%d" if number % DAY == 0 else "%Y-%m-%d %H:%M")
