"""Support vector machines: scikit-learn's, with calibrated probabilities."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...features import Problem
from ...settings import Settings
from ...text import Text
from ..columns import Column, one_hot_matrix
from ..family import Family
from ..target import Target
from ..threads import few_threads

if TYPE_CHECKING:
    import tensorflow as tf

    from ..table import Table

CALIBRATION_SHARE = 0.2
NEVER = -30.0
"""The logarithm of the odds of a class of which no row was kept for calibration."""

logger = logging.getLogger(__name__)

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class SvmHyperparameters(Settings):
    """A support vector machine, named as in scikit-learn.

    Args:
        kernel: `"rbf"` or `"linear"`.
        C: float.
        gamma: float or None. Of the kernel `rbf`; None is scikit-learn's `"scale"`.
        max_rows: int. Of more rows so many are drawn by the seed, with a warning: the time goes with their square.
    """

    kernel: Literal["rbf", "linear"] = "rbf"
    C: Positive = 1.0
    gamma: Positive | None = None
    max_rows: Count = 10_000


def fit(train: Table, validation: Table | None, hyperparameters: SvmHyperparameters, seed: int) -> FittedSvm:
    """Returns a support vector machine fitted to `train`: of standardised numbers and one column for each code.

    The probabilities of classes are a logistic regression on the decision values of a machine that has not seen a part
    of the rows, divided as the split of the data is (Platt, 1999, for several classes at once). Where the rows are too
    few for that they are one on what the machine has seen, which is too sure of itself, with a warning. Numbers are
    standardised: `C` and the width within which an error costs nothing (0.1) are in units of their deviation.
    """
    if len(train) > hyperparameters.max_rows:
        logger.warning("svm: trained on %d of %d rows (max_rows)", hyperparameters.max_rows, len(train))
        rows = np.random.default_rng(seed).permutation(len(train))[: hyperparameters.max_rows]
        train = train.take(np.sort(rows))
    if not train.num_classes:
        numbers = train.labels.astype(np.float64)
        mean, deviation = numbers.mean(), numbers.std() or 1.0
        machine = _machine(dataclasses.replace(train, labels=(numbers - mean) / deviation), hyperparameters)
        return FittedSvm(machine, train.columns, train.target, np.array([[deviation]]), np.array([mean]))
    machine = _machine(train, hyperparameters)
    rest, held = train.split(CALIBRATION_SHARE, seed)
    calibrated = machine
    if len(np.unique(held.labels)) > 1 and np.array_equal(np.unique(rest.labels), np.unique(train.labels)):
        calibrated = _machine(rest, hyperparameters)
    else:
        held = train
        logger.warning("svm: too few rows of some class to calibrate on others than it was trained on")
    weights, bias = _calibrate(_decide(calibrated, train.columns, held.features), held, seed)
    return FittedSvm(machine, train.columns, train.target, weights, bias)


class FittedSvm:
    """A support vector machine, in scikit-learn and as a sum over its support vectors.

    Args:
        machine: `sklearn.svm.SVC`, or `SVR` of a number.
        columns: tuple of `Column`.
        target: `Target`.
        weights: float array `(D, K)`. The logits of classes by decision value, or the number.
        bias: float array `(K,)`.
    """

    def __init__(
        self,
        machine: Any,
        columns: tuple[Column, ...],
        target: Target,
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
    ) -> None:
        import tensorflow as tf

        self._machine = machine
        self._columns = columns
        self._target = target
        self._weights, self._bias = weights, bias
        vectors, coefficients = machine.support_vectors_, _coefficients(machine)
        if machine.kernel == "linear":
            # The sum over support vectors is one product.
            vectors, coefficients = np.zeros((0, vectors.shape[1])), vectors.T @ coefficients
        arrays = {"vectors": vectors, "coefficients": coefficients, "intercept": machine.intercept_}
        arrays |= {"weights": weights, "bias": bias}
        self._arrays = {
            name: tf.Variable(values, trainable=False, dtype=tf.float64, name=name) for name, values in arrays.items()
        }

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The support vectors, their coefficients and the calibration."""
        return list(self._arrays.values())

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's decision values, calibrated, or its numbers."""
        from scipy.special import softmax

        values = _decide(self._machine, self._columns, features) @ self._weights + self._bias
        return np.asarray(softmax(values, axis=1) if self._target.num_classes else values, np.float32)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the sum over support vectors."""
        import tensorflow as tf

        values = tf.cast(one_hot_matrix(self._columns, features), tf.float64)
        if self._machine.kernel == "rbf":
            vectors = tf.convert_to_tensor(self._arrays["vectors"])
            distances = (
                tf.reduce_sum(values**2, axis=1, keepdims=True)
                - 2 * tf.matmul(values, vectors, transpose_b=True)
                + tf.reduce_sum(vectors**2, axis=1)
            )
            values = tf.exp(-self._machine.gamma * distances)
        values = tf.matmul(values, self._arrays["coefficients"]) + self._arrays["intercept"]
        values = tf.matmul(values, self._arrays["weights"]) + self._arrays["bias"]
        return tf.cast(tf.nn.softmax(values) if self._target.num_classes else values, tf.float32)


FAMILIES = [
    Family(
        name="svm",
        title=Text(en="support vector machine", es="máquina de vectores de soporte"),
        hyperparameters=SvmHyperparameters,
        fit=fit,
        problems=frozenset({Problem.CLASSIFICATION, Problem.REGRESSION}),
        uses_weights=True,
        trains_in_tensorflow=False,
        space={
            "C": {"min": 0.03, "max": 100.0, "scale": "log"},
            "gamma": {"min": 0.0003, "max": 1.0, "scale": "log"},
        },
    )
]


def _machine(train: Table, hyperparameters: SvmHyperparameters) -> Any:
    from sklearn.svm import SVC, SVR

    matrix = one_hot_matrix(train.columns, train.features).numpy().astype(np.float64)
    gamma = hyperparameters.gamma or 1.0 / (matrix.shape[1] * (matrix.var() or 1.0))
    settings = {"kernel": hyperparameters.kernel, "C": hyperparameters.C, "gamma": gamma}
    machine = SVC(**settings, decision_function_shape="ovo") if train.num_classes else SVR(**settings)
    with few_threads(matrix.size):
        return machine.fit(matrix, train.labels, sample_weight=train.weights)


def _decide(machine: Any, columns: Sequence[Column], features: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Returns scikit-learn's decision values, `(N, D)`: one a pair of classes, or the standardised number."""
    matrix = one_hot_matrix(columns, features).numpy().astype(np.float64)
    decide = machine.decision_function if hasattr(machine, "classes_") else machine.predict
    with few_threads(matrix.size):
        return np.asarray(decide(matrix), np.float64).reshape(len(matrix), -1)


def _calibrate(
    decisions: NDArray[np.float64], held: Table, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the weights `(D, K)` and the bias `(K,)` of a logistic regression of the classes on decision values."""
    from sklearn.linear_model import LogisticRegression

    logistic = LogisticRegression(max_iter=1000, random_state=seed)
    logistic.fit(decisions, held.labels, sample_weight=held.weights)
    rows, intercept = logistic.coef_, logistic.intercept_
    if len(logistic.classes_) == 2:
        # Two classes have one row r of weights: sigmoid(r) = softmax([0, r])[1].
        rows, intercept = np.vstack([np.zeros_like(rows), rows]), np.append(0.0, intercept)
    weights, bias = np.zeros((decisions.shape[1], held.num_classes)), np.full(held.num_classes, NEVER)
    weights[:, logistic.classes_], bias[logistic.classes_] = rows.T, intercept
    return weights, bias


def _coefficients(machine: Any) -> NDArray[np.float64]:
    """Returns how much each support vector adds to each decision value, `(V, D)`, of the public arrays."""
    coefficients = np.asarray(machine.dual_coef_)
    if len(coefficients) == 1:
        return coefficients.T
    # Row j - 1 holds what vectors of classes before j add to the decision against j, row i what those after i add.
    starts = np.cumsum(np.append(0, machine.n_support_))
    pairs = list(itertools.combinations(range(len(machine.n_support_)), 2))
    placed = np.zeros((coefficients.shape[1], len(pairs)))
    for place, (first, second) in enumerate(pairs):
        of_first, of_second = (slice(starts[k], starts[k + 1]) for k in (first, second))
        placed[of_first, place] = coefficients[second - 1, of_first]
        placed[of_second, place] = coefficients[first, of_second]
    return placed
