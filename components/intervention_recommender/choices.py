"""What a plan could choose, known before any model is trained: for whom an action is, what is unlike it, what it costs.

choices = find_choices(table, communities, config, whole_numbers)
check_plan(choices, communities, config.recommend)
"""

import dataclasses
from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..features import FeatureKind
from .actions import Applied, apply_action, extrapolates
from .communities import Communities
from .plan import check_possible
from .problem import PlanProblem
from .settings import RecommenderConfig, RecommendSettings

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Choices:
    """`A` actions for `N` communities.

    Args:
        applied: tuple of `Applied`, one an action.
        fits: bool array `(A, N)`. Whether the action is for the community, whose population is known.
        extrapolates: bool array `(A, N)`. Whether it fits, and takes the community where there is none like it.
        costs: float array `(A, N)`, 0 where it does not fit.
    """

    applied: tuple[Applied, ...]
    fits: NDArray[np.bool_]
    extrapolates: NDArray[np.bool_]
    costs: Numbers


def find_choices(
    table: pd.DataFrame, communities: Communities, config: RecommenderConfig, whole_numbers: Collection[str] = ()
) -> Choices:
    """Returns what a plan could choose.

    Args:
        table: `pandas.DataFrame`, a row a community.
        communities: `Communities` of the same rows.
        config: `RecommenderConfig`.
        whole_numbers: collection of the columns that hold integers. Defaults to none.
    """
    settings, kinds = config.recommend, config.training.task.features
    actions = tuple(settings.catalogue.actions.values())
    applied = tuple(apply_action(table, action, whole_numbers) for action in actions)
    fits = np.array([one.fits for one in applied]) & np.isfinite(communities.population)
    numbers = [
        name
        for name, kind in kinds.items()
        if kind is not FeatureKind.CATEGORICAL and name in table and table[name].dtype != object
    ]
    beyond = [
        extrapolates(table, numbers, action, one, settings.similar)
        for action, one in zip(actions, applied, strict=True)
    ]
    costs = []
    for action, one in zip(actions, applied, strict=True):
        people = communities.population
        if action.people == "moved":
            is_boolean = kinds[action.moves[0].feature] is FeatureKind.BOOLEAN
            people = people * one.change / (1 if is_boolean else 100)
        costs.append(action.cost_per_person * people)
    return Choices(applied, fits, np.array(beyond) & fits, np.where(fits, costs, 0))


def check_plan(choices: Choices, communities: Communities, settings: RecommendSettings) -> None:
    """Checks that the budget and the floors of a configuration can be met if every action passes its tests and helps.

    Raises:
        UsageError: if they cannot.
    """
    plan, catalogue = settings.plan, settings.catalogue
    if plan.budget is None:
        return
    could_help = np.array(
        [bool(one.moves) and catalogue.fits_within(name, plan.max_actions) for name, one in catalogue.actions.items()]
    )
    problem = PlanProblem(
        catalogue=catalogue,
        costs=choices.costs,
        gains=np.where(choices.fits & could_help[:, None], 1.0, 0.0),
        draws=np.zeros((len(choices.fits), 1, choices.fits.shape[1]), np.float32),
        allowed=choices.fits & (choices.costs > 0) & (plan.extrapolates | ~choices.extrapolates),
        regions=communities.regions,
        orders={},
        level=settings.level,
    )
    if problem.has_choices:
        check_possible(problem, plan, plan.budget)
