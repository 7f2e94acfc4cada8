"""Records of a CSV file: any separator, byte order mark, line ends, quoted line ends, gzip."""

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ...errors import DataError
from ..access import unreadable
from ..features import to_identifier, to_identifiers
from .csv_segments import BAD_QUOTES, BLOCK_BYTES, Grammar, Segment, read_segments
from .tables import Quarantined, Rejection, Table

SEPARATORS = (",", ";", "\t", "|")
GZIP_MAGIC = b"\x1f\x8b"
PROBE_BYTES = 1 << 16
BINARY_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


class CsvTable(Table):
    """Records of a CSV file, every column as text.

    Args:
        path: path.
        wanted: sequence of strings. Identifiers of the columns that are needed, by which a separator is judged.
        separator: string or `None`. `None` takes the one that finds most of `wanted` in the header.
        missing_values: sequence of strings that mean "no value".

    Attributes:
        separator: string. That of the file.
        grammar: `Grammar`.
        names: list of strings. The header.

    Raises:
        DataError: if the file is empty, binary, not UTF-8, or its header does not fit.
    """

    def __init__(self, path: Path, wanted: Sequence[str], separator: str | None, missing_values: Sequence[str]) -> None:
        _reject_binary(path)
        header = _read_header(path, SEPARATORS if separator is None else (separator,))
        self.separator = _choose_separator(path, header, wanted, separator)
        self.grammar = Grammar(self.separator)
        self.names = _split(header, self.separator)
        self._missing_values = list(missing_values)
        self._num_ragged = self._num_malformed = 0
        self._walker: _Walker | None = None
        super().__init__(path, to_identifiers(self.names))

    @property
    def num_ragged(self) -> int:
        """The number of records so far with too many or too few fields, or with quotes that are not closed."""
        return self._num_ragged + self._num_malformed

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yields the records with `columns` in that order as text; missing values are null.

        Raises:
            DataError: if the file cannot be read to its end.
        """
        names = [self.original_names[column] for column in columns]
        self._num_ragged = self._num_malformed = 0
        try:
            with open_decompressed(self.path) as stream:
                records = _WellFormed(read_segments(stream, self.grammar))
                if not records.has_header:
                    raise DataError(
                        f"Expected quotes in the header of {self.path} to be closed. Received: {BAD_QUOTES}."
                    )
                for batch in self._parse(records, names):
                    self._num_malformed = records.num_malformed
                    yield batch.rename_columns(list(columns))
                self._num_malformed = records.num_malformed
        except (pa.ArrowException, OSError) as error:
            raise describe_failure(self.path, error) from None

    def locate(self, batch: pa.RecordBatch, start: int, rejections: Sequence[Rejection]) -> Iterator[Quarantined]:
        """Yields the rejected records, and the ragged ones before them, in the order of the file."""
        for rejection in rejections:
            walker = self._walker = self._walker or _Walker(self.path, self.grammar, len(self.names))
            yield from walker.walk_to(rejection)

    def locate_rest(self) -> Iterator[Quarantined]:
        """Yields the ragged records after the last one located.

        Raises:
            DataError: if quotes are such that two parsers count the records differently.
        """
        if not self.num_ragged and not self._walker:
            return
        walker = self._walker or _Walker(self.path, self.grammar, len(self.names))
        yield from walker.walk_to(None)
        if walker.num_ragged != self.num_ragged:
            raise DataError(
                f"Expected quotes in {self.path} that say where each field ends. Received: {self.num_ragged} records "
                f"with a wrong number of fields in one reading, {walker.num_ragged} in another. Double each quote "
                "inside a quoted field."
            )

    def _parse(self, records: "_WellFormed", names: list[str]) -> Iterator[pa.RecordBatch]:
        reader = pyarrow.csv.open_csv(
            records,
            read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.separator, newlines_in_values=True, invalid_row_handler=self._skip_ragged
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.string()),
                null_values=self._missing_values,
                strings_can_be_null=True,
            ),
        )
        return (batch for batch in reader if batch.num_rows)

    def _skip_ragged(self, row: pyarrow.csv.InvalidRow) -> str:
        self._num_ragged += 1
        return "skip"


class _WellFormed(io.RawIOBase):
    """A file without its malformed lines, and how many these are.

    Args:
        segments: iterator of `Segment`.
    """

    def __init__(self, segments: Iterator[Segment]) -> None:
        self.num_malformed = 0
        self._segments = segments
        self._rest = memoryview(b"")
        self._fill()
        # The header is the first line that is not blank.
        self.has_header = not self.num_malformed

    def readable(self) -> bool:
        """Returns True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Returns the next `size` bytes, fewer only at the end."""
        parts: list[memoryview] = []
        missing = sys.maxsize if size < 0 else size
        while missing and (self._rest or self._fill()):
            parts.append(self._rest[:missing])
            missing -= len(parts[-1])
            self._rest = self._rest[len(parts[-1]) :]
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _fill(self) -> bool:
        for segment in self._segments:
            if not segment.reason:
                self._rest = memoryview(segment.data)
                return True
            self.num_malformed += 1
        return False


class _Walker:
    """Walks through a file once more to find the raw line on which a record begins.

    Only files with rejected records are walked, as far as the last one.
    """

    def __init__(self, path: Path, grammar: Grammar, num_fields: int) -> None:
        self.num_ragged = 0
        self._path = path
        self._grammar = grammar
        self._num_fields = num_fields
        self._wanted: Rejection | None = None
        self._found = self._walk()

    def walk_to(self, rejection: Rejection | None) -> Iterator[Quarantined]:
        """Yields the ragged and malformed records up to the rejected one (to the end without one), then that."""
        self._wanted = rejection
        for line, record, reason in self._found:
            # A byte that is not UTF-8 is of no matter in a column that is not read.
            text = record.decode("utf-8", errors="backslashreplace")
            if rejection is not None and not reason:
                yield Quarantined(str(self._path), line, rejection.column, rejection.reason, text)
                return
            self.num_ragged += 1
            yield Quarantined(str(self._path), line, "", reason, text)

    def _walk(self) -> Iterator[tuple[int, bytes, str]]:
        """Yields line, record and reason of ragged and malformed records, and without reason the one wanted."""
        index, num_skipped = 0, 1  # The header is a record and has no index.
        try:
            with open_decompressed(self._path) as stream:
                for segment in read_segments(stream, self._grammar):
                    if segment.reason:
                        yield segment.line, segment.data.rstrip(b"\r\n"), segment.reason
                        continue
                    records = self._grammar.records(segment)
                    is_ragged = records.num_fields != self._num_fields
                    is_ragged[:num_skipped] = True
                    good, ragged = np.flatnonzero(~is_ragged), np.flatnonzero(is_ragged)[num_skipped:]
                    num_skipped = max(num_skipped - len(is_ragged), 0)
                    for position, is_wanted in self._positions(good, ragged, index):
                        num_fields = records.num_fields[position]
                        reason = "" if is_wanted else f"{num_fields} fields, the header has {self._num_fields}"
                        yield int(records.lines[position]), records.text(position), reason
                    index += len(good)
        except (pa.ArrowException, OSError) as error:
            raise describe_failure(self._path, error) from None

    def _positions(self, good: NDArray[np.int64], ragged: NDArray[np.int64], index: int) -> Iterator[tuple[int, bool]]:
        """Yields the positions of ragged records and of those wanted, in their order; `good[0]` has the index given."""
        next_ragged = 0
        while True:
            place = len(good) if self._wanted is None else self._wanted.index - index
            wanted = int(good[place]) if place < len(good) else sys.maxsize
            # One that was wanted before is behind.
            if next_ragged < len(ragged) and ragged[next_ragged] < wanted:
                yield int(ragged[next_ragged]), False
                next_ragged += 1
            elif wanted < sys.maxsize:
                yield wanted, True
            else:
                return


def _open_binary(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if is_gzip else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> IO[str]:
    return io.TextIOWrapper(_open_binary(path), encoding="utf-8-sig", newline="")


def open_decompressed(path: Path) -> pa.NativeFile:
    """Opens a file, which may be gzip, for its text."""
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
    return pa.input_stream(str(path), compression="gzip" if is_gzip else None)


def _reject_binary(path: Path) -> None:
    try:
        with _open_binary(path) as stream:
            start = stream.read(PROBE_BYTES)
    except (OSError, EOFError) as error:
        raise describe_failure(path, error) from None
    kind = next((kind for magic, kind in BINARY_KINDS if start.startswith(magic)), None)
    if kind is None and b"\0" in start:
        kind = f"a zero byte at byte {start.index(0) + 1}"
    if kind:
        raise DataError(
            f"Expected {path} to be CSV text or Parquet. Received: a binary file ({kind}). Save it as CSV in UTF-8."
        )


def _read_header(path: Path, separators: Sequence[str]) -> str:
    """Returns the raw text of the first record; a quoted name may hold line ends."""
    opening = re.compile(rf'(?:^|[{re.escape("".join(separators))}])"')
    header: list[str] = []
    num_characters = num_quotes = 0
    try:
        with _open_text(path) as lines:
            for line in lines:
                if not header and not line.strip("\r\n"):
                    continue
                header.append(line)
                num_characters += len(line)
                num_quotes += line.count('"')
                if num_quotes % 2 == 0 or not opening.search(header[0]):
                    return "".join(header).strip("\r\n")
                if num_characters > BLOCK_BYTES:
                    break
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise describe_failure(path, error) from None
    if header:
        raise DataError(
            f"Expected quotes in the header of {path} to be closed. Received: {header[0][:80]!r}. Close them."
        )
    raise DataError(f"Expected {path} to hold a header and records. Received: an empty file. Name another file.")


def _split(header: str, separator: str) -> list[str]:
    return next(csv.reader(io.StringIO(header, newline=""), delimiter=separator))


def _choose_separator(path: Path, header: str, wanted: Sequence[str], separator: str | None) -> str:
    def score(candidate: str) -> tuple[int, int]:
        names = {to_identifier(name) for name in _split(header, candidate)}
        return len(names.intersection(wanted)), len(names)

    best = max(SEPARATORS, key=score)
    if separator is None:
        separator = best
    if len(_split(header, separator)) == 1 and len(wanted) > 1:
        fits = f"The separator {best!r} would fit: set `data.separator` to it or leave it out."
        none = f"None of {' '.join(map(repr, SEPARATORS))} fits: set `data.separator` to the one of the file."
        raise DataError(
            f"Expected {len(wanted)} columns or more in {path} with the separator {separator!r}. Received: one, "
            f"{header[:80]!r}. {fits if len(_split(header, best)) > 1 else none}"
        )
    return separator


def describe_failure(path: Path, error: Exception) -> DataError:
    """Returns what is wrong with a file that could not be read as CSV."""
    text = str(error)
    # A ragged record that is not UTF-8 fails in Arrow as no CSV.
    if isinstance(error, UnicodeDecodeError | pa.ArrowInvalid) and (not_utf8 := _find_not_utf8(path)):
        return not_utf8
    if "Empty CSV file" in text:
        return DataError(f"Expected {path} to hold records. Received: a header only. Name another file.")
    if "straddling" in text:
        return DataError(
            f"Expected records of less than {BLOCK_BYTES >> 20} MiB in {path}. Received: a longer one. Is a quote "
            "opened and never closed? Close it, or double it if it is part of the text."
        )
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
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return DataError(
                    f"Expected {path} to be UTF-8 text. Received: the byte 0x{line[error.start]:02x} on line {number} "
                    f"(byte {offset + error.start + 1} of the file). Save the file as UTF-8, for example with "
                    "`iconv -f latin1 -t utf-8`."
                )
            offset += len(line)
    return None
