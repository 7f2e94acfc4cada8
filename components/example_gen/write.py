"""Serialized records to gzip-compressed TFRecord files, atomically."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...files import atomic_entries
from .. import examples
from ..access import unwritable
from ..record_writer import RecordWriter

SPLITS = ("train", "eval")


@contextlib.contextmanager
def whole_or_absent(folder: Path) -> Iterator[Path]:
    """Gives a folder to write to, whose entries move to `folder` at the end; see `files.atomic_entries`.

    Raises:
        DataError: if there is no room or no permission to write.
    """
    try:
        with atomic_entries(folder) as draft:
            yield draft
    except OSError as error:
        raise unwritable(folder, error) from None


class ExampleWriter:
    """Writes the records of both splits, the n-th of a split to its shard n modulo `num_shards`.

    So a reader that takes one record of each shard in turn sees the same order for any number of shards.

    Args:
        folder: path. `Split-train` and `Split-eval` are made there.
        num_shards: int. Files a split.
    """

    def __init__(self, folder: Path, num_shards: int) -> None:
        self.num_written = dict.fromkeys(SPLITS, 0)
        self._writers = {}
        for split in SPLITS:
            (folder / f"Split-{split}").mkdir()
            self._writers[split] = [
                RecordWriter(folder / f"Split-{split}" / f"data_tfrecord-{shard:05d}-of-{num_shards:05d}.gz")
                for shard in range(num_shards)
            ]

    def write(self, batch: pa.RecordBatch, is_eval: np.ndarray | None) -> None:
        """Writes typed records, each to the split that `is_eval`, `(num_rows,)`, says, or with None to both."""
        encoded = encode(batch)
        if is_eval is None:
            for split in SPLITS:
                self._write_split(split, encoded)
            return
        self._write_split("train", list(itertools.compress(encoded, (~is_eval).tolist())))
        self._write_split("eval", list(itertools.compress(encoded, is_eval.tolist())))

    def close(self) -> None:
        """Closes the files; without it they are not whole."""
        for writer in itertools.chain(*self._writers.values()):
            writer.close()

    def _write_split(self, split: str, examples: Sequence[bytes]) -> None:
        writers = self._writers[split]
        start = self.num_written[split]
        for offset in range(len(writers)):
            writers[(start + offset) % len(writers)].write(examples[offset :: len(writers)])
        self.num_written[split] += len(examples)


def encode(batch: pa.RecordBatch) -> list[bytes]:
    """Returns typed records as serialized `tf.Example`; a missing value is a feature without a list."""
    arrays = [_to_lists(column) for column in batch.columns]
    return examples.encode(pa.RecordBatch.from_arrays(arrays, names=batch.schema.names))


def _to_lists(column: pa.Array) -> pa.ListArray:
    if pa.types.is_fixed_size_list(column.type):
        values, steps = column.flatten(), column.type.list_size
        offsets = pa.array(np.arange(len(column) + 1, dtype=np.int32) * steps)
        return pa.ListArray.from_arrays(offsets, values.cast(pa.binary()) if values.type == pa.string() else values)
    values = column.cast(pa.binary()) if column.type == pa.string() else column
    if not column.null_count:
        return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(valid))).astype(np.int32)
    # A null offset makes a null list.
    nulls = np.append(~valid, False)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=nulls), values.drop_null())
