"""Which records go to `eval`, and which are the second of two equal ones, whatever the order of the records."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError
from ..fingerprints import fingerprints
from .spec import IngestSpec, SplitMethod


class Splitter:
    """Says for each record whether it goes to `eval`.

    Args:
        spec: `IngestSpec`.
        first_eval_time: `pyarrow.Scalar` or `None`. For a split by time: the first value of the key in `eval`.
    """

    def __init__(self, spec: IngestSpec, first_eval_time: pa.Scalar | None = None) -> None:
        self._split = spec.split
        # In the order of the names, so that the configuration's order does not matter.
        self._record = sorted(spec.columns)
        self._first_eval_time = first_eval_time

    def is_eval(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns a `(num_rows,)` bool array for typed records."""
        if self._split.method is SplitMethod.TIME:
            later = pc.greater_equal(batch.column(self._split.key), self._first_eval_time)
            mask: np.ndarray = later.to_numpy(zero_copy_only=False)
            return mask
        names = self._record if self._split.key is None else [self._split.key]
        hashes = fingerprints([batch.column(name) for name in names], self._split.salt)
        # The upper 53 bits as a float in [0, 1).
        return (hashes >> np.uint64(11)) * 2.0**-53 < self._split.eval_share


class Duplicates:
    """Finds the records that are equal to an earlier one, by their 64-bit fingerprints (8 bytes a record)."""

    def __init__(self) -> None:
        # Sorted runs, each more than twice as long as the next: few to search, seldom merged.
        self._runs: list[np.ndarray] = []

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """Returns a `(num_rows,)` bool array, true where a hash was there before, in this call or an earlier one."""
        new, first = np.unique(hashes, return_index=True)
        known = np.ones(len(hashes), bool)
        known[first] = False
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            known |= run[places] == hashes
        self._runs.append(new)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.union1d(self._runs[-2], self._runs[-1])]
        return known


def first_eval_time(keys: Sequence[pa.Array], eval_share: float) -> pa.Scalar:
    """Returns the value of a time key with which `eval` begins, so that it has the latest `eval_share` of the records.

    Records of one time stay together.

    Raises:
        DataError: if all records have the same time.
    """
    times = pa.chunked_array(keys)
    order = pc.sort_indices(times)
    place = min(max(round(len(times) * (1 - eval_share)), 0), len(times) - 1)
    first = times[order[place].as_py()]
    if first == times[order[0].as_py()]:
        later = pc.filter(times, pc.greater(times, first))
        if not len(later):
            raise DataError(
                f"Expected records of several times to split by. Received: all {len(times)} of {first.as_py()!r}. "
                "Split by another key or method."
            )
        first = pc.min(later)
    return first
