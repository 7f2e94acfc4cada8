"""The baselines, on series of which the right answer is known, and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from yachay.pipelines.weather.baselines import NAMES, Baselines, Windows

PAST, AHEAD = 48, 24


def windows_of(values: np.ndarray, start: str = "2022-01-01", step: str = "1h") -> tuple[Windows, np.ndarray]:
    rows = np.arange(PAST - 1, len(values) - AHEAD, 5)
    past = np.stack([values[row - PAST + 1 : row + 1] for row in rows])
    labels = np.stack([values[row + 1 : row + 1 + AHEAD] for row in rows])
    times = pd.date_range(start, periods=len(values), freq=step)[rows]
    return Windows(np.full(len(rows), "A", object), times, past, past, pd.Timedelta(step)), labels


def climate(count: int) -> np.ndarray:
    days = np.arange(count) / 24
    return 12 - 10 * np.cos(2 * np.pi * days / 365.2425) - 4 * np.cos(2 * np.pi * days)


def test_climatology_is_exact_on_a_climate_and_persistence_is_the_newest_value() -> None:
    windows, labels = windows_of(climate(24 * 800))
    forecasts = Baselines.fit(windows, labels).predict(windows, AHEAD)
    assert list(forecasts) == list(NAMES)
    np.testing.assert_allclose(forecasts["climatology"], labels, atol=1e-3)
    np.testing.assert_allclose(forecasts["mixture"], labels, atol=1e-3)
    np.testing.assert_array_equal(forecasts["persistence"], np.repeat(windows.past[:, -1:], AHEAD, axis=1))
    np.testing.assert_array_equal(forecasts["yesterday"], windows.past[:, -24:])


def test_the_mixture_is_the_least_squares_of_its_parts_in_the_training_windows() -> None:
    random = np.random.default_rng(0)
    noise = np.convolve(random.normal(0, 1, 24 * 800), 0.97 ** np.arange(200))[: 24 * 800]
    windows, labels = windows_of(climate(24 * 800) + noise)
    forecasts = Baselines.fit(windows, labels).predict(windows, AHEAD)
    for step in (0, 11):
        parts = np.stack([forecasts[name][:, step] for name in ("persistence", "yesterday", "climatology")], axis=1)
        fitted = LinearRegression(fit_intercept=False).fit(parts, labels[:, step])
        np.testing.assert_allclose(forecasts["mixture"][:, step], fitted.predict(parts), atol=1e-6)
    errors = {name: np.abs(of - labels).mean() for name, of in forecasts.items()}
    assert errors["linear"] < errors["mixture"] < min(errors[name] for name in NAMES[:3])
    assert errors["trees"] < errors["mixture"]


def test_a_missing_hour_of_yesterday_is_the_newest_value() -> None:
    windows, labels = windows_of(climate(24 * 100))
    windows.past[:, -24] = np.nan
    forecasts = Baselines.fit(windows, labels).predict(windows, AHEAD)
    np.testing.assert_array_equal(forecasts["yesterday"][:, 0], windows.past[:, -1])
    assert all(np.isfinite(of).all() for of in forecasts.values())


def test_a_daily_series_has_a_yearly_climate() -> None:
    days = np.arange(3000)
    values = 10 + 3 * np.sin(2 * np.pi * days / 365.2425)
    windows, labels = windows_of(values, step="1D")
    forecasts = Baselines.fit(windows, labels).predict(windows, AHEAD)
    np.testing.assert_allclose(forecasts["climatology"], labels, atol=1e-2)
    assert forecasts["linear"] == pytest.approx(labels, abs=1e-2)


def test_a_climatology_of_half_a_year_says_nothing_of_the_other_half() -> None:
    windows, labels = windows_of(climate(24 * 800) + np.random.default_rng(0).normal(0, 1, 24 * 800))
    is_half = windows.times < windows.times[0] + pd.Timedelta("180D")
    half = Windows(windows.stations[is_half], windows.times[is_half], windows.past[is_half], windows.inputs[is_half],
                   windows.step)  # fmt: skip
    forecast = Baselines.fit(half, labels[is_half]).predict(windows, AHEAD)["climatology"]
    seen = labels[is_half]
    assert seen.min() < forecast.min() < forecast.max() < seen.max()


def test_a_station_that_is_new_has_the_climate_of_the_others() -> None:
    windows, labels = windows_of(climate(24 * 800))
    new = Windows(np.full(len(labels), "B", object), windows.times, windows.past, windows.inputs, windows.step)
    forecast = Baselines.fit(windows, labels).predict(new, AHEAD)["climatology"]
    np.testing.assert_allclose(forecast, labels, atol=1e-3)
