"""Gradient-boosted trees: scikit-learn's histogram gradient boosting."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from .columns import Column, coded, index_matrix
from .hyperparameters import BoostedTreesHyperparameters, FamilyName
from .table import Table
from .threads import few_threads
from .tree_ensemble import Tree, TreeEnsemble

# scikit-learn's limit of categories; vocabularies go by frequency, so that only the rarest share a code.
MAX_CODES = 255


class BoostedTrees:
    """The family of gradient-boosted trees; categorical features are split by sets of their codes."""

    name: ClassVar[FamilyName] = "boosted_trees"
    needs_validation: ClassVar[bool] = False

    def fit(
        self, train: Table, validation: Table | None, hyperparameters: BoostedTreesHyperparameters, seed: int
    ) -> "FittedBoostedTrees":
        """Returns trees fitted to `train`."""
        kind = HistGradientBoostingClassifier if train.num_classes else HistGradientBoostingRegressor
        num_coded = len(coded(train.columns))
        estimator = kind(
            **hyperparameters.model_dump(),
            early_stopping=False,
            categorical_features=list(range(num_coded)) or None,
            random_state=seed,
        )
        matrix = index_matrix(train.columns, train.features, MAX_CODES).numpy()
        with few_threads(len(train)):
            estimator.fit(matrix, train.labels)
        known_codes = [np.unique(matrix[:, column]).astype(np.int64) for column in range(num_coded)]
        return FittedBoostedTrees(estimator, train.columns, known_codes)


class FittedBoostedTrees:
    """Gradient-boosted trees, in scikit-learn and as a `TreeEnsemble`."""

    def __init__(self, estimator: Any, columns: tuple[Column, ...], known_codes: Sequence[NDArray[np.int64]]) -> None:
        self._estimator = estimator
        self._columns = columns
        self._ensemble = _to_ensemble(estimator, columns, known_codes)

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The arrays of the trees."""
        return list(self._ensemble.variables)

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores `(N, K)`."""
        matrix = index_matrix(self._columns, features, MAX_CODES).numpy()
        with few_threads(len(matrix)):
            if hasattr(self._estimator, "predict_proba"):
                return np.asarray(self._estimator.predict_proba(matrix), np.float32)
            return np.asarray(self._estimator.predict(matrix), np.float32)[:, np.newaxis]

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores `(N, K)` of the trees as tensors."""
        return self._ensemble(index_matrix(self._columns, features, MAX_CODES))


def _to_ensemble(estimator: Any, columns: Sequence[Column], known_codes: Sequence[NDArray[np.int64]]) -> TreeEnsemble:
    classes = getattr(estimator, "classes_", None)
    num_outputs = 1 if classes is None else len(classes)
    # scikit-learn keeps the trees in `_predictors` (rounds x classes) and shows them nowhere else. Two classes have one
    # tree a round, whose sum r gives sigmoid(r) = softmax([0, r])[1].
    first_output = 1 if num_outputs == 2 else 0
    trees = [
        _to_tree(predictor, columns, known_codes, first_output + k, num_outputs)
        for predictors in estimator._predictors
        for k, predictor in enumerate(predictors)
    ]
    base = np.zeros(num_outputs)
    base[first_output:] = np.ravel(estimator._baseline_prediction)
    return TreeEnsemble(trees, base, "identity" if classes is None else "softmax")


def _to_tree(
    predictor: Any, columns: Sequence[Column], known_codes: Sequence[NDArray[np.int64]], output: int, num_outputs: int
) -> Tree:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    value = np.zeros((len(nodes), num_outputs))
    value[is_leaf, output] = nodes["value"][is_leaf]
    widths = [min(column.num_codes, MAX_CODES) for column in coded(columns)]
    left_codes = {}
    for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~is_leaf):
        column = nodes["feature_idx"][node]
        # The set is over the positions of the codes that the training rows had; other codes go as missing values do.
        goes_left = np.full(widths[column], bool(nodes["missing_go_to_left"][node]))
        positions = np.arange(len(known_codes[column]))
        bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
        goes_left[known_codes[column]] = (bits[positions // 32] >> (positions % 32).astype(np.uint32)) & 1
        left_codes[int(node)] = goes_left
    return Tree(
        feature=np.where(is_leaf, 0, nodes["feature_idx"]),
        threshold=np.where(is_leaf, np.inf, nodes["num_threshold"]),
        left=np.where(is_leaf, own, nodes["left"]),
        right=np.where(is_leaf, own, nodes["right"]),
        value=value,
        left_codes=left_codes,
    )
