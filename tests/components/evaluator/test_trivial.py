"""The test against the best trivial prediction: what passes, what does not, and how often by chance."""

from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from yachay.components.evaluator.trivial import LEVEL, trivial_p_value
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings
from yachay.components.splitter import Splitter


def make_task(problem: Problem, num_classes: int = 2, **label: Any) -> PredictionTask:
    if problem is Problem.CLASSIFICATION:
        label["values"] = tuple(f"c{k}" for k in range(num_classes))
    return PredictionTask(problem=problem, label=Label(name="y", **label), features={"x": FeatureKind.NUMERIC})


BINARY = make_task(Problem.CLASSIFICATION)
REGRESSION = make_task(Problem.REGRESSION)
RARE = np.arange(600) < 6


def binary(scores: np.ndarray) -> np.ndarray:
    return np.stack([1 - scores, scores], axis=1)


def test_a_constant_prediction_never_passes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=100)

    assert trivial_p_value(BINARY, RARE.astype(int), binary(np.full(600, 0.01))) == 1.0
    for constant in (labels.mean(), np.median(labels), 7.0):
        assert trivial_p_value(REGRESSION, labels, np.full(100, constant)) > 0.9


def test_a_model_of_a_rare_class_that_ranks_worse_than_chance_does_not_pass() -> None:
    scores = np.random.default_rng(1).random(600) * 0.1 - 0.02 * RARE + 0.05

    assert (binary(scores).argmax(axis=1) == RARE).mean() == 0.99
    assert trivial_p_value(BINARY, RARE.astype(int), binary(scores)) > LEVEL


def test_a_model_that_ranks_a_rare_class_well_passes_though_it_never_predicts_it() -> None:
    scores = np.random.default_rng(1).random(600) * 0.1 + 0.1 * RARE

    assert not binary(scores).argmax(axis=1).any()
    assert trivial_p_value(BINARY, RARE.astype(int), binary(scores)) < 0.001


def test_the_p_value_of_two_classes_is_that_of_the_exact_tests() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 80)
    scores = np.clip(0.5 + 0.1 * (labels - 0.5) + rng.normal(0, 0.3, 80), 0, 1)
    hits, trivial = (scores > 0.5) == labels, labels == np.bincount(labels).argmax()

    mcnemar = stats.binomtest(int((hits & ~trivial).sum()), int((hits != trivial).sum()), alternative="greater").pvalue
    ranks = stats.mannwhitneyu(scores[labels == 1], scores[labels == 0], alternative="greater").pvalue
    assert trivial_p_value(BINARY, labels, binary(scores)) == pytest.approx(2 * min(mcnemar, ranks))


def test_the_p_value_of_a_regression_is_that_of_paired_t_tests() -> None:
    rng = np.random.default_rng(2)
    labels = rng.normal(size=80)
    predictions = labels + rng.normal(0, 1.1, 80)

    squares = (labels - labels.mean()) ** 2 - (labels - predictions) ** 2
    errors = np.abs(labels - np.median(labels)) - np.abs(labels - predictions)
    tests = [stats.ttest_1samp(gains, 0, alternative="greater").pvalue for gains in (squares, errors)]
    assert trivial_p_value(REGRESSION, labels, predictions) == pytest.approx(min(1, 2 * min(tests)))


@pytest.mark.parametrize("positives", [2, 6, 150])
def test_a_classifier_that_learned_nothing_passes_no_more_often_than_the_level(positives: int) -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(300) < positives).astype(int)

    passed = sum(trivial_p_value(BINARY, labels, binary(rng.random(300))) <= LEVEL for _ in range(400))

    assert passed / 400 <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / 400)


def test_a_useful_forecast_passes_and_noise_does_not() -> None:
    rng = np.random.default_rng(4)
    labels = rng.normal(size=(60, 24)).cumsum(axis=1)
    quantiles = (0.1, 0.5, 0.9)
    useful = labels[..., None] + 0.5 * rng.normal(size=(60, 24, 1)) + np.array([-1.0, 0.0, 1.0])
    noise = np.sort(rng.normal(size=(60, 24, 3)))

    points, bands = make_task(Problem.FORECAST, steps=24), make_task(Problem.FORECAST, steps=24, quantiles=quantiles)
    assert trivial_p_value(points, labels, useful[..., 1]) < 1e-6
    assert trivial_p_value(bands, labels, useful) < 1e-6
    assert trivial_p_value(points, labels, noise[..., 1]) > LEVEL
    assert trivial_p_value(bands, labels, noise) > LEVEL


def test_records_of_one_group_count_as_one_finding() -> None:
    rng = np.random.default_rng(5)
    passed = {"alone": 0, "clustered": 0}
    for _ in range(200):
        # Both labels and scores depend on the group alone, and not on each other.
        clusters = np.repeat(np.arange(12), 30)
        labels, scores = rng.integers(0, 2, 12)[clusters], rng.random(12)[clusters]
        passed["alone"] += trivial_p_value(BINARY, labels, binary(scores)) <= LEVEL
        passed["clustered"] += trivial_p_value(BINARY, labels, binary(scores), clusters) <= LEVEL

    assert passed["alone"] / 200 > 0.3
    assert passed["clustered"] / 200 < 0.1


def test_two_groups_are_too_few_to_show_anything() -> None:
    clusters = np.repeat([0, 1], 50)
    labels = np.tile([0, 1], 50)

    assert trivial_p_value(BINARY, labels, binary(labels * 0.8 + 0.1), clusters) > LEVEL
    assert trivial_p_value(BINARY, labels, binary(labels * 0.8 + 0.1)) < 1e-6


def rate_of(p_values: list[float]) -> float:
    return float(np.mean(np.array(p_values) <= LEVEL))


def test_few_records_that_stand_out_by_chance_pass_no_more_often_than_the_level() -> None:
    rng = np.random.default_rng(6)
    labels = (np.arange(600) < 8).astype(int)
    flagged = [0.3 + 0.1 * (rng.permutation(600) < 8) for _ in range(300)]
    flagged_twice = [0.3 + 0.1 * (order < 8) + 0.1 * (order < 4) for order in (rng.permutation(600) for _ in flagged)]

    assert rate_of([trivial_p_value(BINARY, labels, binary(scores)) for scores in flagged]) <= LEVEL
    assert rate_of([trivial_p_value(BINARY, labels, binary(scores)) for scores in flagged_twice]) <= LEVEL


def test_one_group_with_most_records_does_not_pass_by_chance() -> None:
    rng = np.random.default_rng(7)
    clusters = np.repeat(np.arange(12), [300, *[20] * 11])
    draws = [(rng.integers(0, 2, 12)[clusters], rng.random(12)[clusters]) for _ in range(300)]

    assert rate_of([trivial_p_value(BINARY, labels, binary(scores), clusters) for labels, scores in draws]) <= LEVEL


def test_a_rare_class_in_few_groups_does_not_pass_by_chance() -> None:
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(12), 30)
    draws = [((rng.random(12) < 0.15)[clusters].astype(int), rng.random(12)[clusters]) for _ in range(300)]
    drawn = [(labels, scores) for labels, scores in draws if labels.any()]

    assert rate_of([trivial_p_value(BINARY, labels, binary(scores), clusters) for labels, scores in drawn]) <= LEVEL


def test_forecasts_that_overlap_do_not_pass_by_chance_in_periods() -> None:
    rng = np.random.default_rng(9)
    periods = Splitter(SplitSettings(method="time", key="t")).periods(np.arange(300))
    task = make_task(Problem.FORECAST, steps=24)

    def windows() -> np.ndarray:
        series = signal.lfilter([1.0], [1.0, -0.95], rng.normal(size=323))
        return np.lib.stride_tricks.sliding_window_view((series - series.mean()) / series.std(), 24)

    draws = [(windows(), 0.1 * windows()) for _ in range(200)]
    alone = rate_of([trivial_p_value(task, labels, labels.mean() + noise) for labels, noise in draws])
    by_period = rate_of([trivial_p_value(task, labels, labels.mean() + noise, periods) for labels, noise in draws])
    useful = [trivial_p_value(task, labels, 0.5 * labels, periods) for labels, _ in draws]

    assert alone > 0.1
    assert by_period <= LEVEL
    assert max(useful) < 0.01


def test_predictions_that_are_no_numbers_do_not_pass() -> None:
    labels = np.arange(40) % 2
    scores = binary(labels * 0.8 + 0.1)
    scores[3] = np.nan

    assert trivial_p_value(BINARY, labels, scores) == 1.0
