"""Rates of groups, and the gaps between them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...evaluator.statistics import Labels, Values, group_sums
from ..report import Estimate, Fairness, FairnessGroup, SliceName
from .predictions import Column
from .resampling import Resamples, to_estimate
from .slices import find_slices

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
) -> Iterator[Fairness]:
    """Yields the rates of the groups of each column, then of each pair of columns, for each class.

    Args:
        columns: mapping of name to `Column`.
        names: sequence of columns to compare by; unknown ones are ignored.
        labels: int array of shape `(N,)`.
        predicted: int array of shape `(N,)`.
        classes: mapping of label to its index, each to be taken as the positive one.
        resamples: `Resamples` of the records.
        min_rows: int. Fewer records show no rate. Pairs of columns with fewer than two groups of this size are
            left out.
    """
    known = [name for name in dict.fromkeys(names) if name in columns]
    for spec in [*((name,) for name in known), *itertools.combinations(known, 2)]:
        parts = list(find_slices(columns, [spec]))
        if len(spec) > 1 and sum(len(part.rows) >= min_rows for part in parts) < 2:
            continue
        groups = np.full(len(labels), -1)
        for index, part in enumerate(parts):
            groups[part.rows] = index
        named = [(part.name, len(part.rows)) for part in parts]
        for label, k in classes.items():
            counts = _counts(groups, len(parts), labels == k, predicted == k, resamples)
            yield _compare(spec, label, named, counts, min_rows)


def _counts(groups: Labels, num_groups: int, actual: Labels, selected: Labels, resamples: Resamples) -> Values:
    """Returns counts of shape `(num_groups, 2, 2, R)`: by group, by whether of the class, by whether selected."""
    cells = np.where(groups >= 0, groups * 4 + actual * 2 + selected, -1)
    sums = resamples.compute(lambda weights: group_sums(cells, num_groups * 4, weights))
    return sums.reshape(num_groups, 2, 2, -1)


def _compare(
    columns: tuple[str, ...], label: str, named: Sequence[tuple[SliceName, int]], counts: Values, min_rows: int
) -> Fairness:
    rates: dict[str, dict[int, Values]] = {rate: {} for rate in RATES}
    groups = []
    for index, (name, rows) in enumerate(named):
        if rows < min_rows:
            groups.append(FairnessGroup(group=name, rows=rows, is_suppressed=True))
            continue
        estimates = {}
        for rate, (hits, of) in _fractions(counts[index]).items():
            if of[0] >= min_rows:
                with np.errstate(divide="ignore", invalid="ignore"):
                    rates[rate][index] = hits / of
                estimates[rate] = to_estimate(rates[rate][index])
        groups.append(
            FairnessGroup(group=name, rows=rows, positives=int(counts[index, 1, :, 0].sum()), rates=estimates)
        )
    gaps, ratios = _gaps(rates)
    return Fairness(columns=columns, label=label, groups=tuple(groups), gaps=gaps, ratios=ratios)


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


def _gaps(rates: Mapping[str, Mapping[int, Values]]) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Returns gaps and ratios between the groups that have the largest and the smallest rate.

    The pair is that of the records as they are: the largest less the smallest of each resample is never below 0, so
    that its interval could not show a gap that is noise.
    """
    gaps, ratios = {}, {}
    for rate, groups in rates.items():
        if len(groups) < 2:
            continue
        largest = max(groups.values(), key=lambda values: values[0])
        smallest = min(groups.values(), key=lambda values: values[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps[rate], ratios[rate] = to_estimate(largest - smallest), to_estimate(smallest / largest)
    return gaps, ratios
