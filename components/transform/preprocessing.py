"""The one place of preprocessing: raw features to the numbers that every model family reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from ...dotted import import_callable
from ...errors import DataError
from ..features import FeatureKind, Problem
from ..prediction_task import PredictionTask
from ..settings import check_settings
from .names import CUT_OF, SPLIT_KEY
from .settings import TransformConfig
from .time_text import parse_times

MAX_VOCABULARY_SIZE = 10_000
UNKNOWN_CLASS = -1


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Transforms raw features, the label and the key of the split.

    The features are those of `transform_features`, or of the function that the settings name. A class label becomes its
    `int64` index in the label's values, which are compared as text (`UNKNOWN_CLASS` where it is none of them), any
    other `float32`, `(N,)` or for a forecast `(N, H)`. The key of the split is the output `_split_key`, an `int64`
    `(N,)`: the fingerprint of a group, or a time as a number in the order of the times. The number that classes are a
    cut of is the output `_cut_of`, a `float32` `(N,)`.

    Args:
        inputs: mapping of feature name to dense tensor, `(N,)` or `(N, 1)` or of a sequence `(N, steps)`, or, for an
            optional feature, `SparseTensor`. Features that the task does not name are ignored, and those it names may
            be absent.
        custom_config: mapping with the fields of `TransformConfig`.

    Returns:
        Dict of feature name to tensor.

    Raises:
        DataError: if a feature that is a number by its kind holds text, or none of the features is there.
    """
    config = check_settings(TransformConfig, custom_config, "Transform's `custom_config`")
    task, own = config.task, config.settings.preprocessing_fn
    if own is None:
        outputs = transform_features(inputs, task.features)
    else:
        outputs = dict(import_callable(own, "`transform.preprocessing_fn`")(inputs, config))
    label, key, cut_of = task.label.name, task.split.key, task.label.cut_of
    if label in inputs and label not in outputs:
        outputs[label] = transform_label(inputs[label], task)
    if key is not None and key in inputs:
        outputs[SPLIT_KEY] = transform_key(inputs[key], task.split.method)
    if cut_of is not None and cut_of in inputs:
        outputs[CUT_OF] = tf.cast(_to_number(inputs[cut_of], cut_of), tf.float32)
    return outputs


def transform_features(inputs: Mapping[str, Any], features: Mapping[str, FeatureKind]) -> dict[str, tf.Tensor]:
    """Transforms features by their kinds; each output keeps the name and the steps of its input.

    Numeric, ordinal and time features become standardised `float32`, missing values the mean; boolean features become
    0 or 1, missing values the more frequent of the two; categorical features become the `int64` index in a vocabulary
    ordered by frequency, and what is missing or outside the vocabulary the index after the last. A sequence has one
    mean, deviation or vocabulary for all of its steps.

    Means and variances are accumulated in `float64` and rounded to `float32`, so that the order of the examples and
    the number of shards leave no trace.

    Args:
        inputs: mapping of feature name to tensor.
        features: mapping of feature name to `FeatureKind`.

    Raises:
        DataError: if a feature that is a number by its kind holds text, or none of the features is there.
    """
    kinds = {name: kind for name, kind in features.items() if name in inputs}
    if not kinds:
        raise DataError(
            f"Expected the schema to hold some of the features {', '.join(features)}. "
            f"Received: {', '.join(inputs)}. Name features that the data has."
        )
    categorical = [name for name, kind in kinds.items() if kind is FeatureKind.CATEGORICAL]
    numbers = {name: _to_number(inputs[name], name) for name in kinds if name not in categorical}
    return _standardise(numbers, kinds) | {name: _to_index(inputs[name], name) for name in categorical}


def transform_label(values: tf.Tensor | tf.SparseTensor, task: PredictionTask) -> tf.Tensor:
    """Returns the label as the trainer reads it: `int64` classes, or `float32` numbers."""
    if task.problem is Problem.CLASSIFICATION:
        return _to_class(values, task.label.values)
    numbers = tf.cast(_to_number(values, task.label.name), tf.float32)
    return tf.reshape(numbers, [-1, task.label.steps]) if task.problem is Problem.FORECAST else numbers


def transform_key(values: tf.Tensor | tf.SparseTensor, method: str) -> tf.Tensor:
    """Returns the key of the split, `int64` `(N,)`."""
    if method != "time":
        return tf.strings.to_hash_bucket_fast(_to_text(values), tf.int64.max)
    if values.dtype == tf.string:
        return parse_times(_to_dense(values, ""))
    if values.dtype.is_integer:
        return tf.cast(_to_dense(values, tf.constant(0, values.dtype)), tf.int64)
    # The bits of a float are in the order of the floats, of negative ones in the other.
    bits = tf.cast(tf.bitcast(tf.cast(_to_dense(values, float("nan")), tf.float32), tf.int32), tf.int64)
    return tf.where(bits < 0, -(bits + 2**31), bits)


def _to_dense(values: tf.Tensor | tf.SparseTensor, missing: Any) -> tf.Tensor:
    """Returns the values, `(N,)` or of a sequence `(N, steps)`; of several where one is expected the first.

    `missing` stands where there is none.
    """
    if isinstance(values, tf.SparseTensor):
        num_rows, width = values.dense_shape[0], tf.maximum(values.dense_shape[1], 1)
        padded = tf.SparseTensor(values.indices, values.values, tf.stack([num_rows, width]))
        return tf.sparse.to_dense(padded, default_value=missing)[:, 0]
    is_sequence = values.shape.rank == 2 and values.shape[1] not in (None, 1)
    return values if is_sequence or values.shape.rank == 1 else tf.reshape(values, [-1])


def _to_number(values: tf.Tensor | tf.SparseTensor, name: str) -> tf.Tensor:
    """Returns `float64`, NaN where missing."""
    if values.dtype == tf.string:
        raise DataError(
            f"Expected {name!r} to hold numbers. Received: text. "
            "Make it `categorical` in the configuration or correct its column."
        )
    if isinstance(values, tf.SparseTensor):
        values = tf.SparseTensor(values.indices, tf.cast(values.values, tf.float64), values.dense_shape)
    return tf.cast(_to_dense(values, float("nan")), tf.float64)


def _to_text(values: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """Returns strings, empty where missing; an integer is written without a decimal point."""
    if isinstance(values, tf.SparseTensor):
        values = tf.SparseTensor(values.indices, _as_string(values.values), values.dense_shape)
    else:
        values = _as_string(values)
    return _to_dense(values, "")


def _as_string(values: tf.Tensor) -> tf.Tensor:
    if values.dtype == tf.string:
        return values
    if values.dtype.is_floating:
        # The shortest text has six digits: whole numbers, such as codes, are written with all.
        is_whole = (tf.floor(values) == values) & (tf.abs(values) < 2.0**62)
        whole = tf.strings.as_string(tf.cast(tf.where(is_whole, values, tf.zeros_like(values)), tf.int64))
        text = tf.where(is_whole, whole, tf.strings.as_string(values, shortest=True))
        return tf.where(tf.math.is_nan(values), "", text)
    return tf.strings.as_string(values)


def _standardise(numbers: Mapping[str, tf.Tensor], kinds: Mapping[str, FeatureKind]) -> dict[str, tf.Tensor]:
    sequences = {name: values for name, values in numbers.items() if values.shape.rank == 2}
    scalars = [name for name in numbers if name not in sequences]
    outputs: dict[str, tf.Tensor] = {}
    if scalars:
        # One matrix for all columns: operations of their own for each cost more, to trace and to serve, than the
        # arithmetic.
        columns = tf.stack([numbers[name] for name in scalars], axis=1)
        columns.set_shape([None, len(scalars)])
        means = tft.mean(columns, reduce_instance_dims=False)
        variances = tft.var(columns, reduce_instance_dims=False)
        is_boolean = tf.constant([kinds[name] is FeatureKind.BOOLEAN for name in scalars])
        outputs |= zip(scalars, tf.unstack(_scale(columns, means, variances, is_boolean), axis=1), strict=True)
    for name, values in sequences.items():
        is_boolean = tf.constant(kinds[name] is FeatureKind.BOOLEAN)
        outputs[name] = _scale(values, tft.mean(values), tft.var(values), is_boolean)
    return outputs


def _scale(values: tf.Tensor, means: tf.Tensor, variances: tf.Tensor, is_boolean: tf.Tensor) -> tf.Tensor:
    # Rounded before use: the last bits of a float64 sum depend on the order of the examples.
    means, deviations = (tf.cast(tf.cast(moment, tf.float32), tf.float64) for moment in (means, tf.sqrt(variances)))
    is_known = tf.math.is_finite(values)
    flags = tf.where(is_known, values, tf.cast(means >= 0.5, tf.float64))
    standardised = tf.math.divide_no_nan(tf.where(is_known, values - means, 0.0), deviations)
    return tf.cast(tf.where(is_boolean, flags, standardised), tf.float32)


def _to_index(values: tf.Tensor | tf.SparseTensor, name: str) -> tf.Tensor:
    # An empty string is never in a text vocabulary, so a missing value is out of it as an unseen one is. The
    # approximate vocabulary is exact up to `top_k` values and takes Beam half the stages of the other.
    return tft.experimental.compute_and_apply_approximate_vocabulary(
        _to_text(values), top_k=MAX_VOCABULARY_SIZE, num_oov_buckets=1, vocab_filename=name
    )


def _to_class(values: tf.Tensor | tf.SparseTensor, label_values: Sequence[str]) -> tf.Tensor:
    matches = tf.equal(_to_text(values)[:, tf.newaxis], tf.constant(list(label_values)))
    index = tf.argmax(matches, axis=1, output_type=tf.int64)
    return tf.where(tf.reduce_any(matches, axis=1), index, UNKNOWN_CLASS)
