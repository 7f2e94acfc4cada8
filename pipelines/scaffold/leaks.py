"""Columns that give the label away, and columns that say what another one says.

A column's power is what a small tree of that column alone predicts of the label, in folds that the tree has not seen:
the AUC (one class against the rest, averaged) of a classification, R² of a regression. It is set beside the power of
all columns that are not suspicious together, by gradient-boosted trees in the same folds. A column gives the label
away if it is near perfect and the others together are not; it is a question if it is strong and they are weaker.
This is the usual test for target leakage: Kaufman, Rosset, Perlich and Stitelman (2012), "Leakage in data mining", ACM
TKDD 6(4), look for features whose relation to the target is too good. Its thresholds are ours.

Two further signs are a column of few values that the label alone predicts (a cut of it, or what is decided by it), and
a name that speaks of an end or repeats the label's, on a column with some power.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ...components.features import Problem
from .names import words_of
from .power import Powers, codes_of
from .wording import say

NEAR_PERFECT = {Problem.CLASSIFICATION: 0.99, Problem.REGRESSION: 0.98}
STRONG = {Problem.CLASSIFICATION: 0.90, Problem.REGRESSION: 0.90}
NAMED = {Problem.CLASSIFICATION: 0.75, Problem.REGRESSION: 0.30}
MARGIN = 0.03
ROWS_A_CODE = 5
MAX_CUT_VALUES = 20
CUT_KAPPA = 0.85
MIN_ALIKE = 0.5
MIN_LABEL_VALUES = 3

_LATE = re.compile(
    r"(^|_)(final|result|outcome|status|decision|passed|approved|after|post|end|closed|"
    r"resultado|estado|aprobado|desaprobado|despues|fin|baja|egreso)(_|$)"
)


@dataclasses.dataclass(frozen=True)
class Leak:
    """A column that predicts the label better than a column should, or that the label predicts.

    Args:
        name: string. Identifier.
        power: float. AUC or R² of the column alone.
        others: float or None. The same of all columns that are not suspicious, together; None where there is none.
        sign: string. What else speaks against it, in words; empty for nothing.
        is_certain: bool. Whether it is near perfect and the others are not.
    """

    name: str
    power: float
    others: float | None
    sign: str
    is_certain: bool

    def describe(self, problem: Problem) -> str:
        """Returns the finding in words."""
        metric = "AUC" if problem is Problem.CLASSIFICATION else "R²"
        alone = say("predicts the label alone with an {metric} of {power:.3f}", metric=metric, power=self.power)
        beside = say(", all others together with {others:.3f}", others=self.others) if self.others is not None else ""
        sign = say(": {sign}", sign=self.sign) if self.sign else ""
        return say("{alone}{beside}{sign}", alone=alone, beside=beside, sign=sign)


def find_leaks(powers: Powers, scores: Mapping[str, float], names: Mapping[str, str], label: str) -> list[Leak]:
    """Returns the columns that give the label away or may do so, the strongest first.

    Args:
        powers: `Powers`.
        scores: mapping of column to the AUC or R² of it alone.
        names: mapping of column to its name in the file.
        label: string. The label's name in the file.
    """
    problem, signs = powers.problem, {}
    for name, score in scores.items():
        if score >= STRONG[problem] and _is_mapping(powers.inputs[name], powers.labels):
            signs[name] = say("each of its values goes with one label")
        elif _is_cut(powers.inputs[name], powers.labels):
            signs[name] = say("it follows from the label")
        elif score >= NAMED[problem] and (word := _late_word(names[name], label)):
            signs[name] = say("its name says {word!r}", word=word)
    suspects = {name for name, score in scores.items() if score >= STRONG[problem]} | signs.keys()
    if not suspects:
        return []
    rest = [name for name in scores if name not in suspects]
    others = powers.score(powers.trees(rest)) if rest else None
    leaks = []
    for name in sorted(suspects, key=lambda name: (-scores[name], name)):
        if name in signs or others is None or scores[name] > others + MARGIN:
            is_better = others is not None and scores[name] > others + MARGIN
            is_certain = is_better and scores[name] >= NEAR_PERFECT[problem]
            leaks.append(Leak(name, scores[name], others, signs.get(name, ""), is_certain))
    return leaks


def find_copies(columns: Mapping[str, pa.Array]) -> dict[str, str]:
    """Returns the columns that are another, earlier one up to a mapping of values, with that one's name.

    Two columns of codes or words are one another's copy if each value of one goes with one value of the other and each
    has `ROWS_A_CODE` rows; two columns of numbers also if their order is the same or the reverse.
    """
    seen: dict[tuple[str, bytes], str] = {}
    copies: dict[str, str] = {}
    for name, array in columns.items():
        codes = codes_of(array)
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


def _is_mapping(values: np.ndarray, labels: np.ndarray) -> bool:
    """Returns whether each value goes with one label and has `ROWS_A_CODE` rows on average."""
    distinct, places = np.unique(values, return_inverse=True)
    pairs = np.unique(np.stack([places, np.unique(labels, return_inverse=True)[1]], axis=1), axis=0)
    return bool(len(pairs) == len(distinct) and len(values) >= ROWS_A_CODE * len(distinct))


def _is_cut(values: np.ndarray, labels: np.ndarray) -> bool:
    """Returns whether the label predicts a column of few values: Cohen's kappa in folds of `CUT_KAPPA` or more."""
    distinct, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(np.unique(labels)) < MIN_LABEL_VALUES or not 2 <= len(distinct) <= MAX_CUT_VALUES:
        return False
    if counts.max() > len(values) - ROWS_A_CODE * (len(distinct) - 1):
        return False
    # Of a cut, neighbours in the order of the label are mostly alike: a look at them is much faster than a tree.
    in_order = places[np.argsort(labels, kind="stable")]
    by_chance = float(((counts / len(values)) ** 2).sum())
    if (np.mean(in_order[1:] == in_order[:-1]) - by_chance) / (1 - by_chance) < MIN_ALIKE:
        return False
    from sklearn import metrics, model_selection, tree

    model = tree.DecisionTreeClassifier(max_leaf_nodes=2 * MAX_CUT_VALUES, min_samples_leaf=ROWS_A_CODE, random_state=0)
    folds = model_selection.KFold(3, shuffle=True, random_state=0)
    predicted = model_selection.cross_val_predict(model, labels[:, None], places, cv=folds)
    return bool(metrics.cohen_kappa_score(places, predicted) >= CUT_KAPPA)


def _late_word(name: str, label: str) -> str:
    """Returns the word of a column's name that speaks of an end, or the label's name in it; empty for none."""
    words, of_label = words_of(name), words_of(label)
    if found := _LATE.search(words):
        return found[2]
    return of_label if len(of_label) > 2 and re.search(rf"(^|_){re.escape(of_label)}(_|$)", words) else ""
