"""Draws a dashboard of Grafana from the data of a Prometheus: each panel with its own queries, in its place.

    .venv/bin/python tests/benchmarks/dashboard.py manifests/components/monitoring/dashboards/yachay-streams.json
        --prometheus http://127.0.0.1:9090 --minutes 15 --set model=student-dropout --out streams.png

For the pictures of the docs: Grafana itself is not needed. Panels of kind `timeseries` and `stat` are known.
"""

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import requests

mpl.use("Agg")
import matplotlib.dates as dates
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

CELL_WIDTH, CELL_HEIGHT = 0.62, 0.36
NUM_COLUMNS = 24
NUM_POINTS = 240
RATE_INTERVAL = "1m"
COLORS = ("#73bf69", "#f2495c", "#5794f2", "#ff9830", "#b877d9", "#8ab8ff", "#fade2a", "#c4162a")
NAMED_COLORS = {"green": "#73bf69", "red": "#f2495c"}
UNITS = {"s": " s", "ms": " ms", "eps": "/s", "reqps": "/s", "short": "", "percentunit": " %"}


class Source:
    """Answers queries over a range of time.

    Args:
        url: string. Of Prometheus.
        minutes: float. How far back.
        variables: dict of the dashboard's variables to values.
    """

    def __init__(self, url: str, minutes: float, variables: dict[str, str]) -> None:
        self._url = url
        self.end = time.time()
        self.start = self.end - 60 * minutes
        self._variables = {"namespace": ".*", "__rate_interval": RATE_INTERVAL, **variables}

    def series(self, target: dict[str, Any]) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Returns name, times and values of each series of a query."""
        query = re.sub(r"\$(\w+)", lambda found: self._variables[found[1]], target["expr"])
        step = (self.end - self.start) / NUM_POINTS
        asked = {"query": query, "start": self.start, "end": self.end, "step": step}
        response = requests.get(f"{self._url}/api/v1/query_range", params=asked, timeout=30).json()
        if response["status"] != "success":
            raise SystemExit(f"{query}: {response['error']}")
        grid = self.start + step * np.arange(NUM_POINTS + 1)
        found = []
        for each in response["data"]["result"]:
            name = target["legendFormat"]
            for label, value in each["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            values = np.full(len(grid), np.nan)
            times, texts = zip(*each["values"], strict=True)
            values[np.rint((np.array(times) - self.start) / step).astype(int)] = np.array(texts, float)
            found.append((name, grid, values))
        return found


def draw(panel: dict[str, Any], axes: Any, source: Source) -> None:
    """Draws a panel."""
    defaults = panel["fieldConfig"]["defaults"]
    series = [each for target in panel["targets"] for each in source.series(target)]
    axes.set_title(panel["title"], loc="left", fontsize=9, fontweight="bold", color="#d8d9da")
    scale = 100 if defaults["unit"] == "percentunit" else 1
    is_stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
    fixed = {
        override["matcher"]["options"]: NAMED_COLORS[override["properties"][0]["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
    }
    base = np.zeros(NUM_POINTS + 1)
    for usual, (name, times, values) in zip(np.resize(COLORS, len(series)), series, strict=True):
        color = fixed.get(name, usual)
        days = times / 86400
        if is_stacked:
            top = base + np.nan_to_num(values)
            axes.fill_between(days, base, top, alpha=0.35, color=color, linewidth=0)
            axes.plot(days, np.where(np.isnan(values), np.nan, top), color=color, linewidth=1, label=name)
            base = top
        else:
            axes.plot(days, scale * values, color=color, linewidth=1.2, label=name)
    if not series:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color="#8e8e8e", fontsize=8)
    axes.set_xlim(source.start / 86400, source.end / 86400)
    axes.set_ylim(bottom=defaults.get("min"))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}{UNITS[defaults['unit']]}"))
    axes.tick_params(labelsize=7, colors="#8e8e8e", length=0)
    axes.grid(color="#2c3235", linewidth=0.6)
    axes.set_facecolor("#181b1f")
    for spine in axes.spines.values():
        spine.set_color("#2c3235")
    if series:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=5, fontsize=7, frameon=False,
                    labelcolor="#c7d0d9", handlelength=1, columnspacing=1)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dashboard", type=Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--set", action="append", default=[], metavar="VARIABLE=VALUE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    dashboard = json.loads(options.dashboard.read_text())
    source = Source(options.prometheus, options.minutes, dict(each.split("=", 1) for each in options.set))
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    num_rows = max(place["y"] + place["h"] for place in places)
    width, height = NUM_COLUMNS * CELL_WIDTH, num_rows * CELL_HEIGHT + 0.55
    figure = plt.figure(figsize=(width, height), facecolor="#111217")
    figure.text(0.012, 1 - 0.28 / height, dashboard["title"], color="#d8d9da", fontsize=12, fontweight="bold")
    for panel, place in zip(dashboard["panels"], places, strict=True):
        left, top = place["x"] * CELL_WIDTH + 0.62, height - 0.4 - place["y"] * CELL_HEIGHT
        size = (place["w"] * CELL_WIDTH - 0.75, place["h"] * CELL_HEIGHT - 0.85)
        box = (left / width, (top - 0.35 - size[1]) / height, size[0] / width, size[1] / height)
        draw(panel, figure.add_axes(box), source)
    figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
