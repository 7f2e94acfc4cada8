"""What a metric is, and the registry of all of them: the one source of every number about a model.

The gate, the report, its intervals and leaderboard, the trainer's choice, cross-validation and the check of a
configuration all read the metrics from here. A metric of your own is a subclass of `Metric` in a list `METRICS`: of a
module that an entry point `yachay.metrics` names, or of a system's `model.py` or `report.py`.

    class MedianError(Metric):
        name = "median_error"
        problems = (Problem.REGRESSION,)
        higher_is_better = False
        lowest = 0.0
        title = Text(en="Median absolute error", es="Mediana del error absoluto")

        def compute(self, labels, predictions, weights):
            ...

    METRICS = [MedianError()]
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigurationError
from ..features import Problem
from ..prediction_task import PredictionTask
from ..registry import Registry
from ..text import Text

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What resamples of the records cannot show of a metric's error.

    Args:
        rarest: int or None. The records on which its most uncertain part rests, None for all of them: a metric with
            too few has no interval. Defaults to None.
        unseen: float. A standard error that is added, as for a loss that is rarely large. Defaults to 0.
        beyond: float. One that is added on the side away from the metric's only bound alone, as for the largest errors,
            which the records may lack. Defaults to 0.
    """

    rarest: int | None = None
    unseen: float = 0.0
    beyond: float = 0.0


class Metric(abc.ABC):
    """A number that says how good predictions are.

    Attributes:
        name: string. An identifier, by which thresholds and pages name the metric.
        problems: tuple of `Problem`. The kinds of prediction task that have it.
        higher_is_better: bool. Defaults to True.
        lowest: float or None. The least value there is, None for no bound.
        highest: float or None. The largest likewise.
        title: `Text`. Its name on the page.
        is_share: bool. Whether it is the share of records for which something holds, so that its interval is that of a
            share. Defaults to False.
        choice_priority: int. Among the metrics of a task, the one with the highest chooses between model families;
            the first of several. Defaults to 0.
    """

    name: str
    problems: tuple[Problem, ...]
    higher_is_better: bool = True
    lowest: float | None = None
    highest: float | None = None
    title: Text = Text()
    is_share: bool = False
    choice_priority: int = 0

    @abc.abstractmethod
    def compute(self, labels: NDArray[Any], predictions: NDArray[Any], weights: Values) -> Values:
        """Returns the metric for each row of weights; NaN where it does not exist.

        Args:
            labels: array. Classification: int `(N,)`, the index of the class; regression: float `(N,)`; forecast:
                float `(N, H)`.
            predictions: float array. Classification: scores `(N, K)`; regression: `(N,)`; forecast: `(N, H)`; with
                quantiles one more axis of `Q`.
            weights: float array of shape `(R, N)`. How often each record counts; ones for the records as they are, a
                bootstrap resample for an interval.

        Returns:
            Float array of shape `(R,)`.
        """

    def bind(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Callable[[Values], Values]:
        """Returns `compute` of these records, as a function of the weights alone.

        Override it where much of the work depends on no weight, such as an order: intervals call it with one part of
        the resamples after another.
        """
        return lambda weights: self.compute(labels, predictions, weights)

    def evidence(self, labels: NDArray[Any], predictions: NDArray[Any]) -> Evidence:
        """Returns what resamples of some records cannot show of the metric's error.

        Override it where few records decide: without one more of them, resamples have too narrow a spread.

        Args:
            labels: array, not empty, as `compute` takes it.
            predictions: float array likewise.
        """
        return Evidence()

    def for_task(self, task: PredictionTask) -> Self | None:
        """Returns the metric for a task of one of its problems, bound to what it needs of the task, such as quantiles.

        Returns:
            Itself by default; None where the task has no such number.
        """
        return self


_REGISTRY = Registry[Metric](
    noun="metric", package="yachay.components.evaluator.metrics", group="yachay.metrics", attribute="METRICS"
)


def load_metrics(extensions: Sequence[str] = ()) -> Mapping[str, Metric]:
    """Returns all metrics by name: ours, those of installed packages, and those of `extensions`.

    Args:
        extensions: sequence of strings. Dotted paths of a system's own modules.

    Raises:
        ConfigurationError: if two have one name, one cannot be imported, or one is no `Metric`.
    """
    metrics = _REGISTRY.load(extensions)
    for name, metric in metrics.items():
        if not isinstance(metric, Metric):
            raise ConfigurationError(
                f"Expected the metric {name!r} to be an object of a subclass of Metric. "
                f"Received: {type(metric).__name__}. List objects in METRICS, not classes."
            )
    return metrics


def metrics_of(problem: Problem, extensions: Sequence[str] = ()) -> Mapping[str, Metric]:
    """Returns the metrics of a kind of prediction task by name; `task_metrics` has those of one task, ready to compute.

    Raises:
        ConfigurationError: as `load_metrics`.
    """
    return {name: metric for name, metric in load_metrics(extensions).items() if problem in metric.problems}


def task_metrics(task: PredictionTask) -> Mapping[str, Metric]:
    """Returns the metrics of a task by name, bound to it.

    Raises:
        ConfigurationError: as `load_metrics`.
    """
    bound = {name: metric.for_task(task) for name, metric in metrics_of(task.problem, task.extensions).items()}
    return {name: metric for name, metric in bound.items() if metric is not None}


def choice_metric(metrics: Mapping[str, Metric]) -> Metric:
    """Returns the metric by which model families are compared: macro-F1, RMSE, or pinball loss where quantiles are."""
    return max(metrics.values(), key=lambda metric: metric.choice_priority)


def measure(metrics: Mapping[str, Metric], labels: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    """Returns each metric of the records as they are; NaN where it does not exist.

    Args:
        metrics: mapping of name to `Metric`, as `task_metrics` returns it.
        labels: array as `Metric.compute` takes it.
        predictions: array likewise.

    Raises:
        ConfigurationError: if a metric fails or does not return one number.
    """
    ones = np.ones((1, len(labels)))
    scores = np.asarray(predictions, np.float64)
    return {name: float(bind(metric, labels, scores)(ones)[0]) for name, metric in metrics.items()}


def bind(metric: Metric, labels: NDArray[Any], predictions: NDArray[Any]) -> Callable[[Values], Values]:
    """Returns a metric of records as a function of weights `(R, N)`, checked; NaN where a prediction is.

    Raises:
        ConfigurationError: by that function, if the metric fails or returns another shape than `(R,)`.
    """
    bound: Callable[[Values], Values] | None = None
    # An order of scores has no place for NaN: it would be the highest.
    is_known = not np.isnan(predictions).any()

    def compute(weights: Values) -> Values:
        nonlocal bound
        if not is_known:
            return np.full(len(weights), np.nan)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                bound = bound or metric.bind(labels, predictions)
                values = np.asarray(bound(weights), np.float64)
        except Exception as error:
            raise ConfigurationError(
                f"Expected the metric {metric.name!r} to compute from labels {labels.shape}, predictions "
                f"{predictions.shape} and weights {weights.shape}. Received: {type(error).__name__}: {error}. "
                "Correct its `compute`."
            ) from error
        if values.shape != (len(weights),):
            raise ConfigurationError(
                f"Expected the metric {metric.name!r} to return one number for each row of weights, an array of shape "
                f"({len(weights)},). Received: {values.shape}. Correct its `compute`."
            )
        return values

    return compute
