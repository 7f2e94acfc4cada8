import dataclasses
import re
import threading
import time

import pytest
from kserve_cluster import KServeCluster
from rollouts import CANARY, Watched, model, service

from yachay.deployment.canary import CanarySettings
from yachay.deployment.cluster import Cluster
from yachay.deployment.errors import ClusterError
from yachay.deployment.prometheus import Traffic
from yachay.deployment.record import Rollout
from yachay.deployment.rollout import deploy, rollback
from yachay.errors import UsageError
from yachay.manifests.keys import MODEL_URI

MODES = ["knative", "standard"]
GOOD = Watched({})


def silent(_: str) -> None:
    pass


def annotation(kserve: KServeCluster, name: str) -> str:
    return str(kserve.service("dropout")["metadata"]["annotations"][name])


def settled(kserve: KServeCluster) -> dict[str, int]:
    time.sleep(0.1)
    return kserve.traffic("dropout")


@pytest.mark.parametrize("mode", MODES)
def test_the_first_model_is_deployed_without_canary(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    outcome = deploy(cluster, service(1, mode), CANARY, GOOD, silent)

    assert (outcome.state, outcome.serving_version) == ("promoted", 1)
    assert outcome.url == "http://dropout.ml.example.com"
    assert settled(kserve) == {"1": 100}
    assert annotation(kserve, MODEL_URI) == "gs://artifacts/Trainer/model/1"


@pytest.mark.parametrize("mode", MODES)
def test_a_model_that_does_as_well_gets_the_requests_step_by_step(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    kserve.history.clear()

    outcome = deploy(cluster, service(2, mode), CANARY, GOOD, silent)

    assert outcome.state == "promoted"
    assert settled(kserve) == {"2": 100}
    steps = [traffic for traffic in kserve.history if traffic != {"1": 100}]
    assert steps == [{"2": 10, "1": 90}, {"2": 50, "1": 50}, {"2": 100}] or steps == [
        {"1": 90, "2": 10},
        {"1": 50, "2": 50},
        {"2": 100},
    ]
    assert annotation(kserve, MODEL_URI) == "gs://artifacts/Trainer/model/2"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        (Traffic(100, 5, 0.02, {}), "5.0% of 100 requests failed, more than 1.0%"),
        (Traffic(100, 0, 0.9, {}), "the 99th percentile of the latency is 900 ms, more than 500 ms"),
        (
            Traffic(100, 0, 0.02, {"Dropout": 95, "Graduate": 5}),
            r"population stability index \d\.\d+, more than 0.25 \(Dropout 30%, Graduate 70% before, "
            r"Dropout 95%, Graduate 5% now\)",
        ),
        (Traffic(3, 0, 0.02, {}), "too few requests to judge by: 3"),
        (None, "Expected Prometheus to answer"),
    ],
    ids=["errors", "latency", "classes", "no traffic", "prometheus gone"],
)
def test_a_model_that_does_worse_is_rolled_back_with_the_reason_on_the_resource(
    cluster: Cluster, kserve: KServeCluster, mode: str, worse: Traffic | None, reason: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    kserve.history.clear()

    outcome = deploy(cluster, service(2, mode), CANARY, Watched({"2": worse}), silent)

    assert (outcome.state, outcome.serving_version) == ("rolled_back", 1)
    assert settled(kserve) == {"1": 100}
    assert max(traffic.get("2", 0) for traffic in kserve.history) == 10
    rollout = Rollout.of(kserve.service("dropout"))
    assert rollout is not None
    assert (rollout.state, rollout.version, rollout.percent) == ("rolled_back", 2, 10)
    assert rollout.reason == outcome.reason
    assert re.search(reason, rollout.reason)
    assert annotation(kserve, MODEL_URI) == "gs://artifacts/Trainer/model/1"
    spec = kserve.service("dropout")["spec"]
    assert "canary" not in spec
    assert "canaryTrafficPercent" not in spec["predictor"]
    assert spec["predictor"]["model"]["storageUri"].endswith("push-1")


@pytest.mark.parametrize("mode", MODES)
def test_a_model_whose_pods_fail_is_rolled_back(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    kserve.broken.add("2")
    kserve.history.clear()

    outcome = deploy(cluster, service(2, mode), CANARY.model_copy(update={"ready_minutes": 0.4 / 60}), GOOD, silent)

    assert outcome.state == "rolled_back"
    assert "version 2 did not get ready" in outcome.reason
    assert {"knative": "no saved_model.pb", "standard": "ProgressDeadlineExceeded"}[mode] in outcome.reason
    assert all("2" not in traffic for traffic in kserve.history)
    assert settled(kserve) == {"1": 100}


@pytest.mark.parametrize("mode", MODES)
def test_a_first_model_whose_pods_fail_is_reported(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    kserve.broken.add("1")

    outcome = deploy(cluster, service(1, mode), CANARY.model_copy(update={"ready_minutes": 0.4 / 60}), GOOD, silent)

    assert (outcome.state, outcome.serving_version) == ("failed", None)
    assert deploy(cluster, service(2, mode), CANARY, GOOD, silent).state == "promoted"


def test_the_same_model_again_changes_nothing(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    generation = kserve.service("dropout")["metadata"]["generation"]

    assert deploy(cluster, service(1), CANARY, GOOD, silent).state == "unchanged"
    assert kserve.service("dropout")["metadata"]["generation"] == generation


@pytest.mark.parametrize("mode", MODES)
def test_new_pods_start_for_a_new_model_only(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    deploy(cluster, service(2, mode), CANARY, GOOD, silent)
    time.sleep(0.1)

    if mode == "knative":
        assert kserve.objects["services", "dropout-predictor"]["metadata"]["generation"] == 2
    else:
        deployments = [name for plural, name in kserve.objects if plural == "deployments"]
        assert deployments == ["dropout-v2-predictor"]
        assert kserve.objects["deployments", "dropout-v2-predictor"]["serving_of_test"] == "2"


class Killed(BaseException):
    """The process is gone."""


class KilledAt(Watched):
    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        raise Killed


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_was_stopped_is_gone_on_with(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    with pytest.raises(Killed):
        deploy(cluster, service(2, mode), CANARY, KilledAt({}), silent)
    assert settled(kserve) == {"1": 90, "2": 10}
    said: list[str] = []

    outcome = deploy(cluster, service(2, mode), CANARY, GOOD, said.append)

    assert said[0] == "going on with version 2, left at 10 %"
    assert outcome.state == "promoted"
    assert settled(kserve) == {"2": 100}


@pytest.mark.parametrize("mode", MODES)
def test_what_was_left_half_way_is_rolled_back_for_another_model(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    with pytest.raises(Killed):
        deploy(cluster, service(2, mode), CANARY, KilledAt({}), silent)
    said: list[str] = []

    outcome = deploy(cluster, service(3, mode), CANARY, GOOD, said.append)

    assert "rolling back to version 1: given up for version 3" in said
    assert outcome.state == "promoted"
    assert settled(kserve) == {"3": 100}


def test_a_person_rolls_back_what_was_left_half_way(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    with pytest.raises(Killed):
        deploy(cluster, service(2), CANARY, KilledAt({}), silent)

    outcome = rollback(cluster, "dropout", CANARY, silent, "looks wrong")

    assert (outcome.state, outcome.serving_version, outcome.reason) == ("rolled_back", 1, "looks wrong")
    assert settled(kserve) == {"1": 100}


def test_a_rollback_without_a_rollout_is_rejected(cluster: Cluster, kserve: KServeCluster) -> None:
    with pytest.raises(UsageError, match=r"Expected an InferenceService dropout in the namespace ml. Received: none"):
        rollback(cluster, "dropout", CANARY, silent, "")
    deploy(cluster, service(1), CANARY, GOOD, silent)

    with pytest.raises(
        UsageError, match=r"under way. Received: version 1, promoted. To serve an earlier model deploy it"
    ):
        rollback(cluster, "dropout", CANARY, silent, "")


def test_two_calls_at_once_do_not_mix(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    slow = CANARY.model_copy(update={"bake_minutes": 0.5 / 60})
    first = threading.Thread(target=deploy, args=(cluster, service(2), slow, GOOD, silent))
    first.start()
    time.sleep(0.2)

    with pytest.raises(UsageError, match=r"no other rollout of dropout. Received: version 2 at 10 per cent"):
        deploy(cluster, service(3), CANARY, GOOD, silent)
    first.join()
    assert settled(kserve) == {"2": 100}


def test_an_api_that_goes_away_leaves_the_last_good_model_and_the_next_call_goes_on(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)

    class GoesAway(Watched):
        def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
            kserve.is_down = True
            return super().traffic(model, version, window_seconds)

    with pytest.raises(ClusterError, match=r"Expected the Kubernetes API at http://127.0.0.1:.* to respond"):
        deploy(cluster, service(2), CANARY, GoesAway({}), silent)
    assert settled(kserve) == {"1": 90, "2": 10}

    kserve.is_down = False
    with pytest.raises(UsageError, match="if that call was killed, call again in 90 s"):
        deploy(cluster, service(2), CANARY, GOOD, silent)
    kserve.edit("dropout", "yachay", {"metadata": {"annotations": _released(kserve)}})
    assert deploy(cluster, service(2), CANARY, GOOD, silent).state == "promoted"


def _released(kserve: KServeCluster) -> dict[str, str]:
    rollout = Rollout.of(kserve.service("dropout"))
    assert rollout is not None
    return dataclasses.replace(rollout, updated=0.0).to_annotations()


def test_a_passing_failure_of_the_api_is_tried_again(cluster: Cluster, kserve: KServeCluster) -> None:
    kserve.answers += [503, 429, 500]

    assert deploy(cluster, service(1), CANARY, GOOD, silent).state == "promoted"


def test_what_another_manager_set_is_not_taken_over_silently(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    kserve.edit("dropout", "kubectl-edit", {"spec": {"predictor": {"maxReplicas": 9}}})
    changed = dataclasses.replace(service(1), max_replicas=2)

    with pytest.raises(ClusterError, match=r'409 .*conflict with "kubectl-edit".*--force-conflicts'):
        deploy(cluster, changed, CANARY, GOOD, silent)
    assert deploy(cluster, changed, CANARY, GOOD, silent, is_forced=True).state == "promoted"
    assert kserve.service("dropout")["spec"]["predictor"]["maxReplicas"] == 2


def test_steps_need_something_to_judge_by(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match="Expected --prometheus for the steps 10,50,100"):
        deploy(cluster, service(1), CANARY, None, silent)


def test_another_mode_is_rejected(cluster: Cluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)

    with pytest.raises(UsageError, match="Expected --mode knative, in which dropout exists"):
        deploy(cluster, service(2, "standard"), CANARY, GOOD, silent)


def test_a_service_of_other_origin_is_rejected(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    ours = kserve.service("dropout")["metadata"]["annotations"]
    annotations = dict.fromkeys(name for name in ours if name.startswith("yachay.dev/"))
    kserve.edit("dropout", "kubectl-edit", {"metadata": {"annotations": annotations}})

    with pytest.raises(UsageError, match="Received: an InferenceService of other origin"):
        deploy(cluster, service(2), CANARY, GOOD, silent)


@pytest.mark.parametrize("steps", [[], [10, 50], [50, 10, 100], [0, 100], [10, 10, 100]])
def test_steps_that_make_no_sense_are_rejected(steps: list[int]) -> None:
    with pytest.raises(ValueError, match="Expected ascending steps of 1 to 100 per cent that end with 100"):
        CanarySettings(steps=steps)


def test_a_full_rollout_without_canary_keeps_the_pods_name(cluster: Cluster, kserve: KServeCluster) -> None:
    at_once = CANARY.model_copy(update={"steps": [100]})
    deploy(cluster, service(1, "standard"), at_once, None, silent)
    kserve.history.clear()

    assert deploy(cluster, service(2, "standard"), at_once, None, silent).state == "promoted"
    assert all(sum(traffic.values()) == 100 for traffic in kserve.history)
    assert "name" not in kserve.service("dropout")["spec"]["predictor"]
    assert model(2).version == 2
