"""The officials' page: one HTML file that needs no network, no storage and no rights of its frame.

    write_page(read_recommendation(path), Path("districts.geojson"), Path("recommendation.html"))

Jinja2 writes the actions, the plan and the first rows of the tables, which read without scripts; the scripts of
`assets/` draw the map, the ranking and the sheet of a community.
"""

import functools
import itertools
import re
import statistics
from pathlib import Path
from typing import Any

import jinja2
from jinja2.utils import htmlsafe_json_dumps

from ....files import write_atomically
from ...text import Language, Text
from ...web_page import templates
from ...web_page.texts import Texts, load_texts
from ..catalogue import ASSUMED
from ..document import Effects, Recommendation
from .live_data import is_shown, live_data, outcome_decimals, unit_of

ASSETS = Path(__file__).parent / "assets"
NUM_ROWS = 50
"""Rows of a table that can be read without scripts."""

_ASSUMED = re.compile(rf"^\s*({ASSUMED}|supuesto)\b[\s;:,.]*", re.IGNORECASE)

_SHARED_SCRIPTS = ("common.js", "tabs.js")
_SCRIPTS = (
    "communities.js",
    "paged_table.js",
    "map_shapes.js",
    "map_layers.js",
    "map_camera.js",
    "map_painter.js",
    "map.js",
    "ranking.js",
    "plan.js",
    "sheet.js",
    "start.js",
)


def write_page(document: Recommendation, polygons: Path | None, path: Path, language: Language | None = None) -> None:
    """Writes the page; a file that is there is replaced.

    Args:
        document: `Recommendation`.
        polygons: path of a GeoJSON file of the communities in longitude and latitude, or None. A property of its
            features holds the keys. Communities without a polygon are points where they have coordinates.
        path: path of the page.
        language: `"en"`, `"es"` or None. The language that the page starts with. Defaults to the reader's own.

    Raises:
        DataError: if the polygons are no GeoJSON, in other units than degrees, or of other communities.
        OSError: if the page cannot be written.
    """
    write_atomically(path, render_page(document, polygons, language))


def render_page(document: Recommendation, polygons: Path | None, language: Language | None = None) -> str:
    """Returns the page; see `write_page`."""
    data = live_data(document, polygons)
    texts = Texts(language or "en", _load_texts)
    script = "".join(map(templates.asset, _SHARED_SCRIPTS)) + "".join(
        templates.asset(name, ASSETS) for name in _SCRIPTS
    )
    views = [
        *(["map"] if data["map"] else []),
        "ranking",
        *(["actions"] if document.actions else []),
        *(["plan"] if document.plan else []),
        "sheet",
        "about",
    ]
    counter = itertools.count(1)
    context: dict[str, Any] = {
        "document": document,
        "t": texts,
        "views": views,
        "decimals": outcome_decimals(document),
        "has_observed": is_shown(document.columns.observed),
        "has_population": is_shown(document.columns.population),
        "num_without_place": _num_without_place(data["map"]),
        "by_rank": sorted(range(len(document.columns.key)), key=document.columns.rank.__getitem__)[:NUM_ROWS],
        "effect_summaries": [_summary(effects) for effects in document.effects],
        "plan_regions": _plan_regions(document),
        "num_doubted": _num_doubted(document),
        "num_rows": NUM_ROWS,
        "unit_of": unit_of,
        "cited_of": _cited,
        "next_id": lambda: f"i{next(counter)}",
        "start_language": language,
        "style": templates.asset("base.css") + templates.asset("page.css", ASSETS),
        "script_text": script,
        "script_hash": templates.script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps({"texts": texts.dictionary(), **data}, separators=(",", ":")),
    }
    return _environment().get_template("page.html").render(context)


def _load_texts(language: Language) -> dict[str, str]:
    return load_texts(language, ASSETS)


@functools.cache
def _environment() -> jinja2.Environment:
    return templates.environment(ASSETS)


def _num_without_place(map_data: dict[str, Any] | None) -> int:
    if map_data is None:
        return 0
    return sum(not rings and point is None for rings, point in zip(map_data["rings"], map_data["points"], strict=True))


def _num_doubted(document: Recommendation) -> int:
    """Returns how many choices of the plan rest on an effect that a test refuted."""
    if document.plan is None or not document.refutations:
        return 0
    doubted = [not all(test.passed for test in tests) for tests in document.refutations]
    return sum(doubted[choice.action] for choice in document.plan.choices)


def _cited(source: Text) -> Text:
    """Returns what a source cites, without the word that says that a number is assumed."""
    return Text(en=_ASSUMED.sub("", source.en), es=_ASSUMED.sub("", source.es))


def _summary(effects: Effects) -> dict[str, Any]:
    """Returns how many communities an action fits, and the least, the middle and the greatest of most effects there."""
    fitting = sorted(effect for effect, fits in zip(effects.effect, effects.fits, strict=True) if fits)
    beyond = sum(fits and away for fits, away in zip(effects.fits, effects.extrapolates, strict=True))
    if not fitting:
        return {"num": 0, "low": None, "median": None, "high": None, "beyond": 0}
    last = len(fitting) - 1
    return {
        "num": len(fitting),
        "low": fitting[round(0.1 * last)],
        "median": statistics.median(fitting),
        "high": fitting[round(0.9 * last)],
        "beyond": beyond,
    }


def _plan_regions(document: Recommendation) -> list[dict[str, Any]]:
    """Returns what the plan does in each region, the most expensive first; regions with a floor stand there anyway."""
    if document.plan is None:
        return []
    regions: dict[str, dict[str, Any]] = {
        name: {"name": name, "communities": set(), "people": 0.0, "cost": 0.0, "floor": floor}
        for name, floor in document.plan.floors.items()
    }
    columns = document.columns
    for choice in document.plan.choices:
        name = columns.region[choice.community]
        region = regions.setdefault(
            name, {"name": name, "communities": set(), "people": 0.0, "cost": 0.0, "floor": None}
        )
        if choice.community not in region["communities"]:
            region["people"] += columns.population[choice.community] or 0
        region["communities"].add(choice.community)
        region["cost"] += document.effects[choice.action].cost[choice.community]
    return sorted(regions.values(), key=lambda region: -region["cost"])
