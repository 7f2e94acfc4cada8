"""Raw examples as tables, in an order that does not depend on that of the files."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ..examples import decode, number_column, string_column

MAX_RECORDS = 10_000


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
    batch = decode(examples, {name: features[name].type for name in names})
    fix = "Take the column out of the schema."
    read = {True: string_column, False: number_column}
    return pd.DataFrame({name: read[features[name].type == schema_pb2.BYTES](batch, name, fix) for name in names})


def hash_records(table: pd.DataFrame) -> NDArray[np.uint64]:
    """Returns a hash of each row of a table of `decode_records`, by its values and not by its place."""
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    return hashes
