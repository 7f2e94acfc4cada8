"""Days and months, from enough of what was measured."""

import numpy as np
import pandas as pd
import pytest

from yachay.pipelines.weather.climate.daily import from_table, run_lengths, to_daily, to_monthly, to_table
from yachay.pipelines.weather.network import Network, Place
from yachay.pipelines.weather.source import to_network


def test_an_hourly_series_becomes_days_of_the_stations_own_clock():
    hours = pd.date_range("2020-01-01T16:00", periods=72, freq="h")  # From midnight on, eight hours east.
    series = pd.DataFrame({"temperature_c": np.arange(72.0), "rain_mm": 1.0, "wind_direction_deg": 90.0}, hours)
    series.iloc[24, 1] = np.nan
    series.iloc[48:53, 0] = np.nan
    daily = to_daily(series, to_network("beijing"))
    assert list(daily.index) == list(pd.date_range("2020-01-02", periods=3))
    assert daily["temperature_c"].tolist()[:2] == [11.5, 35.5]
    assert (daily["temperature_min_c"].iloc[1], daily["temperature_max_c"].iloc[1]) == (24, 47)
    # A sum needs each hour, a mean 20 of them.
    assert np.isnan(daily["rain_mm"]).tolist() == [False, True, False]
    assert np.isnan(daily["temperature_c"]).tolist() == [False, False, True]
    assert "wind_direction_deg" not in daily


def test_a_daily_series_keeps_its_days_whatever_the_clock():
    network = {
        "files": "*.csv", "station_name": "Madrid", "step": "1d",
        "clock": {"columns": ["day"], "zone": "Europe/Madrid"},
        "variables": {"rain_mm": {"column": "r", "unit": "mm"}},
    }  # fmt: skip
    series = pd.DataFrame({"rain_mm": 1.0}, pd.date_range("2020-03-27T23:00", periods=5, freq="D"))
    daily = to_daily(series, Network.model_validate(network))
    assert list(daily.index) == list(pd.date_range("2020-03-28", periods=5))


@pytest.mark.parametrize(
    ("missing", "has_mean", "has_sum"),
    [([], True, True), ([5], True, False), ([1, 3, 5, 7, 9, 11, 13, 15, 17, 19], True, False),
     ([1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21], False, False), ([4, 5, 6, 7], True, False),
     ([4, 5, 6, 7, 8], False, False)],
)  # fmt: skip
def test_a_month_has_a_mean_and_a_sum_by_the_rules_of_wmo(missing, has_mean, has_sum):
    daily = pd.DataFrame({"temperature_c": 1.0, "rain_mm": 1.0}, pd.date_range("2020-01-01", "2020-12-31"))
    daily.iloc[[31 + day for day in missing]] = np.nan
    february = to_monthly(daily).loc["2020-02-01"]
    assert np.isfinite(february["temperature_c"]) == has_mean
    assert np.isfinite(february["rain_mm"]) == has_sum
    if has_sum:
        assert february["rain_mm"] == 29


def test_missing_days_of_two_months_are_no_row_in_either():
    daily = pd.DataFrame({"temperature_c": 1.0}, pd.date_range("2021-01-01", "2021-12-31"))
    daily.loc["2021-01-29":"2021-02-03"] = np.nan
    assert to_monthly(daily)["temperature_c"].notna().all()


def test_days_before_a_series_that_begins_within_a_month_count_as_missing():
    daily = pd.DataFrame({"temperature_c": 1.0, "rain_mm": 1.0}, pd.date_range("2021-06-03", "2021-08-20"))
    monthly = to_monthly(daily)
    assert monthly.index[0] == pd.Timestamp("2021-01-01")
    assert monthly["temperature_c"].dropna().index.month.tolist() == [6, 7]
    assert monthly["rain_mm"].dropna().index.month.tolist() == [7]


def test_lengths_of_rows_begin_anew_in_each_group():
    is_so = np.array([True, True, False, True, True, True])
    assert run_lengths(is_so).tolist() == [1, 2, 0, 1, 2, 3]
    assert run_lengths(is_so, np.array([1, 1, 1, 1, 2, 2])).tolist() == [1, 2, 0, 1, 1, 2]


@pytest.mark.parametrize("place", [None, Place(latitude_deg=-7.2, longitude_deg=-78.5)])
def test_a_table_of_days_keeps_the_station_and_its_place(place):
    daily = pd.DataFrame({"rain_mm": [1.0, np.nan]}, pd.date_range("2021-06-03", periods=2))
    station, found, found_place = from_table(to_table(daily, "007", place))
    assert (station, found_place) == ("007", place)
    pd.testing.assert_frame_equal(found, daily)
