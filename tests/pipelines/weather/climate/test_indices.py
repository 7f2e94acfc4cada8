"""Indices of extremes."""

import numpy as np
import pandas as pd
import pytest
from climates import make_days

from yachay.pipelines.weather.climate.indices import INDICES, Base, compute_indices

BASE = Base(1991, 2020)


def make_rain(values, first="2019-01-01"):
    dates = pd.date_range(first, periods=len(values))
    return pd.DataFrame({"rain_mm": np.asarray(values, float)}, dates)


def test_all_indices_are_there_where_the_variables_and_the_base_are():
    found = compute_indices(make_days(), BASE)
    assert list(found) == list(INDICES)
    assert all(len(values) == 30 and values.notna().all() for values in found.values())
    # Within its base a percentile has its share of the days.
    for name in ("TG10p", "TG90p", "TN10p", "TN90p", "TX10p", "TX90p"):
        assert found[name].mean() == pytest.approx(10, abs=0.7)


def test_percentiles_need_ten_years_of_a_base():
    found = compute_indices(make_days("2012-01-01"), BASE)
    assert "R95p" not in found
    assert "TG90p" not in found
    assert "RX1DAY" in found


def test_sums_and_counts_of_rain():
    values = np.zeros(365)
    values[[10, 11, 12]] = [0.9, 1.0, 25.0]
    values[[20, 24]] = [12.0, 9.0]
    found = {name: of.iloc[0] for name, of in compute_indices(make_rain(values), BASE).items()}
    assert found["PRCPTOT"] == 47
    assert (found["RX1DAY"], found["RX5DAY"]) == (25, pytest.approx(26.9))
    assert (found["R1mm"], found["R10mm"], found["R20mm"]) == (4, 2, 1)
    assert found["SDII"] == 47 / 4
    assert (found["CWD"], found["CDD"]) == (2, 340)


def test_a_spell_counts_in_the_year_in_which_it_ends():
    values = np.full(730, 5.0)
    values[360:370] = 0  # Five days in each year.
    values[100:103] = 0
    found = compute_indices(make_rain(values), BASE)["CDD"]
    assert found.tolist() == [3, 10]


def test_constant_rain_of_zero_is_one_dry_spell_that_ends_with_the_series():
    found = compute_indices(make_rain(np.zeros(3 * 365)), BASE)
    assert found["CDD"].dropna().to_dict() == {2021: 1095}
    assert found["PRCPTOT"].tolist() == [0, 0, 0]
    assert found["SDII"].isna().all()
    assert found["CWD"].tolist() == [0, 0, 0]


def test_what_is_missing_ends_a_spell_and_a_sum_of_five_days():
    values = np.zeros(365)
    values[200:205] = 10
    values[202] = np.nan
    found = {name: of.iloc[0] for name, of in compute_indices(make_rain(values), BASE).items()}
    assert found["CWD"] == 2
    assert found["RX5DAY"] == 20


@pytest.mark.parametrize(
    ("missing", "has_value"), [(range(0, 365, 30), True), ([3, 4, 5, 6], False), ([3, 4, 5], True)]
)
def test_a_year_with_too_many_missing_days_has_no_value(missing, has_value):
    values = np.ones(365)
    values[list(missing)] = np.nan
    assert np.isfinite(compute_indices(make_rain(values), BASE)["RX1DAY"].iloc[0]) == has_value


def test_a_leap_day_is_judged_by_the_day_before_it():
    days = make_days("1991-01-01", "2020-12-31")[["temperature_c"]]
    days.loc["2020-02-29"] = 99.0
    before = compute_indices(make_days()[["temperature_c"]].assign(temperature_c=lambda of: of.clip(upper=50)), BASE)
    found = compute_indices(days, BASE)
    others = list(range(1991, 2020))
    assert found["TG90p"][others].tolist() == before["TG90p"][others].tolist()
    assert found["TG90p"][2020] >= before["TG90p"][2020]


def test_a_year_of_the_base_is_judged_by_the_others():
    days = make_days()[["temperature_c"]]
    alone = compute_indices(days, Base(1991, 2010))["TG90p"]
    # Without the bootstrap the years after the base would stand out by nothing but not being in it.
    assert alone[alone.index <= 2010].mean() == pytest.approx(alone[alone.index > 2010].mean(), abs=1.2)
