"""An InferenceService as one call owns it: each write is conditional on that call's own record standing on it."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..errors import YachayError
from ..manifests.keys import STOP
from ..manifests.render import inference_service
from ..manifests.service import Service
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import ClusterError
from .record import UNDER_WAY, Rollout

NUM_WRITES, WRITE_PAUSE_SECONDS = 20, 0.1
"""How often a write is tried while KServe's controller writes the object's status in between."""

_NONE: Mapping[str, str | None] = MappingProxyType({})


class TakenOverError(YachayError):
    """Another call moves the service on."""


class Owned:
    """The InferenceService of a call.

    Args:
        cluster: `Cluster`.
        name: string.
        owner: string. Identity of the call.
        is_forced: bool. Whether to take over fields that another manager of the cluster set.
    """

    def __init__(self, cluster: Cluster, name: str, owner: str, *, is_forced: bool) -> None:
        self._cluster = cluster
        self._name = name
        self._owner = owner
        self._is_forced = is_forced

    def create(self, service: Service, rollout: Rollout) -> None:
        """Creates the service, or changes one without a model that was ever promoted, and makes this call the owner."""
        self._cluster.apply(INFERENCE_SERVICE, inference_service(service), is_forced=self._is_forced)
        self._write(lambda live: self._annotate(rollout, live, {STOP: None}), is_owner=False)

    def claim(self, rollout: Rollout, before: Rollout | None) -> None:
        """Makes this call the owner, unless another wrote a record since `before` was read."""

        def claim(live: Document) -> Document:
            if Rollout.of(live) != before:
                raise TakenOverError("another call began in the same moment")
            return self._annotate(rollout, live)

        self._write(claim, is_owner=False)

    def take_over(self, reason: str) -> Rollout:
        """Makes this call the owner, whoever was it, and returns the record as that one left it."""
        left: list[Rollout] = []

        def claim(live: Document) -> Document:
            rollout = Rollout.of(live)
            assert rollout is not None
            left[:] = [rollout]
            state = "rolling_back" if rollout.state in UNDER_WAY else rollout.state
            return self._annotate(dataclasses.replace(rollout, state=state, reason=reason), live)

        self._write(claim, is_owner=False)
        return left[0]

    def record(self, rollout: Rollout, *, is_stopped: bool = False) -> None:
        """Writes the record of the rollout, and stops the service, so that nothing is routed, where it says so."""
        self._write(lambda live: self._annotate(rollout, live, {STOP: "true"} if is_stopped else {}))

    def _annotate(self, rollout: Rollout, live: Document, others: Mapping[str, str | None] = _NONE) -> Document:
        annotations = {**dataclasses.replace(rollout, owner=self._owner).to_annotations(), **others}
        metadata = {"annotations": annotations, "resourceVersion": live["metadata"]["resourceVersion"]}
        return self._cluster.patch(INFERENCE_SERVICE, self._name, {"metadata": metadata})

    def apply(self, service: Service, *, is_forced: bool = False) -> Document:
        """Makes the InferenceService what the service says, and returns it."""
        document = inference_service(service)

        def apply(live: Document) -> Document:
            metadata = document["metadata"] | {"resourceVersion": live["metadata"]["resourceVersion"]}
            return self._cluster.apply(
                INFERENCE_SERVICE, document | {"metadata": metadata}, is_forced=is_forced or self._is_forced
            )

        return self._write(apply)

    def pin(self, percent: int | None) -> None:
        """Gives Knative's latest revision a share of the requests; None takes the pin away."""

        def pin(live: Document) -> Document:
            changes = {"spec": {"predictor": {"canaryTrafficPercent": percent}}}
            metadata = {"resourceVersion": live["metadata"]["resourceVersion"]}
            return self._cluster.patch(INFERENCE_SERVICE, self._name, changes | {"metadata": metadata})

        self._write(pin)

    def _write(self, write: Callable[[Document], Document], *, is_owner: bool = True) -> Document:
        """Writes what is conditional on the object being as it was read just before, by the call that owns it."""
        for _ in range(NUM_WRITES):
            live = self.live()
            if is_owner:
                self.check_owner(live)
            try:
                return write(live)
            except ClusterError as error:
                if not error.is_stale:
                    raise
                stale = error
            time.sleep(WRITE_PAUSE_SECONDS)
        raise stale

    def live(self) -> Document:
        """Returns the InferenceService as it is now.

        Raises:
            TakenOverError: if it was deleted.
        """
        live = self._cluster.get(INFERENCE_SERVICE, self._name)
        if live is None:
            raise TakenOverError("the InferenceService was deleted")
        return live

    def check_owner(self, live: Document) -> None:
        """Raises `TakenOverError` where another call owns the InferenceService."""
        rollout = Rollout.of(live)
        if rollout is None or rollout.owner != self._owner:
            state = f"version {rollout.version}, {rollout.state}" if rollout else "no record"
            raise TakenOverError(f"another call moves {self._name} on: {state.replace('_', ' ')}")

    def url(self) -> str | None:
        """Returns the service's address, once it has one."""
        live = self._cluster.get(INFERENCE_SERVICE, self._name) or {}
        url: str | None = live.get("status", {}).get("url")
        return url
