"""Bins of a column: chosen from training records, and found for each row of a log."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..fingerprints import as_text
from .reference import LEAST_COUNT, Distribution

NUM_BINS = 10
"""Intervals of a number, of equal counts of training records where its values allow it."""
COMMON_SHARE = 0.05
"""A number that so many training records have is a bin of its own."""
MAX_CATEGORIES = 200
MAX_NAMED = 1000
"""Categories that are named, with a bin of their own or as rare; of more, none is known to be new."""

Indices = NDArray[np.int64]


def numeric_distribution(values: NDArray[Any]) -> Distribution:
    """Returns the bins and counts of training values `(N,)`, NaN for a missing one."""
    known = values[~np.isnan(values)]
    edges = _edges(known) if len(known) else known
    empty = Distribution(kind="numeric", edges=tuple(edges.tolist()), counts=())
    return _counted(empty, numeric_bins(values, empty))


def _edges(values: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the bounds of bins: quantiles, and on both sides of a value that many have, such as 0."""
    distinct, counts = np.unique(values, return_counts=True)
    common = distinct[counts >= COMMON_SHARE * len(values)]
    quantiles = np.quantile(values, np.arange(1, NUM_BINS) / NUM_BINS, method="lower")
    edges: NDArray[np.float64] = np.unique(np.concatenate([quantiles, common, np.nextafter(common, np.inf)]))
    return edges


def categorical_distribution(values: pa.Array) -> Distribution:
    """Returns the bins and counts of training values, null for a missing one."""
    counted = pc.value_counts(as_text(values).drop_null())
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    order = sorted(range(len(names)), key=lambda place: (-counts[place], names[place]))
    frequent = [names[place] for place in order if counts[place] >= LEAST_COUNT][:MAX_CATEGORIES]
    is_open = len(names) > MAX_NAMED
    rare = [] if is_open else sorted(set(names).difference(frequent))
    empty = Distribution(
        kind="categorical",
        categories=tuple(sorted(frequent)),
        rare=tuple(rare),
        is_open=is_open,
        singletons=int((counts == 1).sum()),
        counts=(),
    )
    return _counted(empty, CategoricalBins(empty)(values))


def numeric_bins(values: NDArray[Any], distribution: Distribution) -> Indices:
    """Returns the bin of each number `(N,)`, NaN for a missing one."""
    # NaN is above all edges.
    bins = np.searchsorted(np.asarray(distribution.edges), values, side="right")
    bins[np.isnan(values)] = distribution.num_bins - 1
    return bins


class CategoricalBins:
    """Finds the bins of categories.

    Args:
        distribution: `Distribution`.
        names: sequence of strings, the categories as the log has them, in the order of `categories` and then `rare`.
            Defaults to these themselves.
    """

    def __init__(self, distribution: Distribution, names: Sequence[str] | None = None) -> None:
        known = names if names is not None else (*distribution.categories, *distribution.rare)
        self._texts = pa.array(known, pa.string())
        self._last = distribution.num_bins - 1
        size = distribution.num_values
        self._bins = np.minimum(np.arange(len(known) + 2), size)
        # Behind the known ones: the unknown, then the missing.
        self._bins[len(known)] = size if distribution.is_open else size + 1
        self._bins[len(known) + 1] = self._last
        self._sets: dict[pa.DataType, pa.Array] = {}

    def __call__(self, values: pa.Array) -> Indices:
        """Returns the bin of each value, null for a missing one."""
        if pa.types.is_null(values.type):
            return np.full(len(values), self._last)
        if pa.types.is_floating(values.type) or pa.types.is_boolean(values.type) or pa.types.is_binary(values.type):
            values = as_text(values)
        if values.type not in self._sets:
            self._sets[values.type] = _cast(self._texts, values.type)
        known = self._sets[values.type]
        found = pc.index_in(values, value_set=known, skip_nulls=True).fill_null(len(known))
        places = found.to_numpy(zero_copy_only=False)
        if values.null_count:
            places = np.where(values.is_null().to_numpy(zero_copy_only=False), len(known) + 1, places)
        bins: Indices = self._bins[places]
        return bins


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Returns the texts as another type; what is none of it is null, which no value is."""
    if not pa.types.is_integer(kind):
        return texts.cast(kind)
    is_integer = pc.match_substring_regex(texts, "^-?[0-9]{1,18}$")
    return pc.if_else(is_integer, texts, pa.scalar(None, pa.string())).cast(kind)


def _counted(distribution: Distribution, bins: Indices) -> Distribution:
    counts = np.bincount(bins, minlength=distribution.num_bins)
    return distribution.model_copy(update={"counts": tuple(counts.tolist())})
