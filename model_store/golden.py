"""Golden requests: rows with the predictions of the model as it was trained, which lie beside it in a push.

A server must return them before the model is pushed, before it gets requests, and at any time after.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ModelError
from .layout import GOLDEN_FILE
from .store import ModelStore


@dataclasses.dataclass(frozen=True)
class GoldenRequest:
    """A row and its prediction.

    Args:
        row: mapping of raw feature to value; None where it is missing.
        prediction: as the V1 protocol gives it: a mapping of output to value, or the value of the only one.
    """

    row: Mapping[str, Any]
    prediction: Any


def write_golden(golden: Sequence[GoldenRequest]) -> bytes:
    """Returns golden requests as JSON lines, each with the body of a V1 request and that of its response."""
    lines = [
        json.dumps(
            {"request": {"instances": [one.row]}, "response": {"predictions": [one.prediction]}}, allow_nan=False
        )
        for one in golden
    ]
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def read_golden(content: bytes) -> list[GoldenRequest]:
    """Returns the golden requests of JSON lines.

    Raises:
        ModelError: if they are none.
    """
    golden = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            document = json.loads(line)
            [row], [prediction] = document["request"]["instances"], document["response"]["predictions"]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"Expected line {number} of the golden requests to hold a request of one row and its response. "
                f"Received: {error!r}. Push the model anew."
            ) from None
        golden.append(GoldenRequest(row, prediction))
    return golden


def golden_of(store: ModelStore, version: int) -> list[GoldenRequest]:
    """Returns the golden requests of a push; none where it has none.

    Raises:
        StoreError: if the store cannot be read.
        ModelError: if they cannot be read.
    """
    return read_golden(store.read(version, GOLDEN_FILE) or b"")
