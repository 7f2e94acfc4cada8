"""A Dask cluster as documents of its operator for Kubernetes (`kubernetes.dask.org/v1`), for `yachay prepare`.

    documents = render(DaskCluster("weather-dask", image="registry.example/yachay@sha256:...", claim="records"))
    yachay prepare weather --dask-scheduler tcp://weather-dask-scheduler.NAMESPACE:8786 ...

The operator makes a deployment of the scheduler with its service, one of each worker, and adds and removes workers as
the scheduler asks (https://kubernetes.dask.org).
"""

import dataclasses
import re
from typing import Any, TypeAlias

from .errors import ManifestError

Json: TypeAlias = dict[str, Any]

API_VERSION = "kubernetes.dask.org/v1"
SCHEDULER_PORT, DASHBOARD_PORT = 8786, 8787
MAX_NAME = 63 - len("-scheduler")
"""The operator's service is called `NAME-scheduler`."""

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class DaskCluster:
    """A Dask cluster whose workers have this library.

    Args:
        name: string. Of the cluster.
        image: string. The image of a pipeline's steps, by digest: workers need the version of the client.
        namespace: string.
        min_workers: int.
        max_workers: int. Where it is `min_workers` there is no autoscaler.
        cpu: string. Of a worker, which has one thread.
        memory: string. Of a worker; Dask starts one anew before it passes it.
        claim: string or None. A volume claim that all workers may write to, with the folder that `-o` names.
        mount_path: string. Where it is mounted.

    Raises:
        ManifestError: if a field does not fit.
    """

    name: str
    image: str
    namespace: str = "models"
    min_workers: int = 1
    max_workers: int = 4
    cpu: str = "1"
    memory: str = "2Gi"
    claim: str | None = None
    mount_path: str = "/data"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME:
            raise ManifestError(
                f"Expected the name of a Dask cluster in lower case with digits and hyphens, at most {MAX_NAME} "
                f"characters. Received: {self.name!r}."
            )
        if not _DIGEST.fullmatch(self.image):
            raise ManifestError(
                f"Expected an image by digest, NAME@sha256:... Received: {self.image!r}. A tag may move between the "
                "start of two workers."
            )
        if not 1 <= self.min_workers <= self.max_workers:
            raise ManifestError(
                f"Expected 1 <= min_workers <= max_workers. Received: {self.min_workers} and {self.max_workers}."
            )


def render(cluster: DaskCluster) -> list[Json]:
    """Returns the cluster, and its autoscaler where its number of workers may change."""
    documents = [_cluster(cluster)]
    if cluster.max_workers > cluster.min_workers:
        documents.append(
            {
                "apiVersion": API_VERSION,
                "kind": "DaskAutoscaler",
                "metadata": _metadata(cluster),
                "spec": {
                    "cluster": cluster.name,
                    "minimum": cluster.min_workers,
                    "maximum": cluster.max_workers,
                },
            }
        )
    return documents


def _cluster(cluster: DaskCluster) -> Json:
    scheduler = _container(
        cluster, "scheduler", ["distributed.cli.dask_scheduler", "--port", str(SCHEDULER_PORT)], "1", "1Gi"
    )
    health = {"httpGet": {"port": "http-dashboard", "path": "/health"}}
    scheduler |= {
        "ports": [
            {"name": "tcp-comm", "containerPort": SCHEDULER_PORT, "protocol": "TCP"},
            {"name": "http-dashboard", "containerPort": DASHBOARD_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {**health, "initialDelaySeconds": 5, "periodSeconds": 10},
        "livenessProbe": {**health, "initialDelaySeconds": 15, "periodSeconds": 20},
    }
    # The operator sets DASK_SCHEDULER_ADDRESS and DASK_WORKER_NAME.
    arguments = ["distributed.cli.dask_worker", "--name", "$(DASK_WORKER_NAME)", "--nthreads", "1", "--no-dashboard"]
    worker = _container(cluster, "worker", arguments, cluster.cpu, cluster.memory)
    volumes: Json = {}
    if cluster.claim is not None:
        worker["volumeMounts"] = [{"name": "data", "mountPath": cluster.mount_path}]
        volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": cluster.claim}}]}
    return {
        "apiVersion": API_VERSION,
        "kind": "DaskCluster",
        "metadata": _metadata(cluster),
        "spec": {
            "worker": {"replicas": cluster.min_workers, "spec": {**_pod(), "containers": [worker], **volumes}},
            "scheduler": {"spec": {**_pod(), "containers": [scheduler]}, "service": _service(cluster)},
        },
    }


def _metadata(cluster: DaskCluster) -> Json:
    return {
        "name": cluster.name,
        "namespace": cluster.namespace,
        "labels": {"app.kubernetes.io/part-of": "yachay"},
    }


def _service(cluster: DaskCluster) -> Json:
    return {
        "type": "ClusterIP",
        "selector": {"dask.org/cluster-name": cluster.name, "dask.org/component": "scheduler"},
        "ports": [
            {"name": "tcp-comm", "protocol": "TCP", "port": SCHEDULER_PORT, "targetPort": "tcp-comm"},
            {"name": "http-dashboard", "protocol": "TCP", "port": DASHBOARD_PORT, "targetPort": "http-dashboard"},
        ],
    }


def _container(cluster: DaskCluster, name: str, module: list[str], cpu: str, memory: str) -> Json:
    return {
        "name": name,
        "image": cluster.image,
        # The image's own entrypoint is that of a step.
        "command": ["python", "-m", *module],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _pod() -> Json:
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
