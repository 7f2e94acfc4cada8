"""The files of a recommendation: the document, a table, a map, the page, and what a plan anew needs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError, suggestion
from ...files import atomic_file, write_atomically
from .document import ACTION_FIELDS, Recommendation
from .draws import Result, write_result
from .settings import PAGE_FILE, RecommenderConfig

TABLE_FILE = "recommendation.csv"
PARQUET_FILE = "recommendation.parquet"
GEOJSON_FILE = "recommendation.geojson"
POLYGONS_FILE = "polygons.geojson"

MIN_MATCHED = 0.5
"""The least share of the communities of which a file of polygons must have one."""

_FORMULA = r"^([=+\-@\t\r])(?![\d.]*$)"

Geometries = Mapping[str, Mapping[str, Any] | None]


def write_outputs(result: Result, folder: Path, polygons: Path | None) -> None:
    """Writes all files of a recommendation.

    Args:
        result: `Result`.
        folder: path. It must exist.
        polygons: path or None. A GeoJSON file; without one communities are points.

    Raises:
        DataError: if the polygons are of other communities, or are no GeoJSON.
        OSError: if a file cannot be written.
    """
    from .page.page import write_page

    document = result.document
    geometries: Geometries = {}
    if polygons is not None:
        geometries = read_polygons(polygons, result.config)
        check_polygons(geometries, document, polygons)
        polygons = _keep_polygons(polygons, result.config, folder / POLYGONS_FILE)
    table = to_table(document)
    with atomic_file(folder / TABLE_FILE) as draft:
        # Without the mark Excel takes a CSV file for one of the system's old code page, and é for Ã©.
        for_spreadsheets(table).to_csv(draft, index=False, encoding="utf-8-sig")
    with atomic_file(folder / PARQUET_FILE) as draft:
        table.to_parquet(draft, index=False)
    write_atomically(folder / GEOJSON_FILE, to_geojson(table, geometries))
    write_page(document, polygons, folder / PAGE_FILE)
    write_result(result, folder)


def to_table(document: Recommendation) -> pd.DataFrame:
    """Returns a row a community, the greatest barrier first: its ranks, and of each action effect, cost and choice.

    `<action>_failed_tests` names the tests that an action's effect did not pass, the same in every row.
    """
    table = pd.DataFrame({name: getattr(document.columns, name) for name in type(document.columns).model_fields})
    for others in document.other_ranks:
        table[f"rank_by_{others.task}"] = others.rank
    chosen = {(one.community, one.action) for one in document.plan.choices} if document.plan else set()
    for place, effects in enumerate(document.effects):
        tests = document.refutations[place] if document.refutations else ()
        own = dict(effects) | {
            "planned": [(row, place) in chosen for row in range(len(table))],
            "failed_tests": "; ".join(dict.fromkeys(one.test for one in tests if not one.passed)),
        }
        for field in ACTION_FIELDS:
            table[f"{effects.action}_{field}"] = own[field]
    return table.sort_values("rank", ignore_index=True)


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table in which no text is a formula to a spreadsheet: one that begins like one has an apostrophe."""
    texts = table.select_dtypes(include=["object", "string"])
    return table.assign(**{name: texts[name].str.replace(_FORMULA, r"'\1", regex=True) for name in texts})


def to_geojson(table: pd.DataFrame, geometries: Geometries) -> str:
    """Returns a feature a community, with its row of the table; one without a polygon is a point, or has no place.

    Args:
        table: `pandas.DataFrame` of `to_table`.
        geometries: mapping of key to geometry.
    """
    rows = json.loads(table.to_json(orient="records"))
    features = []
    for row in rows:
        geometry = geometries.get(row["key"])
        if geometry is None and row["longitude"] is not None and row["latitude"] is not None:
            geometry = {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
        features.append({"type": "Feature", "id": row["key"], "geometry": geometry, "properties": row})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))


def _keep_polygons(path: Path, config: RecommenderConfig, kept: Path) -> Path:
    """Writes the polygons beside the recommendation, with the keys that communities have now."""
    settings = config.recommend.polygons
    if settings is None or not settings.recoded:
        write_atomically(kept, path.read_bytes())
        return kept
    collection = json.loads(path.read_bytes())
    for feature in collection["features"]:
        if (key := str(feature["properties"].get(settings.key))) in settings.recoded:
            feature["properties"][settings.key] = settings.recoded[key]
    write_atomically(kept, json.dumps(collection, ensure_ascii=False, separators=(",", ":")))
    return kept


def read_polygons(path: Path, config: RecommenderConfig) -> Geometries:
    """Returns the geometry of each community's key in a GeoJSON file.

    Raises:
        DataError: if the file cannot be read, is no collection of features, none has the property of the key, or two
            are of one community after `recoded`.
    """
    settings = config.recommend.polygons
    key = settings.key if settings else "key"
    try:
        features = json.loads(path.read_bytes())["features"]
        found = {
            str(feature["properties"][key]): feature.get("geometry")
            for feature in features
            if key in feature["properties"]
        }
        names = sorted({name for feature in features for name in feature["properties"]})
    except OSError as error:
        raise DataError(
            f"Expected polygons at {path}. Received: {error.strerror}. Correct recommend.polygons, or leave it out."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"Expected {path} to be a GeoJSON collection of features. Received: {type(error).__name__}: {error}. "
            "Correct recommend.polygons.path."
        ) from None
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


def check_polygons(geometries: Geometries, document: Recommendation, path: Path) -> None:
    """Checks that polygons are of the communities of a recommendation.

    Raises:
        DataError: if fewer than half of the communities have one.
    """
    keys = document.columns.key
    matched = sum(key in geometries for key in keys)
    if matched < MIN_MATCHED * len(keys):
        raise DataError(
            f"Expected {path} to have polygons of the communities, with keys such as {keys[0]!r}. Received: {matched} "
            f"of {len(keys)} match, for its keys are such as {next(iter(geometries))!r}. Correct recommend.polygons, "
            "and mind leading zeros."
        )
