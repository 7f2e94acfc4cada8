"""Linear models: scikit-learn's logistic and ridge regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

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

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class LinearHyperparameters(Settings):
    """Logistic regression (`C`) or ridge regression (`alpha`), named as in scikit-learn."""

    C: Positive = 0.3
    alpha: Positive = 1.0
    max_iter: Count = 1000


def fit(train: Table, validation: Table | None, hyperparameters: LinearHyperparameters, seed: int) -> FittedLinear:
    """Returns a linear model fitted to `train`: of standardised numbers and one column for each code.

    The distances of quantiles from its estimate are those of the residuals of the training rows, alike for all rows.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    if train.num_classes:
        estimator = LogisticRegression(C=hyperparameters.C, max_iter=hyperparameters.max_iter, random_state=seed)
    else:
        estimator = Ridge(alpha=hyperparameters.alpha, random_state=seed)
    matrix = one_hot_matrix(train.columns, train.features).numpy()
    with few_threads(matrix.size):
        estimator.fit(matrix.astype(np.float64), train.labels, sample_weight=train.weights)
        distances = None
        if train.target.quantiles:
            residuals = train.labels - estimator.predict(matrix.astype(np.float64))
            distances = np.moveaxis(np.quantile(residuals, train.target.quantiles, axis=0), 0, -1)
    return FittedLinear(estimator, train.columns, train.target, distances)


class FittedLinear:
    """A linear model, in scikit-learn and as a matrix product.

    Args:
        estimator: scikit-learn's.
        columns: tuple of `Column`.
        target: `Target`.
        distances: float array `(Q,)` or `(H, Q)`, or None. Of each quantile from the estimate. Defaults to None.
    """

    def __init__(
        self, estimator: Any, columns: tuple[Column, ...], target: Target, distances: NDArray[Any] | None = None
    ) -> None:
        import tensorflow as tf

        self._estimator = estimator
        self._columns = columns
        self._target = target
        self._distances = distances
        weights, bias = np.atleast_2d(estimator.coef_).T, np.atleast_1d(estimator.intercept_)
        if target.num_classes == 2:
            # Two classes have one row r of weights: sigmoid(r) = softmax([0, r])[1].
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
        self._weights = tf.Variable(weights, trainable=False, dtype=tf.float64, name="weights")
        self._bias = tf.Variable(bias, trainable=False, dtype=tf.float64, name="bias")

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The weights and the bias."""
        return [self._weights, self._bias]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores."""
        matrix = one_hot_matrix(self._columns, features).numpy().astype(np.float64)
        with few_threads(matrix.size):
            if self._target.num_classes:
                return np.asarray(self._estimator.predict_proba(matrix), np.float32)
            return np.asarray(self._target.arrange(self._spread(self._estimator.predict(matrix)).astype(np.float32)))

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the matrix product."""
        import tensorflow as tf

        matrix = tf.cast(one_hot_matrix(self._columns, features), tf.float64)
        total = tf.matmul(matrix, self._weights) + self._bias
        scores = tf.nn.softmax(total) if self._target.num_classes else total
        return self._target.arrange(tf.cast(self._spread(scores), tf.float32))

    def _spread(self, estimates: Any) -> Any:
        """Returns quantiles `(N, ..., Q)` of estimates `(N,)`, `(N, 1)` or `(N, H)`, or without quantiles these."""
        if self._distances is None:
            return estimates
        return estimates[..., np.newaxis] + self._distances


FAMILIES = [
    Family(
        name="linear",
        title=Text(en="linear model", es="modelo lineal"),
        hyperparameters=LinearHyperparameters,
        fit=fit,
        predicts_quantiles=True,
        uses_weights=True,
        trains_in_tensorflow=False,
        space={
            "C": {"min": 0.001, "max": 30.0, "scale": "log"},
            "alpha": {"min": 0.001, "max": 100.0, "scale": "log"},
        },
        influences={
            "C": frozenset({Problem.CLASSIFICATION}),
            "alpha": frozenset({Problem.REGRESSION, Problem.FORECAST}),
        },
    )
]
