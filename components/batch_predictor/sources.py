"""The files of an input, and their parts."""

import contextlib
import dataclasses
import glob
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ...errors import MAX_FAILURES_SHOWN, DataError, suggestion
from ...files import scratch_folder
from ...serving.contract import Feature
from ...uris import is_remote
from ..example_gen.csv_segments import BYTE_ORDER_MARK, read_segments
from ..example_gen.csv_table import CsvTable
from ..example_gen.csv_text import CsvText, is_gzip
from ..example_gen.inputs import HIDDEN_PREFIXES, match_files
from ..example_gen.read import DATA_SUFFIXES, data_paths, open_columns
from ..example_gen.settings import ReadSettings
from ..example_gen.tables import Table
from ..example_gen.typed_tables import ParquetTable
from ..features import to_identifier
from .places import Place, open_place
from .plan import Part, Source

PART_BYTES = 8 << 20
PART_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class InputFile:
    """A file of an input; a folder where a reader takes one.

    Args:
        name: string. Path or URI.
        size: int. Bytes.
        stamp: string. When it was last written, or the store's tag of its content.
    """

    name: str
    size: int
    stamp: str


def list_inputs(pattern: str, read: ReadSettings) -> list[InputFile]:
    """Returns the files that a path, a folder or a pattern names, here or in a bucket.

    Raises:
        DataError: if there are none.
        StoreError: if the bucket cannot be listed.
    """
    if is_remote(pattern):
        return _list_remote(open_place(pattern), read)
    found = match_files(pattern)
    files = []
    for path in data_paths(found, read)[0]:
        below = [path] if path.is_file() else [file for file in found.files if file.is_relative_to(path)]
        states = [file.stat() for file in below]
        newest = max(state.st_mtime_ns for state in states)
        files.append(InputFile(str(path), sum(state.st_size for state in states), f"{len(below)} {newest}"))
    return files


def _list_remote(place: Place, read: ReadSettings) -> list[InputFile]:
    path = place.path.rstrip("/")
    with place.asked("list"):
        if glob.has_magic(path):
            infos = place.files.glob(path, detail=True)
        elif place.files.isfile(path):
            infos = {path: place.files.info(path)}
        else:
            infos = {
                name: info
                for name, info in place.files.find(path, detail=True).items()
                if name.lower().endswith(DATA_SUFFIXES)
                and not any(part.startswith(HIDDEN_PREFIXES) for part in name.removeprefix(path).split("/"))
            }
    scheme, _, key = place.uri.partition("://")
    before = place.path.removesuffix(key)  # Of a folder that stands for all buckets.
    if read.reader and not glob.has_magic(path):
        stamp = "".join(sorted(_stamp(info) for info in infos.values()))
        files = [InputFile(place.uri, sum(info["size"] for info in infos.values()), stamp)] if infos else []
    else:
        files = [
            InputFile(f"{scheme}://{name.removeprefix(before)}", info["size"], _stamp(info))
            for name, info in sorted(infos.items())
            if info["type"] == "file"
        ]
    if not files:
        raise DataError(
            f"Expected data files at {place.uri}. Received: none; in a folder they end in one of "
            f"{', '.join(DATA_SUFFIXES)}. Check the address."
        )
    return files


def _stamp(info: Mapping[str, object]) -> str:
    return str(next((info[name] for name in ("ETag", "etag", "md5Hash", "LastModified", "mtime") if name in info), ""))


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The columns that a run needs.

    Args:
        features: sequence of `Feature`.
        key: sequence of strings. Key columns, by their names in the files or their identifiers.
    """

    features: Sequence[Feature]
    key: Sequence[str]

    @property
    def names(self) -> list[str]:
        """Their identifiers, each once."""
        return list(dict.fromkeys([*(feature.name for feature in self.features), *map(to_identifier, self.key)]))

    def check(self, name: str, columns: Mapping[str, str]) -> None:
        """Checks that a file has the columns.

        Raises:
            DataError: if some are absent that may not be.
        """
        required = [feature.name for feature in self.features if not feature.optional]
        keys = [to_identifier(key) for key in self.key]
        missing = [column for column in dict.fromkeys([*required, *keys]) if column not in columns]
        if not missing and any(feature.name in columns for feature in self.features):
            return
        missing = missing or [feature.name for feature in self.features]
        free = {column.casefold(): original for column, original in columns.items() if column not in self.names}
        failures = [
            f"{column!r} is missing.{suggestion(column, free, free.__getitem__)}"
            for column in missing[:MAX_FAILURES_SHOWN]
        ]
        failures += [f"{column!r} is missing." for column in missing[MAX_FAILURES_SHOWN:]]
        raise DataError(
            f"Expected {name} to have the columns of the model{' and of the key' if keys else ''}. Received: "
            f"{len(missing)} of {len(self.names)} missing. Correct the header"
            f"{', or the key' if set(keys) & set(missing) else ''}.",
            failures,
        )


def absent_columns(wanted: Wanted, source: Source) -> list[str]:
    """Returns the optional features that a file has no column for: they count as missing in all of its records."""
    return [feature.name for feature in wanted.features if feature.name not in source.columns]


class PartsReader:
    """Divides the files of an input into parts.

    Args:
        files: sequence of `InputFile`.
        read: `ReadSettings`.
        wanted: `Wanted`.
        is_shared: bool. Whether parts go to other machines, which read them themselves: then only CSV files that are
            not compressed are divided, and Parquet files by their row groups. Defaults to False.
    """

    def __init__(self, files: Sequence[InputFile], read: ReadSettings, wanted: Wanted, is_shared: bool = False) -> None:
        self.total_bytes = sum(file.size for file in files)
        self._files = files
        self._read = read
        self._wanted = wanted
        self._is_shared = is_shared
        self._number = 0

    def check(self) -> tuple[bool, list[str]]:
        """Checks the headers of all files, and returns whether each key has one type, and warnings.

        Raises:
            DataError: if a file cannot be read, lacks columns, or has keys that are no single values.
        """
        types: set[tuple[pa.DataType | None, ...]] = set()
        warnings: list[str] = []
        for file in self._files:
            if self._read.reader:
                return False, []  # What a reader yields is known once it has read.
            with self._opened(file) as (table, source, _):
                types.add(tuple(_key_type(table, file.name, key) for key in self._wanted.key))
                warnings += [
                    warning
                    for name in absent_columns(self._wanted, source)
                    if (warning := f"no column {name!r}: it counts as missing") not in warnings
                ]
                warnings += [warning for warning in table.warnings if warning not in warnings]
        return len(types) == 1 and None not in types.pop(), warnings

    def parts(self) -> Iterator[Part]:
        """Yields the parts in the order of the files.

        Raises:
            DataError: if a file cannot be read to its end.
        """
        self._number, before = 0, 0
        for file in self._files:
            with self._opened(file) as (table, source, ships):
                for part in self._divide(table, source, ships, file, before):
                    yield part
                    self._number += 1
            before += file.size

    @contextlib.contextmanager
    def _opened(self, file: InputFile) -> Iterator[tuple[Table, Source, bool]]:
        """Gives a file's table, its source, and whether its parts must carry their content."""
        with contextlib.ExitStack() as stack:
            path = Path(file.name)
            if is_remote(file.name):
                place = open_place(file.name)
                path = Path(stack.enter_context(scratch_folder()), posixpath.basename(place.path.rstrip("/")))
                with place.asked("read"):
                    place.files.get(place.path, str(path), recursive=True)
            table = open_columns(path, self._read, self._wanted.names)
            self._wanted.check(file.name, table.original_names)
            columns = {name: table.original_names[name] for name in self._wanted.names if name in table.original_names}
            source = Source(
                name=file.name,
                path=str(path.absolute()) if not is_remote(file.name) else file.name,
                columns=columns,
                names=tuple(table.names) if isinstance(table, CsvTable) else (),
                separator=table.separator if isinstance(table, CsvTable) else "",
            )
            is_divisible = isinstance(table, CsvTable) and table.text.is_plain and not is_gzip(path)
            ships = not self._is_shared and (not is_divisible or is_remote(file.name))
            yield table, source, ships

    def _divide(self, table: Table, source: Source, ships: bool, file: InputFile, before: int) -> Iterator[Part]:
        whole = Part(self._number, source, first=1, done=before + file.size)
        if isinstance(table, CsvTable):
            if self._is_shared and (is_gzip(table.path) or not table.text.is_plain):
                yield whole
            else:
                yield from self._divide_csv(table, source, ships, before)
        elif not self._is_shared:
            yield from self._divide_batches(table, source, file, before)
        elif isinstance(table, ParquetTable):
            first = 1
            for group, num_rows in enumerate(table.num_rows_of_groups):
                yield dataclasses.replace(whole, number=self._number, first=first, row_group=group)
                first += num_rows
        else:
            yield whole

    def _divide_csv(self, table: CsvTable, source: Source, ships: bool, before: int) -> Iterator[Part]:
        line, start, held = 1, 0, list[bytes]()
        with _failing_as_csv(table.text), pa.OSFile(str(table.path)) as raw:
            has_mark = table.text.is_plain and raw.read(3) == BYTE_ORDER_MARK
            raw.seek(0)
            stream = table.text.read(raw)
            num_bytes = len(BYTE_ORDER_MARK) if has_mark else 0
            for segment in read_segments(stream, table.grammar):
                if num_bytes >= PART_BYTES:
                    yield self._csv_part(source, line, before + raw.tell(), start, num_bytes, held, ships)
                    line, start, num_bytes, held = segment.line, start + num_bytes, 0, []
                num_bytes += len(segment.data)
                if ships:
                    held.append(segment.data)
            if num_bytes:
                yield self._csv_part(source, line, before + raw.tell(), start, num_bytes, held, ships)

    def _csv_part(
        self, source: Source, line: int, done: int, start: int, num_bytes: int, held: list[bytes], ships: bool
    ) -> Part:
        if ships:
            return Part(self._number, source, line, done, text=b"".join(held))
        return Part(self._number, source, line, done, start=start, num_bytes=num_bytes)

    def _divide_batches(self, table: Table, source: Source, file: InputFile, before: int) -> Iterator[Part]:
        num_rows = sum(table.num_rows_of_groups) if isinstance(table, ParquetTable) else 0
        first, held, num_held = 1, list[pa.RecordBatch](), 0

        def part() -> Part:
            done = before + (file.size * (first + num_held - 1) // num_rows if num_rows else 0)
            content = pa.Table.from_batches(held).combine_chunks().to_batches()[0]
            return Part(self._number, source, first, done, batch=content)

        for batch in table.batches(list(source.columns)):
            held.append(batch)
            num_held += batch.num_rows
            if num_held >= PART_ROWS:
                yield part()
                first, held, num_held = first + num_held, [], 0
        if num_held:
            yield part()


def _key_type(table: Table, file: str, key: str) -> pa.DataType | None:
    """Returns the type of a key column; None in a CSV file, which is text.

    Raises:
        DataError: if its values are lists or structures.
    """
    if not isinstance(table, ParquetTable):
        return None
    kind = table.type_of(to_identifier(key))
    if pa.types.is_nested(kind):
        raise DataError(f"Expected the key {key!r} of {file} to be a value. Received: {kind}. Name another key.")
    return kind


@contextlib.contextmanager
def _failing_as_csv(text: CsvText) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise text.failure(error) from None
