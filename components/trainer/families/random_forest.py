"""Random forests: scikit-learn's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...settings import Settings
from ...text import Text
from ..columns import Column, index_array
from ..family import Family
from ..fitted_trees import FittedTrees
from ..target import Target

if TYPE_CHECKING:
    from ..table import Table
    from ..tree_ensemble import Tree

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


class FittedRandomForest(FittedTrees):
    """A random forest of scikit-learn."""

    def __init__(self, estimator: Any, columns: tuple[Column, ...], target: Target) -> None:
        super().__init__(columns, target, "identity")
        self._estimator = estimator

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores."""
        matrix = self._array(features)
        if self._target.num_classes:
            return np.asarray(self._estimator.predict_proba(matrix), np.float32)
        return np.asarray(self._target.arrange(self._estimator.predict(matrix).astype(np.float32)))

    def to_trees(self) -> tuple[list[Tree], NDArray[np.float64]]:
        """Returns the trees, whose mean is a sum over shares."""
        members = self._estimator.estimators_
        trees = [_to_tree(member.tree_, self._target, len(members)) for member in members]
        return trees, np.zeros(self._target.num_outputs)


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
