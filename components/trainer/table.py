"""Transformed examples in memory, in an order that depends on their content alone."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray

from ...errors import ModelError
from ..features import Problem
from .columns import Column, transformed_columns
from .config import TrainerConfig

READ_BATCH_SIZE = 8192


@dataclasses.dataclass(frozen=True)
class Table:
    """Transformed examples with their labels.

    Args:
        columns: tuple of `Column`. What the features are.
        features: dict of column name to array of shape `(N,)`.
        labels: array of shape `(N,)`: `int64` classes or `float32` numbers.
        num_classes: int. 0 for a regression.
    """

    columns: tuple[Column, ...]
    features: Mapping[str, NDArray[Any]]
    labels: NDArray[Any]
    num_classes: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_outputs(self) -> int:
        """The number of scores a model of this table answers."""
        return self.num_classes or 1

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Returns the table of some rows, in the order given."""
        features = {name: values[rows] for name, values in self.features.items()}
        return dataclasses.replace(self, features=features, labels=self.labels[rows])

    def in_canonical_order(self) -> Self:
        """Returns the table sorted by all of its columns: the order of files and shards leaves no trace."""
        keys = [self.labels, *(self.features[name] for name in sorted(self.features))]
        return self.take(np.lexsort(keys))

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Returns the rest and a part of about `share` of the rows, for a classification of each class.

        Raises:
            ModelError: if there are too few rows for the part to hold any.
        """
        shuffled = np.random.default_rng(seed).permutation(len(self))
        groups = [shuffled[self.labels[shuffled] == k] for k in range(self.num_classes)] or [shuffled]
        sizes = [min(round(len(group) * share), len(group) - 1) for group in groups]
        if sum(sizes) < 1:
            raise ModelError(
                f"Expected enough training rows to keep {share:.0%} for validation. Received: {len(self)} rows. "
                "Give more rows or a greater `validation_share`."
            )
        part = np.sort(np.concatenate([group[:size] for group, size in zip(groups, sizes, strict=True)]))
        return self.take(np.setdiff1d(np.arange(len(self)), part)), self.take(part)


def make_table(
    transform_output: tft.TFTransformOutput, arrays: Mapping[str, NDArray[Any]], config: TrainerConfig
) -> Table:
    """Returns the table of transformed examples, in canonical order.

    Args:
        transform_output: `tft.TFTransformOutput`.
        arrays: mapping of transformed feature name, the label's included, to `(N,)` array.
        config: `TrainerConfig`.

    Raises:
        ModelError: if a label is missing, is no class, or a class has no row.
    """
    columns = transformed_columns(transform_output, config.features)
    labels = arrays[config.label]
    if not len(labels):
        raise ModelError("Expected training examples. Received: none. Give data with rows in the train split.")
    if config.problem is Problem.CLASSIFICATION:
        _check_classes(labels, config)
    elif not np.isfinite(labels).all():
        raise ModelError(
            f"Expected every {config.label!r} to be a finite number. "
            f"Received: {np.count_nonzero(~np.isfinite(labels))} that are not. Quarantine those rows."
        )
    features = {column.name: arrays[column.name] for column in columns}
    num_classes = len(config.label_values) if config.problem is Problem.CLASSIFICATION else 0
    return Table(columns, features, labels, num_classes).in_canonical_order()


def read_transformed(
    files: Sequence[str], feature_spec: Mapping[str, Any], compression: str = "GZIP"
) -> dict[str, NDArray[Any]]:
    """Reads transformed examples.

    Args:
        files: sequence of patterns of TFRecord files.
        feature_spec: mapping of feature name to `tf.io.FixedLenFeature` of a scalar.
        compression: string. Defaults to `"GZIP"`, as Transform writes.

    Returns:
        Dict of feature name to `(N,)` array.
    """
    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ModelError(
            f"Expected transformed examples in {', '.join(files)}. Received: no file. Run Transform first."
        )
    records = tf.data.TFRecordDataset(paths, compression_type=compression).batch(READ_BATCH_SIZE)
    batches = list(records.map(lambda batch: tf.io.parse_example(batch, feature_spec)).as_numpy_iterator())
    if not batches:
        return {name: np.zeros(0, feature.dtype.as_numpy_dtype) for name, feature in feature_spec.items()}
    return {name: np.concatenate([batch[name] for batch in batches]) for name in feature_spec}


def _check_classes(labels: NDArray[Any], config: TrainerConfig) -> None:
    classes = ", ".join(config.label_values)
    if (labels < 0).any():
        raise ModelError(
            f"Expected every {config.label!r} to be one of {classes}. "
            f"Received: {np.count_nonzero(labels < 0)} rows with another value. Quarantine them or add the class."
        )
    counts = np.bincount(labels, minlength=len(config.label_values))
    absent = [value for value, count in zip(config.label_values, counts, strict=True) if not count]
    if absent:
        raise ModelError(
            f"Expected training rows of every class of {config.label!r} ({classes}). "
            f"Received: none of {', '.join(absent)}. Give rows of it or take it out of `label.values`."
        )
