"""The V1 protocol: `instances` in rows, `inputs` in columns, with responses as TensorFlow Serving's."""

import collections
import contextlib
import gc
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from ..errors import suggestion
from .batching import Outputs
from .contract import Array
from .errors import Rejection, RequestError
from .inputs import InputChecker, Inputs
from .saved_model import SIGNATURE
from .values import quoted

_KEYS = ("instances", "inputs", "signature_name")
MAX_CHECKED_BYTES = 256 * 1024
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "utf-16": "utf-16", "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be", "utf-32": "utf-32", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be",
}  # fmt: skip


def parse_json(body: bytes, charset: str | None = None) -> Any:
    """Returns the content of a body of JSON.

    Args:
        body: bytes.
        charset: string. The charset that the client names; None for UTF-8.

    Raises:
        RequestError: if it is not JSON in that charset, or an object has a key twice.
    """
    encoding = "utf-8" if charset is None else _CHARSETS.get(charset.lower())
    if encoding is None:
        # Python decodes some others, such as punycode, in a time that grows with the square of the bytes.
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected one of the charsets {', '.join(_CHARSETS)}. Received: {quoted(charset or '')}. Send UTF-8.",
        )
    try:
        if encoding != "utf-8":
            body = body.decode(encoding).encode()
        payload = _loads(body)
    except UnicodeError:
        raise RequestError(Rejection.MALFORMED, f"Expected a body in {charset}. Received: other bytes.") from None
    except orjson.JSONDecodeError as error:
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected a body of JSON, its numbers finite. Received: {'nothing' if not body else error}.",
        ) from None
    if isinstance(payload, dict):
        _check_keys(body, payload)
    return payload


def _loads(body: bytes) -> Any:
    """Returns the content of JSON; what a parser makes holds no cycles.

    With the garbage collector running, the millions of lists of a hostile body would hold the event loop for seconds.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(body)
    finally:
        if was_enabled:
            gc.enable()


def _check_keys(body: bytes, payload: Mapping[str, Any]) -> None:
    """Checks that no object of a body has a key twice: the parser takes the last one.

    Only a body with another number of `":` than its outer objects have keys is parsed once more, by a parser that
    notices; one of more than `MAX_CHECKED_BYTES` is not, for that would hold the event loop.
    """
    num_keys = len(payload)
    for value in payload.values():
        if isinstance(value, dict):
            num_keys += len(value)
        elif isinstance(value, list):
            num_keys += sum([len(item) for item in value if type(item) is dict])
    if len(body) <= MAX_CHECKED_BYTES and body.count(b'":') != num_keys:
        # The nesting of what orjson takes is nearly as deep as Python goes.
        with contextlib.suppress(RecursionError):
            json.loads(body, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in collections.Counter(key for key, _ in pairs).items() if count > 1)
        raise RequestError(Rejection.MALFORMED, f"Expected each key once. Received: {quoted(twice)} several times.")
    return found


def read_request(payload: Any, checker: InputChecker) -> tuple[Inputs, bool]:
    """Returns the inputs of a request, and whether it is by rows.

    Raises:
        RequestError: if it does not fit the protocol or the model.
    """
    if not isinstance(payload, dict):
        raise RequestError(
            Rejection.MALFORMED,
            "Expected an object with `instances` (rows) or `inputs` (columns). Received: no object.",
        )
    for key in payload:
        if key not in _KEYS:
            raise RequestError(
                Rejection.MALFORMED,
                f"Expected only {', '.join(_KEYS)}. Received: {key[:40]!r}.{suggestion(key, _KEYS)}",
            )
    if payload.get("signature_name", SIGNATURE) != SIGNATURE:
        raise RequestError(
            Rejection.MALFORMED, f"Expected `signature_name` to be {SIGNATURE!r} or left out. Received: another."
        )
    if ("instances" in payload) == ("inputs" in payload):
        found = "both" if "instances" in payload else "neither"
        raise RequestError(
            Rejection.MALFORMED, f"Expected `instances` (rows) or `inputs` (columns). Received: {found}."
        )
    if "instances" in payload:
        rows = payload["instances"]
        if not isinstance(rows, list):
            raise RequestError(Rejection.MALFORMED, "Expected `instances` to be a list of rows. Received: no list.")
        return checker.check_rows(rows), True
    columns = payload["inputs"]
    if isinstance(columns, list) and len(checker.features) == 1:
        columns = {next(iter(checker.features)): columns}
    if not isinstance(columns, dict):
        raise RequestError(Rejection.MALFORMED, "Expected `inputs` to be an object of columns. Received: no object.")
    for name, values in columns.items():
        if not isinstance(values, list):
            raise RequestError(
                Rejection.MALFORMED,
                f"Expected each of `inputs` to be a list of values. Received: no list of {name[:40]!r}.",
            )
    return checker.check_columns(columns), False


def write_response(outputs: Outputs, by_rows: bool) -> bytes:
    """Returns the body of a response: a bare value a row where there is one output, an object where there are more."""
    if len(outputs) == 1:
        (values,) = outputs.values()
        return b'{"%b":%b}' % (b"predictions" if by_rows else b"outputs", _json(values))
    # An object with a place for the JSON of each output.
    template = b"{%b}" % b",".join(orjson.dumps(name).replace(b"%", b"%%") + b":%b" for name in outputs)
    if not by_rows:
        return b'{"outputs":%b}' % (template % tuple(map(_json, outputs.values())))
    rows = zip(*map(_json_of_rows, outputs.values()), strict=True)
    return b'{"predictions":[%b]}' % b",".join([template % row for row in rows])


def _json(values: Array) -> bytes:
    return orjson.dumps(values.tolist() if values.dtype == np.object_ else values, option=orjson.OPT_SERIALIZE_NUMPY)


def _json_of_rows(values: Array) -> list[bytes]:
    """Returns the JSON of each row of an output, `(N, ...)`."""
    if values.ndim == 2 and values.dtype != np.object_:
        # One call for all rows: numbers hold no brackets.
        return _json(values)[1:-1].replace(b"],[", b"]\n[").split(b"\n")
    if values.dtype == np.object_ and values.ndim == 1:
        texts = values.tolist()
        known = {text: orjson.dumps(text) for text in set(texts)}
        return [known[text] for text in texts]
    return [orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) for value in values]
