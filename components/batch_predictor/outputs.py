"""Predictions as columns, and as Parquet, CSV or JSON lines."""

import contextlib
import csv
import dataclasses
import gzip
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ...serving.contract import Array
from ..example_gen.tables import Quarantined
from .places import Place

PREDICTION = "prediction"
_NAMES = {"classes": PREDICTION, "outputs": PREDICTION}
_COMPRESSION = "zstd"
_GZIP_LEVEL = 1


def prediction_columns(outputs: Mapping[str, Array], labels: Sequence[str]) -> dict[str, pa.Array]:
    """Returns the columns of a model's outputs.

    Args:
        outputs: mapping of output to array `(N,)`, `(N, K)` or `(N, H, Q)`.
        labels: sequence of strings. The classes; empty where there are none.

    Returns:
        `prediction`, the class or the number, for a forecast `prediction_1` and so on, a column a step;
        `score_<class>` for each class; other outputs under their own names, likewise.
    """
    columns: dict[str, pa.Array] = {}
    for output, values in sorted(outputs.items(), key=lambda each: (each[0] not in _NAMES, each[0])):
        name = _NAMES.get(output, output)
        if values.ndim == 1:
            columns[name] = pa.array(values)
        elif output == "scores" and len(labels) == values.shape[1]:
            columns |= {f"score_{label}": pa.array(values[:, place]) for place, label in enumerate(labels)}
        else:
            for place in np.ndindex(*values.shape[1:]):
                steps = "_".join(str(step + 1) for step in place)
                columns[f"{name}_{steps}"] = pa.array(values[(slice(None), *place)])
    return columns


@contextlib.contextmanager
def open_writer(stream: IO[bytes], suffix: str) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that writes tables of one schema to a part, which has no header.

    Args:
        stream: binary file.
        suffix: string. One of `settings.SUFFIXES`.
    """
    if suffix == ".parquet":
        writer: pyarrow.parquet.ParquetWriter | None = None

        def write_parquet(table: pa.Table) -> None:
            nonlocal writer
            writer = writer or pyarrow.parquet.ParquetWriter(stream, table.schema, compression=_COMPRESSION)
            writer.write_table(table)

        yield write_parquet
        if writer is not None:
            writer.close()
        return
    write = _write_csv if suffix.startswith(".csv") else _write_lines
    with contextlib.ExitStack() as stack:
        target: Any = stream
        if suffix.endswith(".gz"):
            target = stack.enter_context(gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0))
        yield lambda table: write(table, target)


def merge(
    parts: Sequence[Place], target: IO[bytes], suffix: str, header: Sequence[str], facts: Mapping[str, str]
) -> None:
    """Writes parts one after the other.

    Args:
        parts: sequence of `Place`. Those that have rows.
        target: binary file.
        suffix: string. One of `settings.SUFFIXES`.
        header: sequence of strings. Names of the columns.
        facts: mapping of name to string, for the metadata of a Parquet file.
    """
    if suffix == ".parquet":
        _merge_parquet(parts, target, facts)
        return
    if suffix.startswith(".csv"):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(header)
        line = text.getvalue().encode()
        # Compressed parts follow each other as members of one file.
        target.write(gzip.compress(line, mtime=0) if suffix.endswith(".gz") else line)
    for part in parts:
        with part.reading() as stream:
            shutil.copyfileobj(stream, target, 1 << 20)


def merge_rejected(parts: Sequence[Place], target: IO[bytes]) -> None:
    """Writes the quarantines of parts one after the other, under one header."""
    target.write((",".join(field.name for field in dataclasses.fields(Quarantined)) + "\n").encode())
    for part in parts:
        with part.reading() as stream:
            shutil.copyfileobj(stream, target, 1 << 20)


def _merge_parquet(parts: Sequence[Place], target: IO[bytes], facts: Mapping[str, str]) -> None:
    writer: pyarrow.parquet.ParquetWriter | None = None
    for part in parts:
        with part.reading() as stream:
            table = pyarrow.parquet.read_table(pa.PythonFile(stream, mode="r"))
        if writer is None:
            schema = table.schema.with_metadata({f"yachay.{name}": value for name, value in facts.items()})
            writer = pyarrow.parquet.ParquetWriter(target, schema, compression=_COMPRESSION)
        writer.write_table(table.replace_schema_metadata(schema.metadata))
    if writer is not None:
        writer.close()


def _write_csv(table: pa.Table, target: IO[bytes]) -> None:
    # Arrow closes a Python stream with the last reference to its file.
    content = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, content, pyarrow.csv.WriteOptions(include_header=False))
    target.write(content.getvalue())


def _write_lines(table: pa.Table, target: IO[bytes]) -> None:
    # A float32 with its own digits, as CSV has it, not with those of the float64 next to it.
    columns = [
        column.cast(pa.string()).cast(pa.float64()) if column.type == pa.float32() else column
        for column in table.columns
    ]
    table = pa.table(columns, names=table.column_names)
    for batch in table.to_batches(max_chunksize=8192):
        target.write(
            b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE, default=str) for row in batch.to_pylist())
        )
