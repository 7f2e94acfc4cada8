"""`yachay run-spec` of a compiled pipeline that tracks its runs on a real MLflow server."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml
from mlflow_process import mlflow_server
from served_process import stop

pytestmark = pytest.mark.slow

NAME, HOME = "student_dropout-semester2-mock", "student-dropout--semester2--mock"
SECRETS = '[{"name": "mlflow", "env": {"MLFLOW_TRACKING_PASSWORD": "password"}}]'


def compiled(yachay: Any, path: Path, url: str) -> list[dict[str, Any]]:
    trackers = ("RunTracker", "FailureTracker")
    secrets = [word for node in trackers for word in ("--set", f"kubeflow.resources.{node}.secrets={SECRETS}")]
    command = ["compile", "student_dropout", "--profile", "mock", "-o", path, "--image", "registry.example/yachay:1"]
    done = yachay(*command, "--set", f"tracking.uri={url}", "--set", "push.store=minio://models", *secrets)
    assert done.status == 0, done.stderr
    return list(yaml.safe_load_all(path.read_text()))


def test_a_compiled_run_is_tracked_and_registered_and_kept_in_its_store_where_the_server_is_down(
    yachay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "rosa")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
    spec, buckets, server = tmp_path / "spec.yaml", tmp_path / "buckets", tmp_path / "server"
    server.mkdir()
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(buckets))
    command = ["run-spec", spec, "--workdir", tmp_path / "runs"]
    with mlflow_server(server) as (url, process):
        _, platform = compiled(yachay, spec, url)
        done = yachay(*command)
        assert (done.status, done.output["verdict"]) == (0, "blessed"), done.stderr

        client = mlflow.MlflowClient(url)
        [run] = client.search_runs([client.get_experiment_by_name(HOME).experiment_id])
        version = client.get_model_version_by_alias(NAME, "challenger")
        [receipt] = (buckets / "minio/models").rglob("push.json")
        tracking = {"state": "tracked", "url": done.output["tracking"]["url"], "model": f"models:/{NAME}/1"}
        assert done.output["tracking"] == {**tracking, "reason": ""}
        assert tracking["url"].endswith(run.info.run_id)
        assert (run.info.status, run.data.metrics["accuracy"]) == ("FINISHED", done.output["metrics"]["accuracy"])
        assert run.data.tags["image"] == "registry.example/yachay:1"
        assert version.source == f"s3://{receipt.parent.relative_to(buckets / 'minio')}"
        assert version.tags["content_hash"] == json.loads(receipt.read_text())["content_hash"]
        assert version.run_id == run.info.run_id

        stop(process)
        kept = yachay(*command)
        assert (kept.status, kept.output["tracking"]["state"]) == (0, "kept"), kept.stderr
    [record] = buckets.rglob("spool/record.json")
    with mlflow_server(server, port=int(url.rpartition(":")[2])):
        sent = yachay("track", record.parent)
        assert (sent.status, sent.output["missing"]) == (0, []), sent.stderr
        assert len(client.search_runs([run.info.experiment_id])) == 2

    environment = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for tracker in ("exec-RunTracker", "exec-FailureTracker"):
        [secret] = environment[tracker]["secretAsEnv"]
        assert (secret["secretName"], secret["keyToEnv"]) == (
            "mlflow",
            [{"secretKey": "password", "envVar": "MLFLOW_TRACKING_PASSWORD"}],
        )
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if b"geheim" in path.read_bytes()]
