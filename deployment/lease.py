"""Who moves a service's rollout on: a Lease of Kubernetes, renewed while the call is at work.

A Lease shows another call that is at work; what keeps two from writing over each other is the owner in the record
on the InferenceService, which each write is conditional on.
"""

import contextlib
import datetime
import time

from ..errors import UsageError
from .cluster import LEASE, Cluster, Document
from .errors import ClusterError

HOLDER_SECONDS = 90
WAIT_SECONDS = 2.0


class Lease:
    """The Lease of a service's rollout.

    Args:
        cluster: `Cluster`.
        service: string. Name of the InferenceService.
        owner: string. Identity of this call.
    """

    def __init__(self, cluster: Cluster, service: str, owner: str) -> None:
        self._cluster = cluster
        self._service = service
        self._owner = owner
        self._renewed = 0.0

    def holder(self) -> str | None:
        """Returns who holds the Lease, or None where nobody does.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        return _holder(self._cluster.get(LEASE, self._name), self._cluster.now())

    def acquire(self, *, is_forced: bool = False, wait_seconds: float = 0.0) -> None:
        """Takes the Lease, where no other call holds it or `is_forced`.

        Args:
            is_forced: bool. Whether to take it from another call. Defaults to False.
            wait_seconds: float. How long another call may hold it still. Defaults to 0.

        Raises:
            UsageError: if another call holds it.
            ClusterError: if the API rejects the request or does not respond.
        """
        deadline = time.monotonic() + wait_seconds
        while True:
            live = self._cluster.get(LEASE, self._name)
            held = _holder(live, self._cluster.now())
            if held is None or is_forced:
                break
            if time.monotonic() >= deadline:
                raise self.is_held_by(held)
            time.sleep(WAIT_SECONDS)
        try:
            if live is None:
                self._cluster.create(
                    LEASE, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **self._document(None)}
                )
            else:
                # Another call's renewal must not keep a forced one out; one that was not seen must.
                version = None if is_forced else live["metadata"]["resourceVersion"]
                self._cluster.patch(LEASE, self._name, self._document(version))
        except ClusterError as error:
            if not error.is_stale:
                raise
            raise self.is_held_by("another call") from None
        self._renewed = self._cluster.now()

    def renew(self) -> None:
        """Says that this call is still at work; some of every three calls reach the API.

        Raises:
            ClusterError: if the API rejects the request or does not respond.
        """
        if self._cluster.now() - self._renewed > HOLDER_SECONDS / 6:
            try:
                self._cluster.patch(LEASE, self._name, {"spec": {"renewTime": _text(self._cluster.now())}})
            except ClusterError as error:
                if error.status != 404:  # Where someone removed it, the record still has the owner.
                    raise
            self._renewed = self._cluster.now()

    def release(self) -> None:
        """Lets the next call begin at once; where the API does not respond it waits until the Lease has run out."""
        with contextlib.suppress(ClusterError):
            live = self._cluster.get(LEASE, self._name)
            if live is not None and live["spec"].get("holderIdentity") == self._owner:
                changes = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}}
                self._cluster.patch(LEASE, self._name, {**changes, "spec": {"holderIdentity": ""}})

    @property
    def _name(self) -> str:
        return f"{self._service}-rollout"

    def _document(self, resource_version: str | None) -> Document:
        now = _text(self._cluster.now())
        metadata = {"name": self._name} | ({"resourceVersion": resource_version} if resource_version else {})
        spec = {
            "holderIdentity": self._owner,
            "leaseDurationSeconds": HOLDER_SECONDS,
            "acquireTime": now,
            "renewTime": now,
        }
        return {"metadata": metadata, "spec": spec}

    def is_held_by(self, holder: str) -> UsageError:
        """Returns the error of a call that comes while another is at work."""
        return UsageError(
            f"Expected no other rollout of {self._service}. Received: one that {holder} moves on. Wait for it, or end "
            f"it with yachay rollback; if that call was killed, call again in {HOLDER_SECONDS} s."
        )


def _holder(live: Document | None, now: float) -> str | None:
    spec = (live or {}).get("spec", {})
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return None
    renewed = datetime.datetime.fromisoformat(spec["renewTime"]).timestamp()
    return str(spec["holderIdentity"]) if now - renewed < HOLDER_SECONDS else None


def _text(seconds: float) -> str:
    """Returns a time as a MicroTime of Kubernetes."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
