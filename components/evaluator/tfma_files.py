"""TFMA's files of an evaluation: what its writers write and its loaders read, without Beam.

The formats are those of TFMA 0.52 (`tensorflow_model_analysis/writers`): one TFRecord a slice in `metrics`, `plots` and
`attributions`, one in `validations`, and `eval_config.json`.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import tensorflow as tf
from google.protobuf import json_format

from ..tfx_api import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from .arrays import SliceMetrics, TypedSliceKey
from .evaluation import EXAMPLE_COUNT

METRICS_FILE = "metrics-00000-of-00001.tfrecord"
VALIDATIONS_FILE = "validations.tfrecord"
CONFIG_FILE = "eval_config.json"

_UNKNOWN_DATA = {"data_location": "<user provided PCollection>", "file_format": "<unknown>"}


def write_evaluation(
    folder: Path,
    config: config_pb2.EvalConfig,
    slices: Sequence[SliceMetrics],
    model_paths: Mapping[str, str],
    explanations: Mapping[str, str] = MappingProxyType({}),
) -> validation_result_pb2.ValidationResult:
    """Writes the files of an evaluation.

    Args:
        folder: path, which need not exist.
        config: `EvalConfig` of `complete_config`.
        slices: sequence of `SliceMetrics`, all records among them.
        model_paths: mapping of the models' names in `config` to their folders.
        explanations: mapping of metric to what is said where it fails its threshold; TFMA says nothing. Defaults to
            none.

    Returns:
        The validation: whether all records meet the thresholds of `config`, and which they do not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [spec.name for spec in config.model_specs]
    validation = _validate(config, next(part for part in slices if not part.key), explanations)
    with tf.io.TFRecordWriter(str(folder / METRICS_FILE)) as writer:
        for part in slices:
            record = metrics_for_slice_pb2.MetricsForSlice(slice_key=_slice_key(part.key))
            for key, value in _metric_values(part, names):
                record.metric_keys_and_values.add(key=key).value.double_value.value = value
            writer.write(record.SerializeToString())
    for name, kind in (
        ("plots", metrics_for_slice_pb2.PlotsForSlice),
        ("attributions", metrics_for_slice_pb2.AttributionsForSlice),
    ):
        with tf.io.TFRecordWriter(str(folder / f"{name}-00000-of-00001.tfrecord")) as writer:
            for part in slices:
                writer.write(kind(slice_key=_slice_key(part.key)).SerializeToString())
    with tf.io.TFRecordWriter(str(folder / VALIDATIONS_FILE)) as writer:
        writer.write(validation.SerializeToString())
    run = config_pb2.EvalRun(
        eval_config=config,
        version=version("tensorflow_model_analysis"),
        model_locations=dict(model_paths),
        **_UNKNOWN_DATA,
    )
    (folder / CONFIG_FILE).write_text(json_format.MessageToJson(run) + "\n", encoding="utf-8")
    return validation


def _metric_values(
    part: SliceMetrics, models: Sequence[str]
) -> Iterator[tuple[metrics_for_slice_pb2.MetricKey, float]]:
    """Yields each metric of each model, then the differences of the candidate to the baseline."""
    values = [{EXAMPLE_COUNT: float(part.num_rows)} | part.metrics]
    if part.baseline_metrics is not None:
        values.append({EXAMPLE_COUNT: float(part.num_rows)} | part.baseline_metrics)
    for name in values[0]:
        for model, measured in zip(models, values, strict=True):
            yield _metric_key(name, model), measured[name]
    if part.baseline_metrics is not None:
        for name, value in values[0].items():
            yield _metric_key(name, models[0], is_diff=True), value - values[1][name]


def _metric_key(name: str, model: str, *, is_diff: bool = False) -> metrics_for_slice_pb2.MetricKey:
    key = metrics_for_slice_pb2.MetricKey(name=name, model_name=model, is_diff=is_diff)
    key.example_weighted.SetInParent()
    return key


def _slice_key(key: TypedSliceKey) -> metrics_for_slice_pb2.SliceKey:
    found = metrics_for_slice_pb2.SliceKey()
    for column, value in key:
        if isinstance(value, str):
            found.single_slice_keys.add(column=column, bytes_value=value.encode())
        elif isinstance(value, int):
            found.single_slice_keys.add(column=column, int64_value=value)
        else:
            found.single_slice_keys.add(column=column, float_value=value)
    return found


def _validate(
    config: config_pb2.EvalConfig, overall: SliceMetrics, explanations: Mapping[str, str]
) -> validation_result_pb2.ValidationResult:
    """Returns which thresholds of all records are not met, as TFMA's `metrics_validator` does.

    Without a threshold nothing is valid, for nothing was asked.
    """
    thresholds = {}
    for name, metric in zip((EXAMPLE_COUNT, *overall.metrics), config.metrics_specs[0].metrics, strict=True):
        for bounded in metric.per_slice_thresholds:
            for kind in ("value_threshold", "change_threshold"):
                if bounded.threshold.HasField(kind):
                    thresholds[name, kind == "change_threshold"] = getattr(bounded.threshold, kind)
    result = validation_result_pb2.ValidationResult(validation_ok=bool(thresholds), missing_thresholds=not thresholds)
    if not thresholds:
        return result
    failures = []
    for key, value in _metric_values(overall, [spec.name for spec in config.model_specs]):
        threshold = thresholds.get((key.name, key.is_diff))
        is_candidate = key.model_name == config.model_specs[0].name
        if threshold is None or not is_candidate or _is_met(threshold, value, is_change=key.is_diff):
            continue
        failure = validation_result_pb2.ValidationFailure(metric_key=key, message=explanations.get(key.name, ""))
        failure.metric_value.double_value.value = value
        field = failure.metric_threshold.change_threshold if key.is_diff else failure.metric_threshold.value_threshold
        field.CopyFrom(threshold)
        failures.append(failure)
    if failures:
        result.validation_ok = False
        result.metric_validations_per_slice.add(slice_key=_slice_key(()), failures=failures)
    result.validation_details.slicing_details.add(slicing_spec=config_pb2.SlicingSpec(), num_matching_slices=1)
    return result


def _is_met(
    threshold: config_pb2.GenericValueThreshold | config_pb2.GenericChangeThreshold, value: float, *, is_change: bool
) -> bool:
    """Returns whether a value is within its bounds; NaN is not."""
    if is_change:
        bound = float(threshold.absolute.value)
        return value >= bound if threshold.direction == config_pb2.HIGHER_IS_BETTER else value <= bound
    lower = threshold.lower_bound.value if threshold.HasField("lower_bound") else -float("inf")
    upper = threshold.upper_bound.value if threshold.HasField("upper_bound") else float("inf")
    return lower <= value <= upper
