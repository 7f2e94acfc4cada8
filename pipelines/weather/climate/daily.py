"""Days and months of a station, each from enough of what was measured: nothing is filled in.

    daily = to_daily(series, network)
    monthly = to_monthly(daily)

Rules for missing days are those of WMO-No. 1203, *WMO Guidelines on the Calculation of Climate Normals* (2017), 4.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..network import Network, Place
from ..station_files import STATION, standard_offset

SUMS = ("rain_mm", "sunshine_h")
"""Variables that are added up; of all others means are taken."""
MIN_HOURS = 20
"""Hours of a day from which its mean and its extremes are taken; a sum needs all 24."""
MAX_MISSING_DAYS, MAX_MISSING_IN_A_ROW = 10, 4
"""The most days that a month's mean may lack, in all and in a row; a sum needs all days."""

_MEAN, _LEAST, _GREATEST = "temperature_c", "temperature_min_c", "temperature_max_c"
_NO_CLIMATE = ("wind_direction_deg",)


def to_daily(series: pd.DataFrame, network: Network) -> pd.DataFrame:
    """Returns a station's days by its own clock, without a summer time.

    Of an hourly series a day has the mean of each variable, the sum of rain and sunshine, and the least and greatest
    of the hours' temperatures, which are less extreme than those of a thermometer that marks them.

    Args:
        series: `pandas.DataFrame` as `series.to_series` returns it.
        network: `Network`.

    Returns:
        `pandas.DataFrame` of float64, indexed by every day from the first to the last.
    """
    zone = network.clock.zone
    local = series.index + standard_offset(zone, series.index[0])
    values = series.drop(columns=[name for name in _NO_CLIMATE if name in series]).astype(np.float64)
    if network.step == "1d":
        return values.set_axis(local.round("1D"), axis=0).asfreq("1D")
    days = values.groupby(local.floor("1D"))
    counts, daily = days.count(), days.mean()
    for name in daily:
        if name in SUMS:
            daily[name] = days[name].sum().where(counts[name] == 24)
        else:
            daily[name] = daily[name].where(counts[name] >= MIN_HOURS)
    if _MEAN in daily:
        enough = counts[_MEAN] >= MIN_HOURS
        for name, extreme in ((_LEAST, days[_MEAN].min()), (_GREATEST, days[_MEAN].max())):
            if name not in daily:
                daily[name] = extreme.where(enough)
    return daily.asfreq("1D")


def to_table(daily: pd.DataFrame, station: str, place: Place | None) -> pd.DataFrame:
    """Returns days with the station's name and place beside them, as a file holds them."""
    fields = Place.model_fields
    beside = {STATION: station, **{name: getattr(place, name) if place else None for name in fields}}
    return pd.concat([pd.DataFrame(beside, daily.index).astype(dict.fromkeys(fields, np.float64)), daily], axis=1)


def from_table(table: pd.DataFrame) -> tuple[str, pd.DataFrame, Place | None]:
    """Returns a station's name, its days and its place, from what `to_table` made."""
    fields = list(Place.model_fields)
    values = {name: None if np.isnan(value) else value for name, value in table[fields].iloc[0].items()}
    place = Place.model_validate(values) if values["latitude_deg"] is not None else None
    return str(table[STATION].iloc[0]), table.drop(columns=[STATION, *fields]), place


def to_monthly(daily: pd.DataFrame) -> pd.DataFrame:
    """Returns means and sums of all months from the first to the last year, NaN where too many days are missing.

    Returns:
        `pandas.DataFrame` indexed by the first day of each month; days before the first and after the last one count as
        missing.
    """
    first, last = daily.index[0].year, daily.index[-1].year
    every = daily.reindex(pd.date_range(f"{first}-01-01", f"{last}-12-31", freq="D"))
    month = every.index.to_period("M").to_timestamp()
    columns = {}
    for name in every:
        days, is_missing = every[name].groupby(month), every[name].isna()
        missing = is_missing.groupby(month).sum()
        if name in SUMS:
            columns[name] = days.sum().where(missing == 0)
        else:
            in_a_row = pd.Series(run_lengths(is_missing.to_numpy(), month.to_numpy()), every.index).groupby(month).max()
            is_whole = (missing <= MAX_MISSING_DAYS) & (in_a_row <= MAX_MISSING_IN_A_ROW)
            columns[name] = days.mean().where(is_whole)
    return pd.DataFrame(columns)


def run_lengths(is_so: NDArray[np.bool_], groups: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Returns how many days in a row something has been so at each day, 0 where it is not; anew in each group."""
    places = np.arange(len(is_so))
    last = np.maximum.accumulate(np.where(is_so, -1, places))
    if groups is not None:
        begins = np.r_[True, groups[1:] != groups[:-1]]
        # The day before a group's first one ends a row as well.
        last = np.maximum(last, np.maximum.accumulate(np.where(begins, places - 1, -1)))
    return places - last
