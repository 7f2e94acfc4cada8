"""Yearly indices of extremes, those that a station's variables allow.

    values = compute_indices(daily, Base(1991, 2020))["RX1DAY"]

Definitions, thresholds and rules for missing days are those of the Expert Team on Climate Change Detection and Indices
(Zhang et al. 2011, doi:10.1002/wcc.147), for mean temperature those of ECA&D. A year with more than 15 missing days, or
a month of it with more than 3, has no value. Percentiles are of a base period: of the five days around each day of the
year, and within the base each year is judged by the others (Zhang et al. 2005, doi:10.1175/JCLI3366.1).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....components.text import Text
from .daily import run_lengths

WET_DAY_MM = 1.0
MAX_MISSING_OF_YEAR, MAX_MISSING_OF_MONTH = 15, 3
MIN_BASE_YEARS = 10
SPELL_DAYS = 6

_MEAN, _LEAST, _GREATEST, _RAIN = "temperature_c", "temperature_min_c", "temperature_max_c", "rain_mm"
_RANGE = "temperature_range_c"
_WINDOW = 5

Days = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Base:
    """The years that percentiles are taken from.

    Args:
        first: int.
        last: int.
    """

    first: int
    last: int


class Station:
    """The days of a station, in whole years.

    Args:
        daily: `pandas.DataFrame` as `daily.to_daily` returns it.
        base: `Base`.
    """

    def __init__(self, daily: pd.DataFrame, base: Base) -> None:
        first, last = daily.index[0].year, daily.index[-1].year
        self.days = daily.reindex(pd.date_range(f"{first}-01-01", f"{last}-12-31", freq="D"))
        if {_LEAST, _GREATEST} <= set(self.days):
            self.days[_RANGE] = self.days[_GREATEST] - self.days[_LEAST]
        self.base = base
        self.exceedances = functools.cache(self._exceedances)

    def has_base(self, variable: str) -> bool:
        """Returns whether enough years of the base have values of a variable."""
        is_whole = _whole_years(self.days[variable])
        return int(is_whole[(is_whole.index >= self.base.first) & (is_whole.index <= self.base.last)].sum()) >= (
            MIN_BASE_YEARS
        )

    def _exceedances(self, variable: str) -> tuple[pd.Series, pd.Series]:
        return _exceedances(self.days[variable], self.base)


@dataclasses.dataclass(frozen=True)
class Index:
    """An index.

    Args:
        name: string. As ETCCDI or ECA&D call it.
        title: `Text`.
        unit: `Text`.
        variable: string. What it is of.
        compute: function of the days of the variable, `pandas.Series`, and the `Station` that returns values by year.
        needs_base: bool. Whether it has percentiles of the base. Defaults to False.
    """

    name: str
    title: Text
    unit: Text
    variable: str
    compute: Callable[[pd.Series, Station], pd.Series]
    needs_base: bool = False


def compute_indices(daily: pd.DataFrame, base: Base) -> dict[str, pd.Series]:
    """Returns the values of each index that a station's variables allow, by year, NaN where a year has none.

    Args:
        daily: `pandas.DataFrame` as `daily.to_daily` returns it.
        base: `Base`. Indices of percentiles are there where it has values of `MIN_BASE_YEARS` years.
    """
    station, found = Station(daily, base), {}
    for name, index in INDICES.items():
        if index.variable in station.days and (not index.needs_base or station.has_base(index.variable)):
            days = station.days[index.variable]
            found[name] = index.compute(days, station).where(_whole_years(days))
    return found


def _whole_years(days: pd.Series) -> pd.Series:
    is_missing = days.isna()
    of_months = is_missing.groupby([days.index.year, days.index.month]).sum().groupby(level=0).max()
    return (_by_year(is_missing).sum() <= MAX_MISSING_OF_YEAR) & (of_months <= MAX_MISSING_OF_MONTH)


def _by_year(days: pd.Series):  # type: ignore[no-untyped-def]
    return days.groupby(days.index.year)


def _share(days: pd.Series, is_so: pd.Series) -> pd.Series:
    """Returns the percentage of the days that are there."""
    return 100 * _by_year(is_so).sum() / _by_year(days).count()


def _count(test: Callable[[pd.Series], pd.Series]) -> Callable[[pd.Series, Station], pd.Series]:
    return lambda days, _: _by_year(test(days)).sum().astype(np.float64)


def _longest(test: Callable[[pd.Series], pd.Series]) -> Callable[[pd.Series, Station], pd.Series]:
    """Returns an index of the longest spell that ends in a year; a year that lies within one has none.

    What is missing ends a spell.
    """

    def compute(days: pd.Series, _: Station) -> pd.Series:
        is_so = test(days)
        lengths = pd.Series(run_lengths(is_so.to_numpy()), days.index)
        goes_on = is_so & is_so.shift(-1, fill_value=False)
        ended = lengths.mask(goes_on, 0)
        longest = _by_year(ended).max().astype(np.float64)
        return longest.mask((longest == 0) & _by_year(is_so).all())

    return compute


def _wet(days: pd.Series) -> pd.Series:
    return days.where(days >= WET_DAY_MM)


def _five_days(days: pd.Series, _: Station) -> pd.Series:
    # A sum counts in the year in which it ends, and only if all five days are there.
    return _by_year(days.rolling(_WINDOW).sum()).max()


def _intensity(days: pd.Series, _: Station) -> pd.Series:
    return _by_year(_wet(days)).mean()


def _above_percentile(percentile: float) -> Callable[[pd.Series, Station], pd.Series]:
    def compute(days: pd.Series, station: Station) -> pd.Series:
        base = station.base
        wet = _wet(days)
        of_base = wet[(wet.index.year >= base.first) & (wet.index.year <= base.last)].dropna()
        threshold = np.quantile(of_base, percentile, method="median_unbiased") if len(of_base) else np.inf
        return _by_year(wet.where(wet > threshold)).sum()

    return compute


def _spells(is_above: bool) -> Callable[[pd.Series, Station], pd.Series]:
    """Returns an index of the days in spells of at least six beyond a percentile; they count where they end."""

    def compute(days: pd.Series, station: Station) -> pd.Series:
        lower, upper = _thresholds(_base_windows(days, station.base))
        place = _day_of_year(days.index)
        is_so = days > upper[place] if is_above else days < lower[place]
        lengths = pd.Series(run_lengths(is_so.to_numpy()), days.index)
        ended = lengths.mask(is_so & is_so.shift(-1, fill_value=False), 0)
        return _by_year(ended.where(ended >= SPELL_DAYS, 0)).sum().astype(np.float64)

    return compute


def _exceedances(days: pd.Series, base: Base) -> tuple[pd.Series, pd.Series]:
    """Returns the percentage of days below the 10th and above the 90th percentile."""
    windows = _base_windows(days, base)
    lower, upper = _thresholds(windows)
    place = _day_of_year(days.index)
    below, above = _share(days, days < lower[place]), _share(days, days > upper[place])
    in_base = [year for year in range(base.first, base.last + 1) if year in below.index]
    known = [year for year in in_base if np.isfinite(windows[year - base.first]).any()]
    for year in known:
        of_year = days[days.index.year == year]
        place = _day_of_year(of_year.index)
        others = [other for other in known if other != year]
        rest = windows[[other - base.first for other in others]]
        values, counts = of_year.to_numpy(), max(1, int(of_year.notna().sum()))
        shares = np.zeros(2)
        for other in range(len(others)):
            # The year is left out and another stands in for it: as many as outside the base.
            lower, upper = _thresholds(np.concatenate([rest, rest[other : other + 1]]))
            shares += [(values < lower[place]).sum(), (values > upper[place]).sum()]
        if others:
            below[year], above[year] = 100 * shares / len(others) / counts
    return below, above


def _base_windows(days: pd.Series, base: Base) -> NDArray[np.float64]:
    """Returns the values around each day of the year, `(years of the base, 365, 5)`; a leap day is in none."""
    of_base = days[(days.index.year >= base.first) & (days.index.year <= base.last)]
    every = of_base.reindex(pd.date_range(f"{base.first}-01-01", f"{base.last}-12-31", freq="D"))
    flat = every[~((every.index.month == 2) & (every.index.day == 29))].to_numpy()
    half = _WINDOW // 2
    padded = np.concatenate([np.full(half, np.nan), flat, np.full(half, np.nan)])
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW).reshape(-1, 365, _WINDOW)


def _thresholds(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the 10th and the 90th percentile of each day of the year, `(2, 365)`, medians unbiased."""
    values = np.sort(windows.transpose(1, 0, 2).reshape(365, -1), axis=1)
    counts = np.isfinite(values).sum(axis=1)
    thresholds = []
    for share in (0.1, 0.9):
        place = np.clip((counts + 1 / 3) * share + 1 / 3 - 1, 0, np.maximum(counts - 1, 0))
        lower = np.floor(place).astype(np.int64)
        upper = np.minimum(lower + 1, np.maximum(counts - 1, 0))
        low, high = (values[np.arange(365), at] for at in (lower, upper))
        thresholds.append(low + (place - lower) * (high - low))
    return np.stack(thresholds)


def _day_of_year(dates: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Returns the place of each date in a year of 365 days; a leap day has that of the day before."""
    place = dates.dayofyear.to_numpy() - 1
    is_leap = dates.is_leap_year
    found: NDArray[np.int64] = place - (is_leap & (place >= 59))
    return found


_DAYS, _MM = Text(en="days", es="días"), Text(en="mm", es="mm")
_C, _PERCENT = Text(en="°C", es="°C"), Text(en="% of days", es="% de los días")
_INDICES = [
    Index(
        "PRCPTOT",
        Text(en="Rain on wet days in the year", es="Lluvia anual en días húmedos"),
        _MM,
        _RAIN,
        lambda days, _: _by_year(_wet(days)).sum(),
    ),
    Index("RX1DAY", Text(en="Wettest day", es="Día más lluvioso"), _MM, _RAIN, lambda days, _: _by_year(days).max()),
    Index(
        "RX5DAY", Text(en="Wettest five days in a row", es="Cinco días seguidos más lluviosos"), _MM, _RAIN, _five_days
    ),
    Index("SDII", Text(en="Rain per wet day", es="Lluvia por día húmedo"), _MM, _RAIN, _intensity),
    Index(
        "R1mm",
        Text(en="Wet days (at least 1 mm)", es="Días húmedos (al menos 1 mm)"),
        _DAYS,
        _RAIN,
        _count(lambda days: days >= WET_DAY_MM),
    ),
    Index(
        "R10mm",
        Text(en="Days with at least 10 mm", es="Días con al menos 10 mm"),
        _DAYS,
        _RAIN,
        _count(lambda days: days >= 10),
    ),
    Index(
        "R20mm",
        Text(en="Days with at least 20 mm", es="Días con al menos 20 mm"),
        _DAYS,
        _RAIN,
        _count(lambda days: days >= 20),
    ),
    Index(
        "R95p",
        Text(
            en="Rain of very wet days (above the 95th percentile)",
            es="Lluvia de días muy húmedos (sobre el percentil 95)",
        ),
        _MM,
        _RAIN,
        _above_percentile(0.95),
        needs_base=True,
    ),
    Index(
        "R99p",
        Text(
            en="Rain of extremely wet days (above the 99th percentile)",
            es="Lluvia de días extremadamente húmedos (sobre el percentil 99)",
        ),
        _MM,
        _RAIN,
        _above_percentile(0.99),
        needs_base=True,
    ),
    Index(
        "CDD",
        Text(en="Longest dry spell", es="Racha seca más larga"),
        _DAYS,
        _RAIN,
        _longest(lambda days: days < WET_DAY_MM),
    ),
    Index(
        "CWD",
        Text(en="Longest wet spell", es="Racha húmeda más larga"),
        _DAYS,
        _RAIN,
        _longest(lambda days: days >= WET_DAY_MM),
    ),
    Index(
        "TXx",
        Text(en="Hottest day (greatest maximum)", es="Máxima más alta"),
        _C,
        _GREATEST,
        lambda days, _: _by_year(days).max(),
    ),
    Index(
        "TXn",
        Text(en="Coolest day (least maximum)", es="Máxima más baja"),
        _C,
        _GREATEST,
        lambda days, _: _by_year(days).min(),
    ),
    Index(
        "TNx",
        Text(en="Warmest night (greatest minimum)", es="Mínima más alta"),
        _C,
        _LEAST,
        lambda days, _: _by_year(days).max(),
    ),
    Index(
        "TNn",
        Text(en="Coldest night (least minimum)", es="Mínima más baja"),
        _C,
        _LEAST,
        lambda days, _: _by_year(days).min(),
    ),
    Index(
        "SU",
        Text(en="Summer days (maximum above 25 °C)", es="Días de verano (máxima sobre 25 °C)"),
        _DAYS,
        _GREATEST,
        _count(lambda days: days > 25),
    ),
    Index(
        "ID",
        Text(en="Icing days (maximum below 0 °C)", es="Días de hielo (máxima bajo 0 °C)"),
        _DAYS,
        _GREATEST,
        _count(lambda days: days < 0),
    ),
    Index(
        "TR",
        Text(en="Tropical nights (minimum above 20 °C)", es="Noches tropicales (mínima sobre 20 °C)"),
        _DAYS,
        _LEAST,
        _count(lambda days: days > 20),
    ),
    Index(
        "FD",
        Text(en="Frost days (minimum below 0 °C)", es="Días de helada (mínima bajo 0 °C)"),
        _DAYS,
        _LEAST,
        _count(lambda days: days < 0),
    ),
    Index(
        "DTR",
        Text(en="Daily range of temperature", es="Amplitud térmica diaria"),
        _C,
        _RANGE,
        lambda days, _: _by_year(days).mean(),
    ),
    Index(
        "TG10p",
        Text(en="Cold days (mean below the 10th percentile)", es="Días fríos (media bajo el percentil 10)"),
        _PERCENT,
        _MEAN,
        lambda _, station: station.exceedances(_MEAN)[0],
        needs_base=True,
    ),
    Index(
        "TG90p",
        Text(en="Warm days (mean above the 90th percentile)", es="Días cálidos (media sobre el percentil 90)"),
        _PERCENT,
        _MEAN,
        lambda _, station: station.exceedances(_MEAN)[1],
        needs_base=True,
    ),
    Index(
        "TX10p",
        Text(en="Cool days (maximum below the 10th percentile)", es="Días frescos (máxima bajo el percentil 10)"),
        _PERCENT,
        _GREATEST,
        lambda _, station: station.exceedances(_GREATEST)[0],
        needs_base=True,
    ),
    Index(
        "TX90p",
        Text(en="Hot days (maximum above the 90th percentile)", es="Días calurosos (máxima sobre el percentil 90)"),
        _PERCENT,
        _GREATEST,
        lambda _, station: station.exceedances(_GREATEST)[1],
        needs_base=True,
    ),
    Index(
        "TN10p",
        Text(en="Cold nights (minimum below the 10th percentile)", es="Noches frías (mínima bajo el percentil 10)"),
        _PERCENT,
        _LEAST,
        lambda _, station: station.exceedances(_LEAST)[0],
        needs_base=True,
    ),
    Index(
        "TN90p",
        Text(en="Warm nights (minimum above the 90th percentile)", es="Noches cálidas (mínima sobre el percentil 90)"),
        _PERCENT,
        _LEAST,
        lambda _, station: station.exceedances(_LEAST)[1],
        needs_base=True,
    ),
    Index(
        "WSDI",
        Text(
            en="Days in warm spells (six or more above the 90th percentile)",
            es="Días en rachas cálidas (seis o más sobre el percentil 90)",
        ),
        _DAYS,
        _GREATEST,
        _spells(is_above=True),
        needs_base=True,
    ),
    Index(
        "CSDI",
        Text(
            en="Days in cold spells (six or more below the 10th percentile)",
            es="Días en rachas frías (seis o más bajo el percentil 10)",
        ),
        _DAYS,
        _LEAST,
        _spells(is_above=False),
        needs_base=True,
    ),
]
INDICES = {index.name: index for index in _INDICES}
