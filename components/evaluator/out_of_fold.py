"""`out_of_fold.parquet`: a prediction of each record by a model that has not seen it, in the order of the examples.

Columns: `fold` (from 1 on), `record` (the CRC-32 of the serialized example), `scores`, one value after another, and
with `label.cut_share` the `label`, a class index by the cut of the fold's training records.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from ...errors import DataError
from ..examples import checksums
from ..prediction_task import PredictionTask
from .model import shape_predictions

OUT_OF_FOLD_FILE = "out_of_fold.parquet"


def write_out_of_fold(
    folder: Path,
    examples: Sequence[bytes],
    folds: NDArray[Any],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64] | None = None,
) -> None:
    """Writes out-of-fold predictions.

    Args:
        folder: path.
        examples: sequence of `N` serialized `tf.Example`, in the order in which they are evaluated.
        folds: int array `(N,)`. The fold in which each was held out.
        scores: float array `(N, ...)`, as `FittedModel.predict` returns them.
        labels: int array `(N,)` or None. Those of each fold, where they are not those of the data. Defaults to None.
    """
    table = {
        "fold": pa.array(folds.astype(np.int32)),
        "record": pa.array(checksums(examples)),
        "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores[0].size),
    }
    if labels is not None:
        table["label"] = pa.array(labels.astype(np.int64))
    parquet.write_table(pa.table(table), folder / OUT_OF_FOLD_FILE)


class OutOfFold:
    """Out-of-fold predictions in place of a model's: batch by batch of the examples that they are of, in their order.

    Args:
        folder: path of the folder that holds `out_of_fold.parquet`.
        task: `PredictionTask`.

    Attributes:
        labels: int array `(N,)` or None. Those of each fold, where they are not those of the data.
    """

    def __init__(self, folder: Path, task: PredictionTask) -> None:
        table = parquet.read_table(folder / OUT_OF_FOLD_FILE)
        self._records = table.column("record").to_numpy()
        scores = table.column("scores").combine_chunks()
        self._scores = scores.flatten().to_numpy().reshape(len(scores), -1)
        has_labels = "label" in table.schema.names
        self.labels: NDArray[np.int64] | None = table.column("label").to_numpy() if has_labels else None
        self._task = task
        self._next = 0

    def predict(self, examples: Sequence[bytes], table: pa.RecordBatch | None = None) -> NDArray[Any]:
        """Returns the predictions of the next examples, in the shape that `Metric.compute` takes.

        Args:
            examples: sequence of serialized examples.
            table: `pyarrow.RecordBatch`. Not read: `Model.predict` has it too. Defaults to None.

        Raises:
            DataError: if the predictions are of other examples.
        """
        rows = slice(self._next, self._next + len(examples))
        self._next = rows.stop
        if not np.array_equal(self._records[rows], checksums(examples)):
            raise self._other_examples()
        return shape_predictions(self._scores[rows], self._task, len(examples))

    def require_end(self) -> None:
        """Checks that each prediction was asked for.

        Raises:
            DataError: if there are predictions of further examples.
        """
        if self._next < len(self._records):
            raise self._other_examples()

    def _other_examples(self) -> DataError:
        return DataError(
            f"Expected out-of-fold predictions of these examples, in their order. Received: those of others, of "
            f"{len(self._records)} records. Cross-validate and evaluate the same examples."
        )
