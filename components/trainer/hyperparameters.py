"""The hyperparameters of each model family, with defaults that suit a few thousand rows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ConfigurationError

FamilyName = Literal["keras", "boosted_trees", "random_forest", "linear"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class Hyperparameters(BaseModel):
    """What can be set about a family; a name that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KerasHyperparameters(Hyperparameters):
    """A network of dense layers on embeddings of the coded categories and the standardised numbers.

    Args:
        hidden_units: tuple of ints. The width of each dense layer.
        dropout: float in `[0, 1)`. The share of units dropped after each dense layer.
        embedding_width: int. The greatest width of an embedding.
        patience: int, in epochs. Training stops when the validation loss has not fallen for so long.
    """

    hidden_units: tuple[Count, ...] = (64, 32)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    embedding_width: Count = 8
    learning_rate: Positive = 2e-3
    batch_size: Count = 64
    max_epochs: Count = 60
    patience: Count = 8


class BoostedTreesHyperparameters(Hyperparameters):
    """Gradient boosting on histograms, named as in scikit-learn."""

    learning_rate: Positive = 0.06
    max_iter: Count = 150
    max_depth: Count | None = 4
    max_leaf_nodes: Annotated[int, Field(ge=2)] | None = 31
    min_samples_leaf: Count = 20
    l2_regularization: Annotated[float, Field(ge=0)] = 0.0


class RandomForestHyperparameters(Hyperparameters):
    """A forest of trees on bootstrap samples, named as in scikit-learn."""

    n_estimators: Count = 200
    max_depth: Count | None = None
    min_samples_leaf: Count = 2
    max_features: Annotated[float, Field(gt=0, le=1)] | Literal["sqrt", "log2"] | None = 0.3


class LinearHyperparameters(Hyperparameters):
    """Logistic regression (`C`) or ridge regression (`alpha`), named as in scikit-learn."""

    C: Positive = 0.3
    alpha: Positive = 1.0
    max_iter: Count = 1000


HYPERPARAMETERS: Mapping[FamilyName, type[Hyperparameters]] = {
    "boosted_trees": BoostedTreesHyperparameters,
    "random_forest": RandomForestHyperparameters,
    "linear": LinearHyperparameters,
    "keras": KerasHyperparameters,
}


def resolve_hyperparameters(family: FamilyName, given: Mapping[str, Any]) -> Hyperparameters:
    """Returns the hyperparameters of a family, defaults where none are given.

    Raises:
        ConfigurationError: if one is unknown or does not fit.
    """
    try:
        return HYPERPARAMETERS[family].model_validate(dict(given))
    except ValidationError as error:
        known = ", ".join(HYPERPARAMETERS[family].model_fields)
        lines = [f"Expected hyperparameters of {family!r} ({known}). Received:"]
        for detail in error.errors(include_url=False):
            name = ".".join(str(part) for part in detail["loc"])
            lines.append(f"  - {name}: {detail['msg']}, received {detail['input']!r}")
        raise ConfigurationError("\n".join(lines)) from None
