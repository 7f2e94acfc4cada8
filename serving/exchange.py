"""A request for predictions over HTTP and its response, in either protocol."""

import re
from collections.abc import Mapping

from .batching import Outputs
from .bodies import Body, parse_json
from .contract import WireProtocol
from .inputs import Inputs
from .model import ServedModel
from .request_id import request_id
from .responses import BINARY_LENGTH, Headers
from .v1 import read_request, write_response
from .v2 import TensorRequest, check_outputs, choose_outputs, read_body, read_inputs, write_body

PREDICT_PATH = re.compile(r"/v1/models/([^/]+):predict|/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_CHARSET = re.compile(r"""charset\s*=\s*"?([^\s;"]+)""", re.IGNORECASE)


class V1Exchange:
    """A request in V1.

    Args:
        body: bytes or bytearray.
        headers: mapping of lower-case name to value.
        identifier: string. Of the request.
    """

    protocol: WireProtocol = "v1"

    def __init__(self, body: Body, headers: Mapping[str, str], identifier: str) -> None:
        self.body = body
        self.identifier = identifier
        self._charset = charset_of(headers)
        self._by_rows = True

    def read(self, served: ServedModel) -> Inputs:
        """Returns the inputs.

        Raises:
            RequestError: if it does not fit the protocol or the model.
        """
        payload = parse_json(self.body, self._charset, served.inputs.max_values, served.inputs.max_value_bytes)
        inputs, self._by_rows = read_request(payload, served.inputs)
        return inputs

    def write(self, outputs: Outputs, served: ServedModel) -> tuple[bytes, Headers]:
        """Returns the body of the response, and headers of its own."""
        return write_response(outputs, self._by_rows), []


class V2Exchange:
    """A request in V2.

    Args:
        body: bytes or bytearray.
        headers: mapping of lower-case name to value.
        identifier: string. Of the request; one in the body takes its place.
    """

    protocol: WireProtocol = "v2"

    def __init__(self, body: Body, headers: Mapping[str, str], identifier: str) -> None:
        self.body = body
        self.identifier = identifier
        self._json_length = headers.get(BINARY_LENGTH.decode())
        self._charset = charset_of(headers)
        self._request: TensorRequest | None = None

    def read(self, served: ServedModel) -> Inputs:
        """Returns the inputs.

        Raises:
            RequestError: if it does not fit the protocol or the model.
        """
        checker = served.inputs
        request = read_body(self.body, self._json_length, self._charset, checker.max_values, checker.max_value_bytes)
        check_outputs(request, [output.name for output in served.outputs])
        inputs = read_inputs(request, checker)
        self._request, self.identifier = request, request_id(request.id or self.identifier)
        return inputs

    def write(self, outputs: Outputs, served: ServedModel) -> tuple[bytes, Headers]:
        """Returns the body of the response, and headers of its own.

        Raises:
            RequestError: if the model has not an output that the request asks for.
        """
        if self._request is None:
            raise RuntimeError("Expected `read` before `write`.")
        chosen = choose_outputs(outputs, self._request)
        identifier = self._request.id or self.identifier
        content, json_length = write_body(chosen, served.name, served.version, identifier)
        return content, [] if json_length is None else [(BINARY_LENGTH, str(json_length).encode())]


Exchange = V1Exchange | V2Exchange


def make_exchange(match: re.Match[str], body: Body, headers: Mapping[str, str], identifier: str) -> Exchange:
    """Returns the exchange of a request whose path is one of `PREDICT_PATH`."""
    kind = V1Exchange if match[1] else V2Exchange
    return kind(body, headers, identifier)


def charset_of(headers: Mapping[str, str]) -> str | None:
    """Returns the charset that the header `content-type` names; None for none."""
    match = _CHARSET.search(headers.get("content-type", ""))
    return match.group(1) if match else None
