"""Raw examples: `tf.Example`s read from files, decoded to columns, encoded, or one value of one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ..errors import DataError
from .tfx_api import example_coder

BATCH_SIZE = 8192


def read_examples(files: Iterable[str | Path], batch_size: int = BATCH_SIZE) -> Iterator[list[bytes]]:
    """Yields the serialized examples of gzip-compressed TFRecord files in batches."""
    dataset = tf.data.TFRecordDataset([str(file) for file in files], compression_type="GZIP").batch(batch_size)
    for examples in dataset.as_numpy_iterator():
        yield examples.tolist()


def decode(examples: Sequence[bytes], types: Mapping[str, int] | None = None) -> pa.RecordBatch:
    """Returns serialized examples as a table of list columns; a missing value is a null or an empty list.

    Args:
        examples: sequence of serialized `tf.Example`.
        types: mapping of the columns to decode to their `schema_pb2.FeatureType`. Defaults to all columns, with the
            types that the examples have; one without any value is of the type null.
    """
    if types is None:
        return example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(list(examples))
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name=name, type=kind) for name, kind in types.items()])
    return example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString()).DecodeBatch(list(examples))


def encode(table: pa.RecordBatch) -> list[bytes]:
    """Returns a table of list columns as serialized examples; a null list is a feature without a value."""
    examples: list[bytes] = example_coder.RecordBatchToExamples(table)
    return examples


def single_values(table: pa.RecordBatch, name: str, fix: str) -> tuple[NDArray[np.bool_], pa.Array]:
    """Returns which of `N` decoded examples have a value of a column, `(N,)`, and those values.

    Args:
        table: `pyarrow.RecordBatch` of `decode`.
        name: string. A column; one that the table lacks has no values.
        fix: string. What to do where an example has several, for the message.

    Raises:
        DataError: if an example has several values.
    """
    place = table.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(table.column(place).type):
        return np.zeros(table.num_rows, bool), pa.array([], pa.int64())
    lists = table.column(place)
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    if lengths.max(initial=0) > 1:
        raise DataError(f"Expected one value of {name!r} in an example. Received: {lengths.max()}. {fix}")
    return lengths == 1, lists.flatten()


def string_column(table: pa.RecordBatch, name: str, fix: str) -> NDArray[np.object_]:
    """Returns the values of a column as strings, `(N,)`, None for none; numbers as Python writes them.

    Raises:
        DataError: if an example has several values.
    """
    found = np.full(table.num_rows, None, object)
    has_value, values = single_values(table, name, fix)
    found[has_value] = [value.decode() if isinstance(value, bytes) else str(value) for value in values.to_pylist()]
    return found


def number_column(table: pa.RecordBatch, name: str, fix: str) -> NDArray[np.float64]:
    """Returns the values of a column as numbers, `(N,)`, NaN for none.

    Raises:
        DataError: if an example has several values, or they are strings.
    """
    # Always float64: integers must be the same in batches with and without a missing value.
    found = np.full(table.num_rows, np.nan)
    has_value, values = single_values(table, name, fix)
    if is_string(values):
        raise DataError(f"Expected numbers in {name!r}. Received: strings. {fix}")
    found[has_value] = values.to_numpy(zero_copy_only=False)
    return found


def is_string(values: pa.Array) -> bool:
    """Returns whether decoded values are strings, which are bytes in examples."""
    return bool(pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type))


def values_of(example: tf.train.Example, name: str) -> list[Any]:
    """Returns the values of a feature of an example, strings as bytes; none where it is absent or empty."""
    if name not in example.features.feature:
        return []
    feature = example.features.feature[name]
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
