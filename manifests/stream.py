"""A stream consumer as documents of Kubernetes: its Deployment, and KEDA's scaler by the lag of its source.

    documents = render(StreamDeployment(name="student-dropout-stream", source="kafka://...", ...))

The pods follow the store of pushes: a newer model is swapped in without a new pod.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

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

METRICS_PORT = 8080
GRACE_SECONDS = 60
SETTINGS_FOLDER, SETTINGS_FILE = "/etc/yachay-kafka", "settings"
MAX_NAME = 63

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamDeployment:
    """A stream consumer.

    Args:
        name: string. Of the Deployment, and the consumer group.
        namespace: string.
        image: string. The server's image, by digest.
        model_name: string. The name that outputs and metrics have.
        store: string. The store of pushes, `gs://`, `s3://` or `pvc://claim/folder`.
        source: string. `kafka://...` or `kinesis://...`.
        sink: string.
        dead_letter: string. Empty for the sink.
        envelope: string. JSON.
        min_replicas: int. 0 lets KEDA stop the last pod while nothing comes.
        max_replicas: int.
        lag_threshold: int. Of Kafka: unread events a pod.
        shards_per_replica: int. Of Kinesis.
        kafka_secret: string. A Secret whose key `settings` holds librdkafka's settings; empty for none.
        scaler_authentication: string. A TriggerAuthentication of KEDA; empty for none.
        service_account: string. It reads the store, and reads and writes the streams.
        cpu: string. Requested.
        memory: string. Requested, and the limit.

    Raises:
        ManifestError: if a field does not fit.
    """

    name: str
    namespace: str
    image: str
    model_name: str
    store: str
    source: str
    sink: str
    dead_letter: str = ""
    envelope: str = "{}"
    min_replicas: int = 1
    max_replicas: int = 4
    lag_threshold: int = 1000
    shards_per_replica: int = 2
    kafka_secret: str = ""
    scaler_authentication: str = ""
    service_account: str = "yachay-model-reader"
    cpu: str = "1"
    memory: str = "2Gi"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME:
            raise ManifestError(
                f"Expected the name of a stream in lower case with digits and hyphens, at most {MAX_NAME} characters. "
                f"Received: {self.name!r}."
            )
        check_digest(self.image)
        for field, uri in (("source", self.source), ("sink", self.sink), ("dead_letter", self.dead_letter)):
            if (uri or field != "dead_letter") and urlsplit(uri).scheme not in ("kafka", "kinesis"):
                raise ManifestError(
                    f"Expected stream.{field} on Kubernetes to be kafka://... or kinesis://... Received: {uri!r}. A "
                    "file is a pod's own."
                )
        if urlsplit(self.source).scheme == "kinesis" and not self._options().get("region"):
            raise ManifestError(
                f"Expected stream.source with its region, which KEDA asks for. Received: {self.source!r}. "
                "Add ?region=REGION."
            )
        if urlsplit(self.store).scheme not in ("gs", "s3", "pvc"):
            raise ManifestError(f"Expected the store of pushes in gs://, s3:// or pvc://. Received: {self.store!r}.")
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ManifestError(
                f"Expected 0 <= min_replicas <= max_replicas. Received: {self.min_replicas} and {self.max_replicas}."
            )
        if self.lag_threshold < 1 or self.shards_per_replica < 1:
            raise ManifestError("Expected a lag_threshold and shards_per_replica of at least 1. Received: less.")

    def _options(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.source).query))


def render(stream: StreamDeployment) -> list[Json]:
    """Returns the Deployment, its disruption budget, KEDA's ScaledObject, its monitor and what may reach its port."""
    metadata = _metadata(stream)
    return [
        _deployment(stream),
        _budget(stream),
        _scaler(stream),
        pod_monitor(metadata, stream.name),
        metrics_policy(metadata, stream.name, METRICS_PORT),
    ]


def write_stream(stream: StreamDeployment, folder: Path) -> list[Path]:
    """Writes the documents and their kustomization to `streams/<name>` in a folder, and returns the files' paths."""
    return write_documents(folder / "streams" / stream.name, "stream", render(stream))


def _deployment(stream: StreamDeployment) -> Json:
    probe = {"port": METRICS_PORT, "scheme": "HTTP"}
    model_dir, volumes, mounts = stream.store, [], []
    if stream.store.startswith("pvc://"):
        claim, _, folder = stream.store.removeprefix("pvc://").partition("/")
        model_dir = f"{CLAIM_FOLDER}/{folder}"
        volume, mount = mount_claim(claim, CLAIM_FOLDER)
        volumes.append(volume)
        mounts.append(mount)
    if stream.kafka_secret:
        volumes.append({"name": "kafka", "secret": {"secretName": stream.kafka_secret}})
        mounts.append({"name": "kafka", "mountPath": SETTINGS_FOLDER, "readOnly": True})
    container = {
        "name": "stream",
        "image": stream.image,
        "command": ["python", "-m", "yachay.serving.streaming"],
        "args": [
            f"--model_name={stream.model_name}",
            f"--model_dir={model_dir}",
            *(["--poll_seconds=30"] if "://" in model_dir else []),
            f"--from={stream.source}",
            f"--to={stream.sink}",
            *([f"--dead_letter={stream.dead_letter}"] if stream.dead_letter else []),
            f"--envelope={stream.envelope}",
            f"--group={stream.name}",
            *([f"--kafka_settings={SETTINGS_FOLDER}/{SETTINGS_FILE}"] if stream.kafka_secret else []),
            f"--metrics_port={METRICS_PORT}",
        ],
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "startupProbe": {"httpGet": {**probe, "path": "/healthz"}, "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {"httpGet": {**probe, "path": "/readyz"}, "periodSeconds": 5, "timeoutSeconds": 5},
        "livenessProbe": {"httpGet": {**probe, "path": "/healthz"}, "periodSeconds": 10, "timeoutSeconds": 10},
        "resources": {
            "requests": {"cpu": stream.cpu, "memory": stream.memory},
            "limits": {"memory": stream.memory},
        },
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, *mounts],
    }
    pod = {
        "serviceAccountName": stream.service_account,
        "automountServiceAccountToken": False,
        # A batch is finished and committed before it ends.
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": POD_SECURITY,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(stream.name)},
            }
        ],
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "2Gi"}}, *volumes],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(stream),
        "spec": {
            # The number of replicas is KEDA's.
            "selector": {"matchLabels": selector(stream.name)},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {**selector(stream.name), **labels("stream")}}, "spec": pod},
        },
    }


def _budget(stream: StreamDeployment) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(stream),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(stream.name)}},
    }


def _scaler(stream: StreamDeployment) -> Json:
    trigger = _kafka_trigger(stream) if stream.source.startswith("kafka:") else _kinesis_trigger(stream)
    if stream.scaler_authentication:
        trigger["authenticationRef"] = {"name": stream.scaler_authentication}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _metadata(stream),
        "spec": {
            "scaleTargetRef": {"name": stream.name},
            "minReplicaCount": stream.min_replicas,
            "maxReplicaCount": stream.max_replicas,
            # Each change moves partitions.
            "cooldownPeriod": 300,
            "triggers": [trigger],
        },
    }


def _kafka_trigger(stream: StreamDeployment) -> Json:
    parts = urlsplit(stream.source)
    return {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": parts.netloc,
            "consumerGroup": stream.name,
            "topic": parts.path.strip("/"),
            "lagThreshold": str(stream.lag_threshold),
            "offsetResetPolicy": dict(parse_qsl(parts.query)).get("start", "earliest"),
        },
    }


def _kinesis_trigger(stream: StreamDeployment) -> Json:
    parts = urlsplit(stream.source)
    return {
        "type": "aws-kinesis-stream",
        "metadata": {
            "streamName": parts.netloc,
            "shardCount": str(stream.shards_per_replica),
            "awsRegion": dict(parse_qsl(parts.query))["region"],
            **({} if stream.scaler_authentication else {"identityOwner": "operator"}),
        },
    }


def _metadata(stream: StreamDeployment) -> Json:
    return {"name": stream.name, "namespace": stream.namespace, "labels": labels("stream")}
