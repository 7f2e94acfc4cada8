import dataclasses
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kserve_cluster import KServeCluster
from rollouts import CANARY, Watched, connected, model, service

from yachay.deployment.call import Outcome
from yachay.deployment.canary import CanarySettings
from yachay.deployment.cluster import INFERENCE_SERVICE, Cluster, Resource
from yachay.deployment.errors import ClusterError
from yachay.deployment.going_back import rollback
from yachay.deployment.prometheus import Traffic
from yachay.deployment.record import Rollout
from yachay.deployment.rollout import deploy
from yachay.deployment.status import read_status
from yachay.errors import UsageError
from yachay.manifests.keys import MODEL_URI, ROLLOUT

pytestmark = pytest.mark.integration

MODES = ["knative", "standard"]
GOOD = Watched({})
LEASE = ("leases", "dropout-rollout")
QUICK = CANARY.model_copy(update={"bake_minutes": 0.01 / 60, "poll_seconds": 0.01})


def silent(_: str) -> None:
    pass


def annotation(kserve: KServeCluster, name: str) -> str:
    return str(kserve.service("dropout")["metadata"]["annotations"][name])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


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
        (Traffic(100, failed=60), "60.0% of 100 requests failed, of the serving version 0.1% of 1000 at the same"),
        (Traffic(100, rejected=100), "100.0% of 100 requests were rejected, of the serving version 0.1% of 1000"),
        (
            Traffic(100, slower={0.1: 90, 0.5: 60}),
            "90.0% of 100 requests took more than 100 ms, of the serving version 1.0% of 1000 at the same time",
        ),
        (
            Traffic(100, classes={"Dropout": 95, "Graduate": 5}),
            r"the predicted classes differ by 65% of the requests, more than 25% \(Dropout 30%, Graduate 70% before, "
            r"Dropout 95%, Graduate 5% now\)",
        ),
        (None, "Expected Prometheus to answer"),
    ],
    ids=["failed", "rejected", "slow", "classes", "prometheus gone"],
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


@pytest.mark.parametrize("mode", MODES)
def test_a_service_without_routes_is_not_promoted(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    kserve.has_no_routes = True
    hasty = CANARY.model_copy(update={"ready_minutes": 0.5 / 60})

    outcome = deploy(cluster, service(1, mode), hasty, GOOD, silent)

    assert outcome.state == "failed"
    assert "the pods are ready, the service is not: " in outcome.reason
    assert "IngressReady" in outcome.reason or "ParentStatusNotAvailable" in outcome.reason


@pytest.mark.parametrize("mode", MODES)
def test_a_first_call_that_was_killed_before_its_record_is_waited_for(
    cluster: Cluster, kserve: KServeCluster, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    kserve.start_seconds = 0.3
    patch = cluster.patch

    def killed(resource: Resource, name: str, changes: dict[str, Any]) -> Any:
        if resource is INFERENCE_SERVICE:
            raise Killed
        return patch(resource, name, changes)

    with monkeypatch.context() as first:
        first.setattr(cluster, "patch", killed)
        with pytest.raises(Killed):
            deploy(cluster, service(1, mode), CANARY, GOOD, silent)

    assert deploy(cluster, service(1, mode), CANARY, GOOD, silent).state == "promoted"
    assert kserve.traffic("dropout") == {"1": 100}


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

    with pytest.raises(UsageError, match=r"promoted before. Received: none named; known: none. To serve another model"):
        rollback(cluster, "dropout", CANARY, silent, "")


def test_two_calls_at_once_do_not_mix(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    slow = CANARY.model_copy(update={"bake_minutes": 0.5 / 60})
    first = threading.Thread(target=deploy, args=(cluster, service(2), slow, GOOD, silent))
    first.start()
    time.sleep(0.2)

    with pytest.raises(UsageError, match=r"no other rollout of dropout. Received: one that .+ moves on"):
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
    kserve.hours_ahead += 1
    assert deploy(cluster, service(2), CANARY, GOOD, silent).state == "promoted"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", ["rollback", "deploy"])
def test_a_rollback_and_a_deployment_after_it_hold_against_a_live_deployment(
    cluster: Cluster, kserve: KServeCluster, mode: str, action: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    slow = CANARY.model_copy(update={"bake_minutes": 5.0})
    outcomes: list[Outcome] = []
    live = threading.Thread(
        target=lambda: outcomes.append(deploy(cluster, service(2, mode), slow, GOOD, silent)), daemon=True
    )
    live.start()
    until(lambda: kserve.traffic("dropout") == {"1": 90, "2": 10})

    assert rollback(cluster, "dropout", CANARY, silent, "by hand").state == "rolled_back"
    if action == "deploy":
        assert deploy(cluster, service(3, mode), CANARY, GOOD, silent).state == "promoted"
    live.join(10)

    assert [(outcome.state, outcome.version) for outcome in outcomes] == [("taken_over", 2)]
    assert settled(kserve) == ({"1": 100} if action == "rollback" else {"3": 100})


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_is_killed_at_any_request_to_the_api_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    at = 0
    while True:
        kserve = KServeCluster(start_seconds=0.01)
        with kserve.running() as url:
            cluster = connected(kserve, url, tmp_path, monkeypatch)
            deploy(cluster, service(1, mode), QUICK, GOOD, silent)
            calls = itertools.count()
            call = cluster._call_once

            def killed_at(*arguments: Any, at: int = at, calls: Any = calls, call: Any = call) -> Any:
                if next(calls) >= at:
                    raise Killed
                return call(*arguments)

            monkeypatch.setattr(cluster, "_call_once", killed_at)
            try:
                deploy(cluster, service(2, mode), QUICK, GOOD, silent)
                break
            except Killed:
                pass
            monkeypatch.setattr(cluster, "_call_once", call)
            assert sum(settled(kserve).values()) == 100
            assert "1" in settled(kserve) or at > 10
            kserve.hours_ahead += 1

            assert deploy(cluster, service(2, mode), QUICK, GOOD, silent).state in ("promoted", "unchanged")
            assert settled(kserve) == {"2": 100}
            assert kserve.lost == 0
        at += 3
    assert at > 10


def test_two_that_both_hold_themselves_for_the_owner_do_not_promote_over_each_other(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    slow = CANARY.model_copy(update={"bake_minutes": 5.0})
    outcomes: list[Outcome] = []
    first = threading.Thread(target=lambda: outcomes.append(deploy(cluster, service(2), slow, GOOD, silent)))
    first.start()
    until(lambda: kserve.traffic("dropout") == {"1": 90, "2": 10})

    # The Lease looks as if it had run out: a paused machine, a clock that jumped.
    kserve.hours_ahead += 5
    assert deploy(cluster, service(3), CANARY, GOOD, silent).state == "promoted"
    first.join(10)

    assert [outcome.state for outcome in outcomes] == ["taken_over"]
    assert settled(kserve) == {"3": 100}


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_wrong_by_hours_neither_breaks_into_a_rollout_nor_locks_it(
    cluster: Cluster, kserve: KServeCluster, hours: int
) -> None:
    kserve.hours_ahead = hours
    deploy(cluster, service(1), CANARY, GOOD, silent)
    kserve.objects["leases", "dropout-rollout"]["spec"]["holderIdentity"] = "another"

    with pytest.raises(UsageError, match="one that another moves on"):
        deploy(cluster, service(2), CANARY, GOOD, silent)
    kserve.hours_ahead += 0.1
    assert deploy(cluster, service(2), CANARY, GOOD, silent).state == "promoted"


@pytest.mark.parametrize("mode", MODES)
def test_what_was_promoted_before_is_gone_back_to_in_one_step(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    for version in (1, 2, 3):
        deploy(cluster, service(version, mode), CANARY, GOOD, silent)

    # A candidate that was rolled back meanwhile is not what is rolled back now.
    worse = Watched({"4": Traffic(100, failed=60)})
    assert deploy(cluster, service(4, mode), CANARY, worse, silent).state == "rolled_back"
    outcome = rollback(cluster, "dropout", CANARY, silent, "worse at night")
    assert (outcome.state, outcome.version, outcome.serving_version) == ("rolled_back", 3, 2)
    assert settled(kserve) == {"2": 100}
    assert annotation(kserve, MODEL_URI) == "gs://artifacts/Trainer/model/2"
    with pytest.raises(UsageError, match=r"Received: 3; known: 1"):
        rollback(cluster, "dropout", CANARY, silent, "", version=3)
    assert rollback(cluster, "dropout", CANARY, silent, "", version=1).serving_version == 1
    assert settled(kserve) == {"1": 100}
    assert deploy(cluster, service(3, mode), CANARY, GOOD, silent).state == "promoted"


@pytest.mark.parametrize(
    ("undecided", "state"), [("hold", "held"), ("promote", "promoted"), ("roll_back", "rolled_back")]
)
def test_too_few_requests_are_a_verdict_of_their_own(
    cluster: Cluster, kserve: KServeCluster, undecided: str, state: str
) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    canary = CANARY.model_copy(update={"undecided": undecided})

    outcome = deploy(cluster, service(2), canary, Watched({"2": Traffic(3)}), silent)

    assert outcome.state == state
    assert settled(kserve) == {"held": {"1": 90, "2": 10}, "promoted": {"2": 100}, "rolled_back": {"1": 100}}[state]
    if state == "held":
        assert outcome.reason == "not known after 3 requests: too few requests: 3 of at least 10"
        assert deploy(cluster, service(2), canary, GOOD, silent).state == "promoted"


class Meanwhile(Watched):
    """Traffic as before; the first look at it does something to the cluster."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__({})
        self._actions = [action]

    def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
        if self._actions:
            self._actions.pop()()
        return super().traffic(model, version, window_seconds)


@pytest.mark.parametrize("mode", MODES)
def test_a_service_that_is_deleted_under_a_rollout_ends_it(cluster: Cluster, kserve: KServeCluster, mode: str) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    deleted = Meanwhile(lambda: kserve.objects.pop(("inferenceservices", "dropout")))

    outcome = deploy(cluster, service(2, mode), CANARY, deleted, silent)

    assert (outcome.state, outcome.serving_version) == ("taken_over", None)
    assert outcome.reason == "the InferenceService was deleted"
    assert ("inferenceservices", "dropout") not in kserve.objects


def test_a_lease_that_is_deleted_under_a_rollout_does_not_end_it(
    cluster: Cluster, kserve: KServeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yachay.deployment.lease.HOLDER_SECONDS", 0)
    deploy(cluster, service(1), CANARY, GOOD, silent)

    outcome = deploy(cluster, service(2), CANARY, Meanwhile(lambda: kserve.objects.pop(LEASE)), silent)

    assert outcome.state == "promoted"


def test_a_lease_that_names_no_time_is_free(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    kserve.objects[LEASE]["spec"] = {"holderIdentity": "another"}

    assert deploy(cluster, service(2), CANARY, GOOD, silent).state == "promoted"


def test_an_object_that_changes_without_end_and_a_lease_that_may_not_be_read_are_clear_errors(
    cluster: Cluster, kserve: KServeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    read = cluster.get

    def outdated(resource: Resource, name: str) -> Any:
        live = read(resource, name)
        if resource is INFERENCE_SERVICE and live is not None:
            live["metadata"]["resourceVersion"] = "0"
        return live

    with monkeypatch.context() as patch:
        patch.setattr("yachay.deployment.owned.WRITE_PAUSE_SECONDS", 0)
        patch.setattr(cluster, "get", outdated)
        with pytest.raises(ClusterError, match=r"409 .*It changed again and again while it was written: call again\."):
            deploy(cluster, service(2), CANARY, GOOD, silent)
    assert kserve.objects[LEASE]["spec"]["holderIdentity"] == ""

    kserve.forbidden.add(("POST", "leases"))
    del kserve.objects[LEASE]
    with pytest.raises(ClusterError, match=r"the verb create on leases.coordination.k8s.io: manifests/components"):
        deploy(cluster, service(2), CANARY, GOOD, silent)
    assert settled(kserve) == {"1": 100}


def test_a_record_of_a_newer_version_is_read_as_far_as_it_is_known(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1), CANARY, GOOD, silent)
    record = json.loads(annotation(kserve, ROLLOUT))
    record |= {"format": 9, "approved_by": "someone", "good": record["good"] | {"zone": "a"}}
    kserve.edit("dropout", "yachay", {"metadata": {"annotations": {ROLLOUT: json.dumps(record)}}})

    assert deploy(cluster, service(2), CANARY, GOOD, silent).state == "promoted"
    record["state"] = "waiting_for_approval"
    kserve.edit("dropout", "yachay", {"metadata": {"annotations": {ROLLOUT: json.dumps(record)}}})
    with pytest.raises(UsageError, match=r"Received: what a newer yachay wrote\. Take that version"):
        deploy(cluster, service(3), CANARY, GOOD, silent)


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


def scalers(kserve: KServeCluster) -> list[str]:
    return [name for plural, name in kserve.objects if plural == "horizontalpodautoscalers"]


def test_no_request_is_routed_to_pods_that_are_gone_and_no_autoscaler_is_left(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    deploy(cluster, service(1, "standard"), CANARY, GOOD, silent)
    assert deploy(cluster, service(2, "standard"), CANARY, GOOD, silent).state == "promoted"
    settled(kserve)
    assert scalers(kserve) == ["dropout-v2-predictor"]

    assert deploy(cluster, service(3, "standard"), CANARY, Watched({"3": None}), silent).state == "rolled_back"
    settled(kserve)
    assert scalers(kserve) == ["dropout-v2-predictor"]
    assert kserve.lost == 0


def test_autoscalers_that_may_not_be_removed_are_reported_and_the_model_is_promoted(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    deploy(cluster, service(1, "standard"), CANARY, GOOD, silent)
    kserve.forbidden.add(("DELETE", "horizontalpodautoscalers"))
    said: list[str] = []

    assert deploy(cluster, service(2, "standard"), CANARY, GOOD, said.append).state == "promoted"
    assert said[-1].startswith("autoscalers of earlier versions are left: Expected to delete horizontalpodautoscalers")
    assert "the verb delete on horizontalpodautoscalers.autoscaling: manifests/components/pipeline-runner" in said[-1]


@pytest.mark.parametrize("mode", MODES)
def test_a_canary_that_the_api_rejects_leaves_no_record_of_one(
    cluster: Cluster, kserve: KServeCluster, mode: str
) -> None:
    deploy(cluster, service(1, mode), CANARY, GOOD, silent)
    kserve.edit("dropout", "kubectl-edit", {"spec": {"predictor": {"maxReplicas": 9}}})

    with pytest.raises(ClusterError, match="--force-conflicts"):
        deploy(cluster, dataclasses.replace(service(2, mode), max_replicas=3), CANARY, GOOD, silent)

    rollout = Rollout.of(kserve.service("dropout"))
    assert rollout is not None
    assert (rollout.state, rollout.version, rollout.percent) == ("promoted", 1, 100)
    status = read_status(cluster, "dropout")
    assert status is not None
    assert (status.canary_version, status.rollout) == (None, "promoted")
    assert settled(kserve) == {"1": 100}


def test_routes_that_may_not_be_read_do_not_end_a_rollout(cluster: Cluster, kserve: KServeCluster) -> None:
    deploy(cluster, service(1, "standard"), CANARY, GOOD, silent)
    kserve.forbidden.add(("GET", "httproutes"))

    assert deploy(cluster, service(2, "standard"), CANARY, GOOD, silent).state == "promoted"


def test_without_routes_that_split_a_canary_is_not_judged(
    cluster: Cluster, kserve: KServeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yachay.deployment.call.ROUTES_SECONDS", 0.5)
    deploy(cluster, service(1, "standard"), CANARY, GOOD, silent)
    kserve.has_no_gateway_api = True
    hasty = CANARY.model_copy(update={"ready_minutes": 0.5 / 60})

    outcome = deploy(cluster, service(2, "standard"), hasty, GOOD, silent)

    assert outcome.state == "rolled_back"
    assert "there is no HTTPRoute dropout to split the requests: KServe makes it with ingress.enable" in outcome.reason


def test_a_canary_gets_its_share_of_the_pods_that_the_load_has_asked_for(
    cluster: Cluster, kserve: KServeCluster
) -> None:
    deploy(cluster, service(1, "standard"), CANARY, GOOD, silent)
    kserve.scaled_to = 4
    until(lambda: kserve.objects["deployments", "dropout-predictor"]["spec"]["replicas"] == 4)
    seen: dict[int, int] = {}

    class Looks(Watched):
        def traffic(self, model: str, version: str, window_seconds: float) -> Traffic:
            spec = kserve.service("dropout")["spec"]
            [canary] = spec["canary"]
            seen[canary["trafficPercent"]] = canary["predictor"]["minReplicas"]
            assert spec["predictor"]["minReplicas"] == 4
            return super().traffic(model, version, window_seconds)

    assert deploy(cluster, service(2, "standard"), CANARY, Looks({}), silent).state == "promoted"
    assert seen == {10: 1, 50: 2}
    assert kserve.service("dropout")["spec"]["predictor"]["minReplicas"] == 2
