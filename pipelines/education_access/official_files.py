"""The official files as they are published, each as a table by district; `layout.py` names what is in them.

A table's index is the UBIGEO, the six digits by which INEI codes a district (department, province, district). Whatever
is not taken as it stands becomes a `Note`; whatever is not as the layout says is an error that names file, sheet and
column.
"""

import contextlib
import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...components.example_gen.notes import Note
from ...errors import DataError, suggestion
from .layout import SENTINELS, SheetLayout, TableLayout

Folder = Path | zipfile.Path

_FOOTNOTE = re.compile(r"( \d+[a-z]?/)+$")
_DISTRICT = re.compile(r"\d{6}")
_SHORT_CODE = re.compile(r"\d{5}")


def open_folder(path: str) -> Folder:
    """Returns the folder of the files, or the zip archive that holds them.

    Raises:
        DataError: if it is neither.
    """
    found = Path(path)
    if found.is_dir():
        return found
    if zipfile.is_zipfile(found):
        return zipfile.Path(found)
    raise DataError(
        f"Expected {path} to be the folder of the official files, or a zip archive of them. Received: another file. "
        "Name the folder."
    )


def read_sheet(folder: Folder, layout: SheetLayout, notes: list[Note]) -> pd.DataFrame:
    """Returns the columns of a workbook's sheet by district.

    Args:
        folder: folder or archive of the files.
        layout: `SheetLayout`.
        notes: list. Gets a note of each row that is no district and of each value that is no number.

    Raises:
        DataError: if file, sheet, header or a value is not as the layout says, or a district stands there twice.
    """
    rows = _rows_of(folder, layout)
    header = [_plain(cell) for cell in (rows[layout.header_row - 1] if len(rows) >= layout.header_row else ())]
    places = {name: _place(title, header, layout) for name, title in layout.columns.items()}
    key = _place(layout.key, header, layout)
    records = ((line, row[key] if key < len(row) else None, row) for line, row in enumerate(rows, start=1))
    body = (record for record in records if record[0] > layout.header_row)

    def value(name: str, row: Sequence[Any]) -> Any:
        return row[places[name]] if places[name] < len(row) else None

    return _table(body, value, layout, notes)


def read_entries(folder: Folder, layout: TableLayout, notes: list[Note]) -> pd.DataFrame:
    """Returns the columns of a JSON list of objects, or of a CSV file with a header, by district.

    Args:
        folder: folder or archive of the files.
        layout: `TableLayout`.
        notes: list. Gets a note of each row that is no district and of each value that is no number.

    Raises:
        DataError: if file, header or a value is not as the layout says, or a district stands there twice.
    """
    text = _content(folder, layout.file).decode("utf-8-sig")
    first_line = 1
    try:
        if layout.file.endswith(".json"):
            entries = json.loads(text)
        else:
            entries, first_line = list(csv.DictReader(io.StringIO(text))), 2
        names = dict.fromkeys(name for entry in entries for name in entry)
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"Expected {layout.file} to hold a list of objects, one a district. Received: {error}. Download it again."
        ) from None
    for title in (layout.key, *layout.columns.values(), *layout.texts.values()):
        if title not in names:
            raise _no_column(title, list(names), layout)
    body = ((line, entry.get(layout.key), entry) for line, entry in enumerate(entries, start=first_line))
    titles = {**layout.columns, **layout.texts}
    return _table(body, lambda name, entry: entry.get(titles[name]), layout, notes)


def _table(
    body: Iterable[tuple[int, Any, Any]],
    value: Callable[[str, Any], Any],
    layout: TableLayout,
    notes: list[Note],
) -> pd.DataFrame:
    lines: dict[str, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in (*layout.columns, *layout.texts)}
    for line, code, row in body:
        ubigeo = _district(line, code, row, layout, notes)
        if ubigeo is None:
            continue
        if ubigeo in lines:
            raise DataError(
                f"Expected each district once in {layout.place}. Received: {ubigeo} in the rows {lines[ubigeo]} and "
                f"{line}. Remove one of them."
            )
        lines[ubigeo] = line
        for name in layout.columns:
            columns[name].append(_number(value(name, row), line, ubigeo, name, layout, notes))
        for name in layout.texts:
            columns[name].append(str(value(name, row) or "").strip())
    if not lines:
        raise DataError(
            f"Expected districts in {layout.place}, by their UBIGEO. Received: none. Download the file again."
        )
    table = pd.DataFrame(columns, index=pd.Index(lines, name="ubigeo"))
    table.attrs["lines"] = lines
    return table


def _district(line: int, code: Any, row: Any, layout: TableLayout, notes: list[Note]) -> str | None:
    text = _plain(code)
    if _SHORT_CODE.fullmatch(text) and layout.drops_leading_zero:
        ubigeo = f"0{text}"
        notes.append(Note(layout.place, line, ubigeo, layout.key, "replaced", "the code lacks its leading zero"))
        return ubigeo
    if _DISTRICT.fullmatch(text):
        if text.endswith("00"):
            notes.append(Note(layout.place, line, text, "", "dropped", "a total of a province or department"))
            return None
        return text
    if text:
        reason = "a total" if text.upper() == "TOTAL" else "a heading or note, no district"
        notes.append(Note(layout.place, line, text[:40], "", "dropped", reason))
    elif any(_plain(cell) for cell in (row.values() if isinstance(row, Mapping) else row)):
        notes.append(Note(layout.place, line, "", "", "dropped", "a total or note without a code"))
    return None


def _number(value: Any, line: int, ubigeo: str, name: str, layout: TableLayout, notes: list[Note]) -> float:
    title = layout.columns[name]
    if value is None or value == "":
        notes.append(Note(layout.place, line, ubigeo, title, "blanked", "no value"))
        return np.nan
    if isinstance(value, str):
        text = value.strip()
        if text == "-" and name in layout.counts:
            notes.append(Note(layout.place, line, ubigeo, title, "replaced", "'-' of a count is 0"))
            return 0.0
        if text in SENTINELS:
            notes.append(Note(layout.place, line, ubigeo, title, "blanked", f"{text!r} is {SENTINELS[text]}"))
            return np.nan
        with contextlib.suppress(ValueError):
            value = float(text)
    if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise DataError(
        f"Expected numbers in the column {title!r} of {layout.place}. Received: {value!r} in row {line}, district "
        f"{ubigeo}. Correct the value, or blank it; known marks of a missing one are {', '.join(SENTINELS)}."
    )


def _rows_of(folder: Folder, layout: SheetLayout) -> list[tuple[Any, ...]]:
    from openpyxl import load_workbook

    content = _content(folder, layout.file)
    try:
        workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DataError(
            f"Expected {layout.file} to be a workbook (.xlsx). Received: {error}. Download it again."
        ) from None
    if layout.sheet not in workbook.sheetnames:
        raise DataError(
            f"Expected {layout.file} to have the sheet {layout.sheet!r}. Received: {', '.join(workbook.sheetnames)}."
            f"{suggestion(layout.sheet, workbook.sheetnames)} Use the edition that the README names."
        )
    return list(workbook[layout.sheet].iter_rows(values_only=True))


def _content(folder: Folder, file: str) -> bytes:
    path = folder / file
    if not path.is_file():
        others = sorted(entry.name for entry in folder.iterdir())
        raise DataError(
            f"Expected the file {file} in {folder}. Received: {', '.join(others[:12]) or 'an empty folder'}."
            f"{suggestion(file, others)} Put it there under this name."
        )
    return path.read_bytes()


def _place(title: str, header: Sequence[str], layout: SheetLayout) -> int:
    # The first of two: the second half of UNDP's sheet has normalised values under the same titles.
    if title not in header:
        raise _no_column(title, [name for name in header if name], layout)
    return header.index(title)


def _no_column(title: str, known: Sequence[str], layout: TableLayout) -> DataError:
    row = f", row {layout.header_row}," if isinstance(layout, SheetLayout) else ""
    return DataError(
        f"Expected {layout.place}{row} to have the column {title!r}. Received: {len(known)} others."
        f"{suggestion(title, known)} Use the edition that the README names, or adapt layout.py."
    )


def _plain(cell: Any) -> str:
    """Returns a cell's text on one line, without footnotes: `"Latitud\\nsur\\n 3/"` is `"Latitud sur"`."""
    return "" if cell is None else _FOOTNOTE.sub("", " ".join(str(cell).split()))
