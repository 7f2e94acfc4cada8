"""`yachay run-spec` on what `yachay compile` writes for student_dropout: whole, twice, on synthetic records."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.end_to_end

COMMAND = [sys.executable, "-m", "yachay.cli.main"]
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
PIPELINE = "student-dropout-semester2"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "student_dropout.yaml"
    command = [*COMMAND, "compile", "student_dropout", "-o", str(path), "--image", "registry.example/yachay:1"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return path


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(yachay: Any, spec: Path, workdir: Path) -> Any:
    return yachay("run-spec", spec, "--workdir", workdir)


def test_the_compiled_spec_runs_from_synthetic_records_to_a_pushed_model(first: Any, workdir: Path) -> None:
    assert first.status == 0, first.stderr
    assert first.output["verdict"] == "blessed"
    assert (first.output["pipeline"], first.output["task"]) == ("student_dropout", "semester2")
    assert set(first.states) >= set(STEPS)
    assert set(first.states.values()) == {"done"}
    assert first.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert first.output["baseline_metrics"] is None
    assert first.output["metrics"]["accuracy"] > 0.7
    assert first.output["is_mock"]
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


def test_a_second_run_compares_with_the_model_of_the_first(yachay: Any, spec: Path, workdir: Path, first: Any) -> None:
    second = yachay("run-spec", spec, "--workdir", workdir)

    assert second.status == 0, second.stderr
    assert second.output["baseline_metrics"] == first.output["metrics"]
    assert second.output["data_fingerprint"] == first.output["data_fingerprint"]
    pointer = workdir / PIPELINE / "store/minio/mlpipeline/v2/artifacts" / f"{PIPELINE}-mock" / "latest_blessed.json"
    assert json.loads(pointer.read_text())["model_uri"] == second.output["model_uri"]


def test_records_in_a_store_come_in_by_the_parameter_data_uri_and_a_bad_model_is_not_pushed(
    yachay: Any, spec: Path, tmp_path: Path, first: Any
) -> None:
    records = tmp_path / PIPELINE / "store/s3/bucket/records"
    records.mkdir(parents=True)
    write = "import sys; from pathlib import Path; from yachay.schemas.student_dropout.mock import write_mock_csv; "
    subprocess.run([sys.executable, "-c", f"{write}write_mock_csv(Path(sys.argv[1]))", records / "a.csv"], check=True)

    result = yachay(
        "run-spec", spec, "--workdir", tmp_path, "--pipeline-root", "s3://bucket/root",
        "-p", "data_uri=s3://bucket/records/*.csv", "-p", "family=random_forest", "-p", "rounds=1",
    )  # fmt: skip

    assert result.status == 3, result.stderr
    assert result.output["verdict"] == "not_blessed"
    assert result.output["pushed_model_uri"] is None
    assert not result.output["is_mock"]
    assert result.output["rows"] == first.output["rows"]
    assert result.output["model_uri"].startswith(f"s3://bucket/root/{PIPELINE}/{result.output['run_id']}/Trainer/")


def test_records_that_are_not_there_fail_the_ingest_with_the_reason(yachay: Any, spec: Path, tmp_path: Path) -> None:
    result = yachay("run-spec", spec, "--workdir", tmp_path, "-p", "data_uri=s3://bucket/lost.csv")

    assert result.status == 1
    assert result.states["ColumnarExampleGen"] == "failed"
    assert "ColumnarExampleGen failed: " in result.output["error"]
    assert "s3://bucket/lost.csv" in result.output["error"]


def test_a_refused_spec_or_parameter_ends_with_2_before_any_work(yachay: Any, spec: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    documents = list(yaml.safe_load_all(spec.read_text()))
    documents[0]["deploymentSpec"]["executors"]["exec-Trainer"] = {"resolver": {}}
    broken.write_text(yaml.safe_dump_all(documents))

    for arguments in ([broken], [spec, "-p", "data_url=x"], [spec, "--pipeline-root", "/data"], ["lost.yaml"]):
        result = yachay("run-spec", *arguments, "--workdir", tmp_path / "runs")
        assert result.status == 2, result.stderr
        assert result.output["error"].startswith("Expected ")
    assert not (tmp_path / "runs").exists()


def test_kfp_itself_loads_the_compiled_spec(spec: Path, tmp_path: Path) -> None:
    from kfp.components import load_component_from_file

    component = load_component_from_file(str(shutil.copy(spec, tmp_path)))

    assert component.component_spec.name == PIPELINE
    assert {"data_uri", "pipeline_root", "family", "seed", "rounds"} <= component.component_spec.inputs.keys()
