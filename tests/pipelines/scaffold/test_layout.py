"""Files in other encodings, with titles above the header or units below it."""

from pathlib import Path

import pytest

from yachay.errors import DataError
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.scaffold.layout import find_layout
from yachay.pipelines.scaffold.scaffold import scaffold

RECORDS = "".join(f"Niño {row % 7};Junín;{row * 7 % 19},5;{['sí', 'no'][row % 2]}\n" for row in range(80))
HEADER = "Nombre;Región;Año medio;Aprobó\n"


def written(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("cp1252", "cp1252"), ("latin-1", "cp1252"), ("utf-16", "utf-16"), ("utf-8-sig", "utf-8")],
)
def test_an_encoding_is_found_where_it_is_certain(tmp_path: Path, encoding: str, found: str) -> None:
    layout = find_layout([written(tmp_path, HEADER + RECORDS, encoding)])

    assert (layout.encoding, layout.ignored_lines) == (found, ())
    assert bool(layout.notes) == (found != "utf-8")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("город;класс\nМосква;да\nКазань;нет\n", "cp1251"),
        ("πόλη;τάξη\nΑθήνα;ναι\n", "cp1253"),
        ("miasto;klasa\nŁódź;tak\nGdańsk;nie\n", "cp1250"),
        ("nombre;clase\nPeñalolén;sí\n", "cp850"),
        ("nombre;clase\nPeñalolén;sí\n", "mac-roman"),
    ],
)
def test_an_encoding_that_is_not_certain_stays_a_question(tmp_path: Path, content: str, encoding: str) -> None:
    assert find_layout([written(tmp_path, content, encoding)]).encoding == "utf-8"


def test_files_in_two_encodings_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((HEADER + RECORDS).encode("cp1252"))
    (tmp_path / "b.csv").write_bytes((HEADER + RECORDS).encode())

    with pytest.raises(DataError, match="Name its encoding"):
        scaffold("tried", tmp_path, "Aprobó", tmp_path / "out")


@pytest.mark.parametrize(
    ("above", "below", "ignored"),
    [
        ("", "", ()),
        ("Notas del año 2020\n\n", "", (1,)),
        ("Notas;;;\nColegio 12;;;\n", "", (1, 2)),
        ("", HEADER, (2,)),
    ],
)
def test_titles_and_repeated_headers_are_no_records(
    tmp_path: Path, above: str, below: str, ignored: tuple[int, ...]
) -> None:
    assert find_layout([written(tmp_path, above + HEADER + below + RECORDS)]).ignored_lines == ignored


@pytest.mark.parametrize(("second", "ignored"), [("mm,°C,,\n", (2,)), ("NA,NA,2,a\n", ()), ("1,unknown,4,b\n", ())])
def test_a_row_of_units_is_no_record(tmp_path: Path, second: str, ignored: tuple[int, ...]) -> None:
    rows = "".join(f"{row}.5,{row % 7},{row % 3},{'ab'[row % 2]}\n" for row in range(30))

    assert find_layout([written(tmp_path, "Rain,Temp,Level,Class\n" + second + rows)]).ignored_lines == ignored


@pytest.mark.parametrize("odd", ["x" * 140_000, "a\0b"])
def test_a_field_that_python_cannot_split_shows_nothing(tmp_path: Path, odd: str) -> None:
    assert find_layout([written(tmp_path, f"{HEADER}{odd};Lima;1,5;no\n{RECORDS}")]).ignored_lines == ()


def test_only_what_no_file_has_as_a_record_is_ignored(tmp_path: Path) -> None:
    rows = "".join(f"{row}.5,{row % 7},{'ab'[row % 2]}\n" for row in range(30))
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "few.csv")]
    for path, below in zip(paths, ("mm,°C,\n", "", ""), strict=True):
        path.write_text("Puno,,\nRain,Temp,Class\n" + below + (rows if path.stem != "few" else "1,2,a\n"))

    assert find_layout(paths).ignored_lines == (1,)
    assert find_layout([paths[0], paths[2]]).ignored_lines == (1, 3)


def test_what_was_found_is_what_the_ingest_reads_by(tmp_path: Path) -> None:
    path = written(tmp_path, "Notas del año 2020;;;\n" + HEADER + RECORDS, "cp1252")

    new = scaffold("tried", path, "Aprobó", tmp_path / "out")

    data = find_pipeline(str(new.folder)).load().data
    assert (data.encoding, data.ignored_lines, data.decimal) == ("cp1252", (1,), ",")
    assert new.inference.class_counts == {"no": 40, "sí": 40}
    assert new.inference.notes[:2] == (
        "The file is not UTF-8 and is read as cp1252 (`data.encoding`).",
        "Line 1 is no record and is ignored: 'Notas del año 2020;;;' (`data.ignored_lines`).",
    )
