"""Values of parameters and metadata, as the backend of Kubeflow Pipelines turns them from one form into another."""

import json
import math
from typing import Any

_JSON_TYPES = {"LIST": list, "STRUCT": dict, "TASK_FINAL_STATUS": dict}
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


def whole_numbers(value: Any) -> Any:
    """Returns a JSON value with each whole number without a fraction, as the backend writes it."""
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_text(value: Any) -> str:
    """Returns a parameter's value as text: a string as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(whole_numbers(value), separators=(",", ":"), sort_keys=True)


def from_text(text: str, kind: str) -> Any:
    """Returns the value of an output parameter that a step wrote as text.

    Args:
        text: string.
        kind: string. Its type as the spec names it.

    Raises:
        ValueError: if the text is of another type.
    """
    if kind == "STRING":
        return text
    if kind == "NUMBER_INTEGER":
        return int(text)
    if kind == "NUMBER_DOUBLE":
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text!r}, which JSON does not know")
        return whole_numbers(number)
    if kind == "BOOLEAN":
        if text.strip() not in (*_TRUE, *_FALSE):
            raise ValueError(f"{text!r}, which is neither true nor false")
        return text.strip() in _TRUE
    value = json.loads(text)
    if kind not in _JSON_TYPES or not isinstance(value, _JSON_TYPES[kind]):
        raise ValueError(f"{text!r}")
    return value


def has_type(value: Any, kind: str) -> bool:
    """Returns whether a value that is no string may be an input of a type."""
    if isinstance(value, bool):
        return kind == "BOOLEAN"
    if isinstance(value, int | float):
        return kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE")
    if isinstance(value, list):
        return kind == "LIST"
    return isinstance(value, dict) and kind in ("STRUCT", "TASK_FINAL_STATUS")


def stored_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns an artifact's metadata as it comes back from the metadata store.

    Raises:
        ValueError: if one is null, which the store does not take.
    """
    return {name: _stored(name, value) for name, value in metadata.items()}


def _stored(name: str, value: Any) -> Any:
    if value is None:
        raise ValueError(f"the metadata {name!r} is null")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return {"list": value}
    return {"struct": value} if isinstance(value, dict) else value
