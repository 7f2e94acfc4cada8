"""A station's climate as one page that needs no network."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps

from ....components.text import Language
from ....components.web_page import templates
from ....components.web_page.texts import Texts, load_texts
from .document import StationClimate
from .fragment import render_station

ASSETS = Path(__file__).parent / "assets"


def render_page(climate: StationClimate, language: Language | None = None) -> str:
    """Returns the page.

    Args:
        climate: `StationClimate`.
        language: `"en"`, `"es"` or None. The language that it starts with. Defaults to the reader's own.
    """
    texts = Texts(language or "en", functools.partial(load_texts, folder=ASSETS))
    script = templates.asset("common.js")
    context: dict[str, Any] = {
        "climate": climate,
        "t": texts,
        "fragment": render_station(climate),
        "start_language": language,
        "style": templates.asset("base.css"),
        "script_text": script,
        "script_hash": templates.script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps({"texts": texts.dictionary()}, separators=(",", ":")),
    }
    return _environment().get_template("page.html").render(context)


@functools.cache
def _environment() -> jinja2.Environment:
    return templates.environment(ASSETS)
