"""What the page's scripts draw the map, the ranking and the sheets from: the document as short columns."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...text import Text
from ..document import Recommendation
from .shapes import projection_of, read_polygons, simplify

_STEPS = 2000
"""A column is rounded to about this many steps between its least and its greatest value."""


def live_data(document: Recommendation, polygons: Path | None) -> dict[str, Any]:
    """Returns the data, ready for JSON.

    Args:
        document: `Recommendation`.
        polygons: path of a GeoJSON file, or None.

    Raises:
        DataError: if the polygons do not fit, see `read_polygons`.
    """
    columns = document.columns
    decimals = outcome_decimals(document)
    regions = sorted(set(columns.region))
    place = {region: i for i, region in enumerate(regions)}
    features: dict[tuple[str, float], int] = {}
    drivers = [
        [
            part
            for driver in of_one
            for part in (
                features.setdefault((driver.feature, driver.typical), len(features)),
                _significant(driver.value),
                round(driver.effect, decimals + 1),
            )
        ]
        for of_one in document.drivers
    ]
    titles = {driver.feature: driver.title for of_one in document.drivers for driver in of_one}
    return {
        "decimals": decimals,
        "higherIsBetter": document.outcome.higher_is_better,
        "cut": document.outcome.cut,
        "outcome": both(document.outcome.title),
        "unit": both(document.outcome.unit),
        "level": document.level,
        "key": columns.key,
        "name": columns.name,
        "regions": regions,
        "region": [place[region] for region in columns.region],
        "population": [None if people is None else round(people) for people in columns.population],
        "observed": _rounded(columns.observed, decimals),
        "predicted": _rounded(columns.predicted, decimals),
        "lower": _rounded(columns.lower, decimals),
        "upper": _rounded(columns.upper, decimals),
        "rank": columns.rank,
        "rankLower": columns.rank_lower,
        "rankUpper": columns.rank_upper,
        "others": [{"title": both(one.title), "rank": one.rank} for one in document.other_ranks],
        "features": [[both(titles[name]), _significant(typical), unit_of(name)] for name, typical in features],
        "drivers": drivers,
        "actions": [
            {
                "title": both(action.title),
                "currency": action.currency,
                "zero": both(effects.zero_reason) if effects.zero_reason else None,
                "isDoubted": not all(test.passed for test in tests),
                "effect": _rounded(effects.effect, decimals + 1),
                "lower": _rounded(effects.lower, decimals + 1),
                "upper": _rounded(effects.upper, decimals + 1),
                "cost": [_significant(cost) for cost in effects.cost],
                "fits": "".join("01"[fits] for fits in effects.fits),
                "extrapolates": "".join("01"[beyond] for beyond in effects.extrapolates),
            }
            for action, effects, tests in zip(
                document.actions, document.effects, document.refutations or ((),) * len(document.actions), strict=True
            )
        ],
        "choices": [[choice.community, choice.action] for choice in document.plan.choices] if document.plan else None,
        "map": _map(document, polygons),
    }


def outcome_decimals(document: Recommendation) -> int:
    """Returns how many decimals tell values of the outcome apart."""
    columns = document.columns
    known = [value for value in (*columns.lower, *columns.upper, *columns.predicted) if math.isfinite(value)]
    span = max(known) - min(known) if known else 0
    return max(0, 3 - math.ceil(math.log10(span))) if span > 0 else 2


def both(text: Text) -> list[str]:
    """Returns a text in English and Spanish."""
    return [text.en or text.es, text.es or text.en]


def unit_of(feature: str) -> str:
    """Returns the unit of a feature, where its name says it as the library's names do: `%` of `piped_water_pct`."""
    return "%" if feature.endswith("_pct") else ""


def _map(document: Recommendation, path: Path | None) -> dict[str, Any] | None:
    columns = document.columns
    polygons = read_polygons(path, columns.key) if path else {}
    projection = projection_of(polygons.values(), columns.longitude, columns.latitude)
    if projection is None:
        return None
    shapes = simplify(polygons, projection)
    points = [
        None if longitude is None or latitude is None else [int(end) for end in projection(longitude, latitude)]
        for longitude, latitude in zip(columns.longitude, columns.latitude, strict=True)
    ]
    return {
        "width": projection.width,
        "height": projection.height,
        "arcs": shapes.arcs,
        "rings": [shapes.rings.get(key) for key in columns.key],
        "points": [None if key in shapes.rings else point for key, point in zip(columns.key, points, strict=True)],
    }


def _rounded(values: Iterable[float | None], decimals: int) -> list[float | None]:
    return [None if value is None else round(value, decimals) for value in values]


def _significant(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def is_shown(values: Sequence[float | None]) -> bool:
    """Returns whether a column holds any value."""
    return any(value is not None for value in values)
