"""What a model predicts, as the shape of its scores."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..features import Problem
from ..prediction_task import PredictionTask

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model predicts for an example.

    Args:
        num_classes: int. 0 for numbers. Defaults to 0.
        steps: int or None. The length of a forecast; None for one value. Defaults to None.
        quantiles: tuple of floats. The quantiles of each number; none for one estimate. Defaults to none.
    """

    num_classes: int = 0
    steps: int | None = None
    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, task: PredictionTask) -> Self:
        """Returns the target of a task."""
        is_classification = task.problem is Problem.CLASSIFICATION
        return cls(
            num_classes=len(task.label.values) if is_classification else 0,
            steps=task.label.steps if task.problem is Problem.FORECAST else None,
            quantiles=task.label.quantiles,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example's scores: `(K,)`, `(1,)`, `(Q,)`, `(H,)` or `(H, Q)`."""
        if self.num_classes:
            return (self.num_classes,)
        steps = () if self.steps is None else (self.steps,)
        quantiles = (len(self.quantiles),) if self.quantiles else ()
        return steps + quantiles or (1,)

    @property
    def num_outputs(self) -> int:
        """The number of an example's scores."""
        return math.prod(self.shape)

    def arrange(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns scores `(N, num_outputs)` in the shape of the target, quantiles ascending."""
        import tensorflow as tf

        arranged = tf.reshape(scores, [-1, *self.shape])
        return tf.sort(arranged, axis=-1) if self.quantiles else arranged

    def matrix(self, labels: NDArray[Any]) -> NDArray[np.float32]:
        """Returns the labels of numbers, `(N,)` or `(N, H)`, as `(N, H)`."""
        return np.asarray(labels, np.float32).reshape(len(labels), self.steps or 1)
