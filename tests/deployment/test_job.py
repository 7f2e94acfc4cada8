"""`python -m yachay.deployment`, as a Job's pod or a process in the background runs it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kserve_cluster import KServeCluster
from rollouts import CANARY, service

from yachay.deployment.cluster import Cluster
from yachay.deployment.job import ORDER_VARIABLE, job
from yachay.deployment.order import Order
from yachay.deployment.rollout import deploy
from yachay.manifests.errors import ManifestError

pytestmark = pytest.mark.integration

# Golden requests would be looked for in Google's storage.
BY_STEPS = CANARY.model_copy(update={"golden": "skip"})
AT_ONCE = BY_STEPS.model_copy(update={"steps": [100], "ready_minutes": 1.0})
LEASE = ("leases", "dropout-rollout")


def started(order: Order, folder: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {ORDER_VARIABLE: order.to_json(), "KUBECONFIG": str(folder / "kubeconfig")}
    command = [sys.executable, "-m", "yachay.deployment"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_pod_that_is_ended_is_followed_by_one_that_goes_on(
    cluster: Cluster, kserve: KServeCluster, tmp_path: Path, number: signal.Signals
) -> None:
    deploy(cluster, service(1, "standard"), AT_ONCE, None, print)
    kserve.start_seconds = 600
    order = Order(service(2, "standard"), AT_ONCE)
    first = started(order, tmp_path)
    until(lambda: kserve.service("dropout")["spec"]["predictor"]["model"]["storageUri"].endswith("push-2"))
    first.send_signal(number)
    first.communicate(timeout=60)
    assert first.returncode == (143 if number == signal.SIGTERM else -number)

    kserve.start_seconds = 0.05
    if number == signal.SIGKILL:
        assert kserve.objects[LEASE]["spec"]["holderIdentity"]
        kserve.hours_ahead += 1
    second = started(order, tmp_path)
    said, _ = second.communicate(timeout=60)

    assert second.returncode == 0, said
    assert "going on with version 2, left at 100 %" in said
    assert "PROMOTED, version 2 serves" in said
    assert kserve.traffic("dropout") == {"2": 100}


def test_a_pod_waits_for_the_lease_of_one_that_was_killed(
    cluster: Cluster, kserve: KServeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yachay.deployment.lease.HOLDER_SECONDS", 0.5)
    monkeypatch.setattr("yachay.deployment.lease.WAIT_SECONDS", 0.05)
    deploy(cluster, service(1), AT_ONCE, None, print)
    kserve.objects[LEASE]["spec"] |= {"holderIdentity": "killed"}

    assert deploy(cluster, service(2), AT_ONCE, None, print, wait_seconds=30).state == "promoted"


def test_an_order_that_cannot_be_carried_out_is_not_tried_again(
    cluster: Cluster, kserve: KServeCluster, tmp_path: Path
) -> None:
    kserve.broken.add("1")
    not_ready = started(Order(service(1), AT_ONCE.model_copy(update={"ready_minutes": 0.3 / 60})), tmp_path)
    said, _ = not_ready.communicate(timeout=60)
    assert not_ready.returncode == 3, said
    assert "FAILED, nothing serves: version 1 did not get ready" in said

    invalid = started(Order(service(1), BY_STEPS), tmp_path)
    said, _ = invalid.communicate(timeout=60)
    assert invalid.returncode == 2
    assert "Error: Expected --prometheus for the steps" in said

    kserve.is_down = True
    away = started(Order(service(1), AT_ONCE), tmp_path)
    said, _ = away.communicate(timeout=60)
    assert away.returncode == 1
    assert "Error: Expected the Kubernetes API at" in said


def test_a_job_tries_again_what_another_try_may_help_and_runs_as_nobody() -> None:
    spec = job(Order(service(1), AT_ONCE), service(1).model.image, "yachay-deployer", is_forced=True)["spec"]

    rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}
    assert rules["FailJob"]["onExitCodes"]["values"] == [2, 3]
    [container] = spec["template"]["spec"]["containers"]
    assert container["command"][-1] == "--force-conflicts"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    with pytest.raises(ManifestError, match="Expected the image by digest"):
        job(Order(service(1), AT_ONCE), "yachay:latest", "yachay-deployer")
