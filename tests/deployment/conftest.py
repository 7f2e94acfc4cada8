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


def connected(kserve: KServeCluster, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Returns the cluster behind the URL, by a kubeconfig in the folder."""
    monkeypatch.setenv("KUBECONFIG", str(kserve.kubeconfig(url, folder / "kubeconfig")))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "kubeconfig"))
    cluster = Cluster.connect(None)
    cluster._retry_seconds = 0.01
    return cluster


@pytest.fixture
def cluster(kserve: KServeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return connected(kserve, kserve.url, tmp_path, monkeypatch)
