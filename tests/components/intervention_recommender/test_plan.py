"""Plans under a budget."""

import itertools
import os

import numpy as np
import pytest
import recommendation_samples as samples
import scipy.optimize

from yachay.components.intervention_recommender.plan import make_plan
from yachay.components.intervention_recommender.problem import PlanProblem
from yachay.components.intervention_recommender.settings import PlanSettings
from yachay.components.intervention_recommender.solver import NotInTimeError, solve
from yachay.errors import UsageError


def problem(num_communities=5, seed=0, catalogue=None, **changed):
    random = np.random.default_rng(seed)
    known = catalogue or samples.catalogue()
    shape = (len(known.actions), num_communities)
    gains = random.uniform(1, 10, shape)
    draws = gains[:, None, :] + random.normal(0, 2, (shape[0], 20, shape[1]))
    fields = {
        "catalogue": known,
        "costs": random.integers(1, 20, shape).astype(float),
        "gains": gains,
        "draws": draws.astype(np.float32),
        "allowed": np.ones(shape, bool),
        "regions": tuple(f"region {number % 2}" for number in range(num_communities)),
        "orders": {"rank": np.arange(num_communities)},
        "level": 0.8,
    }
    return PlanProblem(**fields | changed)


def brute_force(one: PlanProblem, settings, budget, floors):
    names = list(one.catalogue.actions)
    pairs = [(n, a) for a in range(len(names)) for n in range(len(one.regions)) if one.allowed[a, n]]
    best = 0.0
    for size in range(len(pairs) + 1):
        for chosen in itertools.combinations(pairs, size):
            has = set(chosen)
            cost = sum(one.costs[a, n] for n, a in chosen)
            counts = np.bincount([n for n, _ in chosen], minlength=len(one.regions))
            if cost > budget or counts.max(initial=0) > settings.max_actions:
                continue
            if any(
                (n, names.index(other)) in has for n, a in chosen for other in one.catalogue.actions[names[a]].excludes
            ):
                continue
            if any(
                (n, names.index(other)) not in has for n, a in chosen for other in one.catalogue.actions[names[a]].needs
            ):
                continue
            spent = {name: sum(one.costs[a, n] for n, a in chosen if one.regions[n] == name) for name in floors}
            if all(spent[name] >= share * budget for name, share in floors.items()):
                best = max(best, sum(one.gains[a, n] for n, a in chosen))
    return best


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("floors", [{}, {"region 1": 0.4}])
def test_the_plan_is_the_best_of_all_sets_of_choices(seed, floors):
    catalogue = samples.catalogue(teaching={"excludes": ["water"]})
    one, settings = problem(4, seed, catalogue), PlanSettings(max_gap=0)

    solution = solve(one, settings, 30.0, floors)

    assert one.total(solution.pairs)[1] == pytest.approx(brute_force(one, settings, 30.0, floors))
    assert solution.gap == 0


def test_an_action_that_needs_another_comes_with_it_or_not_at_all():
    allowed = np.ones((3, 5), bool)
    allowed[0, 2] = False
    one = problem(allowed=allowed)
    pairs = {tuple(pair) for pair in solve(one, PlanSettings(max_actions=3), 1000.0, {}).pairs.tolist()}

    assert (2, 1) not in pairs
    assert all((n, 0) in pairs for n, a in pairs if a == 1)


def test_a_floor_is_not_met_by_an_action_that_harms_and_that_nothing_chosen_needs():
    gains = np.full((3, 4), 5.0)
    gains[0] = -1.0  # Water, which noise needs.
    costs = np.array([[10.0] * 4, [30.0] * 4, [10.0] * 4])
    allowed = np.ones((3, 4), bool)
    allowed[2, 1::2] = False  # Region 1 has water and noise only.
    one = problem(4, costs=costs, gains=gains, draws=np.repeat(gains[:, None], 2, 1), allowed=allowed)

    # Two of water would meet it for 20 and leave 20 for teaching in region 0, 8 in all.
    solution = solve(one, PlanSettings(max_gap=0), 40.0, {"region 1": 0.4})

    assert one.total(solution.pairs)[:2] == (40.0, 4.0)
    assert sorted(solution.pairs[:, 1].tolist()) == [0, 1]


def test_the_robust_plan_guarantees_no_less_than_the_one_that_is_best_on_average():
    one = problem(20, 3)
    draws = one.draws.copy()
    draws[0] += np.random.default_rng(1).normal(0, 30, (20, 1))  # Water is uncertain everywhere alike.
    one = problem(20, 3, draws=draws)
    robust = make_plan(one, PlanSettings(), 60.0).plan
    average = make_plan(one, PlanSettings(robust=False), 60.0).plan

    assert robust.guaranteed_gain >= average.guaranteed_gain
    assert robust.gain <= average.gain


def test_a_plan_stands_beside_naive_plans_other_budgets_and_other_costs():
    planned = make_plan(problem(10), PlanSettings(), 40.0)

    assert planned.plan.cost <= 40
    assert planned.plan.gain_lower <= planned.plan.gain <= planned.plan.gain_upper
    assert all(one.cost <= 40 for one in planned.naive_plans)
    assert planned.naive_plans[0].gain <= make_plan(problem(10), PlanSettings(robust=False), 40.0).plan.gain + 1e-6
    gains = [point.gain for point in planned.budget_curve]
    assert [point.budget for point in planned.budget_curve] == sorted(point.budget for point in planned.budget_curve)
    assert gains[0] < gains[-1]
    assert [point.factor for point in planned.cost_sensitivity] == [0.8, 1.0, 1.2]
    assert planned.cost_sensitivity[1].changed_share == 0


def test_a_budget_below_the_cheapest_choice_names_it():
    with pytest.raises(UsageError, match=r"at least 7 PEN, the cost of the cheapest action.*Received: 5\."):
        make_plan(problem(costs=np.full((3, 5), 7.0)), PlanSettings(), 5)


@pytest.mark.parametrize(("budget", "num_choices"), [(1_000_000.0, 1), (1_000_000.4, 2)])
def test_a_plan_does_not_pass_its_budget_by_the_solvers_tolerance(budget, num_choices):
    costs = np.zeros((3, 2))
    costs[0] = 500_000.2
    one = problem(2, costs=costs, allowed=costs > 0)
    pairs = solve(one, PlanSettings(), budget, {}).pairs
    assert len(pairs) == num_choices
    assert one.total(pairs)[0] <= budget


def test_a_floor_that_cannot_be_met_is_named():
    with pytest.raises(UsageError, match=r"floors that can be met.*region 1 90.0%"):
        make_plan(problem(), PlanSettings(floors={"region 1": 0.9}), 5000.0)


def test_a_common_floor_takes_no_choice_that_costs_far_more():
    one = problem(10)
    costs = one.costs.copy()
    costs[:, 1::2] = 90
    plan = make_plan(problem(10, costs=costs), PlanSettings(floors={"*": 0.1}), 100.0).plan
    assert plan.floors == {"region 0": 0.1}
    named = make_plan(problem(10, costs=costs), PlanSettings(floors={"region 1": 0.1}), 100.0).plan
    assert [choice.community % 2 for choice in named.choices].count(1) == 1


def test_a_floor_is_met_also_where_no_gain_is_sure():
    one = problem(10)
    draws = one.draws.copy()
    draws[:, :, 1::2] += np.random.default_rng(2).normal(0, 100, (3, 20, 1))
    one = problem(10, draws=draws)
    plan = make_plan(one, PlanSettings(floors={"*": 0.2}), 100.0).plan
    spent = sum(one.costs[choice.action, choice.community] for choice in plan.choices if choice.community % 2)
    assert plan.floors == {"region 0": 0.2, "region 1": 0.2}
    assert spent >= 20


def test_an_unknown_region_has_the_nearest_name():
    with pytest.raises(UsageError, match="Did you mean 'region 1'"):
        make_plan(problem(), PlanSettings(floors={"regoin 1": 0.1}), 50.0)
    with pytest.raises(UsageError, match="Did you mean 'region 0'"):
        make_plan(problem(), PlanSettings(), 50.0, "region_0")


def test_a_plan_for_one_region_has_choices_there_only():
    one = problem(10)
    plan = make_plan(one, PlanSettings(), 50.0, "region 1").plan
    assert {one.regions[choice.community] for choice in plan.choices} == {"region 1"}


def test_no_choice_at_all_is_an_error():
    with pytest.raises(UsageError, match="Expected an action that fits a community"):
        make_plan(problem(allowed=np.zeros((3, 5), bool)), PlanSettings(), 50.0)


def test_a_budget_that_no_plan_can_spend_by_its_floors_says_that_they_are_left_out():
    one = problem(6, costs=np.full((3, 6), 10.0))
    planned = make_plan(one, PlanSettings(floors={"region 1": 0.5}), 100.0)

    assert [point.meets_floors for point in planned.budget_curve] == [True] * 5 + [False] * 2


def test_a_time_limit_is_no_unmet_floor(monkeypatch):
    late = scipy.optimize.OptimizeResult(x=None, status=1, message="Time limit reached.", mip_gap=None)
    monkeypatch.setattr(scipy.optimize, "milp", lambda *arguments, **settings: late)
    with pytest.raises(NotInTimeError, match=r"Expected a plan within 60 s.*Time limit reached"):
        solve(problem(), PlanSettings(), 50.0, {"region 1": 0.1})


def test_a_budget_or_a_caution_of_which_no_plan_is_found_in_time_leaves_the_plan(monkeypatch):
    milp, late = scipy.optimize.milp, []

    def solve_some(*given, **named):
        late.append(len(late) % 3 == 0)
        none = scipy.optimize.OptimizeResult(x=None, status=1, message="Time limit reached.", mip_gap=None)
        return none if late[-1] else milp(*given, **named)

    monkeypatch.setattr(scipy.optimize, "milp", solve_some)
    planned = make_plan(problem(), PlanSettings(), 50.0)

    assert late[0]
    assert len(planned.plan.choices) > 0
    found = [point.gain is not None for point in (*planned.budget_curve, *planned.cost_sensitivity)]
    assert (found.count(False), len(found)) == (late.count(True) - 1, 10)
    assert all(point.changed_share is None for point in planned.cost_sensitivity if point.gain is None)


def test_floors_without_any_choice_of_a_gain_are_unmet():
    allowed = np.zeros((3, 5), bool)
    allowed[0] = True
    one = problem(gains=np.full((3, 5), -1.0), allowed=allowed)
    with pytest.raises(UsageError, match="floors that can be met"):
        solve(one, PlanSettings(), 50.0, {"region 1": 0.1})


def test_what_the_solver_writes_is_not_on_standard_output(capfd, monkeypatch):
    milp = scipy.optimize.milp
    monkeypatch.setattr(
        scipy.optimize, "milp", lambda *given, options, **named: milp(*given, options=options | {"disp": True}, **named)
    )
    solve(problem(), PlanSettings(), 50.0, {})
    captured = capfd.readouterr()
    assert (captured.out, "HiGHS" in captured.err) == ("", True)


def test_lines_of_the_solver_for_its_own_authors_are_not_shown(capfd, monkeypatch):
    milp = scipy.optimize.milp

    def talkative(*given, **named):
        os.write(1, b"HighsMipSolverData::transformNewIntegerFeasibleSolution tmpSolver.run();\nSolving failed\n")
        return milp(*given, **named)

    monkeypatch.setattr(scipy.optimize, "milp", talkative)
    solve(problem(), PlanSettings(), 50.0, {})
    assert capfd.readouterr() == ("", "Solving failed\n")


def test_a_common_floor_forces_no_single_choice_that_is_larger_than_it():
    costs = np.full((3, 12), 10.0)
    costs[:, 1::2] = 80.0  # Region 1 has nothing for less, so that a floor of 20 would cost 80.
    one = problem(12, costs=costs, regions=tuple(f"region {number % 2}" for number in range(12)))

    planned = make_plan(one, PlanSettings(floors={"*": 0.2}, max_actions=1), 100.0)
    assert planned.plan.floors == {"region 0": 0.2}
    assert planned.plan.no_floor == ("region 1",)
    assert planned.plan.gain == pytest.approx(planned.plan.gain_without_floors, rel=1e-3)
    asked = make_plan(one, PlanSettings(floors={"region 1": 0.2}, max_actions=1), 100.0).plan
    assert asked.no_floor == ()
    assert asked.gain < asked.gain_without_floors


def test_a_plan_of_one_region_keeps_no_floors_of_others():
    planned = make_plan(problem(12), PlanSettings(floors={"region 0": 0.9}), 30.0, "region 1")
    assert planned.plan.floors == {}
    assert all(point.meets_floors for point in (*planned.budget_curve, *planned.cost_sensitivity))


ALL_EXCLUSIVE = {
    "noise": {"excludes": ["water", "teaching"], "needs": []},
    "teaching": {"excludes": ["water", "noise"]},
}
IN_A_RING = {"water": {"needs": ["noise"]}, "teaching": {"excludes": ["noise"]}}


@pytest.mark.parametrize("changed", [ALL_EXCLUSIVE, IN_A_RING])
def test_actions_that_all_exclude_or_need_each_other_are_planned_exactly(changed):
    one = problem(4, 2, samples.catalogue(**changed))
    settings = PlanSettings(max_gap=0)

    found = solve(one, settings, 40.0, {})
    assert one.total(found.pairs)[1] == pytest.approx(brute_force(one, settings, 40.0, {}))
    assert one.total(found.pairs)[1] > 0


@pytest.mark.parametrize("budget", [1e12, 1e300])
def test_a_budget_beyond_all_costs_buys_all_that_helps(budget):
    one = problem(6)
    planned = make_plan(one, PlanSettings(max_actions=3, robust=False, floors={"*": 0.01}), budget)
    assert planned.plan.gain == pytest.approx(one.gains.sum())
    assert planned.plan.no_floor == ("region 0", "region 1")
