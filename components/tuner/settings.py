"""Settings of a search, and the spaces of hyperparameters that it goes through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from ...errors import suggestion
from ..cross_validator.settings import MIN_FOLDS, CrossValidatorConfig
from ..features import FeatureKind
from ..settings import Settings
from ..trainer.family import AUTO, Family
from ..trainer.settings import TrainerSettings

TRAINING_OPTIONS = ("class_weights", "oversampling", "mixup", "calibration")
"""The settings of the Trainer, beside hyperparameters, that a search may vary."""

TUNING = "tuning"
"""The property of `tuner_results` with what a summary shows of a search, as JSON."""

MAX_PODS = 16
SHARD_SEED = 1000
"""How far the seeds of searches side by side lie apart."""

OracleName = Literal["random", "bayesian", "hyperband"]


class Range(Settings):
    """Numbers between two bounds, both included; whole numbers where both bounds are.

    Args:
        min: int or float.
        max: int or float. Greater than `min`.
        step: int or float, or None. The distance of neighbours. Defaults to None: 1 of whole numbers, any other number.
        scale: `"linear"` or `"log"`. With `"log"` each factor is as likely as another. Defaults to `"linear"`.
    """

    min: int | float
    max: int | float
    step: Annotated[int | float, Field(gt=0)] | None = None
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min < self.max):
            raise ValueError(f"expected finite `min` < `max`, received {self.min} and {self.max}")
        if self.scale == "log" and self.min <= 0:
            raise ValueError(f"expected `min` above 0 with `scale: log`, received {self.min}")
        if self.scale == "log" and self.step is not None:
            raise ValueError("expected no `step` with `scale: log`")
        if self.is_whole and self.step is not None and not isinstance(self.step, int):
            raise ValueError(f"expected a whole `step` between whole bounds, received {self.step}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.min, int) and isinstance(self.max, int)

    @property
    def ends(self) -> list[Any]:
        """The values that show whether all of the space fits."""
        return [self.min, self.max]


class Choices(Settings):
    """Values of any kind to choose from; a configuration may write the list alone.

    Args:
        choices: list of JSON values, at least two.
    """

    choices: Annotated[list[Any], Field(min_length=2)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if any(value in self.choices[:place] for place, value in enumerate(self.choices)):
            raise ValueError(f"expected distinct choices, received {self.choices}")
        return self

    @property
    def ends(self) -> list[Any]:
        """The values that show whether all of the space fits."""
        return self.choices


def _kind(given: Any) -> str:
    is_choices = isinstance(given, Choices) or (isinstance(given, Mapping) and "choices" in given)
    return "choices" if is_choices else "range"


Space = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(_kind),
    BeforeValidator(lambda given: {"choices": given} if isinstance(given, list) else given),
]
"""The values of one hyperparameter: a `Range` or `Choices`."""


class TuneSettings(Settings):
    """How a search for the best family and hyperparameters goes.

    Args:
        enabled: bool. Whether a run searches before it trains; `yachay run --tune` is the same. Defaults to False.
        families: tuple of strings. The model families to search in. Defaults to `model.family`; with `"auto"` to all
            that can do the task.
        spaces: dict of family to `{hyperparameter: Range or Choices}`. Defaults to the family's own space.
        training: dict of `mixup`, `oversampling`, `class_weights` or `calibration` to a `Range` or `Choices`. Settings
            of the Trainer to search beside the hyperparameters. Defaults to none.
        oracle: `"random"`, `"bayesian"` (a Gaussian process) or `"hyperband"` (many short trainings, the best of them
            go on; of families whose training goes on for rounds). Defaults to `"bayesian"`.
        objective: string or None. The metric that is searched for. Defaults to the task's own, by which families are
            compared: macro-F1, RMSE, or pinball loss.
        trials: int. At most so many are tried, the configuration as it is among them. Defaults to 30.
        minutes: float or None. After so many no trial begins, and those under way end with the fold that they are in.
            Defaults to 10; None for as long as the trials take.
        folds: int. The inner folds of each trial, divided as the split says. Defaults to 5.
        parallel: int. A trial is proposed by the results of all before it but the last `parallel - 1`, so that as many
            can run side by side, and the search is the same on a machine with fewer processors. Defaults to 4.
        pods: int. So many searches of their own seeds, which share `trials`, are steps of their own: pods side by side
            on Kubeflow. At most 16. Defaults to 1; on one machine `parallel` is what makes trials run side by side.
        early_stop: float in [0, 0.5). A trial whose folds so far are worse than those of the best one at this level of
            significance is not tried on the others; see `race.is_hopeless`. 0 stops none. Defaults to 0.05.
        keep_level: float in (0, 0.5]. The best trial is trained where it leads the configuration as it is on the same
            folds at this level of significance (the same test, of one comparison: the best of many equal trials
            passes it more often), else the configuration. 0.5 trains the best one, be its lead chance. Defaults to 0.1.
        folder: string or None. Where the trials of a search that is under way are kept, for a later run to go on from.
            Defaults to None, beside the results; in a pod name a folder of a volume (docs/tuning.md).
        seed: int or None. Of the proposals. Defaults to `model.seed`, which is that of the folds and the training.
    """

    enabled: bool = False
    families: tuple[str, ...] = ()
    spaces: dict[str, dict[str, Space]] = {}
    training: dict[Literal["class_weights", "oversampling", "mixup", "calibration"], Space] = {}
    oracle: OracleName = "bayesian"
    objective: str | None = None
    trials: Annotated[int, Field(ge=1)] = 30
    minutes: Annotated[float, Field(gt=0)] | None = 10.0
    folds: Annotated[int, Field(ge=MIN_FOLDS)] = 5
    parallel: Annotated[int, Field(ge=1)] = 4
    pods: Annotated[int, Field(ge=1, le=MAX_PODS)] = 1
    early_stop: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    keep_level: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    folder: str | None = None
    seed: int | None = None


class TunerConfig(Settings):
    """What a search does: its own settings, and the preprocessing and training of the folds.

    Args:
        training: `CrossValidatorConfig`. Its `folds` and `workers` have no influence.
        tune: `TuneSettings`.
        shard: int. Which of `tune.pods` searches it is, from 0 on; each but the first has a seed of its own.
        version: string. Set by `Tuner`: after an upgrade of the library no result is taken from TFX's cache.
    """

    training: CrossValidatorConfig
    tune: TuneSettings = TuneSettings()
    shard: int = 0
    version: str = ""


def searched_families(tune: TuneSettings, trainer: TrainerSettings, able: Mapping[str, Family]) -> dict[str, Family]:
    """Returns the families that are searched in, by name.

    Args:
        tune: `TuneSettings`.
        trainer: `TrainerSettings`.
        able: mapping of name to `Family`. Those that can do the task.
    """
    named = _named(tune, trainer) or tuple(able)
    needs_weights = _needs_weights(tune, trainer)
    return {name: able[name] for name in named if name in able and (able[name].uses_weights or not needs_weights)}


def configured_families(trainer: TrainerSettings, searched: Iterable[str]) -> tuple[str, ...]:
    """Returns the families that are first tried as configured: the configured one, be it searched in or not, and each
    that is searched in.
    """
    return tuple(dict.fromkeys([*([] if trainer.family == AUTO else [trainer.family]), *searched]))


def space_of(tune: TuneSettings, family: Family) -> dict[str, Range | Choices]:
    """Returns the space of a family: that of the settings, else its own, without what hyperband sets itself."""
    given = tune.spaces.get(family.name)
    if given is not None:
        return dict(given)
    own = TuneSettings.model_validate({"spaces": {family.name: dict(family.space)}}).spaces[family.name]
    return {name: space for name, space in own.items() if tune.oracle != "hyperband" or name != family.rounds}


def unsearched_spaces(tune: TuneSettings, trainer: TrainerSettings) -> tuple[str, ...]:
    """Returns the families whose space is in the settings and has no effect, for the search is in others."""
    named = _named(tune, trainer)
    return tuple(name for name in tune.spaces if tune.enabled and named and name not in named)


def find_tuning_problems(
    tune: TuneSettings,
    trainer: TrainerSettings,
    families: Mapping[str, Family],
    able: Mapping[str, Family],
    metrics: Mapping[str, Any],
    inputs: Mapping[str, FeatureKind],
    classes: Sequence[str],
) -> Iterator[str]:
    """Yields what of a search does not fit a task, each as `field: what was expected and received`.

    Args:
        tune: `TuneSettings`.
        trainer: `TrainerSettings`. Those of the task.
        families: mapping of name to `Family`. All of them.
        able: mapping likewise. Those that can do the task.
        metrics: mapping of name to `Metric`. Those of the task.
        inputs: mapping of input to its `FeatureKind`.
        classes: sequence of strings. Those of the label; none for numbers.
    """
    is_searched = tune.enabled and trainer.run_fn is None
    chosen = searched_families(tune, trainer, able) if is_searched else {}
    for field, names in (("families", tune.families), ("spaces", tuple(tune.spaces))):
        for name in names:
            if name not in families:
                known = ", ".join(families)
                yield f"tune.{field}: expected one of {known}, received {name!r}.{suggestion(name, families)}"
    if tune.objective is not None and tune.objective not in metrics:
        known = ", ".join(metrics)
        hint = suggestion(tune.objective, metrics)
        yield f"tune.objective: expected a metric of the task ({known}), received {tune.objective!r}.{hint}"
    for name in (*tune.spaces, *(chosen.keys() - tune.spaces.keys())):
        if name in families:
            yield from _unfit_space(families[name], tune, trainer, inputs if name in chosen else None, len(classes))
    yield from _unfit_options(tune, trainer, classes)
    if not tune.enabled:
        return
    if trainer.run_fn is not None:
        yield f"tune.enabled: expected false with `model.run_fn` ({trainer.run_fn}), for a search trains families"
        return
    if unweighted := [name for name in _named(tune, trainer) if name in able and name not in chosen]:
        yield (
            "tune.families: expected families whose rows may count differently, for class_weights or mixup, received "
            f"{', '.join(unweighted)}. Take them out, or these options"
        )
    elif not chosen:
        yield f"tune.families: expected one that can do the task ({', '.join(able) or 'none can'}), received " + (
            ", ".join(tune.families) or trainer.family
        )
    num_first = len(configured_families(trainer, chosen))
    if tune.pods > 1 and tune.trials // tune.pods <= num_first:
        least = tune.pods * (num_first + 1)
        yield (
            f"tune.trials: expected at least {least} of {tune.pods} pods, for each first tries the configuration of "
            f"every family, received {tune.trials}"
        )
    for name, family in chosen.items():
        if tune.oracle == "hyperband" and family.rounds is None:
            yield f"tune.oracle: expected 'random' or 'bayesian' with {name!r}, whose training has no rounds to shorten"
        if not tune.training and not space_of(tune, family):
            yield f"tune.spaces.{name}: expected hyperparameters to search, received none. Name them here"


def _named(tune: TuneSettings, trainer: TrainerSettings) -> tuple[str, ...]:
    """Returns the families that the settings name; none where all are searched in."""
    return tune.families or (() if trainer.family == AUTO else (trainer.family,))


def _needs_weights(tune: TuneSettings, trainer: TrainerSettings) -> bool:
    """Returns whether some trial may let rows count differently."""
    spaces = [tune.training[name] for name in ("class_weights", "mixup") if name in tune.training]
    return trainer.needs_weights or any(any(space.ends) for space in spaces)


def _unfit_space(
    family: Family,
    tune: TuneSettings,
    trainer: TrainerSettings,
    inputs: Mapping[str, FeatureKind] | None,
    num_classes: int,
) -> Iterator[str]:
    """Yields what of a space a family does not take; beside inputs, which are None where it is not searched in."""
    known = family.hyperparameters.model_fields
    for name, values in space_of(tune, family).items():
        field = f"tune.spaces.{family.name}.{name}"
        if name not in known:
            yield f"{field}: no such hyperparameter.{suggestion(name, known)}"
            continue
        if tune.oracle == "hyperband" and name == family.rounds:
            yield f"{field}: expected none with the oracle 'hyperband', which sets it"
        for value in values.ends:
            given = {**trainer.hyperparameters.get(family.name, {}), name: value}
            try:
                resolved = family.resolve(given)
                reasons = [] if inputs is None else list(family.check(resolved, inputs, num_classes))
            except ValueError as error:
                reasons = [str(error).splitlines()[-1].strip(" -")]
            for reason in reasons[:1]:
                yield f"{field}: expected values that the family takes, received {value!r} ({reason})"


def _unfit_options(tune: TuneSettings, trainer: TrainerSettings, classes: Sequence[str]) -> Iterator[str]:
    for name, values in tune.training.items():
        for value in values.ends:
            try:
                TrainerSettings.model_validate(trainer.model_dump() | {name: value})
            except ValueError:
                yield f"tune.training.{name}: expected values that `model.{name}` takes, received {value!r}"
            unknown = [one for one in value if one not in classes] if isinstance(value, dict) and classes else []
            for one in unknown:
                known = ", ".join(classes)
                yield f"tune.training.{name}: expected classes of the label ({known}), received {one!r}"
