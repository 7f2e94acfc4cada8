import datetime
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from yachay.components.example_gen.spec import ColumnType
from yachay.components.features import FeatureKind, Problem
from yachay.errors import DataError, UsageError
from yachay.pipelines.scaffold import inference
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
        ("row", [str(row) for row in range(20)], "numbers the records: all different, in order"),
        ("client_id", [str(row * 7 % 41) for row in range(20)], "names the records: all different"),
        ("client", [f"c{row}" for row in range(20)], "names the records: all different"),
        ("remark", [f"c{row % 19}" for row in range(20)], "has 19 different texts in 20 records"),
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
            "y": [1.0, 2.0] * 10,
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
    monkeypatch.setattr(inference, "SAMPLE_ROWS", 60)
    path = tmp_path / "data.csv"
    path.write_text("x,w,y\n" + "".join(f"{row % 17},{'ab'[row % 2]},{'pqr'[row // 40]}\n" for row in range(120)))

    inferred = infer(str(path), "y")

    assert not inferred.is_whole
    assert inferred.class_counts == {"p": 40, "q": 40, "r": 40}
    assert [(c.type, c.required, c.values) for c in inferred.columns] == [
        (ColumnType.FLOAT32, False, ()),
        (ColumnType.STRING, False, ()),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n", "Expected records in .* a header only"),
        ("x,y\n" + "0,\n1,\n", "Expected labels in the column 'y' .* none"),
        ("x,y\n" + "0,a\n1,a\n", "two or more values in the label column 'y' .* 'a' only"),
        ("x,y\n" + "".join(f"{row % 2},w{row}\n" for row in range(200)), "at most 100 classes .* 200 or more"),
        ("x,y\n" + "0,1\n1,2\n" * 5 + "0,1.0\n1,2.0\n" * 10, "one spelling of each class .* '1' and '1.0'"),
        ("x,y\n" + "5,a\n5,b\n" * 5, "(?s)a column in .* that can be an input.*x: is always '5'"),
    ],
)
def test_data_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)

    with pytest.raises(DataError, match=message):
        infer(str(path), "y")


def test_an_unknown_label_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,Target\n0,a\n1,b\n")

    with pytest.raises(UsageError, match=r"x, Target\. Received: 'Targt'\. Did you mean 'Target'\?"):
        infer(str(path), "Targt")
