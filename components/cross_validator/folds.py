"""The folds of a cross-validation: records in canonical order, and the preprocessing and training of each fold.

Nothing of a fold's held-out part is seen by its preprocessing, feature selection or training.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..evaluator.metric import measure, task_metrics
from ..feature_selection.records import columns_of, decode_records, hash_records, sample_records, split_keys
from ..feature_selection.select import reduce_schema, select_features, selection_columns, unselected
from ..features import Problem
from ..prediction_task import PredictionTask
from ..splitter import Rows, Splitter
from ..trainer.settings import TrainerSettings
from ..trainer.table import Table, cut_labels, make_table
from ..trainer.train import chosen_families, predict_scores, to_predictions, train
from ..transform.analyze import analyze, transform_arrays
from ..transform.settings import TransformConfig
from .settings import CrossValidatorConfig


@dataclasses.dataclass(frozen=True)
class Fold:
    """The result of one fold.

    Args:
        number: int. From 1 on.
        num_train: int. Records that the preprocessing and the model saw.
        num_held_out: int. Records on which the metrics are.
        family: string. The model family; with `"auto"` the one that was best on a validation part of the training part.
        features: tuple of strings. The inputs of the model; fewer than the task's with feature selection.
        metrics: dict of metric name to value.
        seconds: float.
        hyperparameters: dict. What a search in this fold chose; empty without one.
        inner_score: float or None. What that search expected of the objective, by inner folds.
    """

    number: int
    num_train: int
    num_held_out: int
    family: str
    features: tuple[str, ...]
    metrics: dict[str, float]
    seconds: float
    hyperparameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    inner_score: float | None = None


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """A fold with what its model predicts of the records held out.

    Args:
        fold: `Fold`.
        rows: int array `(M,)`. The records held out, as places in the canonical order.
        labels: array `(M,)` or `(M, H)`. By the cut of the fold's training records where `label.cut_share` asks for it.
        scores: float array. Scores as `FittedModel.predict` returns them.
    """

    fold: Fold
    rows: Rows
    labels: NDArray[Any]
    scores: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class FoldTables:
    """The transformed rows of a fold.

    Args:
        train: `Table`. Those to train on.
        unseen: dict of transformed feature to array `(M,)` or `(M, steps)` of the rows held out.
        labels: array `(M,)` or `(M, H)`. Theirs.
    """

    train: Table
    unseen: dict[str, NDArray[Any]]
    labels: NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Records:
    """Records in an order that depends on their content alone.

    Args:
        examples: array of serialized `tf.Example`, `(N,)`.
        order: int array `(N,)`. The place of each among the examples as they were given.
        hashes: uint64 array `(N,)`.
        table: `pandas.DataFrame`. Their values, as `decode_records` returns them.
        schema: `Schema`.
    """

    examples: NDArray[np.object_]
    order: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    table: pd.DataFrame
    schema: schema_pb2.Schema

    @classmethod
    def of(cls, examples: Sequence[bytes], schema: schema_pb2.Schema) -> "Records":
        """Returns serialized examples of a schema in canonical order.

        Raises:
            DataError: if an example does not fit the schema.
        """
        table = decode_records(examples, schema)
        hashes = hash_records(table)
        order = np.argsort(hashes, kind="stable")
        serialized = np.array(examples, dtype=object)[order]
        return cls(serialized, order, hashes[order], table.iloc[order].reset_index(drop=True), schema)

    def folds(self, task: PredictionTask, num_folds: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Returns for each fold the records to train on and those held out, as `Splitter.folds` divides them.

        Raises:
            DataError: if there are too few records for the folds.
        """
        keys = self.hashes if task.split.key is None else split_keys(self.table, task.split)
        if task.problem is not Problem.CLASSIFICATION:
            labels = self.table[columns_of(self.table, task.label.name)].to_numpy(np.float64)
            return Splitter(task.split).folds(keys, labels, num_folds, seed)
        codes, classes = pd.factorize(self.table[task.label.name], sort=True)
        return Splitter(task.split).folds(keys, codes, num_folds, seed, [str(value) for value in classes])


@dataclasses.dataclass(frozen=True)
class FoldWork:
    """What every fold needs, here or in another process.

    Args:
        examples: array of serialized `tf.Example`, `(N,)`.
        schema: `Schema`.
        config: `CrossValidatorConfig`.
        scratch: path of a folder for transform graphs.
    """

    examples: NDArray[np.object_]
    schema: schema_pb2.Schema
    config: CrossValidatorConfig
    scratch: Path

    def needs_processes(self) -> bool:
        """Returns whether folds must run in processes of their own; see the function of that name."""
        return needs_processes(self.config.task, self.config.trainer)

    def prepare(self) -> None:
        """Prepares a new process for folds: each operation of TensorFlow gets one thread."""
        limit_operations_to_one_thread()

    def run(self, number: int, train_rows: Rows, held_out: Rows) -> HeldOut:
        """Trains on some rows and predicts others.

        Raises:
            ModelError: if a model cannot be trained.
            DataError: if the rows are too few.
        """
        # Sums of several threads depend on their number, which would tell how many folds ran side by side.
        with threadpool_limits(limits=1):
            return self._run(number, train_rows, held_out)

    def _run(self, number: int, train_rows: Rows, held_out: Rows) -> HeldOut:
        start = time.perf_counter()
        config, task = self.config, self.config.task
        tables = self.tables(number, train_rows, held_out)
        trained = train(tables.train, task, config.trainer, is_validated=False)
        scores = predict_scores(trained.model, tables.unseen, len(held_out), task)
        fold = Fold(
            number=number,
            num_train=len(train_rows),
            num_held_out=len(held_out),
            family=trained.family,
            features=tuple(column.name for column in tables.train.columns),
            metrics=measure(task_metrics(task), tables.labels, to_predictions(scores, task)),
            seconds=round(time.perf_counter() - start, 3),
        )
        return HeldOut(fold, held_out, tables.labels, scores)

    def tables(self, number: int, train_rows: Rows, held_out: Rows) -> FoldTables:
        """Returns the rows of a fold, transformed as its training part says.

        Raises:
            DataError: if the rows are too few.
        """
        config, task = self.config, self.config.task
        train_examples = self.examples[train_rows].tolist()
        transform_output = analyze(
            train_examples,
            self._selected_schema(train_examples),
            TransformConfig(task=task, settings=config.transform, engine=config.engine),
            self.scratch / f"transform-{number}",
        )
        arrays = transform_arrays(transform_output, self.examples.tolist())
        table = make_table(transform_output, _take(arrays, train_rows), task)
        return FoldTables(table, _take(arrays, held_out), cut_labels(arrays, task, train_rows)[held_out])

    def _selected_schema(self, examples: list[bytes]) -> schema_pb2.Schema:
        settings, task = self.config.feature_selection, self.config.task
        if not settings.enabled:
            return self.schema
        sample = sample_records([examples], self.schema, selection_columns(task))
        selection = select_features(sample, task, settings, self.config.trainer.seed)
        return reduce_schema(self.schema, unselected(task, selection))


def _take(arrays: Mapping[str, NDArray[Any]], rows: Rows) -> dict[str, NDArray[Any]]:
    return {name: values[rows] for name, values in arrays.items()}


def needs_processes(task: PredictionTask, trainer: TrainerSettings) -> bool:
    """Returns whether models must be trained in processes of their own to be the same wherever they are.

    TensorFlow has a number of threads for all of a process, and what a model learns may depend on it.
    """
    if tf.config.list_physical_devices("GPU") or tf.config.threading.get_intra_op_parallelism_threads() == 1:
        return False
    return any(family.trains_in_tensorflow for family in chosen_families(task, trainer).values())


def limit_operations_to_one_thread() -> None:
    """Gives each operation of TensorFlow one thread, in a process in which none has been computed."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
