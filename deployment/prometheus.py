"""What Prometheus knows of the two models of a rollout."""

import collections
import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Protocol, Self

import httpx

from .errors import MonitoringError

TIMEOUT_SECONDS = 10.0
PROMETHEUS_TOKEN = "PROMETHEUS_TOKEN"


@dataclasses.dataclass(frozen=True)
class Traffic:
    """Requests that the servers of one model version responded to.

    Args:
        requests: float. Their number.
        failed: float. Those that the server failed (HTTP 5xx and the like in gRPC).
        rejected: float. Those that it rejected (HTTP 4xx and the like in gRPC).
        slower: mapping of seconds to the number of requests that took longer.
        classes: mapping of predicted class to rows; empty for a model that predicts none.
    """

    requests: float
    failed: float = 0.0
    rejected: float = 0.0
    slower: Mapping[float, float] = dataclasses.field(default_factory=dict)
    classes: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def classes_of_requests(self) -> dict[str, float]:
        """Returns the classes, their sum at most the number of requests: rows of one request depend on one another."""
        rows = sum(self.classes.values())
        part = min(1.0, max(self.requests - self.failed - self.rejected, 0.0) / rows) if rows else 0.0
        return {name: count * part for name, count in self.classes.items() if count * part > 0}


class Monitor(Protocol):
    """Knows the traffic of a model version."""

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        """Returns the traffic of a version over the last `window_seconds`.

        Raises:
            MonitoringError: if it is not known.
        """
        ...


class Prometheus:
    """`Monitor` by the HTTP API of Prometheus.

    The servers of a version are found by their own `yachay_model`, joined on `instance`, so that no relabelling
    is needed.

    Args:
        url: string. Such as `http://prometheus.monitoring.svc:9090`.
        token: string or None. Sent as a bearer token.
        labels: mapping. Labels that the metrics must have, such as the namespace where a Prometheus sees several.
    """

    def __init__(self, url: str, token: str | None = None, labels: Mapping[str, str] | None = None) -> None:
        self._url = url.rstrip("/")
        self._labels = dict(labels or {})
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def connect(cls, url: str, labels: Mapping[str, str]) -> Self | None:
        """Returns the Prometheus at an address, once it has responded; None for no address.

        The variable `PROMETHEUS_TOKEN` holds its token, where it asks for one.

        Raises:
            MonitoringError: if it rejects the query or does not respond.
        """
        if not url:
            return None
        prometheus = cls(url, os.environ.get(PROMETHEUS_TOKEN), labels)
        prometheus.check()
        return prometheus

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        """Returns the traffic of a version over the last `window_seconds`.

        Raises:
            MonitoringError: if Prometheus rejects the query or does not respond.
        """
        named = ",".join(f'{name}="{value}"' for name, value in {"model_name": model, **self._labels}.items())
        of_version = f'* on (instance) group_left () max by (instance) (yachay_model{{{named},version="{version}"}})'

        def counted(selector: str) -> str:
            # Not increase(), which misses what a series counted before its first scrape: above all the first errors.
            before = f"({selector} offset {math.ceil(window_seconds)}s or {selector} * 0)"
            return f"clamp_min({selector} - {before}, 0) {of_version}"

        requests = counted(f"yachay_requests_total{{{named}}}")
        buckets = counted(f"yachay_request_seconds_bucket{{{named}}}")
        classes = counted(f"yachay_predicted_classes_total{{{named}}}")
        outcomes: dict[str, float] = collections.defaultdict(float)
        for labels, count in self._query(f"sum by (outcome, status) ({requests})"):
            outcomes[_outcome(labels)] += count
        below = self._by("le", buckets)
        total = below.pop("+Inf", 0.0)
        return Traffic(
            requests=sum(outcomes.values()),
            failed=outcomes.get("failed", 0.0),
            rejected=outcomes.get("rejected", 0.0),
            slower={float(bound): max(total - count, 0.0) for bound, count in below.items()},
            classes={label: count for label, count in self._by("label", classes).items() if count > 0},
        )

    def check(self) -> None:
        """Asks for a constant.

        Raises:
            MonitoringError: if Prometheus rejects the query or does not respond.
        """
        self._query("vector(1)")

    def _by(self, label: str, query: str) -> dict[str, float]:
        return {labels[label]: value for labels, value in self._query(f"sum by ({label}) ({query})")}

    def _query(self, query: str) -> list[tuple[dict[str, str], float]]:
        try:
            response = httpx.post(
                f"{self._url}/api/v1/query", data={"query": query}, headers=self._headers, timeout=TIMEOUT_SECONDS
            )
            content = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise MonitoringError(
                f"Expected Prometheus at {self._url} to respond. Received: {type(error).__name__}. Check --prometheus."
            ) from None
        if response.status_code != 200 or content.get("status") != "success":
            raise MonitoringError(
                f"Expected Prometheus at {self._url} to respond to a query. Received: {response.status_code} "
                f"{content.get('error', '')}."
            )
        return [(item["metric"], float(item["value"][1])) for item in content["data"]["result"]]


def _outcome(labels: Mapping[str, str]) -> str:
    """Returns the outcome of counted requests; the servers of earlier images name the status alone."""
    return labels.get("outcome") or {"4": "rejected", "5": "failed"}.get(labels["status"][:1], "ok")
