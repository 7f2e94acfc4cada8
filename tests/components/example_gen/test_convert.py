import pyarrow as pa
import pytest

from yachay.components.example_gen.convert import Converter, add_bins
from yachay.components.example_gen.settings import Bins, Column, ColumnType, IngestSpec
from yachay.components.fingerprints import as_text
from yachay.errors import DataError


def convert(column, column_type, decimal=".", **changes):
    raw = column if isinstance(column, pa.Array) else pa.array(column, pa.string())
    spec = IngestSpec(
        columns={"x": Column(type=column_type, **{"required": False, **changes}), "y": Column(type=ColumnType.INT64)},
        label={"name": "y"},
        decimal=decimal,
    )
    batch = pa.record_batch({"x": raw, "y": pa.array([1] * len(raw))})
    typed, rejections = Converter(spec).convert(batch, 0)
    return typed.column("x").to_pylist(), {rejection.index: rejection.reason for rejection in rejections}


@pytest.mark.parametrize("companion", ["7", "x"])
@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-3", -3), ("+3", 3), (" 3 ", 3), ("3.0", 3), ("3e2", 300), ("9223372036854775807", 2**63 - 1)],
)
def test_whole_numbers_are_read_alike_beside_any_others(text, value, companion):
    values, rejected = convert([text, companion], ColumnType.INT64)
    assert values[0] == value
    assert 0 not in rejected


@pytest.mark.parametrize("text", ["3.5", "0x1F", "1_000", "nan", "abc", "9223372036854775808", "1e400", "٣"])
def test_what_is_no_whole_number_is_rejected(text):
    values, rejected = convert([text, "7"], ColumnType.INT64)
    assert values == [None, 7]
    assert rejected == {0: f"{text!r} is no whole number"}


@pytest.mark.parametrize("companion", ["7", "x"])
@pytest.mark.parametrize(
    ("text", "value"), [("3", 3.0), ("-.5", -0.5), ("+1.25", 1.25), (" 2. ", 2.0), ("1e-3", 0.0010000000474974513)]
)
def test_numbers_are_read_alike_beside_any_others(text, value, companion):
    values, rejected = convert([text, companion], ColumnType.FLOAT32)
    assert values[0] == value
    assert 0 not in rejected


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e39", "1e400", "abc", "0x1F", "1_000"])
def test_what_is_no_finite_number_is_rejected(text):
    values, rejected = convert([text, "7"], ColumnType.FLOAT32)
    assert values == [None, 7.0]
    assert rejected == {0: f"{text!r} is no finite number"}


def test_a_decimal_comma_is_named():
    _, rejected = convert(["3,14"], ColumnType.FLOAT32)
    assert rejected == {0: "'3,14' is no finite number (`data.decimal` is '.': write '.', or set it to ',')"}


def test_decimal_commas_are_read_where_the_configuration_says_so():
    assert convert(["3,5", "-,25", "1e-3", " 2 "], ColumnType.FLOAT32, decimal=",")[0] == pytest.approx(
        [3.5, -0.25, 0.001, 2.0]
    )
    assert convert(["3,0", "4"], ColumnType.INT64, decimal=",") == ([3, 4], {})
    assert convert(["3,5", "4.5"], ColumnType.STRING, decimal=",") == (["3,5", "4.5"], {})


def test_a_decimal_point_among_decimal_commas_is_rejected():
    values, rejected = convert(["3.5", "1.234,5", "2,5"], ColumnType.FLOAT32, decimal=",")
    assert values == [None, None, 2.5]
    assert rejected == {
        0: "'3.5' is no finite number (`data.decimal` is ',': write ',', or set it to '.')",
        1: "'1.234,5' is no finite number",
    }


def test_a_long_text_is_cut_in_a_reason():
    _, rejected = convert(["x" * 1000], ColumnType.INT64)
    assert len(rejected[0]) < 100


def test_a_value_outside_the_allowed_ones_is_rejected():
    _, rejected = convert(["a", "b", None], ColumnType.STRING, values=("a",))
    assert rejected == {1: "'b' is not one of 'a'"}


def test_a_required_value_that_is_missing_is_rejected():
    assert convert([None, "1"], ColumnType.INT64, required=True)[1] == {0: "no value"}


def test_a_typed_nan_is_a_missing_value():
    assert convert(pa.array([float("nan"), 1.0]), ColumnType.FLOAT32) == ([None, 1.0], {})


def test_a_typed_fraction_is_no_whole_number():
    assert convert(pa.array([1.5, 2.0]), ColumnType.INT64) == ([None, 2], {0: "1.5 is no whole number"})


def test_a_nested_column_is_rejected():
    with pytest.raises(DataError, match=r"Expected the column 'x' to hold numbers or text. Received: list"):
        convert(pa.array([[1]]), ColumnType.INT64)


def test_equal_values_have_one_text_whatever_their_type_was():
    assert as_text(pa.array([3.0, 0.1], pa.float32())).to_pylist() == ["3", "0.1"]


def test_a_value_on_an_edge_is_in_the_upper_band():
    batch = pa.record_batch({"x": pa.array([0.05, 0.1, 0.2, None], pa.float32())})
    binned = add_bins(batch, {"level": Bins(column="x", edges=(0.1, 0.2))})
    assert binned.column("level").to_pylist() == ["<0.1", "0.1-<0.2", ">=0.2", None]
