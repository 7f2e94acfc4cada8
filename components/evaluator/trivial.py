"""Whether a model beats the best prediction that knows no feature, by more than chance.

Where 6 of 600 records are positive, always predicting "negative" has an accuracy of .99, and so has a model that
learned nothing. A threshold on a metric cannot separate the two; a test against the best constant prediction on the
same records can. The p-value is of the hypothesis that the model is no better:

- Classification: McNemar's exact test of the accuracy against the most frequent class (McNemar, 1947; with the binomial
  distribution, as Edwards 1948 and Fagerland et al. 2013 advise for few records), and for each class the rank test of
  its scores against those of the rest (Mann and Whitney, 1947): an AUC above .5. A model that ranks well is useful even
  where it never predicts the rare class.
- Regression and forecast: a paired one-sided t test of the losses (Diebold and Mariano, 1995):
  squared errors against the mean, absolute errors against the median, or pinball losses against the quantiles, for
  each step of its own. The constants are those of the same records, so that no constant could do better.

One of the tests suffices; Bonferroni's correction for their number keeps the chance of a useless model at the level.
Where records come in groups, each test also sums them by group first, the rank test as Obuchowski (1997), and the
larger p-value holds; groups of unequal size count as the equal ones that show as much. Where they come in the order of
time, a group is a period (`Splitter.periods`), for neighbours are alike: forecasts overlap. Macro-F1 is no such test:
guessing at random has a higher one than the most frequent class.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..features import Problem
from ..prediction_task import PredictionTask
from .metrics.quantiles import pinball_losses
from .metrics.regression import point_predictions
from .statistics import Labels, Mask, Values

TRIVIAL_P_VALUE = "trivial_p_value"
"""The key of the p-value beside the metrics."""

LEVEL = 0.05
"""A model is blessed with a p-value of at most this."""

_FAR_BEYOND_CHANCE = 1e-15
"""A normal p-value that no other law of this mean and variance makes more than .02 (Cantelli's inequality)."""

_FEW = 8
_WORK = 5_000_000


def trivial_p_value(
    task: PredictionTask, labels: NDArray[Any], predictions: Values, clusters: Labels | None = None
) -> float:
    """Returns the chance of a gain over the best trivial prediction such as this one, where there is none.

    Args:
        task: `PredictionTask`.
        labels: array as `Metric.compute` takes it.
        predictions: array likewise.
        clusters: int array of shape `(N,)`. The group of each record, from 0. Defaults to each on its own.

    Returns:
        Float in [0, 1]; 1 where it cannot be tested.
    """
    if len(labels) < 2 or np.isnan(predictions).any():
        return 1.0
    if task.problem is Problem.CLASSIFICATION:
        p_values = _classification(labels, predictions, clusters)
    else:
        p_values = [_t_test(gains, clusters) for gains in _loss_gains(task, labels, predictions)]
    return float(min(1.0, min(p_values) * len(p_values)))


def why_untestable(task: PredictionTask, num_groups: int) -> str:
    """Returns why no model could pass the test with so few groups; empty where one could.

    Args:
        task: `PredictionTask`.
        num_groups: int. How many groups the tested records have.
    """
    num_classes = len(task.label.values)
    # As in `_classification`: of the accuracy, and of the scores of each class, of two those of one.
    num_tests = 1 + (num_classes if num_classes > 2 else 1) if num_classes else 1 if task.label.quantiles else 2
    needed = math.ceil(math.log2(num_tests / LEVEL))
    if num_groups >= needed:
        return ""
    kind = "periods" if task.split.method == "time" else "groups"
    return (
        f"with {num_groups} {kind} of {task.split.key!r} no model can be, for at least {needed} are needed: "
        "evaluate more, or set `evaluation.beats_trivial: false`"
    )


def _classification(labels: Labels, scores: Values, clusters: Labels | None) -> list[float]:
    hits = labels == scores.argmax(axis=1)
    trivial_hits = labels == np.bincount(labels).argmax()
    p_values = [_mcnemar(hits, trivial_hits)]
    if clusters is not None:
        p_values[0] = max(p_values[0], _t_test(hits.astype(np.float64) - trivial_hits, clusters))
    # Of two classes the scores of one are those of the other, turned around.
    for k in range(1 if scores.shape[1] == 2 else 0, scores.shape[1]):
        is_positive = labels == k
        if is_positive.any() and not is_positive.all():
            p_values.append(_rank_test(is_positive, scores[:, k], clusters))
    return p_values


def _mcnemar(hits: Mask, trivial_hits: Mask) -> float:
    from scipy import stats

    better, worse = int(np.sum(hits & ~trivial_hits)), int(np.sum(~hits & trivial_hits))
    return float(stats.binom.sf(better - 1, better + worse, 0.5))


def _rank_test(is_positive: Mask, scores: Values, clusters: Labels | None) -> float:
    from scipy import stats

    positives, negatives = scores[is_positive], scores[~is_positive]
    if np.ptp(scores) == 0:
        return 1.0
    is_small = len(positives) * len(negatives) <= 10_000
    method = "auto" if is_small else "asymptotic"
    p_value = float(stats.mannwhitneyu(positives, negatives, alternative="greater", method=method).pvalue)
    if _FAR_BEYOND_CHANCE < p_value <= LEVEL:
        p_value = max(p_value, _tied_rank_test(is_positive, scores))
    if clusters is None:
        return p_value
    # The share of the other side that each record is on the right side of; their mean is the AUC on either side.
    order = np.sort(negatives), np.sort(positives)
    above = _share_below(order[0], positives)
    below = 1 - _share_below(order[1], negatives)
    area = above.mean()
    parts = np.zeros(int(clusters.max()) + 1)
    num_effective = np.inf
    for side, shares in ((is_positive, above), (~is_positive, below)):
        sizes = np.bincount(clusters[side], minlength=len(parts)) / side.sum()
        sums: Values = np.bincount(clusters[side], (shares - area) / side.sum(), len(parts)).astype(np.float64)
        parts += _left_out(sums, sizes)
        num_effective = min(num_effective, _effective_number(sizes))
    return max(p_value, _one_sided(area - 0.5, parts, num_effective))


def _tied_rank_test(is_positive: Mask, scores: Values) -> float:
    """Returns the p-value of the rank sum of the positives by the law of drawing them; 0 where a normal one is right.

    Where most scores are one value, the few others make the rank sum so uneven that a normal law is wrong.
    """
    from scipy import stats

    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    num_positives = int(is_positive.sum())
    is_rare = min(num_positives, len(scores) - num_positives) <= _FEW
    if len(counts) == len(scores) or not (is_rare or counts.max() > len(scores) / 2):
        return 0.0
    if len(counts) == 2:
        hits = int(place[is_positive].sum())
        return float(stats.hypergeom.sf(hits - 1, len(scores), int(counts[1]), num_positives))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    received = ranks[place[is_positive]].sum()
    num_draws = int(np.clip(_WORK // len(counts), 199, 1999))
    generator = np.random.default_rng(0)
    draws = (generator.multivariate_hypergeometric(counts, num_positives, method="marginals") for _ in range(num_draws))
    as_high = sum(float(draw @ ranks) >= received - 1e-6 for draw in draws)
    return float((1 + as_high) / (1 + num_draws))


def _share_below(ordered: Values, values: Values) -> Values:
    """Returns the share of the ordered numbers below each value, ties half."""
    left, right = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    shares: Values = (left + right) / 2 / len(ordered)
    return shares


def _loss_gains(task: PredictionTask, labels: Values, predictions: Values) -> list[Values]:
    """Returns for each kind of loss how much less of it each record has than with the best constant, `(N,)`."""
    quantiles = task.label.quantiles
    if quantiles:
        constant = np.moveaxis(np.quantile(labels, quantiles, axis=0), 0, -1)
        trivial = np.broadcast_to(constant, predictions.shape)
        return [pinball_losses(labels, trivial, quantiles) - pinball_losses(labels, predictions, quantiles)]
    points = point_predictions(predictions, quantiles)
    losses: list[tuple[Callable[..., Values], Callable[[Values], Values]]] = [
        (np.mean, np.square),
        (np.median, np.abs),
    ]
    return [
        (loss(center(labels, axis=0) - labels) - loss(points - labels)).reshape(len(labels), -1).mean(axis=1)
        for center, loss in losses
    ]


def _t_test(gains: Values, clusters: Labels | None) -> float:
    """Returns the one-sided p-value of the mean of the gains above 0."""
    mean = gains.mean()
    p_value = _one_sided(mean, (gains - mean) / len(gains), len(gains))
    if clusters is None:
        return p_value
    sizes = np.bincount(clusters) / len(gains)
    parts = _left_out(np.bincount(clusters, gains - mean) / len(gains), sizes)
    return max(p_value, _one_sided(mean, parts, _effective_number(sizes)))


def _one_sided(value: float, parts: Values, num_effective: float) -> float:
    """Returns the one-sided p-value of an estimate above 0, from the independent parts of its deviation.

    Args:
        value: float. The estimate.
        parts: float array of shape `(M,)`. What each part adds to its deviation.
        num_effective: float. How many parts of one size show as much.
    """
    from scipy import stats

    num = len(parts)
    if not (value > 0 and num_effective > 1 and np.isfinite(parts).all()):
        return 1.0
    error = np.sqrt(num / (num - 1) * np.sum(parts**2))
    # Parts that are all the same show no spread: then it is as likely as so many heads of a coin.
    return float(max(stats.t.sf(value / error, num_effective - 1) if error > 0 else 0.0, 0.5**num))


def _left_out(sums: Values, sizes: Values) -> Values:
    """Returns what each cluster adds as seen from the others (the jackknife), infinite where there are no others.

    A cluster that is most of the records pulls the estimate to itself, and would seem not to deviate.
    """
    parts: Values = np.where(sizes < 1, sums / np.where(sizes < 1, 1 - sizes, 1.0), np.inf)
    return parts


def _effective_number(sizes: Values) -> float:
    """Returns how many clusters of one size show as much as clusters of these shares of the records (Kish, 1965)."""
    return float(1 / np.sum(sizes**2))
