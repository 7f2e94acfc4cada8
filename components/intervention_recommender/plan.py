"""The best set of actions under a budget: an integer program that HiGHS solves to a proven gap.

A choice is an action for a community. The plan maximizes the sum of the choices' gains; its cost is within the budget,
each region gets its floor, a community gets few actions, none beside one that excludes it, and each with what it needs.
Effects of actions in one community add up in it, which they need not in truth.
"""

import contextlib
import ctypes
import dataclasses
import functools
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from ...errors import UsageError, suggestion
from .catalogue import Catalogue
from .document import BudgetPoint, Choice, CostPoint, NaivePlan, Plan
from .settings import PlanSettings
from .text import BY_POPULATION, BY_RANK

Numbers = NDArray[np.float64]
Pairs = NDArray[np.int64]
"""`(M, 2)`: community and action of each choice."""

HOLDS = 0.9
"""The share of the draws in which the robust plan reaches its guaranteed gain."""

CAUTIONS = (0.0, 0.5, 1.0)
"""Standard deviations of its draws that are taken off each choice's gain; the plan with the most guaranteed wins."""

ROUGH_GAP = 1e-3
"""The relative gap of the plans of other budgets and costs, which stand beside the plan."""

ANY_GAP = 0.99
"""The relative gap with which the solver stops at nearly any plan."""

BUDGETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
COST_FACTORS = (0.8, 1.0, 1.2)

TOLERANCE = 2e-6
"""More than the share of the budget by which the solver may pass it."""

ROUNDING = 1e-9
"""The share of the budget by which a sum of costs may pass it for the rounding of its numbers."""

SOLVER_LINE = b"HighsMipSolverData::"
"""How a line begins that HiGHS writes for its own authors."""

INFEASIBLE = 2
"""The status of `scipy.optimize.milp` where no choices meet all constraints."""


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


@dataclasses.dataclass(frozen=True)
class Planned:
    """A plan with what stands beside it."""

    plan: Plan
    naive_plans: tuple[NaivePlan, ...]
    budget_curve: tuple[BudgetPoint, ...]
    cost_sensitivity: tuple[CostPoint, ...]


def make_plan(problem: PlanProblem, settings: PlanSettings, budget: float, region: str | None = None) -> Planned:
    """Returns the best plan under a budget, naive plans beside it, and what other budgets and costs would give.

    Args:
        problem: `PlanProblem`.
        settings: `PlanSettings`.
        budget: float.
        region: string or None. The one region that the plan is for. Defaults to None, all.

    Raises:
        UsageError: if the budget is below the cheapest choice, there is no choice, a floor or the region is unknown, or
            the floors cannot be met.
        NotInTimeError: if no plan was found in time. Other budgets and costs of which none was found have no gain.
    """
    if region is not None:
        problem, settings = problem.of_region(region), settings.model_copy(update={"floors": {}})
    _check_budget(problem, budget, region)
    floors = _floors(problem, settings, budget)
    begin = time.perf_counter()
    caution, best = _best(problem, settings, budget, floors)
    seconds = time.perf_counter() - begin
    cost, gain, in_draws = problem.total(best.pairs)
    naive = {name: _naive(problem, settings, budget, order) for name, order in problem.orders.items()}
    rivals = np.array([problem.total(pairs)[2] for pairs in naive.values()]).reshape(len(naive), len(in_draws))
    lower, upper = _ends(problem, in_draws)
    plan = Plan(
        budget=budget,
        currency=problem.catalogue.currency,
        region=region,
        choices=tuple(Choice(community=int(n), action=int(a)) for n, a in _by_gain(problem, best.pairs)),
        cost=cost,
        gain=gain,
        gain_lower=min(lower, gain),
        gain_upper=max(upper, gain),
        gap=best.gap,
        seconds=round(seconds, 3),
        solver=f"HiGHS in scipy {scipy.__version__}",
        floors=floors,
        no_floor=tuple(sorted(set(problem.regions) - set(floors))) if settings.floors.get("*") else (),
        gain_without_floors=_without_floors(problem, settings, budget, caution, gain) if floors else None,
        holds_in=float(np.mean(in_draws >= rivals.max(axis=0, initial=0))),
        guaranteed_gain=_guaranteed(problem, best.pairs),
    )
    titles = {name: one.title for name, one in settings.naive.items()} | {
        "population": BY_POPULATION,
        "rank": BY_RANK,
    }
    return Planned(
        plan=plan,
        naive_plans=tuple(
            NaivePlan(name=name, title=titles[name], cost=problem.total(pairs)[0], **_gain(problem, pairs))
            for name, pairs in naive.items()
        ),
        budget_curve=tuple(_at_budget(problem, settings, budget, caution, part, best.pairs) for part in BUDGETS),
        cost_sensitivity=tuple(
            _at_costs(problem, settings, budget, caution, factor, best.pairs) for factor in COST_FACTORS
        ),
    )


def check_possible(problem: PlanProblem, settings: PlanSettings, budget: float) -> None:
    """Checks that there is a plan within a budget that meets the floors.

    Raises:
        UsageError: if the budget is below the cheapest choice, a floor names no region, or the floors cannot be met.
    """
    _check_budget(problem, budget, None)
    if floors := _floors(problem, settings, budget):
        with contextlib.suppress(NotInTimeError):  # There may be one.
            solve(problem, settings.model_copy(update={"max_gap": ANY_GAP}), budget, floors)


def _best(
    problem: PlanProblem, settings: PlanSettings, budget: float, floors: dict[str, float]
) -> tuple[float, Solution]:
    """Returns the solution with the most guaranteed gain, and its caution; one that is not found in time is left out.

    Raises:
        UsageError: as `solve`.
    """
    solved, late = [], None
    for caution in CAUTIONS if settings.robust else CAUTIONS[:1]:
        try:
            solved.append((caution, solve(problem, settings, budget, floors, caution)))
        except NotInTimeError as error:
            late = error
    if late is not None and not solved:
        raise late
    return max(solved, key=lambda one: _guaranteed(problem, one[1].pairs))


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
    pairs = _candidates(problem, gains, budget)
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


def _candidates(problem: PlanProblem, gains: Numbers, budget: float) -> Pairs:
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


def _naive(problem: PlanProblem, settings: PlanSettings, budget: float, order: NDArray[np.int64]) -> Pairs:
    """Returns the choices of one who takes communities in an order, and for each the action of the most gain a cost."""
    left = budget
    taken: dict[int, set[int]] = {int(community): set() for community in order}
    for _ in range(settings.max_actions):
        for community in taken:
            has = taken[community]
            best, best_ratio = None, 0.0
            for bundle in problem.bundles:
                new = set(bundle) - has
                together = has | new
                if (
                    bundle[0] in has
                    or len(together) > settings.max_actions
                    or not problem.allowed[bundle, community].all()
                    or any(pair <= together for pair in problem.conflicts)
                ):
                    continue
                cost = problem.costs[list(new), community].sum()
                ratio = problem.gains[list(new), community].sum() / cost
                if cost <= left and ratio > best_ratio:
                    best, best_ratio = new, ratio
            if best:
                left -= problem.costs[list(best), community].sum()
                taken[community] = has | best
    chosen = [(community, action) for community, actions in taken.items() for action in sorted(actions)]
    return np.array(chosen, np.int64).reshape(-1, 2)


def _check_budget(problem: PlanProblem, budget: float, region: str | None) -> None:
    where = "" if region is None else f" in {region}"
    if not problem.has_choices:
        raise UsageError(
            f"Expected an action that fits a community{where} and helps there. Received: none, or all take communities "
            "where there is none like them (recommend.plan.extrapolates), failed a refutation test "
            "(recommend.plan.refuted) or need more others than a community may get (recommend.plan.max_actions). "
            "Change the catalogue's `fits` or its bounds."
        )
    cheapest = problem.costs_with_needs[problem.is_choice].min()
    if budget < cheapest:
        raise UsageError(
            f"Expected a budget of at least {np.ceil(cheapest):,.0f} {problem.catalogue.currency}, the cost of the "
            f"cheapest action for a community{where}. Received: {budget:,.0f}."
        )


def _floors(problem: PlanProblem, settings: PlanSettings, budget: float) -> dict[str, float]:
    """Returns the floor of each region that has one.

    `"*"` is for the regions where choices that each cost no more than the floor add up to it: elsewhere it would force
    a single choice upon the plan, which could eat up the budget.
    """
    names = sorted(set(problem.regions))
    floors = {name: share for name, share in settings.floors.items() if name != "*"}
    for name in floors:
        if name not in names:
            raise UsageError(
                f"Expected each of recommend.plan.floors to name a region ({', '.join(names)}). Received: {name!r}."
                f"{suggestion(name, names)}"
            )
    if common := settings.floors.get("*", 0.0):
        regions = np.array(problem.regions, object)
        communities, actions = _candidates(problem, problem.gains, budget).T
        costs = problem.costs_with_needs[actions, communities]
        is_small = costs <= common * budget
        # The dearest choice of each community: what can be spent whatever excludes what.
        dearest = np.zeros(len(regions))
        np.maximum.at(dearest, communities[is_small], costs[is_small])
        for name in names:
            if name not in floors and dearest[regions == name].sum() >= common * budget:
                floors[name] = common
    if (promised := sum(floors.values())) > 1 + 1e-9:
        raise UnmetFloorsError(
            f"Expected floors that sum to at most 1 over all regions. Received: {promised:g}, for {len(floors)} "
            "regions have one. Lower recommend.plan.floors."
        )
    return {name: share for name, share in floors.items() if share > 0}


def _at(problem: PlanProblem, settings: PlanSettings, budget: float, caution: float) -> tuple[Pairs, bool]:
    """Returns choices, and whether they meet the floors; without floors where none do.

    A larger budget may not meet a floor of it: there is not so much to do in that region.
    """
    settings = settings.model_copy(update={"max_gap": max(settings.max_gap, ROUGH_GAP)})
    try:
        return solve(problem, settings, budget, _floors(problem, settings, budget), caution).pairs, True
    except UnmetFloorsError:
        return solve(problem, settings, budget, {}, caution).pairs, False


def _without_floors(
    problem: PlanProblem, settings: PlanSettings, budget: float, caution: float, gain: float
) -> float | None:
    try:
        pairs, _ = _at(problem, settings.model_copy(update={"floors": {}}), budget, caution)
    except NotInTimeError:
        return None
    return max(gain, problem.total(pairs)[1])


def _at_budget(
    problem: PlanProblem, settings: PlanSettings, budget: float, caution: float, part: float, own: Pairs
) -> BudgetPoint:
    """Returns the plan under a part, or a multiple, of the plan's own budget."""
    budget *= part
    try:
        pairs, is_met = (own, True) if part == 1 else _at(problem, settings, budget, caution)
    except NotInTimeError:
        return BudgetPoint(budget=budget, gain=None, gain_lower=None, gain_upper=None)
    return BudgetPoint(budget=budget, meets_floors=is_met, **_gain(problem, pairs))


def _at_costs(
    problem: PlanProblem, settings: PlanSettings, budget: float, caution: float, factor: float, own: Pairs
) -> CostPoint:
    """Returns the plan where all costs are another, beside the choices of the plan itself."""
    other = dataclasses.replace(problem, costs=problem.costs * factor)
    try:
        pairs, is_met = (own, True) if factor == 1 else _at(other, settings, budget, caution)
    except NotInTimeError:
        return CostPoint(factor=factor, gain=None, changed_share=None)
    kept = {tuple(pair) for pair in own.tolist()} & {tuple(pair) for pair in pairs.tolist()}
    return CostPoint(
        factor=factor,
        gain=problem.total(pairs)[1],
        changed_share=1 - len(kept) / max(len(own), 1),
        meets_floors=is_met,
    )


def _gain(problem: PlanProblem, pairs: Pairs) -> dict[str, float]:
    _, gain, in_draws = problem.total(pairs)
    lower, upper = _ends(problem, in_draws)
    return {"gain": gain, "gain_lower": min(lower, gain), "gain_upper": max(upper, gain)}


def _ends(problem: PlanProblem, in_draws: Numbers) -> tuple[float, float]:
    tail = (1 - problem.level) / 2
    lower, upper = np.quantile(in_draws, [tail, 1 - tail])
    return float(lower), float(upper)


def _guaranteed(problem: PlanProblem, pairs: Pairs) -> float:
    return float(np.quantile(problem.total(pairs)[2], 1 - HOLDS))


def _by_gain(problem: PlanProblem, pairs: Pairs) -> Sequence[tuple[int, int]]:
    gains = problem.gains[pairs[:, 1], pairs[:, 0]]
    return [(int(n), int(a)) for n, a in pairs[np.argsort(-gains, kind="stable")]]
