"""What Prometheus knows of the two models of a rollout."""

import collections
import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Protocol, Self

import httpx

from .authorities import describe, verification
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
        above: mapping of a bound of the predicted numbers to the rows above it, ascending, the first of them minus
            infinity with all rows; empty for a model that predicts none.
        probes: float. How often its pods were asked whether they respond.
        probes_failed: float. How often they did not.
        failed_effect: float. The design effect of the failures: how much they come together (`Dispersion`).
        rejected_effect: float. The same of the rejections.
    """

    requests: float
    failed: float = 0.0
    rejected: float = 0.0
    slower: Mapping[float, float] = dataclasses.field(default_factory=dict)
    classes: Mapping[str, float] = dataclasses.field(default_factory=dict)
    above: Mapping[float, float] = dataclasses.field(default_factory=dict)
    probes: float = 0.0
    probes_failed: float = 0.0
    failed_effect: float = 1.0
    rejected_effect: float = 1.0

    def classes_of_requests(self) -> dict[str, float]:
        """Returns the classes, their sum at most the number of requests: rows of one request depend on one another."""
        part = self._part(sum(self.classes.values()))
        return {name: count * part for name, count in self.classes.items() if count * part > 0}

    def above_of_requests(self) -> dict[float, float]:
        """Returns the rows above each bound, all of them at most the number of requests; see `classes_of_requests`."""
        part = self._part(max(self.above.values(), default=0.0))
        return {bound: count * part for bound, count in self.above.items()} if part else {}

    def _part(self, rows: float) -> float:
        return min(1.0, max(self.requests - self.failed - self.rejected, 0.0) / rows) if rows else 0.0


class Monitor(Protocol):
    """Knows the traffic of a model version."""

    def scraped(self, model: str, version: str) -> float | None:
        """Returns how many seconds ago the last of a version's servers was scraped; None where none is known.

        Raises:
            MonitoringError: if it is not known.
        """
        ...

    def unreached(self, namespace: str, service: str, window_seconds: float) -> float:
        """Returns the requests to a Kubernetes Service that a gateway failed without its response.

        Raises:
            MonitoringError: if it is not known.
        """
        ...

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
        named = self._named({"model_name": model, **self._labels})
        of_version = f'* on (instance) group_left () max by (instance) (yachay_model{{{named},version="{version}"}})'

        def counted(selector: str) -> str:
            return f"{_increase(selector, window_seconds)} {of_version}"

        requests = counted(f"yachay_requests_total{{{named}}}")
        buckets = counted(f"yachay_request_seconds_bucket{{{named}}}")
        classes = counted(f"yachay_predicted_classes_total{{{named}}}")
        values = counted(f"yachay_predicted_values_total{{{named}}}")
        outcomes: dict[str, float] = collections.defaultdict(float)
        for labels, count in self._query(f"sum by (outcome, status) ({requests})"):
            outcomes[_outcome(labels)] += count
        below = self._by("le", buckets)
        total = below.pop("+Inf", 0.0)
        num_requests = sum(outcomes.values())
        return Traffic(
            requests=num_requests,
            failed=outcomes.get("failed", 0.0),
            rejected=outcomes.get("rejected", 0.0),
            # A scrape between two queries counts further requests.
            slower={float(bound): min(max(total - count, 0.0), num_requests) for bound, count in below.items()},
            classes={label: count for label, count in self._by("label", classes).items() if count > 0},
            above=_above({float(upper): count for upper, count in self._by("upper", values).items()}),
        )

    def scraped(self, model: str, version: str) -> float | None:
        """Returns how many seconds ago the last of a version's servers was scraped; None where none is known.

        Raises:
            MonitoringError: if Prometheus rejects the query or does not respond.
        """
        named = self._named({"model_name": model, "version": version, **self._labels})
        ages = self._query(f"max(time() - timestamp(yachay_model{{{named}}}))")
        return ages[0][1] if ages else None

    def unreached(self, namespace: str, service: str, window_seconds: float) -> float:
        """Returns the requests to a Kubernetes Service that Istio's gateway or sidecars failed without its response.

        Raises:
            MonitoringError: if Prometheus rejects the query or does not respond.
        """
        named = self._named(
            {"destination_service_namespace": namespace, "destination_service_name": service, "reporter": "source"}
        )
        # The server's own response has no flags; of gRPC the gateway's has code 200. DC: the client went away.
        failed = f'istio_requests_total{{{named},response_code=~"200|5..",response_flags!~"|-|DC"}}'
        found = self._query(f"sum({_increase(failed, window_seconds)})")
        return found[0][1] if found else 0.0

    def check(self) -> None:
        """Asks for a constant.

        Raises:
            MonitoringError: if Prometheus rejects the query or does not respond.
        """
        self._query("vector(1)")

    @staticmethod
    def _named(labels: Mapping[str, str]) -> str:
        return ",".join(f'{name}="{value}"' for name, value in labels.items())

    def _by(self, label: str, query: str) -> dict[str, float]:
        return {labels[label]: value for labels, value in self._query(f"sum by ({label}) ({query})")}

    def _query(self, query: str) -> list[tuple[dict[str, str], float]]:
        try:
            response = httpx.post(
                f"{self._url}/api/v1/query",
                data={"query": query},
                headers=self._headers,
                timeout=TIMEOUT_SECONDS,
                verify=verification(),
            )
            content = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise MonitoringError(
                f"Expected Prometheus at {self._url} to respond. Received: {describe(error)}. Check --prometheus."
            ) from None
        if response.status_code != 200 or content.get("status") != "success":
            raise MonitoringError(
                f"Expected Prometheus at {self._url} to respond to a query. Received: {response.status_code} "
                f"{content.get('error', '')}."
            )
        found = [(item["metric"], float(item["value"][1])) for item in content["data"]["result"]]
        for labels, value in found:
            if not math.isfinite(value):  # It would pass every comparison.
                raise MonitoringError(
                    f"Expected Prometheus at {self._url} to have numbers. Received: {value} for {labels or query}. "
                    "Look at what it scrapes."
                )
        return found


def _increase(selector: str, window_seconds: float) -> str:
    """Returns the query of what series counted in a window.

    Not `increase()`, which misses what a series counted before its first scrape: above all the first errors.
    """
    window = f"{max(1, round(window_seconds * 1000))}ms"
    return f"clamp_min({selector} - ({selector} offset {window} or {selector} * 0), 0)"


def _above(counts: Mapping[float, float]) -> dict[float, float]:
    """Returns the rows above each bound, and above minus infinity, by the rows of each bin, named by its upper end."""
    found: dict[float, float] = {}
    rows = 0.0
    for upper in sorted(counts, reverse=True):
        if not math.isinf(upper):
            found[upper] = rows
        rows += counts[upper]
    return {-math.inf: rows, **dict(reversed(found.items()))} if rows else {}


def _outcome(labels: Mapping[str, str]) -> str:
    """Returns the outcome of counted requests; the servers of earlier images name the status alone."""
    return labels.get("outcome") or {"4": "rejected", "5": "failed"}.get(labels["status"][:1], "ok")
