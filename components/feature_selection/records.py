"""Raw examples as tables, in an order that does not depend on that of the files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from ...errors import DataError

MAX_RECORDS = 10_000
BATCH_SIZE = 10_000


def read_examples(files: Sequence[Path]) -> Iterator[list[bytes]]:
    """Yields the serialized examples of gzip-compressed TFRecord files in batches."""
    dataset = tf.data.TFRecordDataset([str(file) for file in files], compression_type="GZIP").batch(BATCH_SIZE)
    for examples in dataset.as_numpy_iterator():
        yield examples.tolist()


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
    sample = pd.DataFrame(columns=list(columns))
    for examples in batches:
        table = decode_records(examples, schema, columns)
        table.index = pd.Index(hash_records(table))
        sample = pd.concat([sample, table]) if len(sample) else table
        sample = sample.sort_index(kind="stable").head(max_records)
    return sample.reset_index(drop=True)


def decode_records(
    examples: Sequence[bytes], schema: schema_pb2.Schema, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Returns the values of serialized examples, a row for each.

    Args:
        examples: sequence of serialized `tf.Example`.
        schema: `Schema` with a feature for each column.
        columns: sequence of column names. Defaults to all of the schema.

    Returns:
        `pandas.DataFrame` with columns of float64, NaN for no value, and of strings, None for no value.

    Raises:
        DataError: if a column is not in the schema, or a record has several values in one.
    """
    features = {feature.name: feature for feature in schema.feature}
    names = list(features) if columns is None else columns
    missing = sorted(set(names) - set(features))
    if missing:
        raise DataError(f"Expected the schema to have each column. Received: no {', '.join(missing)}. Add it there.")
    types = schema_pb2.Schema(feature=[schema_pb2.Feature(name=name, type=features[name].type) for name in names])
    batch = example_coder.ExamplesToRecordBatchDecoder(types.SerializeToString()).DecodeBatch(list(examples))
    return pd.DataFrame({name: _flatten(name, batch.column(batch.schema.names.index(name))) for name in names})


def hash_records(table: pd.DataFrame) -> NDArray[np.uint64]:
    """Returns a hash of each row of a table of `decode_records`, by its values and not by its place."""
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    return hashes


def _flatten(name: str, lists: pa.Array) -> NDArray[np.float64] | NDArray[np.object_]:
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    if lengths.max(initial=0) > 1:
        raise DataError(
            f"Expected one value of {name!r} in a record. Received: {lengths.max()}. Take the column out of the schema."
        )
    values = lists.flatten()
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        words = np.full(len(lists), None, object)
        words[lengths == 1] = [value.decode() for value in values.to_pylist()]
        return words
    # Always float64: whole numbers must hash alike in batches with and without a missing value.
    numbers = np.full(len(lists), np.nan)
    numbers[lengths == 1] = values.to_numpy()
    return numbers
