"""The text of a CSV file as UTF-8: decompressed, decoded, and without the lines that are no records."""

import codecs
import dataclasses
import gzip
import io
import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from ...errors import DataError
from ..access import unreadable
from .csv_segments import BLOCK_BYTES, BYTE_ORDER_MARK, PIECE_BYTES, count_lines

UTF8 = "utf-8"
GZIP_MAGIC = b"\x1f\x8b"

_BINARY_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_NAMES = (UTF8, "utf-8-sig")
_JSON = re.compile(rb'[{\[]\s*["{\[]')
_MARKUP = re.compile(rb"<(!doctype|html|\?xml|table)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class CsvText:
    """A CSV file, which may be gzip, as text in UTF-8.

    Args:
        path: path.
        encoding: string. Of the file, by Python's name. Defaults to UTF-8.
        ignored_lines: tuple of ints. Lines, from 1, that are read as blank ones. Defaults to none.
    """

    path: Path
    encoding: str = UTF8
    ignored_lines: tuple[int, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the bytes of the file, decompressed, are those of the text."""
        return self._is_utf8 and not self.ignored_lines

    def open(self) -> Any:
        """Opens the file for the bytes of its text; those of a file in UTF-8 are not checked."""
        return self.read(pa.OSFile(str(self.path)))

    def read(self, raw: pa.NativeFile) -> Any:
        """Returns a binary file of the text from that of the file's own bytes."""
        text = pa.CompressedInputStream(raw, "gzip") if is_gzip(self.path) else raw
        if not self._is_utf8:
            text = pa.transcoding_input_stream(text, self.encoding, UTF8)
        return _WithBlanks(text, self.ignored_lines) if self.ignored_lines else text

    def lines(self) -> Iterator[str]:
        """Yields the lines with their ends.

        Raises:
            OSError, EOFError, UnicodeError: if the file cannot be read.
        """
        with io.TextIOWrapper(_open_binary(self.path), encoding=self.encoding, newline="") as text:
            for number, line in enumerate(text, start=1):
                yield "\n" if number in self.ignored_lines else line.removeprefix("\ufeff") if number == 1 else line

    def ignored(self) -> dict[int, str]:
        """Returns the lines that are read as blank ones and are none, by their numbers.

        Raises:
            OSError, EOFError, UnicodeError: if the file cannot be read.
        """
        if not self.ignored_lines:
            return {}
        lines = itertools.islice(dataclasses.replace(self, ignored_lines=()).lines(), max(self.ignored_lines))
        texts = {number: line.strip() for number, line in enumerate(lines, start=1)}
        return {number: text for number, text in texts.items() if text and number in self.ignored_lines}

    def check(self) -> None:
        """Checks that the file is text by how it begins.

        Raises:
            DataError: if it is binary, in UTF-16 where another encoding is expected, JSON or a web page.
        """
        start = read_start(self.path, PIECE_BYTES)
        is_wide = _code(self.encoding).startswith(("utf-16", "utf-32"))
        if not is_wide and start.startswith(_UTF16_MARKS):
            raise DataError(
                f"Expected {self.path} to be {self.encoding.upper()} text. Received: UTF-16 text. Set `data.encoding: "
                "utf-16`, or save it as CSV in UTF-8."
            )
        kind = next((kind for magic, kind in _BINARY_KINDS if start.startswith(magic)), None)
        if kind is None and not is_wide and b"\0" in start:
            kind = f"a zero byte at byte {start.index(0) + 1}"
        if kind:
            raise DataError(
                f"Expected {self.path} to be CSV text or Parquet. Received: a binary file ({kind}). Save it as CSV in "
                "UTF-8."
            )
        head = start.removeprefix(BYTE_ORDER_MARK).lstrip()
        if _JSON.match(head):
            raise DataError(
                f"Expected {self.path} to be CSV text or Parquet. Received: JSON. Write a column for each field, for "
                "example with pandas: `pandas.read_json(path).to_csv(...)`, with `lines=True` for an object a line."
            )
        if _MARKUP.match(head):
            raise DataError(
                f"Expected {self.path} to be CSV text or Parquet. Received: a web page or XML. Download the file "
                "itself, or save the table as CSV."
            )

    def failure(self, error: Exception) -> DataError:
        """Returns what is wrong with the file, which could not be read as CSV."""
        text = str(error)
        if isinstance(error, UnicodeError) and not self._is_utf8:
            return DataError(
                f"Expected {self.path} to be text in {self.encoding}, as `data.encoding` says. Received: {text}. "
                "Correct `data.encoding`, or save the file as UTF-8."
            )
        # A ragged record that is not UTF-8 fails in Arrow as no CSV.
        is_undecoded = isinstance(error, UnicodeError | pa.ArrowInvalid) and self._is_utf8
        if is_undecoded and (not_utf8 := _find_not_utf8(self.path)):
            return not_utf8
        if "Empty CSV file" in text:
            return DataError(f"Expected {self.path} to hold records. Received: a header only. Name another file.")
        if "straddling" in text:
            return DataError(
                f"Expected records of less than {BLOCK_BYTES >> 20} MiB in {self.path}. Received: a longer one. Is a "
                "quote opened and never closed? Close it, or double it if it is part of the text."
            )
        return _unreadable(self.path, error)

    @property
    def _is_utf8(self) -> bool:
        return _code(self.encoding) in _UTF8_NAMES


class _WithBlanks(io.RawIOBase):
    """A file of text some of whose lines are blank.

    Args:
        text: binary file.
        lines: collection of ints. Their numbers, from 1.
    """

    def __init__(self, text: IO[bytes], lines: Collection[int]) -> None:
        self._text = text
        # A line end needs the byte after it: `\r` may be half of one.
        start = b""
        while count_lines(start) <= max(lines) and (piece := text.read(PIECE_BYTES)):
            start += piece
        numbered = enumerate(start.splitlines(keepends=True), start=1)
        self._start = b"".join(_blank(line) if number in lines else line for number, line in numbered)

    def readable(self) -> bool:
        """Returns True."""
        return True

    def close(self) -> None:
        """Closes the file."""
        self._text.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """Returns the next `size` bytes or fewer, none only at the end."""
        if not self._start:
            return self._text.read(size) if size >= 0 else self._text.read()
        if size < 0:
            start, self._start = self._start, b""
            return start + self._text.read()
        start, self._start = self._start[:size], self._start[size:]
        return start


def is_gzip(path: Path) -> bool:
    """Returns whether a file is gzip.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


def read_start(path: Path, num_bytes: int) -> bytes:
    """Returns the first bytes of a file, decompressed.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        with _open_binary(path) as stream:
            return stream.read(num_bytes)
    except (OSError, EOFError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    text = str(error)
    if isinstance(error, EOFError | gzip.BadGzipFile) or "compressed" in text or "zlib" in text:
        return DataError(f"Expected {path} to be a whole gzip file. Received: {text}. Copy or compress it again.")
    if isinstance(error, OSError):
        return unreadable(path, error)
    return DataError(f"Expected {path} to be CSV. Received: {text}. Correct the file.")


def _find_not_utf8(path: Path) -> DataError | None:
    with _open_binary(path) as stream:
        offset = 0
        for number, line in enumerate(stream, start=1):
            try:
                line.decode(UTF8)
            except UnicodeDecodeError as error:
                return DataError(
                    f"Expected {path} to be UTF-8 text. Received: the byte 0x{line[error.start]:02x} on line {number} "
                    f"(byte {offset + error.start + 1} of the file). Name its encoding (`data.encoding: cp1252` for "
                    "what Excel writes in Spanish as CSV), or save it as UTF-8, for example with "
                    "`iconv -f latin1 -t utf-8`."
                )
            offset += len(line)
    return None


def _open_binary(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]


def _blank(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def _code(encoding: str) -> str:
    return codecs.lookup(encoding).name
