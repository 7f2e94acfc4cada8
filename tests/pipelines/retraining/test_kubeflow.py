import dataclasses
import datetime
import json

import pyarrow.parquet
import pytest
import yaml
from kfp_samples import compiled_pipeline
from kfp_server import KfpServer

from yachay.cli.main import run
from yachay.components.retraining.settings import RetrainSettings
from yachay.components.retraining.state import RetrainState
from yachay.errors import UsageError
from yachay.pipelines.kubeflow.client.client import KubeflowError, connect
from yachay.pipelines.retraining.kubeflow import CLAIM_TIME, Place, retrain, run_name
from yachay.pipelines.retraining.settings import TriggerConfig

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
NAME = "student-dropout--semester2"


@pytest.fixture
def server(tmp_path):
    document = compiled_pipeline()
    parameters = document["root"]["inputDefinitions"]["parameters"]
    del parameters["label"]
    parameters |= {name: {"parameterType": "STRING", "defaultValue": ""} for name in ("newest_uri", "model_store")}
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(document))
    with KfpServer() as server:
        assert run(["submit", str(tmp_path / "training.yaml"), "--host", server.url]) == 0
        server.runs.clear()
        yield server


@pytest.fixture
def config(tmp_path, task):
    settings = RetrainSettings(min_rows=30, promote="auto", labelled=str(tmp_path / "records/labelled"))
    return TriggerConfig(task=task, retrain=settings, pipeline=NAME, model_store=str(tmp_path / "models"))


@pytest.fixture
def place(tmp_path, server):
    return Place(connect(server.url), str(tmp_path / "records"))


def start(config, place, result, labels, now=NOW):
    lines = []
    decision = retrain(config, place, result, labels, lines.append, now)
    assert [json.loads(line)["reason"] for line in lines] == [decision.reason]
    return decision


def test_drift_starts_the_uploaded_training_on_the_records_and_the_newest_labels(
    config, place, server, drifted, labels
):
    decision = start(config, place, drifted, labels)

    [started] = server.runs.values()
    arguments = started["runtime_config"]["parameters"]
    assert decision.starts
    assert decision.run_id == started["run_id"]
    assert started["display_name"] == run_name(NAME, 1)
    assert arguments["data_uri"] == place.records_uri
    newest = pyarrow.parquet.read_table(arguments["newest_uri"])
    assert newest.num_rows == 40
    assert set(newest["Target"].to_pylist()) == {"Dropout"}  # As labelled, and not as predicted.
    assert "prediction_classes" not in newest.column_names


def test_a_window_starts_one_training_whatever_becomes_of_it(config, place, server, drifted, labels):
    start(config, place, drifted, labels)

    again = start(config, place, drifted, labels)
    assert "is at work" in again.reason
    for run_id in server.runs:
        while place.client.get_run(run_id).state != "SUCCEEDED":
            pass
    later = start(config, place, drifted, labels, NOW + datetime.timedelta(days=2))
    assert later.reason == "This window has had a training: run 1, succeeded."
    assert len(server.runs) == 1


def test_a_caller_that_is_killed_after_the_start_loses_no_run_and_starts_none_twice(
    config, place, server, drifted, labels, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(RetrainState, "note", lambda self, run: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            start(config, place, drifted, labels)
    assert len(server.runs) == 1
    assert RetrainState(config.retrain.labelled).runs()[0].outcome == "claimed"

    again = start(config, place, drifted, labels)

    assert "Run 1" in again.reason
    assert RetrainState(config.retrain.labelled).runs()[0].run_id == next(iter(server.runs))
    assert len(server.runs) == 1


def test_a_server_that_is_down_costs_no_window(config, place, server, drifted, labels):
    url = server.url
    server.stop()
    with pytest.raises(KubeflowError, match=f"Expected {url} to respond"):
        start(config, place, drifted, labels)
    assert RetrainState(config.retrain.labelled).runs() == []


def test_a_server_that_goes_down_at_the_start_is_asked_again_by_name(
    config, place, server, drifted, labels, monkeypatch
):
    def lost(*arguments, **options):
        raise KubeflowError("Expected the server to respond. Received: nothing.")

    with monkeypatch.context() as patch:
        patch.setattr(place.client, "run_pipeline", lost)
        with pytest.raises(KubeflowError):
            start(config, place, drifted, labels)

    soon = start(config, place, drifted, labels, NOW + CLAIM_TIME / 2)
    assert "Run 1" in soon.reason
    later = start(config, place, drifted, labels, NOW + 2 * CLAIM_TIME)
    assert later.starts
    assert [run.outcome for run in RetrainState(config.retrain.labelled).runs()] == ["interrupted", "running"]
    assert len(server.runs) == 1


def test_a_caller_that_stalled_starts_nothing_once_another_has_taken_over(
    config, place, server, drifted, labels, monkeypatch
):
    claim = RetrainState.claim

    def stalled(self, run):
        name = claim(self, run)
        self.note(dataclasses.replace(run, outcome="interrupted"))
        return name

    monkeypatch.setattr(RetrainState, "claim", stalled)

    assert start(config, place, drifted, labels).reason == "Another call has taken this run over."
    assert len(server.runs) == 0


def test_a_model_that_a_person_promotes_goes_to_the_store_of_candidates(config, place, server, drifted, labels):
    manual = config.model_copy(update={"retrain": config.retrain.model_copy(update={"promote": "manual"})})

    start(manual, place, drifted, labels)

    [started] = server.runs.values()
    assert started["runtime_config"]["parameters"]["model_store"] == f"{config.model_store}-candidates"


def test_what_cannot_be_trained_is_rejected_before_anything_is_claimed(config, place, server, drifted, labels):
    elsewhere = config.model_copy(update={"retrain": config.retrain.model_copy(update={"labelled": "/elsewhere"})})
    with pytest.raises(UsageError, match=r"Expected retrain\.labelled to be a folder below the records"):
        start(elsewhere, place, drifted, labels)
    with pytest.raises(UsageError, match="Expected the pipeline 'other' on the server"):
        start(config.model_copy(update={"pipeline": "other"}), place, drifted, labels)
    assert RetrainState(config.retrain.labelled).runs() == []
