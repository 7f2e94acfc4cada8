"""Several models as one: the mean of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .family import FittedModel

if TYPE_CHECKING:
    import tensorflow as tf


class MeanModel:
    """The mean of the scores of several models; of quantiles that of each, so that they ascend.

    Args:
        members: sequence of `FittedModel`.
    """

    def __init__(self, members: Sequence[FittedModel]) -> None:
        self._members = members

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """Those of all members."""
        return [variable for member in self._members for variable in member.variables]

    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the mean of the libraries' scores."""
        scores: NDArray[np.float32] = np.mean([member.predict(features) for member in self._members], axis=0)
        return scores

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the mean of the scores of the members' tensors."""
        import tensorflow as tf

        return tf.add_n([member.scores(features) for member in self._members]) / len(self._members)
