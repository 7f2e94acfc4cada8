"""The page at `/` for a person: a form made from the model's features, and the prediction for what it holds.

The page itself is the same for every model and open to all; what it shows of a model comes from `/page.json`, which
asks for the token where the server has one.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from ..model_store.layout import GOLDEN_FILE
from .contract import Feature
from .errors import RequestError
from .model import ServedModel

PAGE_PATH = "/"
CONTENT_PATH = "/page.json"
MAX_EXAMPLES = 200


def add_page(app: FastAPI, model: Callable[[], ServedModel], needs_token: bool) -> None:
    """Adds the page to a server; clients that do not ask for HTML still get what was at `/` before.

    Args:
        app: `FastAPI`. KServe's own, with its routes.
        model: function that returns the model in service.
        needs_token: bool. Whether the server asks for its token.
    """
    html, headers = render_page()

    async def page(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return Response(html, media_type="text/html; charset=utf-8", headers=headers)
        return Response(b'{"status":"alive"}', media_type="application/json")

    # Not in the event loop: it reads a file.
    def content() -> Response:
        try:
            status, body = 200, describe(model(), needs_token)
        except RequestError as error:
            status, body = error.rejection.status, {"error": str(error)}
        headers = {"cache-control": "no-store"}
        return Response(orjson.dumps(body), status, media_type="application/json", headers=headers)

    # In front of KServe's own route for the same path.
    app.router.routes[:0] = [
        APIRoute(PAGE_PATH, page, include_in_schema=False),
        APIRoute(CONTENT_PATH, content, include_in_schema=False),
    ]


def render_page() -> tuple[bytes, dict[str, str]]:
    """Returns the page, which loads nothing from elsewhere, and the headers that hold it to that."""
    assets = files(__package__) / "page_assets"
    style, script, html = ((assets / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))
    policy = {
        "default-src": "'none'",
        "style-src": _hash_source(style),
        "script-src": _hash_source(script),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "content-security-policy": "; ".join(f"{name} {source}" for name, source in policy.items()),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
    }
    return html.replace("/*style*/", style).replace("/*script*/", script).encode(), headers


def describe(model: ServedModel, needs_token: bool) -> dict[str, Any]:
    """Returns what the page shows of a model."""
    return {
        "name": model.name,
        "version": model.version,
        "problem": model.problem,
        "family": model.family,
        "label": model.metadata["label"],
        "labels": model.labels,
        "metrics": {name: value for name, value in model.metadata.get("metrics", {}).items() if value is not None},
        "needs_token": needs_token,
        "features": [
            {
                "name": feature.name,
                "label": feature.original_name.strip(),
                "dtype": feature.dtype,
                "kind": feature.kind,
                "optional": feature.optional,
                "domain": feature.domain,
                # As text: a browser's numbers hold no 64 bits.
                "codes": [str(code) for code in feature.codes],
                "code_names": feature.code_names,
                "steps": feature.steps,
                "min_steps": feature.min_steps,
            }
            for feature in model.features
        ],
        "example": typical_record(model.features, model.path.parent / GOLDEN_FILE),
    }


def typical_record(features: Sequence[Feature], golden: Path) -> dict[str, Any]:
    """Returns a record to begin with: of each feature what is usual among the golden requests, so that it is nobody's.

    Args:
        features: sequence of `Feature`.
        golden: path of the golden requests of the push. Where there are none, the middle of each domain is taken.
    """
    records = _golden_records(golden)
    return {
        feature.name: (_usual if feature.steps is None else _usual_sequence)(
            feature, [record[feature.name] for record in records if record.get(feature.name) is not None]
        )
        for feature in features
    }


def _golden_records(golden: Path) -> list[Mapping[str, Any]]:
    if not golden.is_file():
        return []
    with golden.open(encoding="utf-8") as lines:
        requests = [json.loads(line)["request"] for line, _ in zip(lines, range(MAX_EXAMPLES), strict=False)]
    return [record for request in requests for record in request["instances"]]


def _usual(feature: Feature, values: Sequence[Any]) -> Any:
    if feature.codes:
        # The form offers these only.
        values = [value for value in values if value in feature.codes] or feature.codes[:1]
    if values and feature.kind == "numeric":
        middle = median_low(values)
        # The shortest number that is the same float32.
        return float(str(np.float32(middle))) if feature.dtype == "float32" else middle
    if values:
        return Counter(values).most_common(1)[0][0]
    domain = feature.domain or {}
    if domain.get("values"):
        return domain["values"][0]
    if feature.dtype == "string":
        return ""
    low, high = domain.get("min"), domain.get("max")
    middle = (low + high) / 2 if low is not None and high is not None else low or high or 0
    return int(middle) if feature.dtype == "int64" else float(middle)


def _usual_sequence(feature: Feature, sequences: Sequence[Sequence[Any]]) -> list[Any]:
    """Returns what is usual at each step, counted from the newest; no longer than the longest of the sequences."""
    length = max(map(len, sequences), default=0) or feature.steps or 0
    ages = range(length, 0, -1)
    values = [[one[-age] for one in sequences if age <= len(one) and one[-age] is not None] for age in ages]
    return [_usual(feature, at_step) for at_step in values]


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
