"""Recursive feature addition over a table of raw records."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import cross_validate
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ..features import Problem
from ..prediction_task import PredictionTask
from ..splitter import Splitter
from .records import columns_of, split_keys
from .settings import FeatureSelectionSettings

# One thread: forests add the votes of threads in the order in which they end, and ties then fall either way.
FOREST = {"n_estimators": 100, "min_samples_leaf": 10, "n_jobs": 1}
_ERROR = "neg_root_mean_squared_error"
SCORING = {Problem.CLASSIFICATION: "f1_macro", Problem.REGRESSION: _ERROR, Problem.FORECAST: _ERROR}


@dataclasses.dataclass(frozen=True)
class RankedFeature:
    """A feature and the result of adding it.

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


def selection_columns(task: PredictionTask) -> list[str]:
    """Returns the columns of the records that a selection reads: the features, the label and the key of the split."""
    return list(dict.fromkeys([*task.features, task.label.name, *([task.split.key] if task.split.key else [])]))


def unselected(task: PredictionTask, selection: Selection) -> set[str]:
    """Returns the features that a schema may lose: those that were not kept, but for the key of the split."""
    return set(task.features) - set(selection.selected) - {task.split.key or ""}


def select_features(
    table: pd.DataFrame, task: PredictionTask, settings: FeatureSelectionSettings, seed: int
) -> Selection:
    """Adds one feature after the other, by their importance in a forest of all, and keeps those that raise the score.

    Strings are taken by their place in the alphabet, codes as the numbers that they are, and no value as such. A
    sequence is one feature of as many columns as it has steps, added together.

    Args:
        table: `pandas.DataFrame` as `decode_records` gives it, with the columns of `selection_columns`; the result
            depends on the order of rows.
        task: `PredictionTask`. With its split by group no group is on both sides of a fold, with one by time a fold is
            later than what the forests saw.
        settings: `FeatureSelectionSettings`.
        seed: int.

    Raises:
        DataError: if there are too few records for the folds, or a label is no class.
    """
    columns = {name: columns_of(table, name) for name in task.features}
    inputs = pd.DataFrame({column: _to_numbers(table[column]) for names in columns.values() for column in names})
    targets: Any
    if task.problem is Problem.CLASSIFICATION:
        targets = _to_classes(table[task.label.name], task.label.values).to_numpy()
        estimator = RandomForestClassifier(**FOREST, class_weight="balanced", random_state=seed)
    else:
        labels = table[columns_of(table, task.label.name)].to_numpy(np.float64)
        targets = (labels - labels.mean()) / (labels.std() or 1.0)
        targets = targets if targets.shape[1] > 1 else targets[:, 0]
        estimator = RandomForestRegressor(**FOREST, max_features=1 / 3, random_state=seed)
    folds = Splitter(task.split).folds(split_keys(table, task.split), targets, settings.folds, seed)
    scoring = SCORING[task.problem]

    def evaluate(names: Sequence[str]) -> dict[str, Any]:
        chosen = [column for name in names for column in columns[name]]
        # Folds side by side, in threads: a forest is of one thread, so that each is the same for any number of them.
        with joblib.parallel_config(backend="threading", n_jobs=min(joblib.cpu_count(), len(folds))):
            results: dict[str, Any] = cross_validate(
                estimator, inputs[chosen], targets, cv=folds, scoring=scoring, return_estimator=True
            )
        return results

    of_all = evaluate(list(columns))
    shares = np.mean([forest.feature_importances_ for forest in of_all["estimator"]], axis=0)
    importances = pd.Series(shares, inputs.columns)
    by_feature = pd.Series({name: float(importances[names].sum()) for name, names in columns.items()})
    ranking: list[RankedFeature] = []
    kept: list[str] = []
    best = -np.inf
    for name, importance in by_feature.sort_values(ascending=False).items():
        score = float(evaluate([*kept, str(name)])["test_score"].mean())
        is_kept = score - best > settings.threshold
        ranking.append(RankedFeature(str(name), float(importance), score, is_kept))
        if is_kept:
            kept.append(str(name))
            best = score
    return Selection(scoring, len(table), float(of_all["test_score"].mean()), tuple(ranking))


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
