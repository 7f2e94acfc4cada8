"""The sections `transform`, `model` and `feature_selection` of a configuration."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from ...components.settings import Settings

Family = Literal["keras", "boosted_trees", "random_forest", "linear", "auto"]
FAMILIES: tuple[str, ...] = get_args(Family)

PREPROCESSING_FN = "yachay.components.transform.preprocessing.preprocessing_fn"
RUN_FN = "yachay.components.trainer.run_fn.run_fn"


class TransformSettings(Settings):
    """How raw features become numbers.

    Args:
        preprocessing_fn: string. Dotted path of what TFX's Transform calls.
    """

    preprocessing_fn: str = PREPROCESSING_FN


class ModelSettings(Settings):
    """The model family and the hyperparameters of each.

    Args:
        family: string. A model family, or `"auto"` to train all and keep the best on the validation part.
        seed: int. The seed of everything random.
        validation_share: float in (0, 1). The part of the training split kept apart for validation.
        hyperparameters: dict of family to its hyperparameters, the defaults where absent.
        run_fn: string. Dotted path of what TFX's Trainer calls.
    """

    family: Family = "auto"
    seed: int = 42
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    hyperparameters: dict[Literal["keras", "boosted_trees", "random_forest", "linear"], dict[str, Any]] = {}
    run_fn: str = RUN_FN


class FeatureSelection(Settings):
    """Recursive feature addition, on request."""

    enabled: bool = False
    threshold: float = 0.002
    folds: Annotated[int, Field(ge=2)] = 3
