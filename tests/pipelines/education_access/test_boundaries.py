import json
import os
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from yachay.errors import DataError
from yachay.pipelines.education_access.boundaries import KEY, RECODED, Gap, find_gaps
from yachay.pipelines.registry import find_pipeline

SQUARE = [[-75, -10], [-74, -10], [-74, -9], [-75, -9], [-75, -10]]
HOLE = [[-74.6, -9.6], [-74.4, -9.6], [-74.4, -9.4], [-74.6, -9.4], [-74.6, -9.6]]


def test_a_district_without_a_polygon_is_named_with_the_polygon_that_covers_its_capital(tmp_path: Path) -> None:
    features = [
        {"properties": {"IDDIST": "250302"}, "geometry": {"type": "Polygon", "coordinates": [SQUARE, HOLE]}},
        {"properties": {"IDDIST": "250303"}, "geometry": None},
        {"properties": {"IDDIST": "160109"}, "geometry": {"type": "MultiPolygon", "coordinates": [[HOLE]]}},
    ]
    (tmp_path / "districts.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    places = pd.DataFrame(
        {
            "250302": (-74.5, -9.9),
            "250303": (-74.9, -9.5),
            "250304": (-74.5, -9.5),
            "250305": (-70.0, -9.5),
            "160801": (-74.5, -9.5),
        },
        index=["longitude", "latitude"],
    ).T

    gaps = find_gaps(tmp_path / "districts.geojson", places)

    assert gaps == [Gap("250303", "null", "250302"), Gap("250304", "absent", "160801"), Gap("250305", "absent", None)]


def test_the_recommendation_takes_the_same_codes_for_the_same_districts() -> None:
    settings = find_pipeline("education_access").load().recommend
    assert settings is not None
    assert settings.polygons is not None
    assert (settings.polygons.key, settings.polygons.recoded) == (KEY, RECODED)


def test_another_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "roads.geojson").write_text('{"features": [{"properties": {"NAME": "PE-3S"}, "geometry": null}]}')

    with pytest.raises(DataError, match=r"with the property IDDIST\. Received: KeyError"):
        find_gaps(tmp_path / "roads.geojson", pd.DataFrame())


@pytest.mark.integration
def test_the_official_file_lacks_the_districts_that_are_younger(official) -> None:
    path = Path(os.environ["YACHAY_DATA"], "education_access", "peru_distrital_simple.geojson")

    gaps = find_gaps(path, official.records)

    assert Counter(gap.reason for gap in gaps) == {"absent": 40, "null": 8}
    # Rosa Panduro and Yaguas were parts of Putumayo, which has its polygon under another code.
    assert {gap.ubigeo: gap.within for gap in gaps if gap.ubigeo.startswith("1608")} == {
        "160802": "160801",
        "160804": "160801",
    }
    assert [gap.ubigeo for gap in gaps if gap.within is None] == ["070105", "210103"]
