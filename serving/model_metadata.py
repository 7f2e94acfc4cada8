"""What a pushed model says of itself in `assets.extra/yachay.json`, read without TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..model_store.layout import MODEL_FILE
from ..model_store.metadata import METADATA_FILE, METADATA_FORMAT
from .contract import Feature


def read_metadata(path: Path) -> dict[str, Any]:
    """Returns the metadata of the SavedModel in a folder.

    Raises:
        ModelError: if it is no export of the Trainer.
    """
    for name, hint in ((MODEL_FILE, "Name the folder of a SavedModel."), (METADATA_FILE, "Push it with Yachay.")):
        if not (path / name).is_file():
            raise ModelError(f"Expected {name} in {path}. Received: no such file. {hint}")
    try:
        metadata: dict[str, Any] = json.loads((path / METADATA_FILE).read_text(encoding="utf-8"))
        version = metadata["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"Expected {METADATA_FILE} in {path} to be an object of JSON. Received: {error!r}.") from None
    if version != METADATA_FORMAT:
        raise ModelError(
            f"Expected {METADATA_FILE} in {path} in format {METADATA_FORMAT}. Received: {version!r}. "
            "Serve it with the version of yachay that pushed it."
        )
    return metadata


def read_features(path: Path, metadata: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Returns the features of the metadata of the SavedModel in a folder.

    Raises:
        ModelError: if the metadata does not describe them.
    """
    try:
        return tuple(_feature(entry, metadata.get("original_names", {})) for entry in metadata["features"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"Expected {METADATA_FILE} in {path} to describe the features. Received: {error!r}.") from None


def _feature(entry: Mapping[str, Any], original_names: Mapping[str, str]) -> Feature:
    steps, min_steps = entry.get("steps"), entry.get("min_steps")
    is_nan = entry["dtype"] == "float32" and entry["missing"] == "NaN"
    return Feature(
        name=entry["name"],
        dtype=entry["dtype"],
        kind=entry["kind"],
        optional=entry["optional"],
        missing=float("nan") if is_nan else entry["missing"],
        domain=entry["domain"],
        original_name=original_names.get(entry["name"], entry["name"]),
        steps=steps,
        min_steps=(steps or 0) if min_steps is None else min_steps,
        codes=tuple(entry.get("codes") or ()),
        code_names=entry.get("code_names") or {},
    )
