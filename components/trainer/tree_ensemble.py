"""Decision trees as tensors: all trees of an ensemble are walked at once, a level at a step."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .columns import SMALLEST_NORMAL


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree as arrays over its nodes, the root first.

    Args:
        feature: int array `(M,)`. The column that a node looks at.
        threshold: float array `(M,)`. A row goes left where its value is at most this.
        left: int array `(M,)`. The left child; a leaf is its own.
        right: int array `(M,)`. The right child; a leaf is its own.
        value: float array `(M, K)`. What a leaf adds to the scores.
        left_codes: dict of node to bool array over codes: where present, a row goes left by its code instead.
    """

    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]
    left_codes: dict[int, NDArray[np.bool_]] = dataclasses.field(default_factory=dict)

    @property
    def depth(self) -> int:
        """The number of steps from the root to the deepest leaf."""
        nodes, depth = np.array([0]), 0
        while True:
            children = np.concatenate([self.left[nodes], self.right[nodes]])
            nodes = np.setdiff1d(children, nodes)
            if not len(nodes):
                return depth
            depth += 1


class TreeEnsemble(tf.Module):
    """The sum of trees, with a link function.

    Thresholds are rounded down to `float32`: for every `float32` value `x`, `x <= threshold` is what it was in
    `float64`. Leaf values are added in `float64`.

    Args:
        trees: sequence of `Tree`.
        base: float array `(K,)`. What the leaves are added to.
        link: `"softmax"` or `"identity"`.
    """

    def __init__(self, trees: Sequence[Tree], base: NDArray[Any], link: Literal["softmax", "identity"]) -> None:
        super().__init__(name="tree_ensemble")
        sizes = [len(tree.feature) for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        self._link = link
        self._depth = max(tree.depth for tree in trees)
        self._roots = _constant(roots, tf.int32, "roots")
        self._feature = _constant(np.concatenate([tree.feature for tree in trees]), tf.int32, "feature")
        threshold = round_down(np.concatenate([tree.threshold for tree in trees]))
        self._threshold = _constant(threshold, tf.float32, "threshold")
        children = [np.stack([tree.right, tree.left], axis=1) + root for tree, root in zip(trees, roots, strict=True)]
        self._children = _constant(np.concatenate(children).ravel(), tf.int32, "children")
        self._value = _constant(np.concatenate([tree.value for tree in trees]), tf.float64, "value")
        self._base = _constant(base, tf.float64, "base")
        offsets, left_codes = _code_tables(trees, roots, sum(sizes))
        self._code_offset = _constant(offsets, tf.int32, "code_offset")
        self._left_codes = _constant(left_codes, tf.bool, "left_codes")
        self._has_codes = bool(len(left_codes))

    def __call__(self, matrix: tf.Tensor) -> tf.Tensor:
        """Returns the `float32` scores `(N, K)` of a `float32` matrix `(N, F)` without NaN."""
        # The variables are read once: a read a level would be a copy a level.
        feature, threshold, children = (
            tf.convert_to_tensor(variable) for variable in (self._feature, self._threshold, self._children)
        )
        offset, left_codes = tf.convert_to_tensor(self._code_offset), tf.convert_to_tensor(self._left_codes)
        num_rows, num_columns = tf.unstack(tf.shape(matrix))
        cells, first_cells = tf.reshape(matrix, [-1]), (tf.range(num_rows) * num_columns)[:, tf.newaxis]
        nodes = tf.tile(tf.convert_to_tensor(self._roots)[tf.newaxis, :], [num_rows, 1])
        for _ in range(self._depth):
            values = tf.gather(cells, first_cells + tf.gather(feature, nodes))
            goes_left = values <= tf.gather(threshold, nodes)
            if self._has_codes:
                offsets = tf.gather(offset, nodes)
                by_code = offsets >= 0
                places = tf.where(by_code, offsets + tf.cast(values, tf.int32), 0)
                goes_left = tf.where(by_code, tf.gather(left_codes, places), goes_left)
            nodes = tf.gather(children, 2 * nodes + tf.cast(goes_left, tf.int32))
        total = self._base + tf.reduce_sum(tf.gather(tf.convert_to_tensor(self._value), nodes), axis=1)
        return tf.cast(tf.nn.softmax(total) if self._link == "softmax" else total, tf.float32)


def round_down(values: NDArray[Any]) -> NDArray[np.float32]:
    """Returns for each `float64` the greatest `float32` that is zero or normal and not above it."""
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    rounded = np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    # TensorFlow takes a subnormal for zero.
    is_subnormal = (rounded != 0) & (np.abs(rounded) < SMALLEST_NORMAL)
    return np.where(is_subnormal, np.where(rounded > 0, np.float32(0), -SMALLEST_NORMAL), rounded)


def _constant(values: NDArray[Any], dtype: tf.DType, name: str) -> tf.Variable:
    # A variable and not a constant: a large forest would pass the 2 GiB of a graph.
    return tf.Variable(values, trainable=False, dtype=dtype, name=name)


def _code_tables(
    trees: Sequence[Tree], roots: NDArray[Any], num_nodes: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Returns for each node the place of its table of codes, -1 where it has none, and all tables end to end."""
    offsets = np.full(num_nodes, -1, np.int32)
    tables: list[NDArray[np.bool_]] = []
    end = 0
    for tree, root in zip(trees, roots, strict=True):
        for node, left_codes in tree.left_codes.items():
            offsets[root + node] = end
            tables.append(left_codes)
            end += len(left_codes)
    return offsets, np.concatenate(tables) if tables else np.zeros(0, np.bool_)
