"""A SavedModel that predicts the records that are evaluated."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...errors import DataError, ModelError
from ..features import Problem
from ..loaded_model import load_model
from ..prediction_task import PredictionTask
from .eval_config import SIGNATURE


class Model:
    """A SavedModel that predicts from serialized examples; it is loaded when it is first asked.

    Args:
        path: string. Folder of the SavedModel.
        task: `PredictionTask`.
    """

    def __init__(self, path: str, task: PredictionTask) -> None:
        self._path = path
        self._task = task

    def predict(self, examples: Sequence[bytes]) -> NDArray[Any]:
        """Returns what the model predicts, in the shape that `Metric.compute` takes and the model's own type.

        Raises:
            DataError: if the model predicts another number of values than the task has.
            ModelError: if it has no signature for examples.
        """
        [name] = self._signature.structured_input_signature[1]
        outputs = self._signature(**{name: tf.constant(examples, tf.string)})
        return shape_predictions(outputs[self._task.prediction_key].numpy(), self._task, len(examples))

    def load(self) -> None:
        """Loads the model, if that was not done.

        Raises:
            ModelError: if it has no signature for examples.
        """
        _ = self._signature

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
