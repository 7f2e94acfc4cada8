"""Files of records that TensorFlow reads."""

import os
from pathlib import Path

import pytest
import tensorflow as tf

from yachay.components.record_writer import RecordWriter, frame


def test_tensorflow_reads_the_records_and_their_checksums(tmp_path: Path):
    batches = [[b"", b"a", bytes(range(256)) * 50], [], [b"a" * length for length in range(300)]]

    with RecordWriter(tmp_path / "records.gz") as writer:
        for batch in batches:
            writer.write(batch)

    read = tf.data.TFRecordDataset(str(tmp_path / "records.gz"), compression_type="GZIP").as_numpy_iterator()
    assert list(read) == [record for batch in batches for record in batch]


def test_records_are_framed_as_tensorflow_does(tmp_path: Path):
    records = [bytes([value % 251]) * (7 * value % 523) for value in range(200)]
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        for record in records:
            writer.write(record)

    assert frame(records) == (tmp_path / "records").read_bytes()


def test_a_file_without_records_is_whole(tmp_path: Path):
    RecordWriter(tmp_path / "records.gz").close()

    assert not list(tf.data.TFRecordDataset(str(tmp_path / "records.gz"), compression_type="GZIP"))


def test_an_error_of_the_thread_is_raised():
    if not Path("/dev/full").exists():
        pytest.skip("there is no full device")
    with pytest.raises(OSError, match="No space left"), RecordWriter(Path("/dev/full")) as writer:
        writer.write([os.urandom(1 << 16)])
