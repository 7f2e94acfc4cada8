"""The access log: a line of JSON for each request, written in a thread of its own."""

import contextlib
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson
from prometheus_client import Counter

MAX_WAITING = 10_000
MAX_CHARACTERS = 200
DROPPED = Counter("yachay_access_log_dropped", "Lines that the access log lost as they came faster than it writes")

_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # https://www.w3.org/TR/trace-context/
_LINE: ContextVar[dict[str, Any] | None] = ContextVar("line", default=None)


def note(**fields: Any) -> None:
    """Adds fields to the line of the request that is being handled, where there is one."""
    line = _LINE.get()
    if line is not None:
        line.update(fields)


class AccessLog:
    """Writes a line for each request, health checks and rejected ones among them. It never holds a request up.

    Args:
        stream: binary stream. Defaults to standard output.
    """

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._lines: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def request(self, headers: Mapping[str, str], **fields: Any) -> Iterator[dict[str, Any]]:
        """Times a request; what is added to the fields that it gives, or by `note`, stands in its line.

        Args:
            headers: mapping of lower-case name to value.
            fields: who asks and for what.
        """
        trace = _TRACE.fullmatch(headers.get("traceparent", ""))
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **{name: _cut(value) for name, value in fields.items()},
            "forwarded_for": _cut(headers.get("x-forwarded-for")),
            "user_agent": _cut(headers.get("user-agent")),
            "trace_id": trace[1] if trace else None,
        }
        token = _LINE.set(line)
        start = time.perf_counter()
        try:
            yield line
        finally:
            _LINE.reset(token)
            line["seconds"] = round(time.perf_counter() - start, 6)
            try:
                self._lines.put_nowait(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            except queue.Full:
                DROPPED.inc()

    def close(self) -> None:
        """Writes what is waiting and ends the thread."""
        self._lines.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line)
                if self._lines.empty():
                    self._stream.flush()
            except OSError:
                DROPPED.inc()


def _cut(value: str | None) -> str | None:
    return None if value is None else value[:MAX_CHARACTERS]
