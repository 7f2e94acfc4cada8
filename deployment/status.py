"""What a service does just now."""

import dataclasses
from typing import Any

from ..manifests.keys import DEPLOYMENT_MODE
from ..manifests.render import read_serving
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import ClusterError
from .lease import Lease
from .record import UNDER_WAY, Rollout


@dataclasses.dataclass(frozen=True)
class Status:
    """The state of a service.

    Args:
        name: string.
        namespace: string.
        mode: string. `"knative"` or `"standard"`.
        is_ready: bool. As KServe says.
        url: string or None.
        version: int or None. Model version that serves; None where it was not deployed from here.
        model_uri: string or None. Where the Trainer left that model.
        storage_uri: string or None. The push that serves.
        canary_version: int or None. The version that is being tried.
        canary_percent: int or None. The share of the requests that it gets.
        rollout_version: int or None. The version that the last rollout was about.
        holder: string or None. The call that moves the rollout on; empty where none does, None where none is under way
            or that may not be read.
        rollout: string or None. State of the last rollout: see `Rollout`.
        reason: string. Why it was rolled back or failed.
        not_ready: list of strings. The conditions that do not hold.
    """

    name: str
    namespace: str
    mode: str
    is_ready: bool
    url: str | None
    version: int | None
    model_uri: str | None
    storage_uri: str | None
    canary_version: int | None
    canary_percent: int | None
    rollout_version: int | None
    holder: str | None
    rollout: str | None
    reason: str
    not_ready: list[str]

    @property
    def is_under_way(self) -> bool:
        """Whether a call is to move the rollout on."""
        return self.rollout in ("progressing", "rolling_back")

    def to_json(self) -> dict[str, Any]:
        """Returns the status as JSON."""
        return dataclasses.asdict(self)


def read_status(cluster: Cluster, name: str) -> Status | None:
    """Returns the status of a service, or None where there is none of the name.

    Raises:
        ClusterError: if the API rejects the request or does not respond.
        UsageError: if what was recorded on it cannot be read.
    """
    live = cluster.get(INFERENCE_SERVICE, name)
    if live is None:
        return None
    serving, rollout = read_serving(live), Rollout.of(live)
    status = live.get("status", {})
    conditions = status.get("conditions", [])
    has_canary = rollout is not None and rollout.state in UNDER_WAY and _has_canary(live)
    return Status(
        name=name,
        namespace=cluster.namespace,
        mode=live["metadata"].get("annotations", {}).get(DEPLOYMENT_MODE, "").lower(),
        is_ready=any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        url=status.get("url"),
        version=serving.version if serving else None,
        model_uri=serving.trained_uri if serving else None,
        storage_uri=serving.storage_uri if serving else None,
        canary_version=rollout.version if rollout and has_canary else None,
        canary_percent=rollout.percent if rollout and has_canary else None,
        rollout_version=rollout.version if rollout else None,
        holder=_holder(cluster, name) if rollout and rollout.state in UNDER_WAY else None,
        rollout=rollout.state if rollout else None,
        reason=rollout.reason if rollout else "",
        not_ready=[
            ": ".join(str(one[key]) for key in ("type", "reason", "message") if one.get(key))
            for one in conditions
            if one["status"] != "True" and one["type"] != "Stopped"
        ],
    )


def _has_canary(live: Document) -> bool:
    spec = live["spec"]
    return bool(spec.get("canary")) or "canaryTrafficPercent" in spec["predictor"]


def _holder(cluster: Cluster, name: str) -> str | None:
    try:
        return Lease(cluster, name, "").holder() or ""
    except ClusterError as error:
        if error.status != 403:
            raise
        return None
