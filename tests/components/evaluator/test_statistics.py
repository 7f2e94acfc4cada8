"""The weighted statistics against scikit-learn, with and without weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluator import statistics


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


@pytest.mark.parametrize("decimals", [1, 8], ids=["with ties", "without ties"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (statistics.auc, sklearn_metrics.roc_auc_score),
        (
            lambda *records: lambda weights: statistics.auc_and_average_precision(*records)(weights)[0],
            sklearn_metrics.roc_auc_score,
        ),
        (
            lambda *records: lambda weights: statistics.auc_and_average_precision(*records)(weights)[1],
            sklearn_metrics.average_precision_score,
        ),
    ],
)
def test_areas_under_curves_are_scikit_learns(
    rng: np.random.Generator,
    weights: np.ndarray,
    ours: Any,
    theirs: Any,
    decimals: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_positive, scores = rng.random(200) < 0.3, rng.random(200).round(decimals)
    monkeypatch.setattr(statistics, "_NUM_SCORES", 7)

    assert ours(is_positive, scores)(weights) == pytest.approx(
        by_column(lambda w: theirs(is_positive, scores, sample_weight=w), weights), abs=1e-12
    )


def test_the_area_of_a_class_without_records_is_no_number() -> None:
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

    error = np.abs(statistics.calibration_gaps(bins, 2, is_positive, scores, np.ones((4, 1)))).sum(axis=0)

    assert error == pytest.approx([(abs(0.5 - 0.2) + abs(0.5 - 0.8)) / 2])
