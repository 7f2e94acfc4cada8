"""TFMA metrics whose numbers are those of `scores`: exact, of the argmax class, and as in scikit-learn.

TFMA's own differ: its F1 cuts each class at .5 and its AUC is binned.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import model_util

from ..features import Problem
from .scores import classification_metrics, regression_metrics

MODULE = __name__


class Accuracy(metric_types.Metric):
    """Share of records whose class of the highest score is the label."""

    def __init__(self, name: str = "accuracy", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("accuracy"), name=name, label_values=label_values)


class MacroF1(metric_types.Metric):
    """Unweighted mean over classes of the F1 of the class of the highest score."""

    def __init__(self, name: str = "macro_f1", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("macro_f1"), name=name, label_values=label_values)


class AucOvr(metric_types.Metric):
    """Unweighted mean over classes of the exact one-vs-rest area under the ROC curve."""

    def __init__(self, name: str = "auc_ovr", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("auc_ovr"), name=name, label_values=label_values)


class Rmse(metric_types.Metric):
    """Root mean squared error, in the unit of the label."""

    def __init__(self, name: str = "rmse", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("rmse"), name=name, label_values=label_values)


class Mae(metric_types.Metric):
    """Mean absolute error, in the unit of the label."""

    def __init__(self, name: str = "mae", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("mae"), name=name, label_values=label_values)


class R2(metric_types.Metric):
    """Coefficient of determination."""

    def __init__(self, name: str = "r2", label_values: Sequence[str] = ()) -> None:
        super().__init__(_computations("r2"), name=name, label_values=label_values)


METRICS: dict[Problem, dict[str, type[metric_types.Metric]]] = {
    Problem.CLASSIFICATION: {"accuracy": Accuracy, "macro_f1": MacroF1, "auc_ovr": AucOvr},
    Problem.REGRESSION: {"rmse": Rmse, "mae": Mae, "r2": R2},
}

for _metrics in METRICS.values():
    for _metric in _metrics.values():
        metric_types.register_metric(_metric)


def metric_config(problem: Problem, name: str, label_values: Sequence[str]) -> config_pb2.MetricConfig:
    """Returns the `MetricConfig` with which the Evaluator finds one of the metrics."""
    config = json.dumps({"name": name, "label_values": list(label_values)})
    return config_pb2.MetricConfig(class_name=METRICS[problem][name].__name__, module=MODULE, config=config)


def _computations(metric: str) -> Callable[..., metric_types.MetricComputations]:
    """Returns the function with which TFMA makes the computations of one metric for each model."""

    def create(
        name: str,
        model_name: str = "",
        output_name: str = "",
        label_values: Sequence[str] = (),
        eval_config: config_pb2.EvalConfig | None = None,
    ) -> metric_types.MetricComputations:
        # TFMA runs equal computations once and leaves keys that start with `_` out of its results.
        scores_key = metric_types.MetricKey(name="_scores", model_name=model_name, output_name=output_name)
        key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)

        def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
            return {key: metrics[scores_key][metric]}

        return [
            metric_types.MetricComputation(
                keys=[scores_key], preprocessors=None, combiner=_ScoresCombiner(scores_key, label_values, eval_config)
            ),
            metric_types.DerivedMetricComputation(keys=[key], result=result),
        ]

    merged: Callable[..., metric_types.MetricComputations] = metric_util.merge_per_key_computations(create)
    return merged


class _ScoresCombiner(beam.CombineFn):
    """Gathers labels and predictions of a slice and computes its metrics once."""

    def __init__(
        self, key: metric_types.MetricKey, label_values: Sequence[str], eval_config: config_pb2.EvalConfig | None
    ) -> None:
        self._key = key
        self._index = {value.encode(): index for index, value in enumerate(label_values)}
        spec = model_util.get_model_spec(eval_config, key.model_name) if eval_config else None
        self._prediction_key = spec.prediction_key if spec else ""

    def create_accumulator(self) -> list[tuple[Any, np.ndarray]]:
        return []

    def add_input(
        self, accumulator: list[tuple[Any, np.ndarray]], element: metric_types.StandardMetricInputs
    ) -> list[tuple[Any, np.ndarray]]:
        # Dicts by model where there are two, and of outputs where the model has several.
        label = _pick(element.label, self._key.model_name)
        prediction = _pick(_pick(element.prediction, self._key.model_name), self._prediction_key)
        value = np.asarray(label).item()
        accumulator.append((self._index[value] if self._index else float(value), np.asarray(prediction)))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[tuple[Any, np.ndarray]]]) -> list[tuple[Any, np.ndarray]]:
        return [record for accumulator in accumulators for record in accumulator]

    def extract_output(
        self, accumulator: list[tuple[Any, np.ndarray]]
    ) -> dict[metric_types.MetricKey, dict[str, float]]:
        labels = np.array([label for label, _ in accumulator])
        predictions = np.stack([prediction for _, prediction in accumulator])
        if self._index:
            return {self._key: classification_metrics(labels, predictions)}
        return {self._key: regression_metrics(labels, predictions.reshape(-1))}


def _pick(value: Any, name: str) -> Any:
    return value[name] if name and isinstance(value, dict) else value
