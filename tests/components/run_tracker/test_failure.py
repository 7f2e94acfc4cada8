"""Runs on Kubeflow that failed, as the exit handler tracks them on a real MLflow server."""

import json
from pathlib import Path
from typing import Any

import pytest

from yachay.components.run_tracker.deliver import send
from yachay.components.run_tracker.failure import track_failure
from yachay.components.run_tracker.settings import TrackerConfig

from .conftest import MakeRecord

pytestmark = pytest.mark.integration


def status(state: str, message: str = "") -> str:
    error = {"message": message} if message else {}
    return json.dumps({"state": state, "error": error, "pipelineTaskName": "tfx-dag"})


def states(client: Any, config: TrackerConfig) -> list[str]:
    found = client.get_experiment_by_name(config.experiment)
    return [run.info.status for run in client.search_runs([found.experiment_id])] if found else []


def test_a_run_that_failed_is_sent_with_the_reason(client: Any, config: TrackerConfig, tmp_path: Path) -> None:
    delivery = track_failure(config, "run-1", status("FAILED", "The step train failed."), tmp_path / "spool")

    assert delivery.state == "tracked"
    assert states(client, config) == ["FAILED"]
    experiment = client.get_experiment_by_name(config.experiment)
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["reason"] == "The step train failed."


def test_a_run_that_ended_well_is_left_as_it_is_though_kubeflow_calls_it_running(
    make_record: MakeRecord, client: Any, config: TrackerConfig, tmp_path: Path
) -> None:
    send(make_record("run-1"))

    for state in ("COMPLETE", "SUCCEEDED", "RUNNING"):
        assert track_failure(config, "run-1", status(state), tmp_path / "spool").state == "left"

    assert states(client, config) == ["FINISHED"]


def test_a_failed_run_waits_in_the_spool_for_a_server_and_an_unknown_one_does_not(
    config: TrackerConfig, tmp_path: Path
) -> None:
    down = config.model_copy(update={"uri": "http://127.0.0.1:9"})

    assert track_failure(down, "run-1", status("FAILED"), tmp_path / "spool").state == "kept"
    unknown = track_failure(down, "run-1", status("RUNNING"), tmp_path / "other")
    assert unknown.state == "lost"
    assert unknown.reason.startswith("It is not known whether the run ended well.")
    assert not (tmp_path / "other").exists()


def test_a_status_that_is_no_json_is_shown(client: Any, config: TrackerConfig, tmp_path: Path) -> None:
    track_failure(config, "run-1", "gone", tmp_path / "spool")

    experiment = client.get_experiment_by_name(config.experiment)
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["reason"] == "The run ended with the status 'gone'."
