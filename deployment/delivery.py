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


def apply_runtime(
    cluster: Cluster, service: Service, progress: Callable[[str], Any], *, is_forced: bool = False
) -> None:
    """Applies the serving runtime that a service names.

    One that is there and may not be changed is left as it is, and so is the image that another manager gave it, such as
    `kubectl apply -k manifests/overlays/platform`: the InferenceService names its image itself.

    Args:
        cluster: `Cluster`.
        service: `Service`.
        progress: function of one string, a line about what is left as it is.
        is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.

    Raises:
        ClusterError: if the API rejects it, and there is none, or does not respond.
    """
    for document in render(service)[:-1]:
        resource, name = _RESOURCES[document["kind"]], document["metadata"]["name"]
        try:
            cluster.apply(resource, document, is_forced=is_forced)
        except ClusterError as error:
            live = cluster.get(resource, name) if error.status in (403, 409) else None
            if live is None or (error.status == 409 and "spec" not in document):
                raise
            if error.status == 403:
                progress(f"the {document['kind']} {name} is left as it is: it may not be changed by this account")
                continue
            # Only tried: what is applied with the other's image is owned, and the other's next change a conflict.
            cluster.apply(resource, _with_images_of(document, live), is_tried=True)
            progress(f"the {document['kind']} {name} keeps its image, which another manager set")


def _with_images_of(document: Document, live: Document) -> Document:
    images = {container["name"]: container["image"] for container in live["spec"].get("containers", ())}
    containers = [
        container | {"image": images.get(container["name"], container["image"])}
        for container in document["spec"].get("containers", ())
    ]
    return document | {"spec": document["spec"] | {"containers": containers}}
