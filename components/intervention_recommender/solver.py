"""The integer program of a plan, which HiGHS solves to a proven gap.

The choices maximize the sum of their gains; their cost is within the budget, each region gets its floor, a community
gets few actions, none beside one that excludes it, and each with what it needs.
"""

import contextlib
import ctypes
import dataclasses
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from .problem import Numbers, Pairs, PlanProblem
from .settings import PlanSettings

TOLERANCE = 2e-6
"""More than the share of the budget by which the solver may pass it."""

ROUNDING = 1e-9
"""The share of the budget by which a sum of costs may pass it for the rounding of its numbers."""

SOLVER_LINE = b"HighsMipSolverData::"
"""How a line begins that HiGHS writes for its own authors."""

INFEASIBLE = 2
"""The status of `scipy.optimize.milp` where no choices meet all constraints."""


@dataclasses.dataclass(frozen=True)
class Solution:
    """What the solver found.

    Args:
        pairs: `Pairs`.
        gap: float. Relative distance to the best possible that was proven.
        seconds: float.
    """

    pairs: Pairs
    gap: float
    seconds: float


class UnmetFloorsError(UsageError):
    """No choices meet the floors."""


class NotInTimeError(UsageError):
    """The solver found no choices within `plan.time_limit_s`."""


def solve(
    problem: PlanProblem, settings: PlanSettings, budget: float, floors: dict[str, float], caution: float = 0.0
) -> Solution:
    """Returns the choices of the greatest gain within a budget.

    Args:
        problem: `PlanProblem`.
        settings: `PlanSettings`.
        budget: float.
        floors: dict of region to the least share of the budget.
        caution: float. Standard deviations of its draws that are taken off each gain. Defaults to 0.

    Raises:
        UnmetFloorsError: if no choices meet the floors.
        NotInTimeError: if none were found in time.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    begin = time.perf_counter()
    gains = problem.gains - caution * problem.draws.std(axis=1) if caution else problem.gains
    pairs = candidates(problem, gains, budget)
    if not len(pairs):
        if floors:
            raise _unmet(problem, budget, floors)
        return Solution(pairs, 0.0, time.perf_counter() - begin)
    communities, actions = pairs.T
    costs, values = problem.costs[actions, communities], gains[actions, communities]
    unit = min(budget, costs.sum())  # Beside a budget beyond all costs their parts of it would be within tolerances.
    rows: list[tuple[NDArray[np.int64], Numbers]] = [(np.arange(len(pairs)), costs / unit)]
    uppers: list[float] = []
    for region, share in floors.items():
        inside = np.flatnonzero(np.array([problem.regions[n] == region for n in communities]))
        rows.append((inside, -costs[inside] / unit))
        uppers.append(-share * budget / unit)
    for places, signs, upper in _within_communities(problem, pairs, settings.max_actions):
        rows.append((places, signs))
        uppers.append(upper)
    indices = np.concatenate([places for places, _ in rows])
    starts = np.concatenate([[0], np.cumsum([len(places) for places, _ in rows])])
    matrix = csr_array((np.concatenate([signs for _, signs in rows]), indices, starts), shape=(len(rows), len(pairs)))
    scale = np.abs(values).max() or 1.0

    def optimize(limit: float) -> Any:
        with _output_to_errors():
            return milp(
                -values / scale,
                integrality=np.ones(len(pairs)),
                bounds=Bounds(0, 1),
                constraints=LinearConstraint(matrix, -np.inf, np.array([limit / unit, *uppers])),
                options={"mip_rel_gap": settings.max_gap, "time_limit": settings.time_limit_s},
            )

    result = optimize(budget)
    if result.x is not None and costs[result.x > 0.5].sum() > budget * (1 + ROUNDING):
        result = optimize(budget * (1 - TOLERANCE))
    if result.x is None:
        if result.status == INFEASIBLE and floors:
            raise _unmet(problem, budget, floors)
        raise NotInTimeError(
            f"Expected a plan within {settings.time_limit_s:g} s. Received: none ({result.message}). Raise "
            "recommend.plan.time_limit_s."
        )
    gap = 0.0 if result.mip_gap is None else max(float(result.mip_gap), 0.0)
    return Solution(pairs[result.x > 0.5], gap, time.perf_counter() - begin)


def candidates(problem: PlanProblem, gains: Numbers, budget: float) -> Pairs:
    """Returns the choices that could be in the plan: allowed, affordable, and of some gain or needed."""
    names = list(problem.catalogue.actions)
    can_be = problem.allowed & (problem.costs <= budget)
    # One that needs what a community cannot have is none; what it needs is allowed before it, whatever the order.
    for name in names:
        for other in problem.catalogue.needed(name):
            can_be[names.index(name)] &= problem.allowed[names.index(other)] & (
                problem.costs[names.index(other)] <= budget
            )
    # A floor may have to be met by choices whose gain is not sure.
    wanted = can_be & ((gains > 0) | (problem.gains > 0))
    for name in names:
        for other in problem.catalogue.needed(name):
            wanted[names.index(other)] |= can_be[names.index(name)] & can_be[names.index(other)]
    actions, communities = np.nonzero(wanted)
    order = np.argsort(communities, kind="stable")
    return np.column_stack([communities, actions])[order]


def _unmet(problem: PlanProblem, budget: float, floors: dict[str, float]) -> UnmetFloorsError:
    return UnmetFloorsError(
        f"Expected floors that can be met within the budget of {budget:,.0f} {problem.catalogue.currency}. "
        f"Received: {', '.join(f'{name} {share:.1%}' for name, share in floors.items())}. Lower them."
    )


@contextlib.contextmanager
def _output_to_errors() -> Iterator[None]:
    """Sends what this process writes to standard output to standard error, without the lines that name a function of
    HiGHS and nothing else: no option turns them off, and a command's JSON object would not be alone.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as written:
        try:
            os.dup2(written.fileno(), 1)
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # The lines wait in a buffer of C.
            os.dup2(kept, 1)
            os.close(kept)
            written.seek(0)
            others = [line for line in written if not line.startswith(SOLVER_LINE)]
            sys.stderr.write(b"".join(others).decode(errors="replace"))


def _within_communities(
    problem: PlanProblem, pairs: Pairs, max_actions: int
) -> list[tuple[NDArray[np.int64], Numbers, float]]:
    """Returns rows `(places, signs, upper bound)`: few actions, none that exclude each other, what is needed, and what
    is of no help only beside what needs it.
    """
    names = list(problem.catalogue.actions)
    needs = [
        (names.index(name), names.index(other))
        for name, action in problem.catalogue.actions.items()
        for other in action.needs
    ]
    needed_by = [{bundle[0] for bundle in problem.bundles if action in bundle[1:]} for action in range(len(names))]
    cliques = _cliques(problem.conflicts, len(names))
    ones, signs = np.ones(len(names)), np.array([1.0, -1.0])
    found: list[tuple[NDArray[np.int64], Numbers, float]] = []
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(pairs)], strict=True):
        if stop - start > max_actions:
            found.append((np.arange(start, stop), ones[: stop - start], float(max_actions)))
        place_of = dict(zip(pairs[start:stop, 1].tolist(), range(start, stop), strict=True))
        for clique in cliques:
            places = [place_of[action] for action in clique if action in place_of]
            if len(places) > 1:
                found.append((np.array(places), ones[: len(places)], 1.0))
        for action, other in needs:
            if action in place_of:
                found.append((np.array([place_of[action], place_of[other]]), signs, 0.0))
        for action, place in place_of.items():
            if problem.gains[action, pairs[start, 0]] <= 0:
                # Of no help by itself: a floor must not be met by it alone.
                others = [place_of[other] for other in sorted(needed_by[action] & place_of.keys())]
                found.append((np.array([place, *others]), np.array([1.0] + [-1.0] * len(others)), 0.0))
    return found


def _cliques(conflicts: Collection[frozenset[int]], num_actions: int) -> list[list[int]]:
    """Returns sets of actions that all exclude each other, which together hold every pair that does.

    At most one of each is a tighter bound than at most one of each pair, and fewer rows.
    """
    found = []
    left = set(conflicts)
    while left:
        clique = sorted(min(left, key=sorted))
        for action in range(num_actions):
            if all(frozenset((action, other)) in conflicts for other in clique):
                clique.append(action)
        found.append(clique)
        left -= {frozenset(pair) for pair in itertools.combinations(clique, 2)}
    return found
