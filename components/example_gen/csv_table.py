"""Records of a CSV file: any separator, byte order mark, line ends, quoted line ends, gzip."""

import collections
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv

from ...errors import DataError
from ..features import to_identifier, to_identifiers
from .access import unreadable
from .tables import Quarantined, Refusal, Table

SEPARATORS = (",", ";", "\t", "|")
GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 4 << 20
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

    Raises:
        DataError: if the file is empty, binary, not UTF-8, or its header does not fit.
    """

    def __init__(self, path: Path, wanted: Sequence[str], separator: str | None, missing_values: Sequence[str]) -> None:
        _refuse_binary(path)
        header = _read_header(path)
        self._separator = _choose_separator(path, header, wanted, separator)
        self._names = _split(header, self._separator)
        self._missing_values = list(missing_values)
        self._num_ragged = 0
        self._walker: _Walker | None = None
        super().__init__(path, to_identifiers(self._names))

    @property
    def num_ragged(self) -> int:
        """The number of records so far with too many or too few fields."""
        return self._num_ragged

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yields the records with `columns` in that order as text; missing values are null.

        Raises:
            DataError: if the file cannot be read to its end.
        """
        names = [self.original_names[column] for column in columns]
        self._num_ragged = 0
        try:
            reader = pyarrow.csv.open_csv(
                _open_arrow(self.path),
                read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self._separator, newlines_in_values=True, invalid_row_handler=self._skip_ragged
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=names,
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=self._missing_values,
                    strings_can_be_null=True,
                ),
            )
            last = None
            for batch in reader:
                if batch.num_rows:
                    last = batch
                    yield batch.rename_columns(list(columns))
        except (pa.ArrowException, OSError) as error:
            raise _describe(self.path, error) from None
        if last is not None and any("\n" in (column[-1].as_py() or "") for column in last.columns):
            # A quote that is never closed makes one field of the rest of the file: walking there tells.
            collections.deque(_Walker(self.path, self._separator, len(self._names)).walk_to(None), maxlen=0)

    def locate(self, batch: pa.RecordBatch, start: int, refusals: Sequence[Refusal]) -> Iterator[Quarantined]:
        """Yields the refused records, and the ragged ones before them, in the order of the file."""
        for refusal in refusals:
            walker = self._walker = self._walker or _Walker(self.path, self._separator, len(self._names))
            yield from walker.walk_to(refusal)

    def locate_rest(self) -> Iterator[Quarantined]:
        """Yields the ragged records after the last one located.

        Raises:
            DataError: if quotes are such that two parsers count the records differently.
        """
        if not self._num_ragged and not self._walker:
            return
        walker = self._walker or _Walker(self.path, self._separator, len(self._names))
        yield from walker.walk_to(None)
        if walker.num_ragged != self._num_ragged:
            raise DataError(
                f"Expected quotes in {self.path} that say where each field ends. Received: {self._num_ragged} records "
                f"with a wrong number of fields in one reading, {walker.num_ragged} in another. Double each quote "
                "inside a quoted field."
            )

    def _skip_ragged(self, row: pyarrow.csv.InvalidRow) -> str:
        self._num_ragged += 1
        return "skip"


class _Walker:
    """Walks through a file once more to say on which raw line a record begins.

    Only files with refused records are walked, as far as the last one.
    """

    def __init__(self, path: Path, separator: str, num_fields: int) -> None:
        self.line = 0
        self.record = ""
        self.num_ragged = 0
        self._path = path
        self._num_fields = num_fields
        self._index = -1
        self._lines: list[str] = []
        self._reader = csv.reader(self._keep(), delimiter=separator)
        self._records = self._walk()
        next(self._records)

    def walk_to(self, refusal: Refusal | None) -> Iterator[Quarantined]:
        """Yields the ragged records up to the refused one (to the end where there is none), then that."""
        for fields in self._records:
            if len(fields) != self._num_fields:
                self.num_ragged += 1
                reason = f"{len(fields)} fields, the header has {self._num_fields}"
                yield Quarantined(str(self._path), self.line, "", reason, self.record)
                continue
            self._index += 1
            if refusal is not None and self._index == refusal.index:
                yield Quarantined(str(self._path), self.line, refusal.column, refusal.reason, self.record)
                return

    def _keep(self) -> Iterator[str]:
        with _open_text(self._path) as lines:
            for line in lines:
                self._lines.append(line)
                yield line

    def _walk(self) -> Iterator[list[str]]:
        try:
            end = 0
            for fields in self._reader:
                self.record = "".join(self._lines).rstrip("\r\n")
                self.line = end + 1
                end = self._reader.line_num
                self._lines.clear()
                if fields:
                    yield fields
            if "\n" in self.record and self.record.count('"') % 2:
                raise DataError(
                    f"Expected quotes in {self._path} to be closed. Received: a quote in the record at line "
                    f"{self.line} that runs to the end of the file. Close it, or double it if it is part of the text."
                )
        except csv.Error as error:
            raise DataError(
                f"Expected {self._path} to be CSV. Received: {error} in the record at line {end + 1}. Is a quote never "
                "closed there? Close it, or double it if it is part of the text."
            ) from None
        except (OSError, UnicodeDecodeError, EOFError) as error:
            raise _describe(self._path, error) from None


def _open_binary(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if is_gzip else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path) -> IO[str]:
    return io.TextIOWrapper(_open_binary(path), encoding="utf-8-sig", newline="")


def _open_arrow(path: Path) -> pa.NativeFile:
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
    return pa.input_stream(str(path), compression="gzip" if is_gzip else None)


def _refuse_binary(path: Path) -> None:
    try:
        with _open_binary(path) as stream:
            start = stream.read(PROBE_BYTES)
    except (OSError, EOFError) as error:
        raise _describe(path, error) from None
    kind = next((kind for magic, kind in BINARY_KINDS if start.startswith(magic)), None)
    if kind is None and b"\0" in start:
        kind = f"a zero byte at byte {start.index(0) + 1}"
    if kind:
        raise DataError(
            f"Expected {path} to be CSV text or Parquet. Received: a binary file ({kind}). Save it as CSV in UTF-8."
        )


def _read_header(path: Path) -> str:
    """Returns the raw text of the first record."""
    try:
        with _open_text(path) as lines:
            header = ""
            for line in lines:
                header += line
                # A quoted name may hold line ends.
                if header.strip("\r\n") and header.count('"') % 2 == 0:
                    return header.strip("\r\n")
                if not header.strip("\r\n"):
                    header = ""
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise _describe(path, error) from None
    if header:
        raise DataError(f"Expected quotes in the header of {path} to be closed. Received: {header[:80]!r}. Close them.")
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


def _describe(path: Path, error: Exception) -> DataError:
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
