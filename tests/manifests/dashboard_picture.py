"""Draws a dashboard of `manifests/components/monitoring` as a page, from a Prometheus, where no Grafana can be had.

    python tests/manifests/dashboard_picture.py DASHBOARD.json http://127.0.0.1:9090 page.html \
        --start 2026-11-01 --end 2026-11-22 --set model=student-dropout --set namespace=.*
    chromium --headless --no-sandbox --hide-scrollbars --window-size=1200,1150 --screenshot=page.png file://$PWD/page.html

Panels stand where the dashboard's JSON says, with its queries, legends, units, bounds and mappings; colours and fonts
are not Grafana's.
"""

import argparse
import datetime
import html
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

COLOURS = ("#2f6fb0", "#c8553d", "#3d8b5f", "#8a5ca8", "#b8860b", "#4a4a4a", "#1b9aaa", "#d1495b", "#7a9e3f", "#7f6d5f")
NUM_POINTS = 240
COLUMN, ROW = 48, 31
LEFT, RIGHT, TOP, BOTTOM, KEY_HEIGHT = 52, 12, 34, 22, 15
Series = tuple[str, list[tuple[float, float]]]


def read_panel(panel: Mapping[str, Any], url: str, start: float, end: float, values: Mapping[str, str]) -> list[Series]:
    """Returns the legend and the points of each series of a panel."""
    found = []
    step = max(int((end - start) / NUM_POINTS), 1)
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", f"{max(4 * step, 60)}s")
        for name, value in values.items():
            query = query.replace(f"${name}", value)
        asked = {"query": query, "start": str(start), "end": str(end), "step": str(step)}
        response = httpx.get(f"{url}/api/v1/query_range", params=asked, timeout=60)
        response.raise_for_status()
        for one in response.json()["data"]["result"]:
            points = [(float(time), float(value)) for time, value in one["values"] if value not in ("NaN", "+Inf")]
            legend = re.sub(r"{{\s*(\w+)\s*}}", lambda m, o=one: o["metric"].get(m[1], ""), target["legendFormat"])
            found.append((legend, points))
    return [series for series in found if series[1]]


def draw_panel(panel: Mapping[str, Any], series: list[Series], start: float, end: float) -> str:
    """Returns a panel as SVG."""
    place = panel["gridPos"]
    width, height = place["w"] * COLUMN - 8, place["h"] * ROW - 8
    parts = [
        f'<rect width="{width}" height="{height}" rx="4"/><text class="t" x="10" y="20">{_text(panel["title"])}</text>'
    ]
    if not series:
        parts.append(f'<text class="none" x="{width / 2}" y="{height / 2}">No data</text>')
    elif panel["type"] == "stat":
        parts.append(_stat(panel, series, width, height))
    else:
        parts.append(_lines(panel, series, start, end, width, height))
    position = f"left:{place['x'] * COLUMN + 8}px;top:{place['y'] * ROW + 52}px"
    return f'<svg style="{position}" width="{width}" height="{height}">{"".join(parts)}</svg>'


def draw(document: Mapping[str, Any], url: str, start: float, end: float, values: Mapping[str, str]) -> str:
    """Returns a dashboard as a page."""
    panels = [draw_panel(one, read_panel(one, url, start, end, values), start, end) for one in document["panels"]]
    chosen = ", ".join(f"{name} {value}" for name, value in values.items())
    return (
        '<!doctype html><meta charset="utf-8"><style>body{font:13px sans-serif;margin:0;background:#f1f3f5}'
        "h1{font-size:18px;margin:14px 12px}svg{position:absolute}rect{fill:#fff;stroke:#d5d9de}.t{font-weight:600}"
        ".a,.k{font-size:11px;fill:#555}.g{stroke:#e6e8eb}.l{fill:none;stroke-width:1.8}"
        ".none{fill:#888;text-anchor:middle}.stat{font-size:44px;font-weight:600;text-anchor:middle}</style>"
        f"<h1>{_text(document['title'])} <small style='font-weight:400;color:#555'>{_text(chosen)}</small></h1>"
        f"{''.join(panels)}"
    )


def _stat(panel: Mapping[str, Any], series: list[Series], width: float, height: float) -> str:
    value = series[0][1][-1][1]
    mappings = [one["options"] for one in panel["fieldConfig"]["defaults"].get("mappings", ())]
    mapped = next((options[f"{value:g}"] for options in mappings if f"{value:g}" in options), {})
    colour, text = mapped.get("color", "#222"), mapped.get("text", f"{value:g}")
    return f'<text class="stat" fill="{colour}" x="{width / 2}" y="{height / 2 + 18}">{_text(text)}</text>'


def _lines(
    panel: Mapping[str, Any], series: list[Series], start: float, end: float, width: float, height: float
) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    values = [value for _, points in series for _, value in points]
    low, high = defaults.get("min", min([*values, 0.0])), defaults.get("max", max(values))
    high = high if high > low else low + 1
    columns = max(int((width - LEFT) // 150), 1)
    bottom = height - BOTTOM - KEY_HEIGHT * (-(-len(series) // columns))

    def x(time: float) -> float:
        return LEFT + (time - start) / (end - start) * (width - LEFT - RIGHT)

    def y(value: float) -> float:
        return bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - TOP)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = low + share * (high - low)
        parts.append(f'<path class="g" d="M{LEFT},{y(value):.1f}H{width - RIGHT}"/>')
        parts.append(
            f'<text class="a" text-anchor="end" x="{LEFT - 5}" y="{y(value) + 4:.1f}">{_unit(value, defaults)}</text>'
        )
    for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end")):
        time = start + share * (end - start)
        moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
        text = f"{moment:%Y-%m-%d}" if end - start > 2 * 86_400 else f"{moment:%H:%M}"
        parts.append(f'<text class="a" text-anchor="{anchor}" x="{x(time):.1f}" y="{bottom + 15:.1f}">{text}</text>')
    for number, (legend, points) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        gap, path, last = 1.5 * max(int((end - start) / NUM_POINTS), 1), "", start
        for time, value in points:
            path += f"{'L' if path and time - last < gap else 'M'}{x(time):.1f},{y(value):.1f}"
            last = time
        parts.append(f'<path class="l" stroke="{colour}" d="{path}"/>')
        left, top = LEFT + number % columns * 150, bottom + BOTTOM + KEY_HEIGHT * (number // columns + 0.4)
        parts.append(f'<path class="l" stroke="{colour}" d="M{left},{top}h12"/>')
        parts.append(f'<text class="k" x="{left + 16}" y="{top + 4}">{_text(legend[:21])}</text>')
    return "".join(parts)


def _unit(value: float, defaults: Mapping[str, Any]) -> str:
    if defaults.get("unit") == "percentunit":
        return f"{100 * value:.3g} %"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _text(text: str) -> str:
    return html.escape(str(text))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dashboard", type=Path)
    parser.add_argument("prometheus")
    parser.add_argument("page", type=Path)
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="values")
    chosen = parser.parse_args(arguments)
    start, end = (
        datetime.datetime.fromisoformat(time).replace(tzinfo=datetime.UTC).timestamp()
        for time in (chosen.start, chosen.end)
    )
    document = json.loads(chosen.dashboard.read_text(encoding="utf-8"))
    values = dict(pair.split("=", 1) for pair in chosen.values)
    chosen.page.write_text(draw(document, chosen.prometheus, start, end, values), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
