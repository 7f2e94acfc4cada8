"""What is looked at while a candidate has a share of the requests, beside its counts."""

from typing import Any

import pytest
from kserve_cluster import KServeCluster
from rollouts import AS_BEFORE, CANARY, Watched, service

from yachay.deployment.cluster import Cluster
from yachay.deployment.prometheus import Traffic
from yachay.deployment.rollout import deploy

pytestmark = pytest.mark.integration

MODES = ["knative", "standard"]
LONG = CANARY.model_copy(update={"bake_minutes": 0.5, "max_minutes": 1.0})


def silent(_: str) -> None:
    pass


def running(restarts: int, reason: str | None = None) -> dict[str, Any]:
    waiting = {"waiting": {"reason": reason, "message": "back-off 10s restarting failed container"}}
    container = {
        "name": "kserve-container",
        "restartCount": restarts,
        "state": waiting if reason else {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}} if restarts else {},
    }
    return {"containerStatuses": [container]}


class Happens(Watched):
    """Traffic as before; each look at it does something to the cluster."""

    def __init__(self, action: Any) -> None:
        super().__init__({})
        self._action = action
        self.looks = 0

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        self.looks += 1
        self._action(self.looks)
        return super().traffic(model, version, window_seconds)


@pytest.mark.parametrize("mode", MODES)
def test_a_candidate_that_crashes_again_and_again_is_rolled_back_with_the_reason_of_its_pods(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, Watched({}), silent)
    crashes = Happens(lambda _: kserve.add_pod("dropout", 2, running(2, "CrashLoopBackOff")))

    outcome = deploy(cluster, service(2, mode), LONG, crashes, silent)

    assert outcome.state == "rolled_back"
    assert outcome.reason == (
        "its pods do not keep running: container kserve-container: CrashLoopBackOff, back-off 10s restarting failed "
        "container, it ended with 137: OOMKilled"
    )
    assert kserve.traffic("dropout").get("2", 0) in (0, 10)


@pytest.mark.parametrize("mode", MODES)
def test_restarts_count_where_the_serving_version_s_are_fewer(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, Watched({}), silent)
    kserve.add_pod("dropout", 2, running(5))
    restarted = Happens(lambda looks: kserve.add_pod("dropout", 2, running(5 + looks)))

    outcome = deploy(cluster, service(2, mode), LONG, restarted, silent)

    assert outcome.state == "rolled_back"
    assert outcome.reason.startswith("a container of it was restarted ")
    assert outcome.reason.endswith("more than 2: container kserve-container: it ended with 137: OOMKilled")


def test_restarts_of_both_versions_are_not_the_candidate_s_fault(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, Watched({}), silent)

    def both(looks: int) -> None:
        kserve.add_pod("dropout", 1, running(looks))
        kserve.add_pod("dropout", 2, running(looks))

    assert deploy(cluster, service(2), CANARY, Happens(both), silent).state == "promoted"


def test_a_candidate_that_is_ready_no_more_is_rolled_back(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1, "standard"), CANARY, Watched({}), silent)

    def evicted(_: int) -> None:
        deployment = kserve.objects["deployments", "dropout-v2-predictor"]
        kserve.broken.add("2")
        deployment["serving_of_test"] = None

    outcome = deploy(cluster, service(2, "standard"), LONG, Happens(evicted), silent)

    assert outcome.state == "rolled_back"
    assert outcome.reason.startswith("it was ready and is no more: ")


class ScrapedLater(Watched):
    """Prometheus scrapes after a while, and before that knows counts of the share before only."""

    def __init__(self, looks: int, before: Traffic) -> None:
        super().__init__({})
        self._looks, self._before = looks, before

    def scraped(self, model: str, version: str) -> float | None:
        self._looks -= 1
        return 0.0 if self._looks < 0 else 60.0

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        return self._before if self._looks >= 0 and version == "2" else AS_BEFORE


def test_what_was_counted_before_the_share_began_is_no_evidence(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, Watched({}), silent)
    later = ScrapedLater(6, Traffic(1000, failed=900))

    assert deploy(cluster, service(2), LONG.model_copy(update={"bake_minutes": 0.002}), later, silent).state == (
        "promoted"
    )


def test_a_candidate_that_is_never_scraped_is_held(cluster: Cluster) -> None:
    deploy(cluster, service(1), CANARY, Watched({}), silent)

    outcome = deploy(cluster, service(2), CANARY, ScrapedLater(10**6, AS_BEFORE), silent)

    assert (outcome.state, outcome.reason) == (
        "held",
        "not known after 0 requests: Prometheus has not scraped it since it has this share of the requests",
    )


class Gateway(Watched):
    """A gateway that fails requests which never reach the server."""

    def unreached(self, namespace: str, service: str, window_seconds: float) -> float:
        return 1500.0 if service in ("dropout-predictor-00002", "dropout-v2-predictor") else 0.0


@pytest.mark.parametrize("mode", MODES)
def test_requests_that_the_gateway_failed_count(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, Watched({}), silent)

    outcome = deploy(cluster, service(2, mode), LONG, Gateway({}), silent)

    assert outcome.state == "rolled_back"
    assert "60.0% of 2500 requests failed, of the serving version 0.1% of 1000 at the same time" in outcome.reason


@pytest.mark.parametrize("mode", MODES)
def test_pods_that_do_not_respond_are_found_without_any_request_of_a_client(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, Watched({}), silent)
    kserve.respond = lambda version, method, path, body: (503 if version == "2" else 200, {"ready": version != "2"})

    outcome = deploy(cluster, service(2, mode), LONG, Watched({"2": Traffic(0), "1": Traffic(0)}), silent)

    assert outcome.state == "rolled_back"
    assert outcome.reason.startswith("its pods did not respond ")
    assert outcome.reason.endswith(" times they were asked, those of the serving version 0 times")
