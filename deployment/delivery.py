"""A service's manifests: into a folder, or its runtime into the cluster."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..files import write_atomically
from ..manifests.render import render, to_yaml
from ..manifests.service import Service
from .cluster import CONFIG_MAP, SERVING_RUNTIME, Cluster, Document
from .errors import ClusterError

_RESOURCES = {"ServingRuntime": SERVING_RUNTIME, "ConfigMap": CONFIG_MAP}


def write_manifests(documents: Iterable[Document], folder: Path, name: str) -> Path:
    """Writes documents as `<folder>/<name>.yaml` atomically and returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    write_atomically(path, to_yaml(documents))
    return path


def apply_runtime(cluster: Cluster, service: Service, progress: Callable[[str], Any]) -> None:
    """Applies the serving runtime that a service names; one that is there and may not be changed is left as it is.

    Raises:
        ClusterError: if the API rejects it, and there is none, or does not respond.
    """
    for document in render(service)[:-1]:
        resource, name = _RESOURCES[document["kind"]], document["metadata"]["name"]
        try:
            cluster.apply(resource, document)
        except ClusterError as error:
            if error.status != 403 or cluster.get(resource, name) is None:
                raise
            progress(f"the {document['kind']} {name} is left as it is: it may not be changed by this account")
