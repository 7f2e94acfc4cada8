"""The circle: run, serve, log, watch, train anew, the gate, the champion, serve."""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow_process import mlflow_server

from yachay.components.pusher.candidate_server import free_port
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.store import list_pushes

from .cohorts import SETTINGS, Cohorts, Traffic, num_logged, served, version, wait_for

pytestmark = pytest.mark.slow

NAME, HOME = "student_dropout-semester2", "student-dropout--semester2"


def decided(result: Any) -> dict[str, Any]:
    [line] = [line for line in result.stderr.splitlines() if line.startswith('{"time"')]
    return dict(json.loads(line))


def promote(yachay: Any, why: str, options: Sequence[Any]) -> None:
    done = yachay("models", "promote", "student_dropout", "--to", "production", "--why", why, *options)
    assert (done.status, done.output["state"]) == (0, "promoted"), done.stderr


def test_drift_trains_a_model_that_beats_the_champion_and_is_served_without_a_failed_request(
    yachay: Any, real_data: Path, tmp_path: Path
) -> None:
    cohorts = Cohorts(next((real_data / "student_dropout").glob("*.csv")))
    data, log, workdir = cohorts.write(tmp_path / "data.csv"), tmp_path / "log", tmp_path / "runs"
    before, after = cohorts.before[:500], cohorts.after[:600]
    # What the second model learns from, each row once.
    mixed = iter(random.Random(8).sample(both := [*cohorts.trained, *before, *after], len(both)))
    port, output = free_port(), tmp_path / "server.log"
    with mlflow_server(tmp_path) as (url, _):
        options = ["--workdir", workdir, *SETTINGS, "--set", f"tracking.uri={url}"]
        first = yachay("run", "student_dropout", "--data", data, *options)
        assert first.status == 0, first.stderr
        promote(yachay, "the first", options)
        with served(output, log, port, "--workdir", str(workdir)):
            traffic = Traffic(port, tmp_path / "labels.csv")
            watch = ["student_dropout", "--log", log, "--labels", traffic.labels, "--retrain", "--data", data, *options]
            champion = version(port)

            traffic.send(before)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            quiet = yachay("monitor", *watch)
            assert (quiet.status, quiet.output["verdict"]) == (0, "quiet"), quiet.stderr
            decision = decided(quiet)
            assert not decision["starts"]
            assert decision["reason"] == "Nothing calls for a training: the monitor's verdict is quiet."

            traffic.send(after)
            wait_for(lambda: num_logged(log) >= traffic.sent)
            with traffic.going_on(mixed):
                drifted = yachay("monitor", *watch)
                wait_for(lambda: version(port) != champion, output.read_text)
                sent = traffic.sent
                wait_for(lambda: traffic.sent >= sent + 20)
            assert drifted.status == 4, drifted.stderr
            assert {"Course", "Tuition_fees_up_to_date"} <= {reason["name"] for reason in drifted.output["reasons"]}
            assert decided(drifted)["starts"], drifted.stderr
            assert "drift of" in decided(drifted)["reason"]
            assert traffic.failures == []

            again = decided(yachay("monitor", *watch))
            assert not again["starts"], again

            traffic.send(list(itertools.islice(mixed, 500)))
            wait_for(lambda: num_logged(log) >= traffic.sent)
            calm = yachay("monitor", *watch)
            assert (calm.status, calm.output["verdict"]) == (0, "quiet"), calm.stderr
            assert not decided(calm)["starts"]
            assert traffic.failures == []
            candidate = version(port)
            assert calm.output["model"] == candidate

        client = mlflow.MlflowClient(url)
        experiment = client.get_experiment_by_name(HOME)
        second_run, first_run = client.search_runs([experiment.experiment_id])
        assert first_run.data.tags["run_id"] == first.output["run_id"]
        assert [run.data.tags["verdict"] for run in (first_run, second_run)] == ["blessed", "blessed"]
        assert second_run.data.metrics["newest/rows"] >= 50
        assert second_run.data.metrics["newest/accuracy"] > second_run.data.metrics["newest/champion/accuracy"]
        aliases = {name: client.get_model_version_by_alias(NAME, name) for name in ("champion", "challenger")}
        assert {name: one.version for name, one in aliases.items()} == {"champion": "1", "challenger": "2"}
        assert [one.run_id for one in aliases.values()] == [first_run.info.run_id, second_run.info.run_id]
        promote(yachay, "quiet since", options)
        assert client.get_model_version_by_alias(NAME, "champion").version == "2"
    pushes = list_pushes(FolderStore(workdir / HOME / "models"))
    assert [str(push.version) for push in pushes] == [champion, candidate]
