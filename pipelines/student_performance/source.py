"""Reads the published file and its copies: words for codes, other columns' order, separators, decimal commas.

for batch in read("Student_performance_data.csv", values={"Gender": {"Female": ["1"]}}, repairs=[]): ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from ...components.example_gen.csv_table import CsvTable
from ...components.example_gen.csv_text import CsvText
from ...components.example_gen.notes import Note
from ...components.example_gen.read import DATA_SUFFIXES
from ...components.example_gen.tables import Quarantined, Rejection
from ...components.settings import Identifier, Settings, check_settings
from ...errors import DataError, suggestion

KEY = "StudentID"
_DECIMAL_COMMA = r"^(\s*[+-]?\d+),(\d+\s*)$", r"\1.\2"


class Repair(Settings):
    """A cell of the published file that was altered.

    Args:
        key: string. The `StudentID` of its record.
        column: string.
        found: float. What stands there; a copy may have rounded it to two decimals.
        meant: float. What is read in its place.
        reason: string.
    """

    key: Annotated[str, Field(min_length=1)]
    column: Identifier
    found: float
    meant: float
    reason: Annotated[str, Field(min_length=1)]

    def applies_to(self, text: str | None) -> bool:
        """Returns whether a cell of the record holds the altered value."""
        number = _number(text)
        return number is not None and abs(number - self.found) <= 0.005


def read(
    path: str, values: Mapping[str, Mapping[str, Sequence[str]]], repairs: Sequence[Mapping[str, Any]]
) -> Iterator[pa.RecordBatch | Note]:
    """Yields the records as text, and a note of each repaired value and of each record that is no record.

    A number with a decimal comma is yielded with a point: no column of the file has numbers of a thousand.

    Args:
        path: string. A CSV file, or the folder of one.
        values: mapping of column to the values that the records have, each with what a file may write for it; case and
            surrounding blanks do not matter, and `2.0` is `2`. Any other value stays as it is, for the ingest to judge.
        repairs: sequence of the fields of `Repair`.

    Raises:
        ConfigurationError: if a repair does not fit.
        DataError: if the path holds no CSV file, several, or one that cannot be read; if `values` gives one written
            value two meanings.
    """
    known = [check_settings(Repair, repair, "repair of `data.reader_options`") for repair in repairs]
    meanings = {column: _meanings(column, of) for column, of in values.items()}
    file = _file(Path(path))
    table = CsvTable(CsvText(file), [KEY, *values], None, ("",))
    start = 0
    for batch in table.batches(list(table.original_names)):
        batch, repaired = _repair(batch, known)
        rejections = [Rejection(start + row, repair.column, repair.reason) for row, repair in repaired]
        keys = (repair.key for _, repair in repaired)
        for found in table.locate(batch, start, rejections):
            yield _note(file, found, next(keys) if found.column else "")
        start += batch.num_rows
        columns = {name: _read_as(batch.column(name), meanings.get(name)) for name in batch.schema.names}
        yield pa.RecordBatch.from_pydict(columns)
    for found in table.locate_rest():
        yield _note(file, found, "")


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith(DATA_SUFFIXES))
    if len(files) != 1:
        names = ", ".join(file.name for file in files[:5]) or "none"
        raise DataError(f"Expected one CSV file in {path}. Received: {names}. Name the file.")
    return files[0]


def _meanings(column: str, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns what each written value means, by its plain form."""
    meanings: dict[str, str] = {}
    for meant, written in values.items():
        for text in (meant, *written):
            if meanings.setdefault(_plain(text), meant) != meant:
                raise DataError(
                    f"Expected each value of {column!r} to have one meaning in `data.reader_options.values`. "
                    f"Received: {text!r} for {meanings[_plain(text)]!r} and {meant!r}. Correct it."
                )
    return meanings


def _read_as(column: pa.Array, meanings: Mapping[str, str] | None) -> pa.Array:
    if meanings is None:
        return pc.replace_substring_regex(column, *_DECIMAL_COMMA)
    encoded = column.dictionary_encode()
    texts = [meanings.get(_plain(text), text) for text in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def _repair(batch: pa.RecordBatch, repairs: Sequence[Repair]) -> tuple[pa.RecordBatch, list[tuple[int, Repair]]]:
    """Returns the batch with its altered cells repaired, and which rows they are in, ascending."""
    if not repairs or KEY not in batch.schema.names:
        return batch, []
    keys = [_plain(key) for key in batch.column(KEY).to_pylist()]
    found: list[tuple[int, Repair]] = []
    for repair in repairs:
        if repair.column not in batch.schema.names:
            raise DataError(
                f"Expected the column {repair.column!r}, in which a cell is to be repaired. Received: "
                f"{', '.join(batch.schema.names)}.{suggestion(repair.column, batch.schema.names)} Correct the file."
            )
        place = batch.schema.get_field_index(repair.column)
        cells = batch.column(place).to_pylist()
        wanted = _plain(repair.key)
        altered = [row for row, key in enumerate(keys) if key == wanted and repair.applies_to(cells[row])]
        for row in altered:
            cells[row] = repr(repair.meant)
        if altered:
            batch = batch.set_column(place, repair.column, pa.array(cells, pa.string()))
        found += [(row, repair) for row in altered]
    return batch, sorted(found, key=lambda one: one[0])


def _note(file: Path, found: Quarantined, key: str) -> Note:
    """Returns the note of a repaired cell, or of a record with too many or too few fields, which has no key."""
    return Note(file.name, found.line, key, found.column, "replaced" if key else "dropped", found.reason)


def _plain(text: str | None) -> str:
    """Returns a text without case and surrounding blanks, a whole number as its digits."""
    number = _number(text)
    return str(int(number)) if number is not None and number.is_integer() else (text or "").strip().casefold()


def _number(text: str | None) -> float | None:
    try:
        return float(re.sub(*_DECIMAL_COMMA, text or ""))
    except ValueError:
        return None
