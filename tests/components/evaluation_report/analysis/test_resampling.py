"""Bootstrap intervals, beside scipy's."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.analysis.resampling import Resamples, num_resamples, to_estimate
from yachay.components.evaluation_report.analysis.slices import metric_statistic
from yachay.components.evaluation_report.report import Estimate
from yachay.components.evaluator.metric import load_metrics
from yachay.components.evaluator.statistics import Statistic, auc

N = 400


def metric(name: str, labels: np.ndarray, scores: np.ndarray) -> Statistic:
    return metric_statistic(load_metrics()[name], labels, scores)


@pytest.fixture(scope="module")
def records() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores of a model and of a slightly worse one."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, N)
    logits = 1.5 * np.eye(3)[labels] + rng.normal(size=(N, 3))
    worse = logits + 0.5 * rng.normal(size=(N, 3))
    return labels, *(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, worse))


def scipys(statistic: object, num_rows: int = N, num: int = 2000) -> tuple[float, float]:
    """The percentile interval of scipy for a function of row numbers."""
    result = stats.bootstrap(
        (np.arange(num_rows),), statistic, n_resamples=num, method="percentile", vectorized=False, rng=11
    )
    return result.confidence_interval.low, result.confidence_interval.high


def within_sampling_error(ours: Estimate, theirs: tuple[float, float]) -> bool:
    # The ends of two intervals of 2,000 resamples each differ by chance by some 4 % of their length (its standard
    # deviation, from the density of a normal distribution at its 2.5 % quantile: sqrt(.025 * .975 / 2000) / .058 / 3.92
    # = 1.5 %, times sqrt 2 = 2.2 %); four of them.
    assert ours.low is not None
    assert ours.high is not None
    length = theirs[1] - theirs[0]
    return max(abs(ours.low - theirs[0]), abs(ours.high - theirs[1])) < 0.09 * length


def test_the_interval_of_the_macro_f1_is_scipys_within_sampling_error(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records
    predicted = scores.argmax(axis=1)

    ours = to_estimate(Resamples(N, 2000, 5).compute(metric("macro_f1", labels, scores)))

    def theirs(rows: np.ndarray) -> float:
        hits = np.bincount(labels[rows][labels[rows] == predicted[rows]], minlength=3)
        return float(
            (2 * hits / (np.bincount(labels[rows], minlength=3) + np.bincount(predicted[rows], minlength=3))).mean()
        )

    assert ours.value == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    assert within_sampling_error(ours, scipys(theirs))


def test_the_interval_of_the_auc_is_scipys_within_sampling_error(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records
    is_positive = labels == 0

    ours = to_estimate(Resamples(N, 2000, 5).compute(auc(is_positive, scores[:, 0])))

    def theirs(rows: np.ndarray) -> float:
        ranks = stats.rankdata(scores[rows, 0])
        positives = int(is_positive[rows].sum())
        return float((ranks[is_positive[rows]].sum() - positives * (positives + 1) / 2) / (positives * (N - positives)))

    assert within_sampling_error(ours, scipys(theirs))


def test_the_interval_of_a_difference_is_paired_as_scipys(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, worse = records
    resamples = Resamples(N, 2000, 5)
    ours, baselines = (resamples.compute(metric("accuracy", labels, scores)) for scores in (scores, worse))
    gains = (scores.argmax(axis=1) == labels).astype(float) - (worse.argmax(axis=1) == labels)

    paired = to_estimate(ours - baselines)

    assert paired.value == pytest.approx(gains.mean())
    assert within_sampling_error(paired, scipys(lambda rows: float(gains[rows].mean())))
    apart = to_estimate(ours - Resamples(N, 2000, 6).compute(metric("accuracy", labels, worse)))
    assert paired.high - paired.low < 0.8 * (apart.high - apart.low)  # type: ignore[operator]


def test_the_value_is_that_of_the_records_as_they_are(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records
    rows = np.flatnonzero(labels != 1)

    values = Resamples(N, 50, 5).compute(metric("auc_ovr", labels[rows], scores[rows]), rows)

    assert values.shape == (51,)
    assert values[0] == pytest.approx(
        np.mean([sklearn_metrics.roc_auc_score(labels[rows] == k, scores[rows, k]) for k in (0, 2)])
    )


def test_the_same_seed_gives_the_same_interval(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records

    def interval(seed: int) -> Estimate:
        return to_estimate(Resamples(N, 200, seed).compute(metric("accuracy", labels, scores)))

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        draws = rng.random(150) < 0.7
        estimate = to_estimate(Resamples(150, 300, seed).compute(lambda w, draws=draws: draws @ w / w.sum(axis=0)))
        hits += estimate.low <= 0.7 <= estimate.high  # type: ignore[operator]

    # Binomial: .95 +- 4 * .0154, less the known shortfall of percentile intervals.
    assert 0.88 <= hits / 200 <= 1.0


def test_a_value_that_is_no_number_has_no_interval() -> None:
    assert to_estimate(np.array([np.nan, 0.5, 0.6])) == Estimate(value=None)


def test_resamples_without_a_number_are_left_out() -> None:
    assert to_estimate(np.array([0.5, np.nan, 0.4, 0.4, np.inf])) == Estimate(value=0.5, low=0.4, high=0.4)


def test_without_resamples_there_is_a_value_alone() -> None:
    assert to_estimate(np.array([0.5])) == Estimate(value=0.5)


@pytest.mark.parametrize(
    ("rows", "classes", "expected"), [(848, 3, 2000), (165_000, 3, 200), (848, 300, 200), (0, 1, 2000)]
)
def test_fewer_resamples_are_drawn_of_many_records(rows: int, classes: int, expected: int) -> None:
    assert num_resamples(rows, classes) == expected


def test_records_of_one_cluster_are_drawn_together_and_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(40), 10)
    values = np.repeat(rng.normal(size=40), 10)

    def interval(resamples: Resamples) -> Estimate:
        return to_estimate(resamples.compute(lambda weights: values @ weights / weights.sum(axis=0)))

    alone, together = interval(Resamples(400, 2000, 1)), interval(Resamples(400, 2000, 1, clusters))

    def theirs(groups: np.ndarray) -> float:
        return float(values[::10][groups].mean())

    assert together.value == alone.value
    assert within_sampling_error(together, scipys(theirs, 40))
    assert (together.high - together.low) > 2.5 * (alone.high - alone.low)  # type: ignore[operator]


def test_rows_of_few_clusters_have_no_interval() -> None:
    clusters = np.repeat(np.arange(10), 10)
    resamples = Resamples(100, 50, 1, clusters)
    values = np.random.default_rng(0).normal(size=100)

    few = to_estimate(resamples.compute(lambda weights: values[:40] @ weights / weights.sum(axis=0), np.arange(40)))

    assert few.value == pytest.approx(values[:40].mean())
    assert (few.low, few.high) == (None, None)
