"""The table of a tree model over raw features, which a server evaluates in place of the transform and the trees."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...errors import ModelError
from ...model_store.tree_table import MASKS, TOLERANCE, TreeScorer, TreeTable, largest_difference
from .metadata import RawFeature
from .tree_ensemble import Tree, round_down

FromRaw = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]

MAX_TABLE_BYTES = 64 * 2**20

_DTYPES = ("float32", "int64", "string")
_NUM_CHECKED_ROWS = 512
_NUM_OTHERS = 64
_UNKNOWN_TEXT = "\U0010ffff"
_MAX_EXACT = 2**53  # Above it a float64 may stand for several integers.


@dataclasses.dataclass(frozen=True)
class TreeModel:
    """A model as trees.

    Args:
        trees: sequence of `Tree`.
        base: float array `(K,)`. What the leaves are added to.
        link: `"softmax"` or `"identity"`.
        columns: sequence of strings. The feature of each column that the trees read.
        matrix: function of transformed features that returns those columns, a `float32` tensor `(N, columns)`.
    """

    trees: Sequence[Tree]
    base: NDArray[Any]
    link: Literal["softmax", "identity"]
    columns: Sequence[str]
    matrix: Callable[[Mapping[str, tf.Tensor]], tf.Tensor]


@runtime_checkable
class HasTrees(Protocol):
    """A `FittedModel` that may be trees alone."""

    def as_trees(self) -> TreeModel | None:
        """Returns its trees; None where its scores are not their sum."""


class TreeTableError(ModelError):
    """No table can stand for a model. The message says why."""


def make_tree_table(
    model: TreeModel,
    matrix: FromRaw,
    scores: FromRaw,
    features: Sequence[RawFeature],
    vocabularies: Mapping[str, Sequence[bytes]],
) -> TreeTable:
    """Returns the table of a model.

    What a raw value becomes is asked of `matrix`, with other features at random: so is found which columns depend on
    one feature alone, and which numbers keep their order.

    Args:
        model: `TreeModel`.
        matrix: function of raw features, each `(N,)`, that returns the columns that the trees read.
        scores: function of raw features that returns the model's scores, to compare with.
        features: sequence of `RawFeature`.
        vocabularies: mapping of categorical feature to the values of its vocabulary.

    Raises:
        TreeTableError: if there can be none.
    """
    if sorted(model.columns) != sorted(feature.name for feature in features):
        raise TreeTableError(
            "Expected a column for each feature. Received: others, from a transform of the system's own."
        )
    if any(feature.steps for feature in features):
        raise TreeTableError("Expected single values. Received: sequences.")
    in_order = sorted(features, key=lambda feature: _DTYPES.index(feature.dtype))
    probe = _Probe(model.columns, matrix)
    trees, num_trees = _by_score(model)
    bits = _num_bits(trees)
    intervals = _intervals(_thresholds(trees, model.columns), probe, in_order, vocabularies)
    values = probe.columns({name: each.values for name, each in intervals.items()})
    table, rows = _build(trees, model.columns, values, bits)
    numbers = [feature for feature in in_order if feature.dtype != "string"]
    bounds = [intervals[feature.name].bounds for feature in numbers]
    made = TreeTable(
        features={
            dtype: tuple(feature.name for feature in in_order if feature.dtype == dtype)
            for dtype in sorted({feature.dtype for feature in features})
        },
        bounds=np.concatenate([np.zeros(0), *bounds]),
        num_bounds=np.array([len(each) for each in bounds], np.int64),
        row_of_interval=np.concatenate(
            [np.zeros(0, np.int64), *(rows[one.name][: len(of) + 1] for one, of in zip(numbers, bounds, strict=True))]
        ),
        row_of_missing=np.array([rows[one.name][-1] if one.optional else -1 for one in numbers], np.int64),
        texts=tuple(
            dict(zip([*intervals[one.name].values[:-1], None], rows[one.name].tolist(), strict=True))
            for one in in_order
            if one.dtype == "string"
        ),
        table=table,
        values=_leaf_values(trees, bits),
        num_trees=num_trees,
        base=np.asarray(model.base, np.float64),
        link=model.link,
    )
    _check(made, scores, in_order, intervals)
    return made


@dataclasses.dataclass(frozen=True)
class _Intervals:
    """The intervals of a number with a value of each, or the known values of a text.

    Args:
        values: array. A value of each interval, and the missing one where there may be; or the known texts, the empty
            one and one that is not known.
        bounds: `float64` array. The greatest value of each interval but the last.
    """

    values: NDArray[Any]
    bounds: NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros(0))


class _Probe:
    """Asks what raw values become in the columns that the trees read."""

    def __init__(self, columns: Sequence[str], matrix: FromRaw) -> None:
        self._columns = columns
        self._matrix = matrix
        self._random = np.random.default_rng(0)

    def columns(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Returns what the values of each feature become in its column, each asked for beside at least two others.

        Raises:
            TreeTableError: if one depends on other features.
        """
        num_rows = 2 * max(map(len, raw.values()))
        orders = {name: self._random.permutation(np.resize(np.arange(len(raw[name])), num_rows)) for name in raw}
        matrix = self._matrix({name: tf.constant(raw[name][order]) for name, order in orders.items()}).numpy()
        columns = {}
        for name, column in zip(self._columns, matrix.T, strict=True):
            columns[name] = np.empty(len(raw[name]), np.float32)
            columns[name][orders[name]] = column
            if (columns[name][orders[name]] != column).any():
                raise TreeTableError(f"Expected {name!r} to be transformed by itself. Received: other features in it.")
        return columns


def _intervals(
    thresholds: Mapping[str, NDArray[np.float32]],
    probe: _Probe,
    features: Sequence[RawFeature],
    vocabularies: Mapping[str, Sequence[bytes]],
) -> dict[str, _Intervals]:
    """Returns the intervals of each feature."""
    intervals = {
        feature.name: _known_values(feature, vocabularies[feature.name])
        for feature in features
        if feature.name in vocabularies
    }
    numbers = [feature for feature in features if feature.name not in vocabularies]
    if any(feature.dtype == "string" for feature in numbers):
        raise TreeTableError("Expected texts to be categories. Received: others.")
    others = {name: each.values[:: len(each.values) // _NUM_OTHERS + 1] for name, each in intervals.items()}
    last_left = _last_left(probe, numbers, thresholds, others)
    for feature in numbers:
        ends = last_left[feature.name]
        ordinals = np.append(ends, ends[-1] + 1) if len(ends) else np.zeros(1, np.int64)
        values = _from_ordinals(ordinals, feature.dtype)
        intervals[feature.name] = _Intervals(_with_missing(values, feature), values[: len(ends)].astype(np.float64))
    return intervals


def _known_values(feature: RawFeature, vocabulary: Sequence[bytes]) -> _Intervals:
    """Returns an interval of its own for each value of a vocabulary, and one for what lies between two."""
    try:
        texts = [value.decode() for value in vocabulary]
        if feature.dtype == "string":
            return _Intervals(np.array([*texts, "", _UNKNOWN_TEXT], object))
        known = np.unique(np.array([int(text) for text in texts], np.int64))
    except (ValueError, OverflowError):
        raise TreeTableError(
            f"Expected {feature.name!r} to have a vocabulary of its values. Received: others."
        ) from None
    if feature.dtype == "float32" or (np.abs(known) >= _MAX_EXACT).any():
        raise TreeTableError(f"Expected the categories of {feature.name!r} to be texts or integers below 2^53.")
    bounds = np.union1d(known - 1, known)
    return _Intervals(_with_missing(np.append(bounds, bounds[-1:] + 1), feature), bounds.astype(np.float64))


def _last_left(
    probe: _Probe,
    features: Sequence[RawFeature],
    thresholds: Mapping[str, NDArray[np.float32]],
    others: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[np.int64]]:
    """Returns for each number the greatest values, as ordinals, that its thresholds send left."""
    grids = {feature.name: _grid(feature.dtype) for feature in features}
    dtypes = {feature.name: feature.dtype for feature in features}

    def ask(ordinals: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.float32]]:
        raw = {name: _from_ordinals(values, dtypes[name]) for name, values in ordinals.items()}
        return probe.columns({**others, **raw})

    low, high, wanted = {}, {}, {}
    for name, column in ask(grids).items():
        if name in others:
            continue
        if (np.diff(column) < 0).any():
            raise TreeTableError(f"Expected {name!r} to keep its order when it is transformed. Received: another.")
        # How many of the grid go left; a threshold that all of them pass, or none, tells nothing apart.
        places = np.searchsorted(column, thresholds[name], side="right")
        parts = (places > 0) & (places < len(column))
        low[name], high[name] = grids[name][places[parts] - 1], grids[name][places[parts]]
        wanted[name] = thresholds[name][parts]
    while any((high[name] - low[name] > 1).any() for name in low):
        middle = {name: low[name] + (high[name] - low[name]) // 2 for name in low}
        columns = ask({name: ordinals if len(ordinals) else np.zeros(1, np.int64) for name, ordinals in middle.items()})
        for name, ordinals in middle.items():
            if len(ordinals):
                goes_left = columns[name] <= wanted[name]
                low[name], high[name] = (
                    np.where(goes_left, ordinals, low[name]),
                    np.where(goes_left, high[name], ordinals),
                )
    return {name: np.unique(ordinals) for name, ordinals in low.items()}


def _grid(dtype: str) -> NDArray[np.int64]:
    """Returns ordinals over the whole range of a dtype: powers of two, 0 and the ends; the missing value is none."""
    if dtype == "int64":
        positive = [2**power for power in range(63)] + [2**63 - 1]
        return np.array([-number for number in reversed(positive)] + [0, *positive], np.int64)
    powers = 2.0 ** np.arange(-126, 128, dtype=np.float32)
    ordinals = np.append(powers, np.finfo(np.float32).max).view(np.int32).astype(np.int64)
    return np.concatenate([-ordinals[::-1], [0], ordinals])


def _from_ordinals(ordinals: NDArray[np.int64], dtype: str) -> NDArray[Any]:
    """Returns numbers by their place in the order of their dtype: an integer is its own, 0 is that of 0.0."""
    if dtype == "int64":
        return ordinals
    magnitudes = np.abs(ordinals).astype(np.int32).view(np.float32)
    return np.where(ordinals < 0, -magnitudes, magnitudes)


def _with_missing(values: NDArray[Any], feature: RawFeature) -> NDArray[Any]:
    return np.append(values, np.array(feature.missing, values.dtype)) if feature.optional else values


def _by_score(model: TreeModel) -> tuple[list[Tree], NDArray[np.int64]]:
    """Returns the trees in the order of the score that each adds to, and how many each score has."""
    score_of = []
    for tree in model.trees:
        scores = np.flatnonzero(tree.value.any(axis=0))
        if len(scores) > 1:
            raise TreeTableError("Expected each tree to add to one score. Received: one that adds to several.")
        score_of.append(int(scores[0]) if len(scores) else 0)
    order = np.argsort(score_of, kind="stable")
    return [model.trees[index] for index in order], np.bincount(score_of, minlength=len(model.base)).astype(np.int64)


def _thresholds(trees: Sequence[Tree], columns: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Returns the thresholds that the trees compare each column with, ascending."""
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in columns}
    for tree in trees:
        inner = np.setdiff1d(np.flatnonzero(tree.left != np.arange(len(tree.left))), list(tree.left_codes))
        for feature in np.unique(tree.feature[inner]):
            found[columns[feature]].append(round_down(tree.threshold[inner[tree.feature[inner] == feature]]))
    return {name: np.unique(np.concatenate([np.zeros(0, np.float32), *each])) for name, each in found.items()}


def _build(
    trees: Sequence[Tree], columns: Sequence[str], values: Mapping[str, NDArray[np.float32]], bits: int
) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """Returns the table, and for each feature the row of each of its values."""
    blocks, rows, end = [], {}, 0
    distinct = {name: np.unique(column, return_inverse=True) for name, column in values.items()}
    masks = {name: np.empty((len(found), len(trees)), MASKS[bits]) for name, (found, _) in distinct.items()}
    if sum(block.nbytes for block in masks.values()) > MAX_TABLE_BYTES:
        raise TreeTableError(f"Expected a table of at most {MAX_TABLE_BYTES:,} bytes. Received: a larger one.")
    for place, tree in enumerate(trees):
        leaves, left_leaves = _leaf_masks(tree)
        for block in masks.values():
            block[:, place] = leaves
        rounded = round_down(tree.threshold)
        for node, to_the_left in left_leaves.items():
            name = columns[tree.feature[node]]
            found, _ = distinct[name]
            codes = tree.left_codes.get(node)
            goes_left = found <= rounded[node] if codes is None else codes[found.astype(np.int64)]
            masks[name][~goes_left, place] &= MASKS[bits](leaves & ~to_the_left)
    for name, (_, of_value) in distinct.items():
        block, of_row = np.unique(masks[name], axis=0, return_inverse=True)
        rows[name] = (end + of_row.ravel()[of_value]).astype(np.int64)
        blocks.append(block)
        end += len(block)
    return np.concatenate(blocks), rows


def _leaf_masks(tree: Tree) -> tuple[int, dict[int, int]]:
    """Returns the mask of all leaves of a tree, and for each other node that of the leaves to its left."""
    to_the_left: dict[int, int] = {}
    place = {int(leaf): 1 << index for index, leaf in enumerate(_leaves(tree))}

    def below(node: int) -> int:
        if node in place:
            return place[node]
        to_the_left[node] = below(int(tree.left[node]))
        return to_the_left[node] | below(int(tree.right[node]))

    return below(0), to_the_left


def _leaves(tree: Tree) -> list[int]:
    """Returns the leaves of a tree from left to right."""
    leaves, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        left, right = int(tree.left[node]), int(tree.right[node])
        if left == node:
            leaves.append(node)
        else:
            waiting += [right, left]
    return leaves


def _leaf_values(trees: Sequence[Tree], bits: int) -> NDArray[np.float64]:
    values = np.zeros((len(trees), bits))
    for place, tree in enumerate(trees):
        leaves = _leaves(tree)
        values[place, : len(leaves)] = tree.value[leaves].sum(axis=1)
    return values


def _num_bits(trees: Sequence[Tree]) -> int:
    leaves = max(len(_leaves(tree)) for tree in trees)
    for bits in MASKS:
        if leaves <= bits:
            return bits
    raise TreeTableError(f"Expected trees of at most {max(MASKS)} leaves. Received: one of {leaves:,}.")


def _check(
    made: TreeTable,
    scores: FromRaw,
    features: Sequence[RawFeature],
    intervals: Mapping[str, _Intervals],
) -> None:
    """Compares a table with the model on rows of values at the ends of intervals."""
    random = np.random.default_rng(1)
    raw = {}
    for feature in features:
        values = intervals[feature.name].values
        raw[feature.name] = values[random.integers(0, len(values), _NUM_CHECKED_ROWS)]
    expected = scores({name: tf.constant(values) for name, values in raw.items()}).numpy()
    received = TreeScorer(made)(
        {dtype: np.stack([raw[name] for name in names]) for dtype, names in made.features.items()}
    )
    difference = largest_difference(expected, received)
    if not difference <= TOLERANCE:
        raise TreeTableError(
            f"Expected the table to give the scores of the model. Received: a difference of {difference:g}."
        )
