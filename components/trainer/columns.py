"""Transformed features as matrices, written once in TensorFlow for training and for serving.

A sequence stands in a matrix as one column a step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..features import FeatureKind
from ..prediction_task import PredictionTask
from ..transform.names import CUT_OF, SPLIT_KEY

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

# Every integer up to this one is a float32.
MAX_CODES = 2**24
ROWS_AT_A_TIME = 2**17
SMALLEST_NORMAL = np.finfo(np.float32).smallest_normal


@dataclasses.dataclass(frozen=True)
class Column:
    """A transformed feature.

    Args:
        name: string.
        kind: `FeatureKind`.
        num_codes: int. For a categorical feature the size of its vocabulary and one more, the code of what is missing
            or unseen; 0 for a number.
        steps: int or None. The length of a sequence; None for a scalar.
    """

    name: str
    kind: FeatureKind
    num_codes: int = 0
    steps: int | None = None

    @property
    def width(self) -> int:
        """The number of columns that it has in a matrix."""
        return self.steps or 1


def transformed_columns(transform_output: tft.TFTransformOutput, task: PredictionTask) -> tuple[Column, ...]:
    """Returns the columns of a transform graph: the task's features in that order, then those of other names.

    The label, the key of the split and the number that the label is a cut of are none. A column of a name that is no
    feature of the task, as a system's own `preprocessing_fn` may make, is categorical where it has a vocabulary of its
    name, and else a number.

    Args:
        transform_output: `tft.TFTransformOutput`.
        task: `PredictionTask`.

    Raises:
        ModelError: if there is none, or one that is no number and no code.
    """
    features, others = task.features, {task.label.name, SPLIT_KEY, CUT_OF}
    spec = transform_output.transformed_feature_spec()
    names = [*(name for name in features if name in spec), *sorted(spec.keys() - features.keys() - others)]
    if not names:
        raise ModelError(
            f"Expected the transform graph to hold some of {', '.join(features)}. Received: {', '.join(spec)}. "
            "Give Transform and Trainer the same features."
        )
    return tuple(_column(transform_output, name, spec[name], features.get(name)) for name in names)


def _column(transform_output: tft.TFTransformOutput, name: str, spec: Any, kind: FeatureKind | None) -> Column:
    shape = getattr(spec, "shape", None)
    if shape is None or len(shape) > 1 or spec.dtype.name not in ("float32", "int64"):
        raise ModelError(
            f"Expected {name!r} to be transformed to numbers or codes, float32 or int64, of the shape (N,) "
            f"or (N, steps). Received: {spec}. Correct the preprocessing_fn."
        )
    steps = shape[0] if len(shape) else None
    has_vocabulary = kind is FeatureKind.CATEGORICAL or (
        kind is None and transform_output.vocabulary_file_by_name(name) is not None
    )
    if has_vocabulary:
        return Column(name, FeatureKind.CATEGORICAL, transform_output.vocabulary_size_by_name(name) + 1, steps)
    return Column(name, kind or FeatureKind.NUMERIC, 0, steps)


def coded(columns: Sequence[Column]) -> list[Column]:
    """Returns the categorical columns."""
    return [column for column in columns if column.num_codes]


def numbers(columns: Sequence[Column]) -> list[Column]:
    """Returns the columns that are numbers."""
    return [column for column in columns if not column.num_codes]


def num_codes(columns: Sequence[Column]) -> list[int]:
    """Returns for each column of `code_matrix` the number of codes."""
    return [column.num_codes for column in coded(columns) for _ in range(column.width)]


def code_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns the categorical columns as an `int32` tensor of shape `(N, num_coded)`."""
    import tensorflow as tf

    return _matrix(coded(columns), features, tf.int32)


def number_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns the columns that are numbers as a `float32` tensor of shape `(N, num_numbers)`."""
    import tensorflow as tf

    matrix = _matrix(numbers(columns), features, tf.float32)
    # TensorFlow takes a subnormal for zero and scikit-learn does not, so neither sees one.
    return tf.where(tf.abs(matrix) < SMALLEST_NORMAL, 0.0, matrix)


def index_matrix(columns: Sequence[Column], features: Mapping[str, Any], max_codes: int = MAX_CODES) -> tf.Tensor:
    """Returns `float32` `(N, num_columns)`: the codes, those from `max_codes - 1` on as one, and then the numbers."""
    import tensorflow as tf

    parts = []
    if coded(columns):
        parts.append(tf.cast(tf.minimum(code_matrix(columns, features), max_codes - 1), tf.float32))
    if numbers(columns):
        parts.append(number_matrix(columns, features))
    return tf.concat(parts, axis=1)


def index_array(
    columns: Sequence[Column], features: Mapping[str, NDArray[Any]], max_codes: int = MAX_CODES
) -> NDArray[np.float32]:
    """Returns `index_matrix` of arrays, some rows at a time: of a large table there is no second copy."""
    num_rows = len(next(iter(features.values())))
    matrix = np.empty((num_rows, sum(column.width for column in columns)), np.float32)
    for start in range(0, num_rows, ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        part = {column.name: features[column.name][rows] for column in columns}
        matrix[rows] = index_matrix(columns, part, max_codes).numpy()
    return matrix


def one_hot_matrix(columns: Sequence[Column], features: Mapping[str, Any]) -> tf.Tensor:
    """Returns `float32` `(N, D)`: a 0/1 column for each code, and then the numbers."""
    import tensorflow as tf

    parts = []
    for column in coded(columns):
        one_hot = tf.one_hot(tf.cast(features[column.name], tf.int32), column.num_codes)
        parts.append(tf.reshape(one_hot, [-1, column.width * column.num_codes]))
    if numbers(columns):
        parts.append(number_matrix(columns, features))
    return tf.concat(parts, axis=1)


def _matrix(columns: Sequence[Column], features: Mapping[str, Any], dtype: tf.DType) -> tf.Tensor:
    import tensorflow as tf

    parts = [tf.reshape(tf.cast(features[column.name], dtype), [-1, column.width]) for column in columns]
    return tf.concat(parts, axis=1)
