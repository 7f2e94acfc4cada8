"""Runs tracked by MLflow as a university runs it: PostgreSQL behind it, artifacts and models in S3."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow_process import mlflow_server
from postgres_process import postgres_server
from s3_server import S3Server, s3_server
from served_process import stop

pytestmark = pytest.mark.slow

ARTIFACTS = "s3://models/artifacts"
NAME, HOME = "student_dropout-semester2-mock", "student-dropout--semester2--mock"


@dataclasses.dataclass(frozen=True)
class Place:
    """A running server with its process, its database, S3, and a folder."""

    url: str
    process: Any
    database: str
    s3: S3Server
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch, s3_server() as s3, postgres_server() as database:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": s3.url,
            "MLFLOW_S3_ENDPOINT_URL": s3.url,
        }.items():
            patch.setenv(name, value)
        s3.reset()
        with mlflow_server(folder, database, ARTIFACTS) as (url, process):
            yield Place(url, process, database, s3, folder)


def settings(url: str) -> list[str]:
    return ["--set", f"tracking.uri={url}", "--set", "push.store=s3://models/store"]


def test_runs_are_tracked_models_loaded_and_what_could_not_be_sent_is_sent_later(yachay: Any, place: Place) -> None:
    url, s3, workdir = place.url, place.s3, place.folder / "runs"
    done = yachay("run", "student_dropout", "--workdir", workdir, *settings(url))

    assert done.status == 0, done.stderr
    assert done.output["tracking"]["state"] == "tracked"
    assert done.output["tracking"]["model"] == f"models:/{NAME}/1"
    client = mlflow.MlflowClient(url)
    [run] = client.search_runs([client.get_experiment_by_name(HOME).experiment_id])
    assert run.data.metrics["accuracy"] == done.output["metrics"]["accuracy"]
    assert run.data.metrics["accuracy/lower"] < run.data.metrics["accuracy"] < run.data.metrics["accuracy/upper"]
    assert {"seconds/Trainer", "memory_mib/Trainer"} <= set(run.data.metrics)
    assert run.data.tags["data_fingerprint"] == done.output["data_fingerprint"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"config.yaml", "lineage.json", "report", "schema.pbtxt", "statistics"} <= files
    assert any(name.startswith("artifacts/") and name.endswith("report/report.html") for name in s3.names())

    version = client.get_model_version_by_alias(NAME, "challenger")
    push = done.output["pushed_model_uri"].rpartition("/")[0]
    receipt = json.loads(s3.read(f"{push.removeprefix('s3://models/')}/push.json"))
    assert (version.source, version.tags["content_hash"]) == (push, receipt["content_hash"])

    promoted = yachay(
        "models", "promote", "student_dropout", "--profile", "mock", "--to", "production", "--why", "the first",
        "--workdir", workdir, *settings(url),
    )  # fmt: skip
    assert (promoted.status, promoted.output["state"]) == (0, "promoted"), promoted.stderr
    mlflow.set_tracking_uri(url)
    try:
        model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    finally:
        mlflow.set_tracking_uri(None)
    golden = [json.loads(line) for line in s3.read(f"{push.removeprefix('s3://models/')}/golden.jsonl").splitlines()]
    found = model.predict(pd.DataFrame([one["request"]["instances"][0] for one in golden]))
    expected = np.array([one["response"]["predictions"][0]["scores"] for one in golden])
    np.testing.assert_allclose(np.array(found["scores"].tolist()), expected, atol=1e-6)

    failed = yachay(
        "run", "student_dropout", "--workdir", workdir, *settings(url), "--set", "push.signing_key=/no/such.key"
    )
    [run] = client.search_runs([run.info.experiment_id], "attributes.status = 'FAILED'")
    assert failed.status == 2
    assert (run.data.tags["run_id"], run.data.tags["failed_node"]) == (failed.output["run_id"], "Pusher")
    assert run.data.tags["reason"] == failed.output["error"]

    stop(place.process)
    kept = yachay("run", "student_dropout", "--workdir", workdir, *settings(url), "--set", "model.seed=7")
    assert (kept.status, kept.output["tracking"]["state"]) == (0, "kept"), kept.stderr
    assert f"yachay track {kept.output['run_id']}" in kept.stderr
    with mlflow_server(place.folder, place.database, ARTIFACTS, port=int(url.rpartition(":")[2])):
        sent = yachay("track", kept.output["run_id"], "--workdir", workdir)
        again = yachay("track", kept.output["run_id"], "--workdir", workdir)
        [run] = client.search_runs([run.info.experiment_id], f"tags.run_id = '{kept.output['run_id']}'")

    assert (sent.status, sent.output["model"]) == (0, f"models:/{NAME}/2"), sent.stderr
    assert run.info.status == "FINISHED"
    assert again.status == 2
    assert "to have something to send" in again.output["error"]
