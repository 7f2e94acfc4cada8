"""A Keras family and a metric of its own; TensorFlow is imported only where a model is fitted."""

from typing import Any

import numpy as np

from yachay.components.evaluator.metric import Metric
from yachay.components.features import Problem
from yachay.components.settings import Settings
from yachay.components.text import Text
from yachay.components.trainer.family import Family

QUANTILES = (0.1, 0.5, 0.9)


class Hyperparameters(Settings):
    units: int = 32
    epochs: int = 15


class FittedRecurrent:
    """A recurrent network over the past; it predicts the three quantiles of each hour ahead."""

    def __init__(self, network: Any, center: float, scale: float) -> None:
        self._network, self._center, self._scale = network, center, scale

    @property
    def variables(self) -> list[Any]:
        return [variable.value for variable in self._network.variables]

    def predict(self, features: Any) -> Any:
        return self._network.predict(features["past"][..., np.newaxis], verbose=0) * self._scale + self._center

    def scores(self, features: Any) -> Any:
        return self._network(features["past"][..., np.newaxis], training=False) * self._scale + self._center


def fit(train: Any, validation: Any, hyperparameters: Hyperparameters, seed: int) -> FittedRecurrent:
    import keras

    keras.utils.set_random_seed(seed)
    levels = keras.ops.convert_to_tensor(np.array(QUANTILES, np.float32))

    def pinball(labels: Any, predictions: Any) -> Any:
        error = labels[..., np.newaxis] - predictions
        return keras.ops.mean(keras.ops.maximum(levels * error, (levels - 1) * error))

    steps = train.labels.shape[1]
    past = keras.Input((train.features["past"].shape[1], 1))
    hidden = keras.layers.GRU(hyperparameters.units)(past)
    raw = keras.layers.Reshape((steps, 3))(keras.layers.Dense(steps * 3)(hidden))
    # Ascending by construction: each quantile is the one below it and something positive.
    first, rises = raw[..., :1], keras.ops.softplus(raw[..., 1:])
    network = keras.Model(past, keras.ops.concatenate([first, first + keras.ops.cumsum(rises, -1)], -1))
    network.compile(keras.optimizers.Adam(0.01), pinball)
    center, scale = float(train.labels.mean()), float(train.labels.std())
    labels = (train.labels - center) / scale
    network.fit(
        train.features["past"][..., np.newaxis], labels, epochs=hyperparameters.epochs, batch_size=32, verbose=0
    )
    return FittedRecurrent(network, center, scale)


class EveningError(Metric):
    """Mean absolute error of the median, of the last six hours ahead."""

    name = "evening_error"
    problems = (Problem.FORECAST,)
    higher_is_better = False
    lowest = 0.0
    title = Text(en="Error of the evening", es="Error de la tarde")

    def compute(self, labels: Any, predictions: Any, weights: Any) -> Any:
        error = np.abs(labels[:, -6:] - predictions[:, -6:, 1]).mean(axis=1)
        return weights @ error / weights.sum(axis=1)


FAMILIES = [
    Family(
        "toy_recurrent", Text(en="Recurrent network", es="Red recurrente"), Hyperparameters, fit,
        problems=frozenset({Problem.FORECAST}), predicts_quantiles=True, rounds="epochs", uses_gpu=True,
    )
]  # fmt: skip
METRICS = [EveningError()]
