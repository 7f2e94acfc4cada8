"""Forecasts by networks over a window: recurrent, convolutional and mixing; each adds to a linear model.

The linear part is solved at once (ridge regression of every step ahead on all inputs), the network learns what it
leaves, and of that is kept, step by step, what holds on the validation part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...components.evaluator.metrics.regression import point_predictions
from ...components.features import Problem
from ...components.settings import Settings
from ...components.text import Text
from ...components.trainer.family import Family
from ...errors import ModelError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ...components.trainer.columns import Column
    from ...components.trainer.table import Table
    from ...components.trainer.target import Target

SUN_AHEAD = "sun_ahead"
PREDICT_BATCH_SIZE = 4096
ADDED = "added"
"""The layer of what a network adds to the linear model."""
FACTORS = np.linspace(0, 1, 11)

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class NetworkHyperparameters(Settings):
    """What the networks have in common.

    Args:
        units: int. The width of the network.
        head_units: int. The width of the layer between it and the forecast.
        dropout: float in `[0, 1)`. The share of units dropped.
        ridge: float. The penalty of the linear part.
        learning_rate: float. Of AdamW at the start; it falls to 0 along a cosine.
        weight_decay: float. Of AdamW.
        batch_size: int, in examples.
        max_epochs: int.
        patience: int, in epochs. Training stops when the validation loss has not fallen for so long.
    """

    units: Count = 48
    head_units: Count = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    ridge: Positive = 30.0
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-3
    batch_size: Count = 256
    max_epochs: Count = 12
    patience: Count = 4


class ConvolutionHyperparameters(NetworkHyperparameters):
    """A temporal convolution network (Bai et al. 2018, arXiv:1803.01271).

    Args:
        dilations: tuple of ints. One block a dilation.
        kernel: int. Steps that a convolution sees.
    """

    dilations: tuple[Count, ...] = (1, 2, 4, 8, 16)
    kernel: Count = 3


class MixerHyperparameters(NetworkHyperparameters):
    """A network that mixes steps and variables in turn (TSMixer, Chen et al. 2023, arXiv:2303.06053).

    Args:
        blocks: int.
    """

    blocks: Count = 2


Body = Callable[[Any, Any, Any], Any]
"""A function of the past `(N, P, C)`, of the other inputs `(N, S)` and of the hyperparameters that returns `(N, W)`."""


class Forecaster:
    """A linear model and what a network adds to it.

    Args:
        network: `keras.Model` of the past and the other inputs.
        inputs: `Inputs`.
        center: float. Of the labels.
        scale: float.
    """

    def __init__(self, network: keras.Model, inputs: Inputs, center: float, scale: float) -> None:
        self._network, self._inputs, self._center, self._scale = network, inputs, center, scale

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The network's TensorFlow variables."""
        return [variable.value for variable in self._network.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns Keras's forecasts."""
        outputs = self._network.predict(self._inputs(features, np), batch_size=PREDICT_BATCH_SIZE, verbose=0)
        return np.asarray(outputs * self._scale + self._center, np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the forecasts of the network's layers."""
        import tensorflow as tf

        return self._network(self._inputs(features, tf), training=False) * self._scale + self._center


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Transformed features as a network's inputs, in NumPy or in TensorFlow.

    Args:
        columns: tuple of `Column`.
    """

    columns: tuple[Column, ...]

    def __call__(self, features: Mapping[str, Any], library: Any) -> list[Any]:
        """Returns the past `(N, P, C)` and all else `(N, S)`, categories one-hot."""
        past = [features[column.name] for column in self._past]
        others = []
        for column in self.columns:
            values = features[column.name]
            if column.num_codes:
                codes = library.range(column.num_codes) if library is not np else np.arange(column.num_codes)
                is_code = values[:, None] == (codes if library is np else library.cast(codes, values.dtype))
                others.append(is_code.astype(np.float32) if library is np else library.cast(is_code, "float32"))
            elif column not in self._past:
                others.append(values if column.steps else values[:, None])
        concatenate = np.concatenate if library is np else library.concat
        return [library.stack(past, -1), concatenate(others, 1)]

    @property
    def _past(self) -> list[Column]:
        return [column for column in self.columns if column.steps and column.name != SUN_AHEAD]


def fit_with(body: Body) -> Callable[[Table, Table | None, Any, int], Forecaster]:
    """Returns the `fit` of a family whose network has a body."""

    def fit(train: Table, validation: Table | None, hyperparameters: Any, seed: int) -> Forecaster:
        import keras

        if validation is None:
            raise ModelError("Expected a validation part for early stopping. Received: none. Keep some rows apart.")
        keras.utils.set_random_seed(seed)
        inputs = Inputs(train.columns)
        center, scale = float(train.labels.mean()), float(train.labels.std()) or 1.0
        past, others = (np.ascontiguousarray(array, np.float32) for array in inputs(train.features, np))
        labels = ((train.labels - center) / scale).astype(np.float32)
        kernel, bias = _ridge(np.concatenate([past.reshape(len(past), -1), others], 1), labels, hyperparameters.ridge)
        network = _build(past.shape[1:], others.shape[1], train.target, kernel, bias, body, hyperparameters)
        steps = -(-len(labels) // hyperparameters.batch_size) * hyperparameters.max_epochs
        rate = keras.optimizers.schedules.CosineDecay(hyperparameters.learning_rate, steps)
        network.compile(
            keras.optimizers.AdamW(rate, weight_decay=hyperparameters.weight_decay),
            _loss(train.target.quantiles),
            jit_compile=False,
        )
        judged = [np.ascontiguousarray(array, np.float32) for array in inputs(validation.features, np)]
        judged_labels = ((validation.labels - center) / scale).astype(np.float32)
        network.fit(
            [past, others],
            labels,
            validation_data=(judged, judged_labels),
            batch_size=hyperparameters.batch_size,
            epochs=hyperparameters.max_epochs,
            callbacks=[keras.callbacks.EarlyStopping(patience=hyperparameters.patience, restore_best_weights=True)],
            verbose=0,
        )
        linear = np.concatenate([judged[0].reshape(len(judged_labels), -1), judged[1]], 1) @ kernel + bias
        _shrink(network, train.target, judged, judged_labels, linear)
        return Forecaster(network, inputs, center, scale)

    return fit


def _shrink(network: keras.Model, target: Target, inputs: list[Any], labels: Any, linear: Any) -> None:
    """Multiplies what the network adds to the linear model at each step by the factor of the least validation error.

    Where the network has learned noise the factor is 0, and the forecast is that of the linear model.
    """
    predicted = network.predict(inputs, batch_size=PREDICT_BATCH_SIZE, verbose=0)
    added = point_predictions(predicted, target.quantiles) - linear
    errors = np.stack([np.abs(linear + factor * added - labels).mean(axis=0) for factor in FACTORS])
    factors = FACTORS[errors.argmin(axis=0)].astype(np.float32)
    layer = network.get_layer(ADDED)
    layer.set_weights([weights * factors for weights in layer.get_weights()])


def _recurrent(past: Any, others: Any, hyperparameters: NetworkHyperparameters) -> Any:
    import keras

    layers = keras.layers
    repeated = layers.RepeatVector(past.shape[1])(others)
    return layers.GRU(hyperparameters.units)(layers.Concatenate()([past, repeated]))


def _convolution(past: Any, others: Any, hyperparameters: ConvolutionHyperparameters) -> Any:
    import keras

    layers = keras.layers
    hidden = layers.Dense(hyperparameters.units)(past)
    for dilation in hyperparameters.dilations:
        block = layers.Conv1D(
            hyperparameters.units, hyperparameters.kernel, padding="causal", dilation_rate=dilation, activation="relu"
        )(hidden)
        block = layers.SpatialDropout1D(hyperparameters.dropout)(block)
        hidden = layers.Add()([hidden, layers.Dense(hyperparameters.units)(block)])
    return layers.Concatenate()([hidden[:, -1], layers.GlobalAveragePooling1D()(hidden)])


def _mixer(past: Any, others: Any, hyperparameters: MixerHyperparameters) -> Any:
    import keras

    layers = keras.layers
    steps = past.shape[1]
    repeated = layers.RepeatVector(steps)(layers.Dense(hyperparameters.units)(others))
    hidden = layers.Dense(hyperparameters.units)(layers.Concatenate()([past, repeated]))
    for _ in range(hyperparameters.blocks):
        mixed = layers.Permute((2, 1))(layers.LayerNormalization()(hidden))
        mixed = layers.Dropout(hyperparameters.dropout)(layers.Dense(steps, activation="relu")(mixed))
        hidden = layers.Add()([hidden, layers.Permute((2, 1))(mixed)])
        mixed = layers.Dense(2 * hyperparameters.units, activation="relu")(layers.LayerNormalization()(hidden))
        mixed = layers.Dropout(hyperparameters.dropout)(mixed)
        hidden = layers.Add()([hidden, layers.Dense(hyperparameters.units)(mixed)])
    return layers.Flatten()(hidden)


def _build(
    past_shape: tuple[int, int], num_others: int, target: Any, kernel: Any, bias: Any, body: Body, hyperparameters: Any
) -> keras.Model:
    import keras

    layers = keras.layers
    past, others = keras.Input(past_shape), keras.Input((num_others,))
    linear = layers.Dense(target.steps, trainable=False)
    middle = linear(layers.Concatenate()([layers.Flatten()(past), others]))
    linear.set_weights([kernel, bias])
    hidden = layers.Concatenate()([body(past, others, hyperparameters), others])
    hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    hidden = layers.Dense(hyperparameters.head_units, activation="relu")(hidden)
    hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    # The network begins at the linear model.
    middle = layers.Add()([middle, layers.Dense(target.steps, kernel_initializer="zeros", name=ADDED)(hidden)])
    if not target.quantiles:
        return keras.Model([past, others], middle)
    place = int(np.abs(np.array(target.quantiles) - 0.5).argmin())
    below, above = place, len(target.quantiles) - place - 1
    parts = [layers.Reshape((target.steps, 1))(middle)]
    for sign, count in ((-1.0, below), (1.0, above)):
        if count:
            widths = layers.Dense(target.steps * count, bias_initializer=keras.initializers.Constant(-1.5))(hidden)
            widths = keras.ops.cumsum(keras.ops.softplus(layers.Reshape((target.steps, count))(widths)), -1)
            widths = parts[0] + sign * widths if sign > 0 else keras.ops.flip(parts[0] + sign * widths, -1)
            parts.append(widths)
    ordered = ([parts[1]] if below else []) + [parts[0]] + ([parts[-1]] if above else [])
    return keras.Model([past, others], layers.Concatenate(-1)(ordered))


def _loss(quantiles: Sequence[float]) -> Any:
    import keras

    if not quantiles:
        return "mean_absolute_error"
    levels = keras.ops.convert_to_tensor(np.array(quantiles, np.float32))

    def pinball(labels: Any, predictions: Any) -> Any:
        error = labels[..., None] - predictions
        return keras.ops.mean(keras.ops.maximum(levels * error, (levels - 1) * error))

    return pinball


def _ridge(inputs: NDArray[np.float32], labels: NDArray[np.float32], penalty: float) -> tuple[Any, Any]:
    """Returns kernel and bias of the ridge regression of each label on all inputs."""
    means, centers = inputs.mean(axis=0, dtype=np.float64), labels.mean(axis=0, dtype=np.float64)
    gram = np.zeros((inputs.shape[1],) * 2)
    moment = np.zeros((inputs.shape[1], labels.shape[1]))
    # In parts, so that no copy in float64 of all of it is made.
    for start in range(0, len(inputs), 8192):
        part = inputs[start : start + 8192].astype(np.float64) - means
        gram += part.T @ part
        moment += part.T @ (labels[start : start + 8192] - centers)
    kernel = np.linalg.solve(gram + penalty * np.eye(len(gram)), moment)
    return kernel.astype(np.float32), (centers - means @ kernel).astype(np.float32)


def _family(name: str, title: Text, hyperparameters: type[Settings], body: Body) -> Family:
    return Family(
        name, title, hyperparameters, fit_with(body),
        problems=frozenset({Problem.FORECAST}), predicts_quantiles=True, rounds="max_epochs", needs_validation=True,
        uses_gpu=True,
    )  # fmt: skip


FAMILIES = [
    _family("recurrent", Text(en="recurrent network", es="red recurrente"), NetworkHyperparameters, _recurrent),
    _family(
        "convolution", Text(en="temporal convolution network", es="red de convolución temporal"),
        ConvolutionHyperparameters, _convolution,
    ),
    _family("mixer", Text(en="mixing network", es="red mezcladora"), MixerHyperparameters, _mixer),
]  # fmt: skip
