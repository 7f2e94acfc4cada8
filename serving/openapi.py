"""The OpenAPI document of a served model: its fields, by name and type, beside KServe's routes."""

import re
from collections.abc import Mapping
from typing import Any

from .contract import Feature
from .loaded_model import SIGNATURE, Output
from .model import ServedModel
from .v2 import DATATYPES

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "float32": {"type": "number", "format": "float"},
    "int64": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "string": {"type": "string"},
}
_ERRORS = {
    "400": "A field or the whole request does not fit; the message says what was expected and what came.",
    "401": "The server asks for a token.",
    "404": "There is no such model.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is compressed otherwise than with gzip.",
    "503": "The model is not ready, or too much is queued.",
    "504": "The response took too long.",
}
_ERROR_SCHEMA = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def make_document(document: Mapping[str, Any], model: ServedModel, max_rows: int, closed: str) -> dict[str, Any]:
    """Returns KServe's OpenAPI document with this server's routes.

    Args:
        document: dict. KServe's own document.
        model: `ServedModel`.
        max_rows: int. The most rows of a request.
        closed: string. Pattern of the paths that are closed.
    """
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        if not re.fullmatch(closed, path) and not path.endswith((":predict", "/infer")):
            paths[path.replace("{model_name}", model.name)] = {
                method: _kserve_operation(operation) for method, operation in operations.items()
            }
    paths["/metrics"]["get"]["responses"]["200"] = {"description": "For Prometheus.", "content": {"text/plain": {}}}
    return {**document, "paths": paths | describe_predictions(model, max_rows)}


def describe_predictions(model: ServedModel, max_rows: int) -> dict[str, Any]:
    """Returns the paths of V1 and V2 predictions.

    Args:
        model: `ServedModel`.
        max_rows: int. The most rows of a request.
    """
    return {
        f"/v1/models/{model.name}:predict": {
            "post": _operation("V1", "Predicts rows or columns.", _v1_request(model, max_rows), _v1_response(model))
        },
        f"/v2/models/{model.name}/infer": {
            "post": _operation("V2", "Predicts tensors.", _v2_request(model, max_rows), _v2_response(model))
        },
    }


def _kserve_operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [one for one in operation.get("parameters", ()) if one["name"] != "model_name"]
    responses = {status: content for status, content in operation["responses"].items() if status != "422"}
    return {**operation, "parameters": parameters, "responses": responses | _responses("401", "404", "503")}


def _responses(*statuses: str) -> dict[str, Any]:
    return {
        status: {"description": _ERRORS[status], "content": {"application/json": {"schema": _ERROR_SCHEMA}}}
        for status in statuses
    }


def _operation(tag: str, summary: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tags": [tag],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "The prediction.", "content": {"application/json": {"schema": response}}},
            **_responses(*_ERRORS),
        },
    }


def _v1_request(model: ServedModel, max_rows: int) -> dict[str, Any]:
    fields = {feature.name: _value(feature) for feature in model.features}
    required = [feature.name for feature in model.features if not feature.optional]
    row = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    columns = {name: _list(value, max_rows) for name, value in fields.items()}
    table = {"type": "object", "properties": columns, "required": required, "additionalProperties": False}
    signature = {"signature_name": {"const": SIGNATURE}}
    return {
        "oneOf": [
            {
                "type": "object",
                "required": [key],
                "properties": {key: content, **signature},
                "additionalProperties": False,
            }
            for key, content in (("instances", _list(row, max_rows)), ("inputs", table))
        ]
    }


def _v1_response(model: ServedModel) -> dict[str, Any]:
    values = {output.name: _output(output) for output in model.outputs}
    if len(values) == 1:
        (row,) = values.values()
        columns: dict[str, Any] = {"type": "array", "items": row}
    else:
        row = {"type": "object", "properties": values, "required": list(values)}
        lists = {name: {"type": "array", "items": value} for name, value in values.items()}
        columns = {"type": "object", "properties": lists, "required": list(values)}
    return {
        "oneOf": [
            {"type": "object", "required": [key], "properties": {key: content}}
            for key, content in (("predictions", {"type": "array", "items": row}), ("outputs", columns))
        ]
    }


def _v2_request(model: ServedModel, max_rows: int) -> dict[str, Any]:
    tensors = [
        {
            "type": "object",
            "required": ["name", "shape", "datatype", "data"],
            "properties": {
                "name": {"const": feature.name},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
                "datatype": {"const": DATATYPES[feature.dtype]},
                "data": _list(_item(feature), max_rows * (feature.steps or 1)),
            },
        }
        for feature in model.features
    ]
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": {"oneOf": tensors}, "minItems": 1},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"enum": [output.name for output in model.outputs]}},
                },
            },
        },
    }


def _v2_response(model: ServedModel) -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {"name": {"enum": [output.name for output in model.outputs]}},
    }
    return {
        "type": "object",
        "required": ["model_name", "model_version", "id", "outputs"],
        "properties": {"outputs": {"type": "array", "items": tensor}},
    }


def _value(feature: Feature) -> dict[str, Any]:
    value = _item(feature)
    if feature.steps is not None:
        kind = ["array", "null"] if feature.optional else "array"
        value = {"type": kind, "items": value, "minItems": feature.min_steps, "maxItems": feature.steps}
    if feature.original_name != feature.name:
        value["description"] = f"Also accepted as {feature.original_name.strip()!r}."
    return value


def _item(feature: Feature) -> dict[str, Any]:
    """Returns a single value of a feature: the feature's own, or one of a sequence."""
    item: dict[str, Any] = dict(_TYPES[feature.dtype])
    if feature.may_hold_null:
        item["type"] = [item["type"], "null"]
    return item


def _list(items: Mapping[str, Any], max_rows: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": max_rows}


def _output(output: Output) -> dict[str, Any]:
    value: dict[str, Any] = {"type": _TYPES[output.dtype]["type"]}
    for _ in output.shape[1:]:
        value = {"type": "array", "items": value}
    return value
