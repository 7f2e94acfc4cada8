"""Artifacts of a step as TFX's executors know them, and back."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2
from tfx import types, version
from tfx.types import standard_artifacts
from tfx.types.value_artifact import ValueArtifact

from ....components.tfx_api import CUSTOM_PROPERTIES_PREFIX, simple_artifacts
from ....dotted import import_callable
from ....errors import UsageError
from .executor_input import StepArtifact

_TFX = "tfx."
_MAX_ID = 1 << 62


def artifact_class(type_name: str, class_paths: Mapping[str, str]) -> type[types.Artifact]:
    """Returns the class of an artifact type.

    Args:
        type_name: string. Such as `tfx.Model`.
        class_paths: mapping of type to dotted path, of those that are not TFX's.

    Raises:
        UsageError: if TFX has no such class.
        ConfigurationError: if a dotted path names none.
    """
    if type_name in class_paths:
        declared: type[types.Artifact] = import_callable(class_paths[type_name], f"the artifact type {type_name}")
        return declared
    name = type_name.removeprefix(_TFX)
    found: type[types.Artifact] | None = getattr(standard_artifacts, name, None) or getattr(
        simple_artifacts, name, None
    )
    if found is None:
        raise UsageError(f"Expected {type_name} to be an artifact type. Received: no such class in the image.")
    return found


def make_artifact(artifact: StepArtifact, class_paths: Mapping[str, str]) -> types.Artifact:
    """Returns a TFX artifact at a step's local path; the value of a value artifact that is there is read."""
    made = artifact_class(artifact.type, class_paths)()
    made.uri = artifact.path
    # The id stands for the name: TFX knows numbers only, and the Evaluator notes them.
    made.id = artifact_id(artifact.name)
    for name, value in artifact.metadata.items():
        _set_property(made, name, value)
    # Without it TFX returns "absent" for the properties set above.
    made.set_mlmd_artifact(made.mlmd_artifact)
    if isinstance(made, ValueArtifact) and Path(artifact.path).is_file():
        made.read()
    return made


def make_place(artifact: types.Artifact) -> None:
    """Makes the folder of an artifact, or of the file that a value artifact is."""
    path = Path(artifact.uri)
    (path.parent if isinstance(artifact, ValueArtifact) else path).mkdir(parents=True, exist_ok=True)


def read_metadata(artifact: types.Artifact, names: Mapping[int, str]) -> dict[str, Any]:
    """Returns the metadata of an artifact that a step made.

    Args:
        artifact: TFX `Artifact`.
        names: mapping of artifact id to name: ids of other artifacts become names.
    """
    artifact.set_string_custom_property("tfx_version", version.__version__)
    proto = artifact.mlmd_artifact
    metadata = {name: _value(value) for name, value in proto.properties.items()}
    for name, value in proto.custom_properties.items():
        key = f"{CUSTOM_PROPERTIES_PREFIX}{name}" if name in proto.properties else name
        metadata[key] = _value(value)
    return {
        key: names[value] if key.endswith("_id") and isinstance(value, int) and value in names else value
        for key, value in metadata.items()
    }


def artifact_id(name: str) -> int:
    """Returns the number that stands for an artifact's name."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % _MAX_ID


def _set_property(artifact: types.Artifact, name: str, value: Any) -> None:
    kind = artifact.artifact_type.properties.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == metadata_store_pb2.INT and is_number:
        setattr(artifact, name, int(value))
    elif kind == metadata_store_pb2.DOUBLE and is_number:
        setattr(artifact, name, float(value))
    elif kind == metadata_store_pb2.STRING and isinstance(value, str):
        setattr(artifact, name, value)
    else:
        # JSON knows no whole numbers, and TFX reads a whole custom property only from a float.
        name = name.removeprefix(CUSTOM_PROPERTIES_PREFIX)
        artifact.set_json_value_custom_property(name, float(value) if is_number else value)


def _value(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        return _decode(value.struct_value)
    return getattr(value, kind) if kind in ("int_value", "double_value", "string_value", "bool_value") else None


def _decode(struct: Any) -> Any:
    # TFX wraps what is no JSON object under this key.
    document = json_format.MessageToDict(struct)
    return document.get("__value__", document)
