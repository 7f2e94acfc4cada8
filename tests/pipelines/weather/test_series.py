"""Quality control and the series of a station."""

import numpy as np
import pandas as pd
import pytest
from small_networks import network

from yachay.errors import ConfigurationError, DataError
from yachay.pipelines.weather.quality import blank_flagged
from yachay.pipelines.weather.series import to_series


def series(count: int = 200, **columns: object) -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=count, freq="h")
    values = 10 + 5 * np.sin(np.arange(count) * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 0.3, count)
    return pd.DataFrame({"temperature_c": np.round(values, 1), **columns}, index=times).astype(np.float32)


def observations(of: pd.DataFrame) -> pd.DataFrame:
    return of.rename_axis("time").reset_index().assign(has_offset=True)


def test_a_clean_series_has_no_flag_and_stays_as_it_is() -> None:
    clean = series()
    kept, flags = blank_flagged(clean.copy(), "A", is_hourly=True)
    assert flags.empty
    pd.testing.assert_frame_equal(kept, clean)


def test_each_rule_takes_out_its_value_and_no_other() -> None:
    faulty = series(dew_point_c=0.0, pressure_hpa=1000 + np.arange(200) % 7)
    faulty["dew_point_c"] = faulty["temperature_c"] - 3
    before = faulty.copy()
    faulty.iloc[10, 0] = 80.0  # range
    faulty.iloc[50, 0] += 25  # step
    faulty.iloc[70, 1] = faulty.iloc[70, 0] + 2  # dew point above temperature
    faulty.iloc[100:180, 2] = 1003.0  # frozen, 72 at a resolution of .1, 120 of 1
    kept, flags = blank_flagged(faulty.copy(), "A", is_hourly=True)
    found = {(row.variable, row.rule) for row in flags.itertuples()}
    assert found == {
        ("temperature_c", "range"), ("temperature_c", "step"), ("dew_point_c", "dew point above temperature"),
    }  # fmt: skip
    assert flags["source"].str.len().min() > 10
    assert kept["temperature_c"].isna().to_numpy().nonzero()[0].tolist() == [10, 50]
    pd.testing.assert_series_equal(kept["pressure_hpa"], faulty["pressure_hpa"])
    is_kept = kept.notna()
    assert (kept.where(is_kept, 0) == before.where(is_kept, 0))[["temperature_c"]].to_numpy().all()


def test_a_winter_in_fahrenheit_beside_a_dew_point_in_celsius_is_an_error() -> None:
    winter = series()
    winter["temperature_c"] -= 13
    winter["dew_point_c"] = winter["temperature_c"] - 8
    to_series(observations(winter), "A", network())
    winter["temperature_c"] = 32 + 1.8 * winter["temperature_c"]
    with pytest.raises(DataError, match=r"of one unit of the station 'A'\. Received: a mean relative humidity of \d %"):
        to_series(observations(winter), "A", network())


@pytest.mark.parametrize(("resolution", "limit"), [(1.0, 40), (0.5, 30), (0.1, 24)])
def test_a_sensor_is_frozen_from_a_number_of_equal_values_that_its_resolution_sets(
    resolution: float, limit: int
) -> None:
    wave = np.round((10 + 8 * np.sin(np.arange(300) / 3)) / resolution) * resolution
    for length, is_flagged in ((limit - 1, False), (limit, True)):
        values = wave.copy()
        values[100 : 100 + length] = 20.0
        of = pd.DataFrame({"temperature_c": values.astype(np.float32)}, pd.date_range("2024", periods=300, freq="h"))
        _, flags = blank_flagged(of, "A", is_hourly=True)
        assert (len(flags) == length) is is_flagged, (resolution, length, len(flags))


def test_a_calm_may_last() -> None:
    of = pd.DataFrame({"wind_speed_m_s": np.r_[np.zeros(100), 1.5, 2.5]}, pd.date_range("2024", periods=102, freq="h"))
    assert blank_flagged(of.astype(np.float32), "A", is_hourly=True)[1].empty


def test_after_a_jump_the_values_that_are_near_the_last_good_one_again_stay() -> None:
    of = series()
    of.iloc[50:52, 0] += 30
    kept, flags = blank_flagged(of.copy(), "A", is_hourly=True)
    assert flags["time"].tolist() == list(of.index[50:52])
    assert kept.iloc[52, 0] == of.iloc[52, 0]


def test_another_level_is_no_spike() -> None:
    of = series()
    of.iloc[50:, 0] -= 40
    assert blank_flagged(of.copy(), "A", is_hourly=True)[1].empty


def test_equal_rows_of_one_time_are_one_and_different_ones_are_none() -> None:
    of = observations(series())
    other = of.iloc[[5]].assign(temperature_c=of["temperature_c"].iloc[5] + 1)
    made, flags = to_series(pd.concat([of, of.iloc[[3]], other]), "A", network(variables=_TEMPERATURE))
    assert len(made) == 200
    assert made["temperature_c"].iloc[3] == of["temperature_c"].iloc[3]
    assert np.isnan(made["temperature_c"].iloc[5])
    assert (len(flags), set(flags["rule"])) == (2, {"several values of one time"})


def test_a_station_twice_and_a_clock_that_stands_still_are_errors() -> None:
    of = observations(series())
    with pytest.raises(DataError, match=r"'A' once\. Received: 50% of its rows repeat one.*two files"):
        to_series(pd.concat([of, of]), "A", network(variables=_TEMPERATURE))
    stuck = of.assign(time=of["time"].where(of.index < 150, of["time"][150]))
    with pytest.raises(DataError, match="did its clock stand still"):
        to_series(stuck, "A", network(variables=_TEMPERATURE))


def test_fahrenheit_named_celsius_is_an_error() -> None:
    of = observations(series())
    with pytest.raises(DataError, match=r"between -90 and 57\. Received: .* outside.*`unit`"):
        to_series(of.assign(temperature_c=of["temperature_c"] * 9 / 5 + 45), "A", network(variables=_TEMPERATURE))


def test_a_month_without_observations_is_a_gap_of_the_series() -> None:
    of = observations(series(2000)).drop(range(300, 1020))
    made, flags = to_series(of, "A", network(variables=_TEMPERATURE))
    assert (len(made), int(made["temperature_c"].isna().sum()), len(flags)) == (2000, 720, 0)


def test_several_observations_in_a_step_are_averaged_rain_added_directions_as_vectors() -> None:
    times = pd.date_range("2024-01-01", periods=12, freq="20min")
    of = pd.DataFrame(
        {
            "time": times, "has_offset": True, "temperature_c": np.arange(12.0), "rain_mm": 0.5,
            "wind_direction_deg": [350, 10, 0] * 4,
        }
    )  # fmt: skip
    made, _ = to_series(of, "A", network())
    np.testing.assert_allclose(made["temperature_c"], [1, 4, 7, 10])
    np.testing.assert_allclose(made["rain_mm"], 1.5)
    assert np.abs((made["wind_direction_deg"] + 180) % 360 - 180).max() < 1e-3


_TEMPERATURE = {"temperature_c": {"column": "T", "unit": "degC"}}


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Santiago", "-05:00"])
def test_days_are_each_their_own_across_clock_changes(zone: str) -> None:
    days = pd.date_range("2023-01-01", "2024-12-31")
    rain = np.arange(len(days)) % 50
    read = pd.DataFrame({"time": days, "has_offset": False, "rain_mm": rain.astype(np.float32)})
    of = network(
        step="1d", clock={"columns": ["at"], "zone": zone}, variables={"rain_mm": {"column": "R", "unit": "mm"}}
    )
    made, flags = to_series(read, "A", of)
    assert flags.empty
    assert made["rain_mm"].tolist() == rain.tolist()
    # The same days in UTC, as files with offsets have them.
    offset = made.index[0] - days[0]
    noons = (days + pd.Timedelta("12h") + offset).to_series(index=range(len(days)))
    with_offset, _ = to_series(read.assign(time=noons, has_offset=True), "A", of)
    pd.testing.assert_frame_equal(with_offset, made, check_freq=False)


def test_hours_of_a_day_are_joined_by_the_stations_clock() -> None:
    times = pd.date_range("2024-01-01 06:00", periods=66, freq="h")
    read = pd.DataFrame({"time": times, "has_offset": False, "rain_mm": 1.0, "temperature_min_c": np.arange(66) / 2})
    variables = {
        "rain_mm": {"column": "R", "unit": "mm"},
        "temperature_min_c": {"column": "T", "unit": "degC"},
    }
    made, _ = to_series(read, "A", network(step="1d", clock={"columns": ["at"], "zone": "-05:00"}, variables=variables))
    assert made["rain_mm"].tolist() == [18, 24, 24]
    assert made["temperature_min_c"].tolist() == [0, 9, 21]
    assert made.index.strftime("%dT%H").tolist() == ["01T05", "02T05", "03T05"]


def test_equal_values_of_every_minute_are_no_frozen_sensor() -> None:
    times = pd.date_range("2024-06-01", periods=3 * 1440, freq="min")
    values = np.round(15 + 5 * np.sin(np.arange(len(times)) * 2 * np.pi / 1440), 1)
    of = pd.DataFrame({"temperature_c": values.astype(np.float32)}, times)
    assert blank_flagged(of.copy(), "A", is_hourly=True)[1].empty
    of.iloc[:1440] = 15.0
    assert len(blank_flagged(of.copy(), "A", is_hourly=True)[1]) >= 1440


def test_a_coarse_dew_point_is_kept_in_fog() -> None:
    fog = series(48)
    fog["temperature_c"] = np.float32([2.5, 2.6, 2.7] * 16)
    fog["dew_point_c"] = np.round(fog["temperature_c"] + 0.01)
    assert blank_flagged(fog.copy(), "A", is_hourly=True)[1].empty


def test_a_winter_in_fahrenheit_is_found_by_what_the_stations_are_known_to_have() -> None:
    winter = series() * 9 / 5 + 32
    stated = {"temperature_c": {"column": "T", "unit": "degC", "between": [-25, 42]}}

    to_series(observations(winter[winter < 42]), "A", network(variables=stated))
    with pytest.raises(
        DataError, match=r"of the station 'A' between -25 and 42\. Received: \d+% of its values outside"
    ):
        to_series(observations(winter), "A", network(variables=stated))
    with pytest.raises(ConfigurationError, match="expected the lower value before the higher one"):
        network(variables={"temperature_c": {"column": "T", "unit": "degC", "between": [42, -25]}})
