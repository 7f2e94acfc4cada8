"""Calibration of probabilities and of quantiles: a map of scores, fitted on unseen rows and exported with the model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .family import FittedModel

if TYPE_CHECKING:
    import tensorflow as tf

SMALLEST = 1e-7
"""The least probability that differs from none: the precision of a `float32` near 1."""

_LEAST_WIDTH = 0.1
"""The least distance of a quantile from the middle one, as a share of its mean distance."""

Method = Literal["temperature", "isotonic"]

CONFORMAL: Literal["conformal"] = "conformal"
"""How quantiles are calibrated."""


class Calibration(Protocol):
    """A map of scores to scores of the same shape: `(N, K)`, each row of which sums to 1, or ascending quantiles."""

    def __call__(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the calibrated scores, in TensorFlow operations only."""


class Temperature:
    """Scores as if their logarithms were divided by a temperature (Guo et al., ICML 2017); the order of classes stays.

    Args:
        temperature: float. Above 1 scores move toward each other.
    """

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    @classmethod
    def fit(cls, scores: NDArray[Any], labels: NDArray[np.int64]) -> Temperature:
        """Returns the temperature of the least log loss."""
        from scipy.optimize import minimize_scalar

        logarithms = np.log(np.maximum(scores.astype(np.float64), SMALLEST))

        def loss(exponent: float) -> float:
            scaled = logarithms / np.exp(exponent)
            scaled -= scaled.max(axis=1, keepdims=True)
            return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels]))

        return cls(float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)))

    def __call__(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the calibrated scores."""
        import tensorflow as tf

        return tf.nn.softmax(tf.math.log(tf.maximum(scores, SMALLEST)) / self.temperature)


class Isotonic:
    """Each class's score by an ascending line of its own, then divided by their sum (Zadrozny and Elkan, KDD 2002).

    Args:
        lines: sequence of `(x, y)` arrays, one pair a class: ends of straight pieces, x ascending.
    """

    def __init__(self, lines: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        self.lines = lines

    @classmethod
    def fit(cls, scores: NDArray[Any], labels: NDArray[np.int64]) -> Isotonic:
        """Returns scikit-learn's isotonic regression of each class against the rest.

        The score of a class that no label has stays as it is: these rows say nothing of it.
        """
        from sklearn.isotonic import IsotonicRegression

        lines = []
        for k in range(scores.shape[1]):
            if not (labels == k).any():
                lines.append((np.array([0, 1], np.float32), np.array([0, 1], np.float32)))
                continue
            line = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            line.fit(scores[:, k].astype(np.float64), labels == k)
            x, first = np.unique(line.X_thresholds_.astype(np.float32), return_index=True)
            lines.append((x, line.y_thresholds_[first].astype(np.float32)))
        return cls(lines)

    def __call__(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the calibrated scores; where all classes would have none, nearly those that were given."""
        import tensorflow as tf

        columns = [_interpolate(scores[:, k], x, y) for k, (x, y) in enumerate(self.lines)]
        total = tf.stack(columns, axis=1) + SMALLEST * scores
        return total / tf.reduce_sum(total, axis=1, keepdims=True)


class Conformal:
    """Quantiles moved away from the middle one, or toward it, until they hold what they say (CQR-m of Sesia and Candès
    2020, doi:10.1002/sta4.261, each side on its own).

    Where the rows to come are exchangeable with those that it is fitted to, a share of at least `a` of the values lies
    below the quantile `a`, within one row; .9 needs nine of them. Forecasts of another season are not quite.

    A quantile that lies on the middle one, or nearly, would not move however large its factor, and a factor that
    brought it where it belongs would throw all others far off. So each distance counts as at least a tenth of its mean.

    Args:
        factors: float array or tensor `(Q,)` or `(H, Q)`, or such a one for each row. By what each quantile's distance
            from the middle one is multiplied.
        least: the same of the least distance of each.
        middle: int. The place of the middle quantile.
    """

    def __init__(self, factors: Any, least: Any, middle: int) -> None:
        self.factors = factors
        self.least = least
        self.middle = middle

    @classmethod
    def fit(cls, scores: NDArray[Any], labels: NDArray[Any], quantiles: Sequence[float]) -> Conformal:
        """Returns the factors that scores `(N, Q)` or `(N, H, Q)` of labels `(N,)` or `(N, H)` need."""
        middle = int(np.abs(np.array(quantiles) - 0.5).argmin())
        scores = scores.astype(np.float64)
        center = scores[..., middle]
        factors, least = np.ones(scores.shape[1:]), np.zeros(scores.shape[1:])
        for place, quantile in enumerate(quantiles):
            if place == middle:
                continue
            side = 1 if place > middle else -1
            widths = np.maximum(side * (scores[..., place] - center), 0)
            least[..., place] = np.maximum(_LEAST_WIDTH * widths.mean(axis=0), SMALLEST)
            needed = np.sort(side * (labels - center) / np.maximum(widths, least[..., place]), axis=0)
            share = quantile if side > 0 else 1 - quantile
            rank = min(int(np.ceil(share * (len(needed) + 1))), len(needed)) - 1
            factors[..., place] = np.maximum(needed[rank], 0)
        return cls(factors.astype(np.float32), least.astype(np.float32), middle)

    def __call__(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the moved quantiles, ascending."""
        import tensorflow as tf

        center = scores[..., self.middle : self.middle + 1]
        sides = np.sign(np.arange(self.factors.shape[-1]) - self.middle).astype(np.float32)
        widths = tf.maximum(sides * (scores - center), self.least)
        return tf.sort(center + sides * self.factors * widths, axis=-1)


class Mondrian:
    """Conformal factors of each group of rows, so that quantiles hold what they say in each (Vovk et al. 2005, 4.5).

    Rows are divided by which of some transformed numbers are above their mean. The sine and the cosine of the day of
    the year make four seasons so. A group of fewer than `LEAST_ROWS` rows has the factors of all rows.

    Args:
        columns: sequence of strings. The numbers.
        groups: sequence of `Conformal`. That of the rows with all of them below their mean first; the first number
            changes from each one to the next.
    """

    LEAST_ROWS = 300

    def __init__(self, columns: Sequence[str], groups: Sequence[Conformal]) -> None:
        self._columns = columns
        self._groups = groups

    @classmethod
    def fit(
        cls,
        scores: NDArray[Any],
        labels: NDArray[Any],
        features: Mapping[str, NDArray[Any]],
        quantiles: Sequence[float],
        columns: Sequence[str],
    ) -> Mondrian:
        """Returns the factors that scores `(N, Q)` or `(N, H, Q)` of labels `(N,)` or `(N, H)` need in each group."""
        of_all = Conformal.fit(scores, labels, quantiles)
        group = np.asarray(_groups(features, columns))
        parts = [np.flatnonzero(group == place) for place in range(2 ** len(columns))]
        return cls(
            columns,
            [
                Conformal.fit(scores[rows], labels[rows], quantiles) if len(rows) >= cls.LEAST_ROWS else of_all
                for rows in parts
            ],
        )

    def __call__(self, scores: tf.Tensor, features: Mapping[str, Any]) -> tf.Tensor:
        """Returns the moved quantiles, ascending."""
        import tensorflow as tf

        group = _groups(features, self._columns)
        factors, least = (
            tf.gather(tf.constant(np.stack(arrays)), group)
            for arrays in ([of.factors for of in self._groups], [of.least for of in self._groups])
        )
        return Conformal(factors, least, self._groups[0].middle)(scores)


def _groups(features: Mapping[str, Any], columns: Sequence[str]) -> tf.Tensor:
    import tensorflow as tf

    # Transformed numbers have a mean of 0.
    return tf.add_n([2**place * tf.cast(features[name] > 0, tf.int32) for place, name in enumerate(columns)])


METHODS: Mapping[Method, Callable[[NDArray[Any], NDArray[np.int64]], Calibration]] = {
    "temperature": Temperature.fit,
    "isotonic": Isotonic.fit,
}


class CalibratedModel:
    """A model whose scores are calibrated.

    Args:
        model: `FittedModel`.
        calibration: `Calibration` or `Mondrian`.
    """

    def __init__(self, model: FittedModel, calibration: Calibration | Mondrian) -> None:
        self._model = model
        self._calibration = calibration

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The model's; a calibration is a few constants."""
        return self._model.variables

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the library's scores, calibrated."""
        return np.asarray(self._calibrate(self._model.predict(features), features), np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the model's tensors, calibrated."""
        return self._calibrate(self._model.scores(features), features)

    def _calibrate(self, scores: Any, features: Mapping[str, Any]) -> tf.Tensor:
        if isinstance(self._calibration, Mondrian):
            return self._calibration(scores, features)
        return self._calibration(scores)


def choose_calibration(
    scores: NDArray[Any], labels: NDArray[np.int64], method: Method | Literal["auto"]
) -> tuple[str, Calibration | None]:
    """Returns the name of a calibration and itself, fitted to scores of rows that the model has not seen.

    Args:
        scores: float array `(N, K)`.
        labels: int array `(N,)`.
        method: string. `"auto"` takes the one with the least log loss, each fitted to one half of the rows and judged
            on the other, or none where that is best or there is one row.
    """
    if method != "auto":
        return method, METHODS[method](scores, labels)
    if len(labels) < 2:
        return "none", None
    halves = [slice(0, None, 2), slice(1, None, 2)]
    losses = {"none": log_loss(scores, labels)}
    for name, fit in METHODS.items():
        judged = [
            log_loss(np.asarray(fit(scores[learn], labels[learn])(scores[judge])), labels[judge])
            for learn, judge in itertools.permutations(halves)
        ]
        losses[name] = float(np.mean(judged))
    best = min(losses, key=lambda name: losses[name])
    return (best, None) if best == "none" else (best, METHODS[best](scores, labels))  # type: ignore[index]


def log_loss(scores: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Returns the mean negative logarithm of the score of the label, at least `SMALLEST`."""
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], SMALLEST)).mean())


def _interpolate(values: tf.Tensor, x: NDArray[np.float32], y: NDArray[np.float32]) -> tf.Tensor:
    """Returns the ordinates of values on a line of straight pieces, level beyond its ends."""
    import tensorflow as tf

    if len(x) == 1:
        return tf.fill(tf.shape(values), tf.constant(y[0]))
    right = tf.clip_by_value(tf.searchsorted(tf.constant(x), values, side="right"), 1, len(x) - 1)
    low, high = tf.gather(x, right - 1), tf.gather(x, right)
    share = tf.clip_by_value((values - low) / (high - low), 0.0, 1.0)
    below, above = tf.gather(y, right - 1), tf.gather(y, right)
    return below + share * (above - below)
