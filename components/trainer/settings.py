"""Settings of the trainer."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ...dotted import require_defined
from ...errors import ConfigurationError
from ..features import FeatureKind, Problem
from ..prediction_task import Label, PredictionTask
from ..settings import Identifier, Settings, Share, check_settings, describe, require_known
from ..text import Text
from .distribution import Strategy
from .family import AUTO, Family, describe_task, load_families

CodeNames = dict[Identifier, dict[int, Text]]
"""Feature to the names of its codes: `{"Course": {9147: "management"}}`."""


class TrainerSettings(Settings):
    """Which family is trained, and how.

    Args:
        family: string. Name of a model family, or `"auto"` to train all that can do the task and keep the best on the
            validation part. Defaults to `"auto"`.
        seed: int. The seed of everything random. Defaults to 42.
        validation_share: float in (0, 1). The part of the training split kept apart for validation, divided as the
            task's split says. Defaults to 0.15.
        hyperparameters: dict of family name to its hyperparameters, the defaults where absent.
        class_weights: `"balanced"`, a dict of class to weight, or None. How much the rows of a class count in training;
            see `augment.class_weights`. Defaults to None.
        oversampling: float in [0, 1]. Rows of rare classes are repeated until each has this share of those of the
            largest one, in training rows only. Defaults to 0, none.
        mixup: float. Where above 0, the alpha of mixed rows that training rows are joined by; see `augment.mix`.
            Defaults to 0.
        calibration: `"temperature"`, `"isotonic"`, `"auto"`, `"conformal"` or None. How the scores of a classification,
            or with the last the quantiles of numbers, are calibrated on the validation part; `"auto"` takes what is
            best there, or none; a task of the other kind is left as it is. Families that stop early choose their
            epoch by that part too, one number, as Guo et al. (2017, section 4) do; `calibration_folds` calibrates on
            rows that no training has looked at. Defaults to None.
        calibration_folds: int or None. A calibration is then fitted to what as many models, each without one fold of
            the training split, predict of that fold: of few groups a validation part has too few. Defaults to None.
        bagging_folds: int or None. The model is then the mean of as many, each trained without one fold of the training
            split, by which it stops early where its family does (bagging by folds, Parmanto et al. 1996). All metrics
            of the validation part are of the predictions of the fold that each has not seen, and a calibration is
            fitted to them (cross-conformal, Vovk 2015). Folds in time are interleaved: see `split.gap`. Defaults to
            None.
        stacked_with: tuple of strings. Families beside `family`: the model is then the mixture of all of them that has
            the least loss on out-of-fold predictions, with weights of its own for each step of a forecast (stacking,
            see `bagging.stack_weights`). Needs `bagging_folds`. One that cannot do a task is left out of its stack,
            and a task with a family of its own has none. Defaults to none.
        calibration_by: tuple of strings. Transformed numbers, by which of them are above their mean rows are divided
            into groups that `conformal` calibrates each on its own, see `calibration.Mondrian`. Defaults to none.
        strategy: `"auto"`, `"none"`, `"mirrored"` or `"multi_worker"`. The devices that share a network's training; see
            `distribution.distributed`. Defaults to `"auto"`: the GPUs of the machine.
        workers: int. With the strategy `multi_worker` how many processes of the step train together where `TF_CONFIG`
            names no workers. Defaults to 1.
        run_fn: string or None. Dotted path of a function of one's own that trains and exports in place of ours;
            all but `seed` and `validation_share` are then its own affair. Defaults to None.
    """

    family: str = AUTO
    seed: int = 42
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    hyperparameters: dict[str, dict[str, Any]] = {}
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    oversampling: Share = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.0
    calibration: Literal["temperature", "isotonic", "auto", "conformal"] | None = None
    calibration_folds: Annotated[int, Field(ge=2)] | None = None
    bagging_folds: Annotated[int, Field(ge=2)] | None = None
    stacked_with: tuple[str, ...] = ()
    calibration_by: Annotated[tuple[Identifier, ...], Field(max_length=4)] = ()
    strategy: Strategy = "auto"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    run_fn: str | None = None

    @model_validator(mode="after")
    def _one_kind_of_folds(self) -> Self:
        if self.calibration_folds is not None and self.bagging_folds is not None:
            raise ValueError("calibration_folds: expected none beside `bagging_folds`, whose folds calibrate")
        if self.stacked_with and (self.bagging_folds is None or self.family == AUTO):
            raise ValueError("stacked_with: expected `bagging_folds` and a `family` beside it")
        if self.workers > 1 and self.strategy != "multi_worker":
            raise ValueError("workers: expected 1 without `strategy: multi_worker`")
        if self.calibration_by and self.calibration != "conformal":
            raise ValueError("calibration_by: expected none without `calibration: conformal`")
        return self

    @property
    def needs_weights(self) -> bool:
        """Whether a family must let rows count differently."""
        return self.class_weights is not None or self.mixup > 0

    def require_family(self) -> None:
        """Checks that a family is trained, as folds need it.

        Raises:
            ConfigurationError: if a `run_fn` trains.
        """
        if self.run_fn is not None:
            raise ConfigurationError(
                f"model.run_fn: expected null, for folds are trained by a model family, received {self.run_fn!r}. "
                "Make a family of it in the system's model.py"
            )

    def check(self, families: Mapping[str, Family], problem: Problem, label: Label) -> None:
        """Checks the names of families, their hyperparameters and whether they can predict what is asked for.

        Args:
            families: mapping of name to `Family`, as `load_families` returns it.
            problem: `Problem`.
            label: `Label`.

        Raises:
            ValueError: if one is unknown or does not fit; the message names the field.
        """
        if self.run_fn is not None:
            return
        require_known("model.family", self.family, [*families, AUTO])
        for name in self.stacked_with:
            require_known("model.stacked_with", name, families)
        for name, given in self.hyperparameters.items():
            require_known("model.hyperparameters", name, families)
            try:
                families[name].hyperparameters.model_validate(given)
            except ValidationError as error:
                lines = [line.removeprefix("  - ") for line in describe(error, families[name].hyperparameters)]
                raise ValueError("; ".join(f"model.hyperparameters.{name}.{line}" for line in lines)) from None
        able = [name for name, family in families.items() if family.can_predict(problem, label)]
        if self.family != AUTO and self.family not in able:
            raise ConfigurationError(
                f"model.family: expected a family for {describe_task(problem, label)} "
                f"({', '.join(able) or 'none is known'}), received {self.family!r}"
            )
        if self.needs_weights and self.family != AUTO and not families[self.family].uses_weights:
            raise ConfigurationError(
                "model: expected neither class_weights nor mixup with a family whose rows all count alike, "
                f"received {self.family!r}"
            )

    def check_inputs(
        self, families: Mapping[str, Family], features: Mapping[str, FeatureKind], num_classes: int
    ) -> None:
        """Checks hyperparameters that name features.

        Args:
            families: mapping of name to `Family`, which know the hyperparameters.
            features: mapping of input to its `FeatureKind`.
            num_classes: int. 0 for numbers.

        Raises:
            ValueError: if one does not fit; the message names the field.
        """
        lines = [
            f"model.hyperparameters.{name}.{line}"
            for name, given in self.hyperparameters.items()
            for line in families[name].check(families[name].resolve(given), features, num_classes)
        ]
        if lines:
            raise ValueError("; ".join(lines))


class Tuned(Settings):
    """What a search has found for a task, the content of `tuned.yaml`.

    Args:
        family: string.
        hyperparameters: dict. Of the family.
        class_weights, oversampling, mixup, calibration: as in `TrainerSettings`; those that are not given stay as they
            are.
    """

    family: str
    hyperparameters: dict[str, Any] = {}
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    oversampling: Share = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.0
    calibration: Literal["temperature", "isotonic", "auto", "conformal"] | None = None

    def apply(self, settings: TrainerSettings) -> TrainerSettings:
        """Returns settings of the Trainer with what was found in place of theirs."""
        options = {name: getattr(self, name) for name in self.model_fields_set - {"family", "hyperparameters"}}
        hyperparameters = {**settings.hyperparameters, self.family: dict(self.hyperparameters)}
        return settings.model_copy(update={**options, "family": self.family, "hyperparameters": hyperparameters})


class TrainerConfig(Settings):
    """The `custom_config` of TFX's Trainer, which `run_fn` reads.

    Args:
        task: `PredictionTask`.
        settings: `TrainerSettings`.
        version: string. The library's version: after an upgrade no result is taken from TFX's cache.
        code_names: `CodeNames`. For the metadata of the model. Defaults to none.
    """

    task: PredictionTask
    settings: TrainerSettings = TrainerSettings()
    code_names: CodeNames = {}
    version: str = ""

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any] | str) -> Self:
        """Returns the configuration in a `custom_config`, a mapping or its JSON.

        Raises:
            ConfigurationError: if a field does not fit.
        """
        if isinstance(custom_config, str):
            return cls.from_property(custom_config)
        return check_settings(cls, custom_config, "the Trainer's `custom_config`")


def check_trainer(task: PredictionTask, settings: TrainerSettings) -> None:
    """Checks that a task can be trained with some settings.

    Raises:
        ConfigurationError: if a family is unknown or cannot do the task, a hyperparameter does not fit, there is
            no such `run_fn`, or a feature cannot be an input of a signature.
    """
    reserved = [name for name in task.features if keyword.iskeyword(name) or name.startswith("_")]
    if reserved:
        raise ConfigurationError(
            "Expected features whose names can be arguments, as TensorFlow makes the inputs of a signature. "
            f"Received: {', '.join(reserved)}. Rename the columns."
        )
    if settings.run_fn is not None:
        require_defined(settings.run_fn, "`model.run_fn`")
    quantiles = task.label.quantiles
    if settings.calibration == "conformal" and quantiles and 0.5 not in quantiles:
        raise ConfigurationError(
            "Expected 0.5 among `label.quantiles`, from which `model.calibration: conformal` moves the others. "
            f"Received: {', '.join(map(str, quantiles))}. Add it, or take the calibration out."
        )
    # Like the other options for classes it is without effect on a task that predicts numbers, beside one of classes.
    given = settings.class_weights if isinstance(settings.class_weights, dict) and task.label.values else {}
    for name in given:
        try:
            require_known("model.class_weights", name, task.label.values)
        except ValueError as error:
            raise ConfigurationError(f"Invalid settings of the Trainer: {error}") from None
    try:
        families = load_families(task.extensions)
        settings.check(families, task.problem, task.label)
        settings.check_inputs(families, task.features, len(task.label.values))
    except ValueError as error:
        raise ConfigurationError(f"Invalid settings of the Trainer: {error}") from None
