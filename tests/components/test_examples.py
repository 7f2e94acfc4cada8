"""Reading files of examples."""

import gzip
from pathlib import Path

import pytest
import tensorflow as tf

from yachay.components import examples
from yachay.components.examples import read_examples, require_shards
from yachay.errors import DataError


def write(path: Path, records: list[bytes]) -> Path:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 22])
def test_records_of_several_files_come_in_batches_of_one_length(tmp_path: Path, monkeypatch, block_bytes: int):
    monkeypatch.setattr(examples, "BLOCK_BYTES", block_bytes)
    records = [b"x" * length for length in (0, 1, 5, 300, 2, 0, 40)]
    files = [write(tmp_path / "a", records[:3]), write(tmp_path / "b", []), write(tmp_path / "c", records[3:])]

    batches = list(read_examples(files, 2))

    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    assert [record for batch in batches for record in batch] == records


def test_files_of_a_file_system_of_tensorflow_are_read(tmp_path: Path):
    with tf.io.gfile.GFile("ram://examples/data.gz", "wb") as copy:
        copy.write(write(tmp_path / "data", [b"one", b"two"]).read_bytes())

    assert list(read_examples(["ram://examples/data.gz"])) == [[b"one", b"two"]]


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_an_error(tmp_path: Path, kept: float):
    whole = write(tmp_path / "whole", [bytes([value % 251 for value in range(length)]) for length in range(999)])
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])

    with pytest.raises(DataError, match=r"Expected a complete gzip-compressed TFRecord file at .*cut. Received: "):
        list(read_examples([cut]))


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"a text that is no record")], ids=["text", "gzip"])
def test_another_file_is_an_error(tmp_path: Path, content: bytes):
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"Expected a complete gzip-compressed TFRecord file at .*other. Received: "):
        list(read_examples([path]))


def test_a_shard_that_is_gone_is_named():
    names = [f"/data/Split-eval/data_tfrecord-{shard:05d}-of-00003.gz" for shard in range(3)]

    require_shards([*names, "/data/Split-eval/other"], "/data/Split-eval")
    with pytest.raises(
        DataError, match=r"Expected all files of the examples in .*Split-eval\. Received: no .*-00001-of"
    ):
        require_shards([names[0], names[2]], "/data/Split-eval")
    with pytest.raises(DataError, match=r"Received: none\. Delete the folder of their artifact and run again\."):
        require_shards([], "/data/Split-eval")
