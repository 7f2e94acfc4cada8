from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.examples import read_examples
from yachay.components.feature_selection.records import (
    columns_of,
    decode_records,
    hash_records,
    sample_records,
    split_keys,
)
from yachay.components.prediction_task import SplitSettings
from yachay.errors import DataError

SCHEMA = text_format.Parse(
    'feature { name: "x" type: FLOAT } feature { name: "code" type: INT } feature { name: "word" type: BYTES }'
    ' feature { name: "unused" type: INT }',
    schema_pb2.Schema(),
)
COLUMNS = ["word", "x", "code"]


def example(**values: float | int | str | list[int]) -> bytes:
    record = tf.train.Example()
    for name, value in values.items():
        feature = record.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.extend(value if isinstance(value, list) else [value])
    return record.SerializeToString()


def write(folder: Path, *shards: list[bytes]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.gz" for number in range(len(shards))]
    for path, shard in zip(paths, shards, strict=True):
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in shard:
                writer.write(record)
    return paths


RECORDS = [
    *(example(x=number / 8, code=number, word=f"w{number % 3}", unused=1) for number in range(20)),
    example(x=0.5, word="\N{LATIN SMALL LETTER N WITH TILDE}"),
    example(code=4),
]


def read_sample(files: list[Path], max_records: int = 100) -> pd.DataFrame:
    return sample_records(read_examples(files), SCHEMA, COLUMNS, max_records)


def test_reads_each_type_and_what_is_missing(tmp_path):
    table = read_sample(write(tmp_path / "one", RECORDS))
    assert list(table.columns) == COLUMNS
    assert len(table) == len(RECORDS)
    assert table["code"].isna().sum() == 1
    assert table["x"].isna().sum() == 1
    assert table["word"].isna().sum() == 1
    assert set(table["word"].dropna()) == {"w0", "w1", "w2", "ñ"}


def test_neither_the_order_of_records_nor_the_number_of_shards_matters(tmp_path):
    one = read_sample(write(tmp_path / "one", RECORDS))
    three = read_sample(write(tmp_path / "three", RECORDS[15:], RECORDS[:3], RECORDS[3:15][::-1]))
    pd.testing.assert_frame_equal(one, three)


def test_a_batch_without_missing_values_sorts_as_one_with_them(tmp_path):
    in_threes = sample_records(read_examples(write(tmp_path / "threes", RECORDS), 3), SCHEMA, COLUMNS)
    pd.testing.assert_frame_equal(in_threes, read_sample(write(tmp_path / "whole", RECORDS)))


def test_a_sample_is_the_head_of_the_whole(tmp_path):
    files = write(tmp_path / "one", RECORDS)
    whole = read_sample(files)
    pd.testing.assert_frame_equal(read_sample(files, max_records=5), whole.head(5))
    assert not np.array_equal(whole["code"].to_numpy(), np.sort(whole["code"].to_numpy()))


def test_a_column_that_the_schema_lacks_is_rejected():
    with pytest.raises(DataError, match=r"Expected the schema to have each column\. Received: no colour\."):
        decode_records(RECORDS, SCHEMA, ["x", "colour"])


def test_several_values_in_a_record_are_rejected():
    with pytest.raises(DataError, match=r"Expected one value of 'code' in an example\. Received: 2\."):
        decode_records([example(x=1.0, code=[1, 2], word="a")], SCHEMA)


def test_equal_records_have_one_hash_and_others_have_others():
    hashes = hash_records(decode_records([*RECORDS, RECORDS[7]], SCHEMA))
    assert hashes[-1] == hashes[7]
    assert len(set(hashes)) == len(RECORDS)


def test_keys_of_whole_numbers_are_exact():
    codes = [2**53, 2**53 + 1, 2**62 + 1, -5]
    table = decode_records([example(x=1.0, code=code, word="a", unused=1) for code in codes], SCHEMA)
    assert split_keys(table, SplitSettings(method="group", key="code")).tolist() == codes


def test_without_a_key_equal_records_have_one():
    keys = split_keys(decode_records([*RECORDS, RECORDS[7]], SCHEMA), SplitSettings())
    assert keys[-1] == keys[7]
    assert len(set(keys)) == len(RECORDS)


def test_bytes_that_are_no_text_are_shown():
    record = tf.train.Example()
    record.features.feature["word"].bytes_list.value.append(b"caf\xff")
    assert decode_records([record.SerializeToString()], SCHEMA, ["word"])["word"].tolist() == ["caf\\xff"]


def test_a_sequence_has_a_column_for_each_step():
    schema = text_format.Parse(
        'feature { name: "past" type: FLOAT shape { dim { size: 3 } } } feature { name: "code" type: INT }',
        schema_pb2.Schema(),
    )
    record = tf.train.Example()
    record.features.feature["past"].float_list.value.extend([float("nan"), 2.0, 3.0])

    table = decode_records([record.SerializeToString()], schema)

    assert list(table.columns) == ["past[0]", "past[1]", "past[2]", "code"]
    assert columns_of(table, "past") == ["past[0]", "past[1]", "past[2]"]
    np.testing.assert_array_equal(table.iloc[0, :3].to_numpy(), [np.nan, 2.0, 3.0])


def test_a_sequence_of_another_length_is_an_error():
    schema = text_format.Parse('feature { name: "x" type: FLOAT shape { dim { size: 3 } } }', schema_pb2.Schema())

    with pytest.raises(DataError, match=r"Expected 3 values of 'x' in each example\. Received: 1\."):
        decode_records([example(x=1.0)], schema)
