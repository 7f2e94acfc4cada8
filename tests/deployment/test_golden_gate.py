"""Golden requests, asked of a candidate without requests and of a first model."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from kserve_cluster import KServeCluster
from rollouts import CANARY, Watched, service

from yachay.deployment.cluster import Cluster
from yachay.deployment.record import Rollout
from yachay.deployment.rollout import deploy
from yachay.manifests.service import Service
from yachay.model_store.golden import GoldenRequest

pytestmark = pytest.mark.integration

MODES = ["knative", "standard"]
GOOD = Watched({})
GOLDEN = [GoldenRequest({"age": age}, float(age) / 2) for age in range(4)]


def predicting(wrong: str = "", shares: list[dict[str, int]] | None = None, kserve: Any = None) -> Callable[..., Any]:
    """A server of each version that predicts as the golden requests say; one version does not."""

    def respond(version: str, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"ready": True}
        assert path == "/v1/models/dropout:predict"
        if shares is not None:
            shares.append(kserve.traffic("dropout"))
        off = 0.1 if version == wrong else 0.0
        return 200, {"predictions": [row["age"] / 2 + off for row in body["instances"]]}

    return respond


def silent(_: str) -> None:
    pass


@pytest.mark.parametrize("mode", MODES)
def test_a_candidate_is_asked_before_it_gets_requests(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    shares: list[dict[str, int]] = []
    kserve.respond = predicting(shares=shares, kserve=kserve)

    assert deploy(cluster, service(2, mode), CANARY, GOOD, silent, golden=GOLDEN).state == "promoted"
    assert shares == [{"1": 100}] * 6


@pytest.mark.parametrize("mode", MODES)
def test_a_candidate_that_predicts_otherwise_never_gets_a_request(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    kserve.respond = predicting(wrong="2")
    kserve.history.clear()

    outcome = deploy(cluster, service(2, mode), CANARY, GOOD, silent, golden=GOLDEN)

    assert (outcome.state, outcome.serving_version) == ("rolled_back", 1)
    assert "golden requests before it gets any other: Expected the server to predict as the model did" in outcome.reason
    assert "prediction 0.1 in place of 0.0, for golden row 1" in outcome.reason
    assert all(traffic == {"1": 100} for traffic in kserve.history)
    assert "canary" not in kserve.service("dropout")["spec"]
    assert "canaryTrafficPercent" not in kserve.service("dropout")["spec"]["predictor"]


@pytest.mark.parametrize("mode", MODES)
def test_a_candidate_without_steps_is_asked_too(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    at_once = CANARY.model_copy(update={"steps": [100]})
    deploy(cluster, service(1, mode), at_once, None, silent)
    kserve.respond = predicting(wrong="2")

    outcome = deploy(cluster, service(2, mode), at_once, None, silent, golden=GOLDEN)

    assert outcome.state == "rolled_back"
    assert kserve.service("dropout")["spec"]["predictor"]["model"]["storageUri"].endswith("push-1")
    assert deploy(cluster, service(3, mode), at_once, None, silent, golden=GOLDEN).state == "promoted"


@pytest.mark.parametrize("mode", MODES)
def test_a_first_model_that_predicts_otherwise_is_stopped(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    kserve.respond = predicting(wrong="1")

    outcome = deploy(cluster, service(1, mode), CANARY, GOOD, silent, golden=GOLDEN)

    assert (outcome.state, outcome.serving_version) == ("failed", None)
    assert outcome.reason.endswith("The service is stopped")
    assert kserve.service("dropout")["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert deploy(cluster, service(2, mode), CANARY, GOOD, silent, golden=GOLDEN).state == "promoted"
    assert "serving.kserve.io/stop" not in kserve.service("dropout")["metadata"]["annotations"]
    assert kserve.traffic("dropout") == {"2": 100}


def test_pods_that_cannot_be_asked_are_said_and_end_the_rollout_where_that_is_required(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    said: list[str] = []
    deploy(cluster, service(1), CANARY, GOOD, said.append, golden=GOLDEN)
    required = CANARY.model_copy(update={"golden": "require"})

    assert [line for line in said if "golden" in line] == [
        'golden requests are not asked: 403 User "test" cannot get resource "services/proxy" of '
        '"dropout-predictor-00001-private"'
    ]
    outcome = deploy(cluster, service(2), required, GOOD, silent, golden=GOLDEN)
    assert outcome.state == "rolled_back"
    assert outcome.reason.startswith("golden requests could not be asked: 403")
    assert deploy(cluster, service(3), CANARY, GOOD, said.append, golden=[]).state == "promoted"
    assert deploy(cluster, service(4), required, GOOD, silent, golden=[]).reason == (
        "golden requests could not be asked: there are none (push.golden, and the store)"
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_kubernetes_service_that_is_not_there_yet_is_asked_again(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    right, missing = predicting(), iter([404, 404])

    def respond(*request: Any) -> tuple[int, Any]:
        status = next(missing, 0)
        return (status, {"kind": "Status", "message": "services not found"}) if status else right(*request)

    kserve.respond = respond
    required = CANARY.model_copy(update={"golden": "require"})

    assert deploy(cluster, service(1, mode), required, GOOD, silent, golden=GOLDEN).state == "promoted"
    assert list(missing) == []


def test_servers_that_speak_tls_are_asked_over_tls(cluster: Cluster, kserve: KServeCluster) -> None:
    required = CANARY.model_copy(update={"golden": "require"})
    kserve.respond, kserve.has_tls = predicting(wrong="2"), True

    def with_tls(version: int) -> Service:
        return dataclasses.replace(service(version, "standard"), components=("tls",))

    assert deploy(cluster, with_tls(1), required, GOOD, silent, golden=GOLDEN).state == "promoted"
    outcome = deploy(cluster, with_tls(2), required, GOOD, silent, golden=GOLDEN)
    assert outcome.state == "rolled_back"
    assert "prediction 0.1 in place of 0.0" in outcome.reason
    assert deploy(cluster, with_tls(3), required, GOOD, silent, golden=GOLDEN).state == "promoted"


def test_a_server_that_asks_for_a_token_is_named(cluster: Cluster, kserve: KServeCluster) -> None:
    kserve.respond = lambda *_: (401, {"error": "no token"})
    said: list[str] = []

    assert deploy(cluster, service(1), CANARY, GOOD, said.append, golden=GOLDEN).state == "promoted"
    assert (
        "golden requests are not asked: the server responds with status 401: it asks for a token or a certificate"
        in said
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_was_killed_at_0_per_cent_asks_again(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)

    class KilledError(Exception):
        pass

    def killed(*_: Any) -> Any:
        raise KilledError

    kserve.respond = predicting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "ask", killed)
        with pytest.raises(KilledError):
            deploy(cluster, service(2, mode), CANARY, GOOD, silent, golden=GOLDEN)
    record = Rollout.of(kserve.service("dropout"))
    assert record is not None
    assert (record.state, record.percent) == ("progressing", 0)

    kserve.hours_ahead += 1
    shares: list[dict[str, int]] = []
    kserve.respond = predicting(shares=shares, kserve=kserve)
    assert deploy(cluster, service(2, mode), CANARY, GOOD, silent, golden=GOLDEN).state == "promoted"
    assert shares[0] == {"1": 100}
