"""The files of a recommendation."""

import json
from pathlib import Path

import pandas as pd
import pytest
import recommendation_samples as samples

from yachay.components.intervention_recommender.outputs import (
    POLYGONS_FILE,
    _keep_polygons,
    for_spreadsheets,
    read_polygons,
)
from yachay.components.intervention_recommender.settings import Polygons
from yachay.errors import DataError

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


def test_no_text_is_a_formula_to_a_spreadsheet():
    table = pd.DataFrame(
        {"name": ["=1+1", "@x", "-a", "Lima", None], "key": ["-12", "01", "+5", "a=b", "-1.5"], "n": -1}
    )
    found = for_spreadsheets(table)

    assert found["name"].tolist()[:4] == ["'=1+1", "'@x", "'-a", "Lima"]
    assert found["key"].tolist() == table["key"].tolist()
    assert found["n"].tolist() == table["n"].tolist()


def write_polygons(path: Path, keys: list[str]) -> Path:
    features = [{"type": "Feature", "properties": {"ID": key}, "geometry": SQUARE} for key in keys]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_polygon_under_an_old_key_is_that_of_the_community(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "old.geojson", ["160109", "160110"])
    config = samples.config(polygons=Polygons(path=str(path), key="ID", recoded={"160109": "160801", "7": "8"}))
    assert read_polygons(path, config) == {"160801": SQUARE, "160110": SQUARE}

    kept = _keep_polygons(path, config, tmp_path / POLYGONS_FILE)
    assert [one["properties"]["ID"] for one in json.loads(kept.read_text())["features"]] == ["160801", "160110"]
    assert read_polygons(kept, config) == read_polygons(path, config)


def test_polygons_under_an_old_and_a_new_key_are_an_error(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "both.geojson", ["160109", "160801"])
    config = samples.config(polygons=Polygons(path=str(path), key="ID", recoded={"160109": "160801"}))
    with pytest.raises(DataError, match=r"one of the keys '160109' and '160801'.*Received: both\. Take the entry out"):
        read_polygons(path, config)
