"""The records of a part, each with the place where it stands in its file."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from ...errors import DataError
from ...files import scratch_folder
from ...serving.contract import Feature
from ...uris import is_remote
from ..example_gen.csv_segments import QUOTE, Grammar, Records, Segment, count_lines, read_segments
from ..example_gen.read import open_columns, text_of
from ..example_gen.settings import ReadSettings
from ..example_gen.tables import Quarantined
from ..example_gen.typed_tables import ParquetTable
from .places import open_place
from .plan import Part

_TYPES = {"float32": pa.float64(), "int64": pa.int64(), "string": pa.string()}


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Consecutive records of a part.

    Args:
        columns: mapping of column, by its identifier, to its values as read: text or typed, null where missing.
        num_rows: int, `N`.
        places: function that returns the line, or the number, of each record: int array `(N,)`.
        record: function of a record's place in the chunk that returns it as it stands.
        unread: sequence of `Quarantined`. Lines that are no record, in their order.
    """

    columns: Mapping[str, pa.Array]
    num_rows: int
    places: Callable[[], NDArray[np.int64]]
    record: Callable[[int], str]
    unread: Sequence[Quarantined] = ()


class ChunkReader:
    """Reads parts.

    Args:
        read: `ReadSettings`.
        features: sequence of `Feature`. Those of the model; other columns are read as text.
    """

    def __init__(self, read: ReadSettings, features: Sequence[Feature]) -> None:
        self._read = read
        # Text that is to be repaired is no number yet.
        self._types = {
            feature.name: _TYPES[feature.dtype]
            for feature in features
            if feature.steps is None and feature.name not in read.repairs
        }

    def chunks(self, part: Part) -> Iterator[Chunk]:
        """Yields the records of a part in their order.

        Raises:
            DataError: if they cannot be read.
            StoreError: if a bucket cannot be read.
        """
        if part.source.separator:
            with self._text(part) as stream:
                yield from self._csv_chunks(part, stream)
            return
        first = part.first
        for batch in self._batches(part):
            yield _typed_chunk(part, batch, first)
            first += batch.num_rows

    @contextlib.contextmanager
    def _text(self, part: Part) -> Iterator[Any]:
        if part.text is not None:
            yield io.BytesIO(part.text)
        elif not part.num_bytes:
            with _local(part.source.path) as path, text_of(path, self._read).open() as stream:
                yield stream
        elif is_remote(part.source.path):
            with open_place(part.source.path).reading() as remote:
                remote.seek(part.start)
                yield io.BytesIO(remote.read(part.num_bytes))
        else:
            with Path(part.source.path).open("rb") as file:
                file.seek(part.start)
                yield io.BytesIO(file.read(part.num_bytes))

    def _batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        if part.batch is not None:
            yield part.batch
            return
        columns = list(part.source.columns)
        with _local(part.source.path) as path:
            table = open_columns(path, self._read, columns)
            if isinstance(table, ParquetTable):
                yield from table.batches(columns, part.row_group)
            else:
                yield from table.batches(columns)

    def _csv_chunks(self, part: Part, stream: Any) -> Iterator[Chunk]:
        grammar = Grammar(part.source.separator)
        has_header = part.first == 1
        for segment in read_segments(stream, grammar):
            moved = dataclasses.replace(segment, line=segment.line + part.first - 1)
            if not segment.reason:
                yield self._csv_chunk(part, moved, grammar, has_header)
                has_header = False
            elif has_header:
                raise DataError(
                    f"Expected quotes in the header of {part.source.name} to be closed. Received: {segment.reason}."
                )
            else:
                text = segment.data.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
                bad = Quarantined(part.source.name, moved.line, "", segment.reason, text)
                yield Chunk({}, 0, lambda: np.zeros(0, np.int64), str, [bad])

    def _csv_chunk(self, part: Part, segment: Segment, grammar: Grammar, has_header: bool) -> Chunk:
        table, num_ragged = self._parse(part, segment, has_header)
        source, num_lines = part.source, count_lines(segment.data)
        is_plain = QUOTE not in segment.data and not num_ragged and table.num_rows + has_header == num_lines
        located = _Located(part, segment, grammar, table.num_rows, has_header)
        columns = {column: table.column(original).combine_chunks() for column, original in source.columns.items()}
        return Chunk(
            columns,
            table.num_rows,
            (lambda: np.arange(table.num_rows) + segment.line + has_header) if is_plain else located.lines,
            located.record,
            located.ragged() if num_ragged else (),
        )

    def _parse(self, part: Part, segment: Segment, has_header: bool) -> tuple[pa.Table, int]:
        """Returns the records of a segment, numbers as such where all are written plainly, and how many are ragged."""
        if b"0x" not in segment.data and b"0X" not in segment.data:  # Arrow would take "0x1F" as 31.
            with contextlib.suppress(pa.ArrowInvalid):
                table, num_ragged = self._parse_as(self._types, part, segment, has_header)
                if all(
                    pc.all(pc.is_finite(column), min_count=0).as_py()
                    for column in table.columns
                    if pa.types.is_floating(column.type)
                ):
                    return table, num_ragged
        try:
            return self._parse_as({}, part, segment, has_header)
        except pa.ArrowInvalid as error:
            raise _unparsable(part.source.name, segment, error) from None

    def _parse_as(
        self, types: Mapping[str, pa.DataType], part: Part, segment: Segment, has_header: bool
    ) -> tuple[pa.Table, int]:
        num_ragged = 0

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            nonlocal num_ragged
            num_ragged += 1
            return "skip"

        columns = part.source.columns
        table = pyarrow.csv.read_csv(
            # Blank lines above a header count as rows.
            pa.BufferReader(segment.data.lstrip(b"\r\n") if has_header else segment.data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=part.source.names,
                skip_rows_after_names=int(has_header),
                block_size=len(segment.data) + 1,
                use_threads=False,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=part.source.separator,
                newlines_in_values=QUOTE in segment.data,
                invalid_row_handler=skip,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=list(columns.values()),
                column_types={original: types.get(name, pa.string()) for name, original in columns.items()},
                null_values=list(self._read.missing_values),
                strings_can_be_null=True,
                decimal_point=self._read.decimal,
            ),
        )
        return table, num_ragged


class _Located:
    """The records of a segment as they stand in the file; found where somebody asks for them."""

    def __init__(self, part: Part, segment: Segment, grammar: Grammar, num_rows: int, has_header: bool) -> None:
        self._part, self._segment, self._grammar = part, segment, grammar
        self._num_rows, self._has_header = num_rows, has_header
        self._found: tuple[Records, NDArray[np.int64], NDArray[np.int64]] | None = None

    def lines(self) -> NDArray[np.int64]:
        records, good, _ = self._records()
        lines: NDArray[np.int64] = records.lines[good]
        return lines

    def record(self, row: int) -> str:
        records, good, _ = self._records()
        return records.text(good[row]).decode("utf-8", errors="backslashreplace")

    def ragged(self) -> list[Quarantined]:
        records, _, ragged = self._records()
        expected = len(self._part.source.names)
        return [
            Quarantined(
                self._part.source.name,
                int(records.lines[position]),
                "",
                f"{records.num_fields[position]} fields, the header has {expected}",
                records.text(position).decode("utf-8", errors="backslashreplace"),
            )
            for position in ragged.tolist()
        ]

    def _records(self) -> tuple[Records, NDArray[np.int64], NDArray[np.int64]]:
        if self._found is None:
            records = self._grammar.records(self._segment)
            is_good = records.num_fields == len(self._part.source.names)
            is_record = np.arange(len(is_good)) >= self._has_header
            good, ragged = np.flatnonzero(is_good & is_record), np.flatnonzero(~is_good & is_record)
            if len(good) != self._num_rows:
                raise DataError(
                    f"Expected quotes in {self._part.source.name} that say where each field ends. Received: "
                    f"{self._num_rows} records below line {self._segment.line} in one reading, {len(good)} in another. "
                    "Double each quote inside a quoted field."
                )
            self._found = records, good, ragged
        return self._found


def _typed_chunk(part: Part, batch: pa.RecordBatch, first: int) -> Chunk:
    names = [part.source.columns[column] for column in batch.schema.names]

    def record(row: int) -> str:
        values = batch.slice(row, 1).to_pylist()[0].values()
        return json.dumps(dict(zip(names, values, strict=True)), default=str, ensure_ascii=False)

    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    return Chunk(columns, batch.num_rows, lambda: np.arange(batch.num_rows) + first, record)


@contextlib.contextmanager
def _local(path: str) -> Iterator[Path]:
    """Gives a file, copied here where it lies in a bucket."""
    if not is_remote(path):
        yield Path(path)
        return
    place = open_place(path)
    with scratch_folder() as folder:
        copy = folder / path.rstrip("/").rpartition("/")[2]
        with place.asked("read"):
            place.files.get(place.path, str(copy), recursive=True)
        yield copy


def _unparsable(name: str, segment: Segment, error: pa.ArrowInvalid) -> DataError:
    for number, line in enumerate(segment.data.splitlines(), start=segment.line):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as failure:
            return DataError(
                f"Expected {name} to be UTF-8 text. Received: the byte 0x{line[failure.start]:02x} on line {number}. "
                "Save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`."
            )
    return DataError(f"Expected {name} to be CSV. Received: {error}. Correct the file.")
