"""What is counted, timed and traced of each request for predictions."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

from . import metrics
from .access_log import note
from .contract import WireProtocol
from .errors import Rejection, RequestError

_REJECTED_CODES = {rejection.code for rejection in Rejection if rejection.status < 500} | {"CANCELLED"}

Outcome = Literal["ok", "rejected", "failed"]


def outcome(status: str) -> Outcome:
    """Returns what an HTTP status or the name of a gRPC code means: that the client can fix it is `"rejected"`."""
    if status in ("200", "OK"):
        return "ok"
    return "rejected" if status.startswith("4") or status in _REJECTED_CODES else "failed"


class Account:
    """One request.

    Args:
        span: OpenTelemetry span; None where nothing is traced.
    """

    def __init__(self, span: Any) -> None:
        self.status = "200"
        self._span = span

    def describe(self, **attributes: Any) -> None:
        """Adds attributes to the trace and to the access log."""
        note(**attributes)
        if self._span is not None:
            self._span.set_attributes({f"yachay.{name}": value for name, value in attributes.items()})

    def fail(self, error: Exception) -> None:
        """Adds a failure of the server to the trace."""
        if self._span is not None:
            self._span.record_exception(error)


class Accounting:
    """Keeps account of a model's requests.

    Args:
        model_name: string.
        tracer: OpenTelemetry tracer; None where nothing is traced. Defaults to None.
    """

    def __init__(self, model_name: str, tracer: Any = None) -> None:
        self._model_name = model_name
        self._tracer = tracer
        self._in_flight = metrics.IN_FLIGHT.labels(model_name)
        self._counters: dict[tuple[str, str], Any] = {}
        self._seconds = {protocol: metrics.SECONDS.labels(model_name, protocol) for protocol in get_args(WireProtocol)}

    @property
    def is_traced(self) -> bool:
        """Whether requests are traced."""
        return self._tracer is not None

    @contextlib.contextmanager
    def request(
        self, protocol: WireProtocol, headers: Mapping[str, str], attributes: Callable[[], Mapping[str, Any]]
    ) -> Iterator[Account]:
        """Counts, times and traces a request.

        Args:
            protocol: `WireProtocol`.
            headers: mapping of lower-case name to value, which say which trace it belongs to.
            attributes: function that returns those of a span. Only called where requests are traced.
        """
        with self._span(protocol, headers, attributes) as span:
            account = Account(span)
            start = self.begin()
            try:
                yield account
            finally:
                self.end(protocol, account.status, start)
                if span is not None:
                    from .tracing import end_span

                    end_span(span, protocol, account.status)

    def begin(self) -> float:
        """Counts a request that is not traced as one under way, and returns when it began, for `end`."""
        self._in_flight.inc()
        return time.perf_counter()

    def end(self, protocol: WireProtocol, status: str, start: float) -> None:
        """Counts and times it."""
        self._seconds[protocol].observe(time.perf_counter() - start)
        self._in_flight.dec()
        self._count(protocol, status)

    def reject(self, error: RequestError) -> None:
        """Counts a rejection by its reason."""
        metrics.REJECTED.labels(self._model_name, error.rejection.label).inc()

    def _count(self, protocol: WireProtocol, status: str) -> None:
        counter = self._counters.get((protocol, status))
        if counter is None:
            counter = metrics.REQUESTS.labels(self._model_name, protocol, status, outcome(status))
            self._counters[protocol, status] = counter
        counter.inc()

    def _span(
        self, protocol: WireProtocol, headers: Mapping[str, str], attributes: Callable[[], Mapping[str, Any]]
    ) -> contextlib.AbstractContextManager[Any]:
        if self._tracer is None:
            return contextlib.nullcontext()
        from .tracing import request_span

        return request_span(self._tracer, self._model_name, protocol, headers, attributes())
