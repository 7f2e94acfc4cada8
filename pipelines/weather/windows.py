"""Windows of a station's series: what was measured up to a time, and what was measured after it."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ...components.settings import Settings

WET_MM = 0.1
"""Rain from which on a time counts as wet: the resolution of a gauge (WMO-No. 8, chapter 6)."""

LABEL, RAIN_LABEL = "temperature_ahead_c", "rain_ahead"
WET, DRY = "wet", "dry"


class WindowSettings(Settings):
    """Which windows a series is cut into.

    Args:
        past_steps: int. Steps up to the time of a forecast, that of the newest value included.
        steps_ahead: int. Steps that are forecast.
        stride: int. Steps from one forecast to the next; one without a factor in common with 24 meets every hour.
        target: string. The variable that is forecast.
        max_gap_steps: int. The most steps in a row for which the target may be missing in the past.
        boundaries: tuple of strings. Times, ISO 8601, that no window may stand on both sides of.
    """

    past_steps: Annotated[int, Field(ge=2)] = 48
    steps_ahead: Annotated[int, Field(ge=1)] = 24
    stride: Annotated[int, Field(ge=1)] = 5
    target: str = "temperature_c"
    max_gap_steps: Annotated[int, Field(ge=0)] = 6
    boundaries: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _are_times(self) -> Self:
        for boundary in self.boundaries:
            try:
                has_offset = pd.Timestamp(boundary).tzinfo is not None
            except ValueError:
                has_offset = False
            if not has_offset:
                raise ValueError(f"boundaries: expected times with an offset from UTC, received {boundary!r}")
        return self


def cut_windows(series: pd.DataFrame, settings: WindowSettings, with_labels: bool = True) -> pd.DataFrame:
    """Returns one row a window: its time, a list of `past_steps` values of each variable, and what came after.

    A window's target has no gap longer than `max_gap_steps`, and its newest value is there. With labels nothing that is
    forecast is missing, for nothing filled in is ever scored: `temperature_ahead_c` is a list of `steps_ahead` values,
    and `rain_ahead` whether any of these steps is wet, null where rain is not known.

    Args:
        series: `pandas.DataFrame` of variables, indexed by time in UTC, one step after the other.
        settings: `WindowSettings`.
        with_labels: bool. Whether only windows with what comes after them are wanted. Defaults to True.
    """
    target = series[settings.target].to_numpy(np.float32)
    ahead = settings.steps_ahead if with_labels else 0
    # The last row of each window, counted so that the same hours are met whatever the series begins with.
    step = series.index[1] - series.index[0] if len(series) > 1 else pd.Timedelta("1h")
    first_of_all = int((series.index[0] - pd.Timestamp(0)) / step) if len(series) else 0
    lasts = np.arange(settings.past_steps - 1, len(series) - ahead)
    lasts = lasts[(lasts + first_of_all) % settings.stride == 0]
    is_known = np.isfinite(target)
    # How long the target has been missing at each row.
    since = np.arange(len(target)) - np.maximum.accumulate(np.where(is_known, np.arange(len(target)), -1))
    longest = _sliding(since, settings.past_steps, lasts - settings.past_steps + 1).max(axis=1, initial=0)
    is_kept = (longest <= settings.max_gap_steps) & is_known[lasts]
    if with_labels:
        is_kept &= _sliding(is_known, ahead, lasts + 1).all(axis=1)
    times = series.index[lasts]
    for boundary in settings.boundaries:
        at = pd.Timestamp(boundary).tz_convert("UTC").tz_localize(None)
        begins, ends = times - (settings.past_steps - 1) * step, times + ahead * step
        is_kept &= ~((begins < at) & (ends >= at))
    lasts = lasts[is_kept]
    starts = lasts - settings.past_steps + 1
    columns = {"time": series.index[lasts].strftime("%Y-%m-%dT%H:%M:%SZ")}
    for name in series.columns:
        columns[name] = list(_sliding(series[name].to_numpy(np.float32), settings.past_steps, starts))
    if with_labels:
        columns[LABEL] = list(_sliding(target, ahead, lasts + 1))
        if "rain_mm" in series:
            rain = _sliding(series["rain_mm"].to_numpy(np.float32), ahead, lasts + 1)
            is_wet, is_dry = np.any(rain >= WET_MM, axis=1), np.all(rain < WET_MM, axis=1)
            columns[RAIN_LABEL] = [
                WET if wet else DRY if dry else None for wet, dry in zip(is_wet.tolist(), is_dry.tolist(), strict=True)
            ]
    return pd.DataFrame(columns)


def to_arrow(windows: pd.DataFrame) -> pa.Table:
    """Returns windows as a table of lists of `float32`; what is missing is null."""
    arrays = {}
    for name in windows.columns:
        column = windows[name]
        if len(column) and isinstance(column.iloc[0], np.ndarray):
            matrix = np.stack(column.to_list())
            flat = pa.array(matrix.ravel(), pa.float32(), mask=~np.isfinite(matrix.ravel()))
            offsets = pa.array(np.arange(0, matrix.size + 1, matrix.shape[1], dtype=np.int32))
            arrays[name] = pa.ListArray.from_arrays(offsets, flat)
        else:
            arrays[name] = pa.array(column.to_list(), pa.string() if column.dtype == object else None)
    return pa.table(arrays)


def _sliding(values: NDArray, steps: int, starts: NDArray[np.int64]) -> NDArray:  # type: ignore[type-arg]
    """Returns the `steps` values from each start on, `(len(starts), steps)`."""
    if len(values) < steps or not len(starts):
        return np.empty((len(starts), steps), values.dtype)
    return np.lib.stride_tricks.sliding_window_view(values, steps)[starts]
