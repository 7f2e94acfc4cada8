"""One call's work on one service: what deploying and going back have in common."""

import dataclasses
import socket
import time
import uuid
from collections.abc import Callable
from typing import Literal

from ..manifests.render import read_serving
from ..manifests.service import Service
from .canary import CanarySettings
from .cluster import INFERENCE_SERVICE, Cluster
from .errors import CandidateError
from .lease import Lease
from .leftovers import remove_autoscalers
from .owned import Owned, TakenOverError
from .readiness import Readiness, readiness, split
from .record import End

ROUTES_SECONDS = 30.0
"""How long routes may take to leave pods that are to be removed."""

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a rollout came to.

    Args:
        state: `"unchanged"`, `"promoted"`, `"rolled_back"`, `"failed"` for a first model that did not get ready,
            `"held"` for a candidate that keeps its share because it is not known whether it is as good, or
            `"taken_over"` where another call moves the service on.
        version: int or None. The model version that the call was about; None for a rollback that was taken over.
        serving_version: int or None. The version that has all requests now, or all but the share of one that is held.
        url: string or None. The service's address.
        reason: string. Why it was rolled back, held or failed.
    """

    state: Literal["unchanged", "taken_over", End]
    version: int | None
    serving_version: int | None
    url: str | None
    reason: str = ""


class Call:
    """One call's work on one service.

    Args:
        cluster: `Cluster`.
        name: string. The InferenceService.
        canary: `CanarySettings`.
        progress: function of one string, a line about each step.
        is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.
    """

    def __init__(
        self, cluster: Cluster, name: str, canary: CanarySettings, progress: Progress, is_forced: bool = False
    ) -> None:
        self.cluster = cluster
        self.name = name
        self.canary = canary
        self.progress = progress
        owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self.object = Owned(cluster, name, owner, is_forced=is_forced)
        self._lease = Lease(cluster, name, owner)

    def run(
        self,
        work: Callable[[], Outcome],
        version: int | None = None,
        *,
        is_forced: bool = False,
        wait_seconds: float = 0.0,
    ) -> Outcome:
        """Does the work of the call while it holds the service's Lease."""
        self._lease.acquire(is_forced=is_forced, wait_seconds=wait_seconds)
        try:
            return work()
        except TakenOverError as error:
            live = self.cluster.get(INFERENCE_SERVICE, self.name)
            serving = read_serving(live) if live else None
            return Outcome("taken_over", version, serving.version if serving else None, self.object.url(), str(error))
        finally:
            self._lease.release()

    def move(self, service: Service) -> None:
        """Gives a canary another share: KServe removes pods .3 s before the routes leave them, so they leave first."""
        self.object.apply(service, is_forced=True)
        deadline = time.monotonic() + ROUTES_SECONDS
        while not split(self.cluster, service).is_ready and time.monotonic() < deadline:
            self.pause()
        # The gateway's proxies take a route a moment after it was accepted.
        self.pause()

    def clean(self, service: Service) -> None:
        """Removes what KServe leaves behind of the service's former pods."""
        if left := remove_autoscalers(self.cluster, service):
            self.progress(left)

    def wait(self, service: Service) -> None:
        """Waits until the service is ready as it is described.

        Raises:
            CandidateError: if its pods fail, or are not ready in time.
        """
        deadline = time.monotonic() + self.canary.ready_minutes * 60
        said = ""
        while True:
            state = readiness(self.cluster, service)
            if state.is_ready:
                return
            if state.has_failed or time.monotonic() > deadline:
                raise CandidateError(_not_ready(service, state, self.canary.ready_minutes * 60))
            if state.reason != said:
                self.progress(state.reason)
                said = state.reason
            self.pause()

    def pause(self) -> None:
        """Waits for the next look.

        Raises:
            TakenOverError: if another call moves the service on.
        """
        time.sleep(self.canary.poll_seconds)
        self._lease.renew()
        self.object.check_owner(self.object.live())


def _not_ready(service: Service, state: Readiness, seconds: float) -> str:
    how_long = "" if state.has_failed else f" within {seconds:.0f} s"
    return f"version {service.model.version} did not get ready{how_long}: {state.reason}"
