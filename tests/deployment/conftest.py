from collections.abc import Iterator
from pathlib import Path

import pytest
from kserve_cluster import KServeCluster

from yachay.deployment.cluster import Cluster


@pytest.fixture
def kserve() -> Iterator[KServeCluster]:
    cluster = KServeCluster()
    with cluster.running() as url:
        cluster.url = url
        yield cluster


@pytest.fixture
def cluster(kserve: KServeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(kserve.kubeconfig(kserve.url, tmp_path / "kubeconfig")))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    connected = Cluster.connect(None)
    connected._retry_seconds = 0.01
    return connected
