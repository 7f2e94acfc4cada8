"""Quality control of a station's series: what cannot be is blanked, and each flag names its rule and its source.

    series, flags = blank_flagged(series, "Changping", is_hourly=True)

A flag never touches another value, and nothing is filled in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

MADIS = "NOAA MADIS surface quality control, levels 1 and 2"
HADISD = "Dunn et al. 2012, doi:10.5194/cp-8-1649-2012, section 4"


FLAG_COLUMNS = ("station", "time", "variable", "value", "rule", "source")
MAX_IMPOSSIBLE_SHARE = 0.05
"""The greatest share of a variable's values that may lie outside its range: more is another unit, not a bad sensor."""

DRIEST_PCT = 10.0
"""The least mean relative humidity of a station's values: drier ones mean two units, as of a temperature in Fahrenheit
beside a dew point in Celsius. Months of deserts have more."""


def mean_humidity_pct(series: pd.DataFrame) -> float:
    """Returns the mean relative humidity of temperatures and dew points (Magnus, WMO-No. 8, annex 4.B); NaN of none."""
    temperature, dew_point = (
        series[name].astype(np.float64).where(series[name].between(LIMITS[name].lowest, LIMITS[name].highest))
        for name in ("temperature_c", "dew_point_c")
    )
    return float(100 * np.exp(_magnus(dew_point) - _magnus(temperature)).mean())


def _magnus(temperature: pd.Series) -> pd.Series:
    return 17.62 * temperature / (243.12 + temperature)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a variable may do.

    Args:
        lowest: float.
        highest: float.
        step: float or None. The greatest change in an hour.
        streaks: dict of a resolution to the number of equal values in a row, an hour apart or more, at which a sensor
            counts as frozen.
        may_rest_at: float or None. A value that may stay for ever, as a calm does.
    """

    lowest: float
    highest: float
    step: float | None = None
    streaks: Mapping[float, int] = dataclasses.field(default_factory=dict)
    may_rest_at: float | None = None


_TEMPERATURE_STREAKS = {1.0: 40, 0.5: 30, 0.1: 24}
_DEW_POINT_STREAKS = {1.0: 80, 0.5: 60, 0.1: 48}
_PRESSURE_STREAKS = {1.0: 120, 0.5: 100, 0.1: 72}
_FAHRENHEIT = 5 / 9

LIMITS = {
    # MADIS has -60 to 130, for dew points -90 to 90 degrees Fahrenheit; wider where records have been outside
    # (-89.2 C at Vostok, 56.7 C in Death Valley, a dew point of 35 C at Dhahran). Pressure at the station: MADIS has
    # 568 to 1100 hPa; lower where people live higher. Wind: 113.3 m/s on Barrow Island (WMO's archive of extremes).
    "temperature_c": Limits(-90.0, 57.0, 35 * _FAHRENHEIT, _TEMPERATURE_STREAKS),
    "temperature_min_c": Limits(-90.0, 57.0),
    "temperature_max_c": Limits(-90.0, 57.0),
    "dew_point_c": Limits(-90.0, 36.0, 35 * _FAHRENHEIT, _DEW_POINT_STREAKS),
    "relative_humidity_pct": Limits(0.0, 100.0, 50.0),
    "pressure_hpa": Limits(500.0, 1100.0, 15.0, _PRESSURE_STREAKS),
    "rain_mm": Limits(0.0, 44 * 25.4),
    "wind_speed_m_s": Limits(0.0, 113.3, None, _TEMPERATURE_STREAKS, may_rest_at=0.0),
    "wind_direction_deg": Limits(0.0, 360.0),
    "sunshine_h": Limits(0.0, 24.0),
}
_SPIKE_VALUES = 6
_SAME_TIME = "several values of one time"
_RULES = {
    "range": MADIS,
    "step": MADIS,
    "frozen": HADISD,
    "dew point above temperature": HADISD,
    "minimum above maximum": MADIS,
    _SAME_TIME: HADISD,
}


def blank_flagged(series: pd.DataFrame, station: str, is_hourly: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns a series without the values that cannot be, and those values.

    Args:
        series: `pandas.DataFrame` of our variables, indexed by ascending time in UTC; a time may stand several times.
        station: string.
        is_hourly: bool. Whether a step in time is an hour; changes from one value to the next are judged only then.

    Returns:
        `pandas.DataFrame` of the same variables, each time once, and one with the columns `FLAG_COLUMNS`.
    """
    flagged: dict[tuple[str, str], pd.Series] = {}
    for name in series.columns:
        _flag(series, name, ~series[name].between(LIMITS[name].lowest, LIMITS[name].highest), "range", flagged)
    series, repeated = _one_a_time(series)
    flagged |= repeated
    for name in series.columns:
        limits = LIMITS[name]
        if is_hourly and limits.step is not None:
            _flag(series, name, _jumps(series[name], limits.step), "step", flagged)
        if limits.streaks:
            _flag(series, name, _frozen(series[name], limits), "frozen", flagged)
    if {"dew_point_c", "temperature_c"} <= set(series.columns):
        # Of two that are equal, as in fog, the coarser one may be rounded up by half of its resolution.
        sizes = [_resolution(series[name].dropna(), LIMITS[name]) for name in ("dew_point_c", "temperature_c")]
        tolerance = 0.1 + abs(sizes[0] - sizes[1]) / 2
        above = series["dew_point_c"] - series["temperature_c"] > tolerance + 1e-4
        _flag(series, "dew_point_c", above, "dew point above temperature", flagged)
    if {"temperature_min_c", "temperature_max_c"} <= set(series.columns):
        above = series["temperature_min_c"] > series["temperature_max_c"]
        for name in ("temperature_min_c", "temperature_max_c"):
            _flag(series, name, above, "minimum above maximum", flagged)
    tables = [
        pd.DataFrame(
            {
                "station": station, "time": values.index, "variable": name, "value": values.to_numpy(np.float32),
                "rule": rule, "source": _RULES[rule],
            }
        )
        for (name, rule), values in flagged.items()
    ]  # fmt: skip
    flags = pd.concat(tables) if tables else pd.DataFrame(columns=list(FLAG_COLUMNS))
    return series, flags.sort_values(["time", "variable", "rule"], kind="stable", ignore_index=True)


def _flag(
    series: pd.DataFrame, name: str, is_bad: pd.Series, rule: str, flagged: dict[tuple[str, str], pd.Series]
) -> None:
    """Blanks values in place, and keeps them."""
    is_bad = is_bad & series[name].notna()
    if is_bad.any():
        flagged[name, rule] = series.loc[is_bad, name].copy()
        series.loc[is_bad, name] = np.nan


def _one_a_time(series: pd.DataFrame) -> tuple[pd.DataFrame, dict[tuple[str, str], pd.Series]]:
    """Returns each time once: the one value that its rows have, or none where they have several."""
    is_repeated = series.index.duplicated(keep=False)
    if not is_repeated.any():
        return series, {}
    repeated, flagged = series[is_repeated], {}
    groups = repeated.groupby(level=0)
    lowest, highest = groups.min(), groups.max()
    kept = lowest.where(lowest == highest)
    for name in series.columns:
        differ = (lowest[name] != highest[name]) & lowest[name].notna()
        if differ.any():
            times = differ.index[differ]
            flagged[name, _SAME_TIME] = repeated.loc[repeated.index.isin(times), name].dropna()
    return pd.concat([series[~is_repeated], kept]).sort_index(), flagged


def _jumps(values: pd.Series, step: float) -> pd.Series:
    """Returns which values leave the last good one by more than `step` an hour and come back within `_SPIKE_VALUES`.

    What does not come back is another level, as a front may bring, and stays.
    """
    present = values.dropna()
    numbers = present.to_numpy(np.float64)
    hours = present.index.to_numpy().astype("datetime64[s]").astype(np.int64) / 3600
    limits = step * np.maximum(np.diff(hours), 1)
    is_bad = np.zeros(len(present), bool)
    for place in (np.flatnonzero(np.abs(np.diff(numbers)) > limits) + 1).tolist():
        if is_bad[place - 1]:
            continue
        good = numbers[place - 1]
        ends = np.arange(place + 1, min(place + 1 + _SPIKE_VALUES, len(numbers)))
        back = ends[np.abs(numbers[ends] - good) <= limits[ends - 1]]
        if len(back):
            is_bad[place : back[0]] = True
    return pd.Series(is_bad, present.index).reindex(values.index, fill_value=False)


def _frozen(values: pd.Series, limits: Limits) -> pd.Series:
    """Returns which values stand in too long a row of equal ones; what is missing does not end a row."""
    present = values.dropna()
    if present.empty:
        return pd.Series(False, values.index)
    numbers = present.to_numpy(np.float64)
    streak = limits.streaks[_resolution(present, limits)]
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    lengths = np.diff(np.r_[starts, len(numbers)])
    # Of observations every few minutes many are equal.
    hours = (present.index[starts + lengths - 1] - present.index[starts]) / pd.Timedelta("1h")
    is_bad = np.repeat((lengths >= streak) & (hours >= streak - 1), lengths)
    if limits.may_rest_at is not None:
        is_bad &= numbers != limits.may_rest_at
    return pd.Series(is_bad, present.index).reindex(values.index, fill_value=False)


def _resolution(present: pd.Series, limits: Limits) -> float:
    """Returns the coarsest resolution that values have, the finest one where they have none."""
    numbers = present.to_numpy(np.float64)
    if not len(numbers):
        return min(limits.streaks)
    return next(
        (size for size in limits.streaks if np.mean(np.abs(numbers / size - np.round(numbers / size)) < 1e-3) > 0.95),
        min(limits.streaks),
    )
