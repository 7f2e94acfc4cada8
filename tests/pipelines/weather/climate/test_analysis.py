"""The climate of a station as a whole: sentences, page, files."""

import json

import numpy as np
import pandas as pd
import pytest
from climates import make_days

from yachay.errors import DataError, UsageError
from yachay.pipelines.weather.climate.analysis import analyse
from yachay.pipelines.weather.climate.document import StationClimate
from yachay.pipelines.weather.climate.fragment import render_station
from yachay.pipelines.weather.climate.outputs import write_climate
from yachay.pipelines.weather.climate.page import render_page
from yachay.pipelines.weather.climate.sentences import season_title, summarize
from yachay.pipelines.weather.network import Place

pytestmark = pytest.mark.integration


def sentences(daily):
    return [text.en for text in summarize(analyse("Cumbe", daily))]


def test_warming_is_found_with_its_interval_and_a_wet_climate_has_no_trend():
    climate = analyse("Cumbe", make_days(warming=0.05), Place(latitude_deg=-7.2, longitude_deg=-78.5))
    of = {variable.name: variable for variable in climate.variables}
    assert of["temperature_c"].trend.is_certain
    assert of["temperature_c"].trend.low < 0.5 < of["temperature_c"].trend.high
    assert not of["rain_mm"].trend.is_certain
    english = sentences(make_days(warming=0.05))
    assert english[0].startswith("Mean temperature: it has risen, +0.")
    assert "a decade (95 % interval +0." in english[0]
    assert any(line.startswith("Rain: no certain trend. The best estimate is ") for line in english)
    # What is data stays data: the page is made of what JSON holds.
    again = StationClimate.model_validate(json.loads(climate.model_dump_json()))
    assert render_station(again) == render_station(climate)
    assert len(render_station(climate).encode()) < 150_000


def test_every_sentence_is_there_in_spanish_too():
    for text in summarize(analyse("Cumbe", make_days(warming=0.05))):
        assert text.es
        assert text.es != text.en


def test_one_year_has_no_trend_and_no_test_and_a_page_all_the_same():
    climate = analyse("Cumbe", make_days("2023-01-01", "2023-12-31"))
    assert all(of.trend is None and of.breaks is None for of in climate.variables)
    assert all("no trend is given. Years with a value: 1 of 1 " in text.en for text in summarize(climate))
    assert not climate.variables[0].normals.is_standard
    assert "<svg" in render_page(climate)


def test_a_gap_of_ten_years_in_thirty_is_no_trend_and_breaks_no_line():
    daily = make_days(warming=0.05)
    daily.loc["2001":"2010"] = np.nan
    climate = analyse("Cumbe", daily)
    assert climate.variables[0].trend is None
    assert climate.variables[0].years[10:20] == (None,) * 10
    assert "Years with a value: 20 of 30 from the first to the last" in summarize(climate)[0].en
    assert "<svg" in render_page(climate)


def test_a_series_that_begins_in_the_middle_of_a_year_has_no_value_for_it():
    climate = analyse("Cumbe", make_days("1991-06-15"))
    assert climate.years[0] == 1991
    assert climate.variables[0].years[0] is None
    assert all(of.years[0] is None for of in climate.indices)


def test_no_rain_ever_has_a_page():
    climate = analyse("Arica", make_days()[["rain_mm"]] * 0)
    assert climate.variables[0].trend.per_decade == 0
    assert climate.variables[0].breaks is None
    assert "<svg" in render_page(climate)


@pytest.mark.parametrize(("latitude", "name"), [(45, " (winter)"), (-45, " (summer)"), (-7.2, ""), (None, "")])
def test_seasons_have_the_names_of_their_hemisphere_and_none_in_the_tropics(latitude, name):
    assert season_title("DJF", latitude).en == f"December to February{name}"


def test_nothing_measured_is_an_error():
    with pytest.raises(DataError, match="Expected days of the station 'Cumbe' with values"):
        analyse("Cumbe", make_days() * np.nan)


def test_files_are_written_for_each_station_and_others_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    days = [("A", make_days("2015-01-01"), None), ("B/ñ", make_days("2018-01-01"), None)]
    found = write_climate(days, tmp_path)
    assert [one["station"] for one in found] == ["A", "B/ñ"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "A.html", "A.json", "B%2F%C3%B1.html", "B%2F%C3%B1.json", "monthly.csv", "notes.txt", "yearly.csv"
    ]  # fmt: skip
    yearly = pd.read_csv(tmp_path / "yearly.csv")
    assert yearly.groupby("station").size().to_dict() == {"A": 6, "B/ñ": 3}
    assert {"temperature_c", "RX1DAY"} <= set(yearly)
    assert len(pd.read_csv(tmp_path / "monthly.csv")) == 9 * 12


def test_an_unknown_station_and_stations_without_values_are_errors(tmp_path):
    days = [("Ancash", make_days("2015-01-01") * np.nan, None)]
    with pytest.raises(UsageError, match="Did you mean 'Ancash'"):
        write_climate(days, tmp_path, ["Ancas"])
    with pytest.raises(DataError, match="with values"):
        write_climate(days, tmp_path)
    assert not list(tmp_path.iterdir())
