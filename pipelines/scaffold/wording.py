"""Sentences about data: in English wherever they stand, and in Spanish on the page.

A sentence is a string in English that keeps its template and values, so that `in_spanish` can write it anew. The
templates in English are the keys of `assets/findings.es.json`.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SPANISH = Path(__file__).parent / "assets" / "findings.es.json"


class Finding(str):
    """A sentence in English that knows how it was made."""

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, Any]


def say(template: str, **values: Any) -> Finding:
    """Returns a sentence.

    Args:
        template: string. In English, as `str.format` takes it.
        values: what stands in its braces; those that are findings are written in Spanish with it.
    """
    finding = Finding(template.format(**values))
    finding.template, finding.values = template, values
    return finding


def in_spanish(text: str) -> str:
    """Returns a finding in Spanish; another text as it is."""
    if not isinstance(text, Finding):
        return text
    values = {name: in_spanish(value) if isinstance(value, str) else value for name, value in text.values.items()}
    return load_spanish()[text.template].format(**values)


@functools.cache
def load_spanish() -> dict[str, str]:
    """Returns the templates in Spanish by those in English."""
    templates: dict[str, str] = json.loads(_SPANISH.read_text(encoding="utf-8"))
    return templates
