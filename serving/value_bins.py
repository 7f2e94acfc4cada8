"""Bins for the numbers that a model predicts, by the golden predictions of its push."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..model_store.golden import read_golden
from ..model_store.layout import GOLDEN_FILE
from .contract import Array

OUTPUT = "outputs"
"""The output of a model of numbers: the number, a forecast's steps, or the middle quantile."""
_NUM_STEPS = 16


def value_bounds(model_path: Path) -> Array:
    """Returns the bounds `(B,)` of a pushed model's bins, ascending; none where the push has no golden predictions.

    They are the multiples of a power of two in the range of the golden predictions and half of it on either side, so
    that those of two versions agree or nest, and 16 to 32 lie in the range itself.

    Args:
        model_path: path of the SavedModel in its push.

    Raises:
        ModelError: if the golden requests cannot be read.
    """
    path = model_path.parent / GOLDEN_FILE
    if not path.is_file():
        return np.array([])
    predictions = [one.prediction for one in read_golden(path.read_bytes())]
    return bounds_of(list(_numbers(predictions)))


def bounds_of(numbers: list[float]) -> Array:
    """Returns the bounds of the bins of predicted numbers; see `value_bounds`."""
    if not numbers:
        return np.array([])
    low, high = np.quantile(numbers, [0.01, 0.99])
    span = (high - low) or max(abs(high), 1.0)
    step = 2.0 ** math.floor(math.log2(span / _NUM_STEPS))
    first, last = math.floor((low - span / 2) / step), math.ceil((high + span / 2) / step)
    return step * np.arange(first, last + 1)


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, Mapping):
        yield from _numbers(value.get(OUTPUT, ()))
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
