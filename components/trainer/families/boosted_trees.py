"""Gradient-boosted trees: scikit-learn's histogram gradient boosting."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....errors import ModelError, suggestion
from ...features import FeatureKind
from ...settings import Identifier, Settings
from ...text import Text
from ..columns import Column, index_array, num_codes
from ..family import Family
from ..fitted_trees import FittedBoosting, column_features
from ..target import Target
from ..threads import few_openmp_threads

if TYPE_CHECKING:
    from ..table import Table
    from ..tree_ensemble import Tree

# scikit-learn's limit of categories; vocabularies go by frequency, so that only the rarest share a code.
MAX_CODES = 255
# scikit-learn shows the trees nowhere else: rounds of one tree for each class, and what they are added to.
_PRIVATE = ("_predictors", "_baseline_prediction")

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class BoostedTreesHyperparameters(Settings):
    """Gradient boosting on histograms, named as in scikit-learn.

    Args:
        monotonic_cst: dict of feature name to 1 or -1. The prediction never falls (1) or never rises (-1) where the
            feature rises and all others stay; of two classes the score of the second. For inputs of the task that are
            numbers, and for numbers or two classes. Defaults to none.
    """

    learning_rate: Positive = 0.06
    max_iter: Count = 150
    max_depth: Count | None = 4
    max_leaf_nodes: Annotated[int, Field(ge=2)] | None = 31
    min_samples_leaf: Count = 20
    l2_regularization: Annotated[float, Field(ge=0)] = 0.0
    monotonic_cst: dict[Identifier, Literal[-1, 1]] = Field(default_factory=dict)


def fit(
    train: Table, validation: Table | None, hyperparameters: BoostedTreesHyperparameters, seed: int
) -> FittedBoostedTrees:
    """Returns trees fitted to `train`; categorical features are split by sets of their codes.

    A forecast has trees of its own for each step, and each quantile has.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    codes = [min(number, MAX_CODES) for number in num_codes(train.columns)]
    signs = hyperparameters.monotonic_cst
    settings = {
        **hyperparameters.model_dump(),
        "early_stopping": False,
        "categorical_features": list(range(len(codes))) or None,
        # A feature that the selection left out has no column; of several classes scikit-learn takes no list of zeros.
        "monotonic_cst": [signs.get(name, 0) for name in column_features(train.columns)] if signs else None,
        "random_state": seed,
    }
    matrix = index_array(train.columns, train.features, MAX_CODES)
    with few_openmp_threads(matrix.size):
        if train.num_classes:
            estimators = [
                HistGradientBoostingClassifier(**settings).fit(matrix, train.labels, sample_weight=train.weights)
            ]
        else:
            losses: list[dict[str, Any]] = [{"loss": "quantile", "quantile": level} for level in train.target.quantiles]
            estimators = [
                HistGradientBoostingRegressor(**settings, **loss).fit(matrix, targets, sample_weight=train.weights)
                for targets, loss in itertools.product(train.target.matrix(train.labels).T, losses or [{}])
            ]
    known_codes = [np.unique(matrix[:, column]).astype(np.int64) for column in range(len(codes))]
    return FittedBoostedTrees(estimators, train.columns, train.target, known_codes)


class FittedBoostedTrees(FittedBoosting):
    """Gradient-boosted trees of scikit-learn."""

    def __init__(
        self,
        estimators: Sequence[Any],
        columns: tuple[Column, ...],
        target: Target,
        known_codes: Sequence[NDArray[np.int64]],
    ) -> None:
        super().__init__(columns, target, MAX_CODES)
        self._estimators = estimators
        self._known_codes = known_codes

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns scikit-learn's scores."""
        matrix = self._array(features)
        with few_openmp_threads(matrix.size):
            if self._target.num_classes:
                return np.asarray(self._estimators[0].predict_proba(matrix), np.float32)
            outputs = np.stack([estimator.predict(matrix) for estimator in self._estimators], axis=1)
        return np.asarray(self._target.arrange(outputs.astype(np.float32)))

    def to_trees(self) -> tuple[list[Tree], NDArray[np.float64]]:
        """Returns the trees and what they are added to."""
        base = np.zeros(self._target.num_outputs)
        trees = []
        for start, estimator in enumerate(self._estimators, self.first_output):
            predictors, baseline = _private_arrays(estimator)
            base[start : start + len(baseline)] = baseline
            trees += [
                _to_tree(predictor, self._columns, self._known_codes, start + k, len(base))
                for round_of in predictors
                for k, predictor in enumerate(round_of)
            ]
        return trees, base


def check(
    hyperparameters: BoostedTreesHyperparameters, features: Mapping[str, FeatureKind], num_classes: int
) -> Iterator[str]:
    """Yields what does not fit the features and classes of a task."""
    signs = hyperparameters.monotonic_cst
    if signs and num_classes > 2:
        yield f"monotonic_cst: expected none, for of {num_classes} classes no score has an order"
    for name in signs:
        if name not in features:
            yield f"monotonic_cst: expected inputs of the task, received {name!r}.{suggestion(name, features)}"
        elif features[name] is FeatureKind.CATEGORICAL:
            yield f"monotonic_cst: expected inputs that are numbers, received {name!r}, whose categories have no order"


FAMILIES = [
    Family(
        name="boosted_trees",
        title=Text(en="boosted trees", es="árboles potenciados"),
        hyperparameters=BoostedTreesHyperparameters,
        fit=fit,
        predicts_quantiles=True,
        rounds="max_iter",
        check=check,
        uses_weights=True,
        trains_in_tensorflow=False,
        space={
            "learning_rate": {"min": 0.02, "max": 0.2, "scale": "log"},
            "max_iter": {"min": 50, "max": 400, "step": 10},
            "max_depth": {"min": 2, "max": 8},
            "min_samples_leaf": {"min": 5, "max": 60},
            "l2_regularization": {"min": 0.01, "max": 10.0, "scale": "log"},
        },
    )
]


def _private_arrays(estimator: Any) -> tuple[Sequence[Sequence[Any]], NDArray[Any]]:
    """Returns an estimator's trees, rounds of one for each class, and the scores that they are added to."""
    absent = [name for name in _PRIVATE if not hasattr(estimator, name)]
    if absent:
        import sklearn

        raise ModelError(
            f"Expected scikit-learn to keep the trees of {type(estimator).__name__} in {', '.join(_PRIVATE)}. "
            f"Received: {sklearn.__version__}, which has no {', '.join(absent)}. Install a version that pyproject.toml "
            "names, or choose another family."
        )
    return estimator._predictors, np.ravel(estimator._baseline_prediction)


def _to_tree(
    predictor: Any, columns: Sequence[Column], known_codes: Sequence[NDArray[np.int64]], output: int, num_outputs: int
) -> Tree:
    from ..tree_ensemble import Tree

    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    value = np.zeros((len(nodes), num_outputs))
    value[is_leaf, output] = nodes["value"][is_leaf]
    widths = [min(number, MAX_CODES) for number in num_codes(columns)]
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
