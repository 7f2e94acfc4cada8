"""Transformed features as matrices, written once in TensorFlow for training and for serving."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from ...errors import ModelError
from ..features import FeatureKind

# Every integer up to this one is a float32.
MAX_CODES = 2**24
SMALLEST_NORMAL = np.finfo(np.float32).smallest_normal


@dataclasses.dataclass(frozen=True)
class Column:
    """A transformed feature.

    Args:
        name: string.
        kind: `FeatureKind`.
        num_codes: int. For a categorical feature the size of its vocabulary and one more, the code of what is missing
            or unseen; 0 for a number.
    """

    name: str
    kind: FeatureKind
    num_codes: int = 0


def transformed_columns(
    transform_output: tft.TFTransformOutput, features: Mapping[str, FeatureKind]
) -> tuple[Column, ...]:
    """Returns the columns of a transform graph that are named in `features`, in that order.

    Raises:
        ModelError: if there is none.
    """
    names = transform_output.transformed_feature_spec()
    columns = tuple(
        Column(name, kind, transform_output.vocabulary_size_by_name(name) + 1)
        if kind is FeatureKind.CATEGORICAL
        else Column(name, kind)
        for name, kind in features.items()
        if name in names
    )
    if not columns:
        raise ModelError(
            f"Expected the transform graph to hold some of {', '.join(features)}. Received: {', '.join(names)}. "
            "Give Transform and Trainer the same features."
        )
    return columns


def coded(columns: Sequence[Column]) -> list[Column]:
    """Returns the categorical columns."""
    return [column for column in columns if column.num_codes]


def numbers(columns: Sequence[Column]) -> list[Column]:
    """Returns the columns that are numbers."""
    return [column for column in columns if not column.num_codes]


def code_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns the categorical columns as an `int32` tensor of shape `(N, num_coded)`."""
    return tf.stack([tf.cast(features[column.name], tf.int32) for column in coded(columns)], axis=1)


def number_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns the columns that are numbers as a `float32` tensor of shape `(N, num_numbers)`."""
    matrix = tf.stack([tf.cast(features[column.name], tf.float32) for column in numbers(columns)], axis=1)
    # TensorFlow takes a subnormal for zero and scikit-learn does not, so neither sees one.
    return tf.where(tf.abs(matrix) < SMALLEST_NORMAL, 0.0, matrix)


def index_matrix(columns: Sequence[Column], features: Mapping[str, Any], max_codes: int = MAX_CODES) -> tf.Tensor:
    """Returns `float32` `(N, num_columns)`: the codes, those from `max_codes - 1` on as one, and then the numbers."""
    parts = []
    if coded(columns):
        parts.append(tf.cast(tf.minimum(code_matrix(columns, features), max_codes - 1), tf.float32))
    if numbers(columns):
        parts.append(number_matrix(columns, features))
    return tf.concat(parts, axis=1)


def one_hot_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns `float32` `(N, D)`: a 0/1 column for each code, and then the numbers."""
    parts = [tf.one_hot(tf.cast(features[column.name], tf.int32), column.num_codes) for column in coded(columns)]
    if numbers(columns):
        parts.append(number_matrix(columns, features))
    return tf.concat(parts, axis=1)
