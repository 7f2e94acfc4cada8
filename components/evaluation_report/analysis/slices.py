"""The slice table: each metric of each slice with its interval."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...evaluator.metric import Evidence, Metric, bind
from ...evaluator.statistics import Labels, Statistic, Values
from ...evaluator.suppression import Slice as HiddenSlice
from ...evaluator.suppression import hidden_slices
from ...features import Problem
from ..report import Estimate, SliceRow
from .resampling import ALL_ROWS, Resamples, Rows

if TYPE_CHECKING:
    from ...evaluator.evaluation import Evaluation
    from .predictions import Column, Predictions

MIN_CLASS_RECORDS = 5
"""Fewer of a class give no interval of a metric over classes, such as macro-F1 or AUC; macro-F1 needs as many that are
predicted right."""


@dataclasses.dataclass(frozen=True)
class Slice:
    """Records that share the values of some columns.

    Args:
        name: dict of column to value; empty for all records.
        rows: int array of row numbers.
    """

    name: dict[str, str]
    rows: Labels

    @property
    def key(self) -> HiddenSlice:
        """The slice in any order of its columns."""
        return frozenset(self.name.items())


def find_slices(columns: Mapping[str, Column], specs: Sequence[Sequence[str]]) -> Iterator[Slice]:
    """Yields the slices of columns and crossed columns, in the order of their values; records without one are in none.

    Args:
        columns: mapping of name to `Column`.
        specs: sequence of sequences of column names; those with an unknown column give no slice.
    """
    for spec in specs:
        if not spec or not set(spec) <= set(columns):
            continue
        codes = np.stack([columns[name].codes for name in spec], axis=1)
        inside = np.flatnonzero((codes >= 0).all(axis=1))
        keys, groups = np.unique(codes[inside], axis=0, return_inverse=True)
        order = np.argsort(groups.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(groups.reshape(-1), minlength=len(keys)))
        for key, (start, end) in zip(keys, itertools.pairwise([0, *ends]), strict=True):
            name = {column: columns[column].values[code] for column, code in zip(spec, key, strict=True)}
            yield Slice(name, inside[order[start:end]])


def hidden_parts(
    columns: Mapping[str, Column],
    num_rows: int,
    slices: Sequence[Sequence[str]],
    groups: Sequence[str],
    others: Sequence[str],
    min_rows: int,
) -> frozenset[HiddenSlice]:
    """Returns the slices that no part of a report may show.

    Args:
        columns: mapping of name to `Column`.
        num_rows: int. The number of all records.
        slices: sequence of sequences of columns. Those of the slice table.
        groups: sequence of columns whose groups are compared, and those of each pair of them.
        others: sequence of columns of other tables.
        min_rows: int. Fewer records are not shown.
    """
    tables = [*slices, *((name,) for name in (*groups, *others)), *itertools.combinations(dict.fromkeys(groups), 2)]
    names = dict.fromkeys(name for table in tables for name in table if name in columns)
    # Where each value of a column lies in one of another, as courses do in faculties, a reader knows both of a record.
    tables += [pair for pair in itertools.permutations(names, 2) if _is_within(columns[pair[0]], columns[pair[1]])]
    unique = {frozenset(table): table for table in tables}
    counts: dict[HiddenSlice, int] = {frozenset(): num_rows}
    for table in unique.values():
        counts |= {part.key: len(part.rows) for part in find_slices(columns, [table])}
    return hidden_slices(counts, min_rows)


def _is_within(inner: Column, outer: Column) -> bool:
    """Returns whether the records of each value of a column have one value of another."""
    inside = inner.codes >= 0
    pairs = np.unique(np.stack([inner.codes[inside], outer.codes[inside]]), axis=1)
    return len(pairs[0]) == len(np.unique(pairs[0])) and len(np.unique(pairs[1])) > 1


def metric_values(
    metrics: Mapping[str, Metric], labels: NDArray[Any], scores: Values, resamples: Resamples, rows: Rows = ALL_ROWS
) -> dict[str, Values]:
    """Returns each metric of some records, as they are and for each resample."""
    statistics = [metric_statistic(metric, labels[rows], scores[rows]) for metric in metrics.values()]
    return dict(zip(metrics, resamples.compute_each(statistics, rows), strict=True))


def metric_estimates(
    metrics: Mapping[str, Metric],
    labels: NDArray[Any],
    scores: Values,
    resamples: Resamples,
    rows: Rows = ALL_ROWS,
    known: Mapping[str, float] | None = None,
) -> dict[str, Estimate]:
    """Returns each metric of some records with its interval.

    Args:
        metrics: mapping of name to `Metric`.
        labels: array of all records, as `Metric.compute` takes it.
        scores: float array likewise.
        resamples: `Resamples` of all records.
        rows: int array of row numbers. Defaults to all.
        known: mapping of metric to the number of another source, such as the gate. Defaults to none.
    """
    values = metric_values(metrics, labels, scores, resamples, rows)
    return {
        name: estimate_metric(metric, values[name], labels, scores, resamples, rows, (known or {}).get(name))
        for name, metric in metrics.items()
    }


def estimate_metric(
    metric: Metric,
    values: Values,
    labels: NDArray[Any],
    scores: Values,
    resamples: Resamples,
    rows: Rows = ALL_ROWS,
    value: float | None = None,
    *,
    correlation: float = 0.0,
) -> Estimate:
    """Returns a metric with its interval, from its values for the records and each resample.

    Args:
        metric: `Metric`.
        values: float array of shape `(R + 1,)`, as `metric_values` returns it.
        labels: array of all records, as `Metric.compute` takes it.
        scores: float array likewise.
        resamples: `Resamples` of all records.
        rows: int array of row numbers. Defaults to all.
        value: float. The number of another source, such as the gate. Defaults to the first of `values`.
        correlation: float. With the metric of another model on the same records, which it is compared with: what these
            lack both models lack, the more alike they are. Defaults to 0.
    """
    num_rows = len(labels[rows])
    if metric.is_share:
        return resamples.share(values * num_rows, np.full(len(values), num_rows), rows, value)
    units_at_bound, is_enough = float(num_rows), True
    if Problem.CLASSIFICATION in metric.problems and labels.dtype.kind == "i":
        # Classes that the slice lacks by chance would change what the metric is of.
        counts = np.bincount(labels[rows], minlength=int(labels.max()) + 1)[np.bincount(labels) > 0]
        units_at_bound, is_enough = float(len(counts) * counts.min()), bool(counts.min() >= MIN_CLASS_RECORDS)
    evidence = metric.evidence(labels[rows], scores[rows]) if num_rows else Evidence()
    if evidence.rarest is not None:
        is_enough = is_enough and evidence.rarest >= MIN_CLASS_RECORDS
    return resamples.estimate(
        values,
        rows,
        value,
        bounds=(metric.lowest, metric.highest),
        is_enough=is_enough,
        units_at_bound=units_at_bound,
        unseen=evidence.unseen,
        beyond=evidence.beyond * math.sqrt(1 - np.clip(correlation, 0.0, 1.0)),
    )


def metric_statistic(metric: Metric, labels: NDArray[Any], scores: Values) -> Statistic:
    """Returns a metric of records as a statistic of their weights."""
    bound = bind(metric, labels, scores)
    return lambda weights: bound(weights.T)


def slice_rows(
    predictions: Predictions,
    metrics: Mapping[str, Metric],
    resamples: Resamples,
    specs: Sequence[Sequence[str]],
    hidden: Collection[HiddenSlice],
    evaluation: Evaluation | None,
) -> Iterator[SliceRow]:
    """Yields a line for each slice; its values are the gate's own where the gate has them.

    Args:
        predictions: `Predictions`.
        metrics: mapping of name to `Metric`.
        resamples: `Resamples` of the records.
        specs: sequence of sequences of columns.
        hidden: collection of the slices to leave out, as `hidden_parts` returns it.
        evaluation: `Evaluation` of the gate, or None.
    """
    gate = {} if evaluation is None else {frozenset(key): values for key, values in evaluation.slices.items()}
    for part in find_slices(predictions.columns, specs):
        if part.key in hidden:
            yield SliceRow(slice=part.name, is_suppressed=True)
            continue
        known = gate.get(frozenset(part.name.items()), {})
        yield SliceRow(
            slice=part.name,
            rows=len(part.rows),
            metrics=metric_estimates(metrics, predictions.labels, predictions.scores, resamples, part.rows, known),
        )
