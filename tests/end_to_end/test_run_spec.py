"""`yachay run-spec` on what `yachay compile` writes for student_dropout: whole, twice, on synthetic records."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end

STEPS = [
    "ColumnarExampleGen",
    "CuratedSchema",
    "StatisticsGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Evaluator",
    "Pusher",
    "EvaluationReport",
]
PIPELINE = "student-dropout--semester2--mock"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(yachay: Any, mock_spec: Path, workdir: Path) -> Any:
    return yachay("run-spec", mock_spec, "--workdir", workdir)


def test_the_compiled_spec_runs_from_synthetic_records_to_a_pushed_model(first: Any, workdir: Path) -> None:
    assert first.status == 0, first.stderr
    assert first.output["verdict"] == "blessed"
    assert (first.output["pipeline"], first.output["task"]) == ("student_dropout", "semester2")
    assert set(first.states) >= set(STEPS)
    assert set(first.states.values()) == {"done"}
    assert first.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert first.output["baseline_metrics"] is None
    assert first.output["metrics"]["accuracy"] > 0.7
    assert first.output["is_synthetic"]
    assert "not forked" not in Path(first.output["log"]).read_text()
    assert "SYNTHETIC DATA" in first.stderr
    pushed = first.output["pushed_model_uri"].replace("://", "/")
    assert (workdir / PIPELINE / "store" / pushed / "saved_model.pb").is_file()


def test_the_report_is_shown_by_the_artifacts_that_the_page_of_kubeflow_pipelines_reads(
    first: Any, workdir: Path
) -> None:
    report = Path(first.output["report_uri"]).parent
    [step] = (workdir / PIPELINE / "store").glob("minio/mlpipeline/v2/artifacts/*/*/EvaluationReport/*")
    metrics, classification = (json.loads((step / view).read_text()) for view in ("metrics", "classification"))

    assert report == step / "report"
    assert (step / "page").read_bytes() == (report / "report.html").read_bytes()
    assert (step / "summary").read_text().startswith("# BLESSED: student\\_dropout, semester2\n\n**SYNTHETIC DATA")
    assert metrics == {**first.output["metrics"], "blessed": 1.0}
    assert [one["displayName"] for one in classification["confusionMatrix"]["annotationSpecs"]] == [
        *("Dropout", "Enrolled", "Graduate")
    ]
    assert sum(map(sum, (row["row"] for row in classification["confusionMatrix"]["rows"]))) > 800
    assert classification["confidenceMetrics"][-1] == {"confidenceThreshold": 0, "recall": 1, "falsePositiveRate": 1}


def test_a_second_run_compares_with_the_model_of_the_first(
    yachay: Any, mock_spec: Path, workdir: Path, first: Any
) -> None:
    second = yachay("run-spec", mock_spec, "--workdir", workdir)

    assert second.status == 0, second.stderr
    assert second.output["baseline_metrics"] == first.output["metrics"]
    assert second.output["data_fingerprint"] == first.output["data_fingerprint"]
    pointer = workdir / PIPELINE / "store/minio/mlpipeline/v2/artifacts" / PIPELINE / "latest_blessed.json"
    assert json.loads(pointer.read_text())["model_uri"] == second.output["model_uri"]
