"""Windows of a series: gaps, splits, labels."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from yachay.components.settings import check_settings
from yachay.errors import ConfigurationError
from yachay.pipelines.weather.windows import WindowSettings, cut_windows, to_arrow

SETTINGS = WindowSettings(past_steps=4, steps_ahead=2, stride=1, max_gap_steps=1)


def series(values: object, rain: object = 0.0) -> pd.DataFrame:
    numbers = np.asarray(values, np.float32)
    index = pd.date_range("2024-01-01", periods=len(numbers), freq="h")
    return pd.DataFrame({"temperature_c": numbers, "rain_mm": rain}, index).astype(np.float32)


def test_a_window_holds_the_past_with_its_newest_value_last_and_what_came_after() -> None:
    windows = cut_windows(series(np.arange(10)), SETTINGS)
    assert len(windows) == 5
    first = windows.iloc[0]
    assert first["time"] == "2024-01-01T03:00:00Z"
    assert first["temperature_c"].tolist() == [0, 1, 2, 3]
    assert first["temperature_ahead_c"].tolist() == [4, 5]


def test_no_window_has_a_gap_too_long_or_anything_missing_that_is_forecast() -> None:
    nan = np.nan
    values = [0, 1, 2, 3, 4, 5, nan, 7, 8, 9, 10, nan, nan, 13, 14, 15, 16, 17, 18]
    windows = cut_windows(series(values), SETTINGS)
    for window in windows.itertuples():
        assert np.isfinite(window.temperature_ahead_c).all()
        assert np.isfinite(window.temperature_c[-1])
        assert not np.isnan(window.temperature_c).sum() > 1
    # The windows that hold the single gap in their past are there.
    assert any(np.isnan(window).any() for window in windows["temperature_c"])
    assert (
        cut_windows(series(values), SETTINGS.model_copy(update={"max_gap_steps": 0}))["temperature_c"]
        .map(lambda window: np.isfinite(window).all())
        .all()
    )


def test_no_window_stands_on_both_sides_of_a_boundary() -> None:
    boundary = "2024-01-01T20:00:00+08:00"  # 12:00 UTC
    windows = cut_windows(series(np.arange(30)), SETTINGS.model_copy(update={"boundaries": (boundary,)}))
    for window in windows.itertuples():
        values = [*window.temperature_c, *window.temperature_ahead_c]
        assert max(values) < 12 or min(values) >= 12
    assert {min(window) for window in windows["temperature_c"]} >= {6, 12}


def test_the_stride_meets_the_same_hours_wherever_a_series_begins() -> None:
    settings = SETTINGS.model_copy(update={"stride": 3})
    times = set(cut_windows(series(np.arange(40)), settings)["time"])
    later = set(cut_windows(series(np.arange(40)).iloc[5:], settings)["time"])
    assert later < times


def test_rain_is_known_only_where_each_step_is_or_one_is_wet() -> None:
    rain = np.zeros(12)
    rain[6], rain[9] = 0.2, np.nan
    labels = cut_windows(series(np.arange(12), rain), SETTINGS)["rain_ahead"].tolist()
    # The two steps after each of 3 to 9.
    assert labels == ["dry", "wet", "wet", "dry", None, None, "dry"]


def test_a_short_series_has_no_window() -> None:
    assert len(cut_windows(series(np.arange(5)), SETTINGS)) == 0
    assert len(cut_windows(series(np.arange(4)), SETTINGS, with_labels=False)) == 1


def test_missing_values_are_null_in_arrow() -> None:
    table = to_arrow(cut_windows(series([0, np.nan, 2, 3, 4, 5, 6]), SETTINGS))
    assert table.schema.field("temperature_c").type == pa.list_(pa.float32())
    assert table["temperature_c"].to_pylist()[0] == [0, None, 2, 3]


def test_a_boundary_without_an_offset_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="an offset from UTC, received '2016-01-01'"):
        check_settings(WindowSettings, {"boundaries": ["2016-01-01"]}, "windows")
