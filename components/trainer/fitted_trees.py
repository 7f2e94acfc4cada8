"""What trained trees of every library have in common: their arrays, their scores as tensors, their table."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .columns import MAX_CODES, Column, coded, index_array, index_matrix, numbers
from .target import Target

if TYPE_CHECKING:
    import tensorflow as tf

    from .tree_ensemble import Tree, TreeEnsemble
    from .tree_table import TreeModel


class FittedTrees(abc.ABC):
    """A `FittedModel` whose scores are a sum over trees.

    Args:
        columns: tuple of `Column`.
        target: `Target`.
        link: `"softmax"` or `"identity"`. What is done to the sum.
        max_codes: int. Codes of a categorical feature from `max_codes - 1` on count as one. Defaults to no such limit.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        target: Target,
        link: Literal["softmax", "identity"],
        max_codes: int = MAX_CODES,
    ) -> None:
        self._columns = columns
        self._target = target
        self._link = link
        self._max_codes = max_codes

    @abc.abstractmethod
    def to_trees(self) -> tuple[Sequence[Tree], NDArray[np.float64]]:
        """Returns the trees and what they are added to, `(K,)`."""

    @abc.abstractmethod
    def predict(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the library's own scores."""

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """The arrays of the trees."""
        return list(self._ensemble.variables)

    def scores(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the scores of the trees as tensors."""
        return self._target.arrange(self._ensemble(self._matrix(features)))

    @functools.cached_property
    def _trees(self) -> tuple[Sequence[Tree], NDArray[np.float64]]:
        return self.to_trees()

    @functools.cached_property
    def _ensemble(self) -> TreeEnsemble:
        from .tree_ensemble import TreeEnsemble

        return TreeEnsemble(*self._trees, self._link)

    def _array(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        return index_array(self._columns, features, self._max_codes)

    def _matrix(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return index_matrix(self._columns, features, self._max_codes)


class FittedBoosting(FittedTrees):
    """Gradient-boosted trees, which a server may evaluate as a table.

    Args:
        columns: tuple of `Column`.
        target: `Target`.
        max_codes: int. See `FittedTrees`.
    """

    def __init__(self, columns: tuple[Column, ...], target: Target, max_codes: int = MAX_CODES) -> None:
        super().__init__(columns, target, "softmax" if target.num_classes else "identity", max_codes)

    @property
    def first_output(self) -> int:
        """The score of an estimator's first trees: two classes have one tree a round, whose sum `r` is that of the
        second, for `sigmoid(r) = softmax([0, r])[1]`.
        """
        return 1 if self._target.num_classes == 2 else 0

    def as_trees(self) -> TreeModel | None:
        """Returns the trees, of a classification or of one number."""
        from .tree_table import TreeModel

        if self._target.steps is not None or self._target.quantiles:
            return None
        return TreeModel(*self._trees, self._link, column_features(self._columns), self._matrix)


def column_features(columns: Sequence[Column]) -> list[str]:
    """Returns the feature of each column of `index_matrix`."""
    return [column.name for column in [*coded(columns), *numbers(columns)] for _ in range(column.width)]
