"""`predictions.parquet` of an evaluation: what the models predicted of each record, in the order of the examples.

Who needs predictions of the evaluated records reads them there, and loads no model: the report, a monitor, a notebook.

    pandas.read_parquet(evaluation / "predictions.parquet")

Columns: `record` (the CRC-32 of the serialized example), `label` (a class index, or numbers), `scores`, and
`baseline_scores` where there was a last blessed model. A cell holds the values of a record one after another; the
metadata of the column has their shape.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from ...errors import DataError
from .records import Records

PREDICTIONS_FILE = "predictions.parquet"

_ROWS_A_GROUP = 131_072


@dataclasses.dataclass(frozen=True)
class StoredPredictions:
    """Labels and predictions of the evaluated records.

    Args:
        checksums: uint32 array `(N,)`, as `examples.checksums` returns it.
        labels: array as `Metric.compute` takes it.
        scores: array likewise.
        baseline_scores: array likewise, or None.
    """

    checksums: NDArray[np.uint32]
    labels: NDArray[Any]
    scores: NDArray[Any]
    baseline_scores: NDArray[Any] | None


def write_predictions(records: Records, folder: Path) -> None:
    """Writes what the models predicted into the folder of an evaluation.

    Raises:
        ValueError: if the records have no checksums, by which a reader knows whose predictions they are.
    """
    if records.checksums is None:
        raise ValueError("Expected `records.checksums`. Received: none. Give those of the examples.")
    arrays = {
        "record": records.checksums,
        "label": records.labels,
        "scores": records.scores,
        "baseline_scores": records.baseline_scores,
    }
    given = {name: values for name, values in arrays.items() if values is not None}
    fields = [
        pa.field(name, _to_arrow(values[:0]).type, nullable=False, metadata={"shape": json.dumps(values.shape[1:])})
        for name, values in given.items()
    ]
    schema = pa.schema(fields)
    with parquet.ParquetWriter(folder / PREDICTIONS_FILE, schema, use_dictionary=False) as writer:
        for start in range(0, len(records), _ROWS_A_GROUP):
            part = [_to_arrow(values[start : start + _ROWS_A_GROUP]) for values in given.values()]
            writer.write_batch(pa.record_batch(part, schema=schema))


def read_predictions(folder: Path) -> StoredPredictions | None:
    """Returns what an evaluation's models predicted, None where it was not kept, or not for which records.

    Beam's engine keeps nothing, and earlier versions did not note the records.

    Raises:
        DataError: if the file is damaged.
    """
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        return None
    try:
        table = parquet.read_table(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"Expected predictions in {path}. Received: {error}. Evaluate again.") from error
    if "record" not in table.schema.names:
        return None
    arrays = {field.name: _to_numpy(table.column(field.name), field) for field in table.schema}
    return StoredPredictions(arrays["record"], arrays["label"], arrays["scores"], arrays.get("baseline_scores"))


def _to_arrow(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    size = int(np.prod(values.shape[1:]))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), size)


def _to_numpy(column: pa.ChunkedArray, field: pa.Field) -> NDArray[Any]:
    shape = json.loads(field.metadata[b"shape"])
    whole = column.combine_chunks()
    flat = whole.flatten() if shape else whole
    values: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(-1, *shape)
    return values
