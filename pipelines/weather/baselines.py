"""What a forecast must beat: persistence, yesterday, the climate, their mixture, a linear model, boosted trees."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...components.trainer.threads import few_openmp_threads

Numbers = NDArray[np.float64]

NAMES = ("persistence", "yesterday", "climatology", "mixture", "linear", "trees")
_DAYS_A_YEAR = 365.2425
_A_YEAR = pd.Timedelta("365D")
_YEARLY, _DAILY = 3, 3
_RIDGE = 1.0
_STEPS_A_WINDOW = 6
"""How many steps of each training window the trees see, drawn by lot."""

_TREES = {"max_iter": 150, "learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 200}
_SEED = 42


@dataclasses.dataclass(frozen=True)
class Windows:
    """Windows as the baselines see them.

    Args:
        stations: array of strings `(N,)`.
        times: `pandas.DatetimeIndex` of the newest values, UTC.
        past: float array `(N, P)`. The target up to them, NaN where missing.
        inputs: float array `(N, F)`. All that a linear model sees, NaN where missing.
        step: `pandas.Timedelta`.
    """

    stations: NDArray[np.object_]
    times: pd.DatetimeIndex
    past: Numbers
    inputs: Numbers
    step: pd.Timedelta


class Baselines:
    """Baselines that were learned from the training windows alone.

    The climatology is, for each station, the least squares fit of three harmonics of the year times three of the day
    (for daily series of the year alone) to the target of the training years; where these are less than a year, of the
    day alone, for of the other seasons nothing is known. A station that is new in the test has the mean of all. The
    mixture weighs persistence, yesterday and climatology by the least squares of each step ahead; the linear model is
    the ridge regression of each step on all inputs, the calendar and the station. The boosted trees are of all steps at
    once: the step is an input, beside lags, and what is learned is the difference from the same hour of yesterday.
    """

    def __init__(self, climate: dict[str, Numbers], weights: Numbers, linear: _Linear, trees: _Trees) -> None:
        self._climate, self._weights, self._linear, self._trees = climate, weights, linear, trees

    @classmethod
    def fit(cls, windows: Windows, labels: Numbers) -> Self:
        """Returns the baselines of training windows and what came after them, `(N, H)`."""
        steps = labels.shape[1]
        climate = {}
        for station in sorted(set(windows.stations)):
            rows = windows.stations == station
            times = windows.times[rows]
            ahead = [times + step * windows.step for step in range(1, steps + 1)]
            design = np.concatenate([_harmonics(of, windows.step) for of in ahead])
            is_short = times.max() - times.min() < _A_YEAR
            num_known = design.shape[1] // (1 + 2 * _YEARLY) if is_short else design.shape[1]
            climate[station] = np.zeros(design.shape[1])
            climate[station][:num_known] = np.linalg.lstsq(design[:, :num_known], labels[rows].T.ravel(), rcond=None)[0]
        parts = _parts(windows, climate, steps)
        weights = np.stack(
            [
                np.linalg.lstsq(np.stack([part[:, step] for part in parts], 1), labels[:, step], rcond=None)[0]
                for step in range(steps)
            ]
        )
        return cls(climate, weights, _Linear.fit(windows, labels), _Trees.fit(windows, labels))

    def predict(self, windows: Windows, steps: int) -> dict[str, Numbers]:
        """Returns each baseline's forecast, `(N, H)`, by its name in `NAMES`."""
        parts = _parts(windows, self._climate, steps)
        mixture = sum(self._weights[:, place] * part for place, part in enumerate(parts))
        forecasts = (*parts, mixture, self._linear.predict(windows), self._trees.predict(windows, steps))
        return dict(zip(NAMES, forecasts, strict=True))  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class _Linear:
    means: Numbers
    deviations: Numbers
    stations: tuple[str, ...]
    kernel: Numbers
    bias: Numbers

    @classmethod
    def fit(cls, windows: Windows, labels: Numbers) -> Self:
        stations = tuple(sorted(set(windows.stations)))
        inputs = _design(windows, stations)
        means, deviations = np.nanmean(inputs, axis=0), np.nanstd(inputs, axis=0)
        deviations[deviations == 0] = 1
        scaled = np.nan_to_num((inputs - means) / deviations)
        bias = labels.mean(axis=0)
        gram = scaled.T @ scaled + _RIDGE * np.eye(scaled.shape[1])
        return cls(means, deviations, stations, np.linalg.solve(gram, scaled.T @ (labels - bias)), bias)

    def predict(self, windows: Windows) -> Numbers:
        scaled = np.nan_to_num((_design(windows, self.stations) - self.means) / self.deviations)
        predicted: Numbers = scaled @ self.kernel + self.bias
        return predicted


@dataclasses.dataclass(frozen=True)
class _Trees:
    model: Any
    stations: tuple[str, ...]

    @classmethod
    def fit(cls, windows: Windows, labels: Numbers) -> Self:
        from sklearn.ensemble import HistGradientBoostingRegressor

        stations = tuple(sorted(set(windows.stations)))
        rows = np.repeat(np.arange(len(labels)), min(_STEPS_A_WINDOW, labels.shape[1]))
        steps = np.random.default_rng(_SEED).integers(0, labels.shape[1], len(rows))
        yesterday = _yesterday(windows, labels.shape[1])
        model, lags = (
            HistGradientBoostingRegressor(**_TREES, random_state=_SEED),
            _lags(windows, stations, yesterday, rows, steps),
        )
        with few_openmp_threads(lags.size):
            model.fit(lags, labels[rows, steps] - yesterday[rows, steps])
        return cls(model, stations)

    def predict(self, windows: Windows, steps: int) -> Numbers:
        yesterday = _yesterday(windows, steps)
        forecast = np.empty_like(yesterday)
        rows = np.arange(len(yesterday))
        for step in range(steps):
            lags = _lags(windows, self.stations, yesterday, rows, np.full(len(rows), step))
            with few_openmp_threads(lags.size):
                forecast[:, step] = yesterday[:, step] + self.model.predict(lags)
        return forecast


def _lags(
    windows: Windows,
    stations: tuple[str, ...],
    yesterday: Numbers,
    rows: NDArray[np.int64],
    steps: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Returns what the trees see of a step of each row: lags, the calendar of the time ahead, the station."""
    past, num_steps = windows.past, windows.past.shape[1]
    newest, a_day = past[:, -1:], min(_steps_a_day(windows.step), num_steps)
    other = windows.inputs.reshape(len(past), -1, num_steps)
    back = [step for step in (2, 4, 7, 13) if step <= num_steps]
    # The newest value of every variable, and how it has changed.
    lags = [*newest.T, *(newest - past[:, [-step for step in back]]).T, *other[:, :, -1].T]
    lags += [*(other[:, :, -1] - other[:, :, -min(7, num_steps)]).T, *(other[:, :, -1] - other[:, :, -a_day]).T]
    recent = np.where(np.isfinite(past), past, newest)[:, -max(a_day, 7) :]
    lags += [newest[:, 0] - of(recent, axis=1) for of in (np.mean, np.min, np.max)]
    times = windows.times[rows] + (steps + 1) * windows.step
    places = {station: place for place, station in enumerate(stations)}
    ahead = [
        steps, (yesterday - newest)[rows, steps], times.hour, times.dayofyear,
        [places.get(station, -1) for station in windows.stations[rows]],
    ]  # fmt: skip
    return np.column_stack([np.stack(lags, axis=1)[rows], *ahead]).astype(np.float32)


def _steps_a_day(step: pd.Timedelta) -> int:
    steps: int = round(pd.Timedelta("1D") / step)
    return steps


def _yesterday(windows: Windows, steps: int) -> Numbers:
    """Returns the same hour of yesterday; where it is missing, and of daily series, the newest value."""
    newest = np.repeat(windows.past[:, -1:], steps, axis=1)
    a_day = _steps_a_day(windows.step)
    if a_day == 1:
        return newest
    yesterday = np.stack([windows.past[:, -a_day + step % a_day] for step in range(steps)], axis=1)
    return np.where(np.isfinite(yesterday), yesterday, newest)


def _parts(windows: Windows, climate: dict[str, Numbers], steps: int) -> tuple[Numbers, Numbers, Numbers]:
    newest = np.repeat(windows.past[:, -1:], steps, axis=1)
    yesterday = _yesterday(windows, steps)
    expected = np.zeros((len(windows.times), steps))
    of_all: Numbers = np.mean(list(climate.values()), axis=0)
    for station in sorted(set(windows.stations)):
        rows = windows.stations == station
        weights = climate.get(station, of_all)
        for step in range(steps):
            design = _harmonics(windows.times[rows] + (step + 1) * windows.step, windows.step)
            expected[rows, step] = design @ weights
    return newest, yesterday, expected


def _design(windows: Windows, stations: tuple[str, ...]) -> Numbers:
    is_station = np.stack([windows.stations == station for station in stations], axis=1)
    return np.hstack([windows.inputs, _calendar(windows.times, windows.step), is_station])


def _calendar(times: pd.DatetimeIndex, step: pd.Timedelta) -> Numbers:
    phases = [2 * np.pi * _days(times) / _DAYS_A_YEAR]
    if step < pd.Timedelta("1D"):
        phases.append(2 * np.pi * _days(times))
    return np.stack([wave(k * phase) for phase in phases for k in (1, 2) for wave in (np.sin, np.cos)], axis=1)


def _harmonics(times: pd.DatetimeIndex, step: pd.Timedelta) -> Numbers:
    def waves(phase: Numbers, count: int) -> list[Numbers]:
        return [np.ones(len(phase)), *(wave(k * phase) for k in range(1, count + 1) for wave in (np.sin, np.cos))]

    days = _days(times)
    yearly = waves(2 * np.pi * days / _DAYS_A_YEAR, _YEARLY)
    daily = waves(2 * np.pi * days, _DAILY) if step < pd.Timedelta("1D") else [np.ones(len(days))]
    return np.stack([year * day for year in yearly for day in daily], axis=1)


def _days(times: pd.DatetimeIndex) -> Numbers:
    days: Numbers = np.asarray((times - pd.Timestamp(0)) / pd.Timedelta("1D"), np.float64)
    return days
