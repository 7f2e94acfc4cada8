"""The registry of metrics, and its numbers against scikit-learn's."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluator.metric import (
    Metric,
    bind,
    choice_metric,
    load_metrics,
    measure,
    metrics_of,
    task_metrics,
)
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask
from yachay.errors import ConfigurationError


def make_task(problem: Problem = Problem.REGRESSION, num_classes: int = 3, **label: Any) -> PredictionTask:
    if problem is Problem.CLASSIFICATION:
        label["values"] = tuple(f"c{k}" for k in range(num_classes))
    return PredictionTask(problem=problem, label=Label(name="y", **label), features={"x": FeatureKind.NUMERIC})


def expected_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    present = [k for k in range(scores.shape[1]) if 0 < weights[labels == k].sum() < weights.sum()]
    areas = [sklearn_metrics.roc_auc_score(labels == k, scores[:, k], sample_weight=weights) for k in present]
    return float(np.mean(areas)) if areas else math.nan


def expected_kappa(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    predicted, classes = scores.argmax(axis=1), np.arange(scores.shape[1])
    if len({*labels[weights > 0], *predicted[weights > 0]}) == 1:
        return math.nan  # scikit-learn divides 0 by 0, with a warning.
    kappa = sklearn_metrics.cohen_kappa_score
    # Without all classes it would count the distance among those that are there.
    return float(kappa(labels, predicted, labels=classes, weights="quadratic", sample_weight=weights))


CLASSIFICATION: dict[str, Callable[..., float]] = {
    "accuracy": lambda y, s, w: sklearn_metrics.accuracy_score(y, s.argmax(axis=1), sample_weight=w),
    "macro_f1": lambda y, s, w: sklearn_metrics.f1_score(
        # Records that count for nothing bring no class.
        y[w > 0], s.argmax(axis=1)[w > 0], average="macro", zero_division=0.0, sample_weight=w[w > 0]
    ),
    "auc_ovr": expected_auc,
    "quadratic_kappa": expected_kappa,
    "mean_class_error": lambda y, s, w: sklearn_metrics.mean_absolute_error(y, s.argmax(axis=1), sample_weight=w),
}  # fmt: skip
REGRESSION: dict[str, Callable[..., float]] = {
    "rmse": lambda y, p, w: sklearn_metrics.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: sklearn_metrics.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sklearn_metrics.r2_score(y, p, sample_weight=w) if np.ptp(y[w > 0]) > 0 else math.nan,
}


def bootstrap_weights(rng: np.random.Generator, num_rows: int) -> np.ndarray:
    """Ones, a resample, and fractions, of shape `(3, N)`."""
    drawn = np.bincount(rng.integers(0, num_rows, num_rows), minlength=num_rows)
    return np.stack([np.ones(num_rows), drawn, rng.random(num_rows)]).astype(np.float64)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 60), st.sampled_from([1, 8]))
def test_metrics_of_a_classification_are_scikit_learns_with_ties_absent_classes_and_weights(
    seed: int, num_classes: int, num_rows: int, decimals: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, rng.integers(1, num_classes + 1), num_rows)
    scores = rng.dirichlet(np.ones(num_classes), num_rows).round(decimals)
    weights = bootstrap_weights(rng, num_rows)

    task = make_task(Problem.CLASSIFICATION, num_classes, ordered=num_classes > 2)
    for name, metric in task_metrics(task).items():
        expected = [CLASSIFICATION[name](labels, scores, row) for row in weights]
        assert metric.compute(labels, scores, weights) == pytest.approx(expected, abs=1e-12, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_metrics_of_a_regression_are_scikit_learns_with_weights(seed: int, num_rows: int) -> None:
    rng = np.random.default_rng(seed)
    labels, predictions = rng.normal(size=num_rows).round(1), rng.normal(size=num_rows)
    weights = bootstrap_weights(rng, num_rows)

    for name, metric in task_metrics(make_task()).items():
        expected = [REGRESSION[name](labels, predictions, row) for row in weights]
        assert metric.compute(labels, predictions, weights) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6))
def test_metrics_of_quantile_forecasts_are_scikit_learns_over_all_steps(seed: int, num_rows: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    quantiles = (0.1, 0.5, 0.9)
    labels, predictions = rng.normal(size=(num_rows, steps)), np.sort(rng.normal(size=(num_rows, steps, 3)))
    weights = bootstrap_weights(rng, num_rows)

    found = {
        name: metric.compute(labels, predictions, weights)
        for name, metric in task_metrics(make_task(Problem.FORECAST, steps=steps, quantiles=quantiles)).items()
    }

    def by_steps(function: Callable[..., float], place: int, **more: Any) -> list[float]:
        return [function(labels, predictions[..., place], sample_weight=row, **more) for row in weights]

    losses = [by_steps(sklearn_metrics.mean_pinball_loss, q, alpha=alpha) for q, alpha in enumerate(quantiles)]
    inside = (predictions[..., 0] <= labels) & (labels <= predictions[..., 2])
    assert found.keys() == {"pinball", "interval_coverage", "rmse", "mae"}
    assert found["pinball"] == pytest.approx(np.mean(losses, axis=0), abs=1e-12)
    assert found["mae"] == pytest.approx(by_steps(sklearn_metrics.mean_absolute_error, 1), abs=1e-12)
    assert found["rmse"] == pytest.approx(
        np.sqrt([np.average(((predictions[..., 1] - labels) ** 2).mean(axis=1), weights=row) for row in weights])
    )
    assert found["interval_coverage"] == pytest.approx(
        [np.average(inside.mean(axis=1), weights=row) for row in weights]
    )


def test_r2_keeps_its_digits_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=300) + 1e6
    predictions = labels + rng.normal(size=300)

    assert measure(task_metrics(make_task()), labels, predictions)["r2"] == pytest.approx(
        sklearn_metrics.r2_score(labels, predictions), abs=1e-9
    )


def test_a_number_that_does_not_exist_is_nan_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    one_class = measure(
        task_metrics(make_task(Problem.CLASSIFICATION, 2)), np.zeros(4, int), np.tile([0.7, 0.3], (4, 1))
    )

    assert math.isnan(one_class["auc_ovr"])
    assert math.isnan(measure(task_metrics(make_task()), np.full(5, 0.1), np.arange(5.0))["r2"])
    assert not recwarn.list


def test_r2_of_a_resample_of_one_record_is_nan_though_rounding_leaves_a_difference() -> None:
    labels = np.array([100000.00574094, 100000.01817316, 100000.00544061, 100000.00027985, 99999.98558295])
    weights = np.array([[0.0, 3.0, 0.0, 0.0, 0.0]])

    assert np.isnan(bind(task_metrics(make_task())["r2"], labels, labels + 0.1)(weights)).all()


@pytest.mark.parametrize("problem", [Problem.CLASSIFICATION, Problem.REGRESSION, Problem.FORECAST])
def test_a_prediction_that_is_no_number_leaves_no_metric_a_number(problem: Problem) -> None:
    label = {} if problem is Problem.CLASSIFICATION else {"quantiles": (0.1, 0.5, 0.9)}
    label |= {"steps": 2} if problem is Problem.FORECAST else {}
    labels = np.array([[0.0, 1.0]] * 4) if problem is Problem.FORECAST else np.arange(4) % 3
    predictions = np.random.default_rng(0).random((*labels.shape, 3))
    predictions[1] = np.nan

    assert np.isnan(list(measure(task_metrics(make_task(problem, **label)), labels, predictions).values())).all()


def test_a_task_without_quantiles_has_no_metric_of_quantiles() -> None:
    assert list(task_metrics(make_task())) == ["rmse", "mae", "r2"]
    assert list(task_metrics(make_task(Problem.CLASSIFICATION))) == ["accuracy", "macro_f1", "auc_ovr"]
    ordered = task_metrics(make_task(Problem.CLASSIFICATION, ordered=True))
    assert list(ordered) == ["accuracy", "macro_f1", "auc_ovr", "quadratic_kappa", "mean_class_error"]


@pytest.mark.parametrize(
    ("task", "chosen"),
    [
        (make_task(Problem.CLASSIFICATION), "macro_f1"),
        (make_task(), "rmse"),
        (make_task(quantiles=(0.1, 0.9)), "pinball"),
        (make_task(Problem.FORECAST, steps=3), "rmse"),
    ],
)
def test_families_are_compared_by_the_metric_of_the_highest_priority(task: PredictionTask, chosen: str) -> None:
    assert choice_metric(task_metrics(task)).name == chosen


def test_every_metric_says_what_it_is_and_keeps_to_its_bounds() -> None:
    rng = np.random.default_rng(0)
    for name, metric in load_metrics().items():
        assert name.isidentifier()
        assert metric.title.en, name
        assert metric.title.es, name
        for problem in metric.problems:
            steps = 3 if problem is Problem.FORECAST else 1
            quantiles = () if problem is Problem.CLASSIFICATION else (0.1, 0.9)
            ordered = problem is Problem.CLASSIFICATION
            bound = metric.for_task(make_task(problem, steps=steps, quantiles=quantiles, ordered=ordered))
            assert bound is not None
            if problem is Problem.CLASSIFICATION:
                labels, predictions = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
            else:
                shape = (50, steps) if problem is Problem.FORECAST else (50,)
                labels, predictions = rng.normal(size=shape), rng.normal(size=(*shape, 2))
            [value] = bind(bound, labels, predictions)(np.ones((1, 50)))
            assert (-math.inf if metric.lowest is None else metric.lowest) <= value
            assert value <= (math.inf if metric.highest is None else metric.highest)


EXTENSION = """
import numpy as np
from yachay.components.evaluator.metric import Metric
from yachay.components.features import Problem

class Bias(Metric):
    name = "{name}"
    problems = (Problem.REGRESSION,)

    def compute(self, labels, predictions, weights):
        return {value}

METRICS = [{listed}]
"""


def write_extension(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    module: str,
    name: str = "bias",
    value: str = "weights @ (predictions - labels) / weights.sum(axis=1)",
    listed: str = "Bias()",
) -> str:
    (folder / f"{module}.py").write_text(EXTENSION.format(name=name, value=value, listed=listed))
    monkeypatch.syspath_prepend(str(folder))
    return module


def test_a_metric_of_a_systems_own_module_is_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = write_extension(monkeypatch, tmp_path, "extension_of_a_system")

    metrics = metrics_of(Problem.REGRESSION, [module])

    assert list(metrics)[-1] == "bias"
    assert bind(metrics["bias"], np.zeros(2), np.ones(2))(np.ones((1, 2))) == pytest.approx([1.0])
    assert "bias" not in metrics_of(Problem.CLASSIFICATION, [module])


def test_two_metrics_of_one_name_are_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = write_extension(monkeypatch, tmp_path, "extension_that_collides", name="rmse")

    with pytest.raises(ConfigurationError, match=r"Expected each metric to have a name of its own\. Received: 'rmse'"):
        load_metrics([module])


def test_a_class_in_place_of_a_metric_is_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = write_extension(monkeypatch, tmp_path, "extension_of_a_class", listed="Bias")

    with pytest.raises(ConfigurationError, match="List objects in METRICS, not classes"):
        load_metrics([module])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("(predictions - labels).mean()", r"one number for each row of weights, an array of shape \(1,\)"),
        ("1 / 0", r"metric 'bias' to compute from labels \(2,\).*ZeroDivisionError"),
    ],
)
def test_a_metric_that_computes_wrongly_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    module = write_extension(monkeypatch, tmp_path, f"extension_{abs(hash(value))}", value=value)
    bias: Metric = load_metrics([module])["bias"]

    with pytest.raises(ConfigurationError, match=message):
        bind(bias, np.zeros(2), np.ones(2))(np.ones((1, 2)))


def test_a_configuration_is_checked_without_heavy_packages() -> None:
    code = (
        "import sys; from yachay.components.evaluator.metric import load_metrics; load_metrics(); "
        "print([name for name in ('tfx', 'tensorflow', 'sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
