"""The polygons of the communities: a GeoJSON file, checked before any model is trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, suggestion
from ...files import write_atomically
from .communities import Communities
from .page.shapes import rings_of
from .settings import RecommenderConfig

MIN_MATCHED = 0.5
"""The least share of the communities of which a file of polygons must have one, and of those that lie by theirs."""

MAX_AWAY = 1.0
"""How far a community may lie from the box around its polygon, in degrees: centres are rough."""

KINDS = ("Polygon", "MultiPolygon")

Geometries = Mapping[str, Mapping[str, Any] | None]


def read_polygons(path: Path, config: RecommenderConfig) -> Geometries:
    """Returns the geometry of each community's key in a GeoJSON file.

    Raises:
        DataError: if the file cannot be read, is no collection of features, a geometry is no object, none has the
            property of the key, or two are of one community after `recoded`.
    """
    settings = config.recommend.polygons
    key = settings.key if settings else "key"
    try:
        features = json.loads(path.read_bytes())["features"]
        given = [(feature.get("properties") or {}, feature.get("geometry")) for feature in features]
        names = sorted({name for properties, _ in given for name in properties})
        owned = [(str(properties[key]), geometry) for properties, geometry in given if key in properties]
    except OSError as error:
        raise DataError(
            f"Expected polygons at {path}. Received: {error.strerror}. Correct recommend.polygons, or leave it out."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"Expected {path} to be a GeoJSON collection of features. Received: {type(error).__name__}: {error}. "
            "Correct recommend.polygons.path."
        ) from None
    found: dict[str, Mapping[str, Any] | None] = {}
    for own, geometry in owned:
        found[own] = _joined(found.get(own), _polygon(path, own, geometry))
    if not found:
        raise DataError(
            f"Expected features of {path} with the property {key!r} (recommend.polygons.key). Received: "
            f"{', '.join(names) or 'none'}.{suggestion(key, names)}"
        )
    for before, now in settings.recoded.items() if settings else ():
        if before in found and now in found:
            raise DataError(
                f"Expected {path} to have one of the keys {before!r} and {now!r}, which recommend.polygons.recoded "
                "takes for one community. Received: both. Take the entry out."
            )
        if before in found:
            found[now] = found.pop(before)
    return found


def check_polygons(geometries: Geometries, communities: Communities, path: Path) -> None:
    """Checks that polygons are of the communities.

    Raises:
        DataError: if fewer than half of the communities have one, half of those that have lie elsewhere, or one is no
            polygon in degrees.
    """
    keys = communities.keys
    matched = [place for place, key in enumerate(keys) if key in geometries]
    if len(matched) < MIN_MATCHED * len(keys):
        raise DataError(
            f"Expected {path} to have polygons of the communities, with keys such as {keys[0]!r}. Received: "
            f"{len(matched)} of {len(keys)} match, for its keys are such as {next(iter(geometries))!r}. Correct "
            "recommend.polygons, and mind leading zeros."
        )
    judged, elsewhere = 0, []
    for place in matched:
        rings = rings_of(path, keys[place], geometries[keys[place]] or {})
        own = np.array([communities.longitude[place], communities.latitude[place]])
        if rings and np.isfinite(own).all():
            judged += 1
            corners = np.concatenate(rings)
            if (own < corners.min(axis=0) - MAX_AWAY).any() or (own > corners.max(axis=0) + MAX_AWAY).any():
                elsewhere.append(f"{keys[place]} ({communities.names[place]})")
    if judged and len(elsewhere) > MIN_MATCHED * judged:
        raise DataError(
            f"Expected the polygons of {path} around the communities' longitude and latitude. Received: "
            f"{len(elsewhere)} of {judged} that lie elsewhere, as those of another country would, or in other units "
            "than degrees. Correct recommend.polygons, or recommend.communities.longitude and latitude.",
            elsewhere,
        )


def keep_polygons(path: Path, config: RecommenderConfig, kept: Path) -> Path:
    """Writes the polygons beside the recommendation, with the keys that communities have now."""
    settings = config.recommend.polygons
    if settings is None or not settings.recoded:
        write_atomically(kept, path.read_bytes())
        return kept
    collection = json.loads(path.read_bytes())
    for feature in collection["features"]:
        properties = feature.get("properties") or {}
        if (key := str(properties.get(settings.key))) in settings.recoded:
            feature["properties"][settings.key] = settings.recoded[key]
    write_atomically(kept, json.dumps(collection, ensure_ascii=False, separators=(",", ":")))
    return kept


def _polygon(path: Path, key: str, geometry: Any) -> Mapping[str, Any] | None:
    """Returns a geometry, None where it is no polygon."""
    if geometry is None:
        return None
    if not isinstance(geometry, dict) or not isinstance(geometry.get("type"), str):
        raise DataError(
            f"Expected the geometry of {key!r} in {path} to be an object with a type, such as a Polygon, or null. "
            f"Received: {str(geometry)[:80]}. Correct the feature, or leave it out."
        )
    if geometry["type"] not in KINDS:
        return None
    if not isinstance(geometry.get("coordinates"), list):
        raise DataError(
            f"Expected the {geometry['type']} of {key!r} in {path} to have a list of coordinates. Received: "
            f"{str(geometry.get('coordinates'))[:80]}. Correct the feature, or leave it out."
        )
    return geometry


def _joined(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Returns the polygons of both, for a community may have a feature for each of its islands."""
    if not one or not other:
        return one or other
    parts = [
        part
        for geometry in (one, other)
        for part in (geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]])
    ]
    return {"type": "MultiPolygon", "coordinates": parts}
