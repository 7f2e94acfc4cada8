"""Spatial dependence: Moran's I of values at places, with a test by permutation."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

NUM_PERMUTATIONS = 999


@dataclasses.dataclass(frozen=True)
class Moran:
    """Moran's I (Moran, 1950), with weights that are equal for the neighbours of a place and sum to one.

    Args:
        statistic: float. 1 where neighbours are alike, about 0 where they are as far apart as any two.
        expected: float. Its mean where values lie at random: `-1 / (N - 1)`.
        p_value: float. The share of permutations of the values with at least this statistic, itself counted.
    """

    statistic: float
    expected: float
    p_value: float


def moran(
    values: NDArray[np.float64], neighbours: NDArray[np.int64], seed: int, num_permutations: int = NUM_PERMUTATIONS
) -> Moran:
    """Returns Moran's I of values.

    Args:
        values: float array of shape `(N,)`, not all equal.
        neighbours: int array of shape `(N, K)`. The places of each value's neighbours.
        seed: int. Of the permutations.
        num_permutations: int. Defaults to 999.
    """
    centred = values - values.mean()
    variation = centred @ centred

    def statistic(ordered: NDArray[np.float64]) -> float:
        return float(ordered @ ordered[neighbours].mean(axis=1) / variation)

    found = statistic(centred)
    random = np.random.default_rng(seed)
    at_least = sum(statistic(random.permutation(centred)) >= found for _ in range(num_permutations))
    return Moran(found, -1 / (len(values) - 1), (at_least + 1) / (num_permutations + 1))
