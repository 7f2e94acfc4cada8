"""The ASGI application: predictions are made here, everything else is handled by KServe's own application behind it."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from ..errors import suggestion
from .access import Access
from .accounting import Account, Accounting
from .errors import Rejection, RequestError
from .kserve_model import NamedModel
from .limits import Limits
from .model import Caller
from .request_id import request_id
from .tls import is_certified
from .v1 import parse_json, read_request, write_response
from .v2 import check_outputs, choose_outputs, read_body, read_inputs, write_body

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_PREDICT = re.compile(r"/v1/models/([^/]+):predict|/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
_VERSION = re.compile(r"(/v2/models/([^/]+))(?:/versions/([^/]+))?((?:/ready)?)")
CLOSED_EXPLAIN = re.compile(r".*:explain/?")  # KServe's would return the request's headers.
CLOSED = re.compile(rf"{CLOSED_EXPLAIN.pattern}|/v2/repository(/.*)?")
_JSON_LENGTH = "inference-header-content-length"
_BINARY_LENGTH = _JSON_LENGTH.encode()
_CHARSET = re.compile(r"""charset\s*=\s*"?([^\s;"]+)""", re.IGNORECASE)
FAILED = {"error": "The server failed to predict. Its log holds the reason under the request's id."}


class _DisconnectedError(Exception):
    """The client went away before its request was whole."""


class PredictApplication:
    """Serves predictions without the layers between a socket and a model that cost half the time of one.

    Args:
        application: KServe's application.
        model: `NamedModel`.
        access: `Access`.
        accounting: `Accounting`.
        limits: `Limits`.
        closed: pattern of the paths that are closed.
    """

    def __init__(
        self,
        application: Application,
        model: NamedModel,
        access: Access,
        accounting: Accounting,
        limits: Limits,
        closed: re.Pattern[str],
    ) -> None:
        self._application = application
        self._closed = closed
        self._model = model
        self._access = access
        self._accounting = accounting
        self._max_body_bytes = limits.max_body_bytes
        self._body_seconds = limits.body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._access.check_path(scope["path"], headers.get("authorization"), is_certified(scope))
            match = _PREDICT.fullmatch(scope["path"]) if scope["method"] == "POST" else None
            if self._closed.fullmatch(scope["path"]):
                raise RequestError(Rejection.CLOSED, "Expected a route of this server. Received: one that is closed.")
            if match is None or "ce-specversion" in headers or "cloudevents" in headers.get("content-type", ""):
                body = await self._read_body(receive, headers)
                await self._application(self._without_version(scope), _Replay(body, receive), send)
                return
        except RequestError as error:
            self._accounting.reject(error)
            await _send(send, error.rejection.status, orjson.dumps({"error": str(error)}), [])
            return
        except _DisconnectedError:
            return
        await self._predict(match, headers, receive, send)

    async def _predict(self, match: re.Match[str], headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        v1_name, v2_name, version = match.groups()
        identifier = request_id(headers.get("x-request-id"))
        extra: Headers = [(b"x-request-id", identifier.encode())]
        try:
            body = await self._read_body(receive, headers)
        except _DisconnectedError:
            return
        except RequestError as error:
            self._accounting.reject(error)
            await _send(send, error.rejection.status, orjson.dumps({"error": str(error)}), extra)
            return
        with self._accounting.request("v1" if v1_name else "v2", headers) as account:
            try:
                self._check_model(v1_name or v2_name, version)
                if v1_name:
                    content = await self._respond_v1(body, headers, identifier, account)
                else:
                    content, length = await self._respond_v2(body, headers, identifier, account)
                    if length is not None:
                        extra.append((_BINARY_LENGTH, str(length).encode()))
                status = 200
            except RequestError as error:
                self._accounting.reject(error)
                status, content = error.rejection.status, orjson.dumps({"error": str(error)})
            except Exception:
                logger.exception("The request %s failed", identifier)
                status, content = 500, orjson.dumps(FAILED)
            account.status = str(status)
        await _send(send, status, content, extra)

    async def _respond_v1(self, body: bytes, headers: Mapping[str, str], identifier: str, account: Account) -> bytes:
        served = self._model.current()
        inputs, by_rows = read_request(parse_json(body, _charset(headers)), served.inputs)
        account.describe(request_id=identifier, model_version=served.version, rows=inputs.num_rows)
        outputs = await served.predict(inputs, Caller(identifier, "v1", datetime.now(UTC)))
        return write_response(outputs, by_rows)

    async def _respond_v2(
        self, body: bytes, headers: Mapping[str, str], identifier: str, account: Account
    ) -> tuple[bytes, int | None]:
        served = self._model.current()
        request = read_body(body, headers.get(_JSON_LENGTH), _charset(headers))
        check_outputs(request, [output.name for output in served.outputs])
        inputs = read_inputs(request, served.inputs)
        identifier = request_id(request.id or identifier)
        account.describe(request_id=identifier, model_version=served.version, rows=inputs.num_rows)
        outputs = await served.predict(inputs, Caller(identifier, "v2", datetime.now(UTC)))
        return write_body(choose_outputs(outputs, request), served.name, served.version, request.id or identifier)

    def _without_version(self, scope: Scope) -> Scope:
        """Returns the scope of a request about a version as one about the model: KServe knows no versions."""
        match = _VERSION.fullmatch(scope["path"])
        if match is None:
            return scope
        model, name, version, ready = match.groups()
        version = version or parse_qs(scope["query_string"].decode("latin-1")).get("model_version", [None])[-1]
        if version is None:
            return scope
        self._check_model(name, version)
        return {**scope, "path": model + ready, "raw_path": (model + ready).encode(), "query_string": b""}

    def _check_model(self, name: str, version: str | None) -> None:
        served = self._model.current()
        if name != served.name:
            raise RequestError(
                Rejection.UNKNOWN_MODEL,
                f"Expected the model {served.name!r}. Received: {name[:80]!r}.{suggestion(name, [served.name])}",
            )
        if version not in (None, served.version):
            raise RequestError(
                Rejection.UNKNOWN_MODEL,
                f"Expected version {served.version} of {served.name!r}, which is in service, or none. "
                f"Received: {version[:80]!r}.",
            )

    async def _read_body(self, receive: Receive, headers: Mapping[str, str]) -> bytes:
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._max_body_bytes:
            raise self._too_large()
        if headers.get("content-encoding", "identity") != "identity":
            raise RequestError(
                Rejection.MALFORMED,
                "Expected a body without a content-encoding. "
                f"Received: {headers['content-encoding'][:40]!r}. Send it uncompressed.",
            )
        chunk, is_whole = await self._read_chunk(receive)
        if is_whole:
            return chunk
        body = bytearray(chunk)
        try:
            async with asyncio.timeout(self._body_seconds):
                while not is_whole:
                    chunk, is_whole = await self._read_chunk(receive)
                    body += chunk
                    if len(body) > self._max_body_bytes:
                        raise self._too_large()
        except TimeoutError:
            raise RequestError(
                Rejection.SLOW_BODY,
                f"Expected the rest of the body within {self._body_seconds:g} s. Received: {len(body):,} bytes of it.",
            ) from None
        return bytes(body)

    async def _read_chunk(self, receive: Receive) -> tuple[bytes, bool]:
        """Returns what came of a body, and whether that was the last of it."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunk: bytes = message.get("body", b"")
        if len(chunk) > self._max_body_bytes:
            raise self._too_large()
        return chunk, not message.get("more_body", False)

    def _too_large(self) -> RequestError:
        return RequestError(
            Rejection.BODY_TOO_LARGE,
            f"Expected a body of at most {self._max_body_bytes:,} bytes. Received: more. Send it in parts.",
        )


class _Replay:
    """Gives a body that was read to the application behind."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> MutableMapping[str, Any]:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _charset(headers: Mapping[str, str]) -> str | None:
    match = _CHARSET.search(headers.get("content-type", ""))
    return match.group(1) if match else None


async def _send(send: Send, status: int, body: bytes, extra: Headers) -> None:
    kind = b"application/octet-stream" if extra and extra[-1][0] == _BINARY_LENGTH else b"application/json"
    headers: Headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra]
    if status in (Rejection.BODY_TOO_LARGE.status, Rejection.SLOW_BODY.status):
        headers.append((b"connection", b"close"))  # The rest of the body is still on its way.
    if status == Rejection.UNAUTHORIZED.status:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
