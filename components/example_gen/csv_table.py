"""Records of a CSV file: any separator, byte order mark, line ends, quoted line ends, gzip."""

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ...errors import DataError
from ..features import to_identifier, to_identifiers
from .csv_segments import BAD_QUOTES, BLOCK_BYTES, PIECE_BYTES, Grammar, Segment, read_segments
from .csv_text import CsvText
from .tables import Quarantined, Rejection, Table

UNNAMED = "unnamed"
MAX_SHOWN = 60
SEPARATORS = (",", ";", "\t", "|")


class CsvTable(Table):
    """Records of a CSV file, every column as text.

    Args:
        text: `CsvText`. The file.
        wanted: sequence of strings. Identifiers of the columns that are needed, by which a separator is judged.
        separator: string or `None`. `None` takes the one that finds most of `wanted` in the header.
        missing_values: sequence of strings that mean "no value".

    Attributes:
        text: `CsvText`.
        separator: string. That of the file.
        grammar: `Grammar`.
        names: list of strings. The header. One column may have no name: its identifier is `UNNAMED`.

    Raises:
        DataError: if the file is empty, binary, in another encoding, or its header does not fit.
    """

    def __init__(
        self, text: CsvText, wanted: Sequence[str], separator: str | None, missing_values: Sequence[str]
    ) -> None:
        text.check()
        header = _read_header(text, SEPARATORS if separator is None else (separator,))
        ignored = _read_ignored(text, header, wanted)
        self.separator = _choose_separator(text.path, header, wanted, separator)
        self.grammar = Grammar(self.separator)
        self.text = text
        self.names = _split(header, self.separator)
        self._ignored = ignored
        self._missing_values = list(missing_values)
        self._num_ragged = self._num_malformed = 0
        self._walker: _Walker | None = None
        super().__init__(text.path, _identify(self.names))

    @property
    def warnings(self) -> list[str]:
        """The ignored lines below the header, where a record would be lost."""
        return [
            f"line {number} is ignored (`data.ignored_lines`): {text[:MAX_SHOWN]!r}"
            for number, text in self._ignored.items()
        ]

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
            with self.text.open() as stream:
                records = _WellFormed(read_segments(stream, self.grammar))
                if not records.has_header:
                    raise DataError(
                        f"Expected quotes in the header of {self.path} to be closed. Received: {BAD_QUOTES}."
                    )
                for batch in self._parse(records, names):
                    self._num_malformed = records.num_malformed
                    yield batch.rename_columns(list(columns))
                self._num_malformed = records.num_malformed
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise self.text.failure(error) from None

    def locate(self, batch: pa.RecordBatch, start: int, rejections: Sequence[Rejection]) -> Iterator[Quarantined]:
        """Yields the rejected records, and the ragged ones before them, in the order of the file."""
        for rejection in rejections:
            walker = self._walker = self._walker or _Walker(self.text, self.grammar, len(self.names))
            yield from walker.walk_to(rejection)

    def locate_rest(self) -> Iterator[Quarantined]:
        """Yields the ragged records after the last one located.

        Raises:
            DataError: if quotes are such that two parsers count the records differently.
        """
        if not self.num_ragged and not self._walker:
            return
        walker = self._walker or _Walker(self.text, self.grammar, len(self.names))
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

    def __init__(self, text: CsvText, grammar: Grammar, num_fields: int) -> None:
        self.num_ragged = 0
        self._text = text
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
                yield Quarantined(str(self._text.path), line, rejection.column, rejection.reason, text)
                return
            self.num_ragged += 1
            yield Quarantined(str(self._text.path), line, "", reason, text)

    def _walk(self) -> Iterator[tuple[int, bytes, str]]:
        """Yields line, record and reason of ragged and malformed records, and without reason the one wanted."""
        index, num_skipped = 0, 1  # The header is a record and has no index.
        try:
            with self._text.open() as stream:
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
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise self._text.failure(error) from None

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


def _identify(names: Sequence[str]) -> dict[str, str]:
    """Returns the names by their identifiers; pandas writes its index as a column without a name."""
    identified = to_identifiers(name or UNNAMED for name in names)
    if names.count("") == 1:
        identified[UNNAMED] = ""
    return identified


def _read_header(text: CsvText, separators: Sequence[str]) -> str:
    """Returns the raw text of the first record; a quoted name may hold line ends."""
    opening = re.compile(rf'(?:^|[{re.escape("".join(separators))}])"')
    header: list[str] = []
    num_characters = num_quotes = 0
    try:
        for line in text.lines():
            if not header and not line.strip("\r\n"):
                continue
            header.append(line)
            num_characters += len(line)
            num_quotes += line.count('"')
            if num_quotes % 2 == 0 or not opening.search(header[0]):
                return "".join(header).strip("\r\n")
            if num_characters > BLOCK_BYTES:
                break
    except (OSError, UnicodeError, EOFError) as error:
        raise text.failure(error) from None
    if header:
        raise DataError(
            f"Expected quotes in the header of {text.path} to be closed. Received: {header[0][:80]!r}. Close them."
        )
    raise DataError(f"Expected {text.path} to hold a header and records. Received: an empty file. Name another file.")


def _read_ignored(text: CsvText, header: str, wanted: Sequence[str]) -> dict[int, str]:
    """Returns the ignored lines below the header.

    Raises:
        DataError: if one of them is the header: the file begins otherwise than those that the settings are for.
    """

    def num_wanted(line: str) -> int:
        found = ({to_identifier(name) for name in _split(line, separator)} for separator in SEPARATORS)
        return max(len(names.intersection(wanted)) for names in found)

    try:
        ignored = text.ignored()
        for number, line in ignored.items():
            if num_wanted(line[:PIECE_BYTES]) > num_wanted(header):
                raise DataError(
                    f"Expected the header of {text.path} below its ignored lines (`data.ignored_lines: "
                    f"{list(text.ignored_lines)}`). Received: it on line {number}, which is ignored: "
                    f"{line[:MAX_SHOWN]!r}. Let all files begin alike, or set `data.ignored_lines` for this one."
                )
        first = next((number for number, line in enumerate(text.lines(), start=1) if line.strip()), 0)
    except (OSError, UnicodeError, EOFError) as error:
        raise text.failure(error) from None
    return {number: line for number, line in ignored.items() if number > first}


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
