"""The pods of a candidate while it has requests: whether they are ready, and how often they are restarted."""

from ..manifests.service import Service
from .canary import CanarySettings
from .cluster import Cluster, Document
from .errors import CandidateError
from .pods import describe, find_pods, of_version, restarts
from .readiness import readiness

Restarts = dict[tuple[str, str], int]


class Health:
    """Looks at the pods of both versions, again and again.

    An account that may not list pods sees whether the candidate is ready, and no restarts.

    Args:
        cluster: `Cluster`.
        service: `Service` with a candidate at a share of the requests.
        canary: `CanarySettings`.

    Raises:
        ClusterError: if the API rejects a request or does not respond.
    """

    def __init__(self, cluster: Cluster, service: Service, canary: CanarySettings) -> None:
        assert service.previous is not None
        self._cluster = cluster
        self._service = service
        self._canary = canary
        self._versions = (service.model.version, service.previous.version)
        self._before = restarts(self._pods())
        self._last_ready: float | None = None

    def look(self, now: float) -> str:
        """Returns why the candidate is not ready just now; nothing where it is.

        Args:
            now: float. Seconds of a clock that never goes back.

        Raises:
            CandidateError: if its containers are restarted again and again, more than the serving version's, or if it
                has not been ready for `patience_minutes`.
            ClusterError: if the API rejects a request or does not respond.
        """
        pods = self._pods()
        new, old = (of_version(pods, version) for version in self._versions)
        reason, is_hopeless = describe(new)
        times = self._restarted(new)
        if is_hopeless:
            raise CandidateError(f"its pods do not keep running: {reason}")
        if times > self._canary.max_restarts and times > self._restarted(old):
            raise CandidateError(
                f"a container of it was restarted {times} times since it has this share of the requests, more than "
                f"{self._canary.max_restarts}: {reason}"
            )
        state = readiness(self._cluster, self._service)
        if state.is_ready or self._last_ready is None:
            self._last_ready = now
        if state.has_failed or now - self._last_ready > self._canary.patience_minutes * 60:
            raise CandidateError(f"it was ready and is no more: {state.reason}")
        return state.reason

    def _pods(self) -> list[Document]:
        return find_pods(self._cluster, self._service.name)

    def _restarted(self, pods: list[Document]) -> int:
        """Returns how often the container was restarted since that was restarted most."""
        counts = restarts(pods)
        return max((count - self._before.get(key, 0) for key, count in counts.items()), default=0)
