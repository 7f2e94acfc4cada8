"""The leaderboard of the page, of made-up forecasts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from yachay.components.prediction_task import PredictionTask
from yachay.errors import DataError
from yachay.pipelines.weather.report import build_leaderboard, render_leaderboard
from yachay.pipelines.weather.source import STEP_FILE

TASK = PredictionTask.model_validate(
    {
        "problem": "forecast",
        "label": {"name": "temperature_ahead_c", "steps": 24, "quantiles": [0.1, 0.5, 0.9]},
        "features": {"temperature_c": "numeric", "station": "categorical", "time": "time"},
    }
)
DAYS = 500


def inputs_of(folder: Path) -> Any:
    """Forecasts of one a day of an hourly series, 80 % of whose labels lie between their quantiles."""
    random = np.random.default_rng(0)
    hours = np.arange(24 * (DAYS + 3))
    series = 10 - 8 * np.cos(2 * np.pi * hours / 24) + random.normal(0, 1, len(hours))
    lasts = 24 * np.arange(2, DAYS + 2)
    past, ahead = (
        np.stack([series[last + begin : last + end] for last in lasts]) for begin, end in ((-47, 1), (1, 25))
    )
    records = pd.DataFrame(past, columns=[f"temperature_c_{step}" for step in range(48)])
    records.insert(0, "station", "A")
    records.insert(
        1, "time", pd.date_range("2020-01-01", periods=DAYS, freq="1D", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    expected = 10 - 8 * np.cos(2 * np.pi * (lasts[:, None] + np.arange(1, 25)) / 24)
    labels = pd.DataFrame(ahead)
    return SimpleNamespace(
        task=TASK,
        labels=ahead,
        predictions=expected[..., None] + 1.2816 * np.array([-1, 0, 1]),
        seed=1,
        read_columns=lambda names: records,
        read_training_columns=lambda names: labels if names == ["temperature_ahead_c"] else records,
        attachments=folder,
    )


def test_the_step_is_the_readers_and_seasons_are_called_by_their_months(tmp_path: Path) -> None:
    (tmp_path / STEP_FILE).write_text("1h")
    data = build_leaderboard(inputs_of(tmp_path))
    # One forecast a day, each hour ahead.
    assert data["step_hours"] == 1
    assert [line["name"] for line in data["conditions"]["season"]] == ["DJF", "MAM", "JJA", "SON"]
    for line in [*data["conditions"]["season"], *data["conditions"]["step"]]:
        low, high = line["coverage_interval"]
        assert low < line["coverage"] < high
        assert line["coverage"] == pytest.approx(0.8, abs=0.06)
    widths = [np.ptp(line["coverage_interval"]) for line in data["conditions"]["step"]]
    # About 1.96 standard errors of 500 independent days to either side.
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / DAYS), rel=0.4)
    page = render_leaderboard(data)
    assert "December to February" in page
    # Lines and percentages are in both languages.
    assert 'data-es="Modelo lineal de todas las entradas"' in page.split('<p class="legend">')[1]
    assert f'data-es="{data["conditions"]["step"][0]["coverage"]:.1%} ['.replace(".", ",").replace("%", " %") in page


def test_without_the_step_a_run_must_not_be_cached(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Expected step\.txt beside the examples"):
        build_leaderboard(inputs_of(tmp_path))
