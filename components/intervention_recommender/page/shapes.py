"""Polygons of communities, small enough for a page: on a grid, fewer points, and neighbours still share their borders.

    polygons = read_polygons(Path("districts.geojson"), keys)
    projection = projection_of(polygons.values(), longitudes, latitudes)
    shapes = simplify(polygons, projection)

Borders are cut into arcs where three polygons meet. An arc is simplified once, by Douglas and Peucker's algorithm, for
all polygons that it bounds, so that no gap opens between them.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import DataError

MAX_POINTS = 80_000
"""The most points of all arcs: some 500 kB in a page."""

GRID = 16_384
"""Grid units along the longer side of the map: 120 m in a country of 2,000 km."""

_MIN_TOLERANCE = 0.75
"""In grid units: a point that bends a border by less is noise of the grid."""

Ring = NDArray[np.float64]
"""A closed line of shape `(num_points, 2)`: longitude and latitude in degrees."""


@dataclasses.dataclass(frozen=True)
class Projection:
    """A map from degrees to the grid: equirectangular, true in the middle latitude.

    Args:
        west: float. Longitude at 0, in degrees.
        north: float. Latitude at 0, in degrees.
        stretch: float. Grid units a degree of latitude.
        cosine: float. Of the middle latitude.
        width: int. Grid units.
        height: int. Grid units.
    """

    west: float
    north: float
    stretch: float
    cosine: float
    width: int
    height: int

    def __call__(self, longitude: Any, latitude: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the grid's x, to the east, and y, to the south."""
        x = np.rint((np.asarray(longitude) - self.west) * self.cosine * self.stretch)
        y = np.rint((self.north - np.asarray(latitude)) * self.stretch)
        return x.astype(np.int64), y.astype(np.int64)


@dataclasses.dataclass(frozen=True)
class Shapes:
    """Polygons as rings of arcs.

    Args:
        arcs: list of arcs, each `[x, y, dx, dy, dx, dy, ...]`: its first point and the steps to the others.
        rings: mapping of key to rings, each a list of arcs by place; `~place` is the arc backwards. What lies within an
            odd number of rings is inside.
    """

    arcs: list[list[int]]
    rings: dict[str, list[list[int]]]


def read_polygons(path: Path, keys: Sequence[str]) -> dict[str, list[Ring]]:
    """Returns the rings of each community that a GeoJSON file has a polygon of, by key.

    The property that holds the keys is the one that holds most of them. Communities without a feature, and features
    without a geometry, are left out.

    Args:
        path: path of a FeatureCollection in longitude and latitude, degrees.
        keys: sequence of strings. The communities'.

    Raises:
        DataError: if it is no such file, no property holds a key, or a coordinate is not in degrees.
    """
    try:
        features = json.loads(path.read_bytes())["features"]
        properties = [feature.get("properties") or {} for feature in features]
        geometries = [feature.get("geometry") or {} for feature in features]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"Expected {path} to be a GeoJSON FeatureCollection. Received: {type(error).__name__}: {error}."
        ) from error
    name = _key_property(path, properties, keys)
    wanted = set(keys)
    found: dict[str, list[Ring]] = {}
    for given, geometry in zip(properties, geometries, strict=True):
        key = str(given.get(name))
        if key in wanted:
            found.setdefault(key, []).extend(rings_of(path, key, geometry))
    return {key: rings for key, rings in found.items() if rings}


def projection_of(
    polygons: Iterable[Sequence[Ring]], longitudes: Sequence[float | None], latitudes: Sequence[float | None]
) -> Projection | None:
    """Returns the projection to a grid that holds all polygons and points; None where there is neither."""
    places = [(x, y) for x, y in zip(longitudes, latitudes, strict=True) if x is not None and y is not None]
    corners = [corner for rings in polygons for ring in rings for corner in (ring.min(axis=0), ring.max(axis=0))]
    if not places and not corners:
        return None
    points = np.array([*places, *corners], dtype=np.float64)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    cosine = max(math.cos(math.radians((south + north) / 2)), 0.01)
    stretch = GRID / (max((east - west) * cosine, north - south) or 1.0)
    return Projection(
        west=float(west),
        north=float(north),
        stretch=float(stretch),
        cosine=cosine,
        width=math.ceil((east - west) * cosine * stretch),
        height=math.ceil((north - south) * stretch),
    )


def simplify(polygons: Mapping[str, Sequence[Ring]], projection: Projection, max_points: int = MAX_POINTS) -> Shapes:
    """Returns the polygons with at most about `max_points` points: those that bend the borders most.

    A ring that is smaller than the grid is left out.

    Args:
        polygons: mapping of key to rings.
        projection: `Projection`.
        max_points: int. The ends of arcs stay, however many they are. Defaults to `MAX_POINTS`.
    """
    gridded = {key: [_to_grid(ring, projection) for ring in rings] for key, rings in polygons.items()}
    kept = {key: [ring for ring in rings if len(ring) > 2] for key, rings in gridded.items()}
    junctions = _junctions(ring for rings in kept.values() for ring in rings)
    places: dict[tuple[int, ...], int] = {}
    numbered = {
        key: [[_number(arc, places) for arc in _cut(ring, junctions)] for ring in rings]
        for key, rings in kept.items()
        if rings
    }
    lines = [np.array([divmod(point, _ROW)[::-1] for point in arc], dtype=np.int64) for arc in places]
    return Shapes(arcs=[_steps(line) for line in _thin(lines, max_points)], rings=numbered)


_ROW = 1 << 20
"""A point of the grid as one number: `y * _ROW + x`."""


def _key_property(path: Path, properties: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    wanted = set(keys)
    held: dict[str, set[str]] = {}
    for given in properties:
        for name, value in given.items():
            if str(value) in wanted:
                held.setdefault(name, set()).add(str(value))
    if not held:
        names = sorted({name for given in properties for name in given})
        raise DataError(
            f"Expected a property of the features of {path} to hold the keys of communities, such as {keys[0]!r}. "
            f"Received: {', '.join(names[:10]) or 'no properties'}, none with a known key. Write the key as a string "
            "with its leading zeros, or leave the polygons out."
        )
    return max(held, key=lambda name: len(held[name]))


def rings_of(path: Path, key: str, geometry: Mapping[str, Any]) -> list[Ring]:
    """Returns the rings of a geometry; none of one that is no polygon.

    Args:
        path: path of its file.
        key: string. Of its community.
        geometry: mapping. GeoJSON, in degrees.

    Raises:
        DataError: if a coordinate is no number, or not in degrees.
    """
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        return []
    coordinates = geometry.get("coordinates") or []
    polygons = [coordinates] if kind == "Polygon" else coordinates
    try:
        rings = [np.array([point[:2] for point in ring], dtype=np.float64) for one in polygons for ring in one if ring]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Expected a list of positions in the polygon of {key!r} in {path}. Received: {error}."
        ) from error
    for ring in rings:
        if not (np.abs(ring) <= (180, 90)).all():
            worst = ring[~(np.abs(ring) <= (180, 90)).all(axis=1)][0]
            raise DataError(
                f"Expected longitude and latitude in degrees in {path}. Received: {worst.tolist()} for {key!r}. Write "
                "the polygons in EPSG:4326."
            )
    return rings


def _to_grid(ring: Ring, projection: Projection) -> list[int]:
    """Returns the ring's points as numbers, each once in a row, without the closing one."""
    x, y = projection(ring[:, 0], ring[:, 1])
    points: NDArray[np.int64] = y * _ROW + x
    numbers: list[int] = points[points != np.roll(points, 1)].tolist()
    return numbers


def _junctions(rings: Iterable[list[int]]) -> set[int]:
    """Returns the points where borders meet or part: those that have not the same two neighbours in all rings."""
    beside: dict[int, tuple[int, int]] = {}
    junctions = set()
    for ring in rings:
        for before, point, after in zip([ring[-1], *ring], ring, [*ring[1:], ring[0]], strict=False):
            pair = (before, after) if before < after else (after, before)
            if beside.setdefault(point, pair) != pair:
                junctions.add(point)
    return junctions


def _cut(ring: list[int], junctions: set[int]) -> list[list[int]]:
    """Returns the arcs from junction to junction; of a ring without one, a closed arc from its least point."""
    first = next((place for place, point in enumerate(ring) if point in junctions), ring.index(min(ring)))
    turned = ring[first:] + ring[: first + 1]
    ends = [place for place, point in enumerate(turned) if place and point in junctions]
    if not ends:
        ends = [len(turned) - 1]
    return [turned[start : end + 1] for start, end in zip([0, *ends], ends, strict=False)]


def _number(arc: list[int], places: dict[tuple[int, ...], int]) -> int:
    """Returns the arc's place, `~place` where it is there the other way round."""
    forward, backward = tuple(arc), tuple(reversed(arc))
    if forward <= backward:
        return places.setdefault(forward, len(places))
    return ~places.setdefault(backward, len(places))


def _thin(lines: Sequence[NDArray[np.int64]], max_points: int) -> list[NDArray[np.int64]]:
    weights = [_weights(line) for line in lines]
    flat = np.concatenate(weights) if weights else np.empty(0)
    limit = np.partition(flat, -max_points)[-max_points] if len(flat) > max_points else 0.0
    # A limit that only ends have would keep all of them and nothing else.
    tolerance = max(_MIN_TOLERANCE, float(limit) if np.isfinite(limit) else float(flat[np.isfinite(flat)].max()))
    return [line[weight >= tolerance] for line, weight in zip(lines, weights, strict=True)]


def _weights(line: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns how far the line strays without each of its points, in grid units; its ends are infinitely heavy.

    A point is never heavier than the one whose choice made it a candidate, so that those above any tolerance are what
    Douglas and Peucker's algorithm keeps.
    """
    weights = np.full(len(line), np.inf)
    spans = [(0, len(line) - 1, np.inf)]
    while spans:
        first, last, limit = spans.pop()
        if last - first < 2:
            continue
        distances = _distances(line[first + 1 : last], line[first], line[last])
        heaviest = int(distances.argmax())
        place = first + 1 + heaviest
        weights[place] = min(float(distances[heaviest]), limit)
        spans += [(first, place, weights[place]), (place, last, weights[place])]
    return weights


def _distances(points: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the distances of points to the stretch between two others, which may be one."""
    along = (end - start).astype(np.float64)
    length = float(along @ along)
    offsets = points - start
    share = np.clip(offsets @ along / length, 0, 1)[:, None] if length else 0.0
    distances: NDArray[np.float64] = np.hypot(*(offsets - share * along).T)
    return distances


def _steps(line: NDArray[np.int64]) -> list[int]:
    steps: list[int] = np.diff(line, axis=0, prepend=[[0, 0]]).ravel().tolist()
    return steps
