"""Times plans: `.venv/bin/python tests/benchmarks/plan.py [--communities 1874] [--actions 8] [--draws 60]`.

Made-up gains, costs and draws; the budget pays for a tenth of them, each region has a floor. It prints seconds of
wall and processor, and the gap, of one solution and of all that `yachay recommend` solves.
"""

import argparse
import time

import numpy as np
import yaml

from yachay.components.intervention_recommender.catalogue import Catalogue
from yachay.components.intervention_recommender.plan import make_plan
from yachay.components.intervention_recommender.problem import PlanProblem
from yachay.components.intervention_recommender.settings import PlanSettings
from yachay.components.intervention_recommender.solver import solve

NUM_REGIONS = 25


def make_problem(num_communities: int, num_actions: int, num_draws: int) -> PlanProblem:
    """Returns a made-up problem in which one action needs another and two exclude each other."""
    random = np.random.default_rng(0)
    action = {"title": "A", "cost_per_person": 1, "cost_source": "assumed"}
    actions = {f"action_{place}": dict(action) for place in range(num_actions)}
    actions["action_1"]["needs"] = ["action_0"]
    actions["action_2"]["excludes"] = ["action_3"]
    shape = (num_actions, num_communities)
    people = np.exp(random.normal(8.5, 1.2, num_communities))
    gains = random.normal(1, 1, shape) * people * 0.002
    draws = gains[:, None] + random.normal(0, 0.6, (num_actions, num_draws, num_communities)) * people * 0.002
    return PlanProblem(
        catalogue=Catalogue.model_validate(yaml.safe_load(yaml.safe_dump({"currency": "PEN", "actions": actions}))),
        costs=random.uniform(20, 200, (num_actions, 1)) * people,
        gains=gains,
        draws=draws.astype(np.float32),
        allowed=random.random(shape) < 0.6,
        regions=tuple(f"region {number % NUM_REGIONS}" for number in range(num_communities)),
        orders={"population": np.argsort(-people), "rank": random.permutation(num_communities)},
        level=0.8,
    )


def main() -> None:
    """Prints the seconds."""
    parser = argparse.ArgumentParser()
    for name, default in (("communities", 1874), ("actions", 8), ("draws", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    problem = make_problem(given.communities, given.actions, given.draws)
    settings = PlanSettings(floors={"*": 0.01})
    budget = float(problem.costs[problem.allowed].sum() / 10)
    floors = {f"region {number}": 0.01 for number in range(NUM_REGIONS)}
    wall, processor = time.perf_counter(), time.process_time()
    solution = solve(problem, settings, budget, floors)
    print(
        f"one solution: {time.perf_counter() - wall:.2f} s, {time.process_time() - processor:.2f} s of processor, "
        f"gap {solution.gap:.5%}, {len(solution.pairs):,} choices of {int(problem.allowed.sum()):,}"
    )
    wall, processor = time.perf_counter(), time.process_time()
    planned = make_plan(problem, settings, budget)
    print(
        f"all of a plan: {time.perf_counter() - wall:.2f} s, {time.process_time() - processor:.2f} s of processor, "
        f"gap {planned.plan.gap:.5%}, holds in {planned.plan.holds_in:.0%}"
    )


if __name__ == "__main__":
    main()
