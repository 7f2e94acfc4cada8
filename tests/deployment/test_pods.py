from typing import Any

import pytest
from kserve_cluster import KServeCluster
from rollouts import CANARY, Watched, service

from yachay.deployment.cluster import Cluster
from yachay.deployment.pods import explain
from yachay.deployment.rollout import deploy

pytestmark = pytest.mark.integration

PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
DENIED = {"exitCode": 1, "reason": "Error", "message": "botocore.exceptions.ClientError: AccessDenied"}


@pytest.mark.parametrize(
    ("status", "reason", "is_hopeless"),
    [
        (
            {"containerStatuses": [{"name": "kserve-container", "state": PULL}]},
            "container kserve-container: ImagePullBackOff, Back-off pulling image",
            True,
        ),
        (
            {
                "initContainerStatuses": [
                    {
                        "name": "storage-initializer",
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": DENIED},
                    }
                ],
                "containerStatuses": [
                    {"name": "kserve-container", "state": {"waiting": {"reason": "PodInitializing"}}}
                ],
            },
            "container storage-initializer: CrashLoopBackOff, it ended with 1: botocore.exceptions.ClientError: "
            "AccessDenied",
            True,
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]},
            "no node fits: 0/3 nodes are available",
            False,
        ),
        (
            {"containerStatuses": [{"name": "kserve-container", "state": {"terminated": {"exitCode": 137}}}]},
            "container kserve-container: it ended with 137:",
            False,
        ),
        ({"containerStatuses": [{"name": "kserve-container", "state": {"running": {}}}]}, "", False),
    ],
    ids=["image", "init container", "scheduler", "ended once", "nothing"],
)
def test_the_reason_is_that_of_the_pod(
    cluster: Cluster, kserve: KServeCluster, status: dict[str, Any], reason: str, is_hopeless: bool
) -> None:
    kserve.add_pod("dropout", 2, status)
    kserve.add_pod("dropout", 1, {"containerStatuses": [{"name": "old", "state": PULL}]})

    assert explain(cluster, "dropout", 2) == (reason, is_hopeless)


def test_an_account_that_may_not_list_pods_learns_nothing(cluster: Cluster, kserve: KServeCluster) -> None:
    kserve.forbidden.add(("GET", "pods"))

    assert explain(cluster, "dropout", 2) == ("", False)


@pytest.mark.parametrize("mode", ["knative", "standard"])
def test_a_candidate_that_cannot_start_is_rolled_back_at_once(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, Watched({}), print)
    kserve.start_seconds = 2
    kserve.add_pod("dropout", 2, {"containerStatuses": [{"name": "kserve-container", "state": PULL}]})
    patient = CANARY.model_copy(update={"ready_minutes": 1.0})

    outcome = deploy(cluster, service(2, mode), patient, Watched({}), print)

    assert outcome.state == "rolled_back"
    assert "container kserve-container: ImagePullBackOff" in outcome.reason
