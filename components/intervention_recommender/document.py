"""A recommendation as data: all that the officials' page, the tables and `recommendation.json` show.

    document = read_recommendation(path)
    document.columns.name[document.plan.choices[0].community]

Lists of one number a community or an action have the order of `columns` and `actions`. A number that cannot be computed
is None, never NaN. Effects are changes of a model's predictions: associations, no proof of a cause.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ...errors import DataError
from ...files import write_atomically
from ..settings import Settings, Share
from ..text import Text

RECOMMENDATION_FILE = "recommendation.json"

RECOMMENDATION_FORMAT: Literal[1] = 1

ACTION_FIELDS = ("effect", "lower", "upper", "extrapolates", "fits", "cost", "planned", "failed_tests")
"""What the table of a recommendation has of each action, in columns `<action>_<field>`."""

PLACEBO, HELD_OUT, KNOWN_SIGN = "placebo feature", "held-out region", "known sign"
"""The tests that could refute an effect."""

Place = Annotated[int, Field(ge=0)]
"""The place of a community or an action in the document's lists, from 0."""


class Part(Settings):
    """A part of the document: frozen, without unknown fields, without NaN."""

    model_config = ConfigDict(allow_inf_nan=False)


class Model(Part):
    """The model whose predictions are shown.

    Args:
        family: string.
        family_title: `Text`. What people call it. Defaults to none.
        method: string. How records were kept out of the training of the models that score them.
        metrics: dict of metric name to its value on the predictions that are shown.
        metric_titles: dict of metric name to `Text`. Defaults to none.
        is_blessed: bool or None. Whether the model of the run met its thresholds; None where nobody judged it.
    """

    family: str
    family_title: Text = Text()
    method: Text
    metrics: dict[str, float] = {}
    metric_titles: dict[str, Text] = {}
    is_blessed: bool | None = None


class Outcome(Part):
    """What is predicted for a community.

    Args:
        name: string. The column.
        title: `Text`.
        unit: `Text`. Such as "%".
        higher_is_better: bool.
        cut: float or None. A community beyond it, on the worse side, is among the worst.
    """

    name: str
    title: Text
    unit: Text = Text()
    higher_is_better: bool
    cut: float | None = None


class Columns(Part):
    """The communities, one list entry each.

    Args:
        key: strings. Unique.
        name: strings.
        region: strings. The region of each, such as its department.
        population: floats or None. People.
        longitude: floats or None. Degrees, east is positive.
        latitude: floats or None. Degrees, north is positive.
        observed: floats or None. The outcome as it was measured.
        predicted: floats. The outcome as models predict it that have not seen the community's group.
        lower: floats. Lower end of the interval at `Recommendation.level`: of a regression that of the outcome of this
            community, of a classification that of the models' mean.
        upper: floats. Upper end.
        rank: ints. 1 is the greatest barrier by `predicted`.
        rank_lower: ints. The best case for need: lower end of the interval of the rank.
        rank_upper: ints. Upper end.
    """

    key: tuple[str, ...]
    name: tuple[str, ...]
    region: tuple[str, ...]
    population: tuple[float | None, ...]
    longitude: tuple[float | None, ...]
    latitude: tuple[float | None, ...]
    observed: tuple[float | None, ...]
    predicted: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    rank: tuple[int, ...]
    rank_lower: tuple[int, ...]
    rank_upper: tuple[int, ...]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"expected one entry a community in every list, received {lengths}")
        return self


class CommonTop(Part):
    """How many communities are among the first by two outcomes.

    Args:
        top: int. How many are the first.
        common: int. Those among the first by both.
    """

    top: int
    common: int


class OtherRanks(Part):
    """The ranks by another outcome, to see whether the order is robust.

    Args:
        task: string. The task that predicts it.
        title: `Text`.
        rank: ints, one a community. 1 is the greatest barrier by what models predict that have not seen its group.
        rank_correlation: float. Spearman's, with the ranks by the recommendation's own outcome.
        common: tuple of `CommonTop`.
    """

    task: str
    title: Text
    rank: tuple[int, ...]
    rank_correlation: float
    common: tuple[CommonTop, ...]


class Driver(Part):
    """What a feature adds to a community's prediction.

    Args:
        feature: string.
        title: `Text`.
        value: float or None. The community's; None where it is missing.
        typical: float. The median of all.
        effect: float. The prediction less that with the typical value in its place, in the outcome's unit, by models
            that have not seen the community's group. Other features stay, so that effects do not add up.
    """

    feature: str
    title: Text
    value: float | None
    typical: float
    effect: float


class Move(Part):
    """A feature that an action moves.

    Args:
        feature: string.
        title: `Text`.
        direction: string.
        by_at_most: float or None. The greatest change, in the feature's unit, positive.
        to_at_most: float or None. The value beyond which the action does not move it.
        years: float or None. How long it takes.
        evidence: `Text`. A citation, or `"assumed"`.
        assumed: bool. Whether nothing is cited for the size.
    """

    feature: str
    title: Text
    direction: Literal["up", "down"]
    by_at_most: float | None = None
    to_at_most: float | None = None
    years: float | None = None
    evidence: Text
    assumed: bool


class Action(Part):
    """An intervention of the catalogue.

    Args:
        name: string.
        title: `Text`.
        description: `Text`.
        moves: tuple of `Move`.
        cost_per_person: float. In `currency`.
        people: `Text`. For whom it is paid: all people of a community, or those whose feature is moved.
        currency: string.
        cost_source: `Text`. Where the cost is from, or `"assumed"`.
        cost_assumed: bool.
        fits: `Text`. For which communities it is.
        excludes: names of actions that a community cannot have beside it.
        needs: names of actions that a community must have with it.
    """

    name: str
    title: Text
    description: Text
    moves: tuple[Move, ...]
    cost_per_person: float
    people: Text
    currency: str
    cost_source: Text
    cost_assumed: bool
    fits: Text
    excludes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Effects(Part):
    """The effects of an action, one list entry a community.

    Args:
        action: string. Its name.
        effect: floats. Predicted change of the outcome, in its unit; positive is better, whatever the outcome.
        lower: floats. Lower end of the interval at `Recommendation.level`, of the models' mean.
        upper: floats. Upper end.
        extrapolates: bools. Whether the changed community is unlike all that the models have seen.
        fits: bools. Whether the action is for such a community.
        cost: floats. In the action's currency.
        zero_reason: `Text` or None. Why the effect is 0 everywhere, such as that the model uses none of the features.
    """

    action: str
    effect: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    extrapolates: tuple[bool, ...]
    fits: tuple[bool, ...]
    cost: tuple[float, ...]
    zero_reason: Text | None = None


class Refutation(Part):
    """A test that would show that an effect is none.

    Args:
        test: string. `PLACEBO`, `HELD_OUT` or `KNOWN_SIGN`.
        title: `Text`.
        statistic: float or None. None where it cannot be computed.
        expected: string. Where the statistic lies if the effect stands, such as "≤ 0.05".
        passed: bool.
        explanation: `Text`.
    """

    test: str
    title: Text
    statistic: float | None
    expected: str
    passed: bool
    explanation: Text

    @property
    def is_decisive(self) -> bool:
        """Whether an action that failed it is in no plan, unless `plan.refuted` says otherwise.

        What a placebo finds too is chance, and what harms is no help. An effect that is smaller without some region may
        still be one.
        """
        return self.test in (PLACEBO, KNOWN_SIGN)


class Choice(Part):
    """An action for a community.

    Args:
        community: int. Its place in `Recommendation.columns`.
        action: int. Its place in `Recommendation.actions`.
    """

    community: Place
    action: Place


class Plan(Part):
    """The best set of actions under a budget.

    Args:
        budget: float. In `currency`.
        currency: string.
        region: string or None. The one region that the plan is for; None is all.
        choices: tuple of `Choice`, the greatest gain first.
        cost: float.
        gain: float. The predicted gain of all choices, in the unit of `Recommendation.gain`.
        gain_lower: float. Lower end of its interval over the draws.
        gain_upper: float. Upper end.
        gap: float. The relative distance to the best possible plan that the solver proved; 0 is optimal. Of a robust
            plan that is the best by gains less the standard deviations which were taken off them.
        seconds: float. Of the solver.
        solver: string.
        floors: dict of region to the least share of the budget that is spent there.
        no_floor: the regions in which the floor that all have cannot be spent in parts of its size.
        gain_without_floors: float or None. The gain of a plan without the floors; None where there are none, or no
            plan was found in time.
        left_out: names of the actions that are not in it because their effect failed a decisive test.
        too_many: names of the actions that are not in it because with those that they need they are more than a
            community may get.
        holds_in: float. The share of draws in which its gain is at least that of each naive plan.
        guaranteed_gain: float. The gain that it reaches in 90 % of the draws.
    """

    budget: float
    currency: str
    region: str | None = None
    choices: tuple[Choice, ...]
    cost: float
    gain: float
    gain_lower: float
    gain_upper: float
    gap: float
    seconds: float
    solver: str
    floors: dict[str, Share] = {}
    no_floor: tuple[str, ...] = ()
    gain_without_floors: float | None = None
    left_out: tuple[str, ...] = ()
    too_many: tuple[str, ...] = ()
    holds_in: Share
    guaranteed_gain: float


class NaivePlan(Part):
    """What the same budget does where communities are taken by a column, such as poverty.

    Args:
        name: string.
        title: `Text`.
        cost: float.
        gain: float.
        gain_lower: float.
        gain_upper: float.
    """

    name: str
    title: Text
    cost: float
    gain: float
    gain_lower: float
    gain_upper: float


class BudgetPoint(Part):
    """The gain of the best plan under one budget.

    Args:
        budget: float.
        gain: float or None. None where the solver found no plan in time.
        gain_lower: float or None.
        gain_upper: float or None.
        meets_floors: bool. False where no plan meets the floors of the regions, and this one leaves them out.
    """

    budget: float
    gain: float | None
    gain_lower: float | None
    gain_upper: float | None
    meets_floors: bool = True


class CostPoint(Part):
    """The best plan where all costs are another.

    Args:
        factor: float. What every cost is multiplied by.
        gain: float or None. None where the solver found no plan in time.
        changed_share: float or None. The share of the plan's choices that are no longer chosen.
        meets_floors: bool. As in `BudgetPoint`.
    """

    factor: float
    gain: float | None
    changed_share: Share | None
    meets_floors: bool = True


class Gain(Part):
    """What the gain of a plan counts.

    Args:
        title: `Text`. Such as "More 18-year-olds with complete secondary school, each year".
        unit: `Text`.
    """

    title: Text
    unit: Text = Text()


class Recommendation(Part):
    """A recommendation: communities, their ranks, what actions are predicted to change, and a plan.

    Args:
        format: int. Version of the document.
        system: string. Name of the system.
        task: string. Name of its task.
        title: `Text`.
        created: string. ISO 8601.
        data_source: string.
        licence: string. Of the data.
        is_synthetic: bool. Whether the records are made up.
        model: `Model`.
        num_draws: int. Bootstrap replicates of the intervals.
        level: float. Coverage of the intervals, such as .8.
        outcome: `Outcome`.
        gain: `Gain`.
        unit: `Text`. A community, such as "district".
        regions_name: `Text`. A region, such as "department".
        columns: `Columns`.
        other_ranks: tuple of `OtherRanks`.
        drivers: one tuple of `Driver` a community, the largest effect first.
        actions: tuple of `Action`.
        effects: tuple of `Effects`, one an action.
        refutations: one tuple of `Refutation` an action.
        plan: `Plan` or None. None without a budget.
        naive_plans: tuple of `NaivePlan`.
        budget_curve: tuple of `BudgetPoint`, ascending.
        cost_sensitivity: tuple of `CostPoint`.
        caveats: tuple of `Text`. What every output must say.
    """

    format: Literal[1] = RECOMMENDATION_FORMAT
    system: str
    task: str
    title: Text
    created: str
    data_source: str = ""
    licence: str = ""
    is_synthetic: bool = False
    model: Model
    num_draws: int
    level: Share
    outcome: Outcome
    gain: Gain
    unit: Text
    regions_name: Text
    columns: Columns
    other_ranks: tuple[OtherRanks, ...] = ()
    drivers: tuple[tuple[Driver, ...], ...]
    actions: tuple[Action, ...]
    effects: tuple[Effects, ...]
    refutations: tuple[tuple[Refutation, ...], ...] = ()
    plan: Plan | None = None
    naive_plans: tuple[NaivePlan, ...] = ()
    budget_curve: tuple[BudgetPoint, ...] = ()
    cost_sensitivity: tuple[CostPoint, ...] = ()
    caveats: tuple[Text, ...]


def write_recommendation(document: Recommendation, path: Path) -> None:
    """Writes a recommendation as JSON.

    Raises:
        OSError: if the file cannot be written; what was there stays.
    """
    write_atomically(path, document.model_dump_json())


def read_recommendation(path: Path) -> Recommendation:
    """Returns a recommendation that `write_recommendation` wrote.

    Raises:
        DataError: if there is no such file, or it is not a recommendation of this format.
    """
    try:
        return Recommendation.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"Expected a recommendation of format {RECOMMENDATION_FORMAT} in {path}. Received: {first}. Run the "
            "pipeline again."
        ) from error
