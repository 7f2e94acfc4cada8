"""The files of the prediction log, each written atomically."""

import itertools
import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet

from ..errors import ConfigurationError
from ..files import atomic_file
from .prediction_records import TIME_COLUMN

Format = Literal["parquet", "jsonl"]

MAX_BATCH_ROWS = 4096


class RecordFolder:
    """A folder that takes tables of records, each as a file of its own.

    Files are named after the time of their first record and the host, so that replicas may share a folder.

    Args:
        folder: path. Made where it is absent.
        format: `"parquet"` or `"jsonl"`.

    Raises:
        ConfigurationError: if it cannot be written to.
    """

    def __init__(self, folder: Path, format: Format) -> None:
        self._folder = folder
        self._format = format
        self._numbers = itertools.count(1)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"Expected a folder for the prediction log that can be written to. Received: {folder} "
                f"({error.strerror}). Mount one there, or name another with --prediction_log."
            ) from None

    def write(self, table: pa.Table) -> Path:
        """Writes the records of a table.

        Raises:
            OSError: if they cannot be written; nothing is left.
        """
        first = table[TIME_COLUMN][0].as_py()
        stem = f"predictions-{first:%Y%m%dT%H%M%S.%fZ}-{socket.gethostname()}-{os.getpid()}-{next(self._numbers)}"
        path = self._folder / f"{stem}.{self._format}"
        with atomic_file(path, is_durable=True) as draft, draft.open("wb") as stream:
            (_write_parquet if self._format == "parquet" else _write_json_lines)(table, stream)
        return path


def _write_parquet(table: pa.Table, stream: IO[bytes]) -> None:
    pyarrow.parquet.write_table(table, stream, compression="zstd")


def _write_json_lines(table: pa.Table, stream: IO[bytes]) -> None:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    for batch in table.to_batches(max_chunksize=MAX_BATCH_ROWS):
        for row in zip(*map(_values, batch.columns), strict=True):
            stream.write(orjson.dumps(dict(zip(table.column_names, row, strict=True)), option=options))


def _values(column: pa.Array) -> Iterable[Any]:
    """Returns the values, those of float32 as numpy's: they are as short as in the response, and NaN as null."""
    kind = column.type
    is_float = pa.types.is_float32(kind) or (pa.types.is_list(kind) and pa.types.is_float32(kind.value_type))
    values: Iterable[Any] = column.to_numpy(zero_copy_only=False) if is_float else column.to_pylist()
    return values
