"""Normals, years and seasons."""

import numpy as np
import pandas as pd
import pytest

from yachay.pipelines.weather.climate.normals import find_normal, to_seasonal, to_yearly


def make_months(first, last, name="temperature_c"):
    index = pd.date_range(f"{first}-01-01", f"{last}-12-01", freq="MS")
    return pd.Series(index.month + (index.year - 2000) / 10, index, name=name, dtype=float)


def test_a_standard_normal_needs_24_years_of_1991_to_2020():
    normal = find_normal(make_months(1997, 2024))
    assert normal.is_standard
    assert normal.num_years.tolist() == [24] * 12
    assert normal.months == pytest.approx(np.arange(1, 13) + 0.85)
    assert not find_normal(make_months(1998, 2024)).is_standard


def test_a_station_without_it_has_means_of_its_years():
    normal = find_normal(make_months(1950, 1979))
    assert (normal.first, normal.last, normal.is_standard) == (1950, 1979, False)
    assert np.isfinite(normal.months).all()


def test_a_month_that_is_there_in_too_few_years_has_no_normal():
    months = make_months(2001, 2010)
    months[(months.index.month == 2) & (months.index.year < 2004)] = np.nan
    assert np.isnan(find_normal(months).months).tolist() == [False, True] + [False] * 10


def test_a_year_and_a_season_need_all_of_their_months():
    months = make_months(2001, 2003, "rain_mm")
    months.loc["2002-12-01"] = np.nan
    yearly = to_yearly(months)
    assert yearly[2001] == pytest.approx(78 + 12 * 0.1)
    assert np.isnan(yearly[2002])
    summers = to_seasonal(months, "DJF")
    # The first has no December, 2003's is missing; that of 2001 belongs to 2002.
    assert np.isnan(summers[2001])
    assert summers[2002] == pytest.approx(12 + 0.1 + 1 + 2 + 2 * 0.2)
    assert np.isnan(summers[2003])
    assert 2004 not in summers.index
