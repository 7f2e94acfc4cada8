"""Gradient-boosted trees: XGBoost's, exported from its public JSON model."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....errors import ModelError
from ...settings import Settings
from ...text import Text
from ..columns import Column, index_array, num_codes, numbers
from ..family import Family
from ..fitted_trees import FittedBoosting
from ..target import Target
from ..threads import MANY_VALUES

if TYPE_CHECKING:
    from ..table import Table
    from ..tree_ensemble import Tree

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]


class XgboostHyperparameters(Settings):
    """Gradient boosting on histograms, named as in XGBoost's scikit-learn interface."""

    learning_rate: Positive = 0.08
    n_estimators: Count = 150
    max_depth: Count = 5
    min_child_weight: NotNegative = 3.0
    subsample: PositiveShare = 0.8
    colsample_bytree: PositiveShare = 0.8
    reg_lambda: NotNegative = 1.0
    gamma: NotNegative = 0.0
    max_bin: Annotated[int, Field(ge=2)] = 256
    max_cat_to_onehot: Count = 4


def fit(train: Table, validation: Table | None, hyperparameters: XgboostHyperparameters, seed: int) -> FittedXgboost:
    """Returns trees fitted to `train`; categorical features are split by sets of their codes.

    A forecast has trees of its own for each step, and each quantile has.
    """
    import xgboost

    matrix = index_array(train.columns, train.features)
    parameters = hyperparameters.model_dump(exclude={"n_estimators"}) | {
        "tree_method": "hist",
        "seed": seed,
        "nthread": _num_threads(matrix),
    }
    kinds = _feature_types(train.columns)
    boosters = [
        xgboost.train(
            parameters | objective,
            xgboost.QuantileDMatrix(
                matrix,
                targets,
                weight=train.weights,
                feature_types=kinds,
                enable_categorical=True,
                max_bin=hyperparameters.max_bin,
                nthread=parameters["nthread"],
            ),
            hyperparameters.n_estimators,
        )
        for targets, objective in _problems(train)
    ]
    return FittedXgboost(boosters, train.columns, train.target)


class FittedXgboost(FittedBoosting):
    """Gradient-boosted trees of XGBoost."""

    def __init__(self, boosters: Sequence[Any], columns: tuple[Column, ...], target: Target) -> None:
        super().__init__(columns, target)
        self._boosters = boosters

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns XGBoost's scores."""
        import xgboost

        matrix = self._array(features)
        rows = xgboost.DMatrix(
            matrix, feature_types=_feature_types(self._columns), enable_categorical=True, nthread=_num_threads(matrix)
        )
        outputs = [np.asarray(booster.predict(rows), np.float32) for booster in self._boosters]
        if self._target.num_classes == 2:
            return np.stack([1 - outputs[0], outputs[0]], axis=1)
        if self._target.num_classes:
            return outputs[0]
        return np.asarray(self._target.arrange(np.stack(outputs, axis=1)))

    def to_trees(self) -> tuple[list[Tree], NDArray[np.float64]]:
        """Returns the trees of the JSON models and what they are added to."""
        base = np.zeros(self._target.num_outputs)
        trees = []
        for start, booster in enumerate(self._boosters, self.first_output):
            learner = json.loads(bytes(booster.save_raw("json")))["learner"]
            model = learner["gradient_booster"]["model"]
            base[start : start + max(int(learner["learner_model_param"]["num_class"]), 1)] = _base_margins(learner)
            trees += [
                _to_tree(tree, self._columns, start + output, len(base))
                for tree, output in zip(model["trees"], model["tree_info"], strict=True)
            ]
        return trees, base


FAMILIES = [
    Family(
        name="xgboost",
        title=Text(en="XGBoost trees", es="árboles de XGBoost"),
        hyperparameters=XgboostHyperparameters,
        fit=fit,
        predicts_quantiles=True,
        rounds="n_estimators",
        uses_weights=True,
        trains_in_tensorflow=False,
        space={
            "learning_rate": {"min": 0.02, "max": 0.2, "scale": "log"},
            "n_estimators": {"min": 50, "max": 400, "step": 10},
            "max_depth": {"min": 2, "max": 8},
            "min_child_weight": {"min": 0.5, "max": 20.0, "scale": "log"},
            "subsample": {"min": 0.5, "max": 1.0},
            "colsample_bytree": {"min": 0.4, "max": 1.0},
            "reg_lambda": {"min": 0.1, "max": 20.0, "scale": "log"},
        },
    )
]


def _problems(train: Table) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    """Returns the labels and the objective of each booster."""
    if train.num_classes == 2:
        return [(train.labels, {"objective": "binary:logistic"})]
    if train.num_classes:
        return [(train.labels, {"objective": "multi:softprob", "num_class": train.num_classes})]
    losses: list[dict[str, Any]] = [
        {"objective": "reg:quantileerror", "quantile_alpha": level} for level in train.target.quantiles
    ] or [{"objective": "reg:squarederror"}]
    return list(itertools.product(train.target.matrix(train.labels).T, losses))


def _feature_types(columns: Sequence[Column]) -> list[str]:
    """Returns for each column of `index_matrix` whether it is categorical ("c") or a number ("q")."""
    num_numbers = sum(column.width for column in numbers(columns))
    return ["c"] * len(num_codes(columns)) + ["q"] * num_numbers


def _num_threads(matrix: NDArray[Any]) -> int:
    """Returns 1 for a small table, see `threads.few_threads`, else 0: all."""
    return 1 if matrix.size < MANY_VALUES else 0


def _base_margins(learner: Mapping[str, Any]) -> NDArray[np.float64]:
    """Returns what the trees are added to: a number, or one for each class."""
    score = np.atleast_1d(np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float64))
    objective = learner["objective"]["name"]
    if objective == "binary:logistic":
        return np.log(score / (1 - score))
    if objective in ("multi:softprob", "reg:squarederror", "reg:quantileerror"):
        return score
    raise ModelError(
        f"Expected a model of an objective that is exported. Received: {objective}. Choose another family."
    )


def _to_tree(tree: Mapping[str, Any], columns: Sequence[Column], output: int, num_outputs: int) -> Tree:
    from ..tree_ensemble import Tree

    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    is_leaf = left < 0
    own = np.arange(len(left))
    conditions = np.array(tree["split_conditions"], np.float32)
    value = np.zeros((len(left), num_outputs))
    value[is_leaf, output] = conditions[is_leaf]
    feature = np.array(tree["split_indices"])
    widths = num_codes(columns)
    left_codes = {}
    parts = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, begin, size in parts:
        # The set goes right; codes that training has not seen are in no set.
        goes_left = np.ones(widths[feature[node]], bool)
        goes_left[np.array(tree["categories"][begin : begin + size], np.int64)] = False
        left_codes[int(node)] = goes_left
    return Tree(
        feature=np.where(is_leaf, 0, feature),
        # A row goes left where its value is below the condition: at most the float32 before it.
        threshold=np.where(is_leaf, np.inf, np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)),
        left=np.where(is_leaf, own, left),
        right=np.where(is_leaf, own, right),
        value=value,
        left_codes=left_codes,
    )
