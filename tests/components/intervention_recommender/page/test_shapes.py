import json
from pathlib import Path

import numpy as np
import pytest

from yachay.components.intervention_recommender.page.shapes import (
    Shapes,
    projection_of,
    read_polygons,
    simplify,
)
from yachay.errors import DataError


def shapes_of(polygons: dict[str, list[np.ndarray]], max_points: int = 10_000) -> Shapes:
    projection = projection_of(polygons.values(), (), ())
    assert projection
    return simplify(polygons, projection, max_points)


def outline(shapes: Shapes, key: str) -> list[set[tuple[int, int]]]:
    """The points of each ring."""
    lines = [np.reshape(arc, (-1, 2)).cumsum(axis=0) for arc in shapes.arcs]
    return [
        {tuple(point) for arc in ring for point in lines[arc if arc >= 0 else ~arc].tolist()}
        for ring in shapes.rings[key]
    ]


def wavy(points: list[tuple[float, float]]) -> np.ndarray:
    return np.array([*points, points[0]], dtype=float)


# Two communities side by side, whose border is a wave.
BORDER = [(1 + 0.03 * np.sin(9 * y) + 0.0001 * np.sin(900 * y), y) for y in np.linspace(0, 2, 400).tolist()]
LEFT = wavy([(0, 2), (0, 0), *BORDER])
RIGHT = wavy([(2, 0), (2, 2), *reversed(BORDER)])


def test_neighbours_share_their_border_and_it_is_stored_once() -> None:
    shapes = shapes_of({"a": [LEFT], "b": [RIGHT]})

    used = [{arc if arc >= 0 else ~arc for arc in shapes.rings[key][0]} for key in "ab"]
    assert len(used[0] & used[1]) == 1
    [border] = used[0] & used[1]
    assert 20 < len(shapes.arcs[border]) / 2 < 300
    assert len(outline(shapes, "a")[0] & outline(shapes, "b")[0]) == len(shapes.arcs[border]) / 2


def test_the_points_that_bend_a_border_most_are_kept() -> None:
    shapes = shapes_of({"a": [LEFT], "b": [RIGHT]}, max_points=20)

    assert sum(len(arc) for arc in shapes.arcs) / 2 <= 20
    xs = [x for x, _ in outline(shapes, "a")[0]]
    assert max(xs) > 8192 * 1.02  # the crest of the wave


def test_an_enclave_and_its_hole_are_one_arc() -> None:
    outer, inner = wavy([(0, 0), (4, 0), (4, 4), (0, 4)]), wavy([(1, 1), (2, 1), (2, 2), (1, 2)])

    shapes = shapes_of({"around": [outer, inner[::-1]], "within": [inner]})

    hole, enclave = shapes.rings["around"][1], shapes.rings["within"][0]
    assert [arc if arc >= 0 else ~arc for arc in hole] == [arc if arc >= 0 else ~arc for arc in enclave]
    assert outline(shapes, "within")[0] == outline(shapes, "around")[1]


def test_a_polygon_smaller_than_the_grid_is_left_out() -> None:
    tiny = wavy([(1, 1), (1.00001, 1), (1.00001, 1.00001)])

    assert set(shapes_of({"large": [LEFT], "tiny": [tiny]}).rings) == {"large"}


def test_east_is_right_south_is_down_and_the_longer_side_fills_the_grid() -> None:
    projection = projection_of([], [-80.0, -70.0], [0.0, -18.0])
    assert projection

    assert [int(end) for end in projection(-80.0, 0.0)] == [0, 0]
    x, y = projection(-70.0, -18.0)
    assert (y, projection.height) == (16384, 16384)
    assert 0 < x < y


def test_one_place_is_a_map_and_none_is_none() -> None:
    assert projection_of([], [-75.0], [-10.0])
    assert projection_of([], [None], [-10.0]) is None


def write(path: Path, *features: tuple[dict[str, object], object]) -> Path:
    path.write_text(
        json.dumps({"features": [{"properties": given, "geometry": geometry} for given, geometry in features]})
    )
    return path


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
PROJECTED = {"type": "Polygon", "coordinates": [[[500000, 9000000], [1, 1], [2, 2]]]}


def test_the_property_that_holds_most_keys_is_found_and_null_geometries_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.geojson", ({"OBJECTID": "01", "CODE": "01"}, SQUARE), ({"OBJECTID": "9", "CODE": "02"}, None),
        ({"OBJECTID": "8", "CODE": "03"}, {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}),
    )  # fmt: skip

    assert set(read_polygons(path, ["01", "02", "03"])) == {"01", "03"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "to be a GeoJSON FeatureCollection. Received: JSONDecodeError"),
        ('{"features": 3}', "to be a GeoJSON FeatureCollection. Received: TypeError"),
        (
            json.dumps({"features": [{"properties": {"CODE": 101}, "geometry": SQUARE}]}),
            "to hold the keys of communities, such as '0101'. Received: CODE, none with a known key.",
        ),
        (
            json.dumps({"features": [{"properties": {"CODE": "0101"}, "geometry": PROJECTED}]}),
            r"Received: \[500000.0, 9000000.0\] for '0101'. Write the polygons in EPSG:4326.",
        ),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_rejected(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(content)

    with pytest.raises(DataError, match=message):
        read_polygons(path, ["0101"])


def test_a_file_that_is_not_there_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Received: FileNotFoundError"):
        read_polygons(tmp_path / "none.geojson", ["0101"])
