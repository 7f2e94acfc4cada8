import math

import pytest

from yachay.components.champion_gate.compare import judge
from yachay.components.evaluator.settings import Change
from yachay.components.retraining.settings import RetrainSettings
from yachay.errors import DataError
from yachay.pipelines.registry import find_pipeline


@pytest.fixture(scope="module")
def task():
    return find_pipeline("student_dropout").load().prediction_task("semester2")


def compare(task, candidate, champion, rows=200, **fields):
    settings = RetrainSettings(champion=Change(metric="accuracy", **fields))
    return judge(rows, {"accuracy": candidate}, {"accuracy": champion}, task, settings)


def test_a_candidate_that_is_as_good_passes_and_a_worse_one_does_not(task):
    assert compare(task, 0.8, 0.8).passes
    worse = compare(task, 0.79, 0.8)
    assert not worse.passes
    assert worse.reason == (
        "On 200 newest labelled rows the candidate is worse than the champion: accuracy 0.7900 and 0.8000."
    )
    assert compare(task, 0.79, 0.8, tolerance=0.02).passes


def test_too_few_rows_are_no_comparison(task):
    few = compare(task, 0.1, 0.9, rows=49)

    assert few.passes
    assert "the gate's verdict stands" in few.reason


def test_a_metric_that_is_no_number_is_an_error(task):
    with pytest.raises(DataError, match="Expected accuracy of the newest labelled rows"):
        compare(task, math.nan, 0.9)
