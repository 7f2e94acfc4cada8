"""Transformed examples in memory, in an order that depends on their content alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..examples import require_shards
from ..features import Problem
from ..prediction_task import PredictionTask, SplitSettings
from ..splitter import Splitter
from ..transform.names import CUT_OF, SPLIT_KEY
from .columns import Column, transformed_columns
from .target import Target

if TYPE_CHECKING:
    import tensorflow_transform as tft

READ_BATCH_SIZE = 8192
GROWTH = 1.125


@dataclasses.dataclass(frozen=True)
class Table:
    """Transformed examples with their labels.

    Args:
        columns: tuple of `Column`. What the features are.
        features: dict of column name to array of shape `(N,)`, of a sequence `(N, steps)`.
        labels: array of shape `(N,)`, `int64` classes or `float32` numbers, or `(N, H)`, the numbers of a forecast.
        target: `Target`. What is to be predicted. Defaults to one number.
        keys: `int64` array of shape `(N,)` or None. The key of the split. Defaults to None.
        splitter: `Splitter`. How rows are divided. Defaults to one by the hash of the row.
        weights: float array of shape `(N,)` or None. How much each row counts in training; None for all alike.
            Defaults to None.
        origins: `int64` array of shape `(N, 2)` or None. After an augmentation the two rows before it that each row is
            made of, one twice where it is that row. Defaults to None: each row is its own.
        cut_of: float array of shape `(N,)` or None. The number that the classes are a cut of, NaN where it is missing.
            Defaults to None.
    """

    columns: tuple[Column, ...]
    features: Mapping[str, NDArray[Any]]
    labels: NDArray[Any]
    target: Target = dataclasses.field(default_factory=Target)
    keys: NDArray[np.int64] | None = None
    splitter: Splitter = dataclasses.field(default_factory=lambda: Splitter(SplitSettings()))
    weights: NDArray[np.float32] | None = None
    origins: NDArray[np.int64] | None = None
    cut_of: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 for numbers."""
        return self.target.num_classes

    @property
    def row_weights(self) -> NDArray[np.float32]:
        """How much each row counts, `(N,)`: ones where all count alike."""
        return np.ones(len(self), np.float32) if self.weights is None else self.weights

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Returns the table of some rows, in the order given."""
        return dataclasses.replace(
            self,
            features={name: values[rows] for name, values in self.features.items()},
            labels=self.labels[rows],
            keys=None if self.keys is None else self.keys[rows],
            weights=None if self.weights is None else self.weights[rows],
            origins=None if self.origins is None else self.origins[rows],
            cut_of=None if self.cut_of is None else self.cut_of[rows],
        )

    def in_canonical_order(self) -> Self:
        """Returns the table sorted by all of its columns: the order of files and shards leaves no trace."""
        keys = [array for array in (self.keys, self.cut_of) if array is not None]
        for values in (self.labels, *(self.features[name] for name in sorted(self.features))):
            keys += [values] if values.ndim == 1 else list(values.T)
        return self.take(_lexsort(keys))

    def before_eval(self) -> Self:
        """Returns the table of a `train` split without the gap before `eval`, as `split.gap` has it.

        Raises:
            DataError: if the gap leaves nothing.
        """
        rows = self.splitter.before_eval(self.keys, len(self))
        return self if len(rows) == len(self) else self.take(rows)

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Returns the rest and a part of about `share` of the rows, divided as the split of the data is.

        After an augmentation the part has rows from before it, and the rest nothing that is made of them.

        Raises:
            DataError: if there are too few rows, groups or times for both parts.
        """
        if self.origins is None:
            rest, part = self.splitter.split(self.keys, self.labels, share, seed)
            return self.take(rest), self.take(part)
        whole = np.flatnonzero(self.origins[:, 0] == self.origins[:, 1])
        own = np.sort(whole[np.unique(self.origins[whole, 0], return_index=True)[1]])
        before = self.take(own)
        _, part = self.splitter.split(before.keys, before.labels, share, seed)
        is_apart = ~np.isin(self.origins, self.origins[own[part], 0]).any(axis=1)
        return self.take(np.flatnonzero(is_apart)), before.take(part)

    def folds(
        self, num_folds: int, seed: int, is_interleaved: bool = False
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Returns for each fold the rows to train on and those held out, divided as the split of the data is.

        Interleaved folds in time hold every row once, as `Splitter.folds` has them.

        Raises:
            DataError: if there are too few rows, groups or times for the folds.
        """
        return self.splitter.folds(self.keys, self.labels, num_folds, seed, is_interleaved=is_interleaved)


def make_table(
    transform_output: tft.TFTransformOutput, arrays: Mapping[str, NDArray[Any]], task: PredictionTask
) -> Table:
    """Returns the table of transformed examples, in canonical order.

    Args:
        transform_output: `tft.TFTransformOutput`.
        arrays: mapping of transformed feature name, the label's included, to array `(N,)` or `(N, steps)`.
        task: `PredictionTask`.

    Raises:
        ModelError: if a label is missing, is no class, or a class has no row.
    """
    columns = transformed_columns(transform_output, task)
    labels = cut_labels(arrays, task)
    if not len(labels):
        raise ModelError("Expected training examples. Received: none. Give data with rows in the train split.")
    if task.problem is Problem.CLASSIFICATION:
        _check_classes(labels, task)
    elif not np.isfinite(labels).all():
        raise ModelError(
            f"Expected every {task.label.name!r} to be a finite number. "
            f"Received: {np.count_nonzero(~np.isfinite(labels))} that are not. Quarantine those rows."
        )
    features = {column.name: arrays[column.name] for column in columns}
    splitter = Splitter(task.split)
    table = Table(
        columns, features, labels, Target.of(task), arrays.get(SPLIT_KEY), splitter, cut_of=arrays.get(CUT_OF)
    )
    return table.in_canonical_order()


def cut_labels(
    arrays: Mapping[str, NDArray[Any]], task: PredictionTask, train_rows: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Returns the labels of transformed examples; with `label.cut_share` by the cut of those that a model trains on.

    Args:
        arrays: mapping of transformed feature name to array `(N,)` or `(N, steps)`.
        task: `PredictionTask`.
        train_rows: int array. The rows to train on. Defaults to None, all.
    """
    labels, share = arrays[task.label.name], task.label.cut_share
    if share is None:
        return labels
    numbers = arrays[CUT_OF]
    known = numbers if train_rows is None else numbers[train_rows]
    known = known[np.isfinite(known)]
    if not len(known):
        return labels
    # As `RankingMetric.needs` counts: all that tie with the last one are of the first class.
    last = max(round(share * len(known)), 1) - 1
    cut = np.partition(known, last)[last]
    return np.where(np.isfinite(numbers), (numbers > cut).astype(labels.dtype), labels)


def read_transformed(
    files: Sequence[str], feature_spec: Mapping[str, Any], compression: str = "GZIP"
) -> dict[str, NDArray[Any]]:
    """Reads transformed examples.

    Args:
        files: sequence of patterns of TFRecord files.
        feature_spec: mapping of feature name to `tf.io.FixedLenFeature` of a scalar or of a sequence.
        compression: string. Defaults to `"GZIP"`, as Transform writes.

    Returns:
        Dict of feature name to array `(N,)` or `(N, steps)`.

    Raises:
        ModelError: if there is no such file.
        DataError: if one of several is gone.
    """
    import tensorflow as tf

    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ModelError(
            f"Expected transformed examples in {', '.join(files)}. Received: no file. Run Transform first."
        )
    require_shards(paths, ", ".join(files))
    records = tf.data.TFRecordDataset(paths, compression_type=compression).batch(READ_BATCH_SIZE)
    batches = records.map(lambda batch: tf.io.parse_example(batch, feature_spec), num_parallel_calls=tf.data.AUTOTUNE)
    columns = {
        name: np.empty((0, *feature.shape), feature.dtype.as_numpy_dtype) for name, feature in feature_spec.items()
    }
    num_rows = 0
    for batch in batches.as_numpy_iterator():
        rows = slice(num_rows, num_rows := num_rows + len(next(iter(batch.values()))))
        for name, values in batch.items():
            _grow(columns[name], num_rows)
            columns[name][rows] = values
    for column in columns.values():
        column.resize((num_rows, *column.shape[1:]), refcheck=False)
    return columns


def _grow(column: NDArray[Any], num_rows: int) -> None:
    """Makes place for rows, where it lies: parts to join at the end would be a second copy of a large table."""
    if len(column) < num_rows:
        column.resize((max(num_rows, int(GROWTH * len(column))), *column.shape[1:]), refcheck=False)


def _lexsort(keys: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Returns what `numpy.lexsort` does; each key after the last one sorts only the rows that were equal so far."""
    order = np.argsort(keys[-1], kind="stable")
    begins = np.append(True, _differ(keys[-1][order]))
    for key in reversed(keys[:-1]):
        tied = np.flatnonzero(~begins | ~np.append(begins[1:], True))
        if not len(tied):
            break
        rows = order[tied]
        values = key[rows]
        places = np.lexsort((values, np.cumsum(begins[tied])))
        order[tied] = rows[places]
        begins[tied[1:]] |= _differ(values[places])
    return order


def _differ(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns whether each value is another than the one before; NaN is like NaN, as in an order."""
    before, after = values[:-1], values[1:]
    differ: NDArray[np.bool_] = (before != after) & ((before == before) | (after == after))
    return differ


def require_classes(table: Table, task: PredictionTask) -> None:
    """Checks that a part of the training rows that a model is fitted to has rows of every class.

    Raises:
        ModelError: if it lacks one, as a split by group or time may leave it.
    """
    counts = np.bincount(table.labels, minlength=table.num_classes) if table.num_classes else np.ones(1)
    absent = [value for value, count in zip(task.label.values, counts, strict=False) if not count]
    if absent:
        raise ModelError(
            f"Expected rows of every class of {task.label.name!r} beside those that are held out for validation. "
            f"Received: none of {', '.join(absent)}: all share a group or time. Give rows of it in more groups or "
            "times, or lower `model.validation_share`."
        )


def _check_classes(labels: NDArray[Any], task: PredictionTask) -> None:
    values, name = task.label.values, task.label.name
    classes = ", ".join(values)
    if (labels < 0).any():
        raise ModelError(
            f"Expected every {name!r} to be one of {classes}. "
            f"Received: {np.count_nonzero(labels < 0)} rows with another value. Quarantine them or add the class."
        )
    counts = np.bincount(labels, minlength=len(values))
    absent = [value for value, count in zip(values, counts, strict=True) if not count]
    if absent:
        raise ModelError(
            f"Expected training rows of every class of {name!r} ({classes}). "
            f"Received: none of {', '.join(absent)}. Give rows of it or take it out of `label.values`."
        )
