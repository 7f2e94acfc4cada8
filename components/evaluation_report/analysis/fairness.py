"""Rates of groups, the gaps between them, and whether they may be alike."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from ...evaluator.statistics import Labels, Values, group_sums
from ...evaluator.suppression import Slice as HiddenSlice
from ..report import AlikeTest, Estimate, Fairness, FairnessGroup
from . import intervals
from .alike import alike_p_value, alike_p_value_of_clusters, holm
from .predictions import Column
from .resampling import Resamples, Rows
from .slices import Slice, find_slices

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "base_rate")
MAX_CLASSES = 5


def fairness(
    columns: Mapping[str, Column],
    names: Sequence[str],
    labels: Labels,
    predicted: Labels,
    classes: Mapping[str, int],
    resamples: Resamples,
    min_rows: int,
    hidden: Collection[HiddenSlice],
) -> Iterator[Fairness]:
    """Yields the rates of the groups of each column, then of each pair of columns, for each class.

    Args:
        columns: mapping of name to `Column`.
        names: sequence of columns to compare by; unknown ones are ignored.
        labels: int array of shape `(N,)`.
        predicted: int array of shape `(N,)`.
        classes: mapping of label to its index, each to be taken as the positive one.
        resamples: `Resamples` of the records.
        min_rows: int. A rate of fewer records is not shown.
        hidden: collection of the groups to leave out, as `hidden_parts` returns it. Pairs of columns with fewer than
            two others are left out.
    """
    known = [name for name in dict.fromkeys(names) if name in columns]
    for spec in [*((name,) for name in known), *itertools.combinations(known, 2)]:
        parts = list(find_slices(columns, [spec]))
        if len(spec) > 1 and sum(part.key not in hidden for part in parts) < 2:
            continue
        groups = np.full(len(labels), -1)
        for index, part in enumerate(parts):
            groups[part.rows] = index
        for label, k in classes.items():
            counts = _counts(groups, len(parts), labels == k, predicted == k, resamples)
            yield _compare(spec, label, parts, counts, min_rows, hidden, resamples)


def adjusted(found: Sequence[Fairness]) -> tuple[Fairness, ...]:
    """Returns the same with the p-values of all of them adjusted together."""
    p_values = iter(holm([test.p_value for one in found for test in one.alike.values()]))
    return tuple(
        one.model_copy(
            update={
                "alike": {
                    rate: AlikeTest(p_value=test.p_value, adjusted_p_value=next(p_values))
                    for rate, test in one.alike.items()
                }
            }
        )
        for one in found
    )


def _counts(groups: Labels, num_groups: int, actual: Labels, selected: Labels, resamples: Resamples) -> Values:
    """Returns counts of shape `(num_groups, 2, 2, R)`: by group, by whether of the class, by whether selected."""
    cells = np.where(groups >= 0, groups * 4 + actual * 2 + selected, -1)
    sums = resamples.compute(lambda weights: group_sums(cells, num_groups * 4, weights))
    return sums.reshape(num_groups, 2, 2, -1)


def _compare(
    columns: tuple[str, ...],
    label: str,
    parts: Sequence[Slice],
    counts: Values,
    min_rows: int,
    hidden: Collection[HiddenSlice],
    resamples: Resamples,
) -> Fairness:
    fractions: dict[str, dict[int, tuple[Values, Values]]] = {rate: {} for rate in RATES}
    groups = []
    for index, part in enumerate(parts):
        if part.key in hidden:
            groups.append(FairnessGroup(group=part.name, is_suppressed=True))
            continue
        for rate, (hits, of) in _fractions(counts[index]).items():
            if of[0] >= min_rows:
                fractions[rate][index] = hits, of
        groups.append(
            FairnessGroup(
                group=part.name,
                rows=len(part.rows),
                positives=int(counts[index, 1, :, 0].sum()),
                rates={rate: resamples.share(*of[index], part.rows) for rate, of in fractions.items() if index in of},
            )
        )
    compared = {
        rate: _Compared([(*pair, parts[index].rows) for index, pair in found.items()], resamples)
        for rate, found in fractions.items()
        if len(found) > 1
    }
    return Fairness(
        columns=columns,
        label=label,
        groups=tuple(groups),
        gaps={rate: one.gap() for rate, one in compared.items()},
        ratios={rate: one.ratio() for rate, one in compared.items()},
        alike={rate: one.test() for rate, one in compared.items()},
    )


def _fractions(counts: Values) -> dict[str, tuple[Values, Values]]:
    """Returns numerator and denominator of each rate, from counts of shape `(2, 2, R)`."""
    [[_, false_alerts], [_, hits]] = counts
    negatives, positives = counts.sum(axis=1)
    selected = false_alerts + hits
    return {
        "selection_rate": (selected, negatives + positives),
        "true_positive_rate": (hits, positives),
        "false_positive_rate": (false_alerts, negatives),
        "precision": (hits, selected),
        "base_rate": (positives, negatives + positives),
    }


class _Compared:
    """A rate in several groups.

    Gap and ratio are those of the groups that have the largest and the smallest rate. Since these two were chosen, the
    interval of each group is as wide as one that holds for all differences between the groups together.

    Args:
        groups: sequence of the hits and the records of a group, each for the records and all resamples, and its rows.
        resamples: `Resamples`.
    """

    def __init__(self, groups: Sequence[tuple[Values, Values, Rows]], resamples: Resamples) -> None:
        self._resamples = resamples
        self._hits: Values = np.stack([hits for hits, _, _ in groups])
        self._of: Values = np.stack([of for _, of, _ in groups])
        shares = self._hits[:, 0] / self._of[:, 0]
        self._largest, self._smallest = int(shares.argmax()), int(shares.argmin())
        quantile = intervals.range_quantile(len(groups))
        self._estimates = [resamples.share(*group, quantile=quantile) for group in groups]
        self._correlation = 0.0
        if resamples.are_clustered:
            # Records of one cluster may lie in several groups.
            with np.errstate(divide="ignore", invalid="ignore"):
                rates = self._hits / self._of
            self._correlation = resamples.correlation(rates[self._largest], rates[self._smallest])

    def gap(self) -> Estimate:
        first, second = self._estimates[self._largest], self._estimates[self._smallest]
        return self._estimate(
            (first.value or 0.0) - (second.value or 0.0), intervals.difference(first, second, self._correlation)
        )

    def ratio(self) -> Estimate:
        first, second = self._estimates[self._smallest], self._estimates[self._largest]
        if not second.value:
            return Estimate(value=None)
        return self._estimate((first.value or 0.0) / second.value, intervals.ratio(first, second, self._correlation))

    def test(self) -> AlikeTest:
        if self._resamples.are_clustered:
            p_value = alike_p_value_of_clusters(self._hits, self._of, self._resamples.num_units())
        else:
            p_value = alike_p_value(self._hits[:, 0], self._of[:, 0])
        return AlikeTest(p_value=p_value, adjusted_p_value=p_value)

    def _estimate(self, value: float, ends: tuple[float, float] | None) -> Estimate:
        has_intervals = self._hits.shape[1] > 1
        return intervals.as_estimate(value, ends) if has_intervals else Estimate(value=value)
