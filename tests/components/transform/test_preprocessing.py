from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import TFTransformOutput

from yachay.components.transform.analyze import analyze, transform_arrays
from yachay.components.transform.preprocessing import preprocessing_fn
from yachay.errors import DataError

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
CONFIG = {
    "features": {
        "income": "numeric",
        "visits": "ordinal",
        "city": "categorical",
        "branch": "categorical",
        "member": "boolean",
        "not_in_the_schema": "numeric",
    },
    "label": "outcome",
    "problem": "classification",
    "label_values": ["lost", "kept"],
}
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


def test_a_schema_without_any_of_the_features_is_refused() -> None:
    config = {"features": {"branch": "boolean"}, "label": "amount", "problem": "regression"}
    inputs = {"amount": tf.constant([3, 4], tf.int64)}

    with pytest.raises(DataError, match=r"Expected the schema to hold some of the features branch\. Received: amount"):
        preprocessing_fn(inputs, config)


def test_text_in_a_feature_that_is_a_number_is_refused() -> None:
    config = {"features": {"income": "numeric"}, "label": "outcome", "problem": "regression"}

    with pytest.raises(DataError, match=r"Expected 'income' to hold numbers\. Received: text\. Make it `categorical`"):
        preprocessing_fn({"income": tf.constant(["a"])}, config)
