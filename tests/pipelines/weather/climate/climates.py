"""Made-up days of stations."""

import numpy as np
import pandas as pd


def make_days(first="1991-01-01", last="2020-12-31", warming=0.0, seed=1):
    """Returns days with a year's course of temperature and a rainy season from December to March."""
    dates = pd.date_range(first, last, freq="D")
    random = np.random.default_rng(seed)
    turn = 2 * np.pi * (dates.dayofyear.to_numpy() - 15) / 365.25
    years = np.arange(len(dates)) / 365.25
    mean = 15 + 3 * np.cos(turn) + warming * years + random.normal(0, 1.5, len(dates))
    rain = np.where(random.random(len(dates)) < 0.35 + 0.3 * np.cos(turn), random.gamma(0.8, 8, len(dates)), 0.0)
    return pd.DataFrame(
        {
            "temperature_c": mean,
            "temperature_min_c": mean - 5 - random.random(len(dates)),
            "temperature_max_c": mean + 5 + random.random(len(dates)),
            "rain_mm": np.round(rain, 1),
        },
        dates,
    )
