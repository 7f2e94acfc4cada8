"""What the tests of rollouts share."""

import dataclasses
from pathlib import Path

import pytest
from kserve_cluster import NAMESPACE, KServeCluster

from yachay.deployment.canary import CanarySettings
from yachay.deployment.cluster import Cluster
from yachay.deployment.errors import MonitoringError
from yachay.deployment.prometheus import Traffic
from yachay.manifests.service import Model, Service

CANARY = CanarySettings(
    bake_minutes=0.1 / 60,
    ready_minutes=2 / 60,
    patience_minutes=0.2 / 60,
    max_minutes=0.3 / 60,
    poll_seconds=0.02,
    min_requests=10,
)


def connected(kserve: KServeCluster, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Returns the cluster behind the URL, by a kubeconfig in the folder."""
    monkeypatch.setenv("KUBECONFIG", str(kserve.kubeconfig(url, folder / "kubeconfig")))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "kubeconfig"))
    cluster = Cluster.connect(None)
    cluster._retry_seconds = 0.01
    return cluster


def model(version: int) -> Model:
    return Model(
        storage_uri=f"gs://models/dropout/push-{version}",
        content_hash=f"{version:064d}",
        trained_uri=f"gs://artifacts/Trainer/model/{version}",
        image="images.example.com/server@sha256:" + "0" * 64,
    )


def service(version: int, mode: str = "knative") -> Service:
    described = Service(name="dropout", namespace=NAMESPACE, model=model(version), mode=mode)
    return described if mode == "knative" else dataclasses.replace(described, min_replicas=2)


AS_BEFORE = Traffic(1000, 1, 1, {0.1: 10, 0.5: 0}, {"Dropout": 300, "Graduate": 700})


@dataclasses.dataclass
class Watched:
    """A `Monitor` whose traffic a test decides: the figures of each version; `None` is away."""

    traffic_of: dict[str, Traffic | None]

    def scraped(self, model: str, version: str) -> float | None:
        self.traffic(model, version, 0.0)
        return 0.0

    def unreached(self, namespace: str, service: str, window_seconds: float) -> float:
        return 0.0

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        traffic = self.traffic_of.get(version, AS_BEFORE)
        if traffic is None:
            raise MonitoringError("Expected Prometheus to answer. Received: ConnectError.")
        return traffic
