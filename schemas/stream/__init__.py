"""The JSON Schemas of streams: the envelope's settings, an event, a prediction and a dead letter."""

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["Document", "stream_schema"]

Document: TypeAlias = Literal["envelope", "event", "prediction", "dead_letter"]


def stream_schema(document: Document) -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a document, under the names that an envelope has by default."""
    path = Path(__file__).parent / f"{document}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
