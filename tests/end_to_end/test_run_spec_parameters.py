"""`yachay run-spec`: parameters of a run, and what is rejected."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.end_to_end

PIPELINE = "student-dropout--semester2"


@pytest.mark.slow
def test_records_in_a_store_come_in_by_the_parameter_data_uri_and_a_bad_model_is_not_pushed(
    yachay: Any, spec: Path, tmp_path: Path
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
    assert not result.output["is_synthetic"]
    assert result.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert result.output["model_uri"].startswith(f"s3://bucket/root/{PIPELINE}/{result.output['run_id']}/Trainer/")


def test_records_that_are_not_there_fail_the_ingest_with_the_reason(yachay: Any, spec: Path, tmp_path: Path) -> None:
    result = yachay("run-spec", spec, "--workdir", tmp_path, "-p", "data_uri=s3://bucket/lost.csv")

    assert result.status == 1
    assert result.states["ColumnarExampleGen"] == "failed"
    assert "ColumnarExampleGen failed: " in result.output["error"]
    assert "s3://bucket/lost.csv" in result.output["error"]


def test_a_rejected_spec_or_parameter_ends_with_2_before_any_work(yachay: Any, spec: Path, tmp_path: Path) -> None:
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

    assert component.component_spec.name == PIPELINE.replace(
        "--", "-"
    )  # The SDK's own form of it; the server keeps it.
    assert {"data_uri", "pipeline_root", "family", "seed", "rounds"} <= component.component_spec.inputs.keys()
