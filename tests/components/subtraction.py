"""An attacker who solves for the slices that are left out."""

import itertools
from collections.abc import Collection

import numpy as np

from yachay.components.evaluator.suppression import Slice


def solved(
    counts: Collection[Slice], hidden: Collection[Slice], complete: Collection[str], together: int = 1
) -> list[tuple[Slice, ...]]:
    """The hidden slices, or so many `together`, whose count is a sum of those shown, over all kinds of records.

    A slice that no table lists has no record, so that no record is of its kind; `complete` columns miss no value.
    """
    values: dict[str, set[str]] = {}
    for part in counts:
        for name, value in part:
            values.setdefault(name, set()).add(value)
    tables = {frozenset(name for name, _ in part) for part in counts}
    kinds = []
    for chosen in itertools.product(
        *([*sorted(found), *([] if name in complete else [None])] for name, found in values.items())
    ):
        kind = frozenset((name, value) for name, value in zip(values, chosen, strict=True) if value is not None)
        known = {name for name, _ in kind}
        if all(frozenset(pair for pair in kind if pair[0] in table) in counts for table in tables if table <= known):
            kinds.append(kind)
    shown = np.array([[part <= kind for kind in kinds] for part in counts if part not in hidden], float).T
    found = []
    for parts in itertools.combinations(hidden, together):
        target = np.array([sum(part <= kind for part in parts) for kind in kinds], float)
        weights = np.linalg.lstsq(shown, target, rcond=None)[0]
        if np.abs(shown @ weights - target).max() < 1e-6:
            found.append(parts)
    return found
