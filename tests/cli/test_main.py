import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from yachay.cli.main import main, run

PROBE = """
import sys
from yachay.cli.main import run
run(["--help"])
print([name for name in ("tensorflow", "tfx", "pydantic", "rich") if name in sys.modules])
"""


def test_help_imports_nothing_heavy() -> None:
    result = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)

    assert re.search(r"^  run +Run a pipeline on this machine", result.stdout, re.MULTILINE)
    assert result.stdout.splitlines()[-1] == "[]"


def test_list_names_pipelines_tasks_and_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--json"]) == 0

    listed = {pipeline["name"]: pipeline for pipeline in json.loads(capsys.readouterr().out)["pipelines"]}
    assert listed["student_dropout"]["tasks"] == ["enrolment", "semester1", "semester2", "essentials"]
    assert "boosted_trees" in listed["student_dropout"]["families"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "Received: 'rn'. Did you mean 'run'?"),
        (["run", "student_dropout", "--dta", "x"], "No such option"),
        (["run", "student_dropuot"], "Received: 'student_dropuot'. Did you mean 'student_dropout'?"),
        (["run", "student_dropout", "--task", "semester3"], "Received: 'semester3'. Did you mean 'semester"),
        (["run", "student_dropout", "--data", "nowhere.csv"], "nowhere.csv, which does not exist"),
        (["run", "student_dropout", "--set", "model.family=cart"], "model.family"),
        (
            ["run", "student_performance", "--task", "gpa", "--set", "model.family=xgboost"],
            "whose `tasks.gpa.family` does, linear. Add --set tasks.gpa.family=xgboost.",
        ),
        (
            ["run", "student_dropout", "--set", "evaluation.fairness=[Agge]"],
            "evaluation.fairness: expected columns of the schema 'student_dropout', received Agge",
        ),
        (["run", "student_dropout", "--set", "data.reader=foo.bar"], "Expected `data.reader` to be the dotted path"),
        (["run", "student_dropout", "--data", ""], "Received: nothing"),
        (["run", "student_dropout", "--workdir", "/proc/x"], "Choose another --workdir"),
        (["run", ""], "Received: ''"),
        (["run", "student_dropout", "--config", "nowhere.yaml"], "no such file"),
    ],
)
def test_a_mistake_is_rejected_before_any_work(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(arguments) == 2

    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_object_also_when_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "student_dropout", "--data", str(tmp_path / "nowhere"), "--json"]) == 2

    summary = json.loads(capsys.readouterr().out)
    assert summary["pipeline"] == "student_dropout"
    assert summary["verdict"] is None
    assert "does not exist" in summary["error"]


def test_json_has_every_field_also_for_an_unknown_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "student_dropout", "--taks", "semester1", "--json"]) == 2

    summary = json.loads(capsys.readouterr().out)
    assert {"pipeline", "task", "run_id", "verdict", "metrics", "nodes", "error"} <= set(summary)


def test_a_folder_without_a_configuration_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(tmp_path)]) == 2
    assert "to hold a config.yaml" in capsys.readouterr().err


def test_a_workdir_that_is_a_file_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()

    assert run(["run", "student_dropout", "--workdir", str(tmp_path / "file")]) == 2
    assert "Expected --workdir to be a folder" in capsys.readouterr().err


def test_a_process_that_read_data_ends_without_taking_its_libraries_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("yachay.cli.main.end_process", ended.append)
    monkeypatch.setattr(sys, "argv", ["yachay", "new", "mine", "--data", str(tmp_path / "data.csv"), "--label", "y"])
    (tmp_path / "data.csv").write_text("x,y\n")

    with pytest.raises(SystemExit):
        main()

    assert ended == [1]
