"""Columns as they are read to columns of the types of `tf.Example`, and what does not fit."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError
from ..fingerprints import as_text
from ..times import have_offset, to_times
from .repairs import repair_numbers, repair_words
from .settings import Bins, Column, ColumnType, IngestSpec, Repair, describe_values
from .tables import Rejection, blank, plain_values
from .typed_tables import plain

ARROW_TYPES = {ColumnType.INT64: pa.int64(), ColumnType.FLOAT32: pa.float32(), ColumnType.STRING: pa.string()}
MAX_SHOWN_CHARACTERS = 60

# What the fast casts and the careful ones read alike.
_SIMPLE_INTEGER = r"^-?\d{1,18}$"
_SIMPLE_NUMBER = r"^-?\d{1,15}(\.\d{1,30})?$"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+[.,]\d+", re.ASCII)
_MAX_EXACT = 2**53
_EXACT_CHARACTERS = 15


Problem = tuple[np.ndarray, Callable[[object], str]]
"""Which records do not fit, and the reason of one by its value."""


@dataclass(frozen=True)
class _Typed:
    """A column of its type, null where a text does not fit, and the reason of a record at which it does not."""

    array: pa.Array
    bad: np.ndarray | None
    reason: Callable[[object], str]


@dataclass(frozen=True)
class TypedColumn:
    """A column of single values with its type.

    Args:
        array: `pyarrow.Array`, null where a value is missing or does not fit.
        problems: list of `Problem`.
        num_repaired: int. Values that a `Repair` changed.
    """

    array: pa.Array
    problems: list[Problem]
    num_repaired: int


class Converter:
    """Gives the columns of record batches their types.

    Args:
        spec: `IngestSpec`.
    """

    def __init__(self, spec: IngestSpec) -> None:
        self._columns = spec.columns
        self._required = {name for name, column in self._columns.items() if column.required} | {spec.label.name}
        if spec.split.key:
            self._required.add(spec.split.key)
        self._values = {
            name: pa.array(column.values, ARROW_TYPES[column.type])
            for name, column in self._columns.items()
            if column.values
        }
        self._decimal = spec.decimal
        self._missing_values = spec.missing_values
        # A time key's first time with an offset from UTC, and its first without.
        self._examples: dict[bool, str] = {}
        self._label = spec.label.name
        self._label_values = spec.label.values
        self._repairs = spec.repairs
        self.num_repaired: Counter[str] = Counter()
        self._time_key = spec.split.key if spec.split.method == "time" else None

    def convert(self, batch: pa.RecordBatch, start: int) -> tuple[pa.RecordBatch, list[Rejection]]:
        """Returns the columns with their types, and the records that do not fit, each with its first reason.

        Args:
            batch: `pyarrow.RecordBatch` with a table's columns as text or typed.
            start: int. Index of its first record in the table.
        """
        arrays = []
        rejections: dict[int, Rejection] = {}
        for name, column in self._columns.items():
            raw = batch.column(name)
            with plain_values(name):
                array, problems = self._convert_column(name, column, raw)
            arrays.append(array)
            for bad, reason in problems:
                for row in np.flatnonzero(bad).tolist():
                    if row not in rejections:
                        rejections[row] = Rejection(start + row, name, reason(raw[row].as_py()))
        typed = pa.RecordBatch.from_arrays(arrays, names=list(self._columns))
        return typed, [rejections[row] for row in sorted(rejections)]

    def _convert_column(self, name: str, column: Column, raw: pa.Array) -> tuple[pa.Array, list[Problem]]:
        if column.steps is not None:
            return self._convert_sequence(name, column, column.steps, raw)
        typed = type_column(name, raw, column.type, self._repairs.get(name), self._decimal)
        if typed.num_repaired:
            self.num_repaired[name] += typed.num_repaired
        array, problems = typed.array, typed.problems
        if name in self._required and array.null_count:
            problems.append((_mask(pc.is_null(array)), lambda _: "no value"))
        if name in self._values:
            outside = pc.invert(pc.is_in(array, self._values[name]))
            allowed = describe_values(column.values)
            problems.append(
                (_mask(pc.and_(outside, pc.is_valid(array))), lambda value: f"{_show(value)} is not one of {allowed}")
            )
        if name == self._label and self._label_values:
            unknown = pc.invert(pc.is_in(as_text(array), pa.array(self._label_values, pa.string())))
            classes = describe_values(self._label_values)
            problems.append((_mask(unknown), lambda value: f"unknown label {_show(value)}, expected one of {classes}"))
        if name == self._time_key and array.type == pa.string():
            no_time = _mask(pc.is_null(to_times(array)))
            problems.append((no_time, lambda value: f"{_show(value)} is no time such as 2024-01-31"))
            self._check_offsets(array.filter(pa.array(~no_time)))
        return array, problems

    def _convert_sequence(self, name: str, column: Column, steps: int, raw: pa.Array) -> tuple[pa.Array, list[Problem]]:
        """Returns the lists of exactly `steps` values, padded at the front, and what does not fit."""
        kind = raw.type
        if pa.types.is_null(kind):
            raw = raw.cast(pa.list_(pa.string()))
        elif not _is_list(kind):
            raise DataError(
                f"Expected the sequence {name!r} to hold lists. Received: {kind}. A cell of a CSV file is one value: "
                "write a Parquet file with a column of lists, or set `data.reader` to a function that yields one."
            )
        lengths = pc.list_value_length(raw).fill_null(0).to_numpy().astype(np.int64)
        values = plain(raw.flatten())
        if values.type == pa.string():
            values = blank(values, self._missing_values)
        is_text = column.type is ColumnType.STRING
        typed = _to_type(name, values, ColumnType.STRING if is_text else ColumnType.FLOAT32)
        rows = np.repeat(np.arange(len(raw)), lengths)

        def holding(is_bad: np.ndarray) -> np.ndarray:
            return np.bincount(rows[is_bad], minlength=len(raw)) > 0

        fewest = steps if column.min_steps is None else column.min_steps
        is_absent = _mask(pc.is_null(raw))
        expected = f"{steps}" if fewest == steps else f"{fewest} to {steps}"
        problems: list[Problem] = [
            (
                ~is_absent & ((lengths < fewest) | (lengths > steps)),
                lambda value: f"{_length(value)} values, expected {expected}",
            )
        ]
        if typed.bad is not None:
            problems.append(
                (holding(typed.bad), lambda value: f"{_show(value)} holds a value that is no finite number")
            )
        if name in self._required:
            problems.append((is_absent, lambda _: "no value"))
        if name == self._label:
            missing = _mask(pc.is_null(typed.array))
            problems.append((holding(missing), lambda value: f"a value is missing in {_show(value)}"))
        # The last values are the newest: the n-th of a list of L stands at step `steps` - L + n.
        starts = np.cumsum(lengths) - lengths
        places = np.arange(len(rows)) - starts[rows] + steps - lengths[rows]
        fits = places >= 0
        filler = pa.scalar("" if is_text else math.nan, typed.array.type)
        source = np.full(len(raw) * steps, len(values), np.int64)
        source[rows[fits] * steps + places[fits]] = np.flatnonzero(fits)
        padded = pa.concat_arrays([typed.array.fill_null(filler), pa.array([filler.as_py()], typed.array.type)])
        return pa.FixedSizeListArray.from_arrays(padded.take(pa.array(source)), steps), problems

    def _check_offsets(self, times: pa.Array) -> None:
        """Checks that all times of the split's key have an offset from UTC, or none.

        Raises:
            DataError: if one has and another has not.
        """
        with_offset = have_offset(times)
        for has_offset in (True, False):
            some = times.filter(with_offset if has_offset else pc.invert(with_offset))
            if len(some):
                self._examples.setdefault(has_offset, some[0].as_py())
        if len(self._examples) > 1:
            raise DataError(
                f"Expected all times of {self._time_key!r} with an offset from UTC, or all without. Received: "
                f"{self._examples[True]!r} and {self._examples[False]!r}. Write them alike: which is later is unknown."
            )


def type_column(
    name: str, raw: pa.Array, type_: ColumnType, repair: Repair | None = None, decimal: str = "."
) -> TypedColumn:
    """Returns a column of single values with its type, and which records do not fit.

    Args:
        name: string. Of the column.
        raw: `pyarrow.Array` as read.
        type_: `ColumnType`.
        repair: `Repair` or None. How its texts are read.
        decimal: string. The decimal mark of numbers in text.

    Raises:
        DataError: if the column is nested.
    """
    is_number = type_ is not ColumnType.STRING
    problems: list[Problem] = []
    num_repaired = 0
    if repair and raw.type == pa.string():
        repaired = repair_numbers(raw, repair, decimal) if is_number else repair_words(raw, repair)
        num_repaired = repaired.num_changed
        problems.append((repaired.is_unfit, _no_time(repair.time_format) if repair.time_format else _no_number))
        raw = repaired.texts
    elif is_number:
        raw = _with_points(raw, decimal)
    typed = _to_type(name, raw, type_)
    if typed.bad is not None:
        problems.append((typed.bad, lambda value: typed.reason(value) + _decimal_hint(value, decimal)))
    return TypedColumn(typed.array, problems, num_repaired)


def to_text(name: str, raw: pa.Array) -> pa.Array:
    """Returns a column as text whatever its type.

    Raises:
        DataError: if it is nested.
    """
    return _to_type(name, raw, ColumnType.STRING).array


def to_exact_text(name: str, raw: pa.Array, type_: ColumnType, decimal: str) -> pa.Array:
    """Returns the text of values as their file has them: `3` and `3.0` have the same, and no digit is rounded.

    Args:
        name: string. Of the column.
        raw: `pyarrow.Array` as read.
        type_: `ColumnType`. As a number, `3.0` is `3`.
        decimal: string. The decimal mark of numbers in text.
    """
    if _is_list(raw.type):
        with plain_values(name):
            return as_text(raw)
    text = to_text(name, raw)
    if raw.type != pa.string() or type_ is ColumnType.STRING:
        return text
    number = _parse_carefully(_with_points(text, decimal), pa.float64(), _SIMPLE_NUMBER, _parse_float, _show).array
    # A float64 is exact for so many digits.
    is_short = pc.less_equal(pc.utf8_length(text), _EXACT_CHARACTERS)
    return pc.if_else(pc.and_(is_short, pc.is_valid(number)), as_text(number), text)


def add_bins(batch: pa.RecordBatch, bins: Mapping[str, Bins]) -> pa.RecordBatch:
    """Returns the batch with a string column for each of the bins."""
    for name, column_bins in bins.items():
        column = batch.column(column_bins.column)
        edges = [f"{edge:.15g}" for edge in column_bins.edges]
        between = [f"{low}-<{high}" for low, high in itertools.pairwise(edges)]
        names = pa.array([f"<{edges[0]}", *between, f">={edges[-1]}"])
        # A float32 edge, as the values are: .1 lies on the edge .1.
        dtype = np.float32 if pa.types.is_floating(column.type) else np.float64
        places = np.digitize(column.fill_null(0).to_numpy().astype(dtype), np.asarray(column_bins.edges, dtype))
        indices = pa.array(places, pa.int64(), mask=_mask(pc.is_null(column)))
        batch = batch.append_column(name, names.take(indices))
    return batch


def _to_type(name: str, raw: pa.Array, target: ColumnType) -> _Typed:
    kind = raw.type
    if pa.types.is_null(kind):
        return _Typed(raw.cast(ARROW_TYPES[target]), None, _show)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if target is ColumnType.STRING:
            return _Typed(raw.cast(pa.string()), None, _show)
        raw = pc.cast(raw, pa.timestamp("us", tz=getattr(kind, "tz", None))).cast(pa.int64())
        raw = pc.divide(raw.cast(pa.float64(), safe=False), 1e6)
        raw = raw if target is ColumnType.FLOAT32 else pc.floor(raw)
    elif pa.types.is_boolean(kind):
        raw = raw.cast(pa.int64())
    elif pa.types.is_decimal(kind):
        raw = raw.cast(pa.string())
    kind = raw.type
    if not (kind == pa.string() or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise DataError(
            f"Expected the column {name!r} to hold numbers or text. Received: {kind}. Make it a plain column, "
            "or take it out of the configuration and the schema."
        )
    if pa.types.is_floating(kind):
        # What pandas writes for "no value".
        raw = pc.if_else(pc.is_nan(raw), pa.scalar(None, kind), raw)
    if target is ColumnType.STRING:
        return _Typed(as_text(raw), None, _show)
    if target is ColumnType.INT64:
        return _to_int64(raw)
    return _to_float32(raw)


def _to_int64(raw: pa.Array) -> _Typed:
    try:
        # The cast of a text would take "0x1F" as 31.
        if raw.type != pa.string() or not pc.any(pc.match_substring(raw, "x", ignore_case=True)).as_py():
            return _Typed(pc.cast(raw, pa.int64()), None, _no_integer)
    except pa.ArrowInvalid:
        pass
    text = as_text(raw)
    return _parse_carefully(text, pa.int64(), _SIMPLE_INTEGER, _parse_int, _no_integer)


def _to_float32(raw: pa.Array) -> _Typed:
    # By way of float64, as a served request's numbers come, so that both round alike.
    bad = None
    try:
        wide = pc.cast(raw, pa.float64(), safe=raw.type == pa.string())
    except pa.ArrowInvalid:
        typed = _parse_carefully(raw, pa.float64(), _SIMPLE_NUMBER, _parse_float, _no_number)
        wide, bad = typed.array, typed.bad
    narrow = pc.cast(wide, pa.float32(), safe=False)
    infinite = _mask(pc.invert(pc.is_finite(narrow)).fill_null(False))
    if infinite.any():
        bad = infinite if bad is None else bad | infinite
        narrow = pc.if_else(pa.array(infinite), pa.scalar(None, pa.float32()), narrow)
    return _Typed(narrow, bad, _no_number)


def _parse_carefully(
    text: pa.Array,
    kind: pa.DataType,
    simple: str,
    parse: Callable[[str], int | float | None],
    reason: Callable[[object], str],
) -> _Typed:
    """Casts the simple texts at once and parses the others one by one."""
    is_simple = pc.match_substring_regex(text, simple)
    array = pc.cast(pc.if_else(is_simple, text, pa.scalar(None, pa.string())), kind)
    rest = _mask(pc.invert(is_simple).fill_null(False))
    parsed = [parse(value) for value in text.filter(pa.array(rest)).to_pylist()]
    array = pc.replace_with_mask(array, pa.array(rest), pa.array(parsed, kind))
    bad = np.zeros(len(text), bool)
    bad[np.flatnonzero(rest)] = [value is None for value in parsed]
    return _Typed(array, bad, reason)


def _parse_int(text: str) -> int | None:
    number = text.strip()
    if not _NUMBER.fullmatch(number):
        return None
    try:
        value = int(number)
    except ValueError:
        wide = float(number)
        if not math.isfinite(wide) or wide != math.trunc(wide) or abs(wide) > _MAX_EXACT:
            return None
        value = int(wide)
    return value if -(2**63) <= value < 2**63 else None


def _parse_float(text: str) -> float | None:
    number = text.strip()
    value = float(number) if _NUMBER.fullmatch(number) else math.inf
    return value if math.isfinite(value) else None


def _no_integer(value: object) -> str:
    return f"{_show(value)} is no whole number"


def _no_time(time_format: str) -> Callable[[object], str]:
    return lambda value: f"{_show(value)} is no time of the format {time_format!r}"


def _no_number(value: object) -> str:
    return f"{_show(value)} is no finite number"


def _with_points(raw: pa.Array, decimal: str) -> pa.Array:
    """Returns texts with decimal points in place of `decimal`; a text that has a point is made no number."""
    if decimal == "." or raw.type != pa.string():
        return raw
    return pc.replace_substring(pc.replace_substring(raw, ".", decimal * 2), decimal, ".")


def _decimal_hint(value: object, decimal: str) -> str:
    other = "." if decimal == "," else ","
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value.strip()) or other not in value:
        return ""
    return f" (`data.decimal` is {decimal!r}: write {decimal!r}, or set it to {other!r})"


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."


def _mask(array: pa.Array) -> np.ndarray:
    mask: np.ndarray = np.asarray(array.to_numpy(zero_copy_only=False), bool)
    return mask
