"""The files of the prediction log, each written atomically, for its owner alone, and removed when it is too old."""

import contextlib
import dataclasses
import itertools
import os
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal, get_args

import orjson
import pyarrow as pa
import pyarrow.parquet

from ..errors import ConfigurationError
from ..files import STAGING_PREFIX, atomic_file
from .prediction_records import TIME_COLUMN

Format = Literal["parquet", "jsonl"]

MAX_BATCH_ROWS = 4096
DAY_SECONDS = 86_400.0

_NAME = "predictions-"


@dataclasses.dataclass(frozen=True)
class Retention:
    """How long files are kept. Whole files are removed, the oldest first, of all servers that share the folder.

    Args:
        days: float. After which a file is removed; 0 keeps it. Defaults to 0.
        mib: float. What the files may take together; 0 is no limit. Defaults to 0.

    Raises:
        ConfigurationError: if one is negative.
    """

    days: float = 0.0
    mib: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value >= 0:
                raise ConfigurationError(f"Expected --prediction_log_keep_{name} of 0 or more. Received: {value}.")


class RecordFolder:
    """A folder that takes tables of records, each as a file of its own.

    Files are named after the time of their first record and the host, so that replicas may share a folder.

    Args:
        folder: path. Made where it is absent, for its owner alone.
        format: `"parquet"` or `"jsonl"`.
        retention: `Retention`. Defaults to keeping all.

    Raises:
        ConfigurationError: if it cannot be written to.
    """

    def __init__(self, folder: Path, format: Format, retention: Retention = Retention()) -> None:
        self._folder = folder
        self._retention = retention
        self._format = format
        self._numbers = itertools.count(1)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        stem = f"{_NAME}{first:%Y%m%dT%H%M%S.%fZ}-{socket.gethostname()}-{os.getpid()}-{next(self._numbers)}"
        path = self._folder / f"{stem}.{self._format}"
        with atomic_file(path, is_durable=True) as draft:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                (_write_parquet if self._format == "parquet" else _write_json_lines)(table, stream)
        return path

    def remove_old(self) -> list[Path]:
        """Removes the files that are not to be kept, and returns them.

        What another server is writing has no such name yet; what a killed one left half written goes after the days,
        or one day.

        Raises:
            OSError: if a file cannot be removed.
        """
        keep, now = self._retention, time.time()
        removed = []
        if keep.days:
            drafts = self._folder.glob(f"{STAGING_PREFIX}{_NAME}*")
            for path, age_days in self._ages(drafts, now):
                if age_days > max(keep.days, 1.0):
                    path.unlink(missing_ok=True)
            removed += [path for path, age_days in self._ages(self._finished(), now) if age_days > keep.days]
        if keep.mib:
            sizes = {path: size for path in self._finished() if (size := _size(path)) is not None}
            excess = sum(sizes.values()) - keep.mib * 2**20
            for path in sorted(sizes):
                if excess <= 0:
                    break
                excess -= sizes[path]
                removed.append(path)
        for path in removed:
            path.unlink(missing_ok=True)
        return sorted({*removed})

    def _finished(self) -> list[Path]:
        return [path for name in get_args(Format) for path in self._folder.glob(f"{_NAME}*.{name}")]

    def _ages(self, paths: Iterable[Path], now: float) -> Iterator[tuple[Path, float]]:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # Another server removed it.
                yield path, (now - path.lstat().st_mtime) / DAY_SECONDS


def _size(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return path.lstat().st_size
    return None


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
