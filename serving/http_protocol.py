"""uvicorn's HTTP protocol with a budget of connections, and a size and a deadline for what is no body."""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .limits import Limits

IDLE_SECONDS = 1.0
"""A connection that asked nothing for so long may be closed for another one."""
NUM_SPARE = 64
"""Connections beyond the budget that get a 503 before any more are closed at once."""
RETRY_AFTER = (b"retry-after", b"1")
_MAX_FRAMING = 8
"""Bytes around each byte of a chunked body: one in chunks of a single byte has 5."""


def make_protocol(limits: Limits, base: type[HttpToolsProtocol]) -> type[HttpToolsProtocol]:
    """Returns the protocol of one server, whose connections share a budget."""
    bases = (LimitedProtocol,) if base is HttpToolsProtocol else (LimitedProtocol, base)
    return type("Protocol", bases, {"limits": limits, "idle_since": {}})


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    uvicorn by itself waits for a header without limit, takes one of any size, and keeps connections that ask nothing.
    """

    limits: ClassVar[Limits]
    idle_since: ClassVar[dict["LimitedProtocol", float]]
    """Connections that have sent no whole header since they began or got their response, and when, in that order."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Takes a connection; where there are too many, in the place of the one that has been idle longest."""
        super().connection_made(transport)
        self._deadline: TimerHandle | None = None
        self._is_header_too_large = False
        self._num_messages = self._body_bytes = self._other_bytes = self._header_bytes = 0
        num_excess = len(self.connections) - self.limits.max_connections
        if num_excess > 0:
            oldest, since = next(iter(self.idle_since.items()), (self, self.loop.time()))
            if self.loop.time() - since >= IDLE_SECONDS:
                oldest._end_idleness()
                oldest.transport.abort()
            elif num_excess <= NUM_SPARE:
                self.app = _reject_connection
            else:
                transport.abort()
                return
        self._begin_idleness()
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._end_idleness()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, and closes a connection that sends too many that are no body."""
        num_messages, body_bytes = self._num_messages, self._body_bytes
        super().data_received(data)
        if self._num_messages > num_messages or self.transport.is_closing():
            return
        self._other_bytes += len(data) - (self._body_bytes - body_bytes)
        if self._other_bytes > self.limits.max_header_bytes + _MAX_FRAMING * self._body_bytes:
            self._reject_header()
        elif self._deadline is None and self in self.idle_since:
            self._set_deadline()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a field of the header."""
        self._header_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begins a request."""
        self._is_header_too_large = len(self.url) + self._header_bytes > self.limits.max_header_bytes
        if self._is_header_too_large:
            raise ValueError("the header is too large")
        self._end_idleness()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends what a request sends."""
        super().on_message_complete()
        self._num_messages += 1
        self._body_bytes = self._other_bytes = self._header_bytes = 0

    def on_response_complete(self) -> None:
        """Ends a request."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._begin_idleness()

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that asks nothing more, also one whose client does not read its response."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Rejects what is no HTTP, or has too large a header."""
        if self._is_header_too_large:
            self._reject_header()
        else:
            self._reject(HTTPStatus.BAD_REQUEST, "Expected a request in HTTP/1.1. Received: other bytes.")

    def _begin_idleness(self) -> None:
        self.idle_since[self] = self.loop.time()

    def _end_idleness(self) -> None:
        self.idle_since.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.limits.header_seconds, self._end_late)

    def _end_late(self) -> None:
        self._deadline = None
        if self._other_bytes:
            seconds = self.limits.header_seconds
            self._reject(
                HTTPStatus.REQUEST_TIMEOUT, f"Expected the header within {seconds:g} s. Received: a part of it."
            )
        self.transport.close()

    def _reject_header(self) -> None:
        self._reject(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"Expected a header of at most {self.limits.max_header_bytes:,} bytes. Received: more.",
        )

    def _reject(self, status: HTTPStatus, message: str) -> None:
        body = orjson.dumps({"error": message})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


async def _reject_connection(scope: Any, receive: Any, send: Any) -> None:
    body = orjson.dumps({"error": "Expected fewer connections to the server. Received: too many. Try again later."})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        RETRY_AFTER,
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
