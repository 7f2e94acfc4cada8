"""Reads hourly stations as windows, and writes synthetic ones."""

import csv
import datetime
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

PAST, AHEAD, STRIDE = 48, 24, 12


def read(path: str) -> Iterator[pa.RecordBatch]:
    """Yields the windows of each station; an empty value is a gap, which a window may hold but not predict."""
    with Path(path).open(newline="") as file:
        for station, rows in groupby(csv.DictReader(file), key=lambda row: row["station"]):
            hours = list(rows)
            values = np.array([float(row["load"] or "nan") for row in hours])
            ends = [
                end for end in range(PAST, len(hours) - AHEAD, STRIDE) if np.isfinite(values[end : end + AHEAD]).all()
            ]
            yield pa.record_batch(
                {
                    "station": pa.array([station] * len(ends)),
                    "time": pa.array([hours[end]["time"] for end in ends]),
                    "past": pa.array(
                        [[None if np.isnan(v) else v for v in values[end - PAST : end]] for end in ends],
                        pa.list_(pa.float32()),
                    ),
                    "ahead": pa.array([values[end : end + AHEAD] for end in ends], pa.list_(pa.float32())),
                }
            )


def write_mock(path: Path) -> None:
    """Writes 100 days of three stations: a daily wave on a slow one, noise, and some gaps."""
    random = np.random.default_rng(7)
    hour = np.arange(24 * 100)
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["station", "time", "load"])
        for number, station in enumerate("ABC"):
            wave = 20 + 5 * np.sin(2 * np.pi * hour / 24 + number) + 3 * np.sin(2 * np.pi * hour / 500)
            for at, value in zip(hour, wave + random.normal(0, 0.7, len(hour)), strict=True):
                rows.writerow(
                    [
                        station,
                        (start + datetime.timedelta(hours=int(at))).isoformat(),
                        "" if random.random() < 0.01 else f"{value:.3f}",
                    ]
                )
