"""A SavedModel that predicts the records that are evaluated."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from ...errors import DataError, ModelError
from ...model_store.tree_table import TOLERANCE, largest_difference
from ..examples import BATCH_SIZE, decode, encode
from ..features import Problem
from ..loaded_model import load_model, predict_in_session
from ..prediction_task import PredictionTask
from .eval_config import EXAMPLES, SIGNATURE
from .tree_predictor import TreePredictor, load_tree_predictor

NUM_CHECKED = 256


class Model:
    """A SavedModel that predicts from serialized examples; it is loaded when it is first asked.

    Where it is trees, their table predicts in place of the graph, once it gave the same scores for `NUM_CHECKED`
    examples.

    Args:
        path: string. Folder of the SavedModel.
        task: `PredictionTask`.

    Raises:
        ModelError: if the table of its trees is damaged.
    """

    def __init__(self, path: str, task: PredictionTask) -> None:
        self._path = path
        self._task = task
        self._trees = load_tree_predictor(path)
        self._are_trees_checked = False

    def predict(self, examples: Sequence[bytes], table: pa.RecordBatch | None = None) -> NDArray[Any]:
        """Returns what the model predicts, in the shape that `Metric.compute` takes and the model's own type.

        Args:
            examples: sequence of N serialized examples.
            table: `pyarrow.RecordBatch`. The same, decoded, where the caller has it. Defaults to None.

        Raises:
            DataError: if the model predicts another number of values than the task has.
            ModelError: if it has no signature for examples.
        """
        found = None
        if self._trees is not None:
            found = self._predict_by_trees(self._trees, decode(examples) if table is None else table, examples)
        return self._predict_by_graph(examples) if found is None else found

    def predict_table(self, table: pa.RecordBatch) -> NDArray[Any]:
        """Returns what the model predicts of decoded examples: `predict`, where no serialized ones are at hand.

        Raises:
            DataError: likewise.
            ModelError: likewise.
        """
        if self._trees is not None:
            checked = () if self._are_trees_checked else encode(table.slice(0, NUM_CHECKED))
            found = self._predict_by_trees(self._trees, table, checked)
            if found is not None:
                return found
        parts = [table.slice(start, BATCH_SIZE) for start in range(0, table.num_rows, BATCH_SIZE)]
        return np.concatenate([self._predict_by_graph(encode(part)) for part in parts])

    def check_trees(self, table: pa.RecordBatch, predictions: NDArray[Any]) -> None:
        """Checks the table of trees by what the SavedModel is known to predict, so that it need not be loaded for it.

        Args:
            table: `pyarrow.RecordBatch`. N decoded examples.
            predictions: array. What `predict` returned for them.
        """
        scores = None if self._trees is None else self._trees.predict(table)
        if scores is not None:
            self._compare_trees(predictions, scores)

    def _predict_by_trees(
        self, trees: TreePredictor, table: pa.RecordBatch, examples: Sequence[bytes]
    ) -> NDArray[Any] | None:
        """Returns the scores of the table of trees, None where it cannot be used for these examples or at all."""
        scores = trees.predict(table)
        if scores is None:
            return None
        if not self._are_trees_checked:
            checked = examples[:NUM_CHECKED]
            # In a session, which takes less time to load than Python.
            outputs = predict_in_session(self._path, {SIGNATURE: {EXAMPLES: np.array(checked, object)}})[SIGNATURE]
            expected = shape_predictions(outputs[self._task.prediction_key], self._task, len(checked))
            if not self._compare_trees(expected, scores):
                return None
        return shape_predictions(scores, self._task, table.num_rows)

    def _compare_trees(self, expected: NDArray[Any], scores: NDArray[Any]) -> bool:
        """Returns whether the scores of the table are those of the SavedModel; else the table is not used any more."""
        self._are_trees_checked = True
        received = shape_predictions(scores[: len(expected)], self._task, len(expected))
        if largest_difference(expected, received) <= TOLERANCE:
            return True
        logging.warning("%s: its table of trees predicts otherwise than the SavedModel; not used.", self._path)
        self._trees = None
        return False

    def _predict_by_graph(self, examples: Sequence[bytes]) -> NDArray[Any]:
        [name] = self._signature.structured_input_signature[1]
        outputs = self._signature(**{name: tf.constant(examples, tf.string)})
        return shape_predictions(outputs[self._task.prediction_key].numpy(), self._task, len(examples))

    @functools.cached_property
    def _signature(self) -> Any:
        # Its functions hold the model itself weakly.
        self._loaded = load_model(self._path)
        if SIGNATURE not in self._loaded.signatures:
            raise ModelError(
                f"Expected {self._path} to have the signature {SIGNATURE!r}. Received: none. Export it anew."
            )
        return self._loaded.signatures[SIGNATURE]


def shape_predictions(predictions: NDArray[Any], task: PredictionTask, num_rows: int) -> NDArray[Any]:
    """Returns predictions in the shape that `Metric.compute` takes.

    Raises:
        DataError: if there is another number of them.
    """
    if task.problem is Problem.CLASSIFICATION:
        return predictions
    label = task.label
    steps = (label.steps,) if task.problem is Problem.FORECAST else ()
    shape = (num_rows, *steps, *((len(label.quantiles),) if label.quantiles else ()))
    if predictions.size != math.prod(shape):
        raise DataError(
            f"Expected predictions of the shape {shape} for {num_rows} records of {label.name!r}. "
            f"Received: {np.shape(predictions)}. Check `label.steps` and `label.quantiles` against the model's outputs."
        )
    return predictions.reshape(shape)
