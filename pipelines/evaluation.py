"""The gate of a pipeline: TFMA's `EvalConfig` from the configuration."""

from tensorflow_model_analysis.proto import config_pb2

from ..components.evaluator.metric import Metric, task_metrics
from ..components.evaluator.tfma_metrics import metric_config
from ..components.features import Problem
from .config.evaluation_settings import Bounds, Change
from .config.pipeline_config import PipelineConfig

PREDICTION_KEYS = {Problem.CLASSIFICATION: "scores", Problem.REGRESSION: "outputs", Problem.FORECAST: "outputs"}


def eval_config(config: PipelineConfig, thresholds: dict[str, Bounds]) -> config_pb2.EvalConfig:
    """Returns the slices, metrics and thresholds with which the Evaluator judges a model.

    `min_slice_rows` is not among its options: TFMA takes a threshold for failed where a slice is too small, whatever
    slice the threshold is for. Who reads the evaluation leaves small slices out.

    Args:
        config: `PipelineConfig`.
        thresholds: dict of metric name to `Bounds`, on all records.
    """
    slices = [
        config_pb2.SlicingSpec(),
        *(config_pb2.SlicingSpec(feature_keys=columns) for columns in config.evaluation.slices),
    ]
    metrics = [config_pb2.MetricConfig(class_name="ExampleCount")]
    task = config.prediction_task(config.default_task)
    for name, definition in task_metrics(task).items():
        metric = metric_config(task, name)
        # For all records only: `metric.threshold` would hold for every slice.
        threshold = config_pb2.MetricThreshold()
        if name in thresholds:
            threshold.value_threshold.CopyFrom(_value_threshold(thresholds[name]))
        change = config.evaluation.change
        if change is not None and change.metric == name:
            threshold.change_threshold.CopyFrom(_change_threshold(change, definition))
        if threshold.ByteSize():
            metric.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)
        metrics.append(metric)
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type="tf_generic",
                signature_name="serving_examples",
                label_key=config.label.name,
                prediction_key=PREDICTION_KEYS[config.problem],
            )
        ],
        slicing_specs=slices,
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


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
