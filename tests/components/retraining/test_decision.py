import datetime
import json
import re

import pytest

from yachay.components.retraining.decision import Evidence, TrainingRun, decide, learnt_rows
from yachay.components.retraining.settings import RetrainSettings
from yachay.components.settings import check_settings
from yachay.errors import ConfigurationError

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
PUSHED = int((NOW - datetime.timedelta(days=30)).timestamp())


def evidence(**fields):
    given = {
        "start": NOW - datetime.timedelta(days=7),
        "verdict": "drift",
        "drifted": ("Course", "Tuition_fees_up_to_date"),
        "model_version": PUSHED,
        "pushed_version": PUSHED,
        "labelled_rows": 900,
    }
    return Evidence(**given | fields)


def training(days_ago, number=1, **fields):
    start = NOW - datetime.timedelta(days=days_ago)
    return TrainingRun(
        **{"number": number, "window": f"window {number}", "started": start, "outcome": "succeeded"} | fields
    )


def settings(**fields):
    return RetrainSettings.model_validate(fields)


def test_drift_with_enough_new_labelled_rows_starts_a_training_and_says_why():
    decision = decide(evidence(), [], settings(), NOW)

    assert decision.starts
    assert decision.reason == "A training starts: drift of Course, Tuition_fees_up_to_date."
    assert (decision.number, decision.window) == (1, "2026-11-13T12:00:00.000000+00:00")
    line = json.loads(decision.to_json())
    assert (line["time"], line["starts"], line["labelled_rows"]) == ("2026-11-20T12:00:00+00:00", True, 900)


@pytest.mark.parametrize(
    ("found", "when", "trigger"),
    [
        (
            {"measured": {"accuracy": 0.6}},
            {"measured": {"accuracy": {"lower": 0.7}}},
            "measured accuracy 0.6 below 0.7",
        ),
        ({"estimated": {"rmse": 9.0}}, {"estimated": {"rmse": {"upper": 8}}}, "estimated rmse 9 above 8"),
        ({}, {"labelled_rows": 800}, "900 new labelled rows of 800"),
        ({}, {"age": "4w"}, "a model that is 30 days old, of 4w at most"),
    ],
)
def test_each_trigger_is_a_reason_by_itself(found, when, trigger):
    quiet = evidence(verdict="quiet", drifted=(), **found)

    assert decide(quiet, [], settings(when=when), NOW).triggers == (trigger,)
    assert decide(quiet, [], settings(), NOW).reason == "Nothing calls for a training: the monitor's verdict is quiet."


@pytest.mark.parametrize(
    ("found", "runs", "reason"),
    [
        ({}, [training(1, outcome="running", run_id="r1")], r"Run 1 of .* \(r1\) is at work"),
        ({}, [training(9, window=evidence().window)], "This window has had a training: run 1, succeeded"),
        ({"model_version": PUSHED - 5}, [], "The window is of model version .* was pushed since"),
        ({"labelled_rows": 499}, [], "499 labelled rows .* of 500 at least: nothing new to learn"),
        ({}, [training(0.5)], "less than the cooldown of 1d ago"),
        ({}, [training(6), training(3, 2)], "There were 2 runs within a week, of 2 at most"),
        ({"start": NOW + datetime.timedelta(hours=1)}, [], "is ahead of the clock"),
        ({}, [training(-3)], "The clock is at .*, before the last run"),
    ],
)
def test_what_speaks_against_a_training_is_the_reason(found, runs, reason):
    decision = decide(evidence(**found), runs, settings(), NOW)

    assert not decision.starts
    assert decision.number == 0

    assert re.search(reason, decision.reason), decision.reason


def test_an_interrupted_training_of_a_window_goes_on_once_without_waiting():
    interrupted = training(0.01, window=evidence().window, outcome="interrupted")

    assert decide(evidence(), [interrupted], settings(), NOW).starts
    again = [interrupted, training(0.005, 2, window=evidence().window, outcome="interrupted")]
    assert "has had a training: run 2, interrupted" in decide(evidence(), again, settings(), NOW).reason


def test_labelled_rows_count_once():
    runs = [training(20, rows=300), training(10, 2, rows=700), training(5, 3, rows=900, outcome="failed")]

    assert learnt_rows(runs) == 700


def test_whatever_the_monitor_finds_there_is_no_loop():
    runs = []
    for hour in range(24 * 28):
        now = NOW + datetime.timedelta(hours=hour)
        found = evidence(start=now - datetime.timedelta(minutes=30))
        decision = decide(found, runs, settings(), now)
        if decision.starts:
            runs.append(TrainingRun(decision.number, found.window, now, decision.triggers, "succeeded"))

    assert len(runs) == 8  # Two a week, though each hour has a new window that drifts.


def test_settings_without_a_trigger_and_of_no_duration_are_rejected():
    with pytest.raises(ConfigurationError, match="expected a trigger"):
        check_settings(RetrainSettings, {"when": {"drift": False}}, "retrain")
    with pytest.raises(ConfigurationError, match="cooldown: expected a duration such as 90d"):
        check_settings(RetrainSettings, {"cooldown": "a day"}, "retrain")
