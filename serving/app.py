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
from .access_log import AccessLog, note
from .accounting import Accounting
from .bodies import Body, inflate, parse_json, too_large
from .contract import WireProtocol
from .direct import DirectResponder
from .errors import Rejection, RequestError
from .exchange import PREDICT_PATH, charset_of, make_exchange
from .kserve_model import NamedModel
from .limits import Limits
from .model import Caller
from .reading import Budget, RequestReader
from .request_id import request_id
from .responses import (
    CLOSE,
    FAILED,
    GZIP_HEADERS,
    MIN_GZIP_BYTES,
    Headers,
    compress,
    full_headers,
    late,
    rejected,
    takes_gzip,
)
from .tls import is_certified

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ROUTES = {"v1": "/v1/models/{model_name}:predict", "v2": "/v2/models/{model_name}/infer"}
_VERSION = re.compile(r"(/v2/models/([^/]+))(?:/versions/([^/]+))?((?:/ready)?)")
CLOSED_EXPLAIN = re.compile(r".*:explain/?")  # KServe's would return the request's headers.
CLOSED = re.compile(rf"{CLOSED_EXPLAIN.pattern}|/v2/repository(/.*)?")
MAX_KSERVE_BYTES = 64 * 2**10
"""Bytes of a body that KServe's application reads in the event loop: as much as a CloudEvent may be sure to have."""


class _DisconnectedError(Exception):
    """The client went away before its request was whole."""


class PredictApplication:
    """Serves predictions without the layers between a socket and a model that cost half the time of one.

    Args:
        application: KServe's application.
        model: `NamedModel`.
        reader: `RequestReader`.
        access: `Access`.
        accounting: `Accounting`.
        limits: `Limits`.
        closed: pattern of the paths that are closed.
        access_log: `AccessLog`; None for none.

    Attributes:
        direct: `DirectResponder`; None where each request is traced or makes a line.
    """

    def __init__(
        self,
        application: Application,
        model: NamedModel,
        reader: RequestReader,
        access: Access,
        accounting: Accounting,
        limits: Limits,
        closed: re.Pattern[str],
        access_log: AccessLog | None,
    ) -> None:
        self._application = application
        self._closed = closed
        self._model = model
        self._reader = reader
        self._access = access
        self._accounting = accounting
        self._limits = limits
        self._access_log = access_log
        self._budget = Budget(limits.max_buffered_bytes)
        is_watched = access_log is not None or accounting.is_traced
        self.direct = None if is_watched else DirectResponder(model, reader, access, accounting, limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        response = _Response(send)
        if self._access_log is None:
            await self._handle(scope, headers, receive, response)
            return
        client = (scope.get("client") or (None,))[0]
        asked = {"client": client, "protocol": "http", "method": scope["method"], "path": scope["path"]}
        with self._access_log.request(headers, **asked) as line:
            try:
                await self._handle(scope, headers, receive, response)
            finally:
                line["status"] = response.status

    async def _handle(self, scope: Scope, headers: Mapping[str, str], receive: Receive, response: "_Response") -> None:
        body = _Body(receive, self._budget, self._limits)
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                await self._respond(scope, headers, body, response)
        except TimeoutError:
            if response.status is not None:
                raise  # The server closes the connection.
            await self._reject(body.late(), body, response)
        except _DisconnectedError:
            return
        finally:
            body.close()

    async def _respond(self, scope: Scope, headers: Mapping[str, str], body: "_Body", response: "_Response") -> None:
        try:
            self._access.check_path(scope["path"], headers.get("authorization"), is_certified(scope))
            match = PREDICT_PATH.fullmatch(scope["path"])
            if match is not None and scope["method"] != "POST":
                raise RequestError(Rejection.METHOD, f"Expected the method POST. Received: {scope['method'][:20]}.")
            if self._closed.fullmatch(scope["path"]):
                raise RequestError(Rejection.CLOSED, "Expected a route of this server. Received: one that is closed.")
            is_event = "ce-specversion" in headers or "cloudevents" in headers.get("content-type", "")
            if match is None or is_event:
                sent = await body.read(headers, MAX_KSERVE_BYTES)
                if match is not None:
                    # KServe's own reader takes the last of a key that comes twice.
                    parse_json(sent, charset_of(headers))
                await self._application(self._without_version(scope), _Replay(sent, body.receive), response.send)
                return
            identifier = request_id(headers.get("x-request-id"))
            note(request_id=identifier)
            response.headers.append((b"x-request-id", identifier.encode()))
            response.takes_gzip = takes_gzip(headers.get("accept-encoding", ""))
            sent = await body.read(headers, self._limits.max_body_bytes)
        except RequestError as error:
            await self._reject(error, body, response)
            return
        status, content = await self._predict(scope, match, headers, sent, identifier, response)
        if response.takes_gzip and len(content) >= MIN_GZIP_BYTES:
            response.headers += GZIP_HEADERS
            content = await self._reader.run(lambda: compress(content))
        await response.write(status, content)

    async def _predict(
        self,
        scope: Scope,
        match: re.Match[str],
        headers: Mapping[str, str],
        body: Body,
        identifier: str,
        response: "_Response",
    ) -> tuple[int, bytes]:
        v1_name, v2_name, version = match.groups()
        protocol: WireProtocol = "v1" if v1_name else "v2"

        def attributes() -> dict[str, Any]:
            from .tracing import http_attributes

            return http_attributes(scope, headers, _ROUTES[protocol])

        with self._accounting.request(protocol, headers, attributes) as account:
            # Where it takes too long it is cancelled.
            account.status = str(Rejection.LATE.status)
            try:
                if headers.get("content-encoding", "identity") != "identity":
                    body = await self._inflate(body, headers["content-encoding"])
                self._check_model(v1_name or v2_name, version)
                exchange = make_exchange(match, body, headers, identifier)
                served, inputs = await self._reader.read(len(body), exchange.read)
                account.describe(request_id=exchange.identifier, model_version=served.version, rows=inputs.num_rows)
                outputs = await served.predict(inputs, Caller(exchange.identifier, protocol, datetime.now(UTC)))
                content, more = exchange.write(outputs, served)
                response.headers += more
                status = 200
            except RequestError as error:
                status, content = self._rejected(error, response)
            except Exception as error:
                logger.exception("The request %s failed", identifier)
                account.fail(error)
                status, content = 500, orjson.dumps(FAILED)
            account.status = str(status)
        return status, content

    async def _inflate(self, body: Body, encoding: str) -> Body:
        if encoding.lower() not in ("gzip", "x-gzip"):
            raise RequestError(
                Rejection.ENCODING,
                f"Expected the content-encoding gzip, or none. Received: {encoding[:40]!r}. Send gzip, or plain JSON.",
            )
        return await self._reader.run(lambda: inflate(body, self._limits.max_body_bytes))

    async def _reject(self, error: RequestError, body: "_Body", response: "_Response") -> None:
        if body.is_under_way:
            response.headers.append(CLOSE)
        await response.write(*self._rejected(error, response))

    def _rejected(self, error: RequestError, response: "_Response") -> tuple[int, bytes]:
        self._accounting.reject(error)
        status, headers, content = rejected(error)
        response.headers += headers
        return status, content

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


class _Body:
    """The body of a request, of the budget of all.

    Args:
        receive: function of ASGI.
        budget: `Budget`.
        limits: `Limits`.
    """

    def __init__(self, receive: Receive, budget: Budget, limits: Limits) -> None:
        self.receive = receive
        self._budget = budget
        self._seconds = limits.body_seconds
        self._request_seconds = limits.request_seconds
        self._num_bytes = self._num_taken = 0
        self.is_under_way = False
        """Whether its rest is still to come."""

    async def read(self, headers: Mapping[str, str], max_bytes: int) -> Body:
        """Returns it whole.

        Raises:
            RequestError: if it is too large, there is no room for it, or its rest does not arrive in time.
        """
        self.is_under_way = True
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > max_bytes:
            raise too_large(max_bytes)
        chunk = await self._read_chunk(max_bytes)
        if not self.is_under_way:
            return chunk
        # Joined at the end, large ones would hold up all other requests for as long as their pages take.
        body = bytearray(chunk)
        try:
            async with asyncio.timeout(self._seconds):
                while self.is_under_way:
                    # One that came at once is no more than a connection holds anyway.
                    self._budget.take(self._num_bytes - self._num_taken)
                    self._num_taken = self._num_bytes
                    body += await self._read_chunk(max_bytes)
        except TimeoutError:
            raise self._slow(self._seconds) from None
        return body

    def late(self) -> RequestError:
        """Returns the rejection of a request that took too long: for its body, or for its prediction."""
        if self.is_under_way:
            return self._slow(self._request_seconds)
        return late(self._request_seconds)

    def close(self) -> None:
        """Gives back what it took of the budget."""
        self._budget.give_back(self._num_taken)

    async def _read_chunk(self, max_bytes: int) -> bytes:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise _DisconnectedError
        chunk: bytes = message.get("body", b"")
        self._num_bytes += len(chunk)
        if self._num_bytes > max_bytes:
            raise too_large(max_bytes)
        self.is_under_way = message.get("more_body", False)
        return chunk

    def _slow(self, seconds: float) -> RequestError:
        return RequestError(
            Rejection.SLOW_BODY,
            f"Expected the rest of the body within {seconds:g} s. Received: {self._num_bytes:,} bytes of it.",
        )


class _Response:
    """The response to a request.

    Args:
        send: function of ASGI.
    """

    def __init__(self, send: Send) -> None:
        self.headers: Headers = []
        self.takes_gzip = False
        self.status: int | None = None
        self._send = send

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Sends a message of ASGI."""
        if self.status is None:
            self.status = message["status"]
        await self._send(message)

    async def write(self, status: int, body: bytes) -> None:
        """Sends it whole."""
        await self.send({"type": "http.response.start", "status": status, "headers": full_headers(self.headers, body)})
        await self.send({"type": "http.response.body", "body": body})


class _Replay:
    """Gives a body that was read to the application behind."""

    def __init__(self, body: Body, receive: Receive) -> None:
        self._body: Body | None = body
        self._receive = receive

    async def __call__(self) -> MutableMapping[str, Any]:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
