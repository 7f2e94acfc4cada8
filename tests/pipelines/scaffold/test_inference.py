import datetime
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from yachay.components.example_gen.settings import ColumnType, Repair
from yachay.components.features import FeatureKind, Problem
from yachay.errors import DataError, UsageError
from yachay.pipelines.scaffold import sample
from yachay.pipelines.scaffold.inference import Inference, infer


def infer_columns(folder: Path, columns: dict[str, list[str]]) -> Inference:
    """Infers from a CSV of `columns` and a label `y` of two words."""
    num_rows = len(next(iter(columns.values())))
    columns = {**columns, "y": [("low", "high")[row % 2] for row in range(num_rows)]}
    rows = zip(*columns.values(), strict=True)
    path = folder / "data.csv"
    path.write_text("\n".join(map(",".join, [list(columns), *rows])) + "\n")
    return infer(str(path), "y")


@pytest.mark.parametrize(
    ("values", "kind", "column_type"),
    [
        (["0", "1"] * 10, FeatureKind.BOOLEAN, ColumnType.INT64),
        (["0.0", "1.0"] * 10, FeatureKind.BOOLEAN, ColumnType.INT64),
        (["yes", "no"] * 10, FeatureKind.CATEGORICAL, ColumnType.STRING),
        (["3", "7", "12", "3"] * 5, FeatureKind.CATEGORICAL, ColumnType.INT64),
        ([str(row * 7 % 19) for row in range(20)], FeatureKind.NUMERIC, ColumnType.INT64),
        ([f"{row * 7 % 19}.5" for row in range(20)], FeatureKind.NUMERIC, ColumnType.FLOAT32),
        ([f"{row * 7 % 19}.0" for row in range(20)], FeatureKind.NUMERIC, ColumnType.FLOAT32),
        (["01", "02"] * 10, FeatureKind.CATEGORICAL, ColumnType.STRING),
    ],
)
def test_the_kind_of_an_input_follows_its_values(
    tmp_path: Path, values: list[str], kind: FeatureKind, column_type: ColumnType
) -> None:
    (column,) = infer_columns(tmp_path, {"x": values}).columns

    assert (column.kind, column.type, column.required) == (kind, column_type, True)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("row", [str(row) for row in range(20)], "a row number: all different, in order"),
        ("client_id", [str(row * 7 % 41) for row in range(20)], "an identifier: different in every row"),
        ("client_id", [f"{row * 7 % 41}.0" for row in range(20)], "an identifier: different in every row"),
        ("client", [f"c{row}" for row in range(20)], "an identifier: different in every row"),
        ("remark", [f"c{row % 19}" for row in range(20)], "has 19 different texts in 20 rows"),
        ("unit", ["cm"] * 20, "is always 'cm'"),
        ("empty", [""] * 20, "has no value"),
    ],
)
def test_a_column_that_is_no_input_says_why(tmp_path: Path, name: str, values: list[str], reason: str) -> None:
    column = infer_columns(tmp_path, {name: values, "x": ["0", "1"] * 10}).columns[0]

    assert (column.kind, column.reason) == (None, reason)


def test_a_column_with_missing_values_is_optional(tmp_path: Path) -> None:
    (column,) = infer_columns(tmp_path, {"x": ["0", "1", "", "1"] * 5}).columns

    assert not column.required
    assert column.kind is FeatureKind.BOOLEAN


def test_a_marker_among_numbers_means_no_value(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["1.5", "NA", "2.5", "3.5"] * 5, "z": ["none", "some"] * 10})

    assert inferred.missing_values == ("", "NA")
    assert inferred.columns[0].kind is FeatureKind.NUMERIC
    assert inferred.columns[1].values == ("none", "some")


def test_classes_are_spelled_as_in_the_file_and_sorted_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x;y\n" + "".join(f"{row % 2};{(10.0, 2.0)[row % 2]}\n" for row in range(20)))

    inferred = infer(str(path), "y")

    assert inferred.problem is Problem.CLASSIFICATION
    assert inferred.class_counts == {"2.0": 10, "10.0": 10}
    assert list(inferred.class_counts) == ["2.0", "10.0"]


def test_many_numbers_are_a_regression(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{row % 2},{row / 7}\n" for row in range(50)))

    assert infer(str(path), "y").problem is Problem.REGRESSION


def test_a_label_is_known_by_its_original_name_and_by_its_identifier(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(gzip.compress(("\ufeffx;My label\t\r\n" + "0;a\r\n1;b\r\n" * 10).encode()))

    assert infer(str(path), "My label\t").label == infer(str(path), "My_label").label


def test_parquet_brings_its_types(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 1, 31)
    table = pa.table(
        {
            "flag": [True, False] * 10,
            "when": [day + datetime.timedelta(days=row) for row in range(20)],
            "word": pa.array(["a", "b"] * 10).dictionary_encode(),
            "whole": [float(row * 7 % 19) for row in range(20)],
            "nested": [[1], [2]] * 10,
            "y": [1.0, 1.0, 2.0, 2.0, 1.0] * 4,
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")

    inferred = infer(str(tmp_path / "data.parquet"), "y")

    assert [(column.kind, column.type) for column in inferred.columns] == [
        (FeatureKind.BOOLEAN, ColumnType.INT64),
        (FeatureKind.TIME, ColumnType.INT64),
        (FeatureKind.CATEGORICAL, ColumnType.STRING),
        (FeatureKind.NUMERIC, ColumnType.FLOAT32),
        (None, None),
    ]
    assert list(inferred.class_counts) == ["1", "2"]


def test_what_comes_after_the_sample_is_allowed_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 60)
    monkeypatch.setattr(sample, "BLOCK_ROWS", 10)
    path = tmp_path / "data.csv"
    path.write_text("x,w,y\n" + "".join(f"{row % 17},{'ab'[row % 2]},{'pqr'[row // 40]}\n" for row in range(120)))

    inferred = infer(str(path), "y")

    assert not inferred.is_whole
    assert inferred.size == "60 rows, in blocks throughout 120"
    assert inferred.class_counts == {"p": 40, "q": 40, "r": 40}
    assert [(c.type, c.required, c.values) for c in inferred.columns] == [
        (ColumnType.FLOAT32, False, ()),
        (ColumnType.STRING, False, ()),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n", "Expected rows in .* a header only"),
        ("x,y\n" + "0,\n1,\n", "Expected labels in the column 'y' .* none"),
        ("x,y\n" + "0,a\n1,a\n", "two or more values in the label column 'y' .* 'a' only"),
        ("x,y\n" + "".join(f"{row % 2},w{row}\n" for row in range(200)), "at most 100 classes .* 200 or more"),
        ("x,y\n" + "0,1\n1,2\n" * 5 + "0,1.0\n1,2.0\n" * 10, "one spelling of each class .* '1' and '1.0'"),
        ("x,y\n" + "".join(f"{row % 7},{row % 28 + 1}/11/2020\n" for row in range(200)), "Received: times, written as"),
        ("x,y\n" + "5,a\n5,b\n" * 5, "(?s)a column in .* that can be an input.*x: is always '5'"),
    ],
)
def test_data_that_cannot_be_used_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        infer(str(path), "y")


def test_an_unknown_label_is_rejected_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,Target\n0,a\n1,b\n")

    with pytest.raises(UsageError, match=r"x, Target\. Received: 'Targt'\. Did you mean 'Target'\?"):
        infer(str(path), "Targt")


def test_a_rare_word_among_numbers_means_no_value(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["unknown", *(f"{row}.5" for row in range(599))]})

    (column,) = inferred.columns
    assert (column.kind, column.type, column.required) == (FeatureKind.NUMERIC, ColumnType.FLOAT32, False)
    assert inferred.missing_values == ("", "unknown")
    assert inferred.quarantined_share == 0
    assert inferred.notes == (
        "x: 1 of 600 values are no numbers and count as missing: 'unknown' (1) (`data.missing_values`).",
    )


def test_an_infinite_number_means_no_value(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["inf", "-inf", *(f"{row}.5" for row in range(98))]})

    assert inferred.columns[0].kind is FeatureKind.NUMERIC
    assert inferred.missing_values == ("", "-inf", "inf")


def test_a_record_with_an_infinite_number_of_a_typed_file_is_quarantined(tmp_path: Path) -> None:
    table = pa.table({"x": [float("inf"), *(row / 7 for row in range(99))], "y": ["a", "b"] * 50})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")

    inferred = infer(str(tmp_path / "data.parquet"), "y")

    assert inferred.columns[0].kind is FeatureKind.NUMERIC
    assert inferred.quarantined_share == 0.01
    assert inferred.notes == ("x: 1 of 100 values are no finite numbers: 'inf' (1). Their rows are quarantined.",)


def test_a_word_that_another_column_has_as_a_value_quarantines_the_record(tmp_path: Path) -> None:
    columns = {"x": ["unknown", *(f"{row}.5" for row in range(99))], "z": ["unknown", "known"] * 50}

    inferred = infer_columns(tmp_path, columns)

    assert inferred.missing_values == ("",)
    assert inferred.quarantined_share == 0.01
    assert inferred.columns[1].values == ("known", "unknown")


def test_a_number_with_its_unit_quarantines_the_record(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["12 kg", *(f"{row}.5" for row in range(99))]})

    assert (inferred.columns[0].kind, inferred.columns[0].required) == (FeatureKind.NUMERIC, True)
    assert inferred.notes[0].startswith("x: 1 of 100 values are no finite numbers: '12 kg' (1).")


def test_a_column_with_more_than_a_few_that_are_no_numbers_says_so(tmp_path: Path) -> None:
    columns = {
        "x": [*(f"{row} kg" for row in range(10)), *(f"{row}.5" for row in range(90))] * 2,
        "f": (["0", "0", "1"] * 67)[:200],
    }

    column = infer_columns(tmp_path, columns).columns[0]

    assert column.kind is None
    assert column.reason == (
        "has 100 different texts in 200 rows, most of them numbers, but not '0 kg', '1 kg', '2 kg' and 7 more"
    )


def test_few_numbers_among_words_stay_words(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["1", "2", "unknown", "2"] * 10})

    assert inferred.columns[0].values == ("1", "2", "unknown")
    assert inferred.missing_values == ("",)


def semicolons(folder: Path, lines: list[str]) -> str:
    path = folder / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_decimal_commas_are_numbers(tmp_path: Path) -> None:
    rows = [f"{row * 7 % 90},{row % 10};{row // 10};{'ab'[row % 2]}" for row in range(100)]

    inferred = infer(semicolons(tmp_path, ["x;n;y", *rows]), "y")

    assert inferred.decimal == ","
    assert (inferred.columns[0].kind, inferred.columns[0].type) == (FeatureKind.NUMERIC, ColumnType.FLOAT32)
    assert inferred.notes == ("Numbers are written with a decimal comma (`data.decimal`).",)


def test_a_label_with_decimal_commas_and_an_unknown_is_a_regression(tmp_path: Path) -> None:
    rows = [f"{row % 2};{row * 7 % 90},{row % 10}" for row in range(100)]

    inferred = infer(semicolons(tmp_path, ["x;y", *rows, "1;unknown"]), "y")

    assert (inferred.problem, inferred.decimal) == (Problem.REGRESSION, ",")
    assert inferred.quarantined_share == 1 / 101
    assert inferred.notes[1] == "y: 1 of 101 rows have no label: they are quarantined."


def test_classes_with_decimal_commas_keep_their_spelling(tmp_path: Path) -> None:
    rows = [f"{row % 7},5;{('10,0', '2,0')[row % 2]}" for row in range(100)]

    assert list(infer(semicolons(tmp_path, ["x;y", *rows]), "y").class_counts) == ["2,0", "10,0"]


def test_decimal_points_in_a_file_of_decimal_commas_are_repaired(tmp_path: Path) -> None:
    rows = [f"{row},5;{row},25;{row}.75;{'ab'[row % 2]}" for row in range(100)]

    inferred = infer(semicolons(tmp_path, ["a;b;c;y", *rows]), "y")

    assert [column.kind for column in inferred.columns] == [FeatureKind.NUMERIC] * 3
    assert inferred.repairs == {"c": Repair(decimal=".")}


def test_a_comma_that_may_be_a_thousands_mark_is_not_guessed(tmp_path: Path) -> None:
    rows = [f"{1 + row},{100 + row};{row * 7 % 90}.5;{'ab'[row % 2]}" for row in range(100)]

    inferred = infer(semicolons(tmp_path, ["a;b;y", *rows]), "y")

    assert inferred.decimal == "."
    assert inferred.columns[0].reason.startswith(
        "numbers with decimal commas or thousands marks, which cannot be distinguished"
    )


def test_a_column_that_is_no_input_costs_no_records(tmp_path: Path) -> None:
    numbers = ["12 kg", *(str(row) for row in range(99))]

    inferred = infer_columns(tmp_path, {"key": numbers, "x": ["0", "1"] * 50})

    assert (inferred.columns[0].kind, inferred.columns[0].type) == (None, ColumnType.STRING)
    assert (inferred.quarantined_share, inferred.notes) == (0, ())


def test_few_records_are_noted(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["0", "1"] * 10})

    assert inferred.notes == ("20 rows are few: a run needs 10 in each split, and so about 60.",)


def test_of_names_that_differ_in_case_only_the_first_is_an_input(tmp_path: Path) -> None:
    inferred = infer_columns(tmp_path, {"x": ["0", "1"] * 50, "X": ["0", "1"] * 50})

    assert [column.kind for column in inferred.columns] == [FeatureKind.BOOLEAN, None]
    assert inferred.columns[1].reason == "has the name of 'x' but for case: rename one of them"


def test_what_stands_for_no_value_is_no_class_of_words_and_no_word(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = [
        f"{row}.5,{('10-20', '20-30', '#DIV/0!')[row % 5 // 2]},{('yes', 'no', 'N/A')[row % 3]}" for row in range(90)
    ]
    path.write_text("\n".join(["hours,band,y", *rows]) + "\n")

    inference = infer(str(path), "y")

    assert inference.class_counts == {"no": 30, "yes": 30}
    assert inference.missing_values == ("", "#DIV/0!", "N/A")
    assert inference.quarantined_share == pytest.approx(1 / 3)
    assert "y: 30 of 90 values count as missing: 'N/A' (30) (`data.missing_values`)." in inference.notes
    assert "y: 30 of 90 rows have no label: they are quarantined." in inference.notes
    assert "band: 18 of 90 values count as missing: '#DIV/0!' (18) (`data.missing_values`)." in inference.notes


def test_errors_of_a_spreadsheet_cost_no_column_of_numbers(tmp_path: Path) -> None:
    (column,) = infer_columns(tmp_path, {"x": [f"{row}.5" if row % 5 else "#DIV/0!" for row in range(60)]}).columns

    assert (column.kind, column.required) == (FeatureKind.NUMERIC, False)


def test_a_label_with_one_class_beside_the_marker_of_a_missing_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{row % 7}.5,{('yes', 'N/A')[row % 2]}\n" for row in range(60)))

    with pytest.raises(DataError, match="Received: 'yes' only"):
        infer(str(path), "y")


def test_columns_of_types_that_no_model_takes_are_no_features_and_said(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pa.table(
        {
            "x": pa.array(range(60), pa.float32()),
            "took": pa.array([datetime.timedelta(seconds=row) for row in range(60)]),
            "at": pa.array([datetime.time(row % 24) for row in range(60)]),
            "nothing": pa.nulls(60),
            "list": [[1, 2]] * 60,
            "y": ["low", "high"] * 30,
        }
    )
    pyarrow.parquet.write_table(table, path)

    inference = infer(str(path), "y")

    assert [column.name for column in inference.columns if column.kind] == ["x"]
    assert "took holds neither numbers nor text (duration[us]): no feature." in inference.notes
    assert [note.split()[0] for note in inference.notes] == ["took", "at", "list"]


def test_bytes_that_are_no_text_are_no_feature_and_said(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pa.table(
        {
            "Photo": pa.array([b"\xff\xd8\xff" + bytes([row]) for row in range(80)]),
            "Town": pa.array([b"Lima", b"Cusco"] * 40, pa.binary()),
            "y": [row % 7 % 2 for row in range(80)],
        }
    )
    pyarrow.parquet.write_table(table, path)

    inference = infer(str(path), "y")

    photo, town = inference.columns
    assert (photo.kind, town.kind) == (None, FeatureKind.CATEGORICAL)
    assert "Photo holds neither numbers nor text (binary): no feature." in inference.notes


@pytest.mark.parametrize(("mark", "as_text"), [("S/ ", "{:,.2f}"), ("", "{:,.2f}"), ("", "{:.1f} %")])
def test_a_label_between_marks_is_a_number(tmp_path: Path, mark: str, as_text: str) -> None:
    path = tmp_path / "data.csv"
    values = [10.5 + row * 7919 % 5000 for row in range(80)]
    lines = [f'{row % 9}.5,"{mark}{as_text.format(value)}"' for row, value in enumerate(values)]
    path.write_text("\n".join(["x,Precio", *lines, '3.5,"sin dato 7"', ""]))

    inference = infer(str(path), "Precio")

    assert inference.problem is Problem.REGRESSION
    assert inference.repairs.keys() == {"Precio"}
    assert inference.profile.count('"number"') == 2
    assert inference.quarantined_share == 1 / 81
    assert any(note.startswith("Precio is a number, ") for note in inference.notes)


def test_a_missing_label_written_as_a_number_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = [f"{row % 9}.5,{-9999 if row % 20 == 0 else 20 + row * 7919 % 30}" for row in range(200)]
    path.write_text("\n".join(["x,y", *rows, ""]))

    inference = infer(str(path), "y")

    assert inference.repairs["y"].missing_values == ("-9999",)
    assert inference.quarantined_share == 10 / 200


def test_a_file_of_a_label_only_is_refused_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "data.csv"
    path.write_text("y\n" + "low\nhigh\n" * 30)

    with pytest.raises(DataError, match="none besides the label"):
        infer(str(path), "y")

    assert not recwarn.list
