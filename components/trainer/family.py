"""What a model family is to the rest of the trainer."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .hyperparameters import FamilyName
from .table import Table


class FittedModel(Protocol):
    """A trained model, in the library that trained it and in TensorFlow."""

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The variables that `scores` reads, for the export to track."""

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the library's own scores `(N, K)` of transformed features, each `(N,)`; `K` is 1 for a regression."""

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores `(N, K)` of transformed features, in TensorFlow operations only."""


class Family(Protocol):
    """A kind of model.

    `needs_validation` says whether training itself looks at the validation part (early stopping); a family that does
    not is trained again on all rows once it is chosen.
    """

    name: ClassVar[FamilyName]
    needs_validation: ClassVar[bool]

    def fit(self, train: Table, validation: Table | None, hyperparameters: Any, seed: int) -> FittedModel:
        """Returns a model fitted to `train`."""
