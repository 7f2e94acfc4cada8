"""Recursive feature addition over a table of raw records."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from feature_engine.selection import RecursiveFeatureAddition
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ..features import Problem

# One thread: forests add the votes of threads in the order in which they end, and ties then fall either way.
FOREST = {"n_estimators": 100, "min_samples_leaf": 10, "n_jobs": 1}
SCORING = {Problem.CLASSIFICATION: "f1_macro", Problem.REGRESSION: "neg_root_mean_squared_error"}


@dataclasses.dataclass(frozen=True)
class RankedFeature:
    """A feature and what came of adding it.

    Args:
        name: string.
        importance: float. Mean over folds of its share in the impurity that a forest of all features takes away.
        score: float. Mean over folds of the score of the features kept before with this one.
        is_kept: bool. Whether the score rose by more than the threshold.
    """

    name: str
    importance: float
    score: float
    is_kept: bool


@dataclasses.dataclass(frozen=True)
class Selection:
    """What a recursive feature addition found.

    Args:
        scoring: string. Name of the score in scikit-learn.
        num_records: int. Records that it saw.
        score_of_all: float. Score of all features together.
        ranking: tuple of `RankedFeature`, in the order in which they were tried.
    """

    scoring: str
    num_records: int
    score_of_all: float
    ranking: tuple[RankedFeature, ...]

    @property
    def selected(self) -> list[str]:
        """Names of the features that were kept, in the order in which they were tried."""
        return [feature.name for feature in self.ranking if feature.is_kept]

    def to_json(self) -> dict[str, Any]:
        """Returns the selection as JSON types."""
        return {**dataclasses.asdict(self), "selected": self.selected}


def select_features(
    table: pd.DataFrame,
    *,
    features: Sequence[str],
    label: str,
    label_values: Sequence[str],
    problem: Problem,
    threshold: float,
    num_folds: int,
    seed: int,
) -> Selection:
    """Adds one feature after the other, by their importance in a forest of all, and keeps those that raise the score.

    Words are taken by their place in the alphabet, codes as the numbers that they are, and no value as such.

    Args:
        table: `pandas.DataFrame` with a column for each feature and the label; the result depends on the order of rows.
        features: sequence of at least two column names.
        label: string.
        label_values: sequence of strings. The classes; empty for a regression.
        problem: `Problem`.
        threshold: float. A feature is kept if the score rises by more: macro-F1 for a classification, minus the RMSE in
            standard deviations of the label for a regression.
        num_folds: int. At least 2.
        seed: int.

    Raises:
        DataError: if there are too few records for the folds.
    """
    inputs = pd.DataFrame({name: _to_numbers(table[name]) for name in features})
    if problem is Problem.CLASSIFICATION:
        targets = _to_classes(table[label], label_values)
        largest_group = int(targets.value_counts().max()) if len(targets) else 0
        estimator = RandomForestClassifier(**FOREST, class_weight="balanced", random_state=seed)
        folds = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    else:
        targets = (table[label] - table[label].mean()) / (table[label].std(ddof=0) or 1.0)
        largest_group = len(targets)
        estimator = RandomForestRegressor(**FOREST, max_features=1 / 3, random_state=seed)
        folds = KFold(num_folds, shuffle=True, random_state=seed)
    if largest_group < num_folds:
        raise DataError(
            f"Expected at least {num_folds} records for {num_folds} folds. Received: {largest_group} in the largest "
            "class. Collect more records, or lower `feature_selection.folds`."
        )
    scoring = SCORING[problem]
    selector = RecursiveFeatureAddition(estimator, scoring=scoring, threshold=threshold, cv=folds)
    selector.fit(inputs, targets)
    order = list(selector.feature_importances_.index)
    score = float(cross_val_score(estimator, inputs[order[:1]], targets, cv=folds, scoring=scoring).mean())
    dropped = set(selector.features_to_drop_)
    ranking = []
    for name in order:
        score_with = score + float(selector.performance_drifts_[name])
        ranking.append(
            RankedFeature(name, float(selector.feature_importances_[name]), score_with, is_kept=name not in dropped)
        )
        score = score if name in dropped else score_with
    return Selection(scoring, len(table), float(selector.initial_model_performance_), tuple(ranking))


def reduce_schema(schema: schema_pb2.Schema, unselected: Collection[str]) -> schema_pb2.Schema:
    """Returns the schema without the unselected features; every other column stays."""
    reduced = schema_pb2.Schema()
    reduced.CopyFrom(schema)
    del reduced.feature[:]
    reduced.feature.extend(feature for feature in schema.feature if feature.name not in unselected)
    return reduced


def _to_numbers(column: pd.Series) -> np.ndarray:
    numbers: np.ndarray = column.to_numpy()
    if column.dtype == object:
        codes, _ = pd.factorize(column, sort=True)
        numbers = np.where(codes < 0, np.nan, codes)
    return numbers


def _to_classes(column: pd.Series, label_values: Sequence[str]) -> pd.Series:
    numeric = column.dtype != object
    index = {float(value) if numeric else value: place for place, value in enumerate(label_values)}
    unknown = sorted(set(column.map(str)[~column.isin(index)]))
    if unknown:
        raise DataError(
            f"Expected the label to be one of {', '.join(label_values)}. Received: {', '.join(unknown)}. "
            "Correct the records, or `label.values`."
        )
    return column.map(index).astype(np.int64)
