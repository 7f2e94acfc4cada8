"""Scores parts: what each worker process does, here or on a Beam worker. A part comes to the same wherever it runs."""

import csv
import functools
import io
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import MAX_FAILURES_SHOWN, UsageError
from ...model_store.tree_table import TREES_FILE, TreeTable
from ...serving.contract import Array, Feature
from ...serving.errors import RequestError
from ...serving.limits import Limits
from ...serving.model_metadata import read_features, read_metadata
from ...serving.tables import CheckedTable, TableChecker
from ...serving.trees import Predict, TreePredictor
from ..example_gen.convert import type_column
from ..example_gen.settings import ColumnType, ReadSettings
from ..example_gen.tables import Quarantined
from ..example_gen.typed_tables import plain
from ..fingerprints import as_text
from .outputs import open_writer, prediction_columns
from .places import open_place
from .plan import Part, Plan, Receipt
from .read import Chunk, ChunkReader
from .trees_check import quiet

GRAPH_ROWS = 8192
"""Rows that a SavedModel's graph predicts at once."""
RECEIPT_SUFFIX = ".json"
REJECTED_SUFFIX = ".rejected.csv"

_plan: Plan | None = None


class Scorer:
    """Scores the parts of a plan.

    Args:
        plan: `Plan`.

    Raises:
        ModelError: if the model cannot be loaded.
    """

    def __init__(self, plan: Plan) -> None:
        path = Path(plan.model)
        metadata = read_metadata(path)
        self._plan = plan
        self._labels = tuple(metadata.get("labels", ()))
        self._features = read_features(path, metadata)
        self._checker = TableChecker(self._features, Limits().max_string_bytes)
        self._reader = ChunkReader(plan.read, self._features)
        self._predict = _load(path, plan, self._labels)

    def score(self, part: Part) -> Receipt:
        """Reads, checks and scores a part, writes it, and then its receipt.

        Raises:
            DataError: if the part cannot be read.
            UsageError: if a column of the records has the name of one of the prediction.
            OSError: if it cannot be written.
            StoreError: if a bucket cannot be read or written.
        """
        folder = open_place(self._plan.parts)
        rejected: list[Quarantined] = []
        num_rows, names = 0, tuple[str, ...]()
        with (
            folder.child(part.name + self._plan.suffix).writing() as stream,
            open_writer(stream, self._plan.suffix) as write,
        ):
            for chunk in self._reader.chunks(part):
                rejected += chunk.unread
                if not chunk.num_rows:
                    continue
                table, failed = self._score(chunk, part)
                rejected += failed
                num_rows += table.num_rows
                if table.num_rows:
                    names = tuple(table.column_names)
                    write(table)
        if rejected:
            folder.child(part.name + REJECTED_SUFFIX).write(_as_csv(rejected))
        shown = tuple(_shown(each) for each in rejected[:MAX_FAILURES_SHOWN])
        receipt = Receipt(part.number, part.source.name, num_rows, len(rejected), names, shown)
        folder.child(part.name + RECEIPT_SUFFIX).write(receipt.to_json())
        return receipt

    def _score(self, chunk: Chunk, part: Part) -> tuple[pa.Table, list[Quarantined]]:
        columns, failures = _typed(chunk.columns, self._features, self._plan.read)
        is_rejected = np.zeros(chunk.num_rows, bool)
        is_rejected[list(failures)] = True
        checked = self._checker.check(columns, is_rejected)
        outputs, failed = _predicted(self._predict, checked)
        kept = np.flatnonzero(checked.fits)
        reasons = {**failures, **checked.failures}
        reasons |= {int(kept[row]): ("", "the model fails on it") for row in failed}
        if failed:
            kept = np.delete(kept, failed)
        lines = chunk.places() if reasons or not self._plan.key else None
        quarantined = [
            Quarantined(part.source.name, int(lines[row]), *reasons[row], chunk.record(row))
            for row in sorted(reasons)
            if lines is not None
        ]
        return self._table(chunk, part, columns, kept, lines, outputs), quarantined

    def _table(
        self,
        chunk: Chunk,
        part: Part,
        columns: Mapping[str, pa.Array],
        kept: Array,
        lines: Array | None,
        outputs: Mapping[str, Array],
    ) -> pa.Table:
        def some(column: pa.Array) -> pa.Array:
            return column if len(kept) == len(column) else column.take(pa.array(kept))

        table: dict[str, pa.Array] = {}
        for column, name in self._plan.key.items():
            found = chunk.columns[column]
            table[name] = some(found if self._plan.typed_key else as_text(found))
        if not self._plan.key and lines is not None:
            if self._plan.names_file:
                table["file"] = pa.array([part.source.name] * len(kept), pa.string())
            table["line"] = pa.array(lines[kept])
        predicted = prediction_columns(outputs, self._labels)
        inputs = {
            feature.original_name.strip(): feature
            for feature in self._features
            if self._plan.inputs and feature.name not in self._plan.key
        }
        if twice := sorted(predicted.keys() & {*table, *inputs}):
            raise UsageError(
                f"Expected columns of the output with names of their own. Received: {', '.join(twice)} from the "
                "records, and of the prediction. Name another key, leave --inputs out, or rename the column."
            )
        table |= predicted
        for name, feature in inputs.items():
            absent = pa.nulls(chunk.num_rows, _input_type(feature))
            table[name] = some(columns.get(feature.name, absent).cast(_input_type(feature)))
        return pa.table(table)


def start_worker(plan: Plan) -> None:
    """Prepares a worker process: it ends with the one that started it, which alone handles Ctrl-C."""
    global _plan
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # As many processes work as there are processors.
    pa.set_cpu_count(1)
    if plan.evaluator == "saved_model":
        with quiet():
            import tensorflow as tf

            from ...serving.saved_model import use_gpu_memory_as_needed

            use_gpu_memory_as_needed()
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
    _plan = plan


def score_part(part: Part) -> Receipt:
    """Scores a part in a worker process."""
    return _scorer().score(part)


@functools.cache
def _scorer() -> Scorer:
    # Where the model cannot be loaded, its first part fails by the reason.
    if _plan is None:
        raise RuntimeError("a worker scores after `start_worker`")
    return Scorer(_plan)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _load(path: Path, plan: Plan, labels: Sequence[str]) -> Predict:
    if plan.evaluator == "trees":
        return TreePredictor(TreeTable.from_bytes((path / TREES_FILE).read_bytes()), labels)
    with quiet():
        from ...serving.saved_model import load_saved_model

        return load_saved_model(path).predict


def _typed(
    columns: Mapping[str, pa.Array], features: Sequence[Feature], read: ReadSettings
) -> tuple[dict[str, pa.Array], dict[int, tuple[str, str]]]:
    """Returns the features' columns with their types, and why records do not fit: `{row: (column, reason)}`."""
    typed: dict[str, pa.Array] = {}
    failures: dict[int, tuple[str, str]] = {}
    for feature in features:
        raw = columns.get(feature.name)
        if raw is None:
            continue
        kind = ColumnType(feature.dtype)
        values = raw if feature.steps is None else _items(raw, feature)
        found = type_column(feature.name, values, kind, read.repairs.get(feature.name), read.decimal)
        rows = None if feature.steps is None else _rows_of_items(raw)
        for is_bad, reason in found.problems:
            for place in np.flatnonzero(is_bad).tolist():
                row = place if rows is None else int(rows[place])
                failures.setdefault(row, (feature.name, reason(values[place].as_py())))
        typed[feature.name] = found.array if feature.steps is None else _list_of(raw, found.array)
    return typed, failures


def _items(raw: pa.Array, feature: Feature) -> pa.Array:
    if pa.types.is_null(raw.type):
        return pa.nulls(0, pa.string())
    if not (pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type) or pa.types.is_fixed_size_list(raw.type)):
        from ...errors import DataError

        raise DataError(
            f"Expected the sequence {feature.name!r} to hold lists. Received: {raw.type}. A cell of a CSV file is one "
            "value: write a Parquet file with a column of lists, or name a pipeline whose `data.reader` yields one."
        )
    return plain(raw.flatten())


def _rows_of_items(raw: pa.Array) -> Array:
    return np.repeat(np.arange(len(raw)), pc.list_value_length(raw).fill_null(0).to_numpy())


def _list_of(raw: pa.Array, items: pa.Array) -> pa.Array:
    if pa.types.is_null(raw.type):
        return pa.nulls(len(raw), pa.list_(items.type))
    lengths = pc.list_value_length(raw).fill_null(0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, items, mask=raw.is_null())


def _input_type(feature: Feature) -> pa.DataType:
    kind = {"float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}[feature.dtype]
    return kind if feature.steps is None else pa.list_(kind)


def _predicted(predict: Predict, checked: CheckedTable) -> tuple[dict[str, Array], list[int]]:
    """Returns the outputs of the rows that the model does not fail on, and the places of those that it does."""
    parts: list[Mapping[str, Array]] = []
    failed: list[int] = []
    matrices, num_rows = checked.inputs.matrices, checked.inputs.num_rows
    # An empty table has outputs of the right shapes too.
    for start in range(0, max(num_rows, 1), GRAPH_ROWS):
        _predict_range(predict, matrices, start, min(start + GRAPH_ROWS, num_rows), parts, failed)
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    return outputs, failed


def _predict_range(
    predict: Predict,
    matrices: Mapping[str, Array],
    start: int,
    stop: int,
    parts: list[Mapping[str, Array]],
    failed: list[int],
) -> None:
    try:
        parts.append(predict({group: matrix[:, start:stop] for group, matrix in matrices.items()}))
    except RequestError:
        if stop - start <= 1:
            failed.append(start)
            return
        middle = (start + stop) // 2
        _predict_range(predict, matrices, start, middle, parts, failed)
        _predict_range(predict, matrices, middle, stop, parts, failed)


def _as_csv(rejected: Sequence[Quarantined]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(astuple(each) for each in _in_order(rejected))
    return text.getvalue().encode()


def _in_order(rejected: Sequence[Quarantined]) -> Iterator[Quarantined]:
    yield from sorted(rejected, key=lambda each: each.line)


def _shown(rejected: Quarantined) -> str:
    column = f"column {rejected.column!r}: " if rejected.column else ""
    return f"{rejected.file.rpartition('/')[2]}, line {rejected.line}: {column}{rejected.reason}"


def read_receipts(plan: Plan) -> dict[int, Receipt]:
    """Returns the receipts of the parts that are complete, by their number."""
    folder = open_place(plan.parts)
    found: dict[int, Receipt] = {}
    for name in folder.names():
        if name.startswith("part-") and name.endswith(RECEIPT_SUFFIX):
            content: Any = folder.child(name).read()
            receipt = Receipt.from_json(content) if content is not None else None
            if receipt is not None:
                found[receipt.number] = receipt
    return found
