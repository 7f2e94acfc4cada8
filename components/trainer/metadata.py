"""`assets.extra/yachay.json`: what a SavedModel cannot say about itself."""

import dataclasses
import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import ModelError
from ...model_store.metadata import METADATA_FILE, METADATA_FORMAT, MISSING_VALUE, Dtype
from ..features import FeatureKind, Problem
from ..prediction_task import PredictionTask
from ..sequences import sequence_shape
from .train import TrainedModel

PACKAGES = ("yachay", "tensorflow", "tensorflow-transform", "keras", "scikit-learn", "numpy", "tfx")
_XGBOOST = "xgboost" if sys.platform == "darwin" else "xgboost-cpu"  # As pyproject.toml has it.


@dataclasses.dataclass(frozen=True)
class RawFeature:
    """A raw feature that the model asks for.

    Args:
        name: string.
        dtype: `"float32"`, `"int64"` or `"string"`.
        kind: `FeatureKind`.
        optional: bool. Whether a client may leave it out.
        domain: dict with `values`, or `min` and `max`; None where the schema has no domain.
        default: number that stands for a missing value; None where there is no one number.
        steps: int or None. The length of a sequence, the newest value last; None for a scalar.
        min_steps: int or None. The least number of values of a sequence; what is left of `steps` is padded at the
            front with the missing value.
        codes: tuple of ints or None. Those that the model distinguishes, of a categorical feature of integers; None
            where they are not known.
        code_names: dict of code, in decimal, to its name as `{"en": ..., "es": ...}`; None where the configuration has
            none.
    """

    name: str
    dtype: Dtype
    kind: FeatureKind
    optional: bool
    domain: dict[str, Any] | None = None
    default: float | None = None
    steps: int | None = None
    min_steps: int | None = None
    codes: tuple[int, ...] | None = None
    code_names: dict[str, dict[str, str]] | None = None

    @property
    def missing(self) -> float | int | str | None:
        """The value of the input that stands for a missing one; None where it may not be missing.

        A sequence always has one: a required one may still hold gaps, and short ones are padded.
        """
        return MISSING_VALUE[self.dtype] if self.optional or self.steps else None

    def to_json(self) -> dict[str, Any]:
        """Returns the feature as JSON; NaN, which JSON lacks, as `"NaN"`."""
        missing = "NaN" if self.missing is not None and self.dtype == "float32" else self.missing
        return dataclasses.asdict(self) | {"missing": missing}


def raw_feature(schema: schema_pb2.Schema, feature_spec: Mapping[str, Any], name: str, kind: FeatureKind) -> RawFeature:
    """Returns the raw feature of a schema."""
    spec = feature_spec[name]
    (feature,) = (feature for feature in schema.feature if feature.name == name)
    sequence, domain = sequence_shape(feature), _domain(schema, feature)
    if sequence is None:
        return RawFeature(name, spec.dtype.name, kind, isinstance(spec, tf.io.VarLenFeature), domain)
    steps, min_steps = sequence.steps, sequence.min_steps
    return RawFeature(name, spec.dtype.name, kind, sequence.optional, domain, steps=steps, min_steps=min_steps)


def model_metadata(
    trained: TrainedModel, task: PredictionTask, seed: int, features: Sequence[RawFeature]
) -> dict[str, Any]:
    """Returns the metadata of a trained model; the pusher adds what it alone knows."""
    return {
        "format": METADATA_FORMAT,
        "problem": task.problem,
        "family": trained.family,
        "label": task.label.name,
        "labels": list(task.label.values),
        "steps": task.label.steps if task.problem is Problem.FORECAST else None,
        "quantiles": list(task.label.quantiles),
        "features": [feature.to_json() for feature in features],
        "validation_metrics": _finite(trained.validation_metrics),
        "leaderboard": [
            {"family": line.family, "metrics": _finite(line.metrics), "seconds": line.seconds}
            for line in trained.leaderboard
        ],
        "seed": seed,
        "hyperparameters": trained.hyperparameters,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        | {"xgboost": version(_XGBOOST)},
    }


def write_metadata(model_dir: str, metadata: Mapping[str, Any]) -> None:
    """Writes the metadata into a SavedModel."""
    path = f"{model_dir}/{METADATA_FILE}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(metadata, indent=2, allow_nan=False) + "\n")


def read_metadata(model_dir: str) -> dict[str, Any]:
    """Reads the metadata of a SavedModel.

    Raises:
        ModelError: if it has none.
    """
    path = f"{model_dir}/{METADATA_FILE}"
    if not tf.io.gfile.exists(path):
        raise ModelError(f"Expected {METADATA_FILE} in {model_dir}. Received: no such file. Export with the Trainer.")
    with tf.io.gfile.GFile(path) as file:
        metadata: dict[str, Any] = json.loads(file.read())
    return metadata


def _domain(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> dict[str, Any] | None:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        return {"values": list(next(domain.value for domain in schema.string_domain if domain.name == feature.domain))}
    if kind == "string_domain":
        return {"values": list(feature.string_domain.value)}
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        bounds = {bound: getattr(domain, bound) for bound in ("min", "max") if domain.HasField(bound)}
        return {bound: number for bound, number in bounds.items() if math.isfinite(number)} or None
    return None


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}
