"""Metrics of a ranking by need: those of few resources, who are offered to the first k records.

They belong to no task by themselves; a system lists those of its budget in `METRICS` of its `model.py`:

    METRICS = [
        WorstShareAuc(name="auc_worst_fifth", worst_share=0.2, title=Text(en="AUC of the worst fifth")),
        TopPrecision(name="precision_top_100", worst_share=0.2, top=100, title=Text(en="Precision of the first 100")),
    ]
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..features import Problem
from ..prediction_task import PredictionTask
from ..text import Text
from . import statistics
from .metric import Metric, Values
from .metrics.regression import point_predictions


@dataclasses.dataclass(frozen=True)
class RankingMetric(Metric):
    """A metric of the order of records, those in need first.

    In need are the records of the first class; of a regression those with the lowest labels. These are counted among
    the records that are evaluated, and stay the same in each resample of them. First comes the highest score of that
    class; of a regression the lowest prediction.

    Args:
        name: string.
        worst_share: float in (0, 1). The share of records in need; without effect on a classification.
        title: `Text`.
        quantiles: tuple of floats. Those that the task predicts; the one nearest .5 makes the order. Set by `for_task`.
    """

    name: str
    worst_share: float
    title: Text = dataclasses.field(default_factory=Text)
    quantiles: tuple[float, ...] = ()

    problems = (Problem.CLASSIFICATION, Problem.REGRESSION)
    lowest = 0.0
    highest = 1.0

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric with the task's quantiles."""
        return dataclasses.replace(self, quantiles=task.label.quantiles)

    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the metric for each row of weights."""
        return self.bind(labels, predictions)(weights)

    def needs(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Returns which records are in need, `(N,)`; all that tie with the last one are."""
        if np.issubdtype(labels.dtype, np.integer):
            return np.asarray(labels == 0)
        count = max(round(self.worst_share * len(labels)), 1)
        return np.asarray(labels <= np.partition(labels, count - 1)[count - 1])

    def scores(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Values:
        """Returns the scores of the order, `(N,)`, the neediest highest."""
        if np.issubdtype(labels.dtype, np.integer):
            return np.asarray(predictions[:, 0], np.float64)
        return -np.asarray(point_predictions(predictions, self.quantiles), np.float64)


@dataclasses.dataclass(frozen=True)
class WorstShareAuc(RankingMetric):
    """The chance that a record in need comes before one that is not, ties half: the exact area under the ROC curve."""

    def bind(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Callable[[Values], Values]:
        """Returns the area for each row of weights, as a function of them."""
        area = statistics.auc(self.needs(labels), self.scores(labels, predictions))
        return lambda weights: area(weights.T)


@dataclasses.dataclass(frozen=True)
class TopPrecision(RankingMetric):
    """The share of records in need among the first `top`; NaN where there are fewer records.

    Args:
        top: int. How many records a budget reaches.
    """

    top: int = 100

    def bind(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Callable[[Values], Values]:
        """Returns the share for each row of weights, as a function of them."""
        order = np.argsort(-self.scores(labels, predictions), kind="stable")
        hits = self.needs(labels)[order].astype(np.float64)

        def compute(weights: Values) -> Values:
            ordered = weights[:, order]
            taken = np.clip(self.top - (np.cumsum(ordered, axis=1) - ordered), 0, ordered)
            is_reached = ordered.sum(axis=1) >= self.top
            return np.where(is_reached, taken @ hits / self.top, np.nan)

        return compute
