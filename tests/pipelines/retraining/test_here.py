import dataclasses
import json

import pytest
from filelock import FileLock

from yachay.components.retraining.decision import TrainingRun
from yachay.components.retraining.state import RetrainState
from yachay.errors import ConfigurationError, DataError, UsageError
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.retraining import here
from yachay.pipelines.retraining.here import Retraining, retrain
from yachay.pipelines.runs.summary import Summary

from .conftest import NOW

RETRAIN = ("retrain.min_rows=30", "retrain.promote=auto")


@pytest.fixture
def what(tmp_path):
    folder = find_pipeline("student_dropout")
    (tmp_path / "data.csv").write_text("a;b\n1;2\n")
    return Retraining(folder, folder.load(RETRAIN), "semester2", str(tmp_path / "data.csv"), tmp_path / "runs")


@pytest.fixture
def trained(monkeypatch):
    """What the training pipeline is called with; the pipeline itself runs in tests/end_to_end/test_lifecycle.py."""
    calls = []

    def run(folder, config, task, data_uri, workdir, capture, **options):
        calls.append({"data_uri": data_uri, **options})
        return Summary(run_id="20261120-1", verdict="blessed")

    monkeypatch.setattr(here, "run_pipeline", run)
    return calls


def decide(what, result, labels):
    lines = []
    decision, summary = retrain(what, result, labels, lines.append)
    assert json.loads(lines[-1])["reason"]
    assert RetrainState(what.place).decisions()[-1] == lines[-1]
    return decision, summary


def test_a_training_reads_the_original_records_and_the_labelled_rows(what, trained, drifted, labels):
    decision, summary = decide(what, drifted, labels)

    assert decision.starts
    assert summary is not None
    [call] = trained
    names = sorted(path.name for path in here.Path(call["data_uri"]).iterdir())
    assert names == ["labelled", "original-0000-data.csv"]
    assert here.Path(call["data_uri"], "labelled").is_dir()
    assert call["newest_uri"].endswith("_newest/000001/labelled.parquet")
    assert call["as_candidate"] is False
    [run] = RetrainState(what.place).runs()
    assert (run.outcome, run.run_id, run.rows) == ("succeeded", "20261120-1", 40)


def test_the_same_window_and_the_same_labels_train_once(what, trained, drifted, labels):
    decide(what, drifted, labels)
    again, summary = decide(what, drifted, labels)

    assert not again.starts
    assert "has had a training" in again.reason
    assert summary is None
    assert len(trained) == 1


def test_two_callers_at_once_train_once(what, trained, drifted, labels):
    here.Path(what.place).mkdir(parents=True)
    with FileLock(here.Path(what.place, ".retrain.lock")):
        decision, _ = decide(what, drifted, labels)

    assert decision.outcome == "busy"
    assert "Another call decides or trains" in decision.reason
    assert trained == []


def test_a_training_that_was_interrupted_goes_on_with_the_next_call(what, trained, drifted, labels, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(here, "run_pipeline", lambda *arguments, **options: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            decide(what, drifted, labels)

    assert decide(what, drifted, labels)[0].starts
    assert [run.outcome for run in RetrainState(what.place).runs()] == ["interrupted", "succeeded"]


def test_a_training_that_was_killed_goes_on_with_the_next_call(what, trained, drifted, labels):
    decide(what, drifted, labels)
    state = RetrainState(what.place)
    state.note(dataclasses.replace(state.runs()[0], outcome="running"))  # As a killed process leaves it.

    assert decide(what, drifted, labels)[0].starts
    assert len(trained) == 2


def test_a_training_that_fails_is_not_tried_again_for_its_window(what, trained, drifted, labels, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(here, "run_pipeline", lambda *arguments, **options: (_ for _ in ()).throw(DataError("no label")))
        with pytest.raises(DataError):
            decide(what, drifted, labels)

    assert "has had a training: run 1, failed" in decide(what, drifted, labels)[0].reason


def test_a_label_that_is_corrected_replaces_the_row(what, trained, drifted, labels):
    decide(what, drifted, labels)
    corrected = dataclasses.replace(labels, values=labels.values + 2)
    rows = here.LabelledRows(what.place)

    assert rows.add(drifted.log_uri, corrected, what.config.prediction_task("semester2")) == 40
    assert set(rows.newest(0)["Target"].to_pylist()) == {"Graduate"}


def test_no_prediction_becomes_a_label(what, trained, drifted, labels):
    none = dataclasses.replace(labels, keys=labels.keys[:0], values=labels.values[:0])

    decision, _ = decide(what, drifted, none)

    assert decision.reason.startswith("There are 0 labelled rows that no training has learnt from")


def test_what_labelled_rows_cannot_lie_beside_is_rejected(what):
    with pytest.raises(ConfigurationError, match="Expected student_dropout to have the section `retrain`"):
        _ = dataclasses.replace(what, config=what.folder.load()).settings
    data = what.config.data.model_copy(update={"reader": "a.reader"})
    read = dataclasses.replace(what, config=what.config.model_copy(update={"data": data}))
    with pytest.raises(UsageError, match="Expected records that are CSV or Parquet"):
        read.check()


def test_the_state_of_runs_on_kubeflow_is_left_as_it_is(what, trained, drifted, labels, tmp_path, monkeypatch):
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path / "buckets"))
    state = RetrainState("s3://b/x")
    running = TrainingRun(1, "w", NOW, ("drift",), "running", "r1", 7)
    state.claim(running)

    there = dataclasses.replace(what, config=what.folder.load([*RETRAIN, "retrain.labelled=s3://b/x"]))
    with pytest.raises(
        UsageError, match=r"Expected labelled rows on this machine\. Received: retrain\.labelled s3://b"
    ):
        decide(there, drifted, labels)

    assert state.runs() == [running]
    assert state.decisions() == []


def test_a_model_that_a_person_promotes_is_trained_as_a_candidate(what, trained, drifted, labels):
    manual = dataclasses.replace(what, config=what.folder.load([*RETRAIN, "retrain.promote=manual"]))

    decide(manual, drifted, labels)

    assert trained[0]["as_candidate"] is True
