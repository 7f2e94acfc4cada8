"""Networks over a window: recurrent, convolutional and mixing; each adds to a linear model of all steps ahead.

The linear part is solved at once (ridge regression of every step ahead on all inputs, of a penalty that the validation
part chooses), the network learns what it leaves, and of that is kept, step by step, what holds on the validation part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....errors import ModelError, suggestion
from ...features import Problem
from ...settings import Identifier, Settings
from ...text import Text
from ..columns import Column, number_matrix, one_hot_matrix
from ..distribution import current
from ..family import Family
from ..target import Target
from .keras import PREDICT_BATCH_SIZE, FittedNetwork, pinball_loss

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ..table import Table

LINEAR, ADDED = "linear", "added"
"""The layers of the linear model, and of what the network adds to it."""
FACTORS = np.linspace(0, 1, 11)

_ROWS_AT_A_TIME = 8192

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class NetworkHyperparameters(Settings):
    """What the networks have in common.

    Args:
        units: int. The width of the network.
        head_units: int. The width of the layer between it and the forecast.
        dropout: float in `[0, 1)`. The share of units dropped.
        ridge: tuple of floats. Penalties of the linear part; each step ahead has the one of the least error on the
            validation part.
        products: tuple of strings. Transformed numbers, such as the hour's sine; the linear part then has their
            products with the newest step of the past and with its means, so that it is another at each hour.
        product_steps: int. Steps of each of these means; what is left at the past's beginning is ignored.
        learning_rate: float. Of AdamW at the start; it falls to 0 along a cosine.
        weight_decay: float. Of AdamW.
        batch_size: int, in examples; of each GPU or worker where there are several.
        max_epochs: int.
        patience: int, in epochs. Training stops when the validation loss has not fallen for so long.
    """

    units: Count = 48
    head_units: Count = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    ridge: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10.0, 30.0, 100.0, 300.0)
    products: tuple[Identifier, ...] = ()
    product_steps: Count = 6
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-3
    batch_size: Count = 256
    max_epochs: Count = 12
    patience: Count = 4


class ConvolutionHyperparameters(NetworkHyperparameters):
    """A temporal convolution network (Bai et al. 2018, arXiv:1803.01271), over the mean of each `pool` steps.

    Args:
        dilations: tuple of ints. One block a dilation.
        kernel: int. Steps that a convolution sees.
        pool: int.
    """

    units: Count = 32
    max_epochs: Count = 6
    dilations: tuple[Count, ...] = (1, 2, 4, 8)
    kernel: Count = 3
    pool: Count = 2


class MixerHyperparameters(NetworkHyperparameters):
    """A network that mixes steps and variables in turn (TSMixer, Chen et al. 2023, arXiv:2303.06053).

    Args:
        blocks: int.
    """

    blocks: Count = 2


Body = Callable[[Any, Any, Any], Any]
"""A function of the past `(N, P, C)`, of the other inputs `(N, S)` and of the hyperparameters that returns `(N, W)`."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The inputs of a network.

    The past is the longest sequences, a channel each, of categories one for each code; without a sequence it is one
    step of all inputs. The others are all else, `factors` first, shorter sequences flat and categories one-hot.

    Args:
        columns: tuple of `Column`.
        factors: tuple of strings. The `products` of the hyperparameters.
    """

    columns: tuple[Column, ...]
    factors: tuple[str, ...]

    def __call__(self, features: Mapping[str, Any]) -> list[tf.Tensor]:
        """Returns the past `(N, P, C)` and the others `(N, S)`."""
        import tensorflow as tf

        steps = max((column.steps or 0 for column in self.columns), default=0)
        past = [column for column in self.columns if steps and column.steps == steps]
        if not past:
            everything = one_hot_matrix(self.columns, features)
            return [everything[:, tf.newaxis], everything]
        channels = [
            tf.one_hot(tf.cast(features[column.name], tf.int32), column.num_codes)
            if column.num_codes
            else number_matrix([column], features)[..., tf.newaxis]
            for column in past
        ]
        factors = [column for name in self.factors for column in self.columns if column.name == name]
        others = [column for column in self.columns if column not in past and column not in factors]
        parts = [number_matrix([column], features) for column in factors]
        parts += [one_hot_matrix([column], features) for column in others]
        past_values = tf.concat(channels, axis=-1)
        return [past_values, tf.concat([tf.zeros([tf.shape(past_values)[0], 0]), *parts], axis=1)]


def fit_with(body: Body) -> Callable[[Table, Table | None, Any, int], FittedNetwork]:
    """Returns the `fit` of a family whose network has a body."""

    def fit(train: Table, validation: Table | None, hyperparameters: Any, seed: int) -> FittedNetwork:
        import keras

        if validation is None:
            raise ModelError("Expected a validation part for early stopping. Received: none. Keep some rows apart.")
        _require_numbers(train.columns, hyperparameters.products)
        keras.utils.set_random_seed(seed)
        inputs = Inputs(train.columns, hyperparameters.products)
        center, scale = float(train.labels.mean()), float(train.labels.std()) or 1.0
        (learned, labels), (judged, judged_labels) = (
            (inputs(part.features), ((part.labels - center) / scale).astype(np.float32)) for part in (train, validation)
        )
        past, others = learned
        linear = _ridge(learned, labels, judged, judged_labels, hyperparameters)
        distribution = current()
        batch_size = hyperparameters.batch_size
        steps = -(-len(labels) // (batch_size * distribution.num_replicas)) * hyperparameters.max_epochs
        rate = keras.optimizers.schedules.CosineDecay(hyperparameters.learning_rate, steps)
        quantiles = train.target.quantiles
        with distribution.scope():
            network = _build(past, others, train.target, linear, body, hyperparameters)
            network.compile(
                distribution.wrap(keras.optimizers.AdamW(rate, weight_decay=hyperparameters.weight_decay)),
                pinball_loss(quantiles, train.target.steps or 1) if quantiles else "mean_absolute_error",
                jit_compile=False,
            )
        network.fit(
            distribution.shard(learned),
            distribution.shard(labels),
            validation_data=(judged, judged_labels),
            batch_size=batch_size * distribution.num_local,
            epochs=hyperparameters.max_epochs,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=hyperparameters.patience, restore_best_weights=True),
                *distribution.callbacks(),
            ],
            verbose=0,
        )
        network = distribution.unmirrored(
            network, lambda: _build(past, others, train.target, linear, body, hyperparameters)
        )
        _shrink(network, train.target, judged, judged_labels)
        return FittedNetwork(network, inputs, lambda outputs: train.target.arrange(outputs) * scale + center)

    return fit


def _require_numbers(columns: Sequence[Column], products: Sequence[str]) -> None:
    known = [column.name for column in columns if not column.num_codes and column.steps is None]
    for name in products:
        if name not in known:
            raise ModelError(
                f"Expected the hyperparameter `products` to name transformed numbers. Received: {name!r}."
                f"{suggestion(name, known)}"
            )


def _shrink(network: keras.Model, target: Target, inputs: list[Any], labels: NDArray[np.float32]) -> None:
    """Multiplies what the network adds to the linear model at each step by the factor of the least validation error.

    Where the network has learned noise the factor is 0, and the forecast is that of the linear model.
    """
    import keras

    added = network.get_layer(ADDED)
    both = keras.Model(network.inputs, [network.get_layer(LINEAR).output, added.output])
    linear, more = both.predict(inputs, batch_size=PREDICT_BATCH_SIZE, verbose=0)
    errors = np.stack([np.abs(linear + factor * more - labels).mean(axis=0) for factor in FACTORS])
    factors = FACTORS[errors.argmin(axis=0)].astype(np.float32)
    added.set_weights([weights * factors for weights in added.get_weights()])


def _recurrent(past: Any, others: Any, hyperparameters: NetworkHyperparameters) -> Any:
    import keras

    layers = keras.layers
    repeated = layers.RepeatVector(past.shape[1])(others)
    return layers.GRU(hyperparameters.units)(layers.Concatenate()([past, repeated]))


def _convolution(past: Any, others: Any, hyperparameters: ConvolutionHyperparameters) -> Any:
    import keras

    layers = keras.layers
    hidden = layers.Dense(hyperparameters.units)(past)
    hidden = layers.AveragePooling1D(hyperparameters.pool, padding="same")(hidden)
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
    past: tf.Tensor, others: tf.Tensor, target: Target, linear: list[Any], body: Body, hyperparameters: Any
) -> keras.Model:
    """Returns the network of inputs as given, which begins at the linear model."""
    import keras

    layers, steps = keras.layers, target.steps or 1
    inputs = [keras.Input(array.shape[1:]) for array in (past, others)]
    solved = layers.Dense(steps, trainable=False, name=LINEAR)
    middle = solved(_linear_inputs(inputs[0], inputs[1], hyperparameters))
    solved.set_weights(linear)
    hidden = layers.Concatenate()([body(inputs[0], inputs[1], hyperparameters), inputs[1], middle])
    hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    hidden = layers.Dense(hyperparameters.head_units, activation="relu")(hidden)
    hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    middle = layers.Add()([middle, layers.Dense(steps, kernel_initializer="zeros", name=ADDED)(hidden)])
    middle = layers.Reshape((steps, 1))(middle)
    place = target.quantiles.index(_nearest_to_middle(target.quantiles)) if target.quantiles else 0

    def widths(count: int) -> Any:
        """Returns distances from the middle quantile that grow, `(N, H, count)`."""
        outputs = layers.Dense(steps * count, bias_initializer=keras.initializers.Constant(-1.5))(hidden)
        return keras.ops.cumsum(keras.ops.softplus(layers.Reshape((steps, count))(outputs)), -1)

    parts = [middle]
    if place > 0:
        parts.insert(0, keras.ops.flip(middle - widths(place), -1))
    if above := len(target.quantiles[place + 1 :]):
        parts.append(middle + widths(above))
    together = layers.Concatenate(-1)(parts) if len(parts) > 1 else middle
    return keras.Model(inputs, layers.Flatten()(together))


def _nearest_to_middle(quantiles: Sequence[float]) -> float:
    return min(quantiles, key=lambda quantile: abs(quantile - 0.5))


def _linear_inputs(past: Any, others: Any, hyperparameters: NetworkHyperparameters) -> Any:
    """Returns all inputs of the linear part, `(N, L)`: past, others, and the products."""
    import keras

    (steps, channels), length = past.shape[1:], hyperparameters.product_steps
    parts = [keras.ops.reshape(past, (-1, steps * channels)), others]
    if count := len(hyperparameters.products):
        values, num_means = past[:, -1:], steps // length
        if num_means:
            blocks = keras.ops.reshape(past[:, -num_means * length :], (-1, num_means, length, channels))
            values = keras.ops.concatenate([values, keras.ops.mean(blocks, 2)], 1)
        width = (1 + num_means) * channels
        products = keras.ops.reshape(values, (-1, width, 1)) * others[:, None, :count]
        parts.append(keras.ops.reshape(products, (-1, width * count)))
    return keras.ops.concatenate(parts, 1)


def _ridge(
    learned: Sequence[Any],
    labels: NDArray[np.float32],
    judged: Sequence[Any],
    judged_labels: NDArray[np.float32],
    hyperparameters: NetworkHyperparameters,
) -> list[Any]:
    """Returns kernel and bias of the ridge regression of each label, of the penalty of the least validation error.

    scikit-learn's `Ridge` would take all rows at once, in float64; here some rows at a time are.
    """
    center = labels.mean(axis=0, dtype=np.float64)
    sums: Any = (0.0, 0.0, 0.0)
    for part, wanted in _parts(learned, labels, hyperparameters):
        sums = (sums[0] + part.T @ part, sums[1] + part.T @ (wanted - center), sums[2] + part.sum(axis=0))
    gram, moment, mean = sums[0], sums[1], sums[2] / len(labels)
    gram = gram - len(labels) * np.outer(mean, mean)
    kernels = [np.linalg.solve(gram + penalty * np.eye(len(mean)), moment) for penalty in hyperparameters.ridge]
    biases = [center - mean @ kernel for kernel in kernels]
    errors = np.zeros((len(kernels), len(center)))
    for part, wanted in _parts(judged, judged_labels, hyperparameters):
        for place, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            errors[place] += np.abs(part @ kernel + bias - wanted).sum(axis=0)
    best, steps = errors.argmin(axis=0), np.arange(len(center))
    kernel, bias = np.stack(kernels)[best, :, steps].T, np.stack(biases)[best, steps]
    return [kernel.astype(np.float32), bias.astype(np.float32)]


def _parts(
    inputs: Sequence[Any], labels: NDArray[np.float32], hyperparameters: NetworkHyperparameters
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Yields the linear inputs and the labels of some rows at a time."""
    for start in range(0, len(labels), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        past, others = (array[rows] for array in inputs)
        yield np.asarray(_linear_inputs(past, others, hyperparameters), np.float64), labels[rows]


def _family(name: str, title: Text, hyperparameters: type[Settings], body: Body) -> Family:
    return Family(
        name, title, hyperparameters, fit_with(body),
        problems=frozenset({Problem.FORECAST}), predicts_quantiles=True, rounds="max_epochs", needs_validation=True,
        uses_gpu=True,
        supports_multiple_gpus=True,
    )  # fmt: skip


FAMILIES = [
    _family("recurrent", Text(en="recurrent network", es="red recurrente"), NetworkHyperparameters, _recurrent),
    _family(
        "convolution", Text(en="temporal convolution network", es="red de convolución temporal"),
        ConvolutionHyperparameters, _convolution,
    ),
    _family("mixer", Text(en="mixing network", es="red mezcladora"), MixerHyperparameters, _mixer),
]  # fmt: skip
