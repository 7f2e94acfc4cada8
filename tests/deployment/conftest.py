from collections.abc import Iterator
from pathlib import Path

import pytest
from kserve_cluster import KServeCluster
from rollouts import connected

from yachay.deployment.cluster import Cluster


@pytest.fixture
def kserve() -> Iterator[KServeCluster]:
    cluster = KServeCluster()
    with cluster.running() as url:
        cluster.url = url
        yield cluster


@pytest.fixture
def cluster(kserve: KServeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return connected(kserve, kserve.url, tmp_path, monkeypatch)
