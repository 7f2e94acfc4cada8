"""Follows a log: judges it again whenever it has new files, and serves the numbers to Prometheus."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server

from ...errors import UsageError, YachayError
from .log import list_files
from .metrics import Metrics
from .result import MonitorResult

logger = logging.getLogger(__name__)

_NEVER = datetime.max.replace(tzinfo=UTC)


class Follower:
    """Judges a log again and again.

    A log that cannot be read for a while, or a store that is away, is reported, counted in
    `yachay_monitor_failures_total`, and asked again; the numbers of the last result stay.

    Args:
        judge: function that returns a `MonitorResult`.
        places: function that returns the files and folders whose changes count: the log, and the labels.
        name: string. The label `model_name`.
        address: string. To listen on.
        port: int. 0 takes a free one.

    Raises:
        UsageError: if the port is taken.
    """

    def __init__(
        self, judge: Callable[[], MonitorResult], places: tuple[str, ...], name: str, address: str, port: int
    ) -> None:
        self._judge = judge
        self._places = places
        registry = CollectorRegistry()
        self._metrics = Metrics(registry, name)
        self._seen: object = None
        self._next_end = _NEVER
        try:
            server, _ = start_http_server(port, address, registry)
        except OSError as error:
            raise UsageError(
                f"Expected --port to be free on {address}. Received: {port} ({error.strerror}). Name another; is "
                "another monitor running?"
            ) from None
        self.port: int = server.server_port

    def run(self, every_seconds: float, stop: threading.Event, show: Callable[[MonitorResult], None]) -> None:
        """Judges the log whenever a file was added or has changed, or a window ended, until `stop` is set.

        Args:
            every_seconds: float. How long to wait between two looks.
            stop: `threading.Event`.
            show: function that takes each result.
        """
        while True:
            started = time.monotonic()
            try:
                found = [
                    (file.path, file.size, file.modified) for place in self._places for file in list_files(place, ("",))
                ]
                if found != self._seen or datetime.now(UTC) >= self._next_end:
                    result = self._judge()
                    self._metrics.show(result)
                    show(result)
                    self._seen, self._next_end = found, _next_end(result)
                else:
                    self._metrics.looked()
            except (YachayError, OSError) as error:
                self._metrics.fail()
                logger.warning("The log is not judged: %s", error)
            if stop.wait(max(every_seconds - (time.monotonic() - started), 0)):
                return


def _next_end(result: MonitorResult) -> datetime:
    """Returns when the first window that is still open ends; a log without requests has no new file then."""
    if result.settings.size.rows:
        return _NEVER
    return min((datetime.fromisoformat(one.end) for one in result.windows if not one.is_complete), default=_NEVER)
