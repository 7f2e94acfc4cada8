"""Metrics of records with their standard errors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluator.metric import Metric, bind

NUM_RESAMPLES = 200
MAX_RESAMPLED_ROWS = 5_000


def value_and_error(metric: Metric, labels: NDArray[Any], scores: NDArray[np.float64]) -> tuple[float, float]:
    """Returns a metric of records and its standard error, by the bootstrap over at most 5,000 of them."""
    value = float(bind(metric, labels, scores)(np.ones((1, len(labels))))[0])
    generator = np.random.default_rng(0)
    rows = np.arange(len(labels))
    if len(rows) > MAX_RESAMPLED_ROWS:
        rows = generator.choice(rows, MAX_RESAMPLED_ROWS, replace=False)
    weights = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), NUM_RESAMPLES).astype(np.float64)
    resampled = bind(metric, labels[rows], scores[rows])(weights)
    error = float(np.nanstd(resampled)) if np.isfinite(resampled).any() else float("nan")
    return value, error * float(np.sqrt(len(rows) / len(labels)))
