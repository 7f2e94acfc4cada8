"""Small requests for predictions, without a task each: tasks, timers and messages are half of what a small one takes.

A request that came whole with its header is read there and then and queued; what queued in a round of the event loop is
predicted in the next one, and its response written. None is written in the round of its request: all that come in one
packet would be handled in that round. Whatever needs more, such as the rest of a body, is handled by the
application as any other request.
"""

import asyncio
import dataclasses
import functools
import logging
import re
import time
from asyncio import Future
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from .access import Access
from .accounting import Accounting
from .batching import Outputs
from .bodies import MAX_LOOP_BYTES
from .errors import RequestError
from .exchange import PREDICT_PATH, Exchange, make_exchange
from .kserve_model import NamedModel
from .limits import Limits
from .model import Caller, ServedModel
from .reading import RequestReader
from .request_id import request_id
from .responses import (
    BINARY_LENGTH,
    FAILED,
    GZIP_HEADERS,
    MIN_GZIP_BYTES,
    Headers,
    compress,
    late,
    rejected,
    takes_gzip,
)
from .tls import is_certified

logger = logging.getLogger(__name__)

Respond = Callable[[int, Headers, bytes], None]
"""Writes a response: its status, its headers beside those of all, and its body."""

_NEED_MORE = frozenset({b"content-encoding", b"ce-specversion", BINARY_LENGTH})
_CONTENT_TYPES = (None, b"application/json")


@dataclasses.dataclass(frozen=True)
class _Request:
    exchange: Exchange
    served: ServedModel
    identifier: str
    accepted: str
    start: float
    respond: Respond


class DirectResponder:
    """Responds to small requests for predictions of a model that predicts in the event loop.

    Args:
        model: `NamedModel`.
        reader: `RequestReader`. Compresses large responses.
        access: `Access`.
        accounting: `Accounting`.
        limits: `Limits`.
    """

    def __init__(
        self, model: NamedModel, reader: RequestReader, access: Access, accounting: Accounting, limits: Limits
    ) -> None:
        self._model = model
        self._reader = reader
        self._access = access
        self._accounting = accounting
        self._max_bytes = min(MAX_LOOP_BYTES, limits.max_body_bytes)
        self._max_seconds = limits.request_seconds

    def take(self, scope: Mapping[str, Any], body: bytes, respond: Respond) -> bool:
        """Returns whether it responds to a request, in a later round of the event loop.

        Args:
            scope: scope of ASGI.
            body: bytes.
            respond: `Respond`. Called once where it does.
        """
        match = PREDICT_PATH.fullmatch(scope["path"])
        if match is None or scope["method"] != "POST" or len(body) > self._max_bytes:
            return False
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"content-type") not in _CONTENT_TYPES or not headers.keys().isdisjoint(_NEED_MORE):
            return False
        served = self._served(match)
        if served is None or not self._is_admitted(scope, headers):
            return False
        identifier = request_id(_text(headers, b"x-request-id"))
        exchange = make_exchange(match, body, {}, identifier)
        start = self._accounting.begin()
        request = _Request(exchange, served, identifier, _text(headers, b"accept-encoding") or "", start, respond)
        try:
            inputs = exchange.read(served)
            caller = Caller(exchange.identifier, exchange.protocol, datetime.now(UTC))
            future = served.predict(inputs, caller)
            future.add_done_callback(functools.partial(self._predicted, request))
            if inputs.num_rows > served.max_loop_rows:
                self._cancel_late(future)
        except Exception as error:
            asyncio.get_running_loop().call_soon(self._end, request, error)
        return True

    def _served(self, match: re.Match[str]) -> ServedModel | None:
        """Returns the version in service, where it is what a path names and predicts in the event loop."""
        served, (v1_name, v2_name, version) = self._model.served, match.groups()
        if served is None or not (self._model.ready and served.max_loop_rows):
            return None
        is_named = (v1_name or v2_name) == served.name and version in (None, served.version)
        return served if is_named else None

    def _is_admitted(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
        try:
            self._access.check_path(scope["path"], _text(headers, b"authorization"), is_certified(scope))
        except RequestError:
            return False
        return True

    def _cancel_late(self, future: Future[Outputs]) -> None:
        """Has one that waits for a thread not predicted once it is late."""
        timer = future.get_loop().call_later(self._max_seconds, future.cancel)
        future.add_done_callback(lambda _: timer.cancel())

    def _predicted(self, request: _Request, future: Future[Outputs]) -> None:
        is_late = future.cancelled()
        self._end(request, late(self._max_seconds) if is_late else future.exception() or future.result())

    def _end(self, request: _Request, result: Outputs | BaseException) -> None:
        headers: Headers = [(b"x-request-id", request.identifier.encode())]
        try:
            if isinstance(result, BaseException):
                raise result
            if time.perf_counter() - request.start > self._max_seconds:
                raise late(self._max_seconds)
            content, more = request.exchange.write(result, request.served)
            headers += more
            status = 200
        except RequestError as error:
            self._accounting.reject(error)
            status, more, content = rejected(error)
            headers += more
        except Exception:
            logger.exception("The request %s failed", request.exchange.identifier)
            status, content = 500, orjson.dumps(FAILED)
        finally:
            # What was raised holds this frame.
            del result
        self._accounting.end(request.exchange.protocol, str(status), request.start)
        if len(content) >= MIN_GZIP_BYTES and takes_gzip(request.accepted):
            headers += GZIP_HEADERS
            compressed = self._reader.run(lambda: compress(content))
            compressed.add_done_callback(lambda done: request.respond(status, headers, done.result()))
        else:
            request.respond(status, headers, content)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
