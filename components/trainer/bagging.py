"""Several models as one: a mixture of their scores, and the weights of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..features import Problem
from ..prediction_task import PredictionTask
from .calibration import SMALLEST
from .family import FittedModel
from .target import Target

if TYPE_CHECKING:
    import tensorflow as tf

_MAX_ROWS = 20_000
_TOLERANCE = 1e-7


class Mixture:
    """A weighted mean of the scores of several models; of quantiles that of each, so that they ascend.

    Args:
        members: sequence of `FittedModel`.
        weights: float array `(M,)`, or `(M, H)` of a forecast, not below 0, with a sum of 1 over the members. Defaults
            to None, all alike.
    """

    def __init__(self, members: Sequence[FittedModel], weights: NDArray[np.float64] | None = None) -> None:
        self._members = members
        self._weights = np.full(len(members), 1 / len(members)) if weights is None else weights

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Those of all members."""
        return [variable for member in self._members for variable in member.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the mixture of the libraries' scores."""
        return mix_scores([member.predict(features) for member in self._members], self._weights)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the mixture of the scores of the members' tensors."""
        import tensorflow as tf

        scores = [member.scores(features) for member in self._members]
        return tf.add_n([_shaped(of, part.shape.rank) * part for of, part in zip(self._weights, scores, strict=True)])


def mix_scores(scores: Sequence[NDArray[Any]], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns the weighted sum of scores `(N, ...)` of each model, as `Mixture` has them."""
    return np.asarray(sum(_shaped(of, part.ndim) * part for of, part in zip(weights, scores, strict=True)), np.float32)


def _shaped(weight: NDArray[np.float64] | np.float64, rank: int) -> NDArray[np.float32]:
    """Returns the weight of a model, or one for each step, so that it broadcasts to scores of a rank."""
    array = np.asarray(weight, np.float32)
    return array[:, np.newaxis] if array.ndim and rank > 2 else array


def stack_weights(
    scores: Sequence[NDArray[np.float32]], labels: NDArray[Any], task: PredictionTask
) -> NDArray[np.float64]:
    """Returns the weights of models in a stack (Breiman 1996, doi:10.1007/BF00117832): those of the least loss.

    The loss is the pinball loss of quantiles, the squared error of other numbers and the log loss of classes. Each step
    of a forecast has weights of its own. By no more than 20,000 rows, at even distances.

    Args:
        scores: sequence of float arrays `(N, ...)`. What each model predicts of rows that it has not seen.
        labels: array `(N,)` or `(N, H)`.
        task: `PredictionTask`.

    Returns:
        Float array `(M,)`, or `(M, H)` of a forecast, not below 0, with a sum of 1 over the models.
    """
    rows = slice(None, None, -(-len(labels) // _MAX_ROWS))
    models = np.stack([part[rows] for part in scores]).astype(np.float64)
    labels = labels[rows]
    target = Target.of(task)
    if task.problem is Problem.CLASSIFICATION:
        return _least(
            models[..., np.arange(len(labels)), labels], lambda of_class: -np.log(np.maximum(of_class, SMALLEST))
        )
    levels = np.array(target.quantiles)

    def loss(mixed: NDArray[np.float64], numbers: NDArray[Any]) -> NDArray[np.float64]:
        above = numbers[:, np.newaxis] - mixed
        return np.maximum(levels * above, (levels - 1) * above) if len(levels) else above**2

    if target.steps is None:
        return _least(models, lambda mixed: loss(mixed, labels))
    models = models.reshape(len(models), len(labels), target.steps, -1)
    of_steps = [
        _least(models[:, :, step], lambda mixed, step=step: loss(mixed, labels[:, step]))
        for step in range(target.steps)
    ]
    return np.stack(of_steps, axis=1)


def _least(models: NDArray[np.float64], loss: Any) -> NDArray[np.float64]:
    """Returns the weights, not below 0 with a sum of 1, of the mixture of models `(M, ...)` of the least mean loss."""
    from scipy.optimize import minimize

    def mean_loss(weights: NDArray[np.float64]) -> float:
        return float(np.mean(loss(np.tensordot(weights, models, axes=1))))

    # Never worse than the best of them.
    start = min(np.eye(len(models)), key=mean_loss)
    found = minimize(
        mean_loss,
        0.5 * start + 0.5 / len(models),
        method="SLSQP",
        bounds=[(0, 1)] * len(models),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        tol=_TOLERANCE,
    )
    weights = np.maximum(found.x, 0)
    weights /= weights.sum()
    return weights if mean_loss(weights) < mean_loss(start) else start
