"""Which districts the file of polygons cannot draw, and whose polygon covers them.

    for gap in find_gaps(Path("peru_distrital_simple.geojson"), places): ...

The youngest district of the file is of 2008. Those that were founded later lie within the polygons of the districts
that they were part of, which are drawn too large; a few geometries are null.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError

KEY = "IDDIST"

RECODED = {"160109": "160801", "160114": "160803"}
"""Codes of the file and what they are since 2014, when two districts of Maynas became the province of Putumayo."""


@dataclasses.dataclass(frozen=True)
class Gap:
    """A district without a polygon.

    Args:
        ubigeo: string.
        reason: string. `"absent"`, of a district that the file does not have, or `"null"`, of a null geometry.
        within: string or None. The UBIGEO whose polygon covers the district's capital; None where none does.
    """

    ubigeo: str
    reason: Literal["absent", "null"]
    within: str | None


def find_gaps(path: Path, places: pd.DataFrame) -> list[Gap]:
    """Returns the districts that have no polygon, by UBIGEO.

    Args:
        path: path of the GeoJSON file, in longitude and latitude.
        places: data frame with `latitude` and `longitude` of each capital in degrees, the UBIGEO as the index.

    Raises:
        DataError: if it is no such file.
    """
    try:
        features = json.loads(path.read_bytes())["features"]
        geometries = {str(feature["properties"][KEY]): feature["geometry"] for feature in features}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"Expected {path} to be the GeoJSON of the districts, with the property {KEY}. Received: "
            f"{type(error).__name__}: {error}. Use the file that the README names."
        ) from None
    geometries = {RECODED.get(code, code): geometry for code, geometry in geometries.items()}
    rings = {code: _rings(geometry) for code, geometry in geometries.items() if geometry}
    gaps = []
    for ubigeo in sorted(set(places.index) - rings.keys()):
        longitude, latitude = places.loc[ubigeo, ["longitude", "latitude"]].astype(float)
        within = (code for code, found in rings.items() if _covers(found, longitude, latitude))
        gaps.append(Gap(ubigeo, "null" if ubigeo in geometries else "absent", next(within, None)))
    return gaps


def _rings(geometry: Mapping[str, Any]) -> list[NDArray[np.float64]]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [np.array(ring, np.float64)[:, :2] for polygon in polygons for ring in polygon]


def _covers(rings: list[NDArray[np.float64]], longitude: float, latitude: float) -> bool:
    """Returns whether a ray from the place to the east crosses the rings an odd number of times."""
    crossings = 0
    for ring in rings:
        (x, y), (next_x, next_y) = ring[:-1].T, ring[1:].T
        crosses = (y > latitude) != (next_y > latitude)
        slope = (next_x - x)[crosses] / (next_y - y)[crosses]
        crossings += int((longitude < x[crosses] + (latitude - y[crosses]) * slope).sum())
    return crossings % 2 == 1
