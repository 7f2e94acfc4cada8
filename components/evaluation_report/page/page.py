"""The evaluation page: one HTML file that needs no network, no storage and no rights of its frame.

Jinja2 writes every number and every plot, so that the page reads and prints without scripts; the script of
`assets/page.js` adds tabs, sorting, choices, the threshold slider, the other language and the theme.
"""

import base64
import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...text import Language
from ..report import Note, Report
from . import numbers as page_numbers
from . import plots as page_plots
from .plots import PLOT
from .selection import Limits, Selection, rates_at, section_of, threshold_rows
from .texts import ASSETS, Texts

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
    texts = Texts(language or "en", titles=titles)
    selection = Selection(report, limits)
    script = asset("common.js") + asset("page.js")
    sections = SECTIONS[report.problem] + COMMON_SECTIONS
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
        "style": asset("page.css"),
        "script": script,
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
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
    return {
        name: value if isinstance(value, str) else page_numbers.format_number(value, 4)
        for name, value in note.values.items()
    }


def _breakable(name: str) -> Markup:
    """Returns a name that may go on in the next line behind each `_`."""
    return Markup("_<wbr>").join(name.split("_"))


@functools.cache
def environment() -> jinja2.Environment:
    """Returns the environment of the templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= {
        "number": page_numbers.format_number,
        "percent": page_numbers.format_percent,
        "interval": page_numbers.format_interval,
        "breakable": _breakable,
    }
    environment.globals |= {
        "Scale": page_plots.Scale,
        "scale_of": page_plots.scale_of,
        "padded_scale": page_plots.padded_scale,
        "line": page_plots.line,
        "band": page_plots.band,
        "thin": page_plots.thin,
        "note_values": _note_values,
        "is_number": page_numbers.is_number,
        "rates_at": rates_at,
        "threshold_rows": threshold_rows,
        "PLOT": PLOT,
        "zip": zip,
    }
    return environment


@functools.cache
def asset(name: str) -> str:
    """Returns the text of a file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")
