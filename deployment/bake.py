"""Watches one share of the requests until it is known whether the candidate is as good."""

import time
from collections.abc import Callable

from ..manifests.service import Service
from .canary import CanarySettings
from .errors import MonitoringError
from .judge import judge
from .prometheus import Monitor, Traffic

MIN_WINDOW_SECONDS = 60.0


class CandidateError(Exception):
    """The candidate is not to be promoted."""


class UndecidedError(Exception):
    """It is not known whether the candidate is as good."""


class Bake:
    """One share of the requests.

    Args:
        monitor: `Monitor`.
        service: `Service` with a candidate at a share of the requests.
        canary: `CanarySettings`.
        pause: function without arguments. Waits until the next look.
        progress: function of one string, a line about what is not known yet.
    """

    def __init__(
        self,
        monitor: Monitor,
        service: Service,
        canary: CanarySettings,
        pause: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        self._monitor = monitor
        self._service = service
        self._canary = canary
        self._pause = pause
        self._progress = progress

    def run(self) -> None:
        """Watches until the candidate may go on.

        Raises:
            CandidateError: if it may not.
            UndecidedError: if that is not known in time, and `undecided` says to hold it.
        """
        start = responded = time.monotonic()
        canary, said = self._canary, [""]
        while True:
            self._pause()
            now = time.monotonic()
            try:
                candidate, stable = self._traffic(now - start)
            except MonitoringError as error:
                if now - responded > canary.patience_minutes * 60:
                    raise CandidateError(str(error)) from None
                continue
            responded = now
            verdict = judge(candidate, stable, canary)
            if verdict.state == "worse":
                raise CandidateError("; ".join(verdict.reasons))
            if now - start < canary.bake_minutes * 60:
                continue
            if verdict.state == "as_good":
                return
            reason = f"not known after {candidate.requests:.0f} requests: {'; '.join(verdict.reasons)}"
            if now - start >= canary.max_minutes * 60:
                if canary.undecided == "promote":
                    self._progress(f"goes on as deploy.canary.undecided says; {reason}")
                    return
                raise (UndecidedError if canary.undecided == "hold" else CandidateError)(reason)
            if verdict.reasons != said:
                self._progress(f"watched for longer, {reason}")
                said = verdict.reasons

    def _traffic(self, seconds: float) -> tuple[Traffic, Traffic]:
        assert self._service.previous is not None
        # Prometheus scrapes every 15 to 60 s, and an increase needs two scrapes.
        window = max(seconds, MIN_WINDOW_SECONDS)
        candidate, stable = (
            self._monitor.traffic(self._service.name, str(model.version), window)
            for model in (self._service.model, self._service.previous)
        )
        return candidate, stable
