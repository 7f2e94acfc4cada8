"""What the trainer is told."""

import dataclasses
import json
import keyword
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from ...errors import ConfigurationError
from ..features import FeatureKind, Problem
from .hyperparameters import FamilyName

_FAMILIES = (*get_args(FamilyName), "auto")


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """What the trainer is told.

    Args:
        features: mapping of feature name to kind; those that the transform graph lacks are left out.
        label: string. The name of the label.
        problem: `Problem`.
        label_values: tuple of strings. The classes in the order of the scores; none for a regression.
        family: string. A model family, or `"auto"` to train all and keep the best on the validation part.
        seed: int. The seed of everything random.
        validation_share: float in `(0, 1)`. The part of the training split kept apart for validation.
        hyperparameters: mapping of family to its hyperparameters, the defaults where absent.
        version: string. The library's version; a new one is not answered from TFX's cache.
    """

    features: Mapping[str, FeatureKind]
    label: str
    problem: Problem = Problem.CLASSIFICATION
    label_values: tuple[str, ...] = ()
    family: FamilyName | Literal["auto"] = "auto"
    seed: int = 42
    validation_share: float = 0.15
    hyperparameters: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    version: str = ""

    def __post_init__(self) -> None:
        reserved = [name for name in self.features if keyword.iskeyword(name) or not name.isidentifier()]
        if reserved:
            raise ConfigurationError(
                "Expected features whose names can be arguments, as TensorFlow makes the inputs of a signature. "
                f"Received: {', '.join(reserved)}. Rename the columns."
            )
        if self.family not in _FAMILIES:
            raise ConfigurationError(
                f"Expected `family` to be one of {', '.join(_FAMILIES)}. Received: {self.family!r}."
            )
        if not 0 < self.validation_share < 1:
            raise ConfigurationError(f"Expected `validation_share` between 0 and 1. Received: {self.validation_share}.")
        if self.problem is Problem.CLASSIFICATION and len(self.label_values) < 2:
            raise ConfigurationError(
                f"Expected `label_values` to name two classes or more. Received: {list(self.label_values)}."
            )

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any] | str) -> Self:
        """Returns the configuration in the `custom_config` of TFX's Trainer, a mapping or its JSON."""
        given = dict(json.loads(custom_config) if isinstance(custom_config, str) else custom_config)
        unknown = sorted(given.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ConfigurationError(
                f"Expected the fields of the trainer's configuration. Received: {', '.join(unknown)}."
            )
        given["features"] = {name: FeatureKind(kind) for name, kind in given["features"].items()}
        given["problem"] = Problem(given.get("problem", Problem.CLASSIFICATION))
        given["label_values"] = tuple(given.get("label_values", ()))
        return cls(**given)
