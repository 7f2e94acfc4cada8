"""TFMA's `EvalConfig` of a prediction task and its settings."""

import json

from ..prediction_task import PredictionTask
from ..tfx_api import config_pb2
from .metric import Metric, task_metrics
from .settings import Bounds, Change, EvaluationSettings
from .trivial import LEVEL, TRIVIAL_P_VALUE

SIGNATURE, EXAMPLES = "serving_examples", "examples"
"""The signature that models are asked by, and its input."""

CANDIDATE, BASELINE = "candidate", "baseline"
"""The names of two models that TFX's Evaluator compares; a model alone has none."""

METRIC_CLASS, METRIC_MODULE = "TaskMetric", "yachay.components.evaluator.tfma_metrics"


def eval_config(task: PredictionTask, settings: EvaluationSettings) -> config_pb2.EvalConfig:
    """Returns the slices, metrics and thresholds with which TFMA judges a model.

    `min_slice_rows` is not among its options: TFMA takes a threshold for failed where a slice is too small, whatever
    slice the threshold is for. Who reads the evaluation leaves small slices out.

    Args:
        task: `PredictionTask`.
        settings: `EvaluationSettings`.
    """
    metrics = [config_pb2.MetricConfig(class_name="ExampleCount")]
    for name, metric in task_metrics(task).items():
        threshold = config_pb2.MetricThreshold()
        if name in settings.thresholds:
            threshold.value_threshold.CopyFrom(_value_threshold(settings.thresholds[name]))
        if settings.change is not None and settings.change.metric == name:
            threshold.change_threshold.CopyFrom(_change_threshold(settings.change, metric))
        metrics.append(_with_threshold(metric_config(task, name), threshold))
    if settings.beats_trivial:
        threshold = config_pb2.MetricThreshold()
        threshold.value_threshold.upper_bound.value = LEVEL
        metrics.append(_with_threshold(metric_config(task, TRIVIAL_P_VALUE), threshold))
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type="tf_generic",
                signature_name=SIGNATURE,
                label_key=task.label.name,
                prediction_key=task.prediction_key,
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=columns) for columns in settings.slices),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def metric_config(task: PredictionTask, name: str) -> config_pb2.MetricConfig:
    """Returns the `MetricConfig` with which the Evaluator finds one of the task's metrics."""
    config = json.dumps({"name": name, "task": task.model_dump_json(exclude_defaults=True)})
    return config_pb2.MetricConfig(class_name=METRIC_CLASS, module=METRIC_MODULE, config=config)


def complete_config(config: config_pb2.EvalConfig, has_baseline: bool) -> config_pb2.EvalConfig:
    """Returns a config with the models that there are, as TFX's Evaluator completes it.

    Args:
        config: `EvalConfig`, as `eval_config` returns it.
        has_baseline: bool. Without a baseline there is nothing that a change could be bounded against.
    """
    complete = config_pb2.EvalConfig()
    complete.CopyFrom(config)
    if has_baseline:
        complete.model_specs.add().CopyFrom(complete.model_specs[0])
        complete.model_specs[0].name = CANDIDATE
        complete.model_specs[1].name, complete.model_specs[1].is_baseline = BASELINE, True
    else:
        for metric in complete.metrics_specs[0].metrics:
            for bounded in metric.per_slice_thresholds:
                bounded.threshold.ClearField("change_threshold")
    complete.metrics_specs[0].model_names.extend(spec.name for spec in complete.model_specs)
    return complete


def _with_threshold(metric: config_pb2.MetricConfig, threshold: config_pb2.MetricThreshold) -> config_pb2.MetricConfig:
    """Adds a threshold for all records only: `metric.threshold` would hold for every slice."""
    if threshold.ByteSize():
        metric.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)
    return metric


def _value_threshold(bounds: Bounds) -> config_pb2.GenericValueThreshold:
    threshold = config_pb2.GenericValueThreshold()
    if bounds.lower is not None:
        threshold.lower_bound.value = bounds.lower
    if bounds.upper is not None:
        threshold.upper_bound.value = bounds.upper
    return threshold


def _change_threshold(change: Change, metric: Metric) -> config_pb2.GenericChangeThreshold:
    threshold = config_pb2.GenericChangeThreshold(
        direction=config_pb2.MetricDirection.HIGHER_IS_BETTER
        if metric.higher_is_better
        else config_pb2.MetricDirection.LOWER_IS_BETTER
    )
    threshold.absolute.value = -change.tolerance if metric.higher_is_better else change.tolerance
    return threshold
