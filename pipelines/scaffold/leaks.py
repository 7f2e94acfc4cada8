"""Columns that give the label away, and columns that say what another one says.

A column's power is what a small tree of that column alone predicts of the label, in folds that the tree has not seen:
the AUC (one class against the rest, averaged) of a classification, R² of a regression. It is set beside the power of
all columns that are not suspicious together, by gradient-boosted trees in the same folds. A column gives the label
away if it is near perfect and the others together are not; it is a question if it is strong and they are weaker.
This is the usual test for target leakage: Kaufman, Rosset, Perlich and Stitelman (2012), "Leakage in data mining", ACM
TKDD 6(4), look for features whose relation to the target is too good. Its thresholds are ours.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ...components.features import Problem

MAX_ROWS = 5_000
FOLDS = 3
MIN_ROWS = 30
NEAR_PERFECT = {Problem.CLASSIFICATION: 0.99, Problem.REGRESSION: 0.98}
STRONG = {Problem.CLASSIFICATION: 0.90, Problem.REGRESSION: 0.90}
MARGIN = 0.03
ROWS_A_CODE = 5

_MAX_LEAVES = 64


@dataclasses.dataclass(frozen=True)
class Leak:
    """A column that predicts the label better than a column should.

    Args:
        name: string. Identifier.
        power: float in [0, 1]. AUC or R² of the column alone.
        others: float or None. The same of all columns that are not suspicious, together; None where there is none.
        is_mapping: bool. Whether each of its values goes with one label only.
        is_certain: bool. Whether it is near perfect and the others are not.
    """

    name: str
    power: float
    others: float | None
    is_mapping: bool
    is_certain: bool

    def describe(self, problem: Problem) -> str:
        """Returns the finding in words."""
        metric = "AUC" if problem is Problem.CLASSIFICATION else "R²"
        alone = f"predicts the label alone with an {metric} of {self.power:.3f}"
        beside = f", all others together with {self.others:.3f}" if self.others is not None else ""
        return alone + beside + (": each of its values goes with one label" if self.is_mapping else "")


def find_leaks(columns: Mapping[str, pa.Array], labels: np.ndarray, problem: Problem) -> list[Leak]:
    """Returns the columns that give the label away or may do so, the strongest first.

    Args:
        columns: mapping of name to `pyarrow.Array` of shape `(N,)`, numbers or text, null where there is no value.
        labels: array of shape `(N,)`: codes of classes, or floats.
        problem: `Problem`. Classification or regression.
    """
    kept = _sample(labels, problem)
    labels = labels[kept]
    if problem is Problem.CLASSIFICATION:
        classes, labels = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            return []
    elif len(labels) < MIN_ROWS:
        return []
    inputs = {name: _codes(array.take(pa.array(kept))) for name, array in columns.items()}
    powers = {name: _power(values[:, None], labels, problem, is_single=True) for name, values in inputs.items()}
    suspects = {name for name, power in powers.items() if power >= STRONG[problem]}
    if not suspects:
        return []
    rest = [values for name, values in inputs.items() if name not in suspects]
    others = _power(np.stack(rest, axis=1), labels, problem, is_single=False) if rest else None
    leaks = []
    for name in sorted(suspects, key=lambda name: (-powers[name], name)):
        if others is None or powers[name] > others + MARGIN:
            is_certain = others is not None and powers[name] >= NEAR_PERFECT[problem]
            leaks.append(Leak(name, powers[name], others, _is_mapping(inputs[name], labels), is_certain))
    return leaks


def find_copies(columns: Mapping[str, pa.Array]) -> dict[str, str]:
    """Returns the columns that are another, earlier one up to a mapping of values, with that one's name.

    Two columns of codes or words are one another's copy if each value of one goes with one value of the other and each
    has `ROWS_A_CODE` rows; two columns of numbers also if their order is the same or the reverse.
    """
    seen: dict[tuple[str, bytes], str] = {}
    copies: dict[str, str] = {}
    for name, array in columns.items():
        codes = _codes(array)
        for key in _keys(codes, is_number=not pa.types.is_string(array.type)):
            other = seen.setdefault(key, name)
            if other != name and name not in copies:
                copies[name] = copies.get(other, other)
    return copies


def _keys(codes: np.ndarray, is_number: bool) -> list[tuple[str, bytes]]:
    """Returns what two columns have in common if they are copies."""
    distinct, first, places, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    keys = []
    if len(distinct) > 1 and counts.min() >= ROWS_A_CODE:
        by_appearance = np.argsort(np.argsort(first))
        keys.append(("values", by_appearance[places].tobytes()))
    elif is_number and len(distinct) > 1:
        missing = np.isnan(codes)
        last = len(distinct) - 1 - missing.any()
        for ranks in (places, last - places):
            keys.append(("order", np.where(missing, -1, ranks).tobytes()))
    return keys


def _codes(array: pa.Array) -> np.ndarray:
    """Returns numbers of shape `(N,)`, NaN where there is no value; words are numbered in their order."""
    if pa.types.is_string(array.type):
        import pandas as pd  # Half a second.

        codes = pd.Categorical(array.to_pandas()).codes.astype(float)
        return np.where(codes < 0, np.nan, codes)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    values: np.ndarray = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _sample(labels: np.ndarray, problem: Problem) -> np.ndarray:
    """Returns the rows to look at, those of the rarest classes left out: a fold must hold each class."""
    rows = np.arange(len(labels))
    if problem is Problem.CLASSIFICATION:
        _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        rows = rows[counts[places] >= 2 * FOLDS]
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_ROWS, replace=False))
    return rows


def _power(inputs: np.ndarray, labels: np.ndarray, problem: Problem, is_single: bool) -> float:
    """Returns the AUC or R² of predictions in folds that the trees have not seen."""
    import xgboost  # With scikit-learn a second.
    from sklearn import metrics, model_selection, tree

    small: dict[str, Any] = {"max_leaf_nodes": _MAX_LEAVES, "min_samples_leaf": ROWS_A_CODE, "random_state": 0}
    boosted: dict[str, Any] = {"n_estimators": 50, "max_depth": 4, "n_jobs": 1, "random_state": 0}
    if problem is Problem.REGRESSION:
        folds = model_selection.KFold(FOLDS, shuffle=True, random_state=0)
        regressor = tree.DecisionTreeRegressor(**small) if is_single else xgboost.XGBRegressor(**boosted)
        predicted = model_selection.cross_val_predict(regressor, inputs, labels, cv=folds)
        return float(metrics.r2_score(labels, predicted))
    stratified = model_selection.StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    classifier = tree.DecisionTreeClassifier(**small) if is_single else xgboost.XGBClassifier(**boosted)
    scores = model_selection.cross_val_predict(classifier, inputs, labels, cv=stratified, method="predict_proba")
    one_hot = labels[:, None] == np.arange(scores.shape[1])
    return float(metrics.roc_auc_score(one_hot, scores, average="macro"))


def _is_mapping(values: np.ndarray, labels: np.ndarray) -> bool:
    """Returns whether each value goes with one label and has `ROWS_A_CODE` rows on average."""
    distinct, places = np.unique(values, return_inverse=True)
    pairs = np.unique(np.stack([places, np.unique(labels, return_inverse=True)[1]], axis=1), axis=0)
    return bool(len(pairs) == len(distinct) and len(values) >= ROWS_A_CODE * len(distinct))
