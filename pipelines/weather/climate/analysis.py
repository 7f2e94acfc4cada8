"""From the days of a station to its climate.

climate = analyse("Augusto Weberbauer", to_daily(series, network), network.places.get("Augusto Weberbauer"))
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from ....errors import DataError
from ..network import Place
from .daily import SUMS, to_monthly
from .document import Breaks, Extreme, IndexSeries, Normals, StationClimate, TrendLine, Values, VariableClimate
from .homogeneity import find_breaks
from .indices import INDICES, Base, compute_indices
from .normals import MIN_SHARE, SEASONS, STANDARD, find_normal, to_seasonal, to_yearly
from .trends import find_trend


def analyse(station: str, daily: pd.DataFrame, place: Place | None = None) -> StationClimate:
    """Returns the climate of a station.

    Args:
        station: string.
        daily: `pandas.DataFrame` as `daily.to_daily` returns it.
        place: `Place` or None. Where the station stands.

    Raises:
        DataError: if no day has a value.
    """
    known = daily.dropna(axis=1, how="all")
    if known.empty or not known.shape[1]:
        raise DataError(
            f"Expected days of the station {station!r} with values. Received: none of {len(daily)}. A day's mean needs "
            "20 of its 24 hours, its sum all."
        )
    monthly, base = to_monthly(known), _base(known)
    years = tuple(sorted(set(monthly.index.year)))
    return StationClimate(
        station=station,
        latitude_deg=place.latitude_deg if place else None,
        longitude_deg=place.longitude_deg if place else None,
        elevation_m=place.elevation_m if place else None,
        first_day=daily.index[0].date().isoformat(),
        last_day=daily.index[-1].date().isoformat(),
        years=years,
        base=(base.first, base.last),
        variables=tuple(_variable(known[name], monthly[name]) for name in known),
        indices=tuple(_index(name, values) for name, values in compute_indices(known, base).items()),
    )


def _base(daily: pd.DataFrame) -> Base:
    """Returns the years of the standard normal where the station has enough of them, else all of its years."""
    years = daily.index.year.unique()
    first, last = STANDARD
    in_standard = ((years >= first) & (years <= last)).sum()
    return Base(first, last) if in_standard >= MIN_SHARE * (last - first + 1) else Base(years[0], years[-1])


def _variable(daily: pd.Series, monthly: pd.Series) -> VariableClimate:
    yearly, normal = to_yearly(monthly), find_normal(monthly)
    months = _values(normal.months)
    year = float(normal.months.sum() if daily.name in SUMS else normal.months.mean())
    seasons = {name: _trend(to_seasonal(monthly, name)) for name in SEASONS}
    breaks = find_breaks(yearly.index.to_numpy(), yearly.to_numpy())
    return VariableClimate(
        name=str(daily.name),
        missing_days=int(daily.isna().sum()),
        normals=None
        if not any(value is not None for value in months)
        else Normals(
            first=normal.first, last=normal.last, is_standard=normal.is_standard, months=months,
            num_years=tuple(normal.num_years.tolist()), year=_value(year),
        ),
        years=_values(yearly),
        anomalies=_values(yearly - year),
        greatest=_extreme(daily, daily.idxmax()),
        least=_extreme(daily, daily.idxmin()),
        trend=_trend(yearly),
        seasons={name: trend for name, trend in seasons.items() if trend is not None},
        breaks=None if breaks is None else Breaks(**dataclasses.asdict(breaks), verdict=breaks.verdict),
    )  # fmt: skip


def _index(name: str, values: pd.Series) -> IndexSeries:
    index = INDICES[name]
    return IndexSeries(name=name, title=index.title, unit=index.unit, years=_values(values), trend=_trend(values))


def _trend(values: pd.Series) -> TrendLine | None:
    trend = find_trend(values.index.to_numpy(), values.to_numpy(np.float64))
    return None if trend is None else TrendLine(**dataclasses.asdict(trend), is_certain=trend.is_certain)


def _extreme(daily: pd.Series, day: pd.Timestamp) -> Extreme:
    return Extreme(value=float(daily[day]), date=day.date().isoformat())


def _values(values: Iterable[float]) -> Values:
    return tuple(map(_value, values))


def _value(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
