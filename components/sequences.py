"""Sequences: which features of a schema they are, and the schema of examples in which they are stored.

A curated schema calls a feature a sequence by `shape { dim { size: 48 } }`, always 48 values, or by
`value_count { min: 1 max: 48 }`, at most 48 of them. Examples hold each with its greatest length, the newest value
last, padded at the front with what is missing (NaN, or an empty string), integers as floats.
"""

import dataclasses

from tensorflow_metadata.proto.v0 import schema_pb2

_MIN_STEPS = "yachay.min_steps="
_OPTIONAL = "yachay.optional"


@dataclasses.dataclass(frozen=True)
class SequenceShape:
    """The length of a sequence.

    Args:
        steps: int. The greatest number of values, as examples hold it.
        min_steps: int. The least number that a record may have.
        optional: bool. Whether values may be missing, or all of them.
    """

    steps: int
    min_steps: int
    optional: bool


def sequence_shape(feature: schema_pb2.Feature) -> SequenceShape | None:
    """Returns the length of a feature, of a curated schema or of a stored one, or None where it is a scalar."""
    tags = list(feature.annotation.tag)
    optional = _OPTIONAL in tags or feature.presence.min_fraction != 1
    if feature.HasField("shape") and len(feature.shape.dim) == 1 and feature.shape.dim[0].size > 1:
        steps = feature.shape.dim[0].size
        noted = [int(tag.removeprefix(_MIN_STEPS)) for tag in tags if tag.startswith(_MIN_STEPS)]
        return SequenceShape(steps, noted[0] if noted else steps, optional)
    if feature.HasField("value_count") and feature.value_count.max > 1:
        return SequenceShape(feature.value_count.max, feature.value_count.min, optional)
    return None


def stored_schema(curated: schema_pb2.Schema) -> schema_pb2.Schema:
    """Returns the schema of the examples of a curated schema: each sequence of a fixed length, which is never absent.

    Tags of the feature's annotation keep what else the curated schema says of it. A schema without sequences does not
    change.
    """
    stored = schema_pb2.Schema()
    stored.CopyFrom(curated)
    for feature in stored.feature:
        shape = sequence_shape(feature)
        if shape is None:
            continue
        feature.ClearField("value_count")
        feature.ClearField("shape")
        feature.shape.dim.add(size=shape.steps)
        feature.presence.min_fraction = 1
        del feature.annotation.tag[:]
        if shape.min_steps != shape.steps:
            feature.annotation.tag.append(f"{_MIN_STEPS}{shape.min_steps}")
        if shape.optional:
            feature.annotation.tag.append(_OPTIONAL)
        if feature.type == schema_pb2.INT:
            feature.type = schema_pb2.FLOAT
            if feature.HasField("int_domain"):
                domain = feature.int_domain
                bounds = {name: float(getattr(domain, name)) for name in ("min", "max") if domain.HasField(name)}
                feature.float_domain.CopyFrom(schema_pb2.FloatDomain(**bounds))
    return stored
