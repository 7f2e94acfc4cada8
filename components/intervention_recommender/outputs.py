"""The files of a recommendation: the document, a table, a map, the page, and what a plan anew needs."""

import json
from pathlib import Path

import pandas as pd

from ...files import atomic_entries, write_atomically
from .document import ACTION_FIELDS, Recommendation
from .draws import Result, write_result
from .polygons import Geometries, keep_polygons, read_polygons
from .settings import PAGE_FILE

TABLE_FILE = "recommendation.csv"
PARQUET_FILE = "recommendation.parquet"
GEOJSON_FILE = "recommendation.geojson"
POLYGONS_FILE = "polygons.geojson"

_FORMULA = r"^([=+\-@\t\r])(?![\d.]*$)"


def write_outputs(result: Result, folder: Path, polygons: Path | None) -> None:
    """Writes all files of a recommendation.

    Args:
        result: `Result`.
        folder: path. Made where it does not exist.
        polygons: path or None. A GeoJSON file; without one communities are points.

    Raises:
        DataError: if the polygons are no GeoJSON.
        OSError: if a file cannot be written.
    """
    from .page.page import write_page

    document = result.document
    geometries: Geometries = {}
    if polygons is not None:
        geometries = read_polygons(polygons, result.config)
    table = to_table(document)
    # Together: after a kill no page stands beside the numbers of another plan.
    with atomic_entries(folder) as draft:
        if polygons is not None:
            polygons = keep_polygons(polygons, result.config, draft / POLYGONS_FILE)
        # Without the mark Excel takes a CSV file for one of the system's old code page, and é for Ã©.
        for_spreadsheets(table).to_csv(draft / TABLE_FILE, index=False, encoding="utf-8-sig")
        table.to_parquet(draft / PARQUET_FILE, index=False)
        write_atomically(draft / GEOJSON_FILE, to_geojson(table, geometries))
        write_page(document, polygons, draft / PAGE_FILE)
        write_result(result, draft)


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
