"""The table of trees beside a SavedModel: the same predictions in a tenth of the graph's time and less."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import ModelError
from ..model_store.metadata import MISSING_VALUE
from ..model_store.tree_table import TOLERANCE, TREES_FILE, TreeScorer, TreeTable, largest_difference
from .contract import Array, Feature
from .inputs import group_features
from .values import NUMPY_TYPES

Predict = Callable[[Mapping[str, Array]], Mapping[str, Array]]

_NUM_COMPARED_ROWS = 256
_MAX_LOOP_BYTES = 2**18  # Masks of so many bytes take 1 to 2 ms: no request waits longer for another's batch.


class TreePredictor:
    """Predicts as the signature of the SavedModel does, in several threads at once.

    Args:
        table: `TreeTable`.
        labels: sequence of strings. The classes; empty for a regression.

    Attributes:
        max_loop_rows: int. How many rows are predicted in 1 to 2 ms.
    """

    def __init__(self, table: TreeTable, labels: Sequence[str]) -> None:
        self._scorer = TreeScorer(table)
        self._labels = np.array(labels, np.object_)
        self.max_loop_rows = _MAX_LOOP_BYTES // max(1, table.table[0].nbytes)

    def __call__(self, matrices: Mapping[str, Array]) -> dict[str, Array]:
        """Returns the outputs of rows, packed as `Inputs` are."""
        scores = self._scorer(matrices)
        if not len(self._labels):
            return {"outputs": scores[:, 0]}
        return {"classes": self._labels.take(scores.argmax(axis=1)), "scores": scores}


def load_trees(path: Path, features: Sequence[Feature], labels: Sequence[str], graph: Predict) -> TreePredictor | None:
    """Returns the trees of a pushed model, None where it has no table.

    Args:
        path: path of the folder that holds `saved_model.pb`.
        features: sequence of `Feature`.
        labels: sequence of strings.
        graph: function that predicts by the SavedModel.

    Raises:
        ModelError: if the table is damaged, or predicts otherwise than the SavedModel.
    """
    file = path / TREES_FILE
    if not file.is_file():
        return None
    table = TreeTable.from_bytes(file.read_bytes())
    check_features(file, table, features)
    try:
        trees = TreePredictor(table, labels)
        rows = _rows_at_bounds(table)
        received = trees(rows)
    except (IndexError, TypeError, ValueError) as error:
        raise ModelError(
            f"Expected {file} to hold arrays that fit each other. Received: {error!r}. Train the model anew."
        ) from error
    expected = graph(rows)
    if expected.keys() != received.keys():
        raise ModelError(f"Expected {file} to give the outputs {sorted(expected)}. Received: {sorted(received)}.")
    for name, values in expected.items():
        if not _agree(values, received[name]):
            raise ModelError(f"Expected {file} to give the {name} of the SavedModel. Received: others.")
    return trees


def check_features(file: Path, table: TreeTable, features: Sequence[Feature]) -> None:
    """Checks that a table takes the features of its model.

    Raises:
        ModelError: if it takes others.
    """
    names = {group: tuple(feature.name for feature in members) for group, members in group_features(features).items()}
    if names != table.features:
        raise ModelError(f"Expected {file} to hold the model's features. Received: others.")


def _rows_at_bounds(table: TreeTable) -> dict[str, Array]:
    """Returns rows of values on both sides of bounds, known texts and missing values."""
    random = np.random.default_rng(0)
    ends = np.cumsum(table.num_bounds)
    numbers = [
        _numbers(table.bounds[end - count : end], dtype, row >= 0)
        for end, count, row, dtype in zip(ends, table.num_bounds, table.row_of_missing, _dtypes(table), strict=True)
    ]
    texts = [np.array([text or "" for text in known], np.object_) for known in table.texts]
    columns = iter([*numbers, *texts])
    return {
        dtype: np.stack([random.choice(next(columns), _NUM_COMPARED_ROWS) for _ in table.features[dtype]])
        for dtype in NUMPY_TYPES
        if dtype in table.features
    }


def _dtypes(table: TreeTable) -> list[str]:
    return [dtype for dtype in ("float32", "int64") for _ in table.features.get(dtype, ())]


def _numbers(bounds: Array, dtype: str, may_be_missing: bool) -> Array:
    if dtype == "int64":
        below = np.clip(bounds, -(2.0**62), 2.0**62).astype(np.int64)
        values = np.concatenate([below, below + 1, [0]])
    else:
        below = bounds.astype(np.float32)
        values = np.concatenate([below, np.nextafter(below, np.float32(np.inf)), np.zeros(1, np.float32)])
        values = values[np.isfinite(values)]
    return np.append(values, np.array(MISSING_VALUE[dtype], values.dtype)) if may_be_missing else values


def _agree(expected: Array, received: Array) -> bool:
    if expected.dtype == np.object_:
        return np.array_equal(expected, received)
    return largest_difference(expected, received) <= TOLERANCE
