"""Settings of a recommendation: the section `recommend` of a configuration, by which any system has one."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..cross_validator.settings import CrossValidatorConfig
from ..settings import Identifier, Settings, Share
from ..text import Text
from .catalogue import Catalogue

PAGE_FILE = "recommendation.html"

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class OutcomeSettings(Settings):
    """What is predicted.

    Args:
        title: `Text`.
        unit: `Text`. Defaults to none; of a classification it is %.
        higher_is_better: bool.
        class_name: string or None. Of a classification the class whose probability is the outcome. In YAML `class`.
        cut: float or None. A community beyond it, on the worse side, is among the worst.
    """

    title: Text
    unit: Text = Text()
    higher_is_better: bool
    class_name: str | None = Field(default=None, alias="class")
    cut: float | None = None


class Population(Settings):
    """The people of a community.

    Args:
        column: string.
        is_log10: bool. Whether the column holds the power of ten. Defaults to False.
    """

    column: Identifier
    is_log10: bool = False


class CommunitySettings(Settings):
    """The columns that say which community a record is.

    Args:
        key: string or None. Column of a unique code; None counts the records.
        name: string or None. Column of its name. Defaults to the key's.
        region: string. Column of its region: for floors of the budget, and for the test that leaves each out.
        population: `Population` or None. None is one person each.
        longitude: string or None. Column, in degrees.
        latitude: string or None.
        unit: `Text`. One community: "district".
        regions_name: `Text`. One region: "department".
    """

    key: Identifier | None = None
    name: Identifier | None = None
    region: Identifier
    population: Population | None = None
    longitude: Identifier | None = None
    latitude: Identifier | None = None
    unit: Text
    regions_name: Text

    @property
    def columns(self) -> dict[str, str]:
        """`{field: column}` of all that are named."""
        named = {name: getattr(self, name) for name in ("key", "name", "region", "longitude", "latitude")}
        named["population.column"] = self.population.column if self.population else None
        return {field: column for field, column in named.items() if column}


class OtherOutcome(Settings):
    """Another outcome, by which communities are ranked too.

    Args:
        title: `Text`. In the middle of a sentence.
        higher_is_better: bool.
    """

    title: Text
    higher_is_better: bool


class GainSettings(Settings):
    """What a plan maximizes: effect x people x `factor`, summed over its choices.

    Args:
        title: `Text`. What the sum counts.
        unit: `Text`.
        people_pct: string or None. Column of the percentage of a community's people whom the outcome is about.
            Defaults to None, all of them.
        factor: float. Such as .002 for a percentage (.01) of one of five years of age (.2). Defaults to 1.
    """

    title: Text
    unit: Text = Text()
    people_pct: Identifier | None = None
    factor: Amount = 1.0


class NaiveSettings(Settings):
    """A plan that needs no model: communities in the order of a column.

    Args:
        title: `Text`.
        column: string.
        highest_first: bool. Defaults to True.
    """

    title: Text
    column: Identifier
    highest_first: bool = True


class PlanSettings(Settings):
    """How a budget is divided.

    Args:
        budget: float or None. In the catalogue's currency. None makes no plan in the run.
        floors: dict of region, or `"*"` for each of them where choices that cost no more than the floor add up to it,
            to the least share of the budget that is spent there.
        max_actions: int. The most that one community gets. Defaults to 2.
        extrapolates: bool. Whether choices count that take a community out of the range of those like it. Defaults to
            False.
        refuted: bool. Whether choices count of actions that failed the placebo test or the test of their sign. Defaults
            to False.
        robust: bool. Whether the plan is, of three that take 0, .5 and 1 standard deviation of its draws off each gain,
            the one with the most that is gained in 90 % of the draws, rather than the best on average. Defaults to
            True.
        naive: dict of name to `NaiveSettings`: plans to beat, beside those by population and by rank.
        max_gap: float. Relative distance to the best plan at which the solver stops. Defaults to .0001.
        time_limit_s: float. For one solution. Defaults to 60.
    """

    budget: Amount | None = None
    floors: dict[str, Share] = {}
    max_actions: Annotated[int, Field(ge=1)] = 2
    extrapolates: bool = False
    refuted: bool = False
    robust: bool = True
    naive: dict[Identifier, NaiveSettings] = {}
    max_gap: Annotated[float, Field(ge=0, lt=1)] = 1e-4
    time_limit_s: Amount = 60.0

    @model_validator(mode="after")
    def _floors_fit(self) -> Self:
        named = sum(share for name, share in self.floors.items() if name != "*")
        if named > 1:
            raise ValueError(f"floors: expected shares of the budget that sum to at most 1, received {named:g}")
        return self


class Polygons(Settings):
    """The polygons of the communities.

    Args:
        path: string. A GeoJSON file. One that is not absolute lies in the folder of the data.
        key: string. The property that holds a community's key.
        recoded: dict of a key in the file to the key that the community has now. Defaults to none.
    """

    path: str
    key: str
    recoded: dict[str, str] = {}


class RecommendSettings(Settings):
    """Which communities are ranked, which actions are weighed, and how.

    Args:
        catalogue: `Catalogue`. In YAML the name of a file in the folder of the configuration.
        tasks: tuple of strings. The tasks of which a run makes a recommendation. Defaults to the configuration's own.
        outcome: `OutcomeSettings`.
        robustness: dict of task to `OtherOutcome`. Tasks that predict one number, whose ranks stand beside those by the
            outcome. Defaults to none.
        communities: `CommunitySettings`.
        gain: `GainSettings`.
        plan: `PlanSettings`.
        polygons: `Polygons` or None.
        titles: dict of column to `Text`, for drivers and moves. Defaults to the column's name as words.
        fixed: dict of column or pattern to the reason why no action can move it.
        replicates: int. Models of the bootstrap. Defaults to 60.
        placebos: int. Permutations of the moved features, with which an effect is compared. Defaults to 99; 19 are the
            fewest that can give a p-value of .05.
        models_per_placebo: int. Models of the bootstrap that the effect of a placebo is the mean of. The more, the less
            of its spread is that of single models, and the more the test finds. Defaults to 3.
        level: float. Coverage of the intervals. Defaults to .8.
        similar: int. The communities among which a changed one must have its like. Defaults to 50.
        max_drivers: int. Drivers shown of each community. Defaults to 6.
        caveats: tuple of `Text`. Said beside those that every recommendation has.
        language: `"en"` or `"es"`. In which the page opens. Defaults to `"en"`.
    """

    catalogue: Catalogue
    tasks: tuple[str, ...] = ()
    outcome: OutcomeSettings
    robustness: dict[str, OtherOutcome] = {}
    communities: CommunitySettings
    gain: GainSettings
    plan: PlanSettings = PlanSettings()
    polygons: Polygons | None = None
    titles: dict[Identifier, Text] = {}
    fixed: dict[str, str] = {}
    replicates: Annotated[int, Field(ge=10)] = 60
    placebos: Annotated[int, Field(ge=19)] = 99
    models_per_placebo: Annotated[int, Field(ge=1)] = 3
    level: Annotated[float, Field(gt=0, lt=1)] = 0.8
    similar: Annotated[int, Field(ge=5)] = 50
    max_drivers: Annotated[int, Field(ge=1, le=20)] = 6
    caveats: tuple[Text, ...] = ()
    language: Literal["en", "es"] = "en"

    def title_of(self, column: str) -> Text:
        """Returns the title of a column, or its name as words without the unit: `piped_water_pct` as `piped water`."""
        return self.titles.get(column) or Text(en=column.removesuffix("_pct").replace("_", " "))


class RecommenderConfig(Settings):
    """All that `InterventionRecommender` is made with.

    Args:
        system: string. Name of the configuration.
        task_name: string.
        title: `Text`.
        is_synthetic: bool.
        source: string. Of the data.
        licence: string. Of the data.
        training: `CrossValidatorConfig`. Task, preprocessing and trainer of the models.
        recommend: `RecommendSettings`.
        robustness: dict of the tasks of `recommend.robustness` to `CrossValidatorConfig`.
        splits: tuple of strings. The splits of the examples that together hold each record once. Defaults to both.
        version: string. Set by the component: after an upgrade of the library no result is taken from TFX's cache.
    """

    system: str
    task_name: str
    title: Text
    is_synthetic: bool = False
    source: str = ""
    licence: str = ""
    training: CrossValidatorConfig
    recommend: RecommendSettings
    robustness: dict[str, CrossValidatorConfig] = {}
    splits: tuple[str, ...] = ("train", "eval")
    version: str = ""
