"""The verdict as the gate gave it."""

import numpy as np
import pytest

from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.analysis.slices import metric_values
from yachay.components.evaluation_report.analysis.verdict import comparisons, thresholds
from yachay.components.evaluation_report.report import Estimate, SliceRow
from yachay.components.evaluation_report.settings import ReportConfig
from yachay.components.evaluator.evaluation import Evaluation, Failure
from yachay.components.evaluator.metric import task_metrics
from yachay.components.evaluator.metrics.regression import Rmse

CONFIG = ReportConfig.model_validate(
    {
        "task": {
            "problem": "classification", "label": {"name": "y", "values": ["no", "yes"]}, "features": {"x": "numeric"},
        },
        "evaluation": {
            "thresholds": {"accuracy": {"lower": 0.7, "upper": 0.9, "upper_reason": "more means leakage"}},
            "change": {"metric": "macro_f1", "tolerance": 0.01},
        },
    }
)  # fmt: skip
TASK_METRICS = task_metrics(CONFIG.task)
METRICS = {"accuracy": Estimate(value=0.75), "macro_f1": Estimate(value=0.7)}


def test_a_bound_has_value_margin_and_reason() -> None:
    [bound] = thresholds(CONFIG, METRICS, {}, (), ())

    assert (bound.metric, bound.value, bound.lower, bound.upper) == ("accuracy", 0.75, 0.7, 0.9)
    assert (bound.is_met, bound.reason) == (True, "more means leakage")
    assert bound.margin == pytest.approx(0.05)


def test_a_bound_is_met_as_the_gate_decided() -> None:
    failures = [Failure("accuracy", 0.75, 0.7, 0.9)]

    [bound] = thresholds(CONFIG, METRICS, {}, failures, ())

    assert not bound.is_met


def test_the_failure_of_a_slice_or_of_the_change_is_none_of_all_records() -> None:
    failures = [
        Failure("accuracy", 0.1, 0.7, None, slice_key=(("sex", "1"),)),
        Failure("accuracy", -0.1, 0.0, None, is_change=True),
    ]

    bound, of_slice, change = thresholds(CONFIG, METRICS, {}, failures, ())

    assert bound.is_met
    assert (of_slice.is_met, of_slice.slice, of_slice.margin) == (False, {"sex": "1"}, pytest.approx(-0.6))
    assert (change.is_met, change.is_change, change.slice) == (False, True, {})


@pytest.mark.parametrize(("value", "is_met"), [(0.75, True), (0.6, False), (0.95, False), (None, False)])
def test_where_the_gate_cannot_be_read_the_value_decides(value: float | None, is_met: bool) -> None:
    [bound] = thresholds(CONFIG, {"accuracy": Estimate(value=value)}, {}, None, ())

    assert bound.is_met == is_met


def test_the_change_is_judged_by_its_tolerance_where_there_is_a_last_blessed_model() -> None:
    bounds = thresholds(CONFIG, METRICS, {"macro_f1": 0.705}, (), ())

    change = bounds[1]
    assert (change.metric, change.is_change, change.lower, change.upper) == ("macro_f1", True, -0.01, None)
    assert change.value == pytest.approx(-0.005)
    assert change.margin == pytest.approx(0.005)


def test_a_lower_error_is_better() -> None:
    config = ReportConfig.model_validate(
        {
            "task": {"problem": "regression", "label": {"name": "y"}, "features": {"x": "numeric"}},
            "evaluation": {"change": {"metric": "rmse", "tolerance": 0.5}},
        }
    )

    [change] = thresholds(config, {"rmse": Estimate(value=2.0)}, {"rmse": 1.8}, None, ())

    assert (change.lower, change.upper, change.is_met) == (None, 0.5, True)
    assert change.value == pytest.approx(0.2)


def test_slices_beyond_a_bound_come_the_worst_first_and_small_ones_not_at_all() -> None:
    rows = [
        SliceRow(slice={}, rows=99, metrics={"accuracy": Estimate(value=0.1)}),
        SliceRow(slice={"sex": "0"}, rows=50, metrics={"accuracy": Estimate(value=0.65)}),
        SliceRow(slice={"sex": "1"}, rows=49, metrics={"accuracy": Estimate(value=0.8)}),
        SliceRow(slice={"age": "<20"}, rows=40, metrics={"accuracy": Estimate(value=0.97)}),
        SliceRow(slice={"age": ">=20"}, is_suppressed=True),
        SliceRow(slice={"age": "?"}, rows=30, metrics={"accuracy": Estimate(value=None)}),
    ]

    [bound] = thresholds(CONFIG, METRICS, {}, (), rows)

    assert [part.slice for part in bound.failing_slices] == [{"age": "<20"}, {"sex": "0"}]


def test_a_difference_whose_interval_holds_zero_is_within_noise() -> None:
    rng = np.random.default_rng(0)
    noise = np.append(0.0, rng.normal(0, 0.01, 500))

    [same, better] = comparisons(
        TASK_METRICS,
        {"accuracy": 0.75 + noise, "macro_f1": 0.75 + noise},
        {"accuracy": 0.749 - noise, "macro_f1": 0.65 + noise},
        np.arange(500) % 2,
        (np.eye(2)[np.arange(500) % 2],) * 2,
        Resamples(500, 0, 0),
        None,
    )

    assert (same.candidate, same.baseline, same.is_within_noise) == (0.75, 0.749, True)
    assert better.is_within_noise is False
    assert better.difference.value == pytest.approx(0.1)


def test_what_the_records_lack_does_not_hide_that_one_of_two_alike_models_is_worse() -> None:
    rng = np.random.default_rng(0)
    errors = rng.standard_normal(50)
    metrics, labels, resamples = {"rmse": Rmse()}, np.zeros(50), Resamples(50, 200, 0)
    candidate, baseline = 1.15 * errors, errors + 0.05 * rng.standard_normal(50)
    values = [metric_values(metrics, labels, scores, resamples) for scores in (candidate, baseline)]

    [worse] = comparisons(metrics, *values, labels, (candidate, baseline), resamples, None)

    assert worse.difference.value == pytest.approx(0.15, abs=0.05)
    assert worse.is_within_noise is False


def test_a_comparison_shows_the_gates_numbers() -> None:
    gate = Evaluation({(): {"accuracy": 0.75}}, {}, {(): {"accuracy": 0.5}}, ())

    [one] = comparisons(
        TASK_METRICS,
        {"accuracy": np.array([0.7500001])},
        {"accuracy": np.array([0.4999999])},
        np.arange(40) % 2,
        (np.eye(2)[np.arange(40) % 2],) * 2,
        Resamples(40, 0, 0),
        gate,
    )

    assert (one.candidate, one.baseline, one.difference.value, one.is_within_noise) == (0.75, 0.5, 0.25, None)


def test_the_bound_against_trivial_predictions_stands_among_the_others() -> None:
    failures = (Failure("trivial_p_value", 0.4, None, 0.05),)

    [_, bound] = thresholds(CONFIG, METRICS, {}, failures, (), 0.4)

    assert (bound.metric, bound.value, bound.upper, bound.is_met) == ("trivial_p_value", 0.4, 0.05, False)
    assert str(failures[0]) == (
        "no better than the best trivial prediction by more than chance: p-value 0.4000, above 0.05"
    )
