import base64
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from yachay.components.example_gen.settings import Column, ColumnType, IngestSpec
from yachay.errors import DataError

FIXED = Column(type=ColumnType.FLOAT32, steps=3)
BOUNDED = Column(type=ColumnType.FLOAT32, steps=3, min_steps=1)
WORDS = Column(type=ColumnType.STRING, steps=2, min_steps=0, required=False)


@pytest.fixture
def write_parquet(tmp_path):
    """Writes a column `x` after 40 good rows, with a scalar label."""

    def write(values, good, kind=None):
        values = [*values, *[good] * 40]
        label = ["yes" if i % 2 else "no" for i in range(len(values))]
        rows = list(range(len(values)))
        table = pa.table({"row": rows, "x": pa.array(values, kind), "target": label})
        pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
        return tmp_path / "data.parquet"

    return write


@pytest.fixture
def ingest_x(run_ingest):
    def run(path, column, **changes):
        columns = {"row": Column(type=ColumnType.INT64), "x": column, "target": Column(type=ColumnType.STRING)}
        ingested = run_ingest(path, columns=columns, **changes)
        by_row = {record["row"]: record["x"] for record in ingested.all_records}
        return by_row, [(int(line["line"]) - 1, line["column"], line["reason"]) for line in ingested.quarantine]

    return run


def same(values, expected):
    return len(values) == len(expected) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(values, expected, strict=True)
    )


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64()),
        pa.list_(pa.float16()),
        pa.large_list(pa.int32()),
        pa.list_(pa.int64(), 3),
        pa.list_(pa.string()),
        None,
    ],
    ids=str,
)
def test_lists_of_any_kind_are_floats(write_parquet, ingest_x, kind):
    values = [["1", "2", "4"]] if kind == pa.list_(pa.string()) else [[1, 2, 4]]
    if kind == pa.list_(pa.float16()):
        values = [[np.float16(value) for value in values[0]]]
    by_row, quarantine = ingest_x(write_parquet(values, good=values[0], kind=kind), FIXED)
    assert by_row[0] == [1.0, 2.0, 4.0]
    assert quarantine == []


def test_a_missing_list_of_fixed_size_names_the_fix(tmp_path, ingest_x):
    # As other libraries write it: pyarrow writes and reads none.
    table = pa.table({"row": [0, 1], "x": pa.array([[1.0, 2.0, 3.0], None]), "target": ["yes", "no"]})
    fixed = pa.schema([("row", pa.int64()), ("x", pa.list_(pa.float64(), 3)), ("target", pa.string())])
    with pyarrow.parquet.ParquetWriter(tmp_path / "data.parquet", table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(fixed.serialize()).decode()})

    with pytest.raises(DataError, match="may not be missing: write the column as lists without a fixed size"):
        ingest_x(tmp_path / "data.parquet", FIXED)


def test_a_shorter_sequence_is_padded_at_the_front_and_a_missing_value_is_nan(write_parquet, ingest_x):
    by_row, _ = ingest_x(write_parquet([[5.0], [1.0, None], [None, 2.0, float("nan")]], good=[1.0, 2.0, 3.0]), BOUNDED)
    assert same(by_row[0], [math.nan, math.nan, 5.0])
    assert same(by_row[1], [math.nan, 1.0, math.nan])
    assert same(by_row[2], [math.nan, 2.0, math.nan])


def test_words_are_padded_with_empty_strings_and_an_optional_sequence_may_be_absent(write_parquet, ingest_x):
    by_row, quarantine = ingest_x(write_parquet([["a"], None, [None, "b"], []], good=["a", "b"]), WORDS)
    assert [by_row[row] for row in range(4)] == [["", "a"], ["", ""], ["", "b"], ["", ""]]
    assert quarantine == []


@pytest.mark.parametrize(
    ("values", "column", "reason"),
    [
        ([1.0, 2.0], FIXED, "2 values, expected 3"),
        ([1.0, 2.0, 3.0, 4.0], BOUNDED, "4 values, expected 1 to 3"),
        ([], BOUNDED, "0 values, expected 1 to 3"),
        (None, BOUNDED, "no value"),
        ([1.0, 2.0, math.inf], FIXED, "[1.0, 2.0, inf] holds a value that is no finite number"),
    ],
)
def test_a_sequence_that_does_not_fit_goes_to_the_quarantine(write_parquet, ingest_x, values, column, reason):
    by_row, quarantine = ingest_x(write_parquet([values], good=[1.0, 2.0, 3.0]), column)
    assert quarantine == [(0, "x", reason)]
    assert sorted(by_row) == list(range(1, 41))


@pytest.mark.parametrize("kind", [pa.list_(pa.binary()), pa.binary()], ids=str)
def test_bytes_that_are_no_text_name_their_column(write_parquet, ingest_x, kind):
    value = [b"\xff", b"b"] if kind == pa.list_(pa.binary()) else b"\xff"
    column = WORDS if isinstance(value, list) else Column(type=ColumnType.STRING)
    with pytest.raises(DataError, match=r"the column 'x' to hold numbers or text in UTF-8\. Received: Invalid UTF8"):
        ingest_x(write_parquet([value], good=value, kind=kind), column)


def test_lists_of_what_is_no_text_in_a_column_that_is_not_read_name_it_where_duplicates_are_dropped(
    write_parquet, run_ingest
):
    columns = {"row": Column(type=ColumnType.INT64), "target": Column(type=ColumnType.STRING)}
    with pytest.raises(
        DataError, match=r"the column 'x' to hold numbers or text in UTF-8\. Received: Unsupported cast"
    ):
        run_ingest(write_parquet([], good=[{"a": 1}]), columns=columns, drop_duplicates=True)


def test_a_sequence_of_text_that_is_no_number_goes_to_the_quarantine(write_parquet, ingest_x):
    _, quarantine = ingest_x(write_parquet([["1", "two", "3"]], good=["1", "2", "3"]), FIXED)
    assert quarantine == [(0, "x", "['1', 'two', '3'] holds a value that is no finite number")]


def test_a_csv_file_has_no_sequences(write_csv, run_ingest):
    columns = {"age": FIXED, "target": Column(type=ColumnType.STRING)}
    with pytest.raises(DataError, match=r"'age' to hold lists\. Received: string\. A cell of a CSV file is one value"):
        run_ingest(write_csv(), columns=columns)


def test_a_column_of_single_values_is_no_sequence(write_parquet, ingest_x):
    with pytest.raises(DataError, match=r"'x' to hold lists\. Received: double"):
        ingest_x(write_parquet([1.0], good=2.0), FIXED)


def test_a_forecasts_label_is_a_sequence_without_gaps(tmp_path, run_ingest):
    labels = [[1.0, 2.0], [1.0, None], [1.0]] + [[3.0, 4.0]] * 40
    pyarrow.parquet.write_table(pa.table({"row": list(range(43)), "y": labels}), tmp_path / "data.parquet")
    columns = {"row": Column(type=ColumnType.INT64), "y": Column(type=ColumnType.FLOAT32, steps=2)}
    ingested = run_ingest(tmp_path / "data.parquet", columns=columns, label={"name": "y", "steps": 2})
    assert next(record["y"] for record in ingested.all_records if record["row"] == 0) == [1.0, 2.0]
    assert [line["reason"] for line in ingested.quarantine] == [
        "a value is missing in [1.0, None]",
        "1 values, expected 2",
    ]


def test_records_that_differ_in_a_sequence_are_split_apart_and_no_duplicates(tmp_path, run_ingest):
    values = [[float(i), 1.0] for i in range(200)] + [[0.0, 1.0]]
    labels = ["no", "yes"] * 100 + ["no"]
    pyarrow.parquet.write_table(pa.table({"x": values, "target": labels}), tmp_path / "data.parquet")
    columns = {"x": Column(type=ColumnType.FLOAT32, steps=2), "target": Column(type=ColumnType.STRING)}
    summary = run_ingest(tmp_path / "data.parquet", columns=columns, drop_duplicates=True).summary
    assert summary.rows_duplicate == 1
    assert summary.rows_by_split["eval"] == pytest.approx(40, abs=20)


@pytest.mark.parametrize(
    ("columns", "label", "message"),
    [
        ({"y": Column(type=ColumnType.FLOAT32, steps=2)}, {"name": "y", "steps": 3}, "expected a label of 3 values"),
        ({"y": Column(type=ColumnType.FLOAT32)}, {"name": "y", "steps": 3}, "received one of 1 to 1"),
        ({"y": Column(type=ColumnType.FLOAT32, steps=2)}, {"name": "y"}, "received one of 2 to 2"),
    ],
)
def test_a_label_has_the_steps_that_it_says(columns, label, message):
    with pytest.raises(ValueError, match=message):
        IngestSpec(columns=columns, label=label)


def test_statistics_are_made_of_sequences(write_parquet, ingest_x, tmp_path):
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import schema_pb2

    ingest_x(write_parquet([[5.0], [1.0, None]], good=[1.0, 2.0, 3.0]), BOUNDED)
    statistics = tfdv.generate_statistics_from_tfrecord(str(tmp_path / "examples" / "Split-*" / "*"))
    feature = next(f for f in statistics.datasets[0].features if f.path.step == ["x"])
    assert feature.num_stats.common_stats.min_num_values == feature.num_stats.common_stats.max_num_values == 3
    assert feature.num_stats.max == 5.0
    schema = schema_pb2.Schema()
    schema.feature.add(name="row", type=schema_pb2.INT)
    schema.feature.add(name="target", type=schema_pb2.BYTES)
    x = schema.feature.add(name="x", type=schema_pb2.FLOAT, presence={"min_fraction": 1})
    x.shape.dim.add(size=3)
    assert not tfdv.validate_statistics(statistics, schema).anomaly_info
