"""Records and settings of a small search."""

from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.cross_validator.folds import Records
from yachay.components.tuner.settings import TunerConfig

FIXED = "presence { min_fraction: 1 } shape { dim { size: 1 } }"
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} {FIXED} }} '
    for name, kind in {"x": "FLOAT", "z": "FLOAT", "label": "BYTES"}.items()
)
LINEAR_SPACE = {"linear": {"C": {"min": 0.0001, "max": 10.0, "scale": "log"}}}


def config(**tune: Any) -> TunerConfig:
    task = {
        "problem": "classification",
        "label": {"name": "label", "values": ["no", "yes"]},
        "features": {"x": "numeric", "z": "numeric"},
    }
    training = {"task": task, "trainer": {"family": "linear"}}
    given = {"oracle": "random", "spaces": LINEAR_SPACE, "trials": 6, "folds": 3, "minutes": None, **tune}
    return TunerConfig.model_validate({"training": training, "tune": given})


def make_records(num_records: int = 120) -> Records:
    random = np.random.default_rng(4)
    examples = []
    for _ in range(num_records):
        x, z = random.normal(size=2)
        example = tf.train.Example()
        example.features.feature["x"].float_list.value.append(x)
        example.features.feature["z"].float_list.value.append(z)
        label = "yes" if x + random.normal(0, 0.7) > 0 else "no"
        example.features.feature["label"].bytes_list.value.append(label.encode())
        examples.append(example.SerializeToString())
    return Records.of(examples, text_format.Parse(SCHEMA, schema_pb2.Schema()))
