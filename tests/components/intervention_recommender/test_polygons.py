"""The polygons of communities."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import recommendation_samples as samples

from yachay.components.intervention_recommender.communities import read_communities
from yachay.components.intervention_recommender.outputs import POLYGONS_FILE
from yachay.components.intervention_recommender.polygons import check_polygons, keep_polygons, read_polygons
from yachay.components.intervention_recommender.settings import Polygons
from yachay.errors import DataError

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


def test_a_file_that_is_no_collection_or_has_another_key_is_rejected(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "polygons.geojson", ["000"])
    with pytest.raises(DataError, match="Did you mean 'ID'"):
        read_polygons(path, samples.config(polygons=Polygons(path=str(path), key="IDD")))
    path.write_text("[]")
    with pytest.raises(DataError, match="GeoJSON collection of features"):
        read_polygons(path, samples.config())


def test_a_community_of_several_features_has_all_of_them(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "islands.geojson", ["000", "000", "001", "000"])
    collection = json.loads(path.read_text())
    collection["features"][3]["geometry"] = None
    path.write_text(json.dumps(collection))
    found = read_polygons(path, samples.config(polygons=Polygons(path=str(path), key="ID")))
    assert found == {"000": {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]] * 2}, "001": SQUARE}


def test_polygons_of_another_country_with_the_same_keys_are_rejected(tmp_path: Path) -> None:
    communities = read_communities(samples.communities(4), samples.settings())
    path = tmp_path / "polygons.geojson"
    geometries = dict.fromkeys(communities.keys, SQUARE)

    def lying(longitude, latitude):
        return dataclasses.replace(communities, longitude=np.full(4, longitude), latitude=np.full(4, latitude))

    check_polygons(geometries, communities, path)  # Without a place nothing can be said.
    check_polygons(geometries, lying(1.5, 0.5), path)
    check_polygons(dict.fromkeys(communities.keys), lying(1.5, 0.5), path)
    with pytest.raises(DataError, match=r"4 of 4 that lie elsewhere(.|\n)*000 \(District 0\)"):
        check_polygons(geometries, lying(-75.0, -12.0), path)


def write_polygons(path: Path, keys: list[str]) -> Path:
    features = [{"type": "Feature", "properties": {"ID": key}, "geometry": SQUARE} for key in keys]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_polygon_under_an_old_key_is_that_of_the_community(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "old.geojson", ["160109", "160110"])
    config = samples.config(polygons=Polygons(path=str(path), key="ID", recoded={"160109": "160801", "7": "8"}))
    assert read_polygons(path, config) == {"160801": SQUARE, "160110": SQUARE}

    kept = keep_polygons(path, config, tmp_path / POLYGONS_FILE)
    assert [one["properties"]["ID"] for one in json.loads(kept.read_text())["features"]] == ["160801", "160110"]
    assert read_polygons(kept, config) == read_polygons(path, config)


def test_polygons_under_an_old_and_a_new_key_are_an_error(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "both.geojson", ["160109", "160801"])
    config = samples.config(polygons=Polygons(path=str(path), key="ID", recoded={"160109": "160801"}))
    with pytest.raises(DataError, match=r"one of the keys '160109' and '160801'.*Received: both\. Take the entry out"):
        read_polygons(path, config)


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ("POLYGON ((0 0, 1 1))", r"the geometry of '001' .* to be an object with a type.*Received: POLYGON"),
        ([1, 2], r"the geometry of '001' .* to be an object with a type"),
        ({"coordinates": []}, r"the geometry of '001' .* to be an object with a type"),
        ({"type": "Polygon", "coordinates": 3}, r"the Polygon of '001' .* to have a list of coordinates. Received: 3"),
    ],
)
def test_a_geometry_that_is_no_object_names_its_community(tmp_path: Path, geometry: object, message: str) -> None:
    path = write_polygons(tmp_path / "polygons.geojson", ["000", "001"])
    collection = json.loads(path.read_text())
    collection["features"][1]["geometry"] = geometry
    path.write_text(json.dumps(collection))
    with pytest.raises(DataError, match=message):
        read_polygons(path, samples.config(polygons=Polygons(path=str(path), key="ID")))


def test_a_feature_without_properties_and_a_point_are_no_polygons(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "polygons.geojson", ["000", "001", "002"])
    collection = json.loads(path.read_text())
    collection["features"][0]["properties"] = None
    collection["features"][1]["geometry"] = {"type": "Point", "coordinates": [0, 0]}
    path.write_text(json.dumps(collection))
    config = samples.config(polygons=Polygons(path=str(path), key="ID", recoded={"002": "003"}))
    assert read_polygons(path, config) == {"001": None, "003": SQUARE}
    assert read_polygons(keep_polygons(path, config, tmp_path / POLYGONS_FILE), config) == read_polygons(path, config)


@pytest.mark.parametrize("point", [[0, float("nan")], [0, "north"], [200, 0], [0], 7])
def test_a_polygon_that_is_none_is_an_error_before_any_model_is_trained(tmp_path: Path, point: object) -> None:
    communities = read_communities(samples.communities(4), samples.settings())
    broken = {"type": "Polygon", "coordinates": [[[0, 0], point, [1, 1], [0, 0]]]}
    with pytest.raises(DataError, match=r"(list of positions|degrees).*'001'"):
        check_polygons(dict.fromkeys(communities.keys, SQUARE) | {"001": broken}, communities, tmp_path / "p.geojson")
