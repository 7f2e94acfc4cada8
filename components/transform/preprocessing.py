"""The one place of preprocessing: raw features to the numbers that every model family reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from ...errors import DataError
from ..features import FeatureKind, Problem

MAX_VOCABULARY_SIZE = 10_000
UNKNOWN_CLASS = -1


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Transforms raw features; each output keeps the name of its input.

    Numeric, ordinal and time features become standardised `float32`, missing values the mean; boolean features become
    0 or 1, missing values the more frequent of the two; categorical features become the `int64` index in a vocabulary
    ordered by frequency, and what is missing or outside the vocabulary the index after the last. A class label becomes
    its `int64` index in `label_values` (`UNKNOWN_CLASS` where it is none of them), a regression label `float32`.

    Means and variances are accumulated in `float64` and rounded to `float32`, so that the order of the examples and
    the number of shards leave no trace.

    Args:
        inputs: mapping of feature name to dense `(N,)` or `(N, 1)` tensor or, for an optional feature, `SparseTensor`.
            Features that `custom_config` does not name are ignored, and those it names may be absent.
        custom_config: mapping with `features` (name to kind), `label`, `problem` and, for a classification,
            `label_values`.

    Returns:
        Dict of feature name to `(N,)` tensor.

    Raises:
        DataError: if a feature that is a number by its kind holds text, or none of the features is there.
    """
    kinds = {name: FeatureKind(kind) for name, kind in custom_config["features"].items() if name in inputs}
    if not kinds:
        raise DataError(
            f"Expected the schema to hold some of the features {', '.join(custom_config['features'])}. "
            f"Received: {', '.join(inputs)}. Name features that the data has."
        )
    categorical = [name for name, kind in kinds.items() if kind is FeatureKind.CATEGORICAL]
    numbers = {name: _to_number(inputs[name], name) for name in kinds if name not in categorical}
    outputs = _standardise(numbers, kinds) | {name: _to_index(inputs[name], name) for name in categorical}
    label = custom_config["label"]
    if label in inputs:
        if Problem(custom_config["problem"]) is Problem.CLASSIFICATION:
            outputs[label] = _to_class(inputs[label], custom_config["label_values"])
        else:
            outputs[label] = tf.cast(_to_number(inputs[label], label), tf.float32)
    return outputs


def _to_dense(values: tf.Tensor | tf.SparseTensor, missing: Any) -> tf.Tensor:
    """Returns the `(N,)` tensor of the first value of each row, `missing` where there is none."""
    if isinstance(values, tf.SparseTensor):
        num_rows, width = values.dense_shape[0], tf.maximum(values.dense_shape[1], 1)
        padded = tf.SparseTensor(values.indices, values.values, tf.stack([num_rows, width]))
        return tf.sparse.to_dense(padded, default_value=missing)[:, 0]
    return tf.reshape(values, [-1])


def _to_number(values: tf.Tensor | tf.SparseTensor, name: str) -> tf.Tensor:
    """Returns `(N,)` `float64`, NaN where missing."""
    if values.dtype == tf.string:
        raise DataError(
            f"Expected {name!r} to hold numbers. Received: text. "
            "Make it `categorical` in the configuration or mend its column."
        )
    if isinstance(values, tf.SparseTensor):
        values = tf.SparseTensor(values.indices, tf.cast(values.values, tf.float64), values.dense_shape)
    return tf.cast(_to_dense(values, float("nan")), tf.float64)


def _to_text(values: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    """Returns `(N,)` strings, empty where missing; a whole number is written without a decimal point."""
    if isinstance(values, tf.SparseTensor):
        values = tf.SparseTensor(values.indices, _as_string(values.values), values.dense_shape)
    else:
        values = _as_string(values)
    return _to_dense(values, "")


def _as_string(values: tf.Tensor) -> tf.Tensor:
    if values.dtype == tf.string:
        return values
    if values.dtype.is_floating:
        text = tf.strings.as_string(values, shortest=True)
        return tf.where(tf.math.is_nan(values), "", text)
    return tf.strings.as_string(values)


def _standardise(numbers: Mapping[str, tf.Tensor], kinds: Mapping[str, FeatureKind]) -> dict[str, tf.Tensor]:
    if not numbers:
        return {}
    # One pair of analyzers for all columns: a pair for each costs Beam more than the arithmetic.
    columns = tf.stack(list(numbers.values()), axis=1)
    columns.set_shape([None, len(numbers)])
    means = tft.mean(columns, reduce_instance_dims=False)
    variances = tft.var(columns, reduce_instance_dims=False)
    outputs = {}
    for index, (name, values) in enumerate(numbers.items()):
        # Rounded before use: the last bits of a float64 sum depend on the order of the examples.
        mean = tf.cast(tf.cast(means[index], tf.float32), tf.float64)
        deviation = tf.cast(tf.cast(tf.sqrt(variances[index]), tf.float32), tf.float64)
        if kinds[name] is FeatureKind.BOOLEAN:
            likeliest = tf.cast(mean >= 0.5, tf.float64)
            number = tf.where(tf.math.is_finite(values), values, likeliest)
        else:
            number = tf.math.divide_no_nan(tf.where(tf.math.is_finite(values), values - mean, 0.0), deviation)
        outputs[name] = tf.cast(number, tf.float32)
    return outputs


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
