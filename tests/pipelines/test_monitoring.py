import datetime
import json

import pytest

from yachay.errors import ConfigurationError
from yachay.pipelines.kubeflow.compile.configured import compile_configuration
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.retraining.end_report import end_line

STORE, RECORDS = "push.store=s3://models", "kubeflow.data_uri=s3://records/dropout"
RETRAIN = "retrain.labelled=s3://records/dropout/labelled"


def compiled(*overrides):
    folder = find_pipeline("student_dropout")
    return compile_configuration(folder, folder.load(overrides), "semester2", "image:1", "monitor")


def test_without_retraining_the_pipeline_judges_the_log_alone():
    spec = compiled(STORE, "monitor.log=s3://logs/dropout").pipeline_spec

    assert list(spec["root"]["dag"]["tasks"]) == ["DriftMonitor"]
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert declared["log_uri"]["defaultValue"] == "s3://logs/dropout"


def test_with_retraining_it_starts_runs_and_reports_its_end():
    made = compiled(STORE, RECORDS, RETRAIN)
    spec = made.pipeline_spec

    tasks = spec["root"]["dag"]["tasks"]
    inner = next(spec["components"][task["componentRef"]["name"]] for name, task in tasks.items() if "dag" in name)
    assert set(inner["dag"]["tasks"]) == {"DriftMonitor", "RetrainTrigger"}
    [end] = [task for task in tasks.values() if task.get("triggerPolicy")]
    assert end["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert set(declared) >= {"log_uri", "labels_uri", "records_uri", "kubeflow_url"}
    assert "defaultValue" not in declared["log_uri"]  # A run must name it.


def test_models_without_a_store_of_their_own_cannot_be_watched():
    with pytest.raises(ConfigurationError, match=r"Expected push\.store to name the model store"):
        compiled("monitor.log=s3://logs/dropout")


def test_the_end_of_a_run_is_one_line():
    status = {"state": "FAILED", "pipelineJobResourceName": "run-7", "error": {"message": "no log"}}
    now = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)

    assert json.loads(end_line(json.dumps(status), now)) == {
        "time": "2026-11-20T00:00:00+00:00",
        "run": "run-7",
        "state": "FAILED",
        "error": "no log",
    }
