from pathlib import Path

import pytest
from report_samples import sample_report

from yachay.pipelines.kubeflow.emulator.local_store import LocalStore
from yachay.pipelines.kubeflow.emulator.spec_run import describe
from yachay.pipelines.runs.summary import Summary

COUNTS = {"rows_read": 10.0, "rows_kept": 9.0, "rows_quarantined": 1.0}


def test_examples_that_are_made_of_others_do_not_stand_for_those_that_were_ingested(tmp_path: Path) -> None:
    summary = Summary()
    ingested = {
        "uri": "minio://b/examples",
        "metadata": {**COUNTS, "data_fingerprint": "3b1f", "warnings": '["a column is not read"]'},
    }
    transformed = {"uri": "minio://b/transformed", "metadata": {**COUNTS, "rows_kept": 5.0}}

    summary.add(describe([("tfx.Examples", ingested), ("tfx.Examples", transformed)], LocalStore(tmp_path)))

    assert summary.rows == {"read": 10, "kept": 9, "quarantined": 1}
    assert summary.data_fingerprint == "3b1f"
    assert summary.warnings == ["a column is not read"]


def test_a_deployment_that_was_taken_back_is_in_the_summary(tmp_path: Path) -> None:
    summary = Summary()
    metadata = {"pushed": 1.0, "deploy_state": "rolled_back", "deploy_reason": "error rate 0.2 > 0.05"}

    summary.add(describe([("tfx.PushedModel", {"uri": "s3://b/pushed", "metadata": metadata})], LocalStore(tmp_path)))

    assert summary.is_rolled_back
    assert summary.deployed == "rolled back, error rate 0.2 > 0.05"


@pytest.mark.parametrize("state", ["left", "lost"])
def test_the_exit_handler_does_not_stand_for_the_tracker(tmp_path: Path, state: str) -> None:
    summary = Summary()
    kept = {"uri": "s3://b/tracker", "metadata": {"state": "kept", "reason": "the server is down"}}
    left = {"uri": "s3://b/handler", "metadata": {"state": state}}

    summary.add(describe([("yachay.Tracking", kept), ("yachay.Tracking", left)], LocalStore(tmp_path)))

    assert summary.tracking == {"state": "kept", "url": "", "model": "", "reason": "the server is down"}


def test_the_report_is_named_by_the_path_of_its_page_and_shows_the_bounds(tmp_path: Path) -> None:
    summary = Summary()
    folder = tmp_path / "s3/b/run/report"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(sample_report().model_dump_json())
    report = {"uri": "s3://b/run/report", "metadata": {}}

    summary.add(describe([("yachay.EvaluationReport", report)], LocalStore(tmp_path)))

    assert summary.report_uri == str(folder / "report.html")
    assert summary.bounds == {"accuracy": {"lower": 0.76, "upper": 0.82}}
