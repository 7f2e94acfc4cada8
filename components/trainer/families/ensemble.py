"""An ensemble: the mean of what models of several families predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ...features import FeatureKind, Problem
from ...prediction_task import Label
from ...settings import Settings, describe, require_known
from ...text import Text
from ..family import Family, FittedModel, load_families

if TYPE_CHECKING:
    import tensorflow as tf

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


def fit(train: Table, validation: Table | None, hyperparameters: EnsembleHyperparameters, seed: int) -> FittedEnsemble:
    """Returns models fitted to the same rows, the first with the seed, each other with the one after."""
    families = load_families()
    return FittedEnsemble(
        [
            families[name].fit(train, None, families[name].resolve(hyperparameters.hyperparameters.get(name, {})), own)
            for own, name in enumerate(hyperparameters.families, start=seed)
        ]
    )


class FittedEnsemble:
    """The mean of several models.

    Args:
        models: sequence of `FittedModel`.
    """

    def __init__(self, models: Sequence[FittedModel]) -> None:
        self._models = models

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Those of all models."""
        return [variable for model in self._models for variable in model.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the mean of the libraries' own scores."""
        return np.asarray(np.mean([model.predict(features) for model in self._models], axis=0, dtype=np.float32))

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the mean of the scores of the models' tensors."""
        import tensorflow as tf

        return tf.add_n([model.scores(features) for model in self._models]) / len(self._models)


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
