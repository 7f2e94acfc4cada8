"""Raw examples as tables, in an order that does not depend on that of the files."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ..examples import decode, flat_values, is_string, number_column, string_column
from ..prediction_task import SplitSettings
from ..sequences import sequence_shape
from ..transform.preprocessing import transform_key

MAX_RECORDS = 10_000

_FIX = "Take the column out of the schema."


def sample_records(
    batches: Iterable[list[bytes]], schema: schema_pb2.Schema, columns: Sequence[str], max_records: int = MAX_RECORDS
) -> pd.DataFrame:
    """Returns all records, or the `max_records` of the smallest hashes.

    The rows are sorted by hash, so that neither their order nor the number of files matters; memory is bounded.

    Args:
        batches: iterable of lists of serialized `tf.Example`.
        schema: `Schema` with a feature for each column.
        columns: sequence of column names.
        max_records: int. Defaults to `MAX_RECORDS`.

    Returns:
        `pandas.DataFrame` as `decode_records` gives it.

    Raises:
        DataError: if a column is not in the schema, or a record has several values in one.
    """
    sample = pd.DataFrame()
    for examples in batches:
        table = decode_records(examples, schema, columns)
        table.index = pd.Index(hash_records(table))
        sample = pd.concat([sample, table]) if len(sample) else table
        sample = sample.sort_index(kind="stable").head(max_records)
    return sample.reset_index(drop=True) if len(sample) else decode_records([], schema, columns)


def decode_records(
    examples: Sequence[bytes], schema: schema_pb2.Schema, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Returns the values of serialized examples, a row for each.

    Args:
        examples: sequence of serialized `tf.Example`.
        schema: `Schema` with a feature for each column.
        columns: sequence of column names. Defaults to all of the schema.

    Returns:
        `pandas.DataFrame` with columns of float64, NaN for no value; of int64 where each record has a whole number; and
        of strings, None for no value. A sequence has a column for each step, `"load[0]"` and so on.

    Raises:
        DataError: if a column is not in the schema, or a record has several values in one.
    """
    features = {feature.name: feature for feature in schema.feature}
    names = list(features) if columns is None else columns
    missing = sorted(set(names) - set(features))
    if missing:
        raise DataError(f"Expected the schema to have each column. Received: no {', '.join(missing)}. Add it there.")
    batch = decode(examples, {name: features[name].type for name in names})
    read: dict[str, NDArray[Any]] = {}
    for name in names:
        is_string, shape = features[name].type == schema_pb2.BYTES, sequence_shape(features[name])
        if shape is not None:
            read |= zip(step_names(name, shape.steps), _steps(batch, name, shape.steps).T, strict=True)
        elif is_string:
            read[name] = string_column(batch, name, _FIX)
        else:
            read[name] = number_column(batch, name, _FIX)
            if features[name].type == schema_pb2.INT and not np.isnan(read[name]).any():
                read[name] = flat_values(batch, name)[1].to_numpy()  # Exact beyond 2**53, as keys of a split must be.
    return pd.DataFrame(read)


def step_names(name: str, steps: int) -> list[str]:
    """Returns the columns in which a table of `decode_records` holds a sequence, the newest value last."""
    return [f"{name}[{step}]" for step in range(steps)]


def columns_of(table: pd.DataFrame, name: str) -> list[str]:
    """Returns the columns of a feature in a table of `decode_records`: its own name, or one for each step."""
    return [name] if name in table else [str(column) for column in table if str(column).startswith(f"{name}[")]


def split_keys(table: pd.DataFrame, split: SplitSettings) -> NDArray[Any]:
    """Returns the key of the split of each row of a table of `decode_records`, `(N,)` numbers; without one its hash."""
    if split.key is None:
        return hash_records(table)
    values = table[split.key]
    if values.dtype != object:
        numbers: NDArray[Any] = values.to_numpy()
        return numbers
    keys: NDArray[Any] = transform_key(tf.constant(values.fillna("").to_numpy(), tf.string), split.method).numpy()
    return keys


def hash_records(table: pd.DataFrame) -> NDArray[np.uint64]:
    """Returns a hash of each row of a table of `decode_records`, by its values and not by its place."""
    # As numbers of one type: batches with and without a missing value must agree.
    numbers = table.select_dtypes("int64").columns
    table = table.astype(dict.fromkeys(numbers, np.float64))
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    return hashes


def _steps(table: pa.RecordBatch, name: str, steps: int) -> NDArray[Any]:
    """Returns a sequence as `(N, steps)`."""
    lists = table.column(table.schema.get_field_index(name))
    lengths = set(pc.list_value_length(lists).fill_null(0).to_pylist())
    if lengths - {steps}:
        raise DataError(
            f"Expected {steps} values of {name!r} in each example. Received: {', '.join(map(str, sorted(lengths)))}. "
            "Correct the length in the schema."
        )
    values = lists.flatten()
    if is_string(values):
        texts = np.array([value.decode(errors="backslashreplace") or None for value in values.to_pylist()], object)
        return texts.reshape(-1, steps)
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, steps)
    return numbers
