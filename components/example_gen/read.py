"""The tables of a resolved input."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...errors import DataError
from ..access import unreadable
from .csv_table import CsvTable
from .csv_text import CsvText
from .inputs import MatchedFiles
from .settings import IngestSpec, ReadSettings
from .tables import Table, check_columns
from .typed_tables import PARQUET_MAGIC, ParquetTable, ReaderTable

DATA_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".pq")


def data_paths(source: MatchedFiles, spec: ReadSettings) -> tuple[list[Path], list[Path]]:
    """Returns the paths to read, and the files in matching folders that are no data by their names.

    A reader is given what the pattern matches, be it a folder; without one every file is read on its own.

    Raises:
        DataError: if no file is left.
    """
    if spec.reader:
        return list(source.matches), []
    ignored = [
        file for file in source.files if file not in source.matches and not file.name.lower().endswith(DATA_SUFFIXES)
    ]
    paths = [file for file in source.files if file not in ignored]
    if not paths:
        raise DataError(
            f"Expected files that end in one of {', '.join(DATA_SUFFIXES)}. Received: "
            f"{', '.join(file.name for file in ignored[:5])}. Rename them, or name a pattern that matches them."
        )
    return paths, ignored


def check_headers(paths: Iterable[Path], spec: IngestSpec) -> None:
    """Checks that each file has the columns that an ingest needs, before any record is read.

    Raises:
        DataError: if a file cannot be read or its header does not fit.
    """
    if spec.reader:
        return  # What a reader yields is known once it has read.
    for path in paths:
        check_columns(path, open_table(path, spec).original_names, spec.columns, spec.label.name)


def open_table(path: Path, spec: IngestSpec) -> Table:
    """Opens one path.

    Raises:
        DataError: if it cannot be read or its header does not fit.
    """
    return open_columns(path, spec, list(spec.columns))


def open_columns(path: Path, read: ReadSettings, wanted: Sequence[str]) -> Table:
    """Opens one path for some of its columns.

    Args:
        path: path.
        read: `ReadSettings`.
        wanted: sequence of strings. Identifiers of the columns, by which a separator is judged.

    Raises:
        DataError: if it cannot be read or its header does not fit.
    """
    if read.reader:
        return ReaderTable(path, read.reader, read.missing_values, read.reader_options)
    try:
        with path.open("rb") as stream:
            is_parquet = stream.read(4) == PARQUET_MAGIC
    except OSError as error:
        raise unreadable(path, error) from None
    if is_parquet:
        return ParquetTable(path, read.missing_values)
    return CsvTable(text_of(path, read), wanted, read.separator, read.missing_values)


def text_of(path: Path, read: ReadSettings) -> CsvText:
    """Returns the text of a CSV file as settings say."""
    return CsvText(path, read.encoding, read.ignored_lines)
