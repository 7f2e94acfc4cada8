"""A Keras network on tabular features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....errors import ModelError
from ...settings import Settings
from ...text import Text
from ..columns import Column, code_matrix, coded, number_matrix, numbers
from ..distribution import current
from ..family import Family
from ..target import Target

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ..table import Table

PREDICT_BATCH_SIZE = 8192

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class KerasHyperparameters(Settings):
    """A network of dense layers on embeddings of the coded categories and the standardised numbers.

    Args:
        hidden_units: tuple of ints. The width of each dense layer.
        dropout: float in `[0, 1)`. The share of units dropped after each dense layer.
        embedding_width: int. The greatest width of an embedding.
        learning_rate: float. Of Adam.
        batch_size: int, in examples; of each GPU or worker where there are several.
        max_epochs: int.
        patience: int, in epochs. Training stops when the validation loss has not fallen for so long.
    """

    hidden_units: tuple[Count, ...] = (64, 32)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    embedding_width: Count = 8
    learning_rate: Positive = 2e-3
    batch_size: Count = 64
    max_epochs: Count = 60
    patience: Count = 8


@dataclasses.dataclass(frozen=True)
class Head:
    """What a network's outputs are, how they are learned, and what scores they give.

    Args:
        num_outputs: int.
        loss: a loss of `to_targets` and of the outputs `(N, num_outputs)`, as Keras takes it.
        to_targets: function of a `Table` that returns what is learned, an array `(N, ...)`.
        to_scores: function of the outputs that returns scores in the shape that `FittedModel` has them.
        output: function of the last hidden layer and `num_outputs` that returns the outputs. Defaults to a dense layer.
    """

    num_outputs: int
    loss: Any
    to_targets: Callable[[Table], NDArray[Any]]
    to_scores: Callable[[tf.Tensor], tf.Tensor]
    output: Callable[[Any, int], Any] | None = None


def fit(train: Table, validation: Table | None, hyperparameters: KerasHyperparameters, seed: int) -> FittedNetwork:
    """Returns a network fitted to `train`, with the weights of its best epoch on `validation`.

    Embeddings, dense layers with batch normalisation and dropout, early stopping. Quantiles are learned by the pinball
    loss, numbers by the squared error.
    """
    import tensorflow as tf

    target = train.target
    center, scale = (0.0, 1.0) if train.num_classes else _center_and_scale(train.labels)

    def to_scores(outputs: tf.Tensor) -> tf.Tensor:
        return target.arrange(tf.nn.softmax(outputs) if target.num_classes else outputs * scale + center)

    head = Head(target.num_outputs, _loss(target), lambda table: _targets(table, center, scale), to_scores)
    return fit_network(train, validation, hyperparameters, seed, head)


def fit_network(
    train: Table, validation: Table | None, hyperparameters: KerasHyperparameters, seed: int, head: Head
) -> FittedNetwork:
    """Returns a network with a head, fitted to `train`, with the weights of its best epoch on `validation`.

    Raises:
        ModelError: if there is no validation part.
    """
    import keras
    import tensorflow as tf

    if validation is None:
        raise ModelError("Expected a validation part for early stopping. Received: none. Keep some rows apart.")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    distribution = current()
    with distribution.scope():
        network = _build(train.columns, head, hyperparameters)
        optimizer = distribution.wrap(keras.optimizers.Adam(hyperparameters.learning_rate))
        network.compile(optimizer=optimizer, loss=head.loss, jit_compile=False)
    network.fit(
        distribution.shard(_inputs(train.columns, train.features)),
        distribution.shard(head.to_targets(train)),
        sample_weight=distribution.shard(train.weights),
        validation_data=(_inputs(train.columns, validation.features), head.to_targets(validation)),
        batch_size=hyperparameters.batch_size * distribution.num_local,
        epochs=hyperparameters.max_epochs,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=hyperparameters.patience, restore_best_weights=True),
            *distribution.callbacks(),
        ],
        verbose=0,
    )
    network = distribution.unmirrored(network, lambda: _build(train.columns, head, hyperparameters))
    return FittedNetwork(network, lambda features: _inputs(train.columns, features), head.to_scores)


class FittedNetwork:
    """A trained Keras network, for this family and for a `run_fn` of one's own.

    Args:
        network: `keras.Model`.
        to_inputs: function of the transformed features, each `(N,)` or `(N, steps)`, that returns the network's inputs.
        to_scores: function of the network's outputs that returns scores in the shape that `FittedModel` has them.
    """

    def __init__(
        self,
        network: keras.Model,
        to_inputs: Callable[[Mapping[str, Any]], Any],
        to_scores: Callable[[tf.Tensor], tf.Tensor],
    ) -> None:
        self._network = network
        self._to_inputs = to_inputs
        self._to_scores = to_scores

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The network's TensorFlow variables; tracking Keras's own exports copies that a session never assigns."""
        return [variable.value for variable in self._network.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns Keras's scores."""
        import tensorflow as tf

        outputs = self._network.predict(self._to_inputs(features), batch_size=PREDICT_BATCH_SIZE, verbose=0)
        return np.asarray(self._to_scores(tf.constant(outputs)), np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the network's layers."""
        return self._to_scores(self._network(self._to_inputs(features), training=False))


FAMILIES = [
    Family(
        name="keras",
        title=Text(en="neural network", es="red neuronal"),
        hyperparameters=KerasHyperparameters,
        fit=fit,
        predicts_quantiles=True,
        rounds="max_epochs",
        needs_validation=True,
        uses_gpu=True,
        supports_multiple_gpus=True,
        uses_weights=True,
        space={
            "hidden_units": [[16], [32], [64, 32], [128, 64], [256, 128]],
            "dropout": {"min": 0.0, "max": 0.6},
            "learning_rate": {"min": 0.0003, "max": 0.02, "scale": "log"},
            "batch_size": [32, 64, 128, 256],
        },
    )
]


def pinball_loss(quantiles: Sequence[float], steps: int = 1) -> Callable[[Any, Any], Any]:
    """Returns the loss of quantiles: of labels `(N, steps)` and outputs `(N, steps * Q)`, quantiles innermost."""
    import tensorflow as tf

    levels = tf.constant(quantiles, tf.float32)

    def loss(labels: Any, outputs: Any) -> Any:
        predictions = tf.reshape(outputs, [-1, steps, len(quantiles)])
        gaps = tf.reshape(tf.cast(labels, predictions.dtype), [-1, steps, 1]) - predictions
        return tf.reduce_mean(tf.maximum(levels * gaps, (levels - 1.0) * gaps), axis=[1, 2])

    return loss


def _loss(target: Target) -> Any:
    import keras

    if target.num_classes:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if target.quantiles:
        return pinball_loss(target.quantiles, target.steps or 1)
    return keras.losses.MeanSquaredError()


def _build(columns: Sequence[Column], head: Head, hyperparameters: KerasHyperparameters) -> keras.Model:
    import keras

    inputs, parts = {}, []
    if coded(columns):
        width = sum(column.width for column in coded(columns))
        inputs["codes"] = keras.Input((width,), dtype="int32", name="codes")
        start = 0
        for column in coded(columns):
            dimension = min(hyperparameters.embedding_width, math.ceil(math.sqrt(column.num_codes)))
            embedding = keras.layers.Embedding(column.num_codes, dimension)
            if column.steps is None:
                parts.append(embedding(inputs["codes"][:, start]))
            else:
                parts.append(keras.layers.Flatten()(embedding(inputs["codes"][:, start : start + column.width])))
            start += column.width
    if numbers(columns):
        width = sum(column.width for column in numbers(columns))
        inputs["numbers"] = keras.Input((width,), dtype="float32", name="numbers")
        parts.append(inputs["numbers"])
    x = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in hyperparameters.hidden_units:
        x = keras.layers.Dense(units, use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        x = keras.layers.Dropout(hyperparameters.dropout)(x)
    output = head.output or (lambda last, num_outputs: keras.layers.Dense(num_outputs)(last))
    return keras.Model(inputs, output(x, head.num_outputs))


def _inputs(columns: Sequence[Column], features: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    inputs = {}
    if coded(columns):
        inputs["codes"] = code_matrix(columns, features)
    if numbers(columns):
        inputs["numbers"] = number_matrix(columns, features)
    return inputs


def _center_and_scale(labels: NDArray[Any]) -> tuple[float, float]:
    return float(np.mean(labels)), float(np.std(labels)) or 1.0


def _targets(table: Table, center: float, scale: float) -> NDArray[Any]:
    return table.labels if table.num_classes else (table.target.matrix(table.labels) - center) / scale
