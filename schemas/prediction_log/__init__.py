"""The schema of a record of the server's prediction log (a JSON line, a row of Parquet), and synthetic records."""

import json
from pathlib import Path
from typing import Any

__all__ = ["record_schema"]


def record_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a record."""
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "record.schema.json").read_text(encoding="utf-8"))
    return schema
