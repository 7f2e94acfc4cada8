"""The files of a prediction log as arrow tables: of one server or many, Parquet or JSON lines, here or in a bucket.

A file that cannot be read, and lines that are none, cost no others; both are noted.
"""

import dataclasses
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from ...errors import DataError
from ...files import STAGING_PREFIX
from ...uris import is_remote

TIME, VERSION, MODEL, ID, ROW = (f"prediction_{name}" for name in ("time", "version", "model", "id", "row"))
ENDINGS = (".parquet", ".jsonl", ".json", ".ndjson")
ROWS_A_BATCH = 131_072
_BLOCK_BYTES = 16 << 20
UNREADABLE = (pa.ArrowException, ValueError)
"""What columns of types that a log does not have raise."""
_SHOWN = 3
_CHANGE = ("ETag", "etag", "LastModified", "updated", "mtime", "created")
"""What object stores' file systems name as the state of a file."""


@dataclasses.dataclass
class Problems:
    """What is wrong with a log, counted.

    Args:
        files: dict of file to why it cannot be read.
        torn_lines: int. Lines of JSON that are none.
        torn_files: list of the files with such lines.
        no_time: int. Rows without a time or a version.
        ahead: int. Rows of a time that is still to come.
        before_push: int. Rows of a time before their model was pushed.
    """

    files: dict[str, str] = dataclasses.field(default_factory=dict)
    torn_lines: int = 0
    torn_files: list[str] = dataclasses.field(default_factory=list)
    no_time: int = 0
    ahead: int = 0
    before_push: int = 0

    def leave_out(self, file: "LogFile", error: Exception) -> None:
        """Notes that a file cannot be read."""
        self.files[file.path] = str(error).splitlines()[0].rstrip(".")[:200]

    def add(self, other: "Problems") -> None:
        """Adds what is wrong with another part of the log."""
        self.files |= other.files
        self.torn_lines += other.torn_lines
        self.torn_files += other.torn_files
        self.no_time += other.no_time
        self.ahead += other.ahead
        self.before_push += other.before_push

    def sentences(self) -> list[str]:
        """Returns what is wrong, a sentence each."""
        found = []
        for file, reason in list(self.files.items())[:_SHOWN]:
            found.append(f"{file} cannot be read and is left out: {reason}.")
        if len(self.files) > _SHOWN:
            found.append(f"{len(self.files) - _SHOWN} more files cannot be read and are left out.")
        if self.torn_lines:
            where = ", ".join(self.torn_files[:_SHOWN])
            found.append(f"{self.torn_lines} lines are no JSON objects and are left out, in {where}.")
        if self.no_time:
            found.append(f"{self.no_time} rows have no time or no version of a model and are left out.")
        if self.ahead:
            found.append(f"{self.ahead} rows have a time that is still to come and are left out: check the clocks.")
        if self.before_push:
            found.append(
                f"{self.before_push} rows have a time before their model was pushed and are left out: check the clocks."
            )
        return found


@dataclasses.dataclass(frozen=True)
class LogFile:
    """A file of a log.

    Args:
        path: string. For messages.
        size: int. Bytes.
        modified: string. Another one after each change of the file.
        system: fsspec's file system, or None for this machine's.
        key: string. Its path there.
    """

    path: str
    size: int
    modified: str
    system: Any
    key: str

    def open(self) -> IO[bytes]:
        """Opens the file to read."""
        if self.system is None:
            return Path(self.key).open("rb")
        opened: IO[bytes] = self.system.open(self.key, "rb")
        return opened


def list_files(uri: str, endings: Sequence[str] = ENDINGS) -> list[LogFile]:
    """Returns the finished files of a folder and those below it, or the one file that is named, by name.

    Args:
        uri: string. A file or folder of this machine, or `s3://`, `gs://` or `minio://` with a bucket.
            `YACHAY_OBJECT_STORE` is a folder that stands for all buckets.
        endings: sequence of the names' ends. Defaults to those of logs.

    Raises:
        DataError: if there is no such folder, or it has no such file.
    """
    system, place = _find(uri)
    try:
        found = list(_walk(system, place, endings))
    except (OSError, ImportError) as error:
        raise DataError(
            f"Expected to read {uri}. Received: {type(error).__name__}: {error}. Check name and rights."
        ) from None
    if not found:
        raise DataError(
            f"Expected files of {', '.join(endings)} in {uri}. Received: none. Name the folder that the server's "
            "--prediction_log names; a server writes its first file after --prediction_log_rotate_seconds, or when it "
            "ends."
        )
    return found


def _find(uri: str) -> tuple[Any, str]:
    if not is_remote(uri):
        return None, uri.removeprefix("file://")
    scheme, _, key = uri.partition("://")
    if folder := os.environ.get("YACHAY_OBJECT_STORE"):
        return None, str(Path(folder, scheme, key))
    import fsspec

    protocol = "gs" if scheme == "gs" else "s3"
    return fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True), key


def _walk(system: Any, place: str, endings: Sequence[str]) -> Iterator[LogFile]:
    ends = tuple(endings)
    if system is not None:
        found = system.find(place, detail=True)
        for key in sorted(found):
            if key.endswith(ends) and STAGING_PREFIX not in key:
                facts = found[key]
                changed = next((facts[name] for name in _CHANGE if facts.get(name)), "")
                yield LogFile(key, int(facts.get("size") or 0), str(changed), system, key)
        return
    path = Path(place)
    if path.is_file():
        yield _local(path)
        return
    if not path.is_dir():
        raise FileNotFoundError(place)
    for one in sorted(path.rglob("*")):
        if one.name.endswith(ends) and not one.name.startswith(STAGING_PREFIX) and one.is_file():
            try:
                yield _local(one)
            except FileNotFoundError:  # The server's retention removed it.
                continue


def _local(path: Path) -> LogFile:
    facts = path.stat()
    return LogFile(str(path), facts.st_size, str(facts.st_mtime_ns), None, str(path))


def read_batches(file: LogFile, columns: Sequence[str] | None, problems: Problems) -> Iterator[pa.Table]:
    """Yields the rows of a file in tables of some 100,000.

    Args:
        file: `LogFile`.
        columns: sequence of strings, those to read; others, and those that a file lacks, are not in the tables.
            Defaults to all, with None.
        problems: `Problems`, to which what cannot be read is added.
    """
    try:
        with file.open() as stream:
            if file.path.endswith(".parquet"):
                yield from _read_parquet(stream, columns)
            else:
                yield from _read_json(file, stream, columns, problems)
    except FileNotFoundError:
        return  # The server's retention removed it.
    except (OSError, *UNREADABLE) as error:
        problems.leave_out(file, error)


def _read_parquet(stream: IO[bytes], columns: Sequence[str] | None) -> Iterator[pa.Table]:
    opened = pyarrow.parquet.ParquetFile(stream, pre_buffer=False)
    known = opened.schema_arrow.names
    wanted = known if columns is None else [name for name in columns if name in known]
    for batch in opened.iter_batches(ROWS_A_BATCH, columns=wanted, use_threads=False):
        yield pa.Table.from_batches([batch])


def _read_json(
    file: LogFile, stream: IO[bytes], columns: Sequence[str] | None, problems: Problems
) -> Iterator[pa.Table]:
    """Yields tables of blocks of whole lines; a block with torn lines is read line by line."""
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        head, newline, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if newline:
            yield from _parse(file, head, columns, problems)
    if rest.strip():
        yield from _parse(file, rest, columns, problems)


def _parse(file: LogFile, block: bytes, columns: Sequence[str] | None, problems: Problems) -> Iterator[pa.Table]:
    if not block.strip():
        return
    options = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
    try:
        table = pyarrow.json.read_json(io.BytesIO(block), read_options=options)
    except pa.ArrowException:
        good, torn = [], 0
        for line in block.splitlines():
            if not line.strip():
                continue
            try:
                is_row = isinstance(orjson.loads(line), dict)
            except orjson.JSONDecodeError:
                is_row = False
            good += [line] if is_row else []
            torn += not is_row
        problems.torn_lines += torn
        problems.torn_files += [file.path] if file.path not in problems.torn_files and torn else []
        if not good:
            return
        if not torn:
            raise
        table = pyarrow.json.read_json(io.BytesIO(b"\n".join(good)), read_options=options)
    wanted = table.column_names if columns is None else [name for name in columns if name in table.column_names]
    yield table.select(wanted)
