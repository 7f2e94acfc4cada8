import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from yachay.components.example_gen.notes import Note
from yachay.pipelines.education_access.mock import mock_tables, official_files
from yachay.pipelines.education_access.source import read

CUT = 41.2


class Districts:
    """What the reader yields of a folder: the records by district, and the notes."""

    def __init__(self, path: Path) -> None:
        yielded = list(read(str(path), barrier_below_pct=CUT))
        self.notes = [item for item in yielded if isinstance(item, Note)]
        self.records = pd.concat([item.to_pandas() for item in yielded if not isinstance(item, Note)])
        self.records = self.records.set_index("ubigeo")

    def notes_of(self, file: str, **fields: Any) -> list[Note]:
        return [
            note
            for note in self.notes
            if note.file.startswith(file) and all(getattr(note, name) == value for name, value in fields.items())
        ]


@pytest.fixture(scope="session")
def files() -> Mapping[str, bytes]:
    return official_files(mock_tables())


@pytest.fixture
def folder(tmp_path: Path, files: Mapping[str, bytes]) -> Path:
    """The files of the made-up country."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory, files: Mapping[str, bytes]) -> Districts:
    path = tmp_path_factory.mktemp("country")
    for name, content in files.items():
        (path / name).write_bytes(content)
    return Districts(path)


@pytest.fixture(scope="session")
def official() -> Districts:
    """The districts of Peru."""
    if not os.environ.get("YACHAY_DATA"):
        pytest.skip("YACHAY_DATA is not set: it names the folder of the real data")
    return Districts(Path(os.environ["YACHAY_DATA"], "education_access"))


@pytest.fixture
def change_sheet(folder: Path) -> Callable[..., None]:
    """Changes cells of a workbook's only sheet, `{(row, column): value}`, from 1, or its title."""

    def change(file: str, cells: Mapping[tuple[int, int], Any] | None = None, title: str | None = None) -> None:
        workbook = openpyxl.load_workbook(io.BytesIO((folder / file).read_bytes()))
        for (row, column), value in (cells or {}).items():
            workbook.worksheets[0].cell(row, column).value = value
        if title is not None:
            workbook.worksheets[0].title = title
        workbook.save(folder / file)

    return change


@pytest.fixture
def change_services(folder: Path) -> Callable[[Callable[[list[dict[str, Any]]], None]], None]:
    def change(edit: Callable[[list[dict[str, Any]]], None]) -> None:
        path = folder / "indicadores-distrito.json"
        entries = json.loads(path.read_text())
        edit(entries)
        path.write_text(json.dumps(entries))

    return change


@pytest.fixture
def read_districts() -> Callable[[Path], Districts]:
    return Districts
