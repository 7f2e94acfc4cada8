"""Metrics of predicted quantiles, of regressions and forecasts; a task without quantiles has none of them."""

import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...features import Problem
from ...prediction_task import PredictionTask
from ...text import Text
from .. import statistics
from ..metric import Metric, Values


@dataclasses.dataclass(frozen=True)
class QuantileMetric(Metric):
    """A metric of predictions whose last axis holds quantiles.

    Args:
        quantiles: tuple of floats in (0, 1), ascending.
    """

    quantiles: tuple[float, ...] = ()

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric with the task's quantiles; None where there are none."""
        return dataclasses.replace(self, quantiles=task.label.quantiles) if task.label.quantiles else None


class PinballLoss(QuantileMetric):
    """The mean pinball loss over quantiles and steps, in the unit of the label (Koenker and Bassett, 1978)."""

    name = "pinball"
    problems = (Problem.REGRESSION, Problem.FORECAST)
    higher_is_better = False
    lowest = 0.0
    title = Text(en="Pinball loss", es="Pérdida pinball")
    choice_priority = 2

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the loss for each row of weights."""
        return statistics.mean(pinball_losses(labels, predictions, self.quantiles), weights.T)


class IntervalCoverage(QuantileMetric):
    """The share of values between the first and the last quantile; right where it equals their difference.

    A threshold bounds it from below and above: quantiles .1 and .9 should cover about .8, not more.
    """

    name = "interval_coverage"
    problems = (Problem.REGRESSION, Problem.FORECAST)
    lowest, highest = 0.0, 1.0
    title = Text(en="Coverage of the interval", es="Cobertura del intervalo")

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric with the task's quantiles; None where they bound no interval."""
        return super().for_task(task) if len(task.label.quantiles) > 1 else None

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the share for each row of weights."""
        covered = (predictions[..., 0] <= labels) & (labels <= predictions[..., -1])
        return statistics.mean(covered.reshape(len(labels), -1).mean(axis=1), weights.T)


def pinball_losses(labels: NDArray[Any], predictions: NDArray[Any], quantiles: tuple[float, ...]) -> Values:
    """Returns the mean loss of each record over its steps and quantiles, of shape `(N,)`."""
    above = labels[..., None] - predictions
    losses = np.maximum(np.array(quantiles) * above, (np.array(quantiles) - 1) * above)
    means: Values = np.asarray(losses, np.float64).reshape(len(labels), -1).mean(axis=1)
    return means


METRICS = [PinballLoss(), IntervalCoverage()]
