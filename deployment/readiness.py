"""Whether the pods of a model version are ready for requests, and why not.

An InferenceService's status does not show it: in Standard mode its `observedGeneration` is that of the Deployment, and
its conditions say nothing of which template they are of. So the object that KServe makes of it is read: the Deployment
or the Knative service, whose template names the model version.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from ..manifests.keys import MODEL_VERSION
from ..manifests.service import Service
from .cluster import DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, KNATIVE_SERVICE, Cluster, Document
from .errors import ClusterError
from .pods import explain


@dataclasses.dataclass(frozen=True)
class Readiness:
    """Whether a version is ready.

    Args:
        is_ready: bool.
        has_failed: bool. Whether it will not become ready by waiting.
        reason: string. Why it is not ready, for a person.
    """

    is_ready: bool
    reason: str = ""
    has_failed: bool = False


def readiness(cluster: Cluster, service: Service) -> Readiness:
    """Returns whether the pods of `service.model` are ready: those of the canary where the service has one.

    In Standard mode a canary also has its share of the requests then; where there is none the whole service must be
    ready, with its routes.

    Raises:
        ClusterError: if the API rejects the request or does not respond.
    """
    name = service.name
    if service.mode == "knative":
        kind, child = "Knative service", cluster.get(KNATIVE_SERVICE, f"{name}-predictor")
    else:
        kind, child = "Deployment", cluster.get(DEPLOYMENT, deployment_name(service))
    if child is None:
        state = Readiness(False, f"KServe has not made the {kind} yet")
    elif not _is_taken(child, service):
        state = Readiness(False, f"KServe has not taken version {service.model.version} yet")
    else:
        state = _knative(child) if service.mode == "knative" else _deployment(child, service.num_pods)
    if state.is_ready:
        if service.previous is None:
            return _routed(cluster.get(INFERENCE_SERVICE, name) or {})
        return split(cluster, service) if service.mode == "standard" else state
    detail, is_hopeless = explain(cluster, name, service.model.version)
    detail = detail or _failure(cluster.get(INFERENCE_SERVICE, name) or {})
    reason = f"{state.reason}: {detail}" if detail else state.reason
    return dataclasses.replace(state, reason=reason, has_failed=state.has_failed or is_hopeless)


def deployment_name(service: Service) -> str:
    """Returns the name of the Deployment of `service.model` in Standard mode."""
    suffix = service.canary_name if service.previous is not None else service.predictor_name
    return f"{service.name}-{suffix}-predictor" if suffix else f"{service.name}-predictor"


def num_pods(cluster: Cluster, service: Service, live: Document) -> int:
    """Returns how many pods a canary takes its share of: the autoscaler may have added to `min_replicas`.

    In Standard mode a canary has a fixed number of pods; where there is one already, it is what was found before it.

    Args:
        cluster: `Cluster`.
        service: `Service` without the canary.
        live: dict. The InferenceService as it is now.

    Raises:
        ClusterError: if the API rejects the request or does not respond.
    """
    if service.mode != "standard":
        return service.min_replicas
    if live["spec"].get("canary"):
        found: int = live["spec"]["predictor"].get("minReplicas", 1)
    else:
        found = (cluster.get(DEPLOYMENT, deployment_name(service)) or {}).get("spec", {}).get("replicas", 1)
    return min(max(service.min_replicas, found), service.max_replicas)


def split(cluster: Cluster, service: Service) -> Readiness:
    """Returns whether the routes give the canary its share of the requests, in Standard mode.

    Raises:
        ClusterError: if the API rejects the request, but for a lack of rights, or does not respond.
    """
    for name in (service.name, f"{service.name}-predictor"):
        try:
            route = cluster.get(HTTP_ROUTE, name)
        except ClusterError as error:
            if error.status != 403:
                raise
            # An account of an earlier installation: what it cannot know does not end a rollout.
            return Readiness(True)
        if route is None:
            return Readiness(
                False,
                f"there is no HTTPRoute {name} to split the requests: KServe makes it with ingress.enableGatewayApi",
            )
        if route["metadata"].get("generation", 0) > _observed(route):
            return Readiness(False, f"the gateway has not taken the HTTPRoute {name} yet")
        for rule in route["spec"].get("rules", ()):
            weights = {ref["name"]: ref.get("weight", 1) for ref in rule.get("backendRefs", ())}
            share = 100 * weights.get(deployment_name(service), 0) / (sum(weights.values()) or 1)
            if round(share) != service.canary_percent:
                return Readiness(False, f"the HTTPRoute {name} gives version {service.model.version} {share:.0f} %")
    return Readiness(True)


def _observed(route: Document) -> int:
    """Returns the generation of a route that all of its gateways accepted."""
    accepted = [
        condition.get("observedGeneration", 0) if condition["status"] == "True" else -1
        for parent in route.get("status", {}).get("parents", ())
        for condition in parent.get("conditions", ())
        if condition["type"] == "Accepted"
    ]
    return min(accepted, default=-1)


def _routed(live: Document) -> Readiness:
    ready = _conditions(live.get("status", {})).get("Ready", {})
    if ready.get("status") == "True":
        return Readiness(True)
    return Readiness(False, f"the pods are ready, the service is not: {_failure(live) or _said(ready)}")


def _knative(child: Document) -> Readiness:
    status = child["status"]
    conditions = _conditions(status)
    configured = conditions.get("ConfigurationsReady", {})
    if configured.get("status") == "False":
        return Readiness(False, _said(configured), has_failed=True)
    if status.get("latestCreatedRevisionName") != status.get("latestReadyRevisionName"):
        return Readiness(False, f"revision {status.get('latestCreatedRevisionName')} is starting")
    if conditions.get("Ready", {}).get("status") != "True":
        return Readiness(False, _said(conditions.get("Ready", {})))
    return Readiness(True)


def _deployment(child: Document, num_pods: int) -> Readiness:
    status = child["status"]
    conditions = _conditions(status)
    progressing = conditions.get("Progressing", {})
    if progressing.get("status") == "False":
        return Readiness(False, _said(progressing), has_failed=True)
    # A Deployment begins with one pod; its autoscaler adds the others within 15 s.
    wanted = max(child["spec"].get("replicas", 1), num_pods)
    updated, available, total = (status.get(key, 0) for key in ("updatedReplicas", "availableReplicas", "replicas"))
    if updated < wanted or available < wanted or total > updated:
        return Readiness(False, f"{min(updated, available)} of {wanted} pods are ready")
    return Readiness(True)


def _is_taken(child: Document, service: Service) -> bool:
    version = child["spec"]["template"].get("metadata", {}).get("annotations", {}).get(MODEL_VERSION)
    observed = child.get("status", {}).get("observedGeneration", -1)
    return bool(version == str(service.model.version) and observed >= child["metadata"]["generation"])


def _failure(live: Document) -> str:
    status = live.get("status", {})
    info = status.get("modelStatus", {}).get("lastFailureInfo", {})
    if info:
        return " ".join(str(info[key]) for key in ("reason", "message") if info.get(key))
    said = [_said(condition) for condition in _false(status.get("conditions", ()))]
    return "; ".join(dict.fromkeys(text for text in said if text))


def _false(conditions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    # `Stopped` is False where the service is not stopped.
    return [
        condition for condition in conditions if condition.get("status") == "False" and condition["type"] != "Stopped"
    ]


def _conditions(status: Document) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in status.get("conditions", ())}


def _said(condition: dict[str, Any]) -> str:
    said = ": ".join(str(condition[key]) for key in ("reason", "message") if condition.get(key))
    return said or f"{condition.get('type', 'a condition')} is {condition.get('status', 'not known yet')}"
