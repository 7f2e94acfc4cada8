"""Metrics of classifications into ordered classes (`label.ordered`), which count how far off a class is."""

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...features import Problem
from ...prediction_task import PredictionTask
from ...text import Text
from .. import statistics
from ..metric import Metric, Values


class OrdinalMetric(Metric):
    """A metric of the class of the highest score; a task whose classes have no order has none of them."""

    problems = (Problem.CLASSIFICATION,)

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric; None where the classes have no order."""
        return self if task.label.ordered else None


class QuadraticKappa(OrdinalMetric):
    """Cohen's kappa with quadratic weights (Cohen, 1968): 1 for agreement, 0 for that of chance; NaN for one class."""

    name = "quadratic_kappa"
    lowest, highest = -1.0, 1.0
    title = Text(en="Quadratic weighted kappa", es="Kappa ponderado cuadrático")

    @np.errstate(divide="ignore", invalid="ignore")
    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the kappa for each row of weights."""
        num_classes, predicted = predictions.shape[1], predictions.argmax(axis=1)
        places = np.arange(num_classes)
        squares = (places[:, np.newaxis] - places) ** 2.0
        actual, alerted = (statistics.group_sums(one, num_classes, weights.T) for one in (labels, predicted))
        by_chance = np.einsum("ir,ij,jr->r", actual, squares, alerted) / weights.sum(axis=1) ** 2
        kappa: Values = 1 - statistics.mean((labels - predicted) ** 2.0, weights.T) / by_chance
        return kappa


class MeanClassError(OrdinalMetric):
    """The mean number of classes between the label and the class of the highest score."""

    name = "mean_class_error"
    higher_is_better = False
    lowest = 0.0
    title = Text(en="Mean absolute class error", es="Error absoluto medio de clase")

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric with the most that a class can be off; None where the classes have no order."""
        if not task.label.ordered:
            return None
        bound = copy.copy(self)
        bound.highest = len(task.label.values) - 1.0
        return bound

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the mean for each row of weights."""
        return statistics.mean(np.abs(labels - predictions.argmax(axis=1)).astype(np.float64), weights.T)


METRICS = [QuadraticKappa(), MeanClassError()]
