"""Whether a series may have a break that is the station's (moved, another instrument) and not the climate's.

    found = find_breaks(years, values)

Four tests of yearly values, classed as the European Climate Assessment does (Wijngaard et al. 2003,
doi:10.1002/joc.906): Pettitt (1979, doi:10.2307/2346729), the standard normal homogeneity test (Alexandersson 1986,
doi:10.1002/joc.3370060607), Buishand's range (1982, doi:10.1016/0022-1694(82)90066-X) and von Neumann's ratio (1941).
Their p are those of permutations of the years, so that no distribution is assumed. A trend of the climate makes them
reject too: without neighbours and the station's history nobody can tell one from the other.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MIN_YEARS = 15
LEVEL = 0.01
NUM_PERMUTATIONS = 4_999
TESTS = ("pettitt", "snht", "buishand", "von_neumann")

_SEED = 20


@dataclasses.dataclass(frozen=True)
class Homogeneity:
    """What the tests found.

    Args:
        statistics: dict of a test of `TESTS` to its statistic.
        p: dict of a test to its p.
        year: int. The last one before the likeliest break, by the standard normal homogeneity test.
        before: float. The mean until then.
        after: float. The mean from then on.
        num_years: int.
    """

    statistics: dict[str, float]
    p: dict[str, float]
    year: int
    before: float
    after: float
    num_years: int

    @property
    def num_rejected(self) -> int:
        """How many tests rule out, at 1 %, that the years come in any order."""
        return sum(p < LEVEL for p in self.p.values())

    @property
    def verdict(self) -> Literal["useful", "doubtful", "suspect"]:
        """The class of Wijngaard et al."""
        return "useful" if self.num_rejected < 2 else "doubtful" if self.num_rejected == 2 else "suspect"


def find_breaks(years: NDArray[np.int64], values: NDArray[np.float64]) -> Homogeneity | None:
    """Returns the tests of yearly values, None where there are too few or all are equal.

    Args:
        years: array, `(N,)`.
        values: array, `(N,)`. NaN where missing; the tests take the years that are there as one after the other.
    """
    is_known = np.isfinite(values)
    x, y = years[is_known], values[is_known]
    if len(y) < MIN_YEARS or np.ptp(y) == 0:
        return None
    found = {name: float(value[0]) for name, value in _statistics(y[None]).items()}
    random = np.random.default_rng(_SEED)
    drawn = _statistics(random.permuted(np.tile(y, (NUM_PERMUTATIONS, 1)), axis=1))
    # A permutation that is as extreme as the series must not count as less by rounding.
    margin = 1e-9
    extreme = {
        name: drawn[name] <= found[name] + margin if name == "von_neumann" else drawn[name] >= found[name] - margin
        for name in TESTS
    }
    place = int(_snht(y[None])[0].argmax())
    return Homogeneity(
        statistics=found,
        p={name: float((1 + of.sum()) / (1 + NUM_PERMUTATIONS)) for name, of in extreme.items()},
        year=int(x[place]),
        before=float(y[: place + 1].mean()),
        after=float(y[place + 1 :].mean()),
        num_years=len(y),
    )


def _statistics(y: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Returns the statistics of each row of `(M, N)`."""
    from scipy import stats

    n = y.shape[1]
    ranks = stats.rankdata(y, axis=1)
    places = np.arange(1, n + 1)
    sums = (y - y.mean(axis=1, keepdims=True)).cumsum(axis=1)
    sums = np.concatenate([np.zeros((len(y), 1)), sums], axis=1)
    return {
        "pettitt": np.abs(2 * ranks.cumsum(axis=1) - places * (n + 1)).max(axis=1),
        "snht": _snht(y).max(axis=1),
        "buishand": np.ptp(sums, axis=1) / y.std(axis=1) / np.sqrt(n),
        "von_neumann": (np.diff(y, axis=1) ** 2).sum(axis=1) / (n * y.var(axis=1)),
    }


def _snht(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the test's value of a break after each year but the last."""
    n = y.shape[1]
    k = np.arange(1, n)
    sums = ((y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, ddof=1, keepdims=True)).cumsum(axis=1)[:, :-1]
    # All sum to 0: what stands after a year is the negative of what stands before.
    found: NDArray[np.float64] = sums**2 * (1 / k + 1 / (n - k))
    return found
