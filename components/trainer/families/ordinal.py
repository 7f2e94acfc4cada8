"""A Keras network for ordered classes: the chance that the class lies beyond each but the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...features import Problem
from ...text import Text
from ..family import Family
from .keras import FittedNetwork, Head, KerasHyperparameters, fit_network

if TYPE_CHECKING:
    import tensorflow as tf

    from ..table import Table


class OrdinalHyperparameters(KerasHyperparameters):
    """The network of the family `keras` with an ordinal head.

    Args:
        head: string. `"corn"` (Shi, Cao and Raschka, 2021, arXiv:2111.08851): each output is the chance that the class
            lies beyond one, given that it lies beyond the one before; learned from the rows of which that holds.
            `"coral"` (Cao, Mirjalili and Raschka, Pattern Recognition Letters 2020, arXiv:1901.07884): one number a row
            and a threshold for each class but the last; where these are not in order, a class between has no chance.
    """

    head: Literal["corn", "coral"] = "corn"


def fit(train: Table, validation: Table | None, hyperparameters: OrdinalHyperparameters, seed: int) -> FittedNetwork:
    """Returns a network fitted to `train`, with the weights of its best epoch on `validation`."""
    num_classes = train.num_classes
    loss, to_scores = (corn_loss, corn_scores) if hyperparameters.head == "corn" else (coral_loss, coral_scores)
    output = shared_slope if hyperparameters.head == "coral" else None
    head = Head(num_classes - 1, loss, lambda table: beyond(table.labels, num_classes), to_scores, output)
    return fit_network(train, validation, hyperparameters, seed, head)


def beyond(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """Returns whether each label lies beyond each class but the last, `(N, K - 1)`."""
    return (labels[:, np.newaxis] > np.arange(num_classes - 1)).astype(np.float32)


def corn_loss(targets: Any, outputs: Any) -> Any:
    """Returns the loss of each row: of an output only where the label lies beyond the class before."""
    import tensorflow as tf

    targets = tf.cast(targets, outputs.dtype)
    counts = tf.concat([tf.ones_like(targets[:, :1]), targets[:, :-1]], axis=1)
    return tf.reduce_sum(counts * tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs), axis=1)


def corn_scores(outputs: tf.Tensor) -> tf.Tensor:
    """Returns scores `(N, K)`: the chance to lie beyond a class is the product of the conditional ones up to it."""
    import tensorflow as tf

    return _of_classes(tf.math.cumprod(tf.sigmoid(outputs), axis=1))


def coral_loss(targets: Any, outputs: Any) -> Any:
    """Returns the loss of each row, over all outputs."""
    import tensorflow as tf

    targets = tf.cast(targets, outputs.dtype)
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs), axis=1)


def coral_scores(outputs: tf.Tensor) -> tf.Tensor:
    """Returns scores `(N, K)`; biases that are not in order yet give a class between them none."""
    import tensorflow as tf

    scores = tf.nn.relu(_of_classes(tf.sigmoid(outputs)))
    return scores / tf.reduce_sum(scores, axis=1, keepdims=True)


def shared_slope(x: Any, num_outputs: int) -> Any:
    """Returns one number a row plus a bias for each output."""
    import keras

    return keras.layers.Dense(num_outputs, kernel_initializer="ones", kernel_constraint=keras.ops.ones_like)(
        keras.layers.Dense(1, use_bias=False)(x)
    )


FAMILIES = [
    Family(
        name="ordinal",
        title=Text(en="ordinal neural network", es="red neuronal ordinal"),
        hyperparameters=OrdinalHyperparameters,
        fit=fit,
        problems=frozenset({Problem.CLASSIFICATION}),
        rounds="max_epochs",
        needs_validation=True,
        uses_gpu=True,
        supports_multiple_gpus=True,
        uses_weights=True,
        needs_order=True,
        space={
            "hidden_units": [[16], [32], [64, 32], [128, 64], [256, 128]],
            "dropout": {"min": 0.0, "max": 0.6},
            "learning_rate": {"min": 0.0003, "max": 0.02, "scale": "log"},
            "batch_size": [32, 64, 128, 256],
        },
    )
]


def _of_classes(beyond_each: tf.Tensor) -> tf.Tensor:
    """Returns the chance of each class, `(N, K)`, of those to lie beyond each but the last, `(N, K - 1)`."""
    import tensorflow as tf

    edges = tf.pad(tf.pad(beyond_each, [[0, 0], [1, 0]], constant_values=1.0), [[0, 0], [0, 1]])
    return edges[:, :-1] - edges[:, 1:]
