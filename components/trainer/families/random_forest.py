"""Random forests: scikit-learn's."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...settings import Settings
from ...text import Text
from ..columns import Column, index_array, index_matrix
from ..family import Family
from ..target import Target

if TYPE_CHECKING:
    import tensorflow as tf

    from ..table import Table
    from ..tree_ensemble import Tree, TreeEnsemble

Count = Annotated[int, Field(ge=1)]


class RandomForestHyperparameters(Settings):
    """A forest of trees on bootstrap samples, named as in scikit-learn."""

    n_estimators: Count = 200
    max_depth: Count | None = None
    min_samples_leaf: Count = 2
    max_features: Annotated[float, Field(gt=0, le=1)] | Literal["sqrt", "log2"] | None = 0.3


def fit(
    train: Table, validation: Table | None, hyperparameters: RandomForestHyperparameters, seed: int
) -> FittedRandomForest:
    """Returns a forest fitted to `train`; a categorical feature is split by the rank of its code in frequency."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if train.num_classes else RandomForestRegressor
    estimator = kind(**hyperparameters.model_dump(), random_state=seed, n_jobs=-1)
    estimator.fit(index_array(train.columns, train.features), train.labels, sample_weight=train.weights)
    # One thread for predictions: several add the trees in the order in which they end.
    estimator.n_jobs = 1
    return FittedRandomForest(estimator, train.columns, train.target)


class FittedRandomForest:
    """A random forest, in scikit-learn and as a `TreeEnsemble`."""

    def __init__(self, estimator: Any, columns: tuple[Column, ...], target: Target) -> None:
        self._estimator = estimator
        self._columns = columns
        self._target = target

    @functools.cached_property
    def _ensemble(self) -> TreeEnsemble:
        from ..tree_ensemble import TreeEnsemble

        members = self._estimator.estimators_
        trees = [_to_tree(member.tree_, self._target, len(members)) for member in members]
        return TreeEnsemble(trees, np.zeros(self._target.num_outputs), "identity")

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The arrays of the trees."""
        return list(self._ensemble.variables)

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores."""
        matrix = index_array(self._columns, features)
        if self._target.num_classes:
            return np.asarray(self._estimator.predict_proba(matrix), np.float32)
        return np.asarray(self._target.arrange(self._estimator.predict(matrix).astype(np.float32)))

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the trees as tensors."""
        return self._target.arrange(self._ensemble(index_matrix(self._columns, features)))


FAMILIES = [
    Family(
        name="random_forest",
        title=Text(en="random forest", es="bosque aleatorio"),
        hyperparameters=RandomForestHyperparameters,
        fit=fit,
        rounds="n_estimators",
        uses_weights=True,
        trains_in_tensorflow=False,
        space={
            "n_estimators": {"min": 100, "max": 400, "step": 50},
            "max_depth": [4, 6, 8, 12, 16, None],
            "min_samples_leaf": {"min": 1, "max": 20, "scale": "log"},
            "max_features": {"min": 0.1, "max": 1.0},
        },
    )
]


def _to_tree(tree: Any, target: Target, num_trees: int) -> Tree:
    from ..tree_ensemble import Tree

    is_leaf = tree.children_left < 0
    own = np.arange(tree.node_count)
    # `(nodes, outputs, classes)`: several outputs of numbers, or several classes of one output.
    values = tree.value[:, 0, :] if target.num_classes else tree.value[:, :, 0]
    value = np.where(is_leaf[:, np.newaxis], values, 0.0)
    if target.num_classes:
        value /= np.maximum(value.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return Tree(
        feature=np.where(is_leaf, 0, tree.feature),
        threshold=np.where(is_leaf, np.inf, tree.threshold),
        left=np.where(is_leaf, own, tree.children_left),
        right=np.where(is_leaf, own, tree.children_right),
        value=value / num_trees,
    )
