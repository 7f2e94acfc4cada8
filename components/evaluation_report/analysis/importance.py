"""Permutation importance (Breiman, 2001; Fisher et al., JMLR 2019) of raw features, through the serving signature."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...evaluator.metric import Metric
from ...evaluator.model import Model
from ...evaluator.statistics import Labels, Values
from ...examples import BATCH_SIZE, encode
from ..report import Importance
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

    examples = encode(table)
    known = _predict(model, examples, {})
    whole = measure(np.stack([known[one] for one in examples]))
    rows = []
    for feature in features:
        index = table.schema.get_field_index(feature)
        if index < 0:
            continue
        variants = [encode(_shuffled(table, index, order)) for order in shuffles]
        found = _predict(model, itertools.chain.from_iterable(variants), known)
        shuffled = [measure(np.stack([found[one] for one in variant])) for variant in variants]
        rows.append(Importance(feature=feature, drop=to_estimate(whole - np.mean(shuffled, axis=0))))
    return tuple(sorted(rows, key=lambda row: -(row.drop.value or 0.0)))


def _shuffled(table: pa.RecordBatch, index: int, order: Labels) -> pa.RecordBatch:
    columns = [*table.columns]
    columns[index] = columns[index].take(pa.array(order))
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _predict(model: Model, examples: Iterable[bytes], known: Mapping[bytes, Values]) -> dict[bytes, Values]:
    """Returns the prediction of each example; of those that are alike, or known, no other is asked for.

    A shuffled feature of few values leaves many records as they were, and makes others the same in several repeats.
    """
    new = [one for one in dict.fromkeys(examples) if one not in known]
    found = dict(known)
    for start in range(0, len(new), BATCH_SIZE):
        batch = new[start : start + BATCH_SIZE]
        found |= zip(batch, model.predict(batch).astype(np.float64), strict=True)
    return found
