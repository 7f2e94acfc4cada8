import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.features import FeatureKind
from yachay.components.trainer.metadata import raw_feature


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("float_domain { min: 0 max: 9 }", {"min": 0.0, "max": 9.0}),
        ("float_domain { min: 0 max: inf }", {"min": 0.0}),
        ("float_domain { min: -inf max: inf }", None),
        ("", None),
    ],
)
def test_a_bound_of_the_schema_that_is_infinite_is_none(domain: str, expected: dict[str, float] | None) -> None:
    schema = text_format.Parse(
        f'feature {{ name: "dose" type: FLOAT shape {{}} {domain} }}',
        schema_pb2.Schema(),
    )
    spec = {"dose": tf.io.FixedLenFeature([], tf.float32)}

    assert raw_feature(schema, spec, "dose", FeatureKind.NUMERIC).domain == expected
