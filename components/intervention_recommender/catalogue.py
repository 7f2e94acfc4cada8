"""The catalogue of interventions: what each moves, by how much at most, on what evidence, at what cost, for whom.

    currency: PEN
    actions:
      piped_water:
        title: {en: Piped water at home, es: Agua por red en la vivienda}
        moves:
          - feature: piped_water_home_pct
            direction: up
            by_at_most: 20
            to_at_most: 95
            takes_from: [river_water_pct]
            raises: [piped_water_pct]
            years: 4
            evidence: assumed
        cost_per_person: 1200
        people: moved
        cost_source: assumed
        fits: {title: Where few have it, where: [{columns: piped_water_home_pct, at_most: 75}]}

An action without moves is one that no column of the data measures: it is shown with an effect of zero.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ...errors import ConfigurationError, suggestion
from ..settings import Identifier, Settings, describe
from ..text import Text
from ..yaml_files import line_of, read_mapping
from .document import ACTION_FIELDS, Columns

ASSUMED = "assumed"
"""What a catalogue says of a number for which it cites nothing."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _stated(source: Text) -> Text:
    if not source.en.strip():
        raise ValueError(f"expected a citation, or {ASSUMED!r}")
    return source


Source = Annotated[Text, AfterValidator(_stated)]
"""Where a number is from, in English at least."""


class CatalogueMove(Settings):
    """A feature that an action moves.

    Args:
        feature: string. A numeric, ordinal or boolean input of the model.
        direction: `"up"` or `"down"`.
        by_at_most: float or None. The greatest change, in the feature's unit, positive.
        to_at_most: float or None. The value at which the action ends. One of the two bounds must be there.
        not_above: string or None. A column that it does not pass, as units passed do not pass those enrolled in.
        takes_from: tuple of strings. Other parts of the same whole, which fall by as much as `feature` rises, in
            proportion to their size and not below 0.
        raises: tuple of strings. Columns that contain `feature` and are never below it.
        years: float or None. How long it takes.
        evidence: `Text`. A citation, or `"assumed"`; one that begins with that word, such as `"assumed; on schooling:
            ..."`, cites something for the direction and nothing for the size.
    """

    feature: Identifier
    direction: Literal["up", "down"]
    by_at_most: Positive | None = None
    to_at_most: Number | None = None
    not_above: Identifier | None = None
    takes_from: tuple[Identifier, ...] = ()
    raises: tuple[Identifier, ...] = ()
    years: Positive | None = None
    evidence: Source

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.by_at_most is None and self.to_at_most is None:
            raise ValueError("expected `by_at_most`, `to_at_most` or both: no action moves a feature without end")
        if self.direction == "down" and (self.takes_from or self.raises):
            raise ValueError(
                "expected `takes_from` and `raises` beside the direction 'up' only: name the part that rises"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that change."""
        return (self.feature, *self.takes_from, *self.raises)


class Condition(Settings):
    """What a community must be like.

    Args:
        columns: string or tuple of strings. A column, or several whose sum counts.
        at_least: float or None.
        at_most: float or None.
        one_of: tuple of strings. The values of a column of strings. Defaults to none, which checks none.
    """

    columns: tuple[Identifier, ...]
    at_least: Number | None = None
    at_most: Number | None = None
    one_of: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_column(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("columns"), str):
            return given | {"columns": (given["columns"],)}
        return given

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if self.at_least is None and self.at_most is None and not self.one_of:
            raise ValueError("expected `at_least`, `at_most` or `one_of`")
        if self.one_of and len(self.columns) > 1:
            raise ValueError("expected one column beside `one_of`")
        return self


class Fits(Settings):
    """For which communities an action is: those that meet every condition, in words and as data."""

    title: Text = Text()
    where: tuple[Condition, ...] = ()


class CatalogueAction(Settings):
    """An intervention.

    Args:
        title: `Text`.
        description: `Text`.
        moves: tuple of `CatalogueMove`; none where no column of the data measures what it does.
        cost_per_person: float, positive, in the catalogue's currency.
        people: `"all"` or `"moved"`. Whether it is paid for all people of a community, or for those whom it reaches:
            the change of the first feature as a percentage of them.
        cost_source: `Text`. Where the cost is from, or `"assumed"`.
        fits: `Fits`. Defaults to every community.
        excludes: tuple of names of actions that a community cannot have beside it.
        needs: tuple of names of actions that a community must have with it.
    """

    title: Text
    description: Text = Text()
    moves: tuple[CatalogueMove, ...] = ()
    cost_per_person: Positive
    people: Literal["all", "moved"] = "all"
    cost_source: Source
    fits: Fits = Fits()
    excludes: tuple[Identifier, ...] = ()
    needs: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        features = [move.feature for move in self.moves]
        if doubled := sorted({name for name in features if features.count(name) > 1}):
            raise ValueError(f"moves: expected each feature once, received {', '.join(doubled)} twice")
        if self.people == "moved" and not self.moves:
            raise ValueError("people: expected 'all' for an action that moves nothing, received 'moved'")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the action changes."""
        return tuple(dict.fromkeys(name for move in self.moves for name in move.columns))


class Catalogue(Settings):
    """The interventions that a recommendation chooses among.

    Args:
        currency: string. Code of the currency of all costs, such as `"PEN"`.
        actions: dict of name to `CatalogueAction`.
    """

    currency: Annotated[str, Field(min_length=1)]
    actions: Annotated[dict[Identifier, CatalogueAction], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_actions(self) -> Self:
        for name, action in self.actions.items():
            if clash := sorted({f"{name}_{field}" for field in ACTION_FIELDS} & set(Columns.model_fields)):
                raise ValueError(
                    f"actions.{name}: expected another name, for the table of communities has a column {clash[0]!r} of "
                    f"its own, received {name!r}"
                )
            for field in ("excludes", "needs"):
                for other in getattr(action, field):
                    if other not in self.actions:
                        raise ValueError(
                            f"actions.{name}.{field}: expected one of {', '.join(self.actions)}, received "
                            f"{other!r}.{suggestion(other, self.actions)}"
                        )
                    if other == name:
                        raise ValueError(f"actions.{name}.{field}: expected another action, received itself")
            for other in sorted(self.needed(name)):
                if other in action.excludes or name in self.actions[other].excludes:
                    raise ValueError(f"actions.{name}: expected not to exclude what it needs, received {other!r}")
            for one, other in itertools.combinations(sorted(self.needed(name)), 2):
                if other in self.actions[one].excludes or one in self.actions[other].excludes:
                    raise ValueError(
                        f"actions.{name}: expected not to need actions that exclude each other, received {one!r} and "
                        f"{other!r}"
                    )
        return self

    def needed(self, name: str) -> set[str]:
        """Returns the actions that one needs, and those that they need."""
        found: set[str] = set()
        open_names = list(self.actions[name].needs)
        while open_names:
            other = open_names.pop()
            if other not in found and other in self.actions:
                found.add(other)
                open_names += self.actions[other].needs
        return found - {name}

    def fits_within(self, name: str, max_actions: int) -> bool:
        """Returns whether an action and those that it needs are no more than a community may get."""
        return 1 + len(self.needed(name)) <= max_actions

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that some action changes."""
        return tuple(dict.fromkeys(name for action in self.actions.values() for name in action.columns))

    @property
    def conditions(self) -> tuple[str, ...]:
        """All columns that some action looks at to see whether it fits."""
        actions = self.actions.values()
        return tuple({name: 0 for one in actions for condition in one.fits.where for name in condition.columns})

    def problems(
        self,
        features: Mapping[str, str],
        excluded: Mapping[str, str],
        fixed: Mapping[str, str],
        known: Collection[str],
        whole_numbers: Collection[str] = (),
    ) -> Iterator[str]:
        """Yields what does not fit the inputs of a model, each as `field: what was expected and received`.

        Args:
            features: mapping of the model's inputs to their kind.
            excluded: mapping of the columns that are no inputs, such as leaks, to the reason.
            fixed: mapping of the inputs that no action can move, such as an altitude, to the reason.
            known: collection of all columns of the records, for conditions.
            whole_numbers: collection of the columns that hold integers. Defaults to none.
        """
        for name, action in self.actions.items():
            for place, move in enumerate(action.moves):
                where = f"actions.{name}.moves.{place}"
                for column in (*move.columns, *((move.not_above,) if move.not_above else ())):
                    if column in excluded:
                        yield (
                            f"{where}: expected an input of the model, received {column!r}, which is excluded: "
                            + (excluded[column])
                        )
                    elif column not in features:
                        yield (
                            f"{where}: expected an input of the model, received {column!r}."
                            f"{suggestion(column, features)}"
                        )
                    elif features[column] not in ("numeric", "ordinal", "boolean"):
                        yield f"{where}: expected a number, received {column!r}, which is {features[column]}"
                    elif column in fixed and column != move.not_above:
                        yield f"{where}: expected a feature that can be moved, received {column!r}: {fixed[column]}"
                steps = [one for one in (move.by_at_most, move.to_at_most) if one is not None]
                if move.feature in whole_numbers and any(one != int(one) for one in steps):
                    yield f"{where}: expected whole numbers, for {move.feature!r} holds integers, received {steps}"
            for place, condition in enumerate(action.fits.where):
                for column in condition.columns:
                    if column not in known:
                        yield (
                            f"actions.{name}.fits.where.{place}: expected a column of the records, received {column!r}."
                            f"{suggestion(column, known)}"
                        )


def read_catalogue(path: Path) -> Catalogue:
    """Reads and checks a catalogue.

    Raises:
        ConfigurationError: if it cannot be read or a field does not fit; the message names each field and its line.
    """
    document, root = read_mapping(path, "a catalogue of interventions", "Correct recommend.catalogue.")
    try:
        return Catalogue.model_validate(document)
    except ValidationError as error:
        lines = [
            f"{line} (line {line_of(root, detail['loc'])})"
            for line, detail in zip(describe(error, Catalogue), error.errors(include_url=False), strict=True)
        ]
    raise ConfigurationError("\n".join([f"The catalogue {path} is invalid:", *lines]))
