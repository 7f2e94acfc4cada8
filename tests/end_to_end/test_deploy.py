"""A run that pushes to a real S3 server and deploys what it pushed; its records have a column too many."""

from pathlib import Path
from typing import Any

import pytest
from kserve_cluster import KServeCluster
from s3_server import s3_server

from yachay.schemas.student_dropout.mock import write_mock_csv

pytestmark = pytest.mark.end_to_end

IMAGE = "images.example.com/server@sha256:" + "0" * 64


def test_a_run_deploys_what_it_pushed_and_rolls_back_what_does_not_start(
    yachay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Named by --data, they are taken for real: models of mock data are never deployed.
    write_mock_csv(tmp_path / "mock.csv")
    header, *lines = (tmp_path / "mock.csv").read_text(encoding="utf-8-sig").splitlines()
    records = tmp_path / "records.csv"
    records.write_text("\n".join([f"{header};Shoe size", *(f"{line};42" for line in lines)]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    cluster = KServeCluster()
    with s3_server() as s3, cluster.running() as url:
        s3.reset()
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(url, tmp_path / "kubeconfig")))
        settings = {
            "push.store": "s3://models",
            "push.endpoint_url": s3.url,
            "deploy.from_pipeline": "true",
            "deploy.image": IMAGE,
            "deploy.canary.steps": "[100]",
            "deploy.canary.poll_seconds": "0.1",
        }
        arguments = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        run = ["run", "student_dropout", "--data", records, "--workdir", tmp_path / "runs", *arguments]

        first = yachay(*run)

        assert first.status == 0, first.stderr
        assert any("'Shoe size' is not in the schema" in warning for warning in first.output["warnings"])
        deployment = first.output["deployment"]
        assert deployment["state"] == "promoted"
        assert deployment["service_url"] == "http://student-dropout--semester2.ml.example.com"
        service = cluster.service("student-dropout--semester2")
        storage_uri = service["spec"]["predictor"]["model"]["storageUri"]
        assert first.output["pushed_model_uri"].startswith(f"{storage_uri}/")
        assert service["metadata"]["annotations"]["yachay.dev/model-uri"] == first.output["model_uri"]
        assert "deployed   promoted, http://student-dropout--semester2" in first.stderr

        cluster.breaks_others_than(deployment["serving_version"])
        second = yachay(*run, "--set", "model.seed=7", "--set", "evaluation.change=null")

        assert second.status == 3, second.stderr
        assert second.output["deployment"]["state"] == "rolled_back"
        assert second.output["deployment"]["serving_version"] == deployment["serving_version"]
        assert cluster.traffic("student-dropout--semester2") == {deployment["serving_version"]: 100}
