"""Labels that came after the predictions: late, for some of them, or corrected."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from ...errors import DataError, suggestion
from ..features import Problem
from ..fingerprints import SEPARATOR, as_text
from ..prediction_task import PredictionTask
from .columns import to_array, to_numbers
from .log import ID, ROW, LogFile, Problems, list_files, read_batches

ENDINGS = (".csv", ".parquet", ".jsonl", ".json", ".ndjson")
LABEL = "label"


@dataclasses.dataclass(frozen=True)
class Labels:
    """The newest label of each key.

    Args:
        key: string. The column by which they and the log's rows belong together: `"prediction_id"`, or one of the
            record's own.
        keys: `pyarrow.Array` of `M` distinct strings: ids, with the row behind them where `has_rows`.
        values: array `(M, ...)`. Class indices, or numbers.
        has_rows: bool. Whether `prediction_row` is part of the key.
        num_corrected: int. Rows that a later one of the same key replaced.
        num_invalid: int. Rows without a key, or whose label is none of the classes or no number.
    """

    key: str
    keys: pa.Array
    values: NDArray[Any]
    has_rows: bool = False
    num_corrected: int = 0
    num_invalid: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The log's columns that matching needs."""
        return (self.key, ROW) if self.key == ID else (self.key,)

    def match(self, table: pa.Table) -> tuple[NDArray[np.int64], int]:
        """Returns the place of each row's label, -1 for none, and how many rows cannot be told apart.

        The rows of a request of several can be told apart only by labels with `prediction_row`.
        """
        if self.key not in table.column_names:
            return np.full(table.num_rows, -1), 0
        ids = as_text(_whole(table, self.key))
        rows = _whole(table, ROW) if self.key == ID and ROW in table.column_names else None
        if self.has_rows and rows is not None:
            ids = pc.binary_join_element_wise(ids, as_text(rows), SEPARATOR)
        found = pc.index_in(ids, value_set=self.keys, skip_nulls=True).fill_null(-1)
        places: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
        if self.key != ID or self.has_rows or rows is None:
            return places, 0
        numbers = rows.fill_null(0).to_numpy(zero_copy_only=False)
        several = np.unique(places[(numbers > 0) & (places >= 0)])
        is_ambiguous = np.isin(places, several) & (places >= 0)
        return np.where(is_ambiguous, -1, places), int(is_ambiguous.sum())


def read_labels(uri: str, task: PredictionTask, key: str = "", problems: Problems | None = None) -> Labels:
    """Returns the labels of a file or folder; of several of one key the last one counts, files in order of their names.

    Args:
        uri: string. CSV, Parquet or JSON lines, as `log.list_files` takes them. One column is the label's own, or
            `label`; one the key; `prediction_row` may stand beside `prediction_id`.
        task: `PredictionTask`.
        key: string. The column of the key. Defaults to `prediction_id`, else the only other column.
        problems: `Problems`, to which files that cannot be read are added. Defaults to those of no one.

    Raises:
        DataError: if there is no such file, or it lacks a column.
    """
    noted = problems or Problems()
    parts = [part for file in list_files(uri, ENDINGS) for part in _read(file, task, key, noted)]
    if not parts:
        raise DataError(f"Expected labels in {uri}. Received: no file with a row. Name another file or folder.")
    names = {part.column_names[0] for part in parts}
    if len(names) > 1 or len({part.num_columns for part in parts}) > 1:
        raise DataError(
            f"Expected one key in all files of {uri}. Received: {', '.join(sorted(names))}. Name it by --key."
        )
    table = pa.concat_tables([part.rename_columns([str(i) for i in range(part.num_columns)]) for part in parts])
    has_rows = table.num_columns == 3
    keys = _whole(table, "0")
    if has_rows:
        keys = pc.binary_join_element_wise(keys, _whole(table, "2"), SEPARATOR)
    values, is_valid = _values(_whole(table, "1"), task)
    is_valid &= keys.is_valid().to_numpy(zero_copy_only=False)
    kept = np.flatnonzero(is_valid)
    encoded = keys.take(pa.array(kept)).dictionary_encode()
    last = np.zeros(len(encoded.dictionary), np.int64)
    last[encoded.indices.to_numpy(zero_copy_only=False)] = kept  # Of one place the last assignment stays.
    return Labels(
        key=names.pop(),
        keys=encoded.dictionary,
        values=values[last],
        has_rows=has_rows,
        num_corrected=len(kept) - len(last),
        num_invalid=int((~is_valid).sum()),
    )


def _read(file: LogFile, task: PredictionTask, key: str, problems: Problems) -> Sequence[pa.Table]:
    found = []
    if file.path.endswith(".csv"):
        try:
            tables = [_read_csv(file)]
        except (OSError, pa.ArrowException) as error:
            problems.files[file.path] = str(error).splitlines()[0][:200]
            return []
    else:
        tables = list(read_batches(file, None, problems))
    for table in tables:
        label, chosen = _columns(table.column_names, file.path, task, key)
        parts = {chosen: as_text(_whole(table, chosen)), label: _whole(table, label)}
        if chosen == ID and ROW in table.column_names:
            parts[ROW] = as_text(_whole(table, ROW))
        values = parts[label]
        if task.problem is Problem.CLASSIFICATION:
            parts[label] = as_text(values)
        elif not pa.types.is_list(values.type):
            parts[label] = _numbers(values)
        found.append(pa.table(parts))
    return found


def _read_csv(file: LogFile) -> pa.Table:
    """Returns the rows of a CSV file as they are written: the key `007` is not `7`."""
    with file.open() as stream:
        names = pyarrow.csv.open_csv(stream).schema.names
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    with file.open() as stream:
        return pyarrow.csv.read_csv(stream, convert_options=options)


def _columns(names: Sequence[str], path: str, task: PredictionTask, key: str) -> tuple[str, str]:
    label = next((name for name in (task.label.name, LABEL) if name in names), None)
    if label is None:
        raise DataError(
            f"Expected a column {task.label.name!r} or {LABEL!r} in {path}. Received: {', '.join(names)}."
            f"{suggestion(task.label.name, names)}"
        )
    others = [name for name in names if name not in (label, ROW)]
    chosen = key or (ID if ID in others else others[0] if len(others) == 1 else "")
    if chosen not in others:
        raise DataError(
            f"Expected a column in {path} by which its rows belong to those of the log: {key or ID}. Received: "
            f"{', '.join(others) or 'none'}. Name it by --key."
        )
    return label, chosen


def _numbers(values: pa.Array) -> pa.Array:
    """Returns values as numbers, null for those that are none."""
    try:
        return pc.cast(values, pa.float64())
    except pa.ArrowInvalid:
        return pa.array([_number(value) for value in values.to_pylist()], pa.float64())


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _values(column: pa.Array, task: PredictionTask) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    if task.problem is Problem.CLASSIFICATION:
        found = pc.index_in(column, value_set=pa.array(task.label.values), skip_nulls=True).fill_null(-1)
        classes = found.to_numpy(zero_copy_only=False).astype(np.int64)
        return classes, classes >= 0
    numbers = to_array(column) if pa.types.is_list(column.type) else to_numbers(column)
    return numbers, np.asarray(np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1))


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.array([], column.type)
    )
