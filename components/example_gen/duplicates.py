"""Which rows are the second of two equal ones."""

import numpy as np


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
        if len(new):
            self._runs.append(new)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            self._runs[-2:] = [_merge(self._runs[-2], self._runs[-1])]
        return known


def _merge(run: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = np.concatenate([run, other])
    both.sort(kind="stable")  # It takes what is sorted as it is, and merges.
    merged: np.ndarray = both[np.append(True, both[1:] != both[:-1])]
    return merged
