from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.sequences import SequenceShape, sequence_shape, stored_schema


def schema(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def test_a_bounded_sequence_is_stored_in_its_greatest_length_and_its_least_is_noted():
    curated = schema('feature { name: "past" type: INT value_count { min: 2 max: 48 } int_domain { min: 0 max: 9 } }')

    (stored,) = stored_schema(curated).feature

    assert [dim.size for dim in stored.shape.dim] == [48]
    assert stored.presence.min_fraction == 1
    assert (stored.type, stored.float_domain.max) == (schema_pb2.FLOAT, 9.0)
    assert sequence_shape(stored) == sequence_shape(curated.feature[0]) == SequenceShape(48, 2, optional=True)


def test_a_fixed_sequence_that_is_always_there_is_required():
    curated = schema('feature { name: "x" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 24 } } }')

    (stored,) = stored_schema(curated).feature

    assert sequence_shape(stored) == SequenceShape(24, 24, optional=False)


def test_a_schema_of_scalars_is_stored_as_it_is():
    curated = schema(
        'feature { name: "a" type: INT value_count { min: 1 max: 1 } }'
        'feature { name: "b" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }'
        'feature { name: "c" type: FLOAT presence { min_fraction: 1 } shape {} }'
    )

    assert stored_schema(curated) == curated
