"""What a recommendation needs beside its document to plan again under another budget, without a model.

result = read_result(folder)
result = with_plan(result, settings, budget)
"""

import dataclasses
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, UsageError, suggestion
from ...files import atomic_file, write_atomically
from ..text import Text
from .document import (
    RECOMMENDATION_FILE,
    BudgetPoint,
    CostPoint,
    Recommendation,
    Refutation,
    read_recommendation,
    write_recommendation,
)
from .plan import make_plan
from .problem import PlanProblem
from .settings import PlanSettings, RecommenderConfig
from .solver import NotInTimeError
from .text import NO_PLAN, NOT_ALL_IN_TIME, NOT_IN_TIME, NOT_WITHIN, OWN_DRAWS, WITHOUT_FLOORS

logger = logging.getLogger(__name__)

_OF_PLANS = (NO_PLAN, NOT_WITHIN, NOT_IN_TIME, OWN_DRAWS, WITHOUT_FLOORS, NOT_ALL_IN_TIME)
"""The caveats of a plan, which another plan does not have."""

DRAWS_FILE = "draws.npz"
SETTINGS_FILE = "settings.json"

_NAIVE = "naive_"


@dataclasses.dataclass(frozen=True)
class Draws:
    """Draws of the effects of `A` actions in `N` communities.

    Args:
        effects: float32 array `(A, B, N)`.
        beneficiaries: float array `(N,)`. What an effect is multiplied by to be a gain.
        naive: dict of the name of a naive plan to the column `(N,)` that orders it.
    """

    effects: NDArray[np.float32]
    beneficiaries: NDArray[np.float64]
    naive: dict[str, NDArray[np.float64]]


@dataclasses.dataclass(frozen=True)
class Result:
    """A recommendation with what made it.

    Args:
        document: `Recommendation`.
        draws: `Draws`.
        config: `RecommenderConfig`.
    """

    document: Recommendation
    draws: Draws
    config: RecommenderConfig


def with_plan(result: Result, settings: PlanSettings, budget: float, region: str | None = None) -> Result:
    """Returns a recommendation with the plan under a budget.

    Args:
        result: `Result`.
        settings: `PlanSettings`. Its naive plans are those of `result`.
        budget: float. In the currency of the catalogue.
        region: string or None. The one region that the plan is for. Defaults to None, all.

    Raises:
        UsageError: as `make_plan`.
    """
    own = result.config.recommend
    planned = make_plan(
        plan_problem(result, settings), settings.model_copy(update={"naive": own.plan.naive}), budget, region
    )
    left_out = [
        action.name
        for action, tests in zip(result.document.actions, result.document.refutations, strict=True)
        if not settings.refuted and not stands_up(tests)
    ]
    points: tuple[BudgetPoint | CostPoint, ...] = (*planned.budget_curve, *planned.cost_sensitivity)
    caveats = [OWN_DRAWS]
    if not all(one.meets_floors for one in points):
        caveats.append(WITHOUT_FLOORS)
    if any(one.gain is None for one in points):
        caveats.append(NOT_ALL_IN_TIME)
    too_many = tuple(
        name for name in own.catalogue.actions if not own.catalogue.fits_within(name, settings.max_actions)
    )
    return _planned(
        result,
        caveats,
        plan=planned.plan.model_copy(update={"left_out": tuple(left_out), "too_many": too_many}),
        naive_plans=planned.naive_plans,
        budget_curve=planned.budget_curve,
        cost_sensitivity=planned.cost_sensitivity,
    )


def with_own_plan(result: Result) -> Result:
    """Returns a recommendation with the plan of its configuration, or with a caveat that says why there is none: the
    models, minutes of work, are not lost for it.
    """
    plan = result.config.recommend.plan
    if plan.budget is None:
        return result
    if not has_choices(result, plan):
        logger.warning("No plan: %s", NO_PLAN.en)
        return without_plan(result, NO_PLAN)
    try:
        return with_plan(result, plan, plan.budget)
    except UsageError as error:
        logger.warning("No plan: %s", error)
        return without_plan(result, NOT_IN_TIME if isinstance(error, NotInTimeError) else NOT_WITHIN)


def without_plan(result: Result, caveat: Text) -> Result:
    """Returns a recommendation without a plan and with a caveat that says why."""
    return _planned(result, [caveat], plan=None, naive_plans=(), budget_curve=(), cost_sensitivity=())


def _planned(result: Result, caveats: Sequence[Text], **fields: Any) -> Result:
    others = [one for one in result.document.caveats if one not in _OF_PLANS]
    document = result.document.model_copy(update={**fields, "caveats": (*others, *caveats)})
    return dataclasses.replace(result, document=document)


def has_choices(result: Result, settings: PlanSettings, region: str | None = None) -> bool:
    """Returns whether there is any choice for a plan.

    Args:
        result: `Result`.
        settings: `PlanSettings`.
        region: string or None. As in `with_plan`.
    """
    problem = plan_problem(result, settings)
    return (problem if region is None else problem.of_region(region)).has_choices


def plan_problem(result: Result, settings: PlanSettings) -> PlanProblem:
    """Returns what a plan is made of."""
    document, draws, own = result.document, result.draws, result.config.recommend
    effects = document.effects
    fits, beyond = np.array([one.fits for one in effects]), np.array([one.extrapolates for one in effects])
    costs = np.array([one.cost for one in effects])
    population = np.array([one or 0.0 for one in document.columns.population])
    stands = np.array([settings.refuted or stands_up(one) for one in document.refutations])
    can_be = np.array([own.catalogue.fits_within(name, settings.max_actions) for name in own.catalogue.actions])
    orders = {
        name: np.argsort(-values if own.plan.naive[name].highest_first else values, kind="stable")
        for name, values in draws.naive.items()
    }
    if own.communities.population is not None:
        orders["population"] = np.argsort(-population, kind="stable")
    orders["rank"] = np.argsort(document.columns.rank, kind="stable")
    return PlanProblem(
        catalogue=own.catalogue,
        costs=costs,
        gains=np.array([one.effect for one in effects]) * draws.beneficiaries,
        draws=draws.effects * draws.beneficiaries.astype(np.float32),
        allowed=fits & (costs > 0) & (stands & can_be)[:, None] & (settings.extrapolates | ~beyond),
        regions=document.columns.region,
        orders=orders,
        level=document.level,
    )


def stands_up(refutations: Sequence[Refutation]) -> bool:
    """Returns whether an action passed the tests without which no plan takes it: the placebo's and that of its sign."""
    return all(one.passed for one in refutations if one.is_decisive)


def write_result(result: Result, folder: Path) -> None:
    """Writes `recommendation.json`, `draws.npz` and `settings.json`."""
    arrays: dict[str, Any] = {f"{_NAIVE}{name}": values for name, values in result.draws.naive.items()}
    arrays |= {"effects": result.draws.effects, "beneficiaries": result.draws.beneficiaries}
    with atomic_file(folder / DRAWS_FILE) as draft, draft.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    write_atomically(folder / SETTINGS_FILE, result.config.to_property())
    write_recommendation(result.document, folder / RECOMMENDATION_FILE)


def read_result(folder: Path) -> Result:
    """Returns what `write_result` wrote.

    Raises:
        DataError: if a file is missing, or cannot be read.
    """
    document = read_recommendation(folder / RECOMMENDATION_FILE)
    try:
        config = RecommenderConfig.from_property((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        with np.load(folder / DRAWS_FILE) as arrays:
            naive = {name.removeprefix(_NAIVE): arrays[name] for name in arrays.files if name.startswith(_NAIVE)}
            draws = Draws(arrays["effects"], arrays["beneficiaries"], naive)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"Expected the draws and settings of a recommendation in {folder}. Received: {error}. Run the pipeline "
            "again."
        ) from error
    return Result(document, draws, config)


def only_actions(result: Result, names: Sequence[str]) -> Result:
    """Returns a recommendation in which no other action is for any community.

    Raises:
        UsageError: if an action is unknown.
    """
    known = [action.name for action in result.document.actions]
    for name in names:
        if name not in known:
            raise UsageError(
                f"Expected an action of the catalogue ({', '.join(known)}). Received: {name!r}."
                f"{suggestion(name, known)}"
            )
    kept = set(names).union(*(result.config.recommend.catalogue.needed(name) for name in names))
    effects = tuple(
        one if one.action in kept else one.model_copy(update={"fits": (False,) * len(one.fits)})
        for one in result.document.effects
    )
    return dataclasses.replace(result, document=result.document.model_copy(update={"effects": effects}))
