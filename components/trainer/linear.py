"""Linear models: scikit-learn's logistic and ridge regression."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from .columns import Column, one_hot_matrix
from .hyperparameters import FamilyName, LinearHyperparameters
from .table import Table
from .threads import few_threads


class Linear:
    """The family of linear models on standardised numbers and one column for each code."""

    name: ClassVar[FamilyName] = "linear"
    needs_validation: ClassVar[bool] = False

    def fit(
        self, train: Table, validation: Table | None, hyperparameters: LinearHyperparameters, seed: int
    ) -> "FittedLinear":
        """Returns a linear model fitted to `train`."""
        if train.num_classes:
            estimator = LogisticRegression(C=hyperparameters.C, max_iter=hyperparameters.max_iter, random_state=seed)
        else:
            estimator = Ridge(alpha=hyperparameters.alpha, random_state=seed)
        matrix = one_hot_matrix(train.columns, train.features).numpy()
        with few_threads(len(train)):
            estimator.fit(matrix.astype(np.float64), train.labels)
        return FittedLinear(estimator, train.columns)


class FittedLinear:
    """A linear model, in scikit-learn and as a matrix product."""

    def __init__(self, estimator: Any, columns: tuple[Column, ...]) -> None:
        self._estimator = estimator
        self._columns = columns
        self._is_classifier = hasattr(estimator, "predict_proba")
        weights, bias = np.atleast_2d(estimator.coef_).T, np.atleast_1d(estimator.intercept_)
        if self._is_classifier and weights.shape[1] == 1:
            # Two classes have one row r of weights: sigmoid(r) = softmax([0, r])[1].
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
        self._weights = tf.Variable(weights, trainable=False, dtype=tf.float64, name="weights")
        self._bias = tf.Variable(bias, trainable=False, dtype=tf.float64, name="bias")

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The weights and the bias."""
        return [self._weights, self._bias]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores `(N, K)`."""
        matrix = one_hot_matrix(self._columns, features).numpy().astype(np.float64)
        with few_threads(len(matrix)):
            if self._is_classifier:
                return np.asarray(self._estimator.predict_proba(matrix), np.float32)
            return np.asarray(self._estimator.predict(matrix), np.float32)[:, np.newaxis]

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores `(N, K)` of the matrix product."""
        matrix = tf.cast(one_hot_matrix(self._columns, features), tf.float64)
        total = tf.matmul(matrix, self._weights) + self._bias
        return tf.cast(tf.nn.softmax(total) if self._is_classifier else total, tf.float32)
