"""A Keras network on tabular features."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...errors import ModelError
from .columns import Column, code_matrix, coded, number_matrix, numbers
from .hyperparameters import FamilyName, KerasHyperparameters
from .table import Table

PREDICT_BATCH_SIZE = 8192


class KerasNetwork:
    """The family of networks: embeddings, dense layers with batch normalisation and dropout, early stopping."""

    name: ClassVar[FamilyName] = "keras"
    needs_validation: ClassVar[bool] = True

    def fit(
        self, train: Table, validation: Table | None, hyperparameters: KerasHyperparameters, seed: int
    ) -> "FittedKerasNetwork":
        """Returns a network fitted to `train`, with the weights of its best epoch on `validation`."""
        if validation is None:
            raise ModelError("Expected a validation part for early stopping. Received: none. Keep some rows apart.")
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        network = _build(train.columns, train.num_outputs, hyperparameters)
        if train.num_classes:
            loss: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            center, scale = 0.0, 1.0
        else:
            loss = keras.losses.MeanSquaredError()
            center, scale = float(np.mean(train.labels)), float(np.std(train.labels)) or 1.0
        network.compile(optimizer=keras.optimizers.Adam(hyperparameters.learning_rate), loss=loss, jit_compile=False)
        network.fit(
            _inputs(train.columns, train.features),
            _targets(train, center, scale),
            validation_data=(_inputs(train.columns, validation.features), _targets(validation, center, scale)),
            batch_size=hyperparameters.batch_size,
            epochs=hyperparameters.max_epochs,
            callbacks=[keras.callbacks.EarlyStopping(patience=hyperparameters.patience, restore_best_weights=True)],
            verbose=0,
        )
        return FittedKerasNetwork(network, train.columns, bool(train.num_classes), center, scale)


class FittedKerasNetwork:
    """A trained network; regression outputs are brought back to the unit of the label."""

    def __init__(
        self, network: keras.Model, columns: tuple[Column, ...], is_classifier: bool, center: float, scale: float
    ) -> None:
        self._network = network
        self._columns = columns
        self._is_classifier = is_classifier
        self._center = center
        self._scale = scale

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The network's TensorFlow variables; tracking Keras's own exports copies that a session never assigns."""
        return [variable.value for variable in self._network.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns Keras's scores `(N, K)`."""
        outputs = self._network.predict(_inputs(self._columns, features), batch_size=PREDICT_BATCH_SIZE, verbose=0)
        return np.asarray(self._to_scores(tf.constant(outputs)), np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores `(N, K)` of the network's layers."""
        return self._to_scores(self._network(_inputs(self._columns, features), training=False))

    def _to_scores(self, outputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(outputs) if self._is_classifier else outputs * self._scale + self._center


def _build(columns: Sequence[Column], num_outputs: int, hyperparameters: KerasHyperparameters) -> keras.Model:
    inputs, parts = {}, []
    if coded(columns):
        inputs["codes"] = keras.Input((len(coded(columns)),), dtype="int32", name="codes")
        for index, column in enumerate(coded(columns)):
            width = min(hyperparameters.embedding_width, math.ceil(math.sqrt(column.num_codes)))
            parts.append(keras.layers.Embedding(column.num_codes, width)(inputs["codes"][:, index]))
    if numbers(columns):
        inputs["numbers"] = keras.Input((len(numbers(columns)),), dtype="float32", name="numbers")
        parts.append(inputs["numbers"])
    x = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in hyperparameters.hidden_units:
        x = keras.layers.Dense(units, use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        x = keras.layers.Dropout(hyperparameters.dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x))


def _inputs(columns: Sequence[Column], features: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    inputs = {}
    if coded(columns):
        inputs["codes"] = code_matrix(columns, features)
    if numbers(columns):
        inputs["numbers"] = number_matrix(columns, features)
    return inputs


def _targets(table: Table, center: float, scale: float) -> NDArray[Any]:
    return table.labels if table.num_classes else (table.labels - center) / scale
