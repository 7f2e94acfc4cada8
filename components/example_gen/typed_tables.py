"""Records that come with types: Parquet files, and what a system's reader yields."""

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from ...dotted import import_callable
from ...errors import ConfigurationError, DataError, YachayError
from ..access import unreadable
from ..features import to_identifiers
from .attachments import Attachment
from .notes import Note
from .tables import Quarantined, Rejection, Table, blank, plain_values

PARQUET_MAGIC = b"PAR1"
BATCH_ROWS = 1 << 15

Reader = Callable[[str], Iterator[pa.RecordBatch | Note | Attachment]]


class _TypedTable(Table):
    def __init__(self, path: Path, names: Sequence[str], missing_values: Sequence[str]) -> None:
        super().__init__(path, to_identifiers(names))
        self._missing_values = list(missing_values)

    def locate(self, batch: pa.RecordBatch, start: int, rejections: Sequence[Rejection]) -> Iterator[Quarantined]:
        """Yields the rejected records as JSON with their number, from 1."""
        for rejection in rejections:
            record = batch.slice(rejection.index - start, 1).to_pylist()[0]
            text = json.dumps(record, default=str, ensure_ascii=False)
            yield Quarantined(str(self.path), rejection.index + 1, rejection.column, rejection.reason, text)

    def _select(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        arrays = []
        for column in columns:
            with plain_values(column):
                arrays.append(plain(batch.column(self.original_names[column])))
        return pa.RecordBatch.from_arrays(
            [blank(array, self._missing_values) if array.type == pa.string() else array for array in arrays],
            names=list(columns),
        )


class ParquetTable(_TypedTable):
    """Records of a Parquet file.

    Raises:
        DataError: if the file is no whole Parquet file.
    """

    def __init__(self, path: Path, missing_values: Sequence[str]) -> None:
        try:
            # Buffered, not fetched ahead: a file of one huge row group must not need its size in memory.
            self._file = pyarrow.parquet.ParquetFile(str(path), buffer_size=1 << 20, pre_buffer=False)
        except OSError as error:
            raise unreadable(path, error) from None
        except pa.ArrowException as error:
            raise DataError(f"Expected {path} to be a whole Parquet file. Received: {error}. Write it again.") from None
        super().__init__(path, self._file.schema_arrow.names, missing_values)

    def type_of(self, column: str) -> pa.DataType:
        """Returns the type of a column's values in `batches`."""
        return plain(pa.array([], self._file.schema_arrow.field(self.original_names[column]).type)).type

    @property
    def binary_columns(self) -> list[str]:
        """The columns of bytes, which may be text or none, by their identifiers."""
        kinds = {name: self._file.schema_arrow.field(original).type for name, original in self.original_names.items()}
        return [
            name
            for name, kind in kinds.items()
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        ]

    @property
    def num_rows_of_groups(self) -> list[int]:
        """The number of records of each row group."""
        metadata = self._file.metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    def batches(self, columns: Sequence[str], row_group: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the records with `columns` in that order; missing values are null.

        Args:
            columns: sequence of strings.
            row_group: int or None. The only row group to read. Defaults to all.
        """
        names = [self.original_names[column] for column in columns]
        groups = None if row_group is None else [row_group]
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, columns=names, row_groups=groups):
                yield self._select(batch, columns)
        except (pa.ArrowException, OSError) as error:
            fix = "Write it again."
            if "lists to be of size" in str(error):  # Other writers allow it, pyarrow reads none.
                fix = "A list of fixed size may not be missing: write the column as lists without a fixed size."
            raise DataError(f"Expected {self.path} to be a whole Parquet file. Received: {error}. {fix}") from None


class ReaderTable(_TypedTable):
    """Records of what a system's reader yields.

    Args:
        path: path.
        dotted_path: string. Of the reader.
        missing_values: sequence of strings that mean "no value".
        options: mapping. The reader's further arguments. Defaults to none.

    Raises:
        DataError: if the reader fails or yields nothing.
    """

    def __init__(
        self, path: Path, dotted_path: str, missing_values: Sequence[str], options: Mapping[str, Any] | None = None
    ) -> None:
        self._dotted_path = dotted_path
        self._read = load_reader(dotted_path, options)
        self._notes: list[Note] = []
        self._attachments: dict[str, bytes] = {}
        batches = self._yielded(path)
        first = next(batches, None)
        if first is None:
            raise DataError(f"Expected {path} to hold records. Received: none from {dotted_path}. Name other data.")
        # What was read for the names of the columns is not read again.
        self._begun: Iterator[pa.RecordBatch] | None = itertools.chain([first], batches)
        super().__init__(path, first.schema.names, missing_values)

    @property
    def notes(self) -> Sequence[Note]:
        """What the reader noted so far."""
        return self._notes

    @property
    def attachments(self) -> Mapping[str, bytes]:
        """What the reader attached so far."""
        return self._attachments

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yields the records with `columns` in that order; missing values are null."""
        if self._begun is None:
            self._notes, self._attachments = [], {}
        batches, self._begun = self._begun or self._yielded(self.path), None
        for batch in batches:
            absent = [column for column in columns if self.original_names[column] not in batch.schema.names]
            if absent:
                raise DataError(
                    f"Expected the same columns in every batch of {self._dotted_path}. "
                    f"Received: one without {', '.join(absent)}. Correct the reader."
                )
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield self._select(batch.slice(start, BATCH_ROWS), columns)

    def _yielded(self, path: Path) -> Iterator[pa.RecordBatch]:
        batches = iter(self._read(str(path)))
        for _ in itertools.count():
            try:
                batch = next(batches)
            except StopIteration:
                return
            except YachayError:
                raise
            except OSError as error:
                raise unreadable(path, error) from error
            except Exception as error:
                raise DataError(
                    f"Expected {self._dotted_path} to read {path}. Received: {type(error).__name__}: {error}. "
                    "Check that the data is what this reader is for."
                ) from error
            if isinstance(batch, Note):
                self._notes.append(batch)
            elif isinstance(batch, Attachment):
                self._attachments[batch.name] = batch.content
            else:
                yield batch


def load_reader(dotted_path: str, options: Mapping[str, Any] | None = None) -> Reader:
    """Returns the function at a dotted path, with its further arguments bound.

    Args:
        dotted_path: string.
        options: mapping of argument to value. Defaults to none.

    Raises:
        ConfigurationError: if there is none, or it does not take these arguments.
    """
    reader = import_callable(dotted_path, "`data.reader`")
    try:
        inspect.signature(reader).bind("", **(options or {}))
    except TypeError as error:
        raise ConfigurationError(
            f"Expected `data.reader_options` to be arguments of {dotted_path}{inspect.signature(reader)} beside the "
            f"path. Received: {', '.join(options or {}) or 'none'} ({error}). Correct the options."
        ) from None
    return functools.partial(reader, **(options or {}))


def plain(array: pa.Array) -> pa.Array:
    """Returns dictionaries, binary and the other string types as plain strings, and half floats as floats.

    Raises:
        ArrowInvalid: if a string is not UTF-8.
    """
    kind = array.type
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if kind == pa.string():
        array.validate(full=True)  # Files may hold bytes that are not UTF-8; every cast checks them.
    is_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return array.cast(pa.string()) if is_text or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else array
