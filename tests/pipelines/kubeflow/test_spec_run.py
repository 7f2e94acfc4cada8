from pathlib import Path

from yachay.pipelines.kubeflow.local_store import LocalStore
from yachay.pipelines.kubeflow.spec_run import describe
from yachay.pipelines.local.summary import Summary

COUNTS = {"rows_read": 10.0, "rows_kept": 9.0, "rows_quarantined": 1.0}


def test_examples_that_are_made_of_others_do_not_stand_for_those_that_were_ingested(tmp_path: Path) -> None:
    summary = Summary()
    ingested = {"uri": "minio://b/examples", "metadata": {**COUNTS, "data_fingerprint": "3b1f"}}
    transformed = {"uri": "minio://b/transformed", "metadata": {**COUNTS, "rows_kept": 5.0}}

    describe([("tfx.Examples", ingested), ("tfx.Examples", transformed)], LocalStore(tmp_path), summary)

    assert summary.rows == {"read": 10, "kept": 9, "quarantined": 1}
    assert summary.data_fingerprint == "3b1f"


def test_the_report_is_named_by_the_path_of_its_page(tmp_path: Path) -> None:
    summary = Summary()
    report = {"uri": "s3://b/run/report", "metadata": {}}

    describe([("yachay.EvaluationReport", report)], LocalStore(tmp_path), summary)

    assert summary.report_uri == str(tmp_path / "s3/b/run/report/report.html")
