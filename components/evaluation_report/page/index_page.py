"""The index over runs: one HTML file, as the evaluation page is, which links to the pages of the runs."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2.utils import htmlsafe_json_dumps

from ...text import Language
from ...web_page import templates
from ...web_page import texts as page_texts
from ...web_page.numbers import format_number
from ...web_page.plots import Scale, line, scale_of
from ...web_page.templates import script_hash
from ...web_page.texts import Texts
from .index import IndexedRun
from .page import MAX_BYTES, asset, environment
from .texts import ASSETS, load_texts

MAX_HISTORY = 50
MAX_SLICES = 100
STRIP_WIDTH, STRIP_HEIGHT = 360, 110

_SAFETY = 0.95
"""What is left out goes by the mean size of a run; runs differ."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 352, 8, 100


def render_index(runs: Sequence[IndexedRun], language: Language | None = None) -> str:
    """Returns the index.

    Under `MAX_BYTES`: first the older runs lose the slices that a comparison of two runs shows, then the oldest are
    left out. The page says both.

    Args:
        runs: sequence of `IndexedRun`, the newest first.
        language: `"en"`, `"es"` or None. The language that the page starts with. Defaults to the reader's own, where
            scripts run, and English.
    """
    num_runs = len(runs)
    while _size(without := _render(runs, num_runs, 0, language)) >= MAX_BYTES and num_runs > 1:
        num_runs = int(num_runs * _SAFETY * MAX_BYTES / _size(without))
    page = _render(runs, num_runs, num_runs, language)
    if _size(page) >= MAX_BYTES:
        room = (MAX_BYTES - _size(without)) / (_size(page) - _size(without))
        page = _render(runs, num_runs, int(num_runs * _SAFETY * room), language)
    return page if _size(page) < MAX_BYTES else without


def _size(page: str) -> int:
    return len(page.encode())


@dataclasses.dataclass(frozen=True)
class Strip:
    """The history of a metric as a drawing.

    Args:
        metric: string.
        points: tuple of `(x, y, words)`, the oldest first.
        line: string. Path through them.
        bounds: tuple of paths: the lowest and the highest value with which a model was blessed.
        scale: `Scale` of the values.
        last: float. Value of the newest run.
        change: float or None. `last` less the value before it.
        reading: `"better"`, `"worse"` or nothing: what the change is.
    """

    metric: str
    points: tuple[tuple[float, float, str], ...]
    line: str
    bounds: tuple[str, ...]
    scale: Scale
    last: float
    change: float | None
    reading: str


@dataclasses.dataclass(frozen=True)
class History:
    """The blessed runs of a group.

    Args:
        run: `IndexedRun`. The newest.
        num_runs: int. How many there are; the strips show the last `MAX_HISTORY` of them.
        strips: tuple of `Strip`.
    """

    run: IndexedRun
    num_runs: int
    strips: tuple[Strip, ...]


def _render(runs: Sequence[IndexedRun], num_runs: int, num_with_slices: int, language: Language | None) -> str:
    texts = Texts(language or "en", _load_texts)
    shown = runs[:num_runs]
    script = templates.asset("common.js") + asset("index.js")
    metrics = list(dict.fromkeys(metric for run in shown for metric in run.metrics))
    counter = itertools.count(1)
    context: dict[str, Any] = {
        "t": texts,
        "runs": shown,
        "num_left_out": len(runs) - num_runs,
        "metrics": metrics,
        "pipelines": sorted({run.pipeline for run in shown}),
        "tasks": sorted({run.task for run in shown if run.task}),
        "states": list(dict.fromkeys(run.state for run in shown)),
        "histories": list(_histories(shown)),
        "next_id": lambda: f"i{next(counter)}",
        "start_language": language,
        "style": templates.asset("base.css") + asset("page.css") + asset("index.css"),
        "script_text": script,
        "script_hash": script_hash(script),
        "live_data": lambda: htmlsafe_json_dumps(
            {"texts": texts.dictionary(), **_compared(shown, metrics, num_with_slices)}, separators=(",", ":")
        ),
        "strip_size": (STRIP_WIDTH, STRIP_HEIGHT),
        "plot_left": _LEFT,
        "plot_right": _RIGHT,
        "max_history": MAX_HISTORY,
    }
    return environment().get_template("index.html").render(context)


@functools.cache
def _load_texts(language: Language) -> dict[str, str]:
    own = page_texts.load_texts(language, ASSETS, "index_texts")
    return {key: text for key, text in load_texts(language).items() if not key.startswith("js.")} | own


def _histories(runs: Sequence[IndexedRun]) -> Iterator[History]:
    groups: dict[str, list[IndexedRun]] = {}
    for run in runs:
        if run.state == "blessed" and run.metrics:
            groups.setdefault(run.group, []).append(run)
    for blessed in groups.values():
        kept = blessed[:MAX_HISTORY][::-1]
        metrics = dict.fromkeys(metric for run in reversed(kept) for metric in run.metrics)
        yield History(blessed[0], len(blessed), tuple(_strip(metric, kept) for metric in metrics))


def _strip(metric: str, runs: Sequence[IndexedRun]) -> Strip:
    values = [run.metrics.get(metric) for run in runs]
    bounds = [[run.bounds.get(metric, (None, None))[side] for run in runs] for side in (0, 1)]
    y = scale_of([*values, *bounds[0], *bounds[1]], _BOTTOM, _TOP)
    x = Scale(0, len(runs) - 1, _LEFT, _RIGHT) if len(runs) > 1 else Scale(-1, 1, _LEFT, _RIGHT)
    places = list(range(len(runs)))
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    change = known[-1][1] - known[-2][1] if len(known) > 1 else None
    is_better = change is not None and (change > 0) == (runs[-1].directions.get(metric, "up") == "up")
    return Strip(
        metric,
        points=tuple(
            (x(place), y(value), f"{runs[place].started or runs[place].run_id}: {format_number(value, 4)}")
            for place, value in known
        ),
        line=line(places, values, x, y),
        # From edge to edge: a bound that one run alone has needs a length to be seen.
        bounds=tuple(line([x.low, *places, x.high], [side[0], *side, side[-1]], x, y) for side in bounds),
        scale=y,
        last=known[-1][1],
        change=change,
        reading=("better" if is_better else "worse") if change else "",
    )


def _compared(runs: Sequence[IndexedRun], metrics: Sequence[str], num_with_slices: int) -> dict[str, Any]:
    """Returns what a comparison of two runs shows, in the order of the table; what runs share stands there once."""
    settings, layouts = _Numbered(), _Numbered()
    shared: dict[str, set[tuple[str, str]]] = {}
    for run in runs:
        own = set(run.facts.items())
        shared[run.group] = shared[run.group] & own if run.group in shared else own
    groups = list(shared)
    compared = []
    for place, run in enumerate(runs):
        one: dict[str, Any] = {
            "group": groups.index(run.group),
            "settings": [settings(pair) for pair in run.facts.items() if pair not in shared[run.group]],
            "values": _values(run.metrics, metrics, 6),
        }
        if place < num_with_slices and run.slices:
            kept = run.slices[:MAX_SLICES]
            one["layout"] = layouts(tuple((item.name, item.rows) for item in kept))
            one["slices"] = [value for item in kept for value in _values(item.metrics, metrics, 4)]
        compared.append(one)
    return {
        "runs": compared,
        "metrics": list(metrics),
        "directions": {metric: one for run in reversed(runs) for metric, one in run.directions.items()},
        "groups": [[settings(pair) for pair in sorted(shared[group])] for group in groups],
        "settings": list(settings.values),
        "layouts": list(layouts.values),
        "num_with_slices": min(num_with_slices, len(runs)),
    }


def _values(values: Mapping[str, float], metrics: Sequence[str], digits: int) -> list[float | None]:
    return [float(f"{values[metric]:.{digits}g}") if metric in values else None for metric in metrics]


class _Numbered:
    """Gives each value a number, the first 0."""

    def __init__(self) -> None:
        self.values: dict[Any, int] = {}

    def __call__(self, value: Any) -> int:
        return self.values.setdefault(value, len(self.values))
