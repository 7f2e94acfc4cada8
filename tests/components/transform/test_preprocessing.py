import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import TFTransformOutput

from yachay.components.trainer.columns import transformed_columns
from yachay.components.transform.analyze import analyze, transform_arrays
from yachay.components.transform.preprocessing import preprocessing_fn, transform_key, transform_label
from yachay.components.transform.settings import TransformConfig
from yachay.components.transform.time_text import parse_times
from yachay.errors import DataError

pytestmark = pytest.mark.integration

SCHEMA = text_format.Parse(
    """
    feature { name: "income" type: FLOAT presence { min_fraction: 1 } shape {} }
    feature { name: "visits" type: INT }
    feature { name: "city" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
    feature { name: "branch" type: INT }
    feature { name: "member" type: INT }
    feature { name: "left_out" type: FLOAT }
    feature { name: "outcome" type: BYTES presence { min_fraction: 1 } shape {} }
    """,
    schema_pb2.Schema(),
)
FEATURES = {
    "income": "numeric",
    "visits": "ordinal",
    "city": "categorical",
    "branch": "categorical",
    "member": "boolean",
    "not_in_the_schema": "numeric",
}
LABEL = {"name": "outcome", "values": ["lost", "kept"]}


def configure(features: Mapping[str, str], label: Mapping[str, Any], problem: str, **fields: Any) -> TransformConfig:
    task = {"problem": problem, "label": label, "features": features}
    split = {"split": fields.pop("split")} if "split" in fields else {}
    return TransformConfig.model_validate({"task": {**task, **split}, **fields})


CONFIG = configure(FEATURES, LABEL, "classification")
ROWS: Sequence[Mapping[str, Any]] = (
    {"income": 1.0, "visits": 2, "city": "Cusco", "branch": 7, "member": 1, "outcome": "kept", "left_out": 1.0},
    {"income": 2.0, "visits": 4, "city": "Cusco", "branch": 7, "member": 1, "outcome": "lost"},
    {"income": 6.0, "visits": 6, "city": "Puno", "branch": 12, "member": 0, "outcome": "kept"},
    {"income": float("nan"), "city": "Cusco", "outcome": "kept"},
)


def serialize(row: Mapping[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    return example.SerializeToString()


@pytest.fixture(scope="module")
def transform_output(tmp_path_factory: pytest.TempPathFactory) -> TFTransformOutput:
    return analyze([serialize(row) for row in ROWS], SCHEMA, CONFIG, tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def arrays(transform_output: TFTransformOutput) -> dict[str, np.ndarray]:
    return transform_arrays(transform_output, [serialize(row) for row in ROWS])


def test_the_outputs_are_the_configured_features_of_the_schema_and_the_label(arrays: dict[str, np.ndarray]) -> None:
    assert {name: str(values.dtype) for name, values in arrays.items()} == {
        "income": "float32",
        "visits": "float32",
        "city": "int64",
        "branch": "int64",
        "member": "float32",
        "outcome": "int64",
    }


def test_numbers_are_standardised_and_missing_ones_are_the_mean(arrays: dict[str, np.ndarray]) -> None:
    incomes = np.array([1.0, 2.0, 6.0])
    expected = np.append((incomes - incomes.mean()) / incomes.std(), 0.0)

    np.testing.assert_allclose(arrays["income"], expected, rtol=1e-6)
    np.testing.assert_allclose(arrays["visits"], [-np.sqrt(1.5), 0.0, np.sqrt(1.5), 0.0], rtol=1e-6)


def test_a_missing_boolean_is_the_more_frequent_of_the_two(arrays: dict[str, np.ndarray]) -> None:
    assert arrays["member"].tolist() == [1.0, 1.0, 0.0, 1.0]


def test_categories_are_indexed_by_frequency_and_missing_or_unseen_ones_come_last(
    transform_output: TFTransformOutput, arrays: dict[str, np.ndarray]
) -> None:
    unseen = transform_arrays(transform_output, [serialize({**ROWS[0], "city": "Lima", "branch": 99})])

    assert transform_output.vocabulary_size_by_name("branch") == 2
    assert arrays["city"].tolist() == [0, 0, 1, 0]
    assert arrays["branch"].tolist() == [0, 0, 1, 2]
    assert (unseen["city"].item(), unseen["branch"].item()) == (2, 2)


def test_a_class_is_its_index_in_the_label_values_and_an_unknown_one_is_below_zero(
    transform_output: TFTransformOutput, arrays: dict[str, np.ndarray]
) -> None:
    unknown = transform_arrays(transform_output, [serialize({**ROWS[0], "outcome": "moved"})])

    assert arrays["outcome"].tolist() == [1, 0, 1, 1]
    assert unknown["outcome"].tolist() == [-1]


def test_the_order_of_the_examples_and_the_shards_leave_no_trace(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = [
        {**ROWS[0], "income": float(income), "visits": int(visits), "city": f"city {visits % 9}"}
        for income, visits in zip(random.normal(1e4, 1e3, 400), random.integers(0, 99, 400), strict=True)
    ]
    examples = [serialize(row) for row in rows]
    shard = tmp_path / "shard.gz"
    with tf.io.TFRecordWriter(str(shard), "GZIP") as writer:
        for example in examples[:150]:
            writer.write(example)

    one = analyze(examples, SCHEMA, CONFIG, tmp_path / "one")
    other = analyze(examples[:149:-1], SCHEMA, CONFIG, tmp_path / "other", files=[shard])

    for name, values in transform_arrays(one, examples).items():
        np.testing.assert_array_equal(values, transform_arrays(other, examples)[name], err_msg=name)


def test_a_schema_without_any_of_the_features_is_rejected() -> None:
    config = configure({"branch": "boolean"}, {"name": "amount"}, "regression")
    inputs = {"amount": tf.constant([3, 4], tf.int64)}

    with pytest.raises(DataError, match=r"Expected the schema to hold some of the features branch\. Received: amount"):
        preprocessing_fn(inputs, config.model_dump())


def test_text_in_a_feature_that_is_a_number_is_rejected() -> None:
    config = configure({"income": "numeric"}, {"name": "outcome"}, "regression")

    with pytest.raises(DataError, match=r"Expected 'income' to hold numbers\. Received: text\. Make it `categorical`"):
        preprocessing_fn({"income": tf.constant(["a"])}, config.model_dump())


def test_a_class_that_is_an_integer_is_matched_as_text() -> None:
    config = configure({"income": "numeric"}, {"name": "outcome", "values": ["10", "2"]}, "classification")
    outputs = tf.function(lambda label: transform_label(label, config.task))

    assert outputs(tf.constant([2, 10, 3], tf.int64)).numpy().tolist() == [1, 0, -1]
    assert outputs(tf.constant([2.0, 10.0])).numpy().tolist() == [1, 0]


def test_a_whole_number_is_its_digits_however_many_it_has() -> None:
    values = ["1234567", "1234568", "1000000", "0", "0.1"]
    config = configure({"income": "numeric"}, {"name": "outcome", "values": values}, "classification")
    outputs = tf.function(lambda label: transform_label(label, config.task))

    labels = tf.constant([1234567.0, 1234568.0, 1e6, -0.0, 0.1, float("inf"), float("nan")])
    assert outputs(labels).numpy().tolist() == [0, 1, 2, 3, 4, -1, -1]


def test_the_key_of_the_split_goes_along_and_no_feature_is_made_of_it(tmp_path: Path) -> None:
    config = configure({"income": "numeric"}, LABEL, "classification", split={"method": "group", "key": "city"})
    examples = [serialize(row) for row in ROWS]

    arrays = transform_arrays(analyze(examples, SCHEMA, config, tmp_path), examples)

    assert set(arrays) == {"income", "outcome", "_split_key"}
    key = arrays["_split_key"]
    assert key.dtype == np.int64
    assert key[0] == key[1] == key[3] != key[2]


def test_the_number_that_classes_are_a_cut_of_goes_along_and_no_feature_is_made_of_it(tmp_path: Path) -> None:
    config = configure({"income": "numeric"}, {**LABEL, "cut_of": "visits"}, "classification")
    examples = [serialize(row) for row in ROWS]

    transform_output = analyze(examples, SCHEMA, config, tmp_path)
    arrays = transform_arrays(transform_output, examples)

    assert set(arrays) == {"income", "outcome", "_cut_of"}
    expected = [float(row.get("visits", np.nan)) for row in ROWS]
    np.testing.assert_array_equal(arrays["_cut_of"], np.array(expected, np.float32))
    assert [column.name for column in transformed_columns(transform_output, config.task)] == ["income"]


@pytest.mark.parametrize(
    "times",
    [
        [-7, -1, 0, 3, 2**40],
        [-1e9, -0.5, 0.0, 0.25, 3e30],
        ["2023-12-31", "2024-01-01T00:30:00+01:00", "2024-01-01T00:00Z", "2024-01-01 00:00:00.5", "2024-03-01"],
    ],
)
def test_the_key_of_a_split_by_time_is_a_number_in_the_order_of_the_times(times: Any) -> None:
    values = tf.constant(times, tf.int64) if isinstance(times[0], int) else tf.constant(times)

    keys = transform_key(values, "time").numpy()

    assert keys.dtype == np.int64
    assert (np.diff(keys) > 0).all()


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01", "2024-02-29T23:59:59.123456+05:30", "1969-07-20 20:17:40-04:00", "2000-12-31T00:00:00+0900",
        "2031-06-05T04:03Z",
    ],
)  # fmt: skip
def test_a_time_in_text_is_its_microseconds_since_1970(text: str) -> None:
    moment = datetime.datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=moment.tzinfo or datetime.UTC)
    expected = (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)

    assert parse_times(tf.constant([text, "no time"])).numpy().tolist() == [expected, -(2**63)]


def test_a_preprocessing_fn_of_ones_own_adds_features_to_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_preprocessing.py").write_text(
        "from yachay.components.transform.preprocessing import transform_features\n"
        "def preprocessing_fn(inputs, config):\n"
        "    outputs = transform_features(inputs, config.task.features)\n"
        "    return {**outputs, 'income_squared': outputs['income'] ** 2}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = {"preprocessing_fn": "own_preprocessing.preprocessing_fn"}
    config = configure({"income": "numeric"}, LABEL, "classification", settings=own)
    examples = [serialize(row) for row in ROWS]

    transform_output = analyze(examples, SCHEMA, config, tmp_path / "graph")
    arrays = transform_arrays(transform_output, examples)
    columns = transformed_columns(transform_output, config.task)

    assert set(arrays) == {"income", "income_squared", "outcome"}
    np.testing.assert_allclose(arrays["income_squared"], arrays["income"] ** 2)
    assert [column.name for column in columns] == ["income", "income_squared"]
