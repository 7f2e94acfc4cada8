"""The V1 protocol: `instances` in rows, `inputs` in columns, with responses as TensorFlow Serving's."""

from typing import Any

import numpy as np
import orjson

from ..errors import suggestion
from .batching import Outputs
from .contract import Array
from .errors import Rejection, RequestError
from .inputs import InputChecker, Inputs
from .loaded_model import SIGNATURE

_KEYS = ("instances", "inputs", "signature_name")


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
