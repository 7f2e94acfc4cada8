"""The metrics of `load_metrics` as TFMA's: the numbers of `measure`, gathered slice by slice in Beam.

TFMA's own differ: its F1 cuts each class at .5 and its AUC is binned.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types

from ..features import Problem
from ..prediction_task import PredictionTask
from ..splitter import Splitter
from ..tfx_api import config_pb2, metric_util, model_util
from ..times import to_times
from .labels import class_name, require_steps, unknown_classes
from .metric import measure, task_metrics
from .model import shape_predictions
from .trivial import TRIVIAL_P_VALUE, trivial_p_value

Records = list[tuple[Any, Any, Any]]
"""Labels, predictions and keys of the split, as TFMA gives them; the key is None where the split has none."""


class TaskMetric(metric_types.Metric):
    """A metric of a prediction task.

    Args:
        name: string. Name of one of the task's metrics, or `TRIVIAL_P_VALUE`.
        task: string. The `PredictionTask` as JSON: its metrics are loaded where the records are, extensions too.
    """

    def __init__(self, name: str, task: str) -> None:
        super().__init__(_create, name=name, task=task)


metric_types.register_metric(TaskMetric)


def read_records(task: PredictionTask, records: Records) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Returns labels and predictions in the shapes that `Metric.compute` takes.

    Args:
        task: `PredictionTask`.
        records: list of label, prediction and key, as TFMA extracts them.

    Raises:
        DataError: if a label is none of the classes or missing, or lengths do not fit the task.
    """
    predictions = np.stack([np.asarray(prediction, np.float64) for _, prediction, _ in records])
    if task.problem is Problem.CLASSIFICATION:
        return _class_indices(task, [label for label, _, _ in records]), predictions
    return _numbers(task, [label for label, _, _ in records]), shape_predictions(predictions, task, len(records))


def _class_indices(task: PredictionTask, labels: Sequence[Any]) -> NDArray[np.int64]:
    index = {value: k for k, value in enumerate(task.label.values)}
    names = [_class_name(label) for label in labels]
    unknown = [name for name in names if name not in index]
    if unknown:
        raise unknown_classes(task, unknown)
    return np.array([index[name] for name in names if name is not None], np.int64)


def _class_name(label: Any) -> str | None:
    """Returns the class as the configuration writes it; None where there is not one value."""
    values = np.asarray(label).reshape(-1)
    return class_name(values.item()) if len(values) == 1 else None


def _numbers(task: PredictionTask, labels: Sequence[Any]) -> NDArray[np.float64]:
    values = [np.asarray(label, np.float64).reshape(-1) for label in labels]
    require_steps(task, (len(value) for value in values))
    numbers = np.stack(values)
    return numbers if task.problem is Problem.FORECAST else numbers[:, 0]


def _create_computations(
    name: str,
    task: str,
    model_name: str = "",
    output_name: str = "",
    eval_config: config_pb2.EvalConfig | None = None,
) -> metric_types.MetricComputations:
    """Returns the computations of one metric for one model: one that all metrics share, and the choice from it."""
    # TFMA runs equal computations once and leaves keys that start with `_` out of its results.
    all_key = metric_types.MetricKey(name="_task_metrics", model_name=model_name, output_name=output_name)
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)

    def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
        return {key: metrics[all_key][name]}

    columns = _key_columns(PredictionTask.from_property(task))
    return [
        metric_types.MetricComputation(
            keys=[all_key],
            preprocessors=[metric_types.FeaturePreprocessor(feature_keys=columns)] if columns else None,
            combiner=_TaskMetricsCombiner(all_key, task, eval_config),
        ),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


_create: Callable[..., metric_types.MetricComputations] = metric_util.merge_per_key_computations(_create_computations)


class _TaskMetricsCombiner(beam.CombineFn):
    """Gathers labels and predictions of a slice and computes all metrics of the task once.

    What does not fit is found at the end: TFMA reports an error of `add_input` without its message.
    """

    def __init__(self, key: metric_types.MetricKey, task: str, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key = key
        self._task = task
        self._key_columns = _key_columns(PredictionTask.from_property(task))
        spec = model_util.get_model_spec(eval_config, key.model_name) if eval_config else None
        self._prediction_key = spec.prediction_key if spec else ""

    def create_accumulator(self) -> Records:
        return []

    def add_input(self, accumulator: Records, element: metric_types.StandardMetricInputs) -> Records:
        # Dicts by model where there are two, and of outputs where the model has several.
        label = _pick(element.label, self._key.model_name)
        prediction = _pick(_pick(element.prediction, self._key.model_name), self._prediction_key)
        features = element.features or {}
        key = next((features.get(column) for column in self._key_columns), None)
        accumulator.append((label, prediction, key))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Records]) -> Records:
        return [record for accumulator in accumulators for record in accumulator]

    def extract_output(self, accumulator: Records) -> dict[metric_types.MetricKey, dict[str, float]]:
        task = PredictionTask.from_property(self._task)
        labels, predictions = read_records(task, accumulator)
        metrics = measure(task_metrics(task), labels, predictions)
        p_value = trivial_p_value(task, labels, predictions, _clusters(task, accumulator))
        return {self._key: metrics | {TRIVIAL_P_VALUE: p_value}}


def _key_columns(task: PredictionTask) -> list[str]:
    """Returns the column whose values keep records together, if there is one."""
    return [task.split.key] if task.split.method != "hash" and task.split.key else []


def _clusters(task: PredictionTask, records: Records) -> NDArray[np.int64] | None:
    if not _key_columns(task):
        return None
    keys = [_scalar(key) for _, _, key in records]
    if task.split.method == "time":
        return Splitter(task.split).periods(to_times(pa.array(keys)).to_numpy(zero_copy_only=False))
    return Splitter(task.split).periods(np.array([repr(key) for key in keys]))


def _scalar(value: Any) -> Any:
    """Returns the one value of a key of a record, None where it has none."""
    values = np.asarray([] if value is None else value).reshape(-1)
    first = values[0].item() if len(values) and isinstance(values[0], np.generic) else next(iter(values), None)
    return first.decode() if isinstance(first, bytes) else first


def _pick(value: Any, name: str) -> Any:
    return value[name] if name and isinstance(value, dict) else value
