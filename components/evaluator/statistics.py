"""Statistics of weighted records, for all columns of a matrix of weights at once; metrics and report are made of them.

Weights have the shape `(N, R)`, what is returned `(R,)`; a number that does not exist is NaN. With weights of one the
numbers are scikit-learn's.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Values], Values]
"""From weights of shape `(N, R)` to values of shape `(R,)` or `(M, R)`."""

_CACHED_WEIGHTS = 1 << 15


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
    order, ends = _sorted_groups(scores)
    is_negative = (~is_positive[order]).astype(np.float64)[:, None]

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        wins, positives, below = np.zeros((3, weights.shape[1]))
        for rows, group_ends in _blocks(ends, weights.shape[1]):
            drawn = weights[order[rows]]
            negative = drawn * is_negative[rows]
            drawn -= negative
            reached = np.cumsum(negative, axis=0)
            reached += below
            if len(group_ends) < len(drawn):
                reached = reached[group_ends]
                negative = np.diff(reached, axis=0, prepend=below[None])
                drawn = np.diff(np.cumsum(drawn, axis=0)[group_ends], axis=0, prepend=0.0)
            below = reached[-1].copy()
            negative *= 0.5
            reached -= negative  # Those of the same score half.
            wins += np.einsum("nr,nr->r", drawn, reached)
            positives += drawn.sum(axis=0)
        area: Values = wins / (positives * below)
        return area

    return compute


def average_precision(is_positive: Mask, scores: Values) -> Statistic:
    """Returns the mean precision over the steps of recall, without interpolation; NaN where nothing is positive."""
    order, ends = _sorted_groups(-scores)
    hit = is_positive[order].astype(np.float64)[:, None]

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        area, alerted, hits = np.zeros((3, weights.shape[1]))
        for rows, group_ends in _blocks(ends, weights.shape[1]):
            drawn = weights[order[rows]]
            steps = drawn * hit[rows]
            all_alerted, all_hits = np.cumsum(drawn, axis=0), np.cumsum(steps, axis=0)
            all_alerted += alerted
            all_hits += hits
            if len(group_ends) < len(drawn):
                all_alerted, all_hits = all_alerted[group_ends], all_hits[group_ends]
                steps = np.diff(all_hits, axis=0, prepend=hits[None])
            alerted, hits = all_alerted[-1].copy(), all_hits[-1].copy()
            precision = np.divide(all_hits, all_alerted, out=all_hits, where=all_alerted > 0)
            area += np.einsum("nr,nr->r", steps, precision)
        mean_precision: Values = area / hits
        return mean_precision

    return compute


def _sorted_groups(scores: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the order of scores, and where in it the records of each score end."""
    order = np.argsort(scores, kind="stable")
    is_last = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    return order, np.flatnonzero(is_last)


def _blocks(ends: NDArray[np.int64], num_columns: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yields rows that stay in the processor's cache, whole groups of them, and where in them the groups end."""
    num_rows, start, first = max(_CACHED_WEIGHTS // num_columns, 1), 0, 0
    while first < len(ends):
        last = max(int(np.searchsorted(ends, start + num_rows)), first + 1)
        stop = int(ends[last - 1]) + 1
        yield slice(start, stop), ends[first:last] - start
        start, first = stop, last


def calibration_error(bins: Labels, num_bins: int, is_positive: Mask, scores: Values, weights: Values) -> Values:
    """Returns the expected calibration error (Naeini et al., AAAI 2015): the mean gap of score and share over bins."""
    gaps = group_sums(bins, num_bins, weights, is_positive - scores)
    error: Values = np.abs(gaps).sum(axis=0) / weights.sum(axis=0)
    return error


@np.errstate(divide="ignore", invalid="ignore")
def mean_where_known(values: Values) -> Values:
    """Returns the mean over the rows of those that are numbers, NaN where none is."""
    known = ~np.isnan(values)
    means: Values = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return means
