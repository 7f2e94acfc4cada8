"""Permutation importance (Breiman, 2001; Fisher et al., JMLR 2019) of raw features, through the serving signature."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...evaluator.metric import Metric
from ...evaluator.statistics import Labels, Values
from ...examples import BATCH_SIZE, encode
from ..report import Importance
from .predictions import Model
from .resampling import Resamples, to_estimate
from .slices import metric_statistic

MAX_PREDICTIONS = 100_000
MAX_REPEATS = 5
NUM_RESAMPLES = 200


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

    whole = measure(_predict(model, table))
    rows = []
    for feature in features:
        index = table.schema.get_field_index(feature)
        if index < 0:
            continue
        shuffled = [measure(_predict(model, _shuffled(table, index, order))) for order in shuffles]
        rows.append(Importance(feature=feature, drop=to_estimate(whole - np.mean(shuffled, axis=0))))
    return tuple(sorted(rows, key=lambda row: -(row.drop.value or 0.0)))


def _shuffled(table: pa.RecordBatch, index: int, order: Labels) -> pa.RecordBatch:
    columns = [*table.columns]
    columns[index] = columns[index].take(pa.array(order))
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _predict(model: Model, table: pa.RecordBatch) -> Values:
    examples = encode(table)
    return np.concatenate(
        [model.predict(examples[start : start + BATCH_SIZE]) for start in range(0, len(examples), BATCH_SIZE)]
    )
