"""Statistics of weighted records, for all columns of a matrix of weights at once.

With weights of one they are the numbers of `components.metrics.scores` and of scikit-learn. Weights have the shape
`(N, R)`, what is returned `(R,)`; a number that does not exist is NaN.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...features import Problem
from .resampling import Statistic, Values

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Metric = Callable[[NDArray[Any], Values], Statistic]
"""From labels `(N,)` and scores `(N, K)` or `(N,)` to a statistic of their weights: what depends on no weight, such as
an order, is found once.
"""


def accuracy(labels: Labels, scores: Values) -> Statistic:
    """Returns the share of records whose class of the highest score is the label."""
    hits = labels == scores.argmax(axis=1)
    return lambda weights: share(hits, weights)


def macro_f1(labels: Labels, scores: Values) -> Statistic:
    """Returns the mean F1 over the classes that occur in the labels or the predictions."""
    predicted = scores.argmax(axis=1)

    def compute(weights: Values) -> Values:
        f1 = class_rates(labels, predicted, scores.shape[1], weights)[2]
        return _mean_where_known(f1)

    return compute


def auc_ovr(labels: Labels, scores: Values) -> Statistic:
    """Returns the mean one-vs-rest AUC over the classes that some records have and others have not."""
    areas = [auc(labels == k, scores[:, k]) for k in np.unique(labels)]
    return lambda weights: _mean_where_known(np.stack([area(weights) for area in areas]))


def rmse(labels: Values, predictions: Values) -> Statistic:
    """Returns the root mean squared error."""
    squares = (predictions - labels) ** 2
    return lambda weights: np.sqrt(mean(squares, weights))


def mae(labels: Values, predictions: Values) -> Statistic:
    """Returns the mean absolute error."""
    errors = np.abs(predictions - labels)
    return lambda weights: mean(errors, weights)


def r2(labels: Values, predictions: Values) -> Statistic:
    """Returns the coefficient of determination, NaN where the labels do not vary."""
    squares = (predictions - labels) ** 2
    # About the mean of all records, so that no digit is lost where the labels are far from 0.
    centred = labels - labels.mean()

    def compute(weights: Values) -> Values:
        variation = mean(centred**2, weights) - mean(centred, weights) ** 2
        varies = variation > np.finfo(np.float64).eps * (centred**2).mean()
        return 1 - mean(squares, weights) / np.where(varies, variation, np.nan)

    return compute


METRICS: Mapping[Problem, Mapping[str, Metric]] = {
    Problem.CLASSIFICATION: {"accuracy": accuracy, "macro_f1": macro_f1, "auc_ovr": auc_ovr},
    Problem.REGRESSION: {"rmse": rmse, "mae": mae, "r2": r2},
}
"""The metrics of the gate; `components.metrics.scores` has the same for records as they are."""


def share(mask: Mask, weights: Values) -> Values:
    """Returns the share of records for which the mask holds."""
    return mean(mask.astype(np.float64), weights)


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
    inside = np.flatnonzero(groups >= 0)
    values = np.ones(len(inside)) if numbers is None else numbers[inside]
    table = sparse.csr_array((values, (groups[inside], inside)), shape=(num_groups, len(groups)))
    sums: Values = table @ weights
    return sums


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

    def compute(weights: Values) -> Values:
        below = np.zeros((len(order) + 1, weights.shape[1]))
        np.cumsum(weights[order], axis=0, out=below[1:])
        positives = weights[is_positive]
        wins = np.einsum("nr,nr->r", positives, below[left]) + np.einsum("nr,nr->r", positives, below[right])
        area: Values = wins / 2 / (positives.sum(axis=0) * below[-1])
        return area

    return compute


def average_precision(is_positive: Mask, scores: Values) -> Statistic:
    """Returns the mean precision over the steps of recall, without interpolation."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)

    def compute(weights: Values) -> Values:
        alerted = np.cumsum(weights[order], axis=0)[ends]
        hits = np.cumsum(weights[order] * is_positive[order, None], axis=0)[ends]
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


def _mean_where_known(values: Values) -> Values:
    """Returns the mean over the rows of those that are numbers, NaN where none is."""
    known = ~np.isnan(values)
    means: Values = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return means
