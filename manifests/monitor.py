"""`yachay monitor --follow` as documents of Kubernetes: one pod that judges the log and serves its numbers.

    documents = render(MonitorDeployment(name="student-dropout-monitor", log="s3://logs/dropout", ...))

The configuration is in a ConfigMap, so that a changed one makes a new pod. A log on the volume of the component
`prediction-log` is mounted; one in a bucket is read with the rights of the service account.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from .errors import ManifestError
from .pods import (
    CLAIM_FOLDER,
    CONTAINER_SECURITY,
    POD_SECURITY,
    check_digest,
    labels,
    metrics_policy,
    mount_claim,
    pod_monitor,
    selector,
    write_documents,
)

Json: TypeAlias = dict[str, Any]

METRICS_PORT = 9105
CONFIG_FOLDER = "/etc/yachay"
LOG_CLAIM, LOG_FOLDER = "yachay-predictions", "/var/log/yachay"
"""The claim of `components/prediction-log`, and where the server writes to it."""
_SCRATCH = "/tmp"


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitorDeployment:
    """A monitor that follows a log.

    Args:
        name: string. Of the Deployment.
        namespace: string.
        image: string. The pipeline's image, by digest: it has the command `yachay`.
        pipeline: string. Name of the pipeline where the image has it installed; empty takes what `files` hold.
        task: string.
        files: mapping of name to text. `config.yaml`, and the schema where the configuration names a file.
        store: string. The store of pushes, `gs://`, `s3://` or `pvc://claim/folder`.
        log: string. `gs://`, `s3://`, `minio://`, or a folder below `/var/log/yachay`, the volume of `prediction-log`.
        labels: string. Likewise; empty for none.
        every_seconds: int. How often it looks for new files.
        service_account: string. It reads the store, the log and the labels.
        cpu: string. Requested.
        memory: string. Requested, and the limit.

    Raises:
        ManifestError: if a field does not fit.
    """

    name: str
    namespace: str
    image: str
    pipeline: str
    task: str
    files: Mapping[str, str]
    store: str
    log: str
    labels: str = ""
    every_seconds: int = 60
    service_account: str = "yachay-model-reader"
    cpu: str = "500m"
    memory: str = "2Gi"

    def __post_init__(self) -> None:
        check_digest(self.image)
        if urlsplit(self.store).scheme not in ("gs", "s3", "minio", "pvc"):
            raise ManifestError(f"Expected push.store in gs://, s3:// or pvc://. Received: {self.store or 'none'!r}.")
        for field, place in (("monitor.log", self.log), ("monitor.labels", self.labels)):
            if place or field == "monitor.log":
                _check_place(field, place)


def render(monitor: MonitorDeployment) -> list[Json]:
    """Returns the ConfigMap, the Deployment, what Prometheus reads, and what may reach its port."""
    metadata = _metadata(monitor)
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(monitor.files)},
        _deployment(monitor),
        pod_monitor(metadata, monitor.name),
        metrics_policy(metadata, monitor.name, METRICS_PORT),
    ]


def write_monitor(monitor: MonitorDeployment, folder: Path) -> list[Path]:
    """Writes the documents and their kustomization to `monitors/<name>` in a folder, and returns the files' paths."""
    return write_documents(folder / "monitors" / monitor.name, "monitor", render(monitor))


def command(monitor: MonitorDeployment) -> list[str]:
    """Returns the command line of the pod."""
    what = [monitor.pipeline, "--config", f"{CONFIG_FOLDER}/config.yaml"] if monitor.pipeline else [CONFIG_FOLDER]
    return [
        *("yachay", "monitor", *what, "--task", monitor.task),
        *(("--set", f"push.mount={CLAIM_FOLDER}") if monitor.store.startswith("pvc://") else ()),
        *("--follow", "--host", "0.0.0.0", "--port", str(METRICS_PORT), "--every", str(monitor.every_seconds)),
        *("--output", f"{_SCRATCH}/monitor"),
    ]


def _deployment(monitor: MonitorDeployment) -> Json:
    volumes: list[Json] = [
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "config", "configMap": {"name": monitor.name}},
    ]
    mounts: list[Json] = [
        {"name": "scratch", "mountPath": _SCRATCH},
        {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
    ]
    claims = {}
    if monitor.store.startswith("pvc://"):
        claims[CLAIM_FOLDER] = monitor.store.removeprefix("pvc://").partition("/")[0]
    if any(place.startswith("/") for place in (monitor.log, monitor.labels)):
        claims[LOG_FOLDER] = LOG_CLAIM
    for path, claim in claims.items():
        volume, mount = mount_claim(claim, path)
        volumes.append(volume)
        mounts.append(mount)
    probe = {"httpGet": {"port": METRICS_PORT, "path": "/metrics", "scheme": "HTTP"}}
    container = {
        "name": "monitor",
        "image": monitor.image,
        "command": command(monitor),
        "env": [{"name": "HOME", "value": _SCRATCH}, {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 150},
        "livenessProbe": {**probe, "periodSeconds": 30, "timeoutSeconds": 10},
        "resources": {
            "requests": {"cpu": monitor.cpu, "memory": monitor.memory},
            "limits": {"memory": monitor.memory},
        },
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }
    content = "\0".join(f"{name}\0{text}" for name, text in sorted(monitor.files.items()))
    annotations = {"yachay.dev/configuration": hashlib.sha256(content.encode()).hexdigest()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(monitor),
        "spec": {
            # Two would raise each alert twice.
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector(monitor.name)},
            "template": {
                "metadata": {"labels": {**selector(monitor.name), **labels("monitor")}, "annotations": annotations},
                "spec": {
                    "serviceAccountName": monitor.service_account,
                    "automountServiceAccountToken": False,
                    "securityContext": POD_SECURITY,
                    "containers": [container],
                    "volumes": volumes,
                },
            },
        },
    }


def _metadata(monitor: MonitorDeployment) -> Json:
    return {"name": monitor.name, "namespace": monitor.namespace, "labels": labels("monitor")}


def _check_place(field: str, place: str) -> None:
    is_bucket = urlsplit(place).scheme in ("gs", "s3", "minio")
    is_mounted = place == LOG_FOLDER or place.startswith(f"{LOG_FOLDER}/")
    if not is_bucket and not is_mounted:
        raise ManifestError(
            f"Expected {field} in gs://, s3://, minio://, or below {LOG_FOLDER}, the volume of the component "
            f"prediction-log. Received: {place or 'none'!r}."
        )
