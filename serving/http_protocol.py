"""uvicorn's HTTP protocol with a budget of connections, a size and a deadline for what is no body, and a deadline for
what a client does not read.
"""

import functools
import logging
import re
from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .direct import DirectResponder
from .limits import Limits
from .responses import CLOSE, RETRY_AFTER, Headers, full_headers

IDLE_SECONDS = 1.0
"""A connection that asked nothing for so long may be closed for another one."""
NUM_SPARE = 64
"""Connections beyond the budget that get a 503 before any more are closed at once."""
MAX_PIPELINED = 16
"""Requests of a connection that wait for the response to the one before: each takes a hundred times its bytes."""
_MAX_FRAMING = 8
"""Bytes around each byte of a chunked body: one in chunks of a single byte has 5."""
_UPGRADE = re.compile(rb"(^|\n)upgrade[ \t]*:", re.IGNORECASE)

_logger = logging.getLogger("uvicorn.error.connection")


def make_protocol(limits: Limits, base: type[HttpToolsProtocol]) -> type["LimitedProtocol"]:
    """Returns the protocol of one server, whose connections share a budget."""
    # What a client did wrong makes no line. uvicorn's own configuration, which is read by now, would undo it.
    _logger.setLevel(logging.ERROR)
    bases = (LimitedProtocol,) if base is HttpToolsProtocol else (LimitedProtocol, base)
    return type("Protocol", bases, {"limits": limits, "idle_since": {}, "direct": None})


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    uvicorn by itself waits for a header without limit, takes one of any size, and keeps connections that ask nothing.
    """

    limits: ClassVar[Limits]
    direct: ClassVar[DirectResponder | None]
    """What responds to requests that came whole, without a task each; None where all have one."""
    idle_since: ClassVar[dict["LimitedProtocol", float]]
    """Connections that have sent no whole header since they began or got their response, and when, in that order."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Takes a connection; where there are too many, in the place of the one that has been idle longest."""
        super().connection_made(transport)
        self.logger = _logger
        self._unread: TimerHandle | None = None
        self._deadline: TimerHandle | None = None
        self._held: tuple[RequestResponseCycle, Any] | None = None
        self._in_service: RequestResponseCycle | None = None
        self._is_reading = self._is_header_too_large = False
        self._num_messages = self._body_bytes = self._other_bytes = 0
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
        self._end_unread()
        self._end_service()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, and closes a connection that sends too many that are no body."""
        num_messages, body_bytes = self._num_messages, self._body_bytes
        if self in self.idle_since:
            data = _without_upgrade(data)
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        self._start_held()
        if self._num_messages > num_messages or self.transport.is_closing():
            return
        self._other_bytes += len(data) - (self._body_bytes - body_bytes)
        if self._other_bytes > self.limits.max_header_bytes + _MAX_FRAMING * self._body_bytes:
            self._reject_header()
        elif self._deadline is None and self in self.idle_since:
            self._set_deadline()

    def on_headers_complete(self) -> None:
        """Begins a request."""
        num_bytes = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        self._is_header_too_large = num_bytes > self.limits.max_header_bytes
        if self._is_header_too_large:
            raise ValueError("the header is too large")
        # Behind a header that asks for another protocol the parser ends, and takes a body for the next request.
        if self.parser.should_upgrade() or len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("not served")
        self._end_idleness()
        if not self.transport.get_write_buffer_size():
            self._end_unread()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends what a request sends."""
        super().on_message_complete()
        self._num_messages += 1
        self._body_bytes = self._other_bytes = 0
        if self._held is None or self.direct is None:
            return
        cycle, _ = self._held
        if not cycle.waiting_for_100_continue and not self.flow.write_paused:
            respond = functools.partial(self._respond, cycle)
            if self.direct.take(cycle.scope, bytes(cycle.body), respond):
                self._held = None
                return
        self._start_held()

    def on_response_complete(self) -> None:
        """Ends a request."""
        super().on_response_complete()
        self._begin_unread()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._begin_idleness()

    def pause_writing(self) -> None:
        """Waits for the client to read."""
        super().pause_writing()
        self._begin_unread()

    def resume_writing(self) -> None:
        """Goes on, as the client has read."""
        self._end_unread()
        super().resume_writing()

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
            self._reject(
                HTTPStatus.BAD_REQUEST,
                f"Expected requests in HTTP/1.1, at most {MAX_PIPELINED} ahead of their responses. "
                "Received: other bytes, or more.",
            )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_service = cycle
        # Whether it needs a task is known once all is read that came with its header.
        if self._is_reading and self.direct is not None and app is not _reject_connection:
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _start_held(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            super()._start_asgi_task(*held)

    def _respond(self, cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> None:
        """Writes the response of a request without a task."""
        if cycle.disconnected:
            return
        lines = [STATUS_LINE[status]]
        if not cycle.keep_alive:
            headers.append(CLOSE)
        for name, value in (*cycle.default_headers, *full_headers(headers, body)):
            lines += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        # As at the end of a task: the two hold each other, also once the connection is closed.
        cycle.on_response = _nothing

    def _end_service(self) -> None:
        """Has nothing more written for the request in service; uvicorn ends the last one that came, maybe another."""
        if self._in_service is not None and not self._in_service.response_complete:
            self._in_service.disconnected = True
            self._in_service.message_event.set()

    def _begin_idleness(self) -> None:
        self.idle_since[self] = self.loop.time()

    def _end_idleness(self) -> None:
        self.idle_since.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _begin_unread(self) -> None:
        # A transport that is closed waits for its client without limit, too.
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(self.limits.body_seconds, self._abort_unread)

    def _abort_unread(self) -> None:
        self._unread = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _end_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

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
        self._end_service()
        self._begin_unread()


def _without_upgrade(data: bytes) -> bytes:
    """Returns bytes of a header without the offer of another protocol: HTTP/1.1 is what a server may answer it in.

    Java's client offers HTTP/2 with the first request of each connection.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if b"upgrade" not in head.lower():
        return data
    return _UPGRADE.sub(rb"\1x-upgrade:", head) + end + rest


def _nothing() -> None:
    pass


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
