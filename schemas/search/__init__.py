"""The schema of a search for hyperparameters (`search.json` of the Tuner), and a synthetic one."""

import json
from pathlib import Path
from typing import Any

__all__ = ["search_schema"]


def search_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a search."""
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "search.schema.json").read_text(encoding="utf-8"))
    return schema
