"""Why the pods of a model version do not start: what their containers and the scheduler say."""

from collections.abc import Iterable, Iterator

from ..manifests.keys import MODEL_VERSION
from .cluster import POD, Cluster, Document
from .errors import ClusterError

SERVICE_LABEL = "serving.kserve.io/inferenceservice"
HOPELESS = ("CrashLoopBackOff", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")
"""What a container waits for when it has been tried several times, or never can be."""


def explain(cluster: Cluster, service: str, version: int) -> tuple[str, bool]:
    """Returns why pods do not start, and whether waiting is hopeless; nothing where none says so.

    Args:
        cluster: `Cluster`.
        service: string. Name of the InferenceService.
        version: int. Model version of the pods.

    Raises:
        ClusterError: if the API does not respond.
    """
    return describe(of_version(find_pods(cluster, service), version))


def find_pods(cluster: Cluster, service: str) -> list[Document]:
    """Returns the pods of an InferenceService; an account that may not list pods gets none.

    Raises:
        ClusterError: if the API does not respond.
    """
    try:
        return cluster.find(POD, SERVICE_LABEL, service)
    except ClusterError as error:
        if error.status != 403:
            raise
        return []


def of_version(pods: Iterable[Document], version: int) -> list[Document]:
    """Returns the pods of a model version."""
    return [pod for pod in pods if pod["metadata"].get("annotations", {}).get(MODEL_VERSION) == str(version)]


def describe(pods: Iterable[Document]) -> tuple[str, bool]:
    """Returns what containers and the scheduler say of pods that do not run, and whether waiting is hopeless."""
    found = list(dict.fromkeys(reason for pod in pods for reason in _reasons(pod.get("status", {}))))
    return "; ".join(text for text, _ in found), any(is_hopeless for _, is_hopeless in found)


def restarts(pods: Iterable[Document]) -> dict[tuple[str, str], int]:
    """Returns how often each container of pods was restarted, by the names of pod and container."""
    return {
        (pod["metadata"].get("name", ""), container["name"]): container.get("restartCount", 0)
        for pod in pods
        for container in pod.get("status", {}).get("containerStatuses", ())
    }


def _reasons(status: Document) -> Iterator[tuple[str, bool]]:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            # Not hopeless: a node pool may grow.
            yield f"no node fits: {condition.get('message') or condition.get('reason', '')}", False
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting") or {}
        ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated") or {}
        reason = waiting.get("reason", "")
        if reason in ("", "PodInitializing", "ContainerCreating") and not ended.get("exitCode"):
            continue
        parts = [reason, waiting.get("message", "")]
        if ended.get("exitCode"):
            parts.append(
                f"it ended with {ended['exitCode']}: {ended.get('message') or ended.get('reason', '')}".strip()
            )
        yield f"container {container['name']}: {', '.join(part for part in parts if part)}", reason in HOPELESS
