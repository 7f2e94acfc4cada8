"""Trees as one table over raw values: what the predict API evaluates in place of a SavedModel's graph.

A standardised number keeps the order of the raw one and a vocabulary knows single values, so a raw feature falls into
intervals (a text: into known values) between which no tree can tell two values apart. A row of the table holds, for one
interval of one feature, a bit for each leaf of each tree: whether an example with that value may still reach it. The
rows of all its features, combined by AND, leave as the lowest bit of each tree the leaf that it reaches: QuickScorer
(Lucchese et al., SIGIR 2015, https://doi.org/10.1145/2766462.2767733) over arrays. No comparison is lost by it: scores
differ from those of the graph by the order in which leaves are added in `float64`.

The Trainer writes the table beside the SavedModel, which stays what the model predicts: a server compares the two.
"""

import dataclasses
import functools
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .metadata import MISSING_VALUE

TREES_FILE = "assets.extra/trees.npz"
TABLE_FORMAT = 1
TOLERANCE = 1e-6
"""A table stands for a model whose scores differ by no more: `largest_difference`."""
MASKS = {16: np.uint16, 32: np.uint32, 64: np.uint64}

_Find = Callable[[NDArray[Any]], NDArray[np.int64]]

_MAX_JOINED_ROWS = 256
_MAX_LOOKED_UP = 2**16
_MAX_EXACT = 2**53
_BLOCK_ROWS = 8  # The rows of the table for a block stay in the processor's cache,
_BLOCKS_AT_ONCE = 4  # and the leaves of a few blocks.
_ARRAYS = ("bounds", "num_bounds", "row_of_interval", "row_of_missing", "table", "values", "num_trees", "base")


@dataclasses.dataclass(frozen=True, eq=False)
class TreeTable:
    """Trees over raw features, of which `F` are numbers.

    Args:
        features: mapping of `"float32"`, `"int64"` and `"string"` to the names of the features of that type, in the
            model's order.
        bounds: `float64` array `(B,)`. The greatest value of each interval but the last: those of the first number,
            ascending, then of the next; `float32` numbers stand before `int64` ones.
        num_bounds: int array `(F,)`. How many of them each number has.
        row_of_interval: int array `(B + F,)`. The row of the table for each interval.
        row_of_missing: int array `(F,)`. The row for a missing value; -1 where a number may not be missing.
        texts: tuple of dicts of known value to row of the table, for each text; the value None is any other.
        table: unsigned array `(R, T)` of 16, 32 or 64 bits. For each of `T` trees a bit a leaf, the leftmost lowest.
        values: `float64` array `(T, bits)`. What each leaf adds to a score.
        num_trees: int array `(K,)`. How many trees each score has: those of the first, then of the next.
        base: `float64` array `(K,)`. What the leaves are added to.
        link: `"softmax"` or `"identity"`.
    """

    features: Mapping[str, tuple[str, ...]]
    bounds: NDArray[np.float64]
    num_bounds: NDArray[np.int64]
    row_of_interval: NDArray[np.int64]
    row_of_missing: NDArray[np.int64]
    texts: tuple[dict[str | None, int], ...]
    table: NDArray[Any]
    values: NDArray[np.float64]
    num_trees: NDArray[np.int64]
    base: NDArray[np.float64]
    link: Literal["softmax", "identity"]

    def to_bytes(self) -> bytes:
        """Returns the table as a file, the same bytes for the same table."""
        texts = [list(rows.items()) for rows in self.texts]
        header = {"format": TABLE_FORMAT, "features": self.features, "texts": texts, "link": self.link}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        file = io.BytesIO()
        np.savez_compressed(file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "TreeTable":
        """Returns the table of a file.

        Raises:
            ModelError: if it is none, or of another format.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                header = json.loads(file["header"].tobytes())
                if header["format"] != TABLE_FORMAT:
                    raise ValueError(f"format {header['format']}")
                return cls(
                    features={dtype: tuple(names) for dtype, names in header["features"].items()},
                    texts=tuple(dict(map(tuple, rows)) for rows in header["texts"]),
                    link=header["link"],
                    **{name: file[name] for name in _ARRAYS},
                )
        except Exception as error:  # numpy and zipfile raise many kinds for a damaged file.
            raise ModelError(
                f"Expected a table of trees in format {TABLE_FORMAT}. Received: {error!r}. Train the model anew."
            ) from error


def largest_difference(expected: NDArray[Any], received: NDArray[Any]) -> float:
    """Returns the largest difference of two arrays of scores, relative where above 1.

    It is NaN where the shapes differ or a score is NaN.
    """
    if expected.shape != received.shape:
        return math.nan
    return float((np.abs(received - expected) / np.maximum(1, np.abs(expected))).max(initial=0))


class TreeScorer:
    """Evaluates a table.

    Args:
        trees: `TreeTable`.
    """

    def __init__(self, trees: TreeTable) -> None:
        self._trees = trees
        num_numbers = len(trees.num_bounds)
        num_trees, num_leaves = trees.values.shape
        padding = -num_trees % (8 // trees.table.itemsize)
        words = np.ascontiguousarray(np.pad(trees.table, ((0, 0), (0, padding)))).view(np.int64)
        rows_of_intervals = np.split(trees.row_of_interval, np.cumsum(trees.num_bounds[:-1] + 1))[:num_numbers]
        rows_of_numbers = [np.append(*each) for each in zip(rows_of_intervals, trees.row_of_missing, strict=True)]
        rows_of_texts = [np.array(list(known.values())) for known in trees.texts]
        self._words, self._groups, parts = _joined(words, [*rows_of_numbers, *rows_of_texts])
        bounds = np.split(trees.bounds, np.cumsum(trees.num_bounds[:-1]))[:num_numbers]
        num_floats = len(trees.features.get("float32", ()))
        self._numbers = {
            dtype: _Numbers(dtype, bounds[place], parts[:num_numbers][place], trees.row_of_missing[place] >= 0)
            for dtype, place in (("float32", slice(num_floats)), ("int64", slice(num_floats, None)))
            if dtype in trees.features
        }
        self._part_of_text = [
            dict(zip(known, part.tolist(), strict=True))
            for known, part in zip(trees.texts, parts[num_numbers:], strict=True)
        ]
        self._first_leaves = (np.arange(num_trees) * num_leaves).astype(np.min_scalar_type(trees.values.size))
        ends = np.cumsum(trees.num_trees)
        self._scores = np.flatnonzero(trees.num_trees)
        self._first_trees = (ends - trees.num_trees)[self._scores]

    def __call__(self, matrices: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Returns the scores `(N, K)` of `N` rows.

        Args:
            matrices: mapping of `"float32"`, `"int64"` and `"string"` (str as object) to array `(features, N)`, where
                there are such features. A missing value is NaN, the least `int64` or the empty string.
        """
        rows = self._rows(matrices)
        num_rows = rows.shape[1]
        scores = np.empty((num_rows, len(self._trees.base)))
        scores[:] = self._trees.base
        for start in range(0, num_rows, _BLOCK_ROWS * _BLOCKS_AT_ONCE):
            block = slice(start, start + _BLOCK_ROWS * _BLOCKS_AT_ONCE)
            masks = self._masks(rows[:, block]).view(self._trees.table.dtype)[:, : len(self._first_leaves)]
            added = self._trees.values.take(_lowest_bits(masks) + self._first_leaves)
            scores[block, self._scores] += np.add.reduceat(added, self._first_trees, axis=1)
        if self._trees.link == "softmax":
            scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= np.add.reduce(scores, axis=1, keepdims=True)
        return scores.astype(np.float32)

    def _rows(self, matrices: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Returns the rows of the joined table for each group of features, `(groups, N)`."""
        parts = [numbers(matrices[dtype]) for dtype, numbers in self._numbers.items()]
        if self._part_of_text:
            texts = [
                [known.get(value, known[None]) for value in values]
                for known, values in zip(self._part_of_text, matrices["string"], strict=True)
            ]
            parts.append(np.array(texts, np.int64))
        order, starts = self._groups
        rows: NDArray[np.int64] = np.add.reduceat(np.concatenate(parts).take(order, axis=0), starts, axis=0)
        return rows

    def _masks(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the leaves that each example may reach, `(N, words)`."""
        num_rows = rows.shape[1]
        masks = np.empty((num_rows, self._words.shape[1]), np.int64)
        buffer = np.empty((len(rows), min(num_rows, _BLOCK_ROWS), self._words.shape[1]), np.int64)
        for start in range(0, num_rows, _BLOCK_ROWS):
            block = rows[:, start : start + _BLOCK_ROWS]
            of_groups = buffer[:, : block.shape[1]]
            # Without a mode numpy takes into a copy of `out` first.
            self._words.take(block, axis=0, out=of_groups, mode="clip")
            np.bitwise_and.reduce(of_groups, axis=0, out=masks[start : start + _BLOCK_ROWS])
        return masks


class _Numbers:
    """Finds what values of features of one type add to the rows of their groups.

    Args:
        dtype: `"float32"` or `"int64"`.
        bounds: `F` arrays, ascending. The greatest value of each interval but the last.
        parts: `F` arrays of int. What each interval adds, and last what a missing value adds.
        may_be_missing: bool array `(F,)`.
    """

    def __init__(
        self,
        dtype: str,
        bounds: Sequence[NDArray[np.float64]],
        parts: Sequence[NDArray[np.int64]],
        may_be_missing: NDArray[np.bool_],
    ) -> None:
        self._is_missing = np.isnan if dtype == "float32" else functools.partial(np.equal, MISSING_VALUE[dtype])
        self._part_of_missing = np.array([part[-1] for part in parts])[:, np.newaxis]
        self._may_be_missing = may_be_missing[:, np.newaxis] if may_be_missing.any() else None
        of_intervals = [part[:-1] for part in parts]
        num_between = sum(of[-1] - of[0] + 2 for of in bounds if len(of))
        # A float64 beyond 2^53 may stand for several integers: the one behind a bound would be taken for the bound.
        is_exact = all(np.abs(of).max(initial=0) < _MAX_EXACT for of in bounds)
        is_looked_up = dtype == "int64" and is_exact and num_between <= _MAX_LOOKED_UP
        self._find = (_lookup if is_looked_up else _search)(bounds, of_intervals)

    def __call__(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Returns them for values `(F, N)`."""
        parts = self._find(values)
        if self._may_be_missing is None:
            return parts
        return np.where(self._is_missing(values) & self._may_be_missing, self._part_of_missing, parts)


def _search(bounds: Sequence[NDArray[np.float64]], parts: Sequence[NDArray[np.int64]]) -> _Find:
    """Returns a function that searches the bounds of all features at once."""
    # Complex values are in order of the real part, then of the imaginary one.
    owner = np.arange(len(bounds))[:, np.newaxis]
    all_bounds = _complex(np.repeat(owner[:, 0], list(map(len, bounds))), np.concatenate(bounds))
    all_parts = np.concatenate(parts)
    return lambda values: all_parts.take(all_bounds.searchsorted(_complex(owner, values)) + owner)


def _lookup(bounds: Sequence[NDArray[np.float64]], parts: Sequence[NDArray[np.int64]]) -> _Find:
    """Returns a function that looks integers up in a table of all between the bounds, in a tenth of a search's time."""
    ends = [(math.floor(of[0]), math.floor(of[-1]) + 1) if len(of) else (0, 0) for of in bounds]
    lowest, highest = np.array(ends).T[:, :, np.newaxis]
    all_parts = np.concatenate(
        [
            part[of.searchsorted(np.arange(first, last + 1))]
            for of, part, (first, last) in zip(bounds, parts, ends, strict=True)
        ]
    )
    sizes = highest - lowest + 1
    start = np.cumsum(sizes, axis=0) - sizes - lowest
    return lambda values: all_parts.take(np.minimum(np.maximum(values, lowest), highest) + start)


def _joined(
    words: NDArray[np.int64], rows_of: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Joins features of few rows to groups that have a row for each combination: fewer rows to look up for an example.

    Returns:
        The joined table; the features in the order of their groups, with where each group starts; and for each feature
        what each of its rows adds to the row of its group.
    """
    distinct = [np.unique(rows[rows >= 0]) for rows in rows_of]
    order = np.argsort([len(rows) for rows in distinct], kind="stable")
    tables: list[NDArray[np.int64]] = []
    starts: list[int] = []
    parts = [np.zeros(0, np.int64)] * len(rows_of)
    for place, feature in enumerate(order):
        rows = words[distinct[feature]]
        position = np.searchsorted(distinct[feature], rows_of[feature])
        if tables and len(tables[-1]) * len(rows) <= _MAX_JOINED_ROWS:
            # The row of the group counts its features' rows as digits, this feature's last but in the highest place.
            parts[feature] = position * len(tables[-1])
            tables[-1] = (rows[:, np.newaxis] & tables[-1]).reshape(-1, words.shape[1])
        else:
            starts.append(place)
            parts[feature] = position + sum(map(len, tables))
            tables.append(rows)
    return np.concatenate(tables), (order, np.array(starts)), parts


def _complex(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[np.complex128]:
    values = np.empty(imaginary.shape, np.complex128)
    values.real, values.imag = real, imaginary
    return values


def _lowest_bits(masks: NDArray[Any]) -> NDArray[Any]:
    """Returns the place of the lowest bit of each mask, none of which is 0."""
    if masks.itemsize == 2:
        return _LOWEST_BITS.take(masks)
    lowest = masks & (~masks + masks.dtype.type(1))
    exponents: NDArray[Any] = np.frexp(lowest.astype(np.float64))[1]
    return exponents - 1


_LOWEST_BITS = np.array([0, *((number & -number).bit_length() - 1 for number in range(1, 2**16))], np.uint8)
