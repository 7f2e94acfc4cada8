"""Permutation importance (Breiman, 2001; Fisher et al., JMLR 2019) of raw features, through the serving signature."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...evaluator.metric import Metric
from ...evaluator.model import Model
from ...evaluator.statistics import Labels, Values
from ..report import Importance
from .resampling import Resamples
from .slices import metric_statistic

MAX_PREDICTIONS = 100_000
MAX_REPEATS = 5
NUM_RESAMPLES = 200
DOMINANT_SHARE = 0.8
MIN_FEATURES = 3


def num_repeats(num_rows: int, num_features: int) -> int:
    """Returns how often each feature is shuffled."""
    return int(np.clip(MAX_PREDICTIONS // max(num_rows * num_features, 1), 1, MAX_REPEATS))


def permutation_importance(
    model: Model,
    table: pa.RecordBatch,
    labels: Any,
    features: Sequence[str],
    metric: Metric,
    seed: int,
    clusters: Labels | None = None,
) -> tuple[Importance, ...]:
    """Returns how much of a metric is lost where a feature's values are shuffled among records, most first.

    Args:
        model: `Model`.
        table: N decoded examples.
        labels: array of shape `(N,)`.
        features: sequence of raw columns.
        metric: `Metric`.
        seed: int.
        clusters: int array of shape `(N,)`, as `Resamples` takes it. Defaults to none.

    Returns:
        Tuple of `Importance`: the mean over repeats of the loss, positive where the feature helps; the interval is of
        paired resamples of the records.
    """
    repeats = num_repeats(len(labels), len(features))
    shuffles = [np.random.default_rng((seed, repeat)).permutation(len(labels)) for repeat in range(repeats)]
    resamples = Resamples(len(labels), NUM_RESAMPLES, seed, clusters)
    sign = 1 if metric.higher_is_better else -1

    def measure(scores: Values) -> Values:
        return sign * resamples.compute(metric_statistic(metric, labels, scores))

    scores = model.predict_table(table).astype(np.float64)
    whole = measure(scores)
    rows = []
    for feature in features:
        index = table.schema.get_field_index(feature)
        if index < 0:
            continue
        shuffled = [measure(found) for found in _shuffled_scores(model, table, index, shuffles, scores)]
        rows.append(Importance(feature=feature, drop=resamples.estimate(whole - np.mean(shuffled, axis=0))))
    return tuple(sorted(rows, key=lambda row: -(row.drop.value or 0.0)))


def dominant_share(rows: Sequence[Importance]) -> float:
    """Returns the first feature's part of all that is lost, each feature's apart; 0 if that is not nearly all.

    Args:
        rows: sequence of `Importance`, as `permutation_importance` returns it.
    """
    if len(rows) < MIN_FEATURES or (rows[0].drop.low or 0.0) <= 0:
        return 0.0
    losses = [max(row.drop.value or 0.0, 0.0) for row in rows]
    share = losses[0] / sum(losses) if losses[0] else 0.0
    return share if share >= DOMINANT_SHARE else 0.0


def _shuffled_scores(
    model: Model, table: pa.RecordBatch, index: int, orders: Sequence[Labels], scores: Values
) -> Iterator[Values]:
    """Yields the predictions with the values of a column in each order.

    A record that gets its own value again, or a value that it has in another order, is not predicted anew.
    """
    codes, donors = _value_codes(table.column(index))
    given = np.stack([codes[order] for order in orders])
    is_new = given != codes
    pairs, places = np.unique((np.arange(len(codes)) * len(donors) + given)[is_new], return_inverse=True)
    found = scores[:0]
    if len(pairs):
        rows, values = np.divmod(pairs, len(donors))
        columns = [column.take(pa.array(rows)) for column in table.columns]
        columns[index] = table.column(index).take(pa.array(donors[values]))
        found = model.predict_table(pa.RecordBatch.from_arrays(columns, schema=table.schema)).astype(np.float64)
    ends = np.cumsum(is_new.sum(axis=1))
    for changed, part in zip(is_new, np.split(places, ends[:-1]), strict=True):
        shuffled = scores.copy()
        shuffled[changed] = found[part]
        yield shuffled


def _value_codes(column: pa.Array) -> tuple[Labels, Labels]:
    """Returns a code for the values of each record, and for each code the first record that has them."""
    index: dict[tuple[Any, ...] | None, int] = {}
    values = [None if one is None else tuple(one) for one in column.to_pylist()]
    codes = np.array([index.setdefault(one, len(index)) for one in values], np.int64)
    return codes, np.unique(codes, return_index=True)[1].astype(np.int64)
