"""The evaluation page: one HTML file that needs no network, no storage and no rights of its frame.

Jinja2 writes every number and every plot, so that the page reads and prints without scripts; the script of
`assets/page.js` adds tabs, sorting, choices, the threshold slider, the other language and the theme.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...text import Language
from ...web_page import templates
from ...web_page.numbers import format_number
from ...web_page.plots import PLOT
from ...web_page.templates import script_hash
from ...web_page.texts import Texts
from ..report import Note, Report
from .selection import Limits, Selection, rates_at, section_of, threshold_rows
from .texts import ASSETS, load_texts

MAX_BYTES = 600_000

SECTIONS = {
    "classification": ("verdict", "slices", "fairness", "curves", "confusion", "threshold"),
    "regression": ("verdict", "slices", "errors"),
    "forecast": ("verdict", "slices", "errors"),
}
COMMON_SECTIONS = ("leaderboard", "data", "importance", "lineage", "card")


def render_page(
    report: Report, language: Language | None = None, fragments: Mapping[str, tuple[Markup, str]] | None = None
) -> str:
    """Returns the evaluation page.

    Long tables and plots are cut until the page is under `MAX_BYTES`; it shows where, and `report.json` holds the rest.

    Args:
        report: `Report`.
        language: `"en"`, `"es"` or None. The language that the page starts with. Defaults to the reader's own, where
            scripts run, and English.
        fragments: mapping of a section of the system's own to its HTML, and to why there is none. Defaults to none.
    """
    limits = Limits()
    while True:
        page = _render(report, limits, language, fragments or {})
        if len(page.encode()) < MAX_BYTES or limits.are_tightest:
            return page
        limits = limits.halved()


def _render(
    report: Report, limits: Limits, language: Language | None, fragments: Mapping[str, tuple[Markup, str]]
) -> str:
    titles = {f"metric.{name}": title for name, title in report.metric_titles.items()}
    titles |= {f"model.{name}": title for name, title in report.family_titles.items()}
    texts = Texts(language or "en", load_texts, titles)
    selection = Selection(report, limits)
    script = templates.asset("common.js") + templates.asset("tabs.js") + asset("page.js")
    common = COMMON_SECTIONS if report.trials is None else ("leaderboard", "trials", *COMMON_SECTIONS[1:])
    sections = SECTIONS[report.problem] + common
    counter = itertools.count(1)
    context: dict[str, Any] = {
        "report": report,
        "selection": selection,
        "limits": limits,
        "t": texts,
        "sections": sections,
        "fragments": fragments,
        "notes_of": lambda section: [note for note in report.notes if section_of(note, sections) == section],
        "next_id": lambda: f"i{next(counter)}",
        "start_language": language,
        "style": templates.asset("base.css") + asset("page.css"),
        "script_text": script,
        "script_hash": script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps(
            {
                "texts": texts.dictionary(),
                "points": {label: points.model_dump() for label, points in selection.thresholds.items()},
                "plot": dataclasses.asdict(PLOT),
            }
        ),
    }
    return environment().get_template("page.html").render(context)


def _note_values(note: Note) -> dict[str, str]:
    return {name: value if isinstance(value, str) else format_number(value, 4) for name, value in note.values.items()}


def _parameter(value: Any) -> str:
    """Returns the value of a hyperparameter as a configuration writes it, to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


@functools.cache
def environment() -> jinja2.Environment:
    """Returns the environment of the templates."""
    environment = templates.environment(ASSETS)
    environment.globals |= {
        "note_values": _note_values,
        "rates_at": rates_at,
        "threshold_rows": threshold_rows,
    }
    environment.filters["parameter"] = _parameter
    return environment


def asset(name: str) -> str:
    """Returns the text of a file of the page."""
    return templates.asset(name, ASSETS)
