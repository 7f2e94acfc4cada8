"""Columns of a log as what the monitor counts: bins of features, groups, scores and numbers."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import DataError
from ...serving.prediction_records import HASH_BYTES, digest
from ..fingerprints import as_text
from ..prediction_task import PredictionTask
from .bins import CategoricalBins, Indices, numeric_bins
from .reference import FeatureReference, SliceColumn

_HASH = re.compile(f"[0-9a-f]{{{2 * HASH_BYTES}}}")


class HashedError(DataError):
    """A column holds hashes that cannot be compared."""


class FeatureColumn:
    """Finds the bins of a feature in tables of a log.

    Args:
        feature: `FeatureReference`.
        key: bytes. The key of hashed values; empty for none.
    """

    def __init__(self, feature: FeatureReference, key: bytes = b"") -> None:
        self._feature = feature
        self._distribution = feature.distribution
        self._plain: CategoricalBins | None = None
        self._hashed: CategoricalBins | None = None
        if self._distribution is not None and self._distribution.kind == "categorical":
            self._plain = CategoricalBins(self._distribution)
            names = (*self._distribution.categories, *self._distribution.rare)
            self._hashed = CategoricalBins(self._distribution, [digest(name, key) for name in names]) if key else None

    def bins(self, column: pa.Array) -> Indices:
        """Returns the bin of each row.

        Raises:
            HashedError: if the values are hashes, and of numbers, or no key is given.
        """
        if self._distribution is None:
            raise ValueError(f"Expected a feature with a distribution. Received: {self._feature.name}.")
        is_hashed = _is_hashed(column, self._feature)
        if is_hashed and self._hashed is None:
            raise HashedError(self._feature.name)
        values = column if is_hashed else newest(column)
        if self._plain is not None:
            return (self._hashed if is_hashed and self._hashed else self._plain)(values)
        return numeric_bins(self.numbers(values), self._distribution)

    def numbers(self, column: pa.Array) -> NDArray[np.float64]:
        """Returns the values as numbers of the model's precision, NaN for a missing one."""
        return to_numbers(newest(column), self._feature.dtype)

    def num_out_of_range(self, column: pa.Array) -> NDArray[np.bool_] | None:
        """Returns which rows lie outside the schema's bounds, None where it has none or the values are hashes."""
        feature = self._feature
        if (feature.low is None and feature.high is None) or _is_hashed(column, feature):
            return None
        values = self.numbers(column)
        low, high = (np.nan if bound is None else bound for bound in (feature.low, feature.high))
        outside: NDArray[np.bool_] = (values < low) | (values > high)
        return outside


def to_numbers(values: pa.Array, dtype: str = "float64") -> NDArray[np.float64]:
    """Returns numbers, rounded to a type as the model takes them, NaN for none."""
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    rounded: NDArray[np.float64] = numbers.astype(np.float32).astype(np.float64) if dtype == "float32" else numbers
    return rounded


def newest(column: pa.Array) -> pa.Array:
    """Returns the last value of each sequence, null for an empty one; single values as they are."""
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return column
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    places = pa.array(np.maximum(ends - 1, 0), mask=lengths == 0)
    return column.flatten().take(places)


def to_array(column: pa.Array) -> NDArray[np.float64]:
    """Returns nested lists of one shape as an array `(N, ...)`; NaN for null.

    Raises:
        ValueError: if they are of several shapes.
    """
    shape, values = [len(column)], column
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        flat = values.flatten()
        if not len(values) or len(flat) % len(values) or values.null_count:
            raise ValueError("Expected outputs of one shape.")
        shape.append(len(flat) // len(values))
        values = flat
    array: NDArray[np.float64] = to_numbers(values).reshape(shape)
    return array


def output_values(outputs: NDArray[Any], task: PredictionTask) -> NDArray[np.float64]:
    """Returns one number a prediction: the middle quantile, and of a forecast the mean over its steps."""
    values = np.asarray(outputs, np.float64)
    if task.label.quantiles:
        values = values[..., int(np.abs(np.array(task.label.quantiles) - 0.5).argmin())]
    numbers: NDArray[np.float64] = values.reshape(len(values), -1).mean(axis=1)
    return numbers


def groups_of(column: pa.Array, slice_column: SliceColumn, names: Sequence[str]) -> Indices:
    """Returns the place of each row's group among `names`, -1 for none of them."""
    if slice_column.edges:
        values = to_numbers(newest(column))
        known = interval_names(slice_column.edges)
        # As the ingest does: .1 lies on the edge .1.
        dtype = np.float32 if pa.types.is_floating(newest(column).type) else np.float64
        places = np.digitize(values.astype(dtype), np.asarray(slice_column.edges, dtype))
        index = np.array([names.index(name) if name in names else -1 for name in known])
        groups: Indices = np.where(np.isnan(values), -1, index[places])
        return groups
    texts = as_text(newest(column)) if not pa.types.is_null(column.type) else pa.nulls(len(column), pa.string())
    found = pc.index_in(texts, value_set=pa.array(names, pa.string()), skip_nulls=True)
    places = found.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(places, np.int64)


def interval_names(edges: Sequence[float]) -> list[str]:
    """Returns the names of intervals, as the ingest writes them: `[20, 25]` gives `"<20"`, `"20-<25"`, `">=25"`."""
    ends = [f"{edge:.15g}" for edge in edges]
    return [f"<{ends[0]}", *(f"{low}-<{high}" for low, high in itertools.pairwise(ends)), f">={ends[-1]}"]


def _is_hashed(column: pa.Array, feature: FeatureReference) -> bool:
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    if feature.dtype != "string":
        return True
    first = next((value.as_py() for value in column[:100] if value.is_valid), "")
    return _HASH.fullmatch(first) is not None
