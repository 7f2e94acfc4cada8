"""Raw examples: `tf.Example`s read from files, decoded to columns, encoded, or one value of one."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ..errors import DataError
from .tfx_api import example_coder

if TYPE_CHECKING:
    import tensorflow as tf

BATCH_SIZE = 8192

BLOCK_BYTES = 1 << 22

_SHARD = re.compile(r"(.*-)(\d{5})-of-(\d{5})(.*)", re.DOTALL)

# A record of a TFRecord file: its length, a checksum of the length, the data, a checksum of the data.
_LENGTH = struct.Struct("<Q4x")
_CHECKSUM_BYTES = 4


def read_examples(files: Iterable[str | Path], batch_size: int = BATCH_SIZE) -> Iterator[list[bytes]]:
    """Yields the serialized examples of gzip-compressed TFRecord files in batches of one length, the last but shorter.

    Args:
        files: iterable of paths, or URIs of a file system of TensorFlow.
        batch_size: int. Number of examples in a batch. Defaults to `BATCH_SIZE`.

    Raises:
        DataError: if a file is cut off or is no such file.
    """
    batch: list[bytes] = []
    for file in files:
        for examples in _read_blocks(str(file)):
            batch += examples
            for start in range(0, len(batch) - batch_size + 1, batch_size):
                yield batch[start : start + batch_size]
            batch = batch[len(batch) // batch_size * batch_size :]
    if batch:
        yield batch


def _read_blocks(file: str) -> Iterator[list[bytes]]:
    """Yields the records of a file in lists of whole blocks of it.

    Twice as fast as `tf.data`, which takes half a second for its first file. gzip's own checksum covers the records,
    so that theirs are not compared.
    """
    block = b""
    try:
        with _open(file) as raw, gzip.GzipFile(fileobj=raw) as records:
            while read := records.read(BLOCK_BYTES):
                examples, block = split_records(block + read)
                yield examples
            # gzip takes an empty file for one without records; a writer leaves one where it is killed.
            if not raw.tell():
                raise EOFError("an empty file")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _not_records(file, error) from error
    if block:
        raise _not_records(file, f"{len(block)} bytes after the last whole record")


def split_records(block: bytes) -> tuple[list[bytes], bytes]:
    """Returns the whole records at the start of what a TFRecord file holds, and the bytes after them."""
    records = []
    start = 0
    while start + _LENGTH.size <= len(block):
        data = start + _LENGTH.size
        stop = data + _LENGTH.unpack_from(block, start)[0]
        if stop + _CHECKSUM_BYTES > len(block):
            break
        records.append(block[data:stop])
        start = stop + _CHECKSUM_BYTES
    return records, block[start:]


def require_shards(files: Sequence[str], folder: str) -> None:
    """Checks that files named `...-00000-of-00002...` are all there.

    Args:
        files: sequence of paths or URIs.
        folder: string. Where they should be, for the message.

    Raises:
        DataError: if there is no file, or one of the number in the names is gone.
    """
    numbers: dict[tuple[str, int, str], set[int]] = {}
    for file in files:
        if match := _SHARD.fullmatch(file):
            numbers.setdefault((match[1], int(match[3]), match[4]), set()).add(int(match[2]))
    gone = [
        f"no {start}{shard:05d}-of-{count:05d}{end}"
        for (start, count, end), found in numbers.items()
        for shard in range(count)
        if shard not in found
    ]
    if gone or not files:
        raise DataError(
            f"Expected all files of the examples in {folder}. Received: {gone[0] if gone else 'none'}. Delete the "
            "folder of their artifact and run again."
        )


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
    lengths, values = flat_values(table, name)
    if lengths.max(initial=0) > 1:
        raise DataError(f"Expected one value of {name!r} in an example. Received: {lengths.max()}. {fix}")
    return lengths == 1, values


def flat_values(table: pa.RecordBatch, name: str) -> tuple[NDArray[np.int64], pa.Array]:
    """Returns how many values each of `N` decoded examples has in a column, `(N,)`, and those values one after another.

    Args:
        table: `pyarrow.RecordBatch` of `decode`.
        name: string. A column; one that the table lacks has no values.
    """
    place = table.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(table.column(place).type):
        return np.zeros(table.num_rows, np.int64), pa.array([], pa.int64())
    lists = table.column(place)
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(lengths, np.int64), lists.flatten()


def string_column(table: pa.RecordBatch, name: str, fix: str) -> NDArray[np.object_]:
    """Returns the values of a column as strings, `(N,)`, None for none; numbers as Python writes them.

    A byte that is not UTF-8 is written as `\\xff`.

    Raises:
        DataError: if an example has several values.
    """
    found = np.full(table.num_rows, None, object)
    has_value, values = single_values(table, name, fix)
    found[has_value] = [
        value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        for value in values.to_pylist()
    ]
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


def checksums(examples: Sequence[bytes]) -> NDArray[np.uint32]:
    """Returns the CRC-32 of each of `N` serialized examples, `(N,)`: by it predictions are known to be of a record."""
    return np.fromiter(map(zlib.crc32, examples), np.uint32, len(examples))


def values_of(example: tf.train.Example, name: str) -> list[Any]:
    """Returns the values of a feature of an example, strings as bytes; none where it is absent or empty."""
    if name not in example.features.feature:
        return []
    feature = example.features.feature[name]
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _open(file: str) -> IO[bytes]:
    if "://" not in file:
        return Path(file).open("rb")
    import tensorflow as tf

    opened: IO[bytes] = tf.io.gfile.GFile(file, "rb")
    return opened


def _not_records(file: str, reason: object) -> DataError:
    return DataError(
        f"Expected a complete gzip-compressed TFRecord file at {file}. Received: {reason}. Delete the folder of its "
        "artifact and run again."
    )
