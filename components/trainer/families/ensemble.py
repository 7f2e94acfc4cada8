"""An ensemble: the mean of what models of several families predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from ...features import FeatureKind, Problem
from ...prediction_task import Label
from ...settings import Settings, describe, require_known
from ...text import Text
from ..bagging import Mixture
from ..family import Family, load_families

if TYPE_CHECKING:
    from ..table import Table

NAME = "ensemble"


class EnsembleHyperparameters(Settings):
    """Models whose scores are averaged ("soft voting").

    Models that err in different places gain most by it: trees and a linear model more than trees of two kinds.

    Args:
        families: tuple of strings, at least two. The model family of each, one whose rows may count differently and
            whose training does not look at a validation part. One that is named twice counts twice, each with a seed
            of its own.
        hyperparameters: dict of family to its hyperparameters, the defaults where absent.
    """

    families: Annotated[tuple[str, ...], Field(min_length=2)] = ("boosted_trees", "xgboost", "linear")
    hyperparameters: dict[str, dict[str, Any]] = Field(default_factory=dict)


def fit(train: Table, validation: Table | None, hyperparameters: EnsembleHyperparameters, seed: int) -> Mixture:
    """Returns models fitted to the same rows, the first with the seed, each other with the one after."""
    families = load_families()
    return Mixture(
        [
            families[name].fit(train, None, families[name].resolve(hyperparameters.hyperparameters.get(name, {})), own)
            for own, name in enumerate(hyperparameters.families, start=seed)
        ]
    )


def check(
    hyperparameters: EnsembleHyperparameters, features: Mapping[str, FeatureKind], num_classes: int
) -> Iterator[str]:
    """Yields what does not fit the families of the models."""
    problem = Problem.CLASSIFICATION if num_classes else Problem.REGRESSION
    families = {
        name: family
        for name, family in load_families().items()
        if name != NAME
        and family.can_predict(problem, Label(name="label"))
        and family.uses_weights
        and not family.needs_validation
    }
    for name in hyperparameters.families:
        try:
            require_known("families", name, families)
        except ValueError as error:
            yield str(error)
            return
    for name, given in hyperparameters.hyperparameters.items():
        try:
            require_known("hyperparameters", name, hyperparameters.families)
            settings = families[name].hyperparameters.model_validate(given)
        except ValidationError as error:
            for line in describe(error, families[name].hyperparameters):
                yield f"hyperparameters.{name}.{line.removeprefix('  - ')}"
        except ValueError as error:
            yield str(error)
        else:
            for line in families[name].check(settings, features, num_classes):
                yield f"hyperparameters.{name}.{line}"


FAMILIES = [
    Family(
        name=NAME,
        title=Text(en="ensemble", es="conjunto de modelos"),
        hyperparameters=EnsembleHyperparameters,
        fit=fit,
        problems=frozenset({Problem.CLASSIFICATION, Problem.REGRESSION}),
        check=check,
        uses_weights=True,
        trains_in_tensorflow=False,
        # Beside the default, which is tried as configured.
        space={
            "families": [
                ["boosted_trees", "linear"],
                ["boosted_trees", "xgboost"],
                ["boosted_trees", "linear", "random_forest"],
                ["boosted_trees", "boosted_trees", "xgboost", "linear"],
                ["boosted_trees", "xgboost", "linear", "random_forest"],
                ["boosted_trees", "xgboost", "xgboost", "xgboost"],
            ],
        },
    )
]
