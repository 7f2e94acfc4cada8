"""Statistics of weighted records, for all columns of a matrix of weights at once; metrics and report are made of them.

Weights have the shape `(N, R)`, what is returned `(R,)`; a number that does not exist is NaN. With weights of one the
numbers are scikit-learn's.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Values], Values]
"""From weights of shape `(N, R)` to values of shape `(R,)` or `(M, R)`."""

_NUM_SCORES = 512
_MIN_TAIL = 5
# Measured in `tests/benchmarks/coverage.py`.
_UNSEEN_PER_SHAPE = 6.0
_MOST_UNSEEN = 1.75


def share(mask: Mask, weights: Values) -> Values:
    """Returns the share of records for which the mask holds."""
    return mean(mask.astype(np.float64), weights)


@np.errstate(divide="ignore", invalid="ignore")
def mean(numbers: Values, weights: Values) -> Values:
    """Returns the mean of the numbers."""
    means: Values = numbers @ weights / weights.sum(axis=0)
    return means


def group_sums(groups: Labels, num_groups: int, weights: Values, numbers: Values | None = None) -> Values:
    """Returns the sum of the numbers, or of the records, of each group.

    Args:
        groups: int array of shape `(N,)`. Group of each record; negative for none.
        num_groups: int.
        weights: float array of shape `(N, R)`.
        numbers: float array of shape `(N,)`. Defaults to ones.

    Returns:
        Float array of shape `(num_groups, R)`.
    """
    from scipy import sparse

    inside = np.flatnonzero(groups >= 0)
    values = np.ones(len(inside)) if numbers is None else numbers[inside]
    table = sparse.csr_array((values, (groups[inside], inside)), shape=(num_groups, len(groups)))
    sums: Values = table @ weights
    return sums


@np.errstate(divide="ignore", invalid="ignore")
def class_rates(labels: Labels, predicted: Labels, num_classes: int, weights: Values) -> Values:
    """Returns precision, recall and F1 of each class, of shape `(3, num_classes, R)`.

    Precision is NaN for a class that is never predicted, recall for one without a record, F1 where both hold.
    """
    hits = group_sums(np.where(labels == predicted, labels, -1), num_classes, weights)
    actual = group_sums(labels, num_classes, weights)
    alerted = group_sums(predicted, num_classes, weights)
    return np.stack([hits / alerted, hits / actual, 2 * hits / (actual + alerted)])


def auc(is_positive: Mask, scores: Values) -> Statistic:
    """Returns the area under the ROC curve: the chance that a positive scores above a negative, ties half."""
    ranks = _Ranks(is_positive, scores)

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        area: Values = np.zeros(weights.shape[1])
        for step in ranks.walk(weights):
            area += step.wins()
        return area / step.pairs()

    return compute


def auc_and_average_precision(is_positive: Mask, scores: Values) -> Statistic:
    """Returns the area under the ROC curve, and below it the mean precision over the steps of recall.

    The mean precision is without interpolation, NaN where nothing is positive.
    """
    ranks = _Ranks(is_positive, scores)

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        area, precision = np.zeros((2, weights.shape[1]))
        for step in ranks.walk(weights):
            area += step.wins()
            precision += step.precision()
        return np.stack([area / step.pairs(), precision / step.hits[-1]])

    return compute


@dataclasses.dataclass(frozen=True)
class _Step:
    """Some scores, the highest first.

    Args:
        positive: float array `(G, R)`. The positive records of each score.
        negative: likewise.
        hits: float array `(G, R)`. The positive records of that score and higher ones.
        misses: likewise of the negative ones.
    """

    positive: Values
    negative: Values
    hits: Values
    misses: Values

    def wins(self) -> Values:
        """Returns how many positive records score above the negative ones, those of the same score half."""
        same: Values = np.einsum("gr,gr->r", self.negative, self.positive)
        wins: Values = np.einsum("gr,gr->r", self.negative, self.hits) - 0.5 * same
        return wins

    def precision(self) -> Values:
        """Returns the sum of the precision at each positive record."""
        alerted = self.hits + self.misses
        precision = np.divide(self.hits, alerted, out=alerted, where=alerted > 0)
        total: Values = np.einsum("gr,gr->r", self.positive, precision)
        return total

    def pairs(self) -> Values:
        """Returns how many pairs of a positive and a negative record there are down to the last of the scores."""
        pairs: Values = self.hits[-1] * self.misses[-1]
        return pairs


class _Ranks:
    """Records by their scores.

    Args:
        is_positive: bool array of shape `(N,)`.
        scores: float array of shape `(N,)`.
    """

    def __init__(self, is_positive: Mask, scores: Values) -> None:
        from scipy import sparse

        order = np.argsort(-scores, kind="stable")
        groups = np.cumsum(np.append(False, np.diff(scores[order]) != 0)[: len(order)])
        bounds = np.searchsorted(groups, np.arange(0, groups[-1:].sum() + 1 + _NUM_SCORES, _NUM_SCORES))
        self._tables = []
        for start, stop in itertools.pairwise(bounds):
            rows, places = order[start:stop], groups[start:stop] - groups[start]
            num = int(places[-1]) + 1
            places = np.where(is_positive[rows], places, places + num)
            self._tables.append(sparse.csr_array((np.ones(len(rows)), (places, rows)), shape=(2 * num, len(scores))))

    def walk(self, weights: Values) -> Iterator[_Step]:
        """Yields all scores from the highest on, some at a time: their sums stay in the processor's cache."""
        hits, misses = np.zeros((2, weights.shape[1]))
        for table in self._tables:
            positive, negative = np.split(table @ weights, 2)
            step = _Step(positive, negative, hits + np.cumsum(positive, axis=0), misses + np.cumsum(negative, axis=0))
            hits, misses = step.hits[-1], step.misses[-1]
            yield step


def calibration_gaps(bins: Labels, num_bins: int, is_positive: Mask, scores: Values, weights: Values) -> Values:
    """Returns the gap of share and mean score in each bin, times its share of the records, of shape `(num_bins, R)`.

    The sum of their sizes is the expected calibration error (Naeini et al., AAAI 2015).
    """
    gaps: Values = group_sums(bins, num_bins, weights, is_positive - scores) / weights.sum(axis=0)
    return gaps


def unseen_rmse(squares: Values) -> float:
    """Returns by how much more a root mean square may be too small than too large, as a standard error.

    Records that lack the rare large errors show too small a root and too small a standard error of it. What is
    returned is what up to `_MOST_UNSEEN` more records of the largest square would add to the root, to first order: the
    more of them, the heavier the tail of the squares.

    Args:
        squares: float array of shape `(N,)`, not empty. The mean squared error of each record.
    """
    root = float(np.sqrt(squares.mean()))
    if not root:
        return 0.0
    shape = tail_shape(squares)
    num_unseen = _MOST_UNSEEN if shape is None else np.clip(_UNSEEN_PER_SHAPE * shape, 0.0, _MOST_UNSEEN)
    return float(num_unseen * squares.max() / len(squares) / (2 * root))


def tail_shape(values: Values) -> float | None:
    """Returns the shape of the tail of some numbers: that of the generalised Pareto distribution of the largest ones.

    From .5 on their variance does not exist. Estimated as Zhang and Stephens (Technometrics 2009) with the tail and
    the prior of Vehtari et al. (Pareto smoothed importance sampling, JMLR 2024).

    Args:
        values: float array of shape `(N,)`.

    Returns:
        The shape; None where there are fewer than 25 numbers, or many of the largest are equal.
    """
    num = int(min(len(values) / 5, 3 * np.sqrt(len(values))))
    if num < _MIN_TAIL:
        return None
    largest = np.sort(np.partition(values, len(values) - num - 1)[-num - 1 :])
    tail = largest[1:] - largest[0]
    quartile = tail[int(num / 4 + 0.5) - 1]
    if quartile <= 0:
        return None
    num_grid = 30 + int(np.sqrt(num))
    grid = 1 / tail[-1] + (1 - np.sqrt(num_grid / (np.arange(num_grid) + 0.5))) / (3 * quartile)
    shapes = np.log1p(-grid[:, None] * tail).mean(axis=1)
    likelihood = num * (np.log(-grid / shapes) - shapes - 1)
    weights = np.exp(likelihood - likelihood.max())
    shape = float(np.log1p(-(grid @ weights / weights.sum()) * tail).mean())
    return (shape * num + 5) / (num + 10)


@np.errstate(divide="ignore", invalid="ignore")
def mean_where_known(values: Values) -> Values:
    """Returns the mean over the rows of those that are numbers, NaN where none is."""
    known = ~np.isnan(values)
    means: Values = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return means
