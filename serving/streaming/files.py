"""JSON lines: a file as a source, which is followed, and as a sink."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import UsageError
from ...files import write_atomically
from .contract import Message, Record, Unit
from .errors import SinkError, StreamError

POLL_SECONDS = 0.2
MAX_READ_BYTES = 4 * 2**20
MAX_LINE_BYTES = 64 * 2**20
"""Of a line in memory: a longer one, which is no event, is cut there."""
NUM_KNOWN_BYTES = 4096
"""Before where a group stands, by whose hash it knows the file again: file systems give numbers of files anew."""


class FileSource:
    """The lines of a file, from where this group stopped. It may grow, and be moved away for a new one of its name.

    Where the group stands is kept in `<file>.<group>.offset` beside it, with a hash of what is before it, and
    `<file>.<group>.lock` keeps a second consumer of the group away.

    Args:
        uri: string. `file:PATH`.
        path: path.
        group: string. Who reads: each group reads all lines.
        once: bool. Whether a last line without its end is one: a file that is followed may be growing.

    Raises:
        UsageError: if there is no file to read, or another consumer of the group reads it.
        StreamError: if it is not the file that this group was reading.
    """

    unit: Unit = "bytes"

    def __init__(self, uri: str, path: Path, group: str, once: bool) -> None:
        if once and not path.is_file():
            raise UsageError(f"Expected {path} to be a file of events, one a line. Received: no such file.")
        if not path.parent.is_dir():
            raise UsageError(f"Expected the folder {path.parent} of a file of events. Received: no such folder.")
        self.uri = uri
        self._path = path
        self._state = path.with_name(f"{path.name}.{group}.offset")
        self._once = once
        self._file: BinaryIO | None = None
        self._file_number = 0
        self._offset = 0
        self._line_start = 0
        self._rest = b""
        self._lines: list[tuple[int, int, bytes]] = []
        self._num_given = 0
        self._lock = _lock(path.with_name(f"{path.name}.{group}.lock"), f"reads {path} as {group}")
        self._committed, self._known_hash = self._read_state()

    def read(self, max_records: int, seconds: float) -> Sequence[Record]:
        """Returns the next lines; none where none comes in time."""
        deadline = time.monotonic() + seconds
        while not self._lines and not self._fill():
            if self._once or time.monotonic() >= deadline:
                return []
            time.sleep(min(POLL_SECONDS, seconds))
        taken, self._lines = self._lines[:max_records], self._lines[max_records:]
        now = datetime.now(UTC)
        self._num_given = taken[-1][1]
        return [
            Record(f"{self._path.name}/{self._file_number}/{start}", "", line, now) for start, _, line in taken if line
        ]

    def commit(self) -> None:
        """Writes where the group stands."""
        if self._file is None or (self._file_number, self._num_given) == self._committed:
            return
        self._committed = self._file_number, self._num_given
        state = {"inode": self._file_number, "offset": self._num_given, "before": self._hash_before(self._num_given)}
        try:
            write_atomically(self._state, json.dumps(state))
        except OSError as error:
            raise StreamError(f"Expected to write {self._state}. Received: {error.strerror}.") from None

    def lag(self) -> int:
        """Returns the bytes behind what was read."""
        return 0 if self._file is None else max(0, os.fstat(self._file.fileno()).st_size - self._num_given)

    def is_at_end(self) -> bool:
        """Returns whether all lines were read."""
        return not self._lines and self.lag() == 0

    def close(self) -> None:
        """Closes the file, and leaves it to others."""
        if self._file is not None:
            self._file.close()
        self._lock.close()

    def _fill(self) -> bool:
        """Reads a part of the file, and returns whether there are lines."""
        if self._file is None and not self._open():
            return False
        assert self._file is not None
        part = self._file.read(MAX_READ_BYTES)
        if not part and os.fstat(self._file.fileno()).st_size + 1 < self._offset:
            raise StreamError(self._replaced())
        is_moved = not part and self._was_moved()
        if is_moved and not self._rest:
            self._file.close()
            self._file = None
            return False
        *lines, rest = part.split(b"\n")
        end = self._offset
        for line in lines:
            end += len(line) + 1
            self._grow(line)
            self._end_line(end)
        self._grow(rest)
        self._offset += len(part)
        if self._rest and not part and (self._once or is_moved):
            self._end_line(self._offset + 1)
        return bool(self._lines)

    def _grow(self, part: bytes) -> None:
        self._rest += part[: MAX_LINE_BYTES - len(self._rest)]

    def _end_line(self, end: int) -> None:
        self._lines.append((self._line_start, end, self._rest))
        self._line_start, self._rest = end, b""

    def _open(self) -> bool:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StreamError(f"Expected to read {self._path}. Received: {error.strerror}.") from None
        status = os.fstat(self._file.fileno())
        number, offset = self._committed
        is_new = self._file_number != 0  # The former one was moved away.
        if not is_new and number not in (0, status.st_ino):
            raise StreamError(self._replaced())
        if is_new or number == 0:
            offset = 0
        if offset > status.st_size + 1 or (offset and self._known_hash not in ("", self._hash_before(offset))):
            raise StreamError(self._replaced())
        self._file_number, self._rest = status.st_ino, b""
        self._offset = self._line_start = self._num_given = offset
        self._file.seek(offset)
        if is_new:
            self.commit()
        return True

    def _was_moved(self) -> bool:
        assert self._file is not None
        try:
            return self._path.stat().st_ino != self._file_number
        except FileNotFoundError:
            return False

    def _replaced(self) -> str:
        return (
            f"Expected {self._path} to be the file that this group was reading, longer than it was. Received: another. "
            f"Remove {self._state} to read it from its start."
        )

    def _hash_before(self, offset: int) -> str:
        """Returns the hash of the bytes before a place but for the last, the end that a last line may lack."""
        assert self._file is not None
        end = max(0, offset - 1)
        start = max(0, end - NUM_KNOWN_BYTES)
        return hashlib.sha256(os.pread(self._file.fileno(), end - start, start)).hexdigest()

    def _read_state(self) -> tuple[tuple[int, int], str]:
        try:
            state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
            return (int(state["inode"]), int(state["offset"])), str(state.get("before", ""))
        except FileNotFoundError:
            return (0, 0), ""
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StreamError(
                f"Expected {self._state} to say where this group stands. Received: {error!r}. "
                "Remove it to read the file from its start."
            ) from None


class FileSink:
    """Appends JSON lines, which are on the disk before they count as acknowledged.

    A line that a killed process left unfinished was not acknowledged, and is removed. No two sinks may write to one
    file, for each removes what it could not finish.

    Args:
        uri: string. `file:PATH`.
        path: path. Its folder must exist.

    Raises:
        UsageError: if it cannot be written, holds something else, or another sink writes to it.
    """

    def __init__(self, uri: str, path: Path) -> None:
        self.uri = uri
        self._path = path
        try:
            self._file = _lock(path, f"writes to {path}")
            self._file.seek(0)
            if self._file.read(1) not in (b"", b"{"):
                raise UsageError(
                    f"Expected {path} to hold JSON lines, to which predictions are added. Received: something else. "
                    "Name another file."
                )
            self._end = _end_of_lines(self._file)
            self._file.truncate(self._end)
        except OSError as error:
            raise UsageError(f"Expected to write to {path}. Received: {error.strerror}.") from None

    def write(self, messages: Sequence[Message]) -> None:
        """Appends messages."""
        content = memoryview(b"".join([message.value + b"\n" for message in messages]))
        written = 0
        try:
            while written < len(content):
                written += self._file.write(content[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._end)
            raise SinkError(
                f"Expected to write {len(content):,} bytes to {self._path}. Received: {error.strerror}.",
                range(len(messages)),
            ) from None
        self._end += len(content)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _lock(path: Path, work: str) -> Any:
    """Returns a file that is open for appending and that nobody else holds; it is free again once its process ends."""
    try:
        file = path.open("ab+", buffering=0)
    except OSError as error:
        raise UsageError(f"Expected to write to {path}. Received: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UsageError(f"Expected to be the only one that {work}. Received: another does.") from None
    except OSError:
        pass  # A file system without locks.
    return file


def _end_of_lines(file: Any) -> int:
    """Returns where the last whole line ends."""
    end: int = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        found: int = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
