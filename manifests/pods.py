"""What the Deployments of yachay's own processes have in common: the store, the security of pods, and their metrics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ..files import write_atomically
from .errors import ManifestError
from .render import to_yaml

Json: TypeAlias = dict[str, Any]

USER = 10001
POD_SECURITY: Json = {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY: Json = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
CLAIM_FOLDER = "/mnt/store"
"""Where the claim of a store `pvc://` is mounted."""


def write_documents(folder: Path, name: str, documents: Sequence[Json]) -> list[Path]:
    """Writes documents to `<name>.yaml` and their kustomization to a folder, and returns the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    file = f"{name}.yaml"
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [file]}
    paths = [folder / file, folder / "kustomization.yaml"]
    for path, content in zip(paths, (documents, [kustomization]), strict=True):
        write_atomically(path, to_yaml(content))
    return paths


def labels(component: str) -> dict[str, str]:
    """Returns the labels of all documents of a component."""
    return {"app.kubernetes.io/part-of": "yachay", "component": component}


def selector(name: str) -> dict[str, str]:
    """Returns the labels by which the pods of a Deployment are found."""
    return {"app.kubernetes.io/name": name}


def mount_claim(claim: str, path: str) -> tuple[Json, Json]:
    """Returns the volume of a claim and its mount, both to read only."""
    name = path.rpartition("/")[2]
    volume = {"name": name, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    return volume, {"name": name, "mountPath": path, "readOnly": True}


def pod_monitor(metadata: Json, name: str) -> Json:
    """Returns what makes Prometheus read the port `metrics` of a Deployment's pods."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": selector(name)},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "15s"}],
        },
    }


def metrics_policy(metadata: Json, name: str, port: int) -> Json:
    """Returns who may reach a Deployment's pods: Prometheus. Where they may go is the cluster's to say."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": selector(name)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
                    "ports": [{"protocol": "TCP", "port": port}],
                }
            ],
        },
    }


def check_digest(image: str) -> None:
    """Checks that an image is named by its digest.

    Raises:
        ManifestError: if it is not.
    """
    name, _, digest = image.partition("@sha256:")
    if not name or len(digest) != 64 or not set(digest) <= set("0123456789abcdef") or " " in name:
        raise ManifestError(f"Expected an image by digest, NAME@sha256:... Received: {image!r}.")
