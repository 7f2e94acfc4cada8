"""What a plan is made of: choices with their costs, gains and draws of gains."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError, suggestion
from .catalogue import Catalogue

Numbers = NDArray[np.float64]
Pairs = NDArray[np.int64]
"""`(M, 2)`: community and action of each choice."""


@dataclasses.dataclass(frozen=True)
class PlanProblem:
    """What a plan is made of, for `N` communities, `A` actions and `B` draws.

    Args:
        catalogue: `Catalogue`. Its actions in the order of the arrays.
        costs: float array `(A, N)`, positive where `allowed`.
        gains: float array `(A, N)`. Estimates.
        draws: float array `(A, B, N)`. Gains in draws of all communities.
        allowed: bool array `(A, N)`. Which choices there are.
        regions: tuple of `N` strings.
        orders: dict of the name of a naive plan to the order `(N,)` in which it takes communities.
        level: float. Coverage of the intervals.
    """

    catalogue: Catalogue
    costs: Numbers
    gains: Numbers
    draws: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    regions: tuple[str, ...]
    orders: dict[str, NDArray[np.int64]]
    level: float

    @functools.cached_property
    def is_choice(self) -> NDArray[np.bool_]:
        """Whether there is something to gain by an action, which is allowed with all that it needs, `(A, N)`."""
        return np.array([self.allowed[bundle].all(axis=0) for bundle in self.bundles]) & (self.gains > 0)

    @functools.cached_property
    def costs_with_needs(self) -> Numbers:
        """The cost of each action with all that it needs, `(A, N)`."""
        return np.array([self.costs[bundle].sum(axis=0) for bundle in self.bundles])

    @property
    def has_choices(self) -> bool:
        """Whether a plan has anything to choose."""
        return bool(self.is_choice.any())

    @functools.cached_property
    def bundles(self) -> list[list[int]]:
        """The places of each action and of all that it needs."""
        names = list(self.catalogue.actions)
        return [[place, *map(names.index, sorted(self.catalogue.needed(name)))] for place, name in enumerate(names)]

    @functools.cached_property
    def conflicts(self) -> frozenset[frozenset[int]]:
        """The pairs of actions that exclude each other, by their places."""
        names = list(self.catalogue.actions)
        return frozenset(
            frozenset((place, names.index(other)))
            for place, action in enumerate(self.catalogue.actions.values())
            for other in action.excludes
        )

    def of_region(self, region: str) -> "PlanProblem":
        """Returns the problem with choices in one region only.

        Raises:
            UsageError: if there is no such region.
        """
        names = sorted(set(self.regions))
        if region not in names:
            raise UsageError(
                f"Expected a region ({', '.join(names)}). Received: {region!r}.{suggestion(region, names)}"
            )
        inside = np.array([one == region for one in self.regions])
        return dataclasses.replace(self, allowed=self.allowed & inside)

    def total(self, pairs: Pairs) -> tuple[float, float, Numbers]:
        """Returns cost, gain and the gain in each draw of choices."""
        if not len(pairs):
            return 0.0, 0.0, np.zeros(self.draws.shape[1])
        communities, actions = pairs.T
        in_draws = self.draws[actions, :, communities].sum(axis=0, dtype=np.float64)
        return float(self.costs[actions, communities].sum()), float(self.gains[actions, communities].sum()), in_draws
