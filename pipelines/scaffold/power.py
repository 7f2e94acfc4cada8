"""How well columns predict the label: models of one column, of all, and none, on rows that they have not seen.

Folds are stratified; by group or in blocks of time where the split is, so that neighbours do not stand on both sides.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ...components.features import FeatureKind, Problem

MAX_ROWS = 5_000
FOLDS = 3
NUM_THREADS = 2
MIN_ROWS = 30
ROWS_A_LEAF = 5
SHARE_A_LEAF = 0.01
MAX_LEAVES = 64
MAX_ONE_HOT = 50
MIN_TREES, MAX_BOOSTED, MAX_TREES = 10, 50, 250
NUM_PERIODS = 50
MAX_CODES = 255


@dataclasses.dataclass(frozen=True)
class Powers:
    """Columns and the label of rows on which models are tried.

    Args:
        problem: `Problem`. Classification or regression.
        labels: array of shape `(N,)`: the index of the class, from 0, or floats.
        classes: int array of shape `(K,)`. Which of the given codes each class is; none of a regression.
        inputs: dict of column to array of floats of shape `(N,)`, NaN where there is no value; words are numbered.
        kinds: mapping of column to `FeatureKind`.
        folds: int array of shape `(N,)`. The fold in which each row is held out.
        clusters: int array of shape `(N,)`. The group or period of each row, from 0; each its own where there are none.
    """

    problem: Problem
    labels: np.ndarray
    classes: np.ndarray
    inputs: dict[str, np.ndarray]
    kinds: Mapping[str, FeatureKind]
    folds: np.ndarray
    clusters: np.ndarray

    @property
    def can_judge(self) -> bool:
        """Whether there are labels enough, and different ones in each fold."""
        return len(self.labels) >= MIN_ROWS and len(np.unique(self.folds)) > 1 and len(np.unique(self.labels)) > 1

    def split_by(self, split: Mapping[str, Any]) -> Self:
        """Returns the same rows in the folds of another `split` of the configuration; empty for a hash."""
        method, key = split.get("method", "hash"), self.inputs.get(split.get("key", ""))
        folds, clusters = _folds(self.labels, self.problem, method, key), _clusters(len(self.labels), method, key)
        return dataclasses.replace(self, folds=folds, clusters=clusters)

    def constant(self) -> np.ndarray:
        """Returns the shares of the classes or the mean for each row: of shape `(N, K)`, or `(N,)` of a regression."""
        if self.problem is Problem.REGRESSION:
            return np.full(len(self.labels), self.labels.mean())
        return np.tile(np.bincount(self.labels, minlength=len(self.classes)) / len(self.labels), (len(self.labels), 1))

    def single(self, name: str) -> np.ndarray:
        """Returns out-of-fold predictions of a small tree of one column, of the same shape."""
        from sklearn import tree

        num_rows = max(ROWS_A_LEAF, int(SHARE_A_LEAF * len(self.labels)))
        small: dict[str, Any] = {"max_leaf_nodes": MAX_LEAVES, "min_samples_leaf": num_rows, "random_state": 0}
        is_class = self.problem is Problem.CLASSIFICATION
        model = tree.DecisionTreeClassifier(**small) if is_class else tree.DecisionTreeRegressor(**small)
        return self._predict(self.inputs[name][:, None], model)

    def trees(self, names: Sequence[str]) -> np.ndarray:
        """Returns out-of-fold predictions of gradient-boosted trees, likewise."""
        import xgboost  # With scikit-learn a second.

        boosted: dict[str, Any] = {"n_estimators": self._num_trees, "max_depth": 4, "n_jobs": 1, "random_state": 0}
        is_class = self.problem is Problem.CLASSIFICATION
        model = xgboost.XGBClassifier(**boosted) if is_class else xgboost.XGBRegressor(**boosted)
        return self._predict(np.stack([self.inputs[name] for name in names], axis=1), model)

    def deep_trees(self, names: Sequence[str]) -> np.ndarray:
        """Returns out-of-fold predictions of trees without a bound of their depth, scikit-learn's defaults, likewise.

        Of a regression alone.
        """
        from sklearn import ensemble
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        codes = [self.kinds[name] is FeatureKind.CATEGORICAL for name in names]
        inputs = np.stack([self.inputs[name] for name in names], axis=1)
        codes = [is_code and len(np.unique(inputs[:, place])) < MAX_CODES for place, is_code in enumerate(codes)]
        model = ensemble.HistGradientBoostingRegressor(random_state=0, categorical_features=codes)
        with threadpool_limits(limits=1):
            return self._predict(inputs, model)

    @property
    def _num_trees(self) -> int:
        """Of each class there are as many."""
        return int(np.clip(MAX_TREES // max(len(self.classes), 1), MIN_TREES, MAX_BOOSTED))

    def linear(self, names: Sequence[str]) -> np.ndarray:
        """Returns out-of-fold predictions of a logistic or ridge regression, likewise.

        Numbers are standardised, missing ones their mean; codes and words have a column each.
        """
        from sklearn import compose, impute, linear_model, pipeline, preprocessing
        from threadpoolctl import threadpool_limits

        codes = [place for place, name in enumerate(names) if self.kinds[name] is FeatureKind.CATEGORICAL]
        numbers = [place for place in range(len(names)) if place not in codes]
        scaled = pipeline.make_pipeline(impute.SimpleImputer(keep_empty_features=True), preprocessing.StandardScaler())
        one_hot = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_ONE_HOT)
        prepared = compose.ColumnTransformer([("numbers", scaled, numbers), ("codes", one_hot, codes)])
        is_class = self.problem is Problem.CLASSIFICATION
        fitted = linear_model.LogisticRegression(C=0.3, max_iter=100) if is_class else linear_model.Ridge()
        model = pipeline.make_pipeline(prepared, fitted)
        # Two threads wait for each other at products of so few numbers.
        with threadpool_limits(limits=1):
            return self._predict(np.stack([self.inputs[name] for name in names], axis=1), model)

    def score(self, predictions: np.ndarray) -> float:
        """Returns the AUC, one class against the rest and averaged, or R²."""
        from sklearn import metrics

        if self.problem is Problem.REGRESSION:
            return float(metrics.r2_score(self.labels, predictions))
        one_hot = self.labels[:, None] == np.arange(len(self.classes))
        return float(metrics.roc_auc_score(one_hot, predictions, average="macro"))

    def _predict(self, inputs: np.ndarray, model: Any) -> np.ndarray:
        from sklearn import base

        shape = (len(self.labels), len(self.classes)) if self.problem is Problem.CLASSIFICATION else len(self.labels)
        predictions = np.zeros(shape)

        def predict_fold(fold: int) -> None:
            is_held_out = self.folds == fold
            known, places = np.unique(self.labels[~is_held_out], return_inverse=True)
            if self.problem is Problem.REGRESSION:
                fitted = base.clone(model).fit(inputs[~is_held_out], self.labels[~is_held_out])
                predictions[is_held_out] = fitted.predict(inputs[is_held_out])
            elif len(known) == 1:
                predictions[np.ix_(is_held_out, known)] = 1
            else:
                fitted = base.clone(model).fit(inputs[~is_held_out], places)
                predictions[np.ix_(is_held_out, known)] = fitted.predict_proba(inputs[is_held_out])

        with ThreadPoolExecutor(NUM_THREADS) as threads:
            list(threads.map(predict_fold, np.unique(self.folds)))
        return predictions


def measure_powers(
    columns: Mapping[str, pa.Array],
    labels: np.ndarray,
    problem: Problem,
    kinds: Mapping[str, FeatureKind],
    split: Mapping[str, Any],
) -> Powers:
    """Returns the rows on which models are tried: at most `MAX_ROWS`, without the classes that folds would lack.

    Args:
        columns: mapping of name to `pyarrow.Array` of shape `(N,)`: times, numbers or text, null where there is no
            value.
        labels: array of shape `(N,)`: codes of classes, or floats.
        problem: `Problem`. Classification or regression.
        kinds: mapping of column to `FeatureKind`.
        split: mapping. The part `split` of the configuration, whose key is one of `columns`; empty for a hash.
    """
    rows = _rows(labels, problem)
    kept, classes = labels[rows], np.zeros(0, int)
    if problem is Problem.CLASSIFICATION:
        classes, kept = np.unique(kept, return_inverse=True)
    inputs = {name: codes_of(array.take(pa.array(rows))) for name, array in columns.items()}
    none = np.zeros(len(kept), int)
    return Powers(problem, kept, classes, inputs, kinds, none, none).split_by(split)


def codes_of(array: pa.Array) -> np.ndarray:
    """Returns numbers of shape `(N,)`, NaN where there is no value; words are numbered in their order."""
    if pa.types.is_string(array.type):
        import pandas as pd  # Half a second.

        codes = pd.Categorical(array.to_pandas()).codes.astype(float)
        return np.where(codes < 0, np.nan, codes)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    values: np.ndarray = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _rows(labels: np.ndarray, problem: Problem) -> np.ndarray:
    rows = np.arange(len(labels))
    if problem is Problem.CLASSIFICATION:
        _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        rows = rows[counts[places] >= 2 * FOLDS]
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_ROWS, replace=False))
    return rows


def _folds(labels: np.ndarray, problem: Problem, method: str, key: np.ndarray | None) -> np.ndarray:
    """Returns the fold in which each row is held out, of shape `(N,)`."""
    from sklearn import model_selection

    folds = np.zeros(len(labels), int)
    if len(labels) < MIN_ROWS:
        return folds
    if method == "time" and key is not None:
        folds[np.argsort(key, kind="stable")] = np.arange(len(labels)) * FOLDS // len(labels)
        return folds
    splitter: Any
    groups = None
    if method == "group" and key is not None:
        groups = np.unique(key, return_inverse=True)[1]
        splitter = model_selection.GroupKFold(FOLDS)
    elif problem is Problem.CLASSIFICATION:
        splitter = model_selection.StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    else:
        splitter = model_selection.KFold(FOLDS, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
        folds[held_out] = fold
    return folds


def _clusters(num_rows: int, method: str, key: np.ndarray | None) -> np.ndarray:
    """Returns the group or period of each row, of shape `(N,)`."""
    clusters = np.arange(num_rows)
    if method == "group" and key is not None:
        clusters = np.unique(key, return_inverse=True)[1]
    elif method == "time" and key is not None:
        clusters = np.empty(num_rows, int)
        clusters[np.argsort(key, kind="stable")] = np.arange(num_rows) * min(NUM_PERIODS, num_rows) // max(num_rows, 1)
    return clusters
