"""A deployment that a Job of the cluster carries out."""

import uuid
from typing import Any

from ..manifests.service import check_image
from .backend import SERVING_AUTHORITY, SERVING_TOKEN
from .cluster import JOB, Cluster, Document
from .order import Order

ORDER_VARIABLE = "YACHAY_ORDER"
"""Holds the order of `python -m yachay.deployment`."""

SERVICE_ACCOUNT = "yachay-deployer"
TOKEN_SECRET = "yachay-prometheus"
NUM_RETRIES = 6
_AUTHORITY_FOLDER = "/etc/yachay/authority"
_KEEP_SECONDS = 7 * 24 * 3600


def start_job(cluster: Cluster, order: Order, image: str, account: str, *, is_forced: bool = False) -> str:
    """Starts the Job of an order and returns its name.

    Raises:
        ManifestError: if the image has no digest.
        ClusterError: if the API rejects the request or does not respond.
    """
    document = job(order, image, account, is_forced=is_forced)
    cluster.create(JOB, document)
    name: str = document["metadata"]["name"]
    return name


def job(order: Order, image: str, account: str, *, is_forced: bool = False) -> Document:
    """Returns the Job of an order, with a name of its own.

    A pod that is killed or evicted, or that the API did not respond to, is followed by another, which goes on from the
    record; a deployment that came to its end is not tried again.

    Args:
        order: `Order` with the model that is to serve.
        image: string. One of a pipeline's steps, by digest: it has the library.
        account: string. Service account with the roles of `manifests/components/rollout-job`.
        is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.

    Raises:
        ManifestError: if the image has no digest.
    """
    check_image(image)
    service = order.service
    name = f"{service.name}-rollout-{uuid.uuid4().hex[:8]}"
    labels = {"app.kubernetes.io/part-of": "yachay", "app.kubernetes.io/component": "rollout"}
    env: list[dict[str, Any]] = [
        {"name": ORDER_VARIABLE, "value": order.to_json()},
        {"name": "HOME", "value": "/tmp"},
        _from_secret("PROMETHEUS_TOKEN", TOKEN_SECRET, "token"),
        # That of the component `token`, with which Prometheus reads the metrics.
        _from_secret(SERVING_TOKEN, "yachay-token", "metrics"),
    ]
    volumes: list[dict[str, Any]] = [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}]
    mounts: list[dict[str, Any]] = [{"name": "scratch", "mountPath": "/tmp"}]
    if "tls" in service.components:
        env.append({"name": SERVING_AUTHORITY, "value": f"{_AUTHORITY_FOLDER}/ca.crt"})
        secret = {"secretName": "yachay-tls", "items": [{"key": "ca.crt", "path": "ca.crt"}], "optional": True}
        volumes.append({"name": "authority", "secret": secret})
        mounts.append({"name": "authority", "mountPath": _AUTHORITY_FOLDER, "readOnly": True})
    container = {
        "name": "rollout",
        "image": image,
        "command": ["python", "-m", "yachay.deployment", *(["--force-conflicts"] if is_forced else [])],
        "env": env,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    pod = {
        "serviceAccountName": account,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": service.namespace, "labels": labels},
        "spec": {
            "backoffLimit": NUM_RETRIES,
            "ttlSecondsAfterFinished": _KEEP_SECONDS,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2, 3]}},
                ]
            },
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _from_secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
