"""Metrics of predicted numbers, in the unit of the label; of a forecast over all steps together."""

import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...features import Problem
from ...prediction_task import PredictionTask
from ...text import Text
from .. import statistics
from ..metric import Evidence, Metric, Values

NUMBERS = (Problem.REGRESSION, Problem.FORECAST)


@dataclasses.dataclass(frozen=True)
class PointMetric(Metric):
    """A metric of one number a step: of quantiles the one nearest .5.

    Args:
        quantiles: tuple of floats. Those that are predicted; empty where numbers are.
    """

    quantiles: tuple[float, ...] = ()

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric with the task's quantiles."""
        return dataclasses.replace(self, quantiles=task.label.quantiles)

    def errors(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Values:
        """Returns prediction less label, of shape `(N, steps)`."""
        points = point_predictions(predictions, self.quantiles)
        differences: Values = np.asarray(points - labels, np.float64).reshape(len(labels), -1)
        return differences


def point_predictions(predictions: NDArray[Any], quantiles: tuple[float, ...]) -> NDArray[Any]:
    """Returns the one number a step: of quantiles, the last axis, the one nearest .5."""
    if not quantiles:
        return predictions
    return predictions[..., int(np.abs(np.array(quantiles) - 0.5).argmin())]


class Rmse(PointMetric):
    """Root mean squared error."""

    name = "rmse"
    problems = NUMBERS
    higher_is_better = False
    lowest = 0.0
    title = Text(en="RMSE", es="RMSE")
    choice_priority = 1

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the error for each row of weights."""
        squares = (self.errors(labels, predictions) ** 2).mean(axis=1)
        return np.sqrt(statistics.mean(squares, weights.T))

    def evidence(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Evidence:
        """Returns what the largest errors, which the records may lack, would add."""
        return Evidence(beyond=statistics.unseen_rmse((self.errors(labels, predictions) ** 2).mean(axis=1)))


class Mae(PointMetric):
    """Mean absolute error."""

    name = "mae"
    problems = NUMBERS
    higher_is_better = False
    lowest = 0.0
    title = Text(en="MAE", es="MAE")

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the error for each row of weights."""
        return statistics.mean(np.abs(self.errors(labels, predictions)).mean(axis=1), weights.T)


class R2(PointMetric):
    """Coefficient of determination; NaN where the labels do not vary."""

    name = "r2"
    problems = (Problem.REGRESSION,)
    highest = 1.0
    title = Text(en="R²", es="R²")

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the coefficient for each row of weights."""
        squares = (self.errors(labels, predictions) ** 2).mean(axis=1)
        # About the mean of all records, so that no digit is lost where the labels are far from 0.
        centred = labels - labels.mean()
        columns = weights.T
        variation = statistics.mean(centred**2, columns) - statistics.mean(centred, columns) ** 2
        # What rounding leaves of the difference of the two is no variation.
        varies = variation > 16 * np.finfo(np.float64).eps * (centred**2).max(initial=0.0)
        coefficients: Values = 1 - statistics.mean(squares, columns) / np.where(varies, variation, np.nan)
        return coefficients

    def evidence(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Evidence:
        """Returns what the largest errors, which the records may lack, would take from it."""
        squares = (self.errors(labels, predictions) ** 2).mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return Evidence(beyond=2 * np.sqrt(squares.mean()) * statistics.unseen_rmse(squares) / labels.var())


METRICS = [Rmse(), Mae(), R2()]
