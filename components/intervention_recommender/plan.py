"""The best set of actions under a budget, and naive plans, other budgets and other costs beside it.

A choice is an action for a community; see `solver` for what a plan is bound to. Effects of actions in one community add
up in it, which they need not in truth.
"""

import contextlib
import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from ...errors import UsageError, suggestion
from .document import BudgetPoint, Choice, CostPoint, NaivePlan, Plan
from .problem import Numbers, Pairs, PlanProblem
from .settings import PlanSettings
from .solver import NotInTimeError, Solution, UnmetFloorsError, candidates, solve
from .text import BY_POPULATION, BY_RANK

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
        communities, actions = candidates(problem, problem.gains, budget).T
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
