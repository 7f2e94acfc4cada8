"""Golden records that are nobody's."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sequence_model import FEATURES as SEQUENCES
from sequence_model import ROW, make_sequence_example
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from yachay.components.examples import decode
from yachay.components.pusher.synthetic import MIN_RECORDS, draw_examples
from yachay.components.statistics_gen.compute import compute_statistics
from yachay.errors import ModelError
from yachay.serving.values import is_time

NUM_RECORDS = 1000


def feature(name: str, dtype: str, kind: str = "numeric", **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "kind": kind, "optional": False, "domain": None, **more}


FEATURES = [
    feature("age", "int64", domain={"min": 0, "max": 120}),
    feature("grade", "float32", optional=True),
    feature("course", "int64", "categorical", domain={"min": 1, "max": 9999}),
    feature("town", "string", "categorical"),
    feature("sex", "string", "categorical", domain={"values": ["f", "m"]}),
    feature("asked_at", "string", "time"),
    feature("name", "string", "categorical"),
]


def statistics_of(examples: list[bytes], categorical: str = "") -> statistics_pb2.DatasetFeatureStatistics:
    schema = schema_pb2.Schema()
    if categorical:
        schema.feature.add(name=categorical, type=schema_pb2.INT).int_domain.is_categorical = True
    return compute_statistics([decode(examples)], schema).datasets[0]


@pytest.fixture(scope="module")
def statistics() -> statistics_pb2.DatasetFeatureStatistics:
    """Those of records whose extremes, rare codes and names are somebody's."""
    random = np.random.default_rng(1)
    examples = []
    for index in range(NUM_RECORDS):
        example = tf.train.Example()
        values = example.features.feature
        values["age"].int64_list.value.append(99 if index == 0 else int(random.integers(17, 30)))
        if index % 4:
            values["grade"].float_list.value.append(0.0 if index == 1 else random.uniform(100, 150))
        values["course"].int64_list.value.append(171 if index < MIN_RECORDS - 1 else [33, 9991][index % 2])
        values["town"].bytes_list.value.append(b"Inahuaya" if index == 0 else [b"Cusco", b"Lima"][index % 2])
        values["sex"].bytes_list.value.append([b"f", b"m"][index % 2])
        values["asked_at"].bytes_list.value.append(b"2026-11-20T10:00Z")
        values["name"].bytes_list.value.append(f"person {index}".encode())
        examples.append(example.SerializeToString())
    return statistics_of(examples, "course")


def rows(examples: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for example in examples:
        values = tf.train.Example.FromString(example).features.feature
        kinds = {name: value.WhichOneof("kind") for name, value in values.items()}
        found.append({name: list(getattr(values[name], kind).value) for name, kind in kinds.items()})
    return found


def test_no_value_of_a_single_person_is_drawn(statistics: statistics_pb2.DatasetFeatureStatistics) -> None:
    drawn = rows(draw_examples(FEATURES, statistics, 500))

    assert all(17 <= row["age"][0] <= 30 for row in drawn)
    assert all(100 <= value <= 150 for row in drawn for value in row["grade"])
    assert {row["course"][0] for row in drawn} == {33, 9991}
    assert {row["town"][0] for row in drawn} == {b"Cusco", b"Lima"}
    assert {row["sex"][0] for row in drawn} == {b"f", b"m"}
    assert {row["name"][0] for row in drawn} == {b"synthetic"}
    assert b"2026-11-20T10:00Z" not in {row["asked_at"][0] for row in drawn}
    assert all(is_time(row["asked_at"][0].decode()) for row in drawn)


def test_a_value_is_missing_as_often_as_it_was(statistics: statistics_pb2.DatasetFeatureStatistics) -> None:
    drawn = rows(draw_examples(FEATURES, statistics, 2000))

    assert sum(not row["grade"] for row in drawn) / 2000 == pytest.approx(0.25, abs=0.04)
    assert all(row["age"] for row in drawn)


def test_the_same_records_are_drawn_again(statistics: statistics_pb2.DatasetFeatureStatistics) -> None:
    assert draw_examples(FEATURES, statistics, 5) == draw_examples(FEATURES, statistics, 5)
    assert draw_examples(FEATURES, statistics, 5) != draw_examples(FEATURES, statistics, 5, seed=1)


def test_sequences_have_all_steps_and_some_are_padded_in_front() -> None:
    statistics = statistics_of([make_sequence_example(ROW)] * 20)
    drawn = rows(draw_examples(SEQUENCES, statistics, 100))

    assert {len(row["load_mw"]) for row in drawn} == {4}
    padding = {sum(value != value for value in row["load_mw"]) for row in drawn}
    assert padding == {0, 1, 2}
    assert all(row["load_mw"][-2:] == [v for v in row["load_mw"][-2:] if v == v] for row in drawn)
    assert not any(value != value for row in drawn for value in row["temperature_c"])
    assert {value for row in drawn for value in row["sky"]} == {b"", b"clear", b"rain"}


def test_of_few_records_not_even_the_deciles_are_taken() -> None:
    examples = []
    for index in range(10 * MIN_RECORDS - 1):
        example = tf.train.Example()
        example.features.feature["grade"].float_list.value.append(1000.0 + index)
        example.features.feature["age"].int64_list.value.append(60 + index)
        examples.append(example.SerializeToString())
    features = [feature("grade", "float32"), feature("age", "int64", domain={"min": 17, "max": 30})]

    drawn = rows(draw_examples(features, statistics_of(examples), 100))

    assert all(0 <= row["grade"][0] <= 1 for row in drawn)
    assert {row["age"][0] for row in drawn} <= {*range(17, 31)}


def test_a_feature_without_statistics_is_named(statistics: statistics_pb2.DatasetFeatureStatistics) -> None:
    with pytest.raises(ModelError, match=r"Expected the feature 'height' in the statistics.*push\.golden: none"):
        draw_examples([feature("height", "float32")], statistics, 1)
