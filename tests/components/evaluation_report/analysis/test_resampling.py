"""Bootstrap intervals, beside those of other libraries."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from yachay.components.evaluation_report.analysis.resampling import Resamples, num_resamples
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


def scipys_error(statistic: object, num_rows: int = N) -> float:
    """The standard error of scipy's bootstrap for a function of row numbers, of a mean of all rows less one."""
    result = stats.bootstrap((np.arange(num_rows),), statistic, n_resamples=2000, vectorized=False, rng=11)
    return float(result.standard_error) * math.sqrt(num_rows / (num_rows - 1))


def within_sampling_error(ours: Estimate, theirs: tuple[float, float]) -> bool:
    # Two standard errors of 2,000 resamples each differ by chance by some 2.2 %; four of them.
    assert ours.low is not None
    assert ours.high is not None
    length = theirs[1] - theirs[0]
    return max(abs(ours.low - theirs[0]), abs(ours.high - theirs[1])) < 0.09 * length


def interval(value: float, error: float, units: int = N) -> tuple[float, float]:
    """The ends of the numbers of [0, 1] that lie within so many standard errors, that of a share with this error."""
    quantile, records = stats.t.ppf(0.975, units - 1), value * (1 - value) / error**2
    low, high = sorted(np.roots([1 + quantile**2 / records, -2 * value - quantile**2 / records, value**2]))
    return low, high


def test_the_interval_of_the_macro_f1_has_scipys_standard_error(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records
    predicted = scores.argmax(axis=1)
    resamples = Resamples(N, 2000, 5)

    ours = resamples.estimate(resamples.compute(metric("macro_f1", labels, scores)), bounds=(0.0, 1.0))

    def theirs(rows: np.ndarray) -> float:
        hits = np.bincount(labels[rows][labels[rows] == predicted[rows]], minlength=3)
        return float(
            (2 * hits / (np.bincount(labels[rows], minlength=3) + np.bincount(predicted[rows], minlength=3))).mean()
        )

    assert ours.value == pytest.approx(sklearn_metrics.f1_score(labels, predicted, average="macro"))
    assert within_sampling_error(ours, interval(ours.value or 0, scipys_error(theirs)))


def test_the_interval_of_the_auc_has_the_standard_error_of_delong(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, _ = records
    is_positive, ranked = labels == 0, scores[:, 0]
    resamples = Resamples(N, 2000, 5)

    ours = resamples.estimate(resamples.compute(auc(is_positive, ranked)), bounds=(0.0, 1.0))

    # DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845.
    wins = (ranked[is_positive][:, None] > ranked[~is_positive]).astype(float)
    parts = wins.mean(axis=1).var(ddof=1) / is_positive.sum(), wins.mean(axis=0).var(ddof=1) / (~is_positive).sum()
    assert ours.value == pytest.approx(wins.mean())
    assert within_sampling_error(ours, interval(ours.value or 0, math.sqrt(sum(parts))))


def test_a_share_has_wilsons_interval(records: tuple[np.ndarray, ...]) -> None:
    hits = np.array([180.0, 170.0, 190.0])

    ours = Resamples(N, 2, 5).share(hits, np.full(3, 200.0))

    theirs = stats.binomtest(180, 200).proportion_ci(method="wilson")
    assert (ours.value, ours.low, ours.high) == pytest.approx((0.9, theirs.low, theirs.high), abs=1e-6)


def test_the_standard_error_of_a_difference_is_paired_as_scipys(records: tuple[np.ndarray, ...]) -> None:
    labels, scores, worse = records
    resamples = Resamples(N, 2000, 5)
    ours, baselines = (resamples.compute(metric("accuracy", labels, scores)) for scores in (scores, worse))
    gains = (scores.argmax(axis=1) == labels).astype(float) - (worse.argmax(axis=1) == labels)

    paired = resamples.estimate(ours - baselines)

    assert paired.value == pytest.approx(gains.mean())
    reach = stats.t.ppf(0.975, N - 1) * scipys_error(lambda rows: float(gains[rows].mean()))
    assert within_sampling_error(paired, (gains.mean() - reach, gains.mean() + reach))
    apart = resamples.estimate(ours - Resamples(N, 2000, 6).compute(metric("accuracy", labels, worse)))
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

    def found(seed: int) -> Estimate:
        resamples = Resamples(N, 200, seed)
        return resamples.estimate(resamples.compute(metric("macro_f1", labels, scores)))

    assert found(1) == found(1)
    assert found(1) != found(2)


def test_a_value_that_is_no_number_has_no_interval() -> None:
    assert Resamples(50, 2, 0).estimate(np.array([np.nan, 0.5, 0.6])) == Estimate(value=None)


def test_records_are_too_few_where_many_resamples_have_no_number() -> None:
    values = np.array([0.5, np.nan, 0.4, 0.4, np.inf])

    assert Resamples(50, 4, 0).estimate(values) == Estimate(value=0.5, is_too_few=True)


def test_fewer_than_thirty_records_have_no_interval_but_that_of_a_share() -> None:
    values = np.array([0.5, 0.45, 0.6])

    assert Resamples(29, 2, 0).estimate(values) == Estimate(value=0.5, is_too_few=True)
    assert Resamples(30, 2, 0).estimate(values).low is not None
    assert Resamples(29, 2, 0).share(29 * values, np.full(3, 29.0)).low is not None


def test_without_resamples_there_is_a_value_alone() -> None:
    assert Resamples(50, 0, 0).estimate(np.array([0.5])) == Estimate(value=0.5)
    assert Resamples(50, 0, 0).share(np.array([25.0]), np.array([50.0])) == Estimate(value=0.5)


@pytest.mark.parametrize(
    ("rows", "classes", "expected"), [(848, 3, 2000), (165_000, 3, 200), (848, 300, 200), (0, 1, 2000)]
)
def test_fewer_resamples_are_drawn_of_many_records(rows: int, classes: int, expected: int) -> None:
    assert num_resamples(rows, classes) == expected


def test_records_of_one_cluster_are_drawn_together_and_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(40), 10)
    values = np.repeat(rng.normal(size=40), 10)

    def found(resamples: Resamples) -> Estimate:
        return resamples.estimate(resamples.compute(lambda weights: values @ weights / weights.sum(axis=0)))

    alone, together = found(Resamples(400, 2000, 1)), found(Resamples(400, 2000, 1, clusters))

    reach = stats.t.ppf(0.975, 39) * stats.sem(values[::10])
    assert together.value == alone.value
    assert within_sampling_error(together, (values.mean() - reach, values.mean() + reach))
    assert (together.high - together.low) > 2.5 * (alone.high - alone.low)  # type: ignore[operator]


def test_a_share_of_records_in_clusters_is_one_of_fewer_records() -> None:
    rng = np.random.default_rng(3)
    clusters, hits = np.repeat(np.arange(40), 10), np.repeat(rng.random(40) < 0.7, 10).astype(float)
    resamples = Resamples(400, 2000, 1, clusters)
    sums = [resamples.compute(lambda weights, of=of: of @ weights) for of in (hits, np.ones(400))]

    found = resamples.share(*sums)

    # Whole clusters are hit or not: they are 40 records, with Student's quantile.
    assert within_sampling_error(found, interval(hits.mean(), math.sqrt(hits.mean() * (1 - hits.mean()) / 39), 40))


def test_all_records_hit_in_clusters_are_a_share_of_as_many_records_as_clusters() -> None:
    resamples = Resamples(400, 20, 1, np.repeat(np.arange(40), 10))
    of = resamples.compute(lambda weights: weights.sum(axis=0))

    found = resamples.share(of, of)

    assert found.low == pytest.approx(40 / (40 + stats.t.ppf(0.975, 39) ** 2), abs=1e-6)


def test_rows_of_few_clusters_have_no_interval() -> None:
    clusters = np.repeat(np.arange(10), 10)
    resamples = Resamples(100, 50, 1, clusters)
    values = np.random.default_rng(0).normal(size=100)
    rows = np.arange(40)

    few = resamples.estimate(resamples.compute(lambda w: values[:40] @ w / w.sum(axis=0), rows), rows)

    assert few.value == pytest.approx(values[:40].mean())
    assert (few.low, few.high, few.is_too_few) == (None, None, True)


def test_an_interval_is_as_wide_as_the_rarer_class_is_small() -> None:
    resamples = Resamples(300, 100, 0)
    values = np.concatenate([[0.8], np.random.default_rng(0).normal(0.8, 0.03, 100)])

    of_all = resamples.estimate(values, bounds=(0.0, 1.0))
    of_rare = resamples.estimate(values, bounds=(0.0, 1.0), rarest=8)

    assert of_rare.low < of_all.low < of_all.high < of_rare.high
