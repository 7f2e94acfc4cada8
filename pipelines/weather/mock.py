"""Made-up stations in the form of the Beijing files, for demonstrations and tests. They are of no place.

Weather systems pass every few days (a slow wave whose length is drawn anew each time), with pressure falling before
warm air and rain and rising behind them; on it lie the year, the day, and noise. So the next day can be
forecast in part from pressure and wind, as in real series.
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .network import COMPASS_DEG

_STATIONS = {"Changping": -1.0, "Dongsi": 0.5, "Huairou": -2.0}
_DAYS = 330
_GAP_SHARE = 0.003
_SEED = 11


def write_mock(path: Path) -> None:
    """Writes a file of 330 days of three stations, hourly, with gaps and a few faults of sensors."""
    random = np.random.default_rng(_SEED)
    times = pd.date_range("2023-03-01", periods=24 * _DAYS, freq="h")
    day = np.arange(len(times)) / 24
    passing = _passing(random, len(times))
    # The wave as it will be in half a day: pressure falls before the warm air is there.
    lead = np.interp(np.arange(len(times)) + 12, np.arange(len(times)), passing)
    points = list(COMPASS_DEG)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["No", "year", "month", "day", "hour", "TEMP", "PRES", "DEWP", "RAIN", "wd", "WSPM", "station"])
        for station, shift in _STATIONS.items():
            yearly = 12 + shift - 14 * np.cos(2 * np.pi * (day + 59 - 15) / 365.25)
            daily = -(4 - 1.5 * passing) * np.cos(2 * np.pi * (day - 4 / 24))
            temperature = yearly + daily + 5 * passing + random.normal(0, 0.4, len(day))
            pressure = 1016 - 8 * lead - 0.3 * (yearly - 12) + random.normal(0, 0.4, len(day))
            dew_point = np.minimum(temperature - 0.2, temperature - 8 + 5 * passing + random.normal(0, 0.6, len(day)))
            rain = np.where(passing + random.normal(0, 0.4, len(day)) > 1.5, random.exponential(1.2, len(day)), 0)
            wind = np.abs(1.8 + 1.2 * np.gradient(passing) * 24 + random.normal(0, 0.6, len(day)))
            direction = np.where(np.gradient(passing) > 0, 180, 330) + random.normal(0, 40, len(day))
            temperature[500 * len(station)] = 99.9
            columns = [_texts(of, random) for of in (temperature, pressure, dew_point, rain)]
            words = [points[round(angle / 22.5) % 16] for angle in direction]
            winds = _texts(wind, random)
            for row, time in enumerate(times):
                rows.writerow(
                    [row + 1, time.year, time.month, time.day, time.hour, *(of[row] for of in columns), words[row],
                     winds[row], station]
                )  # fmt: skip


def _passing(random: np.random.Generator, hours: int) -> NDArray[np.float64]:
    """Returns a wave between about -2 and 2, of periods of three to seven days."""
    phase = np.cumsum(2 * np.pi / (24 * np.repeat(random.uniform(3, 7, hours // 24 + 1), 24)[:hours]))
    size = np.interp(
        np.arange(hours),
        np.arange(0, hours + 96, 96),
        random.uniform(0.5, 1.8, hours // 96 + 2)[: len(range(0, hours + 96, 96))],
    )
    wave: NDArray[np.float64] = size * np.sin(phase)
    return wave


def _texts(values: NDArray[np.float64], random: np.random.Generator) -> list[str]:
    return ["NA" if random.random() < _GAP_SHARE else f"{value:.1f}" for value in values]
