"""Watches one share of the requests until it is known whether the candidate is as good."""

import dataclasses
import time
from collections.abc import Callable

from ..manifests.service import Service
from .backend import Probes, backends
from .canary import CanarySettings
from .cluster import Cluster
from .dispersion import Dispersion
from .errors import CandidateError, MonitoringError, UndecidedError
from .health import Health
from .judge import Verdict, judge
from .prometheus import Monitor, Traffic

NOT_SCRAPED = "Prometheus has not scraped it since it has this share of the requests"


class Bake:
    """One share of the requests.

    Args:
        cluster: `Cluster`.
        monitor: `Monitor`.
        service: `Service` with a candidate at a share of the requests.
        canary: `CanarySettings`.
        pause: function without arguments. Waits until the next look.
        progress: function of one string, a line about what is not known yet.
    """

    def __init__(
        self,
        cluster: Cluster,
        monitor: Monitor,
        service: Service,
        canary: CanarySettings,
        pause: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        assert service.previous is not None
        self._monitor = monitor
        self._service = service
        self._canary = canary
        self._pause = pause
        self._progress = progress
        self._health = Health(cluster, service, canary)
        self._backends = backends(cluster, service)
        self._versions = (str(service.model.version), str(service.previous.version))
        self._probes = Probes(self._backends, service.name)
        self._dispersion = Dispersion(canary.min_requests)

    def run(self) -> None:
        """Watches until the candidate may go on.

        Raises:
            CandidateError: if it may not.
            UndecidedError: if that is not known in time, and `undecided` says to hold it.
            ClusterError: if the API rejects a request or does not respond.
        """
        start = responded = time.monotonic()
        counted_from: float | None = None
        canary, num_said = self._canary, 0
        while True:
            self._pause()
            now = time.monotonic()
            not_ready = self._health.look(now)
            self._probes.ask()
            try:
                if counted_from is None and self._is_scraped_within(now - start):
                    counted_from = now
                verdict, requests = self._verdict(None if counted_from is None else now - counted_from)
            except MonitoringError as error:
                if now - responded > canary.patience_minutes * 60:
                    raise CandidateError(str(error)) from None
                continue
            responded = now
            if verdict.state == "worse":
                raise CandidateError("; ".join(verdict.reasons))
            if now - start < canary.bake_minutes * 60:
                continue
            if verdict.state == "as_good" and not not_ready:
                return
            unknown = [*verdict.reasons, *([f"whether its pods stay ready: {not_ready}"] if not_ready else [])]
            reason = f"not known after {requests:.0f} requests: {'; '.join(unknown)}"
            if now - start >= canary.max_minutes * 60:
                if canary.undecided == "promote":
                    self._progress(f"goes on as deploy.canary.undecided says; {reason}")
                    return
                raise (UndecidedError if canary.undecided == "hold" else CandidateError)(reason)
            if len(unknown) != num_said:  # Which latency is in doubt may change at each look.
                self._progress(f"watched for longer, {reason}")
                num_said = len(unknown)

    def _is_scraped_within(self, seconds: float) -> bool:
        """Returns whether all servers were scraped since the share began: what was counted before is of another."""
        candidate, stable = (self._monitor.scraped(self._service.name, version) for version in self._versions)
        return candidate is not None and candidate < seconds and (stable is None or stable < seconds)

    def _verdict(self, seconds: float | None) -> tuple[Verdict, float]:
        if seconds is None:
            return Verdict("undecided", [NOT_SCRAPED]), 0
        candidate, stable = (self._traffic(index, seconds) for index in (0, 1))
        return judge(self._dispersion.add_to(candidate, seconds), stable, self._canary), candidate.requests

    def _traffic(self, index: int, seconds: float) -> Traffic:
        traffic = self._monitor.traffic(self._service.name, self._versions[index], seconds)
        unreached = self._monitor.unreached(self._service.namespace, self._backends[index].name, seconds)
        counted = dataclasses.replace(traffic, requests=traffic.requests + unreached, failed=traffic.failed + unreached)
        return self._probes.add_to(counted, index)
