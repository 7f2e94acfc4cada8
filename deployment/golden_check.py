"""Asks a server the golden requests of its model, and compares what it predicts with what the model did."""

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx

from ..errors import ModelError
from ..model_store.golden import GoldenRequest

TOLERANCE = 1e-5
"""Largest difference of two numbers, relative to the larger one, to the median of its output, or to 1: that of the
session check."""

GPU_TOLERANCE = 1e-3
"""That of a server with a GPU, which adds in another order."""

_ONLY = ""
"""The name of the output of a model that has one."""


def check_predictions(
    url: str,
    model_name: str,
    golden: Sequence[GoldenRequest],
    *,
    tolerance: float = TOLERANCE,
    timeout_seconds: float = 30,
    headers: Mapping[str, str] | None = None,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Sends all golden requests to a server, each by itself and then all at once.

    Args:
        url: string. Address of the server, such as `http://127.0.0.1:8080`.
        model_name: string.
        golden: sequence of `GoldenRequest`.
        tolerance: float. Defaults to `TOLERANCE`; a GPU differs by more.
        timeout_seconds: float. For each request.
        headers: mapping. Such as `Authorization` or `Host`.
        transport: `httpx.BaseTransport`. The way to the server; None connects to it.

    Raises:
        ModelError: if it does not respond, or predicts otherwise.
    """
    address = f"{url}/v1/models/{model_name}:predict"
    numbered = list(enumerate(golden, 1))
    sizes = _typical_sizes(golden)
    # Each client reads the certificates of the machine anew.
    with httpx.Client(headers=headers, timeout=timeout_seconds, transport=transport) as client:
        for requests in (*([one] for one in numbered), numbered):
            _check(_ask(client, address, [one.row for _, one in requests]), requests, tolerance, sizes)


def _typical_sizes(golden: Sequence[GoldenRequest]) -> dict[str, float]:
    """Returns the median size of the numbers of each output: a forecast of nearly 0 is rounded as the others are."""
    numbers: dict[str, list[float]] = {}
    for one in golden:
        outputs = one.prediction if isinstance(one.prediction, Mapping) else {_ONLY: one.prediction}
        for name, value in outputs.items():
            numbers.setdefault(name, []).extend(map(abs, _numbers(value)))
    return {name: max(1.0, statistics.median(of)) for name, of in numbers.items() if of}


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif _is_number(value):
        yield value


def _check(
    predictions: Sequence[Any],
    requests: Sequence[tuple[int, GoldenRequest]],
    tolerance: float,
    sizes: Mapping[str, float],
) -> None:
    if len(predictions) != len(requests):
        raise ModelError(
            f"Expected the server to return as many predictions as the {len(requests)} rows of a request. "
            f"Received: {len(predictions)}."
        )
    for (number, one), prediction in zip(requests, predictions, strict=True):
        difference = find_difference(one.prediction, prediction, tolerance, sizes=sizes, size=sizes.get(_ONLY, 1.0))
        if difference:
            # The row itself may be a person's record: the message goes into logs and pages.
            missing = ", ".join(name for name, value in one.row.items() if value is None) or "nothing"
            raise ModelError(
                "Expected the server to predict as the model did when it was trained. Received: "
                f"{difference}, for golden row {number} (missing: {missing}) in a request of {len(requests)} rows."
            )


def find_difference(
    expected: Any,
    received: Any,
    tolerance: float = TOLERANCE,
    place: str = "prediction",
    sizes: Mapping[str, float] = MappingProxyType({}),
    size: float = 1.0,
) -> str:
    """Returns where two predictions differ first, or nothing where they do not.

    Args:
        expected: JSON value.
        received: JSON value.
        tolerance: float. For numbers, relative where above `size`.
        place: string. What the values are called.
        sizes: mapping of output to the typical size of its numbers. Defaults to none: to 1.
        size: float. That of what is not in a mapping. Defaults to 1.
    """
    if isinstance(expected, Mapping) and isinstance(received, Mapping) and expected.keys() == received.keys():
        found = (
            find_difference(expected[key], received[key], tolerance, f"{place}.{key}", size=sizes.get(key, 1.0))
            for key in expected
        )
        return next(filter(None, found), "")
    if isinstance(expected, list) and isinstance(received, list) and len(expected) == len(received):
        pairs = enumerate(zip(expected, received, strict=True))
        found = (
            find_difference(one, other, tolerance, f"{place}[{index}]", size=size) for index, (one, other) in pairs
        )
        return next(filter(None, found), "")
    if _is_number(expected) and _is_number(received):
        same = math.isclose(expected, received, rel_tol=tolerance, abs_tol=tolerance * size)
    else:
        same = type(expected) is type(received) and expected == received
    return "" if same else f"{place} {json.dumps(received)} in place of {json.dumps(expected)}"


def _ask(client: httpx.Client, address: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    try:
        response = client.post(address, json={"instances": rows})
        response.raise_for_status()
        predictions = response.json()["predictions"]
    except httpx.HTTPStatusError as error:
        received = f"status {error.response.status_code}, {error.response.text[:1000]}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        received = f"{type(error).__name__}: {error}"
    else:
        if isinstance(predictions, list):
            return predictions
        received = f"predictions that are no list but {type(predictions).__name__}"
    raise ModelError(f"Expected {address} to predict {len(rows)} rows. Received: {received}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
