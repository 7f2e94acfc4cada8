"""The class whose mean is nearest, over the numeric features."""

from typing import Any

import numpy as np

from yachay.components.features import Problem
from yachay.components.settings import Settings
from yachay.components.text import Text
from yachay.components.trainer.family import Family


class Hyperparameters(Settings):
    sharpness: float = 0.1


class FittedNearestMean:
    """Means `(K, F)` of the classes, as a TensorFlow variable."""

    def __init__(self, names: list[str], means: Any, sharpness: float) -> None:
        import tensorflow as tf

        self._names, self._sharpness = names, sharpness
        self._means = tf.Variable(means, trainable=False, dtype=tf.float32)

    @property
    def variables(self) -> list[Any]:
        return [self._means]

    def predict(self, features: Any) -> Any:
        return self.scores(features).numpy()

    def scores(self, features: Any) -> Any:
        import tensorflow as tf

        rows = tf.stack([tf.cast(features[name], tf.float32) for name in self._names], axis=1)
        distances = tf.reduce_sum((rows[:, tf.newaxis] - self._means) ** 2, axis=2)
        return tf.nn.softmax(-self._sharpness * distances)


def fit(train: Any, validation: Any, hyperparameters: Hyperparameters, seed: int) -> FittedNearestMean:
    names = sorted(name for name, values in train.features.items() if values.dtype.kind == "f" and values.ndim == 1)
    rows = np.stack([train.features[name] for name in names], axis=1)
    means = np.stack([rows[train.labels == label].mean(axis=0) for label in range(train.num_classes)])
    return FittedNearestMean(names, means, hyperparameters.sharpness)


FAMILIES = [
    Family(
        "nearest_mean", Text(en="Nearest mean", es="Media más cercana"), Hyperparameters, fit,
        problems=frozenset({Problem.CLASSIFICATION}),
    )
]  # fmt: skip
