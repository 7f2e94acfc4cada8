import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from yachay.cli.main import run
from yachay.components.features import FeatureKind, Problem
from yachay.errors import ConfigurationError, DataError, UsageError
from yachay.pipelines.columns import ingest_columns
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.scaffold import scaffold as scaffold_module
from yachay.pipelines.scaffold.inference import Inference, infer
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
    folder = scaffold("clients", data, "Grade", tmp_path).folder

    pipeline = find_pipeline(str(folder))
    config = pipeline.load()

    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.yaml",
        "profile.html",
        "profile.json",
        "schema.pbtxt",
    ]
    assert config.problem is Problem.CLASSIFICATION
    assert config.label.values == ("0.0", "1.0", "2.0")
    assert config.model.family == "linear"
    assert config.task_features("all_columns") == {
        "Weight_kg": FeatureKind.NUMERIC,
        "Colour": FeatureKind.CATEGORICAL,
        "Member": FeatureKind.BOOLEAN,
    }
    assert config.exclude == {"Client_id": "a row number: all different, in order"}
    assert ingest_columns(pipeline.schema(config), config) == {
        "Client_id": {"type": "int64", "required": True},
        "Weight_kg": {"type": "float32", "required": True},
        "Colour": {"type": "string", "required": True},
        "Member": {"type": "int64", "required": True},
        "Grade": {"type": "string", "required": True},
    }


def test_a_classifier_must_reach_what_the_most_frequent_class_does_by_every_metric(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;1.5;red;0;2.0\n" * 20)

    bounds = (
        find_pipeline(str(scaffold("clients", data, "Grade", tmp_path).folder)).load().tasks["all_columns"].thresholds
    )

    assert {metric: bound.lower for metric, bound in bounds.items() if metric != "auc_ovr"} == {
        "accuracy": 0.25, "macro_f1": 0.133,
    }  # fmt: skip
    assert bounds["macro_f1"].lower_reason == "always predicting '2.0' reaches 0.222, here less two standard errors"


def test_a_handful_of_rows_is_enough_for_a_pipeline(data: Path, tmp_path: Path) -> None:
    data.write_text("x;y\n1;a\n2;b\n3;a\n4.5;b\n5;a\n")

    bounds = find_pipeline(str(scaffold("clients", data, "y", tmp_path).folder)).load().tasks["all_columns"].thresholds

    assert {metric: bound.lower for metric, bound in bounds.items()} == {
        "accuracy": 0.3, "macro_f1": 0.23, "auc_ovr": 0.5,
    }  # fmt: skip


def test_a_regression_must_beat_the_mean(data: Path, tmp_path: Path) -> None:
    config = find_pipeline(str(scaffold("clients", data, "Weight (kg)", tmp_path).folder)).load()

    assert config.problem is Problem.REGRESSION
    assert config.label.values == ()
    assert config.model.family == "linear"
    thresholds = config.tasks["all_columns"].thresholds
    assert thresholds["r2"].lower > 0
    assert thresholds["r2"].lower_reason.startswith(("a constant reaches", "Member alone reaches"))
    assert config.evaluation.change.metric == "rmse"


def test_data_beside_the_pipeline_is_named_relative_to_it(data: Path, tmp_path: Path) -> None:
    beside = find_pipeline(str(scaffold("beside", data, "Grade", tmp_path).folder)).load()
    apart = find_pipeline(str(scaffold("apart", data, "Grade", tmp_path / "elsewhere").folder)).load()

    assert beside.data.path == "../clients.csv"
    assert apart.data.path == str(data)


def test_ragged_records_do_not_stop_the_run(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;1.5;red;0;2.0;more\n" * 5)

    config = find_pipeline(str(scaffold("clients", data, "Grade", tmp_path).folder)).load()

    assert 5 / 65 < config.data.max_quarantined_share < 0.1


def test_records_without_a_label_do_not_stop_the_run(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;1.5;red;0;\n" * 5)

    config = find_pipeline(str(scaffold("clients", data, "Grade", tmp_path).folder)).load()

    assert 5 / 65 < config.data.max_quarantined_share < 0.1


def test_parquet_gives_the_same_inputs(data: Path, tmp_path: Path) -> None:
    parse_options = pyarrow.csv.ParseOptions(delimiter=";")
    table = pyarrow.csv.read_csv(data, parse_options=parse_options)
    pyarrow.parquet.write_table(table, tmp_path / "clients.parquet")

    first = find_pipeline(str(scaffold("first", data, "Grade", tmp_path).folder)).load()
    second = find_pipeline(str(scaffold("second", tmp_path / "clients.parquet", "Grade", tmp_path).folder)).load()

    assert first.features == second.features


@pytest.mark.parametrize(
    ("name", "hint"),
    [("My Clients", " Would 'my_clients' do?"), ("1st", " Would 'st' do?"), ("a__b_", " Would 'a_b' do?"), ("..", "")],
)
def test_an_invalid_name_is_rejected(data: Path, tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        scaffold(name, data, "Grade", tmp_path)

    assert str(error.value).endswith(f"Received: {name!r}.{hint}")


def test_an_existing_folder_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()

    with pytest.raises(UsageError, match=r"a new folder\. Received: .*clients, which exists"):
        scaffold("clients", data, "Grade", tmp_path)

    assert list((tmp_path / "clients").iterdir()) == []


def test_absent_data_is_rejected_with_the_nearest_name(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or folder\. Did you mean '.*clients\.csv'\?"):
        scaffold("clients", tmp_path / "client.csv", "Grade", tmp_path)


@pytest.mark.parametrize("label", ["Grad", "Client id"])
def test_nothing_is_written_when_the_data_does_not_fit(data: Path, tmp_path: Path, label: str) -> None:
    data.write_text(HEADER + "1;1.5;red;0;1.0\n" * 3)

    with pytest.raises((UsageError, DataError)):
        scaffold("clients", data, label, tmp_path / "new")

    assert list(tmp_path.iterdir()) == [data]


def test_a_failure_while_writing_leaves_nothing(data: Path) -> None:
    with pytest.raises(
        UsageError, match=r"Expected to write .*clients\. Received: File exists\. Name a folder with --o"
    ):
        scaffold("clients", data, "Grade", data)

    assert list(data.parent.iterdir()) == [data]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_nothing(tmp_path: Path, stop: signal.Signals) -> None:
    os.mkfifo(tmp_path / "data.csv")
    arguments = ["new", "clients", "--data", str(tmp_path / "data.csv"), "--label", "y", "--output", str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-m", "yachay.cli.main", *arguments], stderr=subprocess.PIPE, text=True)
    with (tmp_path / "data.csv").open("wb"):  # Opens once the command does.
        process.send_signal(stop)
        _, stderr = process.communicate(timeout=60)

    assert "Traceback" not in stderr
    assert process.returncode == (130 if stop is signal.SIGINT else -stop)
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_a_folder_that_appears_meanwhile_is_left_alone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def infer_slowly(path: str, label: str, problem: Problem | None) -> Inference:
        (tmp_path / "clients").mkdir()
        return infer(path, label, problem)

    monkeypatch.setattr(scaffold_module, "infer", infer_slowly)

    with pytest.raises(UsageError, match=r"a new folder\. Received: .*clients, which exists"):
        scaffold("clients", data, "Grade", tmp_path)

    assert list((tmp_path / "clients").iterdir()) == []


def test_values_that_are_no_numbers_are_noted_in_the_configuration_and_obeyed(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV + "60;unknown;red;0;2.0\n61;12 kg;red;0;2.0\n")

    folder = scaffold("clients", data, "Grade", tmp_path).folder

    text = (folder / "config.yaml").read_text()
    assert "# Weight (kg): 1 of 62 values are no numbers and count as missing: 'unknown' (1)" in text
    assert "# Weight (kg): 1 of 62 values are no finite numbers: '12 kg' (1). Their rows are quarantined." in text
    config = find_pipeline(str(folder)).load()
    assert tuple(config.data.missing_values) == ("", "unknown")
    assert 1 / 62 < config.data.max_quarantined_share < 0.1
    assert "## What was decided" in (folder / "README.md").read_text()


def test_decimal_commas_are_read_by_the_ingest(data: Path, tmp_path: Path) -> None:
    data.write_text(CSV.replace(".5;", ",5;"))

    config = find_pipeline(str(scaffold("clients", data, "Grade", tmp_path).folder)).load()

    assert config.data.decimal == ","
    assert config.task_features("all_columns")["Weight_kg"] is FeatureKind.NUMERIC


def test_the_command_shows_what_it_inferred(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.write_text(CSV + "60;unknown;red;0;2.0\n")

    assert run(["new", "clients", "--data", str(data), "--label", "Grade", "--output", str(tmp_path)]) == 0

    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == ("Grade: classification of 3 classes: it has 3 different numbers only. Looked at all 61 rows.")
    assert [line.split("  ")[0] for line in lines[3:8]] == ["COLUMN", "Client id", "Weight (kg)", "Colour", "Member"]
    assert lines[4].endswith("a row number: all different, in order")
    assert lines[9:-2] == [
        "Decided:",
        "  - Weight (kg): 1 of 61 values are no numbers and count as missing: 'unknown' (1) (`data.missing_values`).",
        "Questions:",
        "  - Grade: is it a number, such as a mark or a count, and no class? Then `--problem regression`. Are they "
        "classes in order, such as grades? Then `label.ordered: true`.",
        "  - Member: says what Colour says, each of its values goes with one of that column. Are both needed? "
        "Importance is divided between them.",
    ]
    assert lines[-2].startswith("Baselines (auc_ovr): constant 0.500")


def test_what_tools_read_has_each_column_and_the_baselines(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "new",
        "clients",
        "--data",
        str(data),
        "--label",
        "Grade",
        "--output",
        str(tmp_path),
        "--yes",
        "--json",
    ]
    assert run(arguments) == 0

    found = json.loads(capsys.readouterr().out)
    assert [column["name"] for column in found["columns"]] == ["Grade", "Client_id", "Weight_kg", "Colour", "Member"]
    assert found["columns"][1]["reason"] == "a row number: all different, in order"
    assert set(found["baselines"]) == {"constant", "column", "linear", "trees", "mean"}
    assert found["family"] == "linear"


def test_questions_are_asked_or_not(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["new", "clients", "--data", str(data), "--label", "Grade", "--output", str(tmp_path)]

    assert run([*arguments, "--yes", "--interactive"]) == 2

    assert "Expected --interactive or --yes. Received: both." in capsys.readouterr().err


def test_a_configuration_that_would_be_rejected_is_not_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaffold_module, "TASK", "All columns")

    with pytest.raises(ConfigurationError):
        scaffold("clients", data, "Grade", tmp_path)

    assert list(tmp_path.iterdir()) == [data]


def test_answers_are_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{2000 + row * 7 % 500},{row * 7 % 19}.5,{row % 60 // 20},{'ab'[row * 5 % 7 % 2]}\n" for row in range(120)]
    path = tmp_path / "people.csv"
    path.write_text("Fee,Weight,Level,Group\n" + "".join([*rows, *rows[:12]]))
    answers = []
    monkeypatch.setattr("click.confirm", lambda text, **_: answers.append(text) or True)

    arguments = ["new", "people", "--data", str(path), "--label", "Level", "--output", str(tmp_path), "--interactive"]
    assert run(arguments) == 0

    config = find_pipeline(str(tmp_path / "people")).load()
    assert answers[:2] == ["Shall I predict Level as a number?", "Shall I leave out equal rows?"]
    assert config.problem is Problem.REGRESSION
    assert config.data.drop_duplicates
    assert config.data.max_quarantined_share == pytest.approx(12 / 132, abs=0.02)


def test_no_terminal_to_ask_on_is_an_error_without_a_folder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["new", "clients", "--data", str(data), "--label", "Grade", "--output", str(tmp_path), "--interactive"]

    assert run(arguments) != 0

    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "clients").exists()
