"""Labelled rows to learn from: what was logged when predictions were made, with the labels that came later.

`spans/<day>/labelled.parquet` holds the rows of a day (days since 1970-01-01 UTC, as TFX counts spans) by the time of
their prediction, in the columns of the records, so that the ingest reads them as they are. Labels come from the file of
labels alone; no prediction becomes a label.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from ...errors import ConfigurationError, DataError, StoreError
from ..drift_monitor.labels import Labels
from ..drift_monitor.log import ID, ROW, TIME, Problems, list_files, read_batches
from ..features import Problem
from ..prediction_task import PredictionTask
from .objects import open_objects

SPANS = "spans"
FILE = "labelled.parquet"

_PREFIX = "prediction_"
_KEPT = (ID, ROW, TIME)


class LabelledRows:
    """The labelled rows of a pipeline.

    Args:
        uri: string. A folder, or `gs://`, `s3://`, `minio://` with a bucket and a folder.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._objects = open_objects(self.uri)

    def count(self) -> int:
        """Returns the number of all rows."""
        return sum(
            pyarrow.parquet.read_metadata(io.BytesIO(self._objects.read(name))).num_rows for name in self._names()
        )

    def add(self, log_uri: str, labels: Labels, task: PredictionTask) -> int:
        """Adds the rows of a log whose labels are known, and returns the number of all rows.

        A row that is there already is replaced: its label may have been corrected. Each file is complete or absent.

        Args:
            log_uri: string. As `drift_monitor.log.list_files` takes it.
            labels: `Labels`.
            task: `PredictionTask`.

        Raises:
            ConfigurationError: if the label is a cut of a column, which no label tells.
            DataError: if the log has no row of the labels, or hashed features.
            StoreError: if the rows cannot be written.
        """
        if task.label.cut_of:
            raise ConfigurationError(
                f"Expected a label that records hold as it is. Received: {task.label.name}, a cut of "
                f"{task.label.cut_of}. Retrain on records that have {task.label.cut_of}."
            )
        by_span: dict[int, list[pa.Table]] = {}
        for table in _labelled(log_uri, labels, task):
            days = pc.cast(pc.cast(table[TIME], pa.timestamp("us", "UTC")), pa.int64()).to_numpy() // 86_400_000_000
            for day in np.unique(days):
                by_span.setdefault(int(day), []).append(table.filter(pa.array(days == day)))
        for day, tables in sorted(by_span.items()):
            self._write(day, tables)
        return self.count()

    def newest(self, since_microseconds: int) -> pa.Table:
        """Returns the rows that were predicted since a time, in microseconds since 1970-01-01 UTC."""
        first = since_microseconds // 86_400_000_000
        tables = [
            pyarrow.parquet.read_table(io.BytesIO(self._objects.read(name)))
            for name in self._names()
            if int(name.split("/")[1]) >= first
        ]
        if not tables:
            return pa.table({})
        table = pa.concat_tables(tables, promote_options="permissive")
        times = pc.cast(pc.cast(table[TIME], pa.timestamp("us", "UTC")), pa.int64())
        return table.filter(pc.greater_equal(times, since_microseconds))

    def write_newest(self, number: int, rows: pa.Table) -> str:
        """Writes the rows on which the champion and the candidate of a run are compared, and returns their URI."""
        name = f"_newest/{number:06d}/{FILE}"  # The ingest takes nothing below such names for records.
        self._put(name, rows)
        return f"{self.uri}/{name}"

    def _names(self) -> list[str]:
        return [name for name in self._objects.list(SPANS) if name.endswith(f"/{FILE}")]

    def _write(self, day: int, tables: Sequence[pa.Table]) -> None:
        name = f"{SPANS}/{day}/{FILE}"
        if name in self._names():
            tables = [pyarrow.parquet.read_table(io.BytesIO(self._objects.read(name))), *tables]
        table = pa.concat_tables(tables, promote_options="permissive")
        keys = list(zip(table[ID].to_pylist(), table[ROW].to_pylist(), strict=True))
        last = {key: place for place, key in enumerate(keys)}
        self._put(name, table.take(pa.array(sorted(last.values()))))

    def _put(self, name: str, rows: pa.Table) -> None:
        stream = io.BytesIO()
        pyarrow.parquet.write_table(rows, stream)
        try:
            self._objects.write(name, stream.getvalue())
        except Exception as error:
            raise StoreError(
                f"Expected to write {self.uri}/{name}. Received: {type(error).__name__}: {error}. Check "
                "retrain.labelled, the rights, and the credentials in the environment."
            ) from error


def _labelled(log_uri: str, labels: Labels, task: PredictionTask) -> Iterator[pa.Table]:
    problems = Problems()
    for file in list_files(log_uri):
        for table in read_batches(file, None, problems):
            if TIME not in table.column_names or ID not in table.column_names:
                continue
            places, _ = labels.match(table)
            is_found = places >= 0
            if not is_found.any():
                continue
            found = table.filter(pa.array(is_found))
            _require_values(found, task)
            names = [name for name in found.column_names if name in _KEPT or not name.startswith(_PREFIX)]
            found = found.select([name for name in names if name != task.label.name])
            if ROW not in found.column_names:
                found = found.append_column(ROW, pa.array(np.zeros(found.num_rows, np.int64)))
            yield found.append_column(task.label.name, _values(labels.values[places[is_found]], task))


def _require_values(table: pa.Table, task: PredictionTask) -> None:
    missing = [name for name in task.features if name not in table.column_names]
    if missing:
        raise DataError(
            f"Expected the prediction log to hold the model's features. Received: no {', '.join(missing[:5])}. Log "
            "without --prediction_log_drop, or train on records that have them."
        )


def _values(values: Any, task: PredictionTask) -> pa.Array:
    if task.problem is Problem.CLASSIFICATION:
        return pa.array(np.asarray(task.label.values, object)[values], pa.string())
    return pa.array(values.tolist())
