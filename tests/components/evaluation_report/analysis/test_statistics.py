"""The weighted statistics against scikit-learn, with and without weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.analysis import statistics
from yachay.components.evaluator import scores as gate_scores
from yachay.components.features import Problem


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def weights(rng: np.random.Generator) -> np.ndarray:
    """Ones, then two resamples of 200 records."""
    drawn = [np.bincount(rng.integers(0, 200, 200), minlength=200) for _ in range(2)]
    return np.stack([np.ones(200), *drawn], axis=1).astype(np.float64)


def by_column(function: Callable[[np.ndarray], float], weights: np.ndarray) -> list[float]:
    return [function(column) for column in weights.T]


def test_the_metrics_of_a_classification_are_those_of_the_gate(rng: np.random.Generator) -> None:
    labels, scores = rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)

    ours = {
        name: metric(labels, scores)(np.ones((300, 1)))[0]
        for name, metric in statistics.METRICS[Problem.CLASSIFICATION].items()
    }

    assert ours == pytest.approx(gate_scores.classification_metrics(labels, scores), abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_metrics_of_a_regression_are_those_of_the_gate(rng: np.random.Generator, offset: float) -> None:
    labels = rng.normal(size=300) + offset
    predictions = labels + rng.normal(size=300)

    ours = {
        name: metric(labels, predictions)(np.ones((300, 1)))[0]
        for name, metric in statistics.METRICS[Problem.REGRESSION].items()
    }

    assert ours == pytest.approx(gate_scores.regression_metrics(labels, predictions), abs=1e-6)


def test_r2_of_labels_that_do_not_vary_is_no_number() -> None:
    assert np.isnan(statistics.r2(np.full(5, 0.1), np.arange(5.0))(np.ones((5, 1)))).all()


def test_the_metrics_of_weighted_records_are_scikit_learns(rng: np.random.Generator, weights: np.ndarray) -> None:
    labels, scores = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200)
    predicted = scores.argmax(axis=1)

    assert statistics.accuracy(labels, scores)(weights) == pytest.approx(
        by_column(lambda w: sklearn_metrics.accuracy_score(labels, predicted, sample_weight=w), weights)
    )
    assert statistics.macro_f1(labels, scores)(weights) == pytest.approx(
        by_column(lambda w: sklearn_metrics.f1_score(labels, predicted, average="macro", sample_weight=w), weights)
    )
    assert statistics.auc_ovr(labels, scores)(weights) == pytest.approx(
        by_column(lambda w: sklearn_metrics.roc_auc_score(labels, scores, multi_class="ovr", sample_weight=w), weights)
    )


@pytest.mark.parametrize("decimals", [1, 8], ids=["with ties", "without ties"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (statistics.auc, sklearn_metrics.roc_auc_score),
        (statistics.average_precision, sklearn_metrics.average_precision_score),
    ],
)
def test_areas_under_curves_are_scikit_learns(
    rng: np.random.Generator, weights: np.ndarray, ours: Any, theirs: Any, decimals: int
) -> None:
    is_positive, scores = rng.random(200) < 0.3, rng.random(200).round(decimals)

    assert ours(is_positive, scores)(weights) == pytest.approx(
        by_column(lambda w: theirs(is_positive, scores, sample_weight=w), weights), abs=1e-12
    )


def test_the_area_of_a_class_without_records_is_no_number() -> None:
    with np.errstate(invalid="ignore"):
        assert np.isnan(statistics.auc(np.zeros(4, bool), np.arange(4.0))(np.ones((4, 1)))).all()


def test_rates_of_classes_are_scikit_learns(rng: np.random.Generator, weights: np.ndarray) -> None:
    labels, predicted = rng.integers(0, 3, 200), rng.integers(0, 3, 200)

    rates = statistics.class_rates(labels, predicted, 3, weights)

    for column in range(3):
        expected = sklearn_metrics.precision_recall_fscore_support(labels, predicted, sample_weight=weights[:, column])[
            :3
        ]
        assert rates[:, :, column] == pytest.approx(np.stack(expected))


def test_the_calibration_error_is_the_mean_gap_over_bins() -> None:
    scores = np.array([0.1, 0.3, 0.9, 0.7])
    is_positive = np.array([False, True, True, False])
    bins = np.array([0, 0, 1, 1])

    error = statistics.calibration_error(bins, 2, is_positive, scores, np.ones((4, 1)))

    assert error == pytest.approx([(abs(0.5 - 0.2) + abs(0.5 - 0.8)) / 2])
