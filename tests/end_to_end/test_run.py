"""`yachay run student_dropout` from synthetic records to a pushed model, again, and after it was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end

NODES = [
    "ColumnarExampleGen",
    "CuratedSchema",
    "StatisticsGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "LatestBlessedModel",
    "Evaluator",
    "Pusher",
    "EvaluationReport",
]
CACHED = {*NODES} - {"LatestBlessedModel"}  # which is looked up anew in every run
HOME = "student-dropout--semester2--mock"
PROGRAM = """
import json, logging, os, signal, sys
import yachay

def state():
    root = logging.getLogger()
    handlers = [type(handler).__name__ for handler in root.handlers]
    descriptors = [tuple(os.fstat(number))[:3] for number in (0, 1, 2)]
    signals = [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    return [descriptors, sys.argv, handlers, root.level, signals, os.getcwd()]

before = state()
try:
    summary = yachay.run("student_dropout", workdir=sys.argv[1], overrides=sys.argv[2:])
except yachay.YachayError as error:
    print(json.dumps({"error": str(error), "unchanged": state() == before}))
else:
    print(json.dumps({"verdict": summary.verdict, "reasons": summary.reasons, "unchanged": state() == before}))
"""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(yachay: Any, workdir: Path) -> Any:
    return yachay("run", "student_dropout", "--workdir", workdir)


def test_a_run_on_synthetic_records_is_blessed_pushed_and_says_that_they_are_synthetic(first: Any) -> None:
    assert first.status == 0, first.stderr
    assert first.output["verdict"] == "blessed"
    assert [node["id"] for node in first.output["nodes"]] == NODES
    assert set(first.states.values()) == {"done"}
    assert first.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert first.output["baseline_metrics"] is None
    assert first.output["metrics"]["accuracy"] > 0.7
    assert "SYNTHETIC DATA" in first.stderr


def test_the_pushed_model_knows_its_names_its_data_and_its_metrics(first: Any) -> None:
    model = Path(first.output["pushed_model_uri"])
    metadata = json.loads((model / "assets.extra" / "yachay.json").read_text())

    assert model.parent.name == f"push-{model.name}"
    assert metadata["labels"] == ["Dropout", "Enrolled", "Graduate"]
    assert metadata["original_names"]["Mother_s_qualification"] == "Mother's qualification"
    assert metadata["data_fingerprint"] == first.output["data_fingerprint"]
    assert metadata["metrics"]["accuracy"] == pytest.approx(first.output["metrics"]["accuracy"])


def test_the_summary_and_the_log_lie_in_the_run_folder(first: Any) -> None:
    log = Path(first.output["log"])

    assert json.loads((log.parent / "summary.json").read_text()) == first.output
    assert "Execution" in log.read_text()
    assert "not forked" not in log.read_text()


def test_the_report_is_found_also_by_the_command_and_in_the_index(first: Any, yachay: Any, workdir: Path) -> None:
    found = yachay("report", first.output["run_id"], "--workdir", workdir)
    indexed = yachay("report", "index", "--workdir", workdir)

    assert f"  report     {first.output['report_uri']}" in first.stderr
    assert found.output["page"] == first.output["report_uri"]
    assert found.output["verdict"] == first.output["verdict"]
    assert {name: one["value"] for name, one in found.output["metrics"].items()} == first.output["metrics"]
    assert {threshold["metric"] for threshold in found.output["thresholds"]} == {
        "accuracy", "macro_f1", "auc_ovr", "trivial_p_value",
    }  # fmt: skip
    assert Path(found.output["report_json"]).is_file()
    assert indexed.output["runs"] == 1
    assert str(Path(found.output["page"]).relative_to(workdir)) in Path(indexed.output["page"]).read_text()


def test_a_second_run_on_the_same_records_takes_all_from_the_cache(yachay: Any, workdir: Path, first: Any) -> None:
    second = yachay("run", "student_dropout", "--workdir", workdir)

    assert second.status == 0, second.stderr
    assert {node for node, state in second.states.items() if state == "cached"} == CACHED
    assert second.output["baseline_metrics"] is None
    assert second.output["metrics"] == first.output["metrics"]
    assert second.output["pushed_model_uri"] == first.output["pushed_model_uri"]
    assert second.output["report_uri"] == first.output["report_uri"]
    assert "from cache" in second.stderr


def test_a_push_that_was_removed_is_made_again(yachay: Any, workdir: Path, first: Any) -> None:
    pushed = Path(first.output["pushed_model_uri"])
    shutil.rmtree(pushed.parent)

    result = yachay("run", "student_dropout", "--workdir", workdir)

    assert result.status == 0, result.stderr
    assert result.states["Evaluator"] == "cached"
    assert result.states["Pusher"] == result.states["EvaluationReport"] == "done"
    assert result.output["pushed_model_uri"] != str(pushed)


def run_from_python(*arguments: str | Path) -> Any:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_run_from_python_leaves_the_process_as_it_was_and_rejects_an_accuracy_above_the_upper_bound(
    workdir: Path, first: Any
) -> None:
    store = workdir / HOME / "models"
    before = sorted(path.name for path in store.iterdir())
    bounds = "{accuracy: {upper: 0.5, upper_reason: it means leakage}}"
    output = run_from_python(workdir, f"tasks.semester2.thresholds={bounds}")

    assert output["unchanged"]
    assert output["verdict"] == "not_blessed"
    assert "above 0.5 (it means leakage)" in output["reasons"][0]
    assert sorted(path.name for path in store.iterdir()) == before


def test_an_invalid_run_from_python_is_an_error(tmp_path: Path) -> None:
    output = run_from_python(tmp_path, "model.famly=linear")

    assert output["unchanged"]
    assert "model.famly" in output["error"]


@pytest.mark.parametrize(
    "node",
    [
        pytest.param("StatisticsGen", marks=pytest.mark.slow),
        "Transform",
        pytest.param("Trainer", marks=pytest.mark.slow),
        pytest.param("Evaluator", marks=pytest.mark.slow),
        pytest.param("Pusher", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_from_its_finished_nodes(yachay: Any, tmp_path: Path, first: Any, node: str) -> None:
    command = [sys.executable, "-m", "yachay.cli.main", "run", "student_dropout", "--workdir", str(tmp_path)]
    before = NODES[: NODES.index(node)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ended = []
        for line in process.stderr:
            if line.split()[:1] and line.split()[0] in NODES:
                ended.append(line.split()[0])
            if ended == before:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL

    result = yachay("run", "student_dropout", "--workdir", tmp_path)

    assert result.status == 0, result.stderr
    assert all(result.states[name] == "cached" for name in CACHED.intersection(before))
    assert result.output["metrics"] == first.output["metrics"]
    home = tmp_path / HOME
    assert not list(home.glob("models/.staging-*"))
    finished = {path.name for path in home.glob("artifacts/Transform/transform_graph/*")}
    assert len(finished) == 1


def test_ctrl_c_ends_with_130_and_a_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "yachay.cli.main", "run", "student_dropout", "--workdir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("CuratedSchema"):
                process.send_signal(signal.SIGINT)

    assert process.returncode == 130
    assert "Interrupted" in lines[-2]
    assert "goes on from the finished nodes" in lines[-1]
    assert not any("Traceback" in line for line in lines)
