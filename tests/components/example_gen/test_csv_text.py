import gzip
from pathlib import Path

import pytest

from yachay.components.example_gen.csv_table import CsvTable
from yachay.components.example_gen.csv_text import CsvText
from yachay.components.example_gen.settings import ReadSettings
from yachay.components.example_gen.tables import Rejection
from yachay.components.settings import check_settings
from yachay.errors import ConfigurationError, DataError

LINES = ["Año;Región", "2019;Áncash", '2020;"Cañete\r\n(Lima)"', "2021;Junín"]


def read(text: CsvText) -> dict[str, list[str]]:
    table = CsvTable(text, ["Ano", "x"], None, ("",))
    [batch] = table.batches(list(table.original_names))
    return dict(batch.to_pydict())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "UTF_16", "utf16", "u8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    content = end.join([*LINES, ""]).encode(encoding)
    (tmp_path / "plain.csv").write_bytes(content)
    (tmp_path / "packed.csv").write_bytes(gzip.compress(content))

    for name in ("plain.csv", "packed.csv"):
        values = list(read(CsvText(tmp_path / name, encoding)).values())
        assert values == [["2019", "2020", "2021"], ["Áncash", "Cañete\r\n(Lima)", "Junín"]]


def test_ignored_lines_are_no_records_and_leave_the_others_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("\ufeffStations of Peru\nx;y\nmm;\u00b0C\n1;2\n3;4\n", encoding="utf-8")

    table = CsvTable(CsvText(path, ignored_lines=(1, 3)), ["x"], None, ("",))
    [batch] = table.batches(["x", "y"])
    [located] = table.locate(batch, 0, [Rejection(1, "x", "too large")])

    assert batch.to_pydict() == {"x": ["1", "3"], "y": ["2", "4"]}
    assert (located.line, located.record) == (5, "3;4")


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("\ufeffx;y\n1;2\n".encode("utf-16-le"))

    assert read(CsvText(tmp_path / "data.csv", "utf-16-le")) == {"x": ["1"], "y": ["2"]}


def test_an_ignored_line_below_the_header_is_said_for_it_may_be_a_record(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("Puno\n\nx;y\n1;2\n3;4\n")

    table = CsvTable(CsvText(tmp_path / "data.csv", ignored_lines=(1, 2, 4)), ["x"], None, ("",))

    assert table.warnings == ["line 4 is ignored (`data.ignored_lines`): '1;2'"]


def test_a_header_among_the_ignored_lines_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x;y\n1;2\n3;4\n")

    with pytest.raises(DataError, match=r"ignored_lines: \[1\]`\). Received: it on line 1, which is ignored: 'x;y'"):
        CsvTable(CsvText(tmp_path / "data.csv", ignored_lines=(1,)), ["x", "y"], None, ("",))


def test_another_encoding_than_that_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"x;y\n1;\x81\n")

    with pytest.raises(DataError, match=r"to be text in cp1252, as `data.encoding` says. Received: .*0x81"):
        read(CsvText(tmp_path / "data.csv", "cp1252"))


def test_an_encoding_that_is_none_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="expected an encoding such as 'utf-8', 'cp1252' or 'utf-16'"):
        check_settings(ReadSettings, {"encoding": "latin-99"}, "data")


def test_a_column_without_a_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(",x\n0,7\n1,8\n")

    assert read(CsvText(tmp_path / "data.csv")) == {"unnamed": ["0", "1"], "x": ["7", "8"]}
