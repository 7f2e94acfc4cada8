"""A station's observations as a series: one value a step, in UTC, without what cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...errors import DataError
from .network import Network
from .quality import DRIEST_PCT, LIMITS, MAX_IMPOSSIBLE_SHARE, blank_flagged, mean_humidity_pct
from .station_files import HAS_OFFSET, TIME, standard_offset, to_local, to_utc

MAX_REPEATED_SHARE = 0.05
"""The greatest share of rows that repeat a time: more means a clock that stands still, or the station twice."""

_SUMS = ("rain_mm", "sunshine_h")
_EXTREMES = {"temperature_min_c": "min", "temperature_max_c": "max"}
_DIRECTION = "wind_direction_deg"


def to_series(observations: pd.DataFrame, station: str, network: Network) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns a station's series and the values that quality control took from it.

    Several observations in a step are averaged, of rain and sunshine added, of directions averaged as vectors; of the
    least and greatest temperature the least and greatest is taken. A step without an observation is there, without
    values. A day is the station's own, by its clock, and its time in UTC that of its midnight by the clock without a
    summer time: each is 24 hours after the one before, and no clock change joins two or leaves one out.

    Args:
        observations: `pandas.DataFrame` as `read_block` gives it but for the station, in the order of the files.
        station: string.
        network: `Network`.

    Returns:
        `pandas.DataFrame` of the variables indexed by time in UTC, and one with the columns of `quality.FLAG_COLUMNS`.

    Raises:
        DataError: if too much of it cannot be: another unit, or a clock that stands still.
    """
    is_hourly = network.step == "1h"
    zone, day_offset = network.clock.zone, pd.Timedelta(0)
    if is_hourly:
        times = to_utc(observations, zone)
    else:
        local = to_local(observations, zone)
        day_offset = standard_offset(zone, local.min())
        times = pd.DatetimeIndex(local - day_offset)
    values = observations.drop(columns=[TIME, HAS_OFFSET]).set_axis(times, axis=0)
    values = values[values.index.notna()].sort_index(kind="stable")
    if values.empty:
        raise DataError(f"Expected observations of the station {station!r}. Received: none with a time.")
    _require_possible(values, station, network)
    values, flags = blank_flagged(values.copy(), station, is_hourly)
    return _resample(values, pd.Timedelta(network.step), day_offset), flags


def _require_possible(values: pd.DataFrame, station: str, network: Network) -> None:
    repeated = float(values.index.duplicated().mean())
    if repeated > MAX_REPEATED_SHARE:
        time = values.index[values.index.duplicated()][0]
        raise DataError(
            f"Expected the times of the station {station!r} once. Received: {repeated:.0%} of its rows repeat one, the "
            f"first {time:%Y-%m-%d %H:%M} UTC. Is the station in two files, or did its clock stand still?"
        )
    for name in values.columns:
        limits, present = LIMITS[name], values[name].dropna()
        variable = network.variables.get(str(name))
        lowest, highest = (variable and variable.between) or (limits.lowest, limits.highest)
        outside = ~present.between(lowest, highest)
        if len(present) and outside.mean() > MAX_IMPOSSIBLE_SHARE:
            raise DataError(
                f"Expected {name} of the station {station!r} between {lowest:g} and {highest:g}. "
                f"Received: {outside.mean():.0%} of its values outside, such as {present[outside].iloc[0]:g}. "
                "Correct its `unit`, or `missing`, in the mapping."
            )
    if {"temperature_c", "dew_point_c"} <= set(values.columns) and (humidity := mean_humidity_pct(values)) < DRIEST_PCT:
        raise DataError(
            f"Expected a temperature and a dew point of one unit of the station {station!r}. Received: a mean "
            f"relative humidity of {humidity:.0f} %, as of degrees Fahrenheit beside Celsius. Correct `unit` in the "
            "mapping."
        )


def _resample(values: pd.DataFrame, step: pd.Timedelta, day_offset: pd.Timedelta) -> pd.DataFrame:
    floored = (values.index + day_offset).floor(step) - day_offset
    if not floored.has_duplicates:
        series = values.set_axis(floored, axis=0)
    else:
        groups = values.groupby(floored)
        series = groups.mean()
        for name in _SUMS:
            if name in values:
                series[name] = groups[name].sum(min_count=1)
        for name, extreme in _EXTREMES.items():
            if name in values:
                series[name] = groups[name].agg(extreme)
        if _DIRECTION in values:
            angles = np.deg2rad(values[_DIRECTION].astype(np.float64))
            east, north = (part.groupby(floored).mean() for part in (np.sin(angles), np.cos(angles)))
            series[_DIRECTION] = np.rad2deg(np.arctan2(east, north)) % 360
    every = pd.date_range(series.index[0], series.index[-1], freq=step)
    return series.reindex(every).astype(np.float32)
