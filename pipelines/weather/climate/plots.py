"""Pictures of a climate as SVG: warming stripes, climatogram, a series with its trend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from ....components.evaluation_report.section import localized
from ....components.text import Text
from ....components.web_page.plots import PLOT, Scale, band, line, scale_of, thin
from .document import TrendLine, Values, VariableClimate

# The eight strongest of ColorBrewer's Blues and Reds, as of Hawkins' warming stripes (showyourstripes.info).
_BLUES = ("#08306b", "#08519c", "#2171b5", "#4292c6", "#6baed6", "#9ecae1", "#c6dbef", "#deebf7")
_REDS = ("#fee0d2", "#fcbba1", "#fc9272", "#fb6a4a", "#ef3b2c", "#cb181d", "#a50f15", "#67000d")
_COLORS = (*_BLUES, *_REDS)
_MONTHS = Text(en="J F M A M J J A S O N D", es="E F M A M J J A S O N D")
_DEVIATIONS = 2.6
"""The stripes' darkest colours stand so many standard deviations of the years from the normal."""


def stripes(years: Sequence[int], anomalies: Values, title: Text) -> Markup:
    """Returns a stripe a year, blue below the normal and red above it; a year without a value is left blank."""
    known = [value for value in anomalies if value is not None]
    limit = _DEVIATIONS * (float(np.std(known)) if known else 0) or 1.0
    width = 340 / len(years)
    parts = []
    for place, (year, value) in enumerate(zip(years, anomalies, strict=True)):
        if value is None:
            continue
        color = _COLORS[min(max(int((value / limit + 1) * len(_COLORS) / 2), 0), len(_COLORS) - 1)]
        parts.append(
            Markup(
                '<rect x="{:.2f}" y="0" width="{:.2f}" height="80" fill="{}"><title>{}: {:+.2f} °C</title></rect>'
            ).format(10 + place * width, width + 0.3, color, year, value)
        )
    parts += [
        Markup('<text class="x" x="{:.1f}" y="95">{}</text>').format(10 + (years.index(year) + 0.5) * width, year)
        for year in thin(years, 6)
    ]
    return _figure(title, Markup().join(parts), 100)


def climatogram(temperature: VariableClimate | None, rain: VariableClimate | None, title: Text) -> Markup:
    """Returns the months' normals: rain as bars, temperature as a line, each with an axis of its own."""
    x = Scale(0.5, 12.5, PLOT.left, PLOT.right - 30)
    right = PLOT.right - 25
    parts = []
    if rain is not None and rain.normals is not None:
        y = scale_of(rain.normals.months, PLOT.bottom, PLOT.top, include=[0])
        parts += [
            Markup('<path class="band" d="M{},{}V{}H{}V{}Z"/>').format(
                x(month - 0.35), PLOT.bottom, y(value), x(month + 0.35), PLOT.bottom
            )
            for month, value in enumerate(rain.normals.months, 1)
            if value is not None
        ]
        parts += [
            Markup('<text class="n" x="{}" y="{}">{}</text>').format(right, y(value) + 4, label)
            for value, label in y.ticks()
        ]
        parts.append(Markup('<text class="n" x="{}" y="12">mm</text>').format(right))
    if temperature is not None and temperature.normals is not None:
        months = temperature.normals.months
        y = scale_of(months, PLOT.bottom, PLOT.top)
        parts += _grid(y, PLOT.right - 30)
        parts.append(Markup('<path class="curve s2" d="{}"/>').format(line(range(1, 13), months, x, y)))
        parts.append(Markup('<text class="n y" x="{}" y="12">°C</text>').format(PLOT.left))
    parts += [
        Markup('<text class="x" x="{}" y="{}"{}>{}</text>').format(
            x(month), PLOT.bottom + 15, Markup(' data-en="{}" data-es="{}"').format(english, spanish), english
        )
        for month, (english, spanish) in enumerate(zip(_MONTHS.en.split(), _MONTHS.es.split(), strict=True), 1)
    ]
    return _figure(title, Markup().join(parts), 232)


def trend_plot(years: Sequence[int], values: Values, trend: TrendLine | None, title: Text) -> Markup:
    """Returns the years' values, the trend's line and, as a band, the lines that its interval allows."""
    # The last year stands in the middle under its place.
    x = Scale(years[0], years[-1] if len(years) > 1 else years[0] + 1, PLOT.left, PLOT.right - 5)
    lines = {} if trend is None else _lines(years, trend)
    y = scale_of([*values, *(value for of in lines.values() for value in of)], PLOT.bottom, PLOT.top)
    parts = _grid(y, PLOT.right)
    if trend is not None:
        parts += [
            Markup('<path class="band" d="{}"/>').format(path)
            for path in band(years, lines["lower"], lines["upper"], x, y)
        ]
        is_certain = Markup("s2") if trend.is_certain else Markup("s3")
        parts.append(Markup('<path class="curve {}" d="{}"/>').format(is_certain, line(years, lines["best"], x, y)))
    parts.append(Markup('<path class="curve s1" d="{}"/>').format(line(years, values, x, y)))
    parts += _alone(years, values, x, y)
    parts += [
        Markup('<text class="x" x="{}" y="{}">{}</text>').format(x(year), PLOT.bottom + 15, year)
        for year in thin(years, 6)
    ]
    return _figure(title, Markup().join(parts), 232)


def _lines(years: Sequence[int], trend: TrendLine) -> dict[str, list[float | None]]:
    """Returns the trend's line in its years, and the ends of what its interval allows."""
    found: dict[str, list[float | None]] = {"best": [], "lower": [], "upper": []}
    for year in years:
        away = (year - trend.middle_year) / 10
        ends = sorted((trend.middle + trend.low * away, trend.middle + trend.high * away))
        is_inside = trend.first <= year <= trend.last
        for name, value in (("best", trend.middle + trend.per_decade * away), ("lower", ends[0]), ("upper", ends[1])):
            found[name].append(value if is_inside else None)
    return found


def _alone(years: Sequence[int], values: Values, x: Scale, y: Scale) -> list[Markup]:
    """Returns a mark for each year between two without a value, which no line joins."""
    padded = [None, *values, None]
    return [
        Markup('<path class="curve s1" d="M{},{}h2"/>').format(x(year) - 1, y(value))
        for before, year, value, after in zip(padded, years, values, padded[2:], strict=False)
        if value is not None and before is None and after is None
    ]


def _grid(y: Scale, right: float) -> list[Markup]:
    return [
        Markup('<g class="grid"><path d="M{},{}H{}"/></g><text class="n y" x="{}" y="{}">{}</text>').format(
            PLOT.left, y(value), right, PLOT.left - 5, y(value) + 4, label
        )
        for value, label in y.ticks()
    ]


def _figure(title: Text, content: Markup, height: int) -> Markup:
    return Markup('<figure><figcaption>{}</figcaption><svg role="img" viewBox="0 0 360 {}">{}{}</svg></figure>').format(
        localized(title, "b"), height, localized(title, "title"), content
    )
