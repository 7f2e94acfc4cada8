"""Statistics of weighted records, for all columns of a matrix of weights at once; metrics and report are made of them.

Weights have the shape `(N, R)`, what is returned `(R,)`; a number that does not exist is NaN. With weights of one the
numbers are scikit-learn's.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Values], Values]
"""From weights of shape `(N, R)` to values of shape `(R,)` or `(M, R)`."""


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
    order = np.flatnonzero(~is_positive)[np.argsort(scores[~is_positive], kind="stable")]
    left, right = (np.searchsorted(scores[order], scores[is_positive], side) for side in ("left", "right"))

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        below = np.zeros((len(order) + 1, weights.shape[1]))
        np.cumsum(weights[order], axis=0, out=below[1:])
        positives = weights[is_positive]
        wins = np.einsum("nr,nr->r", positives, below[left]) + np.einsum("nr,nr->r", positives, below[right])
        area: Values = wins / 2 / (positives.sum(axis=0) * below[-1])
        return area

    return compute


def average_precision(is_positive: Mask, scores: Values) -> Statistic:
    """Returns the mean precision over the steps of recall, without interpolation; NaN where nothing is positive."""
    order = np.argsort(-scores, kind="stable")
    positives = np.flatnonzero(is_positive[order])
    if not len(positives):
        return lambda weights: np.full(weights.shape[1], np.nan)
    # Recall steps up at the scores of positives alone: after the last record of each, and its last positive.
    last_of_score = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    ends = last_of_score[np.searchsorted(last_of_score, positives)]
    last_positives = np.append(np.flatnonzero(np.diff(ends)), len(ends) - 1)
    ends = ends[last_positives]

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(weights: Values) -> Values:
        alerted = np.cumsum(weights[order], axis=0)[ends]
        hits = np.cumsum(weights[order[positives]], axis=0)[last_positives]
        steps = np.diff(hits, axis=0, prepend=0.0)
        precision = np.divide(hits, alerted, out=np.zeros_like(hits), where=alerted > 0)
        area: Values = (steps * precision).sum(axis=0) / hits[-1]
        return area

    return compute


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
