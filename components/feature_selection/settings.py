"""Settings of the feature selection."""

from typing import Annotated

from pydantic import Field

from ..settings import Settings


class FeatureSelectionSettings(Settings):
    """Recursive feature addition, on request.

    Args:
        enabled: bool. Whether a pipeline selects features. Defaults to False.
        threshold: float. A feature is kept if the cross-validated score rises by more: macro-F1 for a classification,
            minus the RMSE in standard deviations of the label for numbers. Defaults to 0.002.
        folds: int. Folds of the cross-validation, divided as the task's split says. Defaults to 3.
    """

    enabled: bool = False
    threshold: float = 0.002
    folds: Annotated[int, Field(ge=2)] = 3
