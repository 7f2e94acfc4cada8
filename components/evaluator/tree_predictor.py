"""Predictions of examples by the table of trees beside a SavedModel: a tenth of the processor time of its graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from ...model_store.metadata import MISSING_VALUE
from ...model_store.tree_table import TREES_FILE, TreeScorer, TreeTable
from ..examples import flat_values, is_string

_TYPES: Mapping[str, tuple[type, pa.DataType]] = {
    "float32": (np.float32, pa.float32()),
    "int64": (np.int64, pa.int64()),
    "string": (np.object_, pa.string()),
}


class TreePredictor:
    """Predicts decoded examples where the table and the graph take them for the same.

    Args:
        table: `TreeTable`.
    """

    def __init__(self, table: TreeTable) -> None:
        self._scorer = TreeScorer(table)
        self._features = table.features
        numbers = (*table.features.get("float32", ()), *table.features.get("int64", ()))
        self._required = {name for name, row in zip(numbers, table.row_of_missing, strict=True) if row < 0}

    def predict(self, examples: pa.RecordBatch) -> NDArray[np.float32] | None:
        """Returns the scores `(N, K)` of decoded examples, None where only the graph can.

        Those are examples that lack what the model asks for, hold a value of another type or several, hold as a value
        what stands for a missing one in the table, or an infinite number.
        """
        matrices = {}
        for dtype, names in self._features.items():
            columns = [self._column(examples, name, dtype) for name in names]
            found = [column for column in columns if column is not None]
            if len(found) < len(columns):
                return None
            if found:
                matrices[dtype] = np.stack(found)
        return self._scorer(matrices)

    def _column(self, examples: pa.RecordBatch, name: str, dtype: str) -> NDArray[Any] | None:
        kind, arrow_type = _TYPES[dtype]
        lengths, values = flat_values(examples, name)
        if lengths.max(initial=0) > 1 or (name in self._required and lengths.min(initial=1) < 1):
            return None
        column: NDArray[Any] = np.full(len(lengths), MISSING_VALUE[dtype], kind)
        if not len(values):
            return column
        if dtype == "string" and is_string(values):
            try:
                values = values.cast(pa.string())
            except pa.ArrowInvalid:
                return None
        if values.type != arrow_type:
            return None
        given = values.to_numpy(zero_copy_only=False)
        # The transform takes an infinite number for a missing one.
        is_missing = ~np.isfinite(given) if dtype == "float32" else given == MISSING_VALUE[dtype]
        if np.any(is_missing):
            return None
        column[lengths == 1] = given
        return column


def load_tree_predictor(path: str) -> TreePredictor | None:
    """Returns the predictor of a SavedModel's folder, None where it has no table.

    Raises:
        ModelError: if the table is damaged.
    """
    file = f"{path}/{TREES_FILE}"
    if not tf.io.gfile.exists(file):
        return None
    with tf.io.gfile.GFile(file, "rb") as content:
        return TreePredictor(TreeTable.from_bytes(content.read()))
