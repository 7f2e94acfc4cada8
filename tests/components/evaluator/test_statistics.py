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


@pytest.mark.parametrize(("name", "shape"), [("exponential", 0.0), ("uniform", -1.0), ("pareto", 0.67)])
def test_the_shape_of_a_tail_is_that_of_the_distribution(name: str, shape: float, rng: np.random.Generator) -> None:
    drawn = {"exponential": rng.exponential(size=(20, 5000)), "uniform": rng.random((20, 5000))}
    values = drawn.get(name, rng.pareto(1 / 0.67, (20, 5000)))

    assert np.mean([statistics.tail_shape(row) for row in values]) == pytest.approx(shape, abs=0.15)


def test_a_tail_of_few_or_of_equal_numbers_has_no_shape() -> None:
    assert statistics.tail_shape(np.arange(24.0)) is None
    assert statistics.tail_shape(np.ones(500)) is None
    assert (statistics.tail_shape(np.arange(500.0)) or 0.0) < 0.0


def test_a_root_mean_square_may_be_the_more_too_small_the_heavier_its_tail(rng: np.random.Generator) -> None:
    heavy, light = rng.standard_t(2.5, 5000) ** 2, rng.standard_normal(5000) ** 2

    def num_unseen(squares: np.ndarray) -> float:
        return statistics.unseen_rmse(squares) * 2 * np.sqrt(squares.mean()) * len(squares) / squares.max()

    assert num_unseen(heavy) == pytest.approx(1.75)
    assert num_unseen(light) == pytest.approx(6 * (statistics.tail_shape(light) or 0.0))
    assert num_unseen(light) < 1.0
    assert num_unseen(np.append(np.ones(99), 64.0)) == pytest.approx(1.75)
    assert statistics.unseen_rmse(rng.random(5000)) == 0.0
    assert statistics.unseen_rmse(np.zeros(10)) == 0.0
