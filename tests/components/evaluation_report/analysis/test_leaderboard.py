"""The leaderboard's lines without a model."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from yachay.components.evaluation_report.analysis.leaderboard import (
    baseline_predictions,
    constant_predictions,
    leaderboard,
    trivial_classifiers,
)
from yachay.components.evaluation_report.settings import Anchor
from yachay.components.evaluator.metric import measure, metrics_of, task_metrics
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

CLASSIFICATION = metrics_of(Problem.CLASSIFICATION)
TRAIN = np.repeat([0, 1, 2], [500, 200, 300])
LABELS = np.random.default_rng(1).choice(3, 400, p=[0.4, 0.3, 0.3])


def test_the_majority_class_is_scikit_learns_dummy() -> None:
    [majority, _] = trivial_classifiers(CLASSIFICATION, LABELS, np.array([0.5, 0.2, 0.3]))

    dummy = DummyClassifier(strategy="prior").fit(np.zeros((1000, 1)), TRAIN)
    expected = measure(CLASSIFICATION, LABELS, dummy.predict_proba(np.zeros((400, 1))))
    assert majority.metrics == pytest.approx(expected)


def test_stratified_random_is_what_scikit_learns_dummy_reaches_on_average() -> None:
    [_, random] = trivial_classifiers(CLASSIFICATION, LABELS, np.array([0.5, 0.2, 0.3]))

    reached = []
    for seed in range(300):
        dummy = DummyClassifier(strategy="stratified", random_state=seed).fit(np.zeros((1000, 1)), TRAIN)
        reached.append(measure(CLASSIFICATION, LABELS, dummy.predict_proba(np.zeros((400, 1)))))
    for name, value in random.metrics.items():
        values = [metrics[name] for metrics in reached]
        assert value == pytest.approx(np.mean(values), abs=5 * np.std(values) / 10 + 1e-9), (
            name
        )  # of at least 100 draws


def test_the_mean_is_scikit_learns_dummy() -> None:
    labels, train = np.arange(50.0), np.arange(10.0)

    metrics = task_metrics(
        PredictionTask(problem=Problem.REGRESSION, label=Label(name="y"), features={"x": FeatureKind.NUMERIC})
    )

    [row] = constant_predictions(metrics, labels, labels.shape, float(train.mean()), np.array([]))

    dummy = DummyRegressor().fit(np.zeros((10, 1)), train)
    assert row.metrics == pytest.approx(measure(metrics, labels, dummy.predict(np.zeros((50, 1)))))


def test_lines_come_with_what_they_were_measured_on() -> None:
    rows = leaderboard(
        "linear",
        {"accuracy": 0.8},
        {"accuracy": 0.7},
        [{"family": "keras", "metrics": {"accuracy": 0.9}, "seconds": 1.0}],
        trivial_classifiers(CLASSIFICATION, LABELS, np.ones(3) / 3),
        [Anchor(name="a paper", metrics={"accuracy": 0.78}, records="5 folds", source="Doe, 2020")],
    )

    assert [(row.kind, row.records) for row in rows] == [
        ("candidate", "eval"), ("baseline", "eval"), ("family", "validation"), ("trivial", "eval"),
        ("trivial", "eval"), ("anchor", "5 folds"),
    ]  # fmt: skip
    assert "validation" in rows[2].caveat.en
    assert rows[5].source == "Doe, 2020"


def test_a_forecast_stands_beside_the_quantiles_of_training_and_its_baselines() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(50, 4))
    label = Label(name="y", steps=4, quantiles=(0.1, 0.5, 0.9))
    metrics = task_metrics(PredictionTask(problem=Problem.FORECAST, label=label, features={"x": FeatureKind.NUMERIC}))
    persistence = np.where(np.arange(50)[:, None] < 10, np.nan, labels + 1)

    [trivial] = constant_predictions(metrics, labels, (50, 4, 3), 0.0, np.array([-1.3, 0.0, 1.3]))
    [baseline] = baseline_predictions(metrics, labels, (50, 4, 3), {"persistence": persistence})

    assert trivial.name == "quantiles"
    assert trivial.metrics["interval_coverage"] == pytest.approx((np.abs(labels) <= 1.3).mean())
    assert (baseline.name, baseline.metrics["mae"]) == ("persistence", pytest.approx(1.0))
    assert baseline.metrics["pinball"] == pytest.approx(0.5)
