import dataclasses

import pytest
from kserve_cluster import KServeCluster
from rollouts import service

from yachay.deployment.cluster import SERVING_RUNTIME, Cluster
from yachay.deployment.delivery import apply_runtime
from yachay.deployment.errors import ClusterError
from yachay.manifests.render import render
from yachay.manifests.service import Service

OTHER_IMAGE = "images.example.com/server@sha256:" + "1" * 64


def image_of(kserve: KServeCluster) -> str:
    return str(kserve.objects["servingruntimes", "yachay"]["spec"]["containers"][0]["image"])


def applied_by_kubectl(kserve: KServeCluster, wanted: Service) -> None:
    """What `kubectl apply --server-side -k` does."""
    runtime = render(wanted)[0]
    with kserve._lock:
        status, _ = kserve._apply(("servingruntimes", "yachay"), runtime, {"fieldManager": ["kubectl"]})
    assert status == 200


def with_image(image: str) -> Service:
    wanted = service(1)
    return dataclasses.replace(wanted, model=dataclasses.replace(wanted.model, image=image))


def test_the_image_of_a_runtime_that_kubectl_applied_is_left_as_it_is(cluster: Cluster, kserve: KServeCluster) -> None:
    applied_by_kubectl(kserve, with_image(OTHER_IMAGE))
    said: list[str] = []

    apply_runtime(cluster, service(1), said.append)

    assert said == ["the ServingRuntime yachay keeps its image, which another manager set"]
    assert image_of(kserve) == OTHER_IMAGE
    assert set(kserve._owners["servingruntimes", "yachay"]) == {("kubectl", "Apply")}


def test_the_image_is_taken_over_where_that_is_asked_for(cluster: Cluster, kserve: KServeCluster) -> None:
    applied_by_kubectl(kserve, with_image(OTHER_IMAGE))

    apply_runtime(cluster, service(1), print, is_forced=True)

    assert image_of(kserve) == service(1).model.image


def test_another_field_of_another_manager_is_a_conflict(cluster: Cluster, kserve: KServeCluster) -> None:
    applied_by_kubectl(kserve, service(1))
    kserve.objects["servingruntimes", "yachay"]["spec"]["protocolVersions"] = ["v1"]
    kserve._owners["servingruntimes", "yachay"]["kubectl", "Apply"]["spec", "protocolVersions"] = ["v1"]

    with pytest.raises(ClusterError, match=r"409 .*conflict with \"kubectl\".*--force-conflicts"):
        apply_runtime(cluster, service(1), print)
    assert cluster.get(SERVING_RUNTIME, "yachay") is not None
