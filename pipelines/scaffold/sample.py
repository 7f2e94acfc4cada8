"""The rows of a data file that are looked at."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.convert import to_text
from ...components.example_gen.inputs import match_files
from ...components.example_gen.read import data_paths, open_table
from ...components.example_gen.settings import Column, ColumnType, IngestSpec
from ...components.example_gen.tables import Table, blank, check_columns
from ...components.example_gen.typed_tables import ParquetTable
from ...components.features import to_identifier
from ...components.prediction_task import Label
from ...errors import DataError, UsageError, suggestion
from .layout import Layout, find_layout
from .wording import say

SAMPLE_ROWS = 100_000
BLOCK_ROWS = 1_000
MAX_READ_ROWS = 2_000_000
MAX_CLASSES = 100


@dataclass(frozen=True)
class Sample:
    """Rows of a data file.

    Args:
        data: string. Path of the file, the folder or the pattern.
        tables: sequence of `Table`. The files.
        label: string. Identifier of the label.
        values: dict of identifier to `pyarrow.Array` of shape `(N,)`, null where there is no value.
        num_rows: int. `N`.
        num_read: int. Number of rows that were read.
        num_ragged: int. Number of further rows with another number of fields than the header.
        is_whole: bool. Whether the sample is the whole data.
        layout: `Layout`. How CSV files are written.
    """

    data: str
    tables: Sequence[Table]
    label: str
    values: dict[str, pa.Array]
    num_rows: int
    num_read: int
    num_ragged: int
    is_whole: bool
    layout: Layout

    @property
    def names(self) -> dict[str, str]:
        """The names in the file by identifier, in the order of the file; the identifier of a column without one."""
        return {name: original.strip() or name for name, original in self.tables[0].original_names.items()}

    @property
    def original_label(self) -> str:
        """The label's name in the file."""
        return self.names[self.label]

    @property
    def size(self) -> str:
        """How many rows they are, in words."""
        if self.is_whole:
            return say("all {rows:,} rows", rows=self.num_rows)
        if self.num_read < MAX_READ_ROWS:
            return say("{rows:,} rows, in blocks throughout {read:,}", rows=self.num_rows, read=self.num_read)
        return say("{rows:,} rows, in blocks throughout the first {read:,}", rows=self.num_rows, read=self.num_read)

    def count_labels(self, missing_values: Sequence[str]) -> Counter[str]:
        """Returns the rows of each label, of the whole data; it stops at more than `MAX_CLASSES` different ones."""
        if self.is_whole:
            return Counter(texts_of(self.label, blank_values(self.values[self.label], missing_values)))
        counts: Counter[str] = Counter()
        for batch in _batches(self.tables, [self.label]):
            counts.update(texts_of(self.label, blank_values(batch.column(self.label), missing_values)))
            if len(counts) > MAX_CLASSES:
                break
        return counts


def read_sample(data: str, label: str) -> Sample:
    """Reads rows of a data file: all of up to `SAMPLE_ROWS`, else blocks of `BLOCK_ROWS` at equal distances.

    Blocks keep what stands together: the rows of a person, a sensor that is stuck, rows written twice. Of more than
    `MAX_READ_ROWS` rows the first are read.

    Args:
        data: string. Path of a CSV or Parquet file, a folder or a pattern.
        label: string. The label's name in the file, or its identifier.

    Raises:
        DataError: if the data cannot be read, or has no rows.
        UsageError: if there is no such column as the label.
    """
    tables, layout = _open(data, to_identifier(label))
    names = tables[0].original_names
    name = _find_label(label, names, tables[0].path)
    table, num_read, is_whole = _read(tables)
    if not table.num_rows:
        raise DataError(f"Expected rows in {data}. Received: a header only. Name data with rows.")
    values = {column: blank_values(table.column(column).combine_chunks(), ("",)) for column in names}
    num_ragged = sum(one.num_ragged for one in tables)
    return Sample(data, tables, name, values, table.num_rows, num_read, num_ragged, is_whole, layout)


def blank_values(array: pa.Array, missing_values: Sequence[str]) -> pa.Array:
    """Returns values with null in place of NaN and of texts that mean "no value"."""
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return blank(array, missing_values) if array.type == pa.string() else array


def texts_of(name: str, array: pa.Array) -> list[str]:
    """Returns the values of a column as texts, without those that are null."""
    texts: list[str] = to_text(name, array).drop_null().to_pylist()
    return texts


def _open(data: str, label: str) -> tuple[list[Table], Layout]:
    spec = IngestSpec(columns={label: Column(type=ColumnType.STRING)}, label=Label(name=label))
    paths, _ = data_paths(match_files(data), spec)
    layout = find_layout(paths)
    spec = spec.model_copy(update={"encoding": layout.encoding, "ignored_lines": layout.ignored_lines})
    tables = [open_table(path, spec) for path in paths]
    for table in tables[1:]:
        check_columns(table.path, table.original_names, tables[0].original_names, label)
    return tables, layout


def _find_label(label: str, names: dict[str, str], path: Path) -> str:
    name = next((name for name, original in names.items() if label in (original, original.strip(), name)), None)
    if name is None:
        raise UsageError(
            f"Expected --label to name a column of {path}: {', '.join(names.values())}. Received: {label!r}."
            f"{suggestion(label, names.values())}"
        )
    return name


def _read(tables: Sequence[Table]) -> tuple[pa.Table, int, bool]:
    """Returns the sample, how many rows were read, and whether the sample is the whole data.

    Columns of bytes that are no text have none.
    """
    all_names = list(tables[0].original_names)
    bytes_only = {name for table in tables for name in _bytes_only(table)}
    names = [name for name in all_names if name not in bytes_only]
    blocks: list[tuple[int, pa.RecordBatch]] = []
    num_kept = num_read = 0
    stride, num_blocks = 1, 0
    for batch in _batches(tables, names):
        if num_read >= MAX_READ_ROWS:
            break
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            if num_blocks % stride == 0:
                block = batch.slice(start, BLOCK_ROWS)
                # A slice would keep its whole batch in memory.
                blocks.append((num_blocks, block if stride == 1 else _copy(block)))
                num_kept += block.num_rows
            num_blocks += 1
            if num_kept > SAMPLE_ROWS:
                stride *= 2
                blocks = [(number, _copy(block)) for number, block in blocks if number % stride == 0]
                num_kept = sum(block.num_rows for _, block in blocks)
        num_read += batch.num_rows
    empty = pa.table({name: pa.array([], pa.null()) for name in names})
    parts = [empty, *(pa.Table.from_batches([block]) for _, block in blocks)]
    try:
        table = pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"Expected a column to have one type in all files. Received: {error}. Write them alike."
        ) from None
    for name in all_names:
        if name in bytes_only:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.binary()))
    return table, num_read, table.num_rows == num_read < MAX_READ_ROWS


def _bytes_only(table: Table) -> Iterator[str]:
    """Yields the columns whose bytes are no text, by the first rows."""
    for name in table.binary_columns if isinstance(table, ParquetTable) else ():
        try:
            next(table.batches([name]), None)
        except DataError:
            yield name


def _copy(block: pa.RecordBatch) -> pa.RecordBatch:
    return block.take(pa.array(range(block.num_rows)))


def _batches(tables: Sequence[Table], columns: list[str]) -> Iterator[pa.RecordBatch]:
    return itertools.chain.from_iterable(table.batches(columns) for table in tables)
