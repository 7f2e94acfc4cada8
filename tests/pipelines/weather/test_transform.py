"""The calendar and the sun of the preprocessing, against what is known of both."""

import numpy as np
import pytest
import tensorflow as tf

from yachay.components.transform.time_text import parse_times
from yachay.pipelines.weather.quality import LIMITS
from yachay.pipelines.weather.transform import _calendar, _possible


def calendar(times: list[str], latitude: float, longitude: float, steps: int = 24) -> dict[str, np.ndarray]:
    places = (tf.fill([len(times)], angle) for angle in (latitude, longitude))
    made = _calendar(parse_times(tf.constant(times)), *places, steps)
    return {name: values.numpy() for name, values in made.items()}


@pytest.mark.parametrize(
    ("time", "latitude", "longitude", "elevation_deg"),
    [
        # An hour before local solar noon, so that the first step ahead is noon.
        ("2016-06-21T03:14:24Z", 39.9, 116.4, 90 - 39.9 + 23.44),
        ("2016-12-21T03:14:24Z", 39.9, 116.4, 90 - 39.9 - 23.44),
        ("2016-03-20T11:00:00Z", 0.0, 0.0, 90.0),
        ("2016-12-21T16:13:57Z", -7.17, -78.49, 90 - 23.44 + 7.17),
    ],
)
def test_the_sun_at_noon_stands_where_it_does(
    time: str, latitude: float, longitude: float, elevation_deg: float
) -> None:
    sun = calendar([time], latitude, longitude)["sun_ahead"]
    assert sun.shape == (1, 24)
    assert np.rad2deg(np.arcsin(sun[0, 0])) == pytest.approx(elevation_deg, abs=1.2)
    assert sun[0, 12] == sun[0].min()


def test_hours_are_the_stations_own_and_a_year_ends_where_it_begins() -> None:
    at_beijing = calendar(["2016-06-21T04:00:00Z"], 39.9, 120.0)
    assert at_beijing["hour_cos_1"][0] == pytest.approx(-1, abs=1e-3)  # Noon.
    made = calendar(["2015-12-31T23:00:00Z", "2016-01-01T01:00:00Z"], 0.0, 0.0)
    assert abs(np.diff(made["day_sin_1"])[0]) < 5e-3


def test_without_coordinates_the_sun_is_that_of_greenwich_at_the_equator() -> None:
    sun = calendar(["2016-03-20T11:00:00Z"], float("nan"), float("nan"))["sun_ahead"]
    assert sun[0, 0] == pytest.approx(1, abs=1e-3)


def test_what_quality_control_would_take_out_of_a_series_is_missing_in_a_request() -> None:
    inputs = {
        "temperature_c": tf.constant([[20.0, 300.0, -91.0, 21.0]]),
        "rain_mm": tf.sparse.from_dense(tf.constant([[1.0, -4.0, 9999.0, 2.0]])),
    }

    possible = {name: _possible(values, LIMITS[name]).numpy()[0].tolist() for name, values in inputs.items()}

    assert [np.isnan(value) for value in possible["temperature_c"]] == [False, True, True, False]
    assert [np.isnan(value) for value in possible["rain_mm"]] == [False, True, True, False]
