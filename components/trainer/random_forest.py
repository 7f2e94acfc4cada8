"""Random forests: scikit-learn's."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from .columns import Column, index_matrix
from .hyperparameters import FamilyName, RandomForestHyperparameters
from .table import Table
from .tree_ensemble import Tree, TreeEnsemble


class RandomForest:
    """The family of random forests; a categorical feature is split by the rank of its code in frequency."""

    name: ClassVar[FamilyName] = "random_forest"
    needs_validation: ClassVar[bool] = False

    def fit(
        self, train: Table, validation: Table | None, hyperparameters: RandomForestHyperparameters, seed: int
    ) -> "FittedRandomForest":
        """Returns a forest fitted to `train`."""
        kind = RandomForestClassifier if train.num_classes else RandomForestRegressor
        estimator = kind(**hyperparameters.model_dump(), random_state=seed, n_jobs=-1)
        estimator.fit(index_matrix(train.columns, train.features).numpy(), train.labels)
        # One thread for predictions: several add the trees in the order in which they end.
        estimator.n_jobs = 1
        return FittedRandomForest(estimator, train.columns)


class FittedRandomForest:
    """A random forest, in scikit-learn and as a `TreeEnsemble`."""

    def __init__(self, estimator: Any, columns: tuple[Column, ...]) -> None:
        self._estimator = estimator
        self._columns = columns
        trees = [_to_tree(member.tree_, len(estimator.estimators_)) for member in estimator.estimators_]
        self._ensemble = TreeEnsemble(trees, np.zeros(trees[0].value.shape[1]), "identity")

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The arrays of the trees."""
        return list(self._ensemble.variables)

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores `(N, K)`."""
        matrix = index_matrix(self._columns, features).numpy()
        if hasattr(self._estimator, "predict_proba"):
            return np.asarray(self._estimator.predict_proba(matrix), np.float32)
        return np.asarray(self._estimator.predict(matrix), np.float32)[:, np.newaxis]

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores `(N, K)` of the trees as tensors."""
        return self._ensemble(index_matrix(self._columns, features))


def _to_tree(tree: Any, num_trees: int) -> Tree:
    is_leaf = tree.children_left < 0
    own = np.arange(tree.node_count)
    value = np.where(is_leaf[:, np.newaxis], tree.value[:, 0, :], 0.0)
    if tree.max_n_classes > 1:
        value /= np.maximum(value.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return Tree(
        feature=np.where(is_leaf, 0, tree.feature),
        threshold=np.where(is_leaf, np.inf, tree.threshold),
        left=np.where(is_leaf, own, tree.children_left),
        right=np.where(is_leaf, own, tree.children_right),
        value=value / num_trees,
    )
