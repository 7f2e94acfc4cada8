"""The monitor's page: one HTML file that needs no network, no storage and no rights of its frame.

Jinja2 writes every number and every plot, so that the page reads and prints without scripts; these add tabs, sorting,
the other language and the theme.
"""

import itertools
from pathlib import Path
from typing import Any

from jinja2.utils import htmlsafe_json_dumps

from ...text import Language
from ...web_page import templates
from ...web_page.texts import Texts, load_texts
from ..result import Comparison, MonitorResult, Performance, WindowResult
from .timelines import HEIGHT, WIDTH, Timeline, of_comparisons, of_performance, short

ASSETS = Path(__file__).parent / "assets"
SECTIONS = ("decision", "features", "predictions", "performance", "groups", "quality", "method")
MAX_WINDOWS = 60
MAX_FIGURES = 12
MAX_BARS = 12
_START_TABS = "makeTabs();\n"


def render_page(result: MonitorResult, title: str = "", language: Language | None = None) -> str:
    """Returns the page.

    The timelines show the last `MAX_WINDOWS` windows of the newest version and the features that moved farthest; the
    page shows where something is left out, and `monitor.json` holds it.

    Args:
        result: `MonitorResult`.
        title: string. The pipeline and its task.
        language: `"en"`, `"es"` or None. The language that the page starts with. Defaults to the reader's own, where
            scripts run, and English.
    """
    texts = Texts(language or "en", lambda one: load_texts(one, ASSETS))
    script = templates.asset("common.js") + templates.asset("tabs.js") + _START_TABS
    windows = [window for window in result.windows if window.is_current][-MAX_WINDOWS:]
    counter = itertools.count(1)
    context: dict[str, Any] = {
        "result": result,
        "title": title,
        "t": texts,
        "sections": SECTIONS,
        "windows": windows,
        "num_windows": sum(window.is_current for window in result.windows),
        "shown": result.features[:MAX_FIGURES],
        "feature_timeline": lambda one: _feature_timeline(windows, one, result),
        "prediction_timeline": lambda one: _prediction_timeline(windows, one, result),
        "performance_timelines": _performance(windows),
        "bars": _bars,
        "short": short,
        "size": (WIDTH, HEIGHT),
        "next_id": lambda: f"i{next(counter)}",
        "start_language": language,
        "style": templates.asset("base.css") + templates.asset("monitor.css", ASSETS),
        "script_text": script,
        "script_hash": templates.script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps({"texts": texts.dictionary()}, separators=(",", ":")),
    }
    return templates.environment(ASSETS).get_template("monitor.html").render(context)


def _feature_timeline(windows: list[WindowResult], feature: Comparison, result: MonitorResult) -> Timeline:
    found = [next((one for one in window.features if one.name == feature.name), None) for window in windows]
    return of_comparisons(windows, found, result.settings.min_distance)


def _prediction_timeline(windows: list[WindowResult], output: Comparison, result: MonitorResult) -> Timeline:
    found = [next((one for one in window.predictions if one.name == output.name), None) for window in windows]
    return of_comparisons(windows, found, result.settings.min_distance)


def _performance(windows: list[WindowResult]) -> list[tuple[str, str, Timeline]]:
    """Returns the kind, metric and timeline of what was measured and estimated, a metric's beside each other."""
    names = dict.fromkeys(name for window in windows for name in (*window.estimated, *window.measured))
    found = []
    for name in names:
        for kind in ("measured", "estimated"):
            values: list[Performance | None] = [getattr(window, kind).get(name) for window in windows]
            if any(value is not None for value in values):
                found.append((kind, name, of_performance(windows, values)))
    return found


def _bars(one: Comparison) -> tuple[list[tuple[str, float, float]], int]:
    """Returns the bins to draw, as name and both shares, and how many are left out; numbers in their order."""
    bins = [(each.name, each.expected, each.found) for each in one.bins]
    if len(bins) <= MAX_BARS:
        return bins, 0
    kept = {name for name, *_ in sorted(bins, key=lambda each: -abs(each[1] - each[2]))[:MAX_BARS]}
    return [each for each in bins if each[0] in kept], len(bins) - MAX_BARS
