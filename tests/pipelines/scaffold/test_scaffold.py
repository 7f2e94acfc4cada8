import os
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from yachay.components.features import FeatureKind, Problem
from yachay.errors import ConfigurationError, DataError, UsageError
from yachay.pipelines.columns import ingest_columns
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.scaffold import scaffold as scaffold_module
from yachay.pipelines.scaffold.scaffold import scaffold

HEADER = "Client id;Weight (kg);Colour;Member;Grade\n"
CSV = HEADER + "".join(
    f"{row};{row * 7 % 19}.5;{['red', 'blue'][row % 2]};{row % 2};{row % 3}.0\n" for row in range(60)
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(CSV)
    return path


def test_a_new_pipeline_is_found_with_its_schema(data: Path, tmp_path: Path) -> None:
    folder = scaffold("clients", data, "Grade", tmp_path)

    pipeline = find_pipeline(str(folder))
    config = pipeline.load()

    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.yaml", "schema.pbtxt"]
    assert config.problem is Problem.CLASSIFICATION
    assert config.label.values == ["0.0", "1.0", "2.0"]
    assert config.task_features("all_columns") == {
        "Weight_kg": FeatureKind.NUMERIC,
        "Colour": FeatureKind.CATEGORICAL,
        "Member": FeatureKind.BOOLEAN,
    }
    assert config.exclude == {"Client_id": "numbers the records: all different, in order"}
    assert ingest_columns(pipeline.schema(config), config) == {
        "Client_id": {"type": "int64", "required": True},
        "Weight_kg": {"type": "float32", "required": True},
        "Colour": {"type": "string", "required": True},
        "Member": {"type": "int64", "required": True},
        "Grade": {"type": "string", "required": True},
    }


def test_a_classifier_must_beat_the_most_frequent_class(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;1.5;red;0;2.0\n" * 20)

    bounds = find_pipeline(str(scaffold("clients", data, "Grade", tmp_path))).load().tasks["all_columns"].thresholds

    assert bounds["accuracy"].lower == 0.5
    assert bounds["accuracy"].lower_reason == "always answering '2.0' reaches 0.500"


def test_a_regression_must_beat_the_mean(data: Path, tmp_path: Path) -> None:
    config = find_pipeline(str(scaffold("clients", data, "Weight (kg)", tmp_path))).load()

    assert config.problem is Problem.REGRESSION
    assert config.label.values == []
    assert config.tasks["all_columns"].thresholds["r2"].lower == 0


def test_data_beside_the_pipeline_is_named_relative_to_it(data: Path, tmp_path: Path) -> None:
    beside = find_pipeline(str(scaffold("beside", data, "Grade", tmp_path))).load()
    apart = find_pipeline(str(scaffold("apart", data, "Grade", tmp_path / "elsewhere"))).load()

    assert beside.data.path == "../clients.csv"
    assert apart.data.path == str(data)


def test_records_without_a_label_do_not_stop_the_run(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;1.5;red;0;\n" * 5)

    config = find_pipeline(str(scaffold("clients", data, "Grade", tmp_path))).load()

    assert 5 / 65 < config.data.max_quarantined_share < 0.1


def test_parquet_gives_the_same_inputs(data: Path, tmp_path: Path) -> None:
    parse_options = pyarrow.csv.ParseOptions(delimiter=";")
    table = pyarrow.csv.read_csv(data, parse_options=parse_options)
    pyarrow.parquet.write_table(table, tmp_path / "clients.parquet")

    first = find_pipeline(str(scaffold("first", data, "Grade", tmp_path))).load()
    second = find_pipeline(str(scaffold("second", tmp_path / "clients.parquet", "Grade", tmp_path))).load()

    assert first.features == second.features


@pytest.mark.parametrize(
    ("name", "hint"), [("My Clients", " Would 'my_clients' do?"), ("1st", " Would 'st' do?"), ("..", "")]
)
def test_an_invalid_name_is_refused(data: Path, tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        scaffold(name, data, "Grade", tmp_path)

    assert str(error.value).endswith(f"Received: {name!r}.{hint}")


def test_an_existing_folder_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()

    with pytest.raises(UsageError, match=r"a new folder\. Received: .*clients, which exists"):
        scaffold("clients", data, "Grade", tmp_path)

    assert list((tmp_path / "clients").iterdir()) == []


def test_absent_data_is_refused_with_the_nearest_name(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder\. Did you mean '.*clients\.csv'\?"):
        scaffold("clients", tmp_path / "client.csv", "Grade", tmp_path)


@pytest.mark.parametrize("label", ["Grad", "Client id"])
def test_nothing_is_written_when_the_data_does_not_fit(data: Path, tmp_path: Path, label: str) -> None:
    data.write_text(HEADER + "1;1.5;red;0;1.0\n" * 3)

    with pytest.raises((UsageError, DataError)):
        scaffold("clients", data, label, tmp_path / "new")

    assert list(tmp_path.iterdir()) == [data]


def test_a_failure_while_writing_leaves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaffold_module, "README_FILE", "no/such/folder/README.md")

    with pytest.raises(UsageError, match=r"Expected to write .*clients\. Received: No such file"):
        scaffold("clients", data, "Grade", tmp_path)

    assert list(tmp_path.iterdir()) == [data]


def test_a_configuration_that_would_be_refused_is_not_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaffold_module, "TASK", "All columns")

    with pytest.raises(ConfigurationError):
        scaffold("clients", data, "Grade", tmp_path)

    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA names no folder of real data")
@pytest.mark.parametrize(("label", "problem"), [("GradeClass", "classification"), ("GPA", "regression")])
def test_student_performance_is_scaffolded(tmp_path: Path, label: str, problem: str) -> None:
    data = Path(os.environ["YACHAY_DATA"]) / "student_performance" / "Student_performance_data.csv"

    config = find_pipeline(str(scaffold("grades", data, label, tmp_path))).load()

    assert config.problem == problem
    assert "StudentID" in config.exclude
    assert config.label.values == (["0.0", "1.0", "2.0", "3.0", "4.0"] if label == "GradeClass" else [])
