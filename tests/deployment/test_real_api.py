"""What only a real Kubernetes API shows: server-side apply, preconditions, RBAC, KServe's schemas and webhooks.

`YACHAY_KUBECONFIG` names the kubeconfig of an administrator, in whose cluster KServe's and Gateway API's CRDs are; each
run makes a namespace and removes it. `YACHAY_SERVING_IMAGE` (by digest) and `YACHAY_MODELS` (a store with `push-1` and
`push-2`) make whole rollouts possible, where KServe's controller and a gateway are at work too.
"""

import dataclasses
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rollouts import CANARY, Watched, service

from yachay.deployment.cluster import (
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    JOB,
    LEASE,
    POD,
    SERVING_RUNTIME,
    Cluster,
    Document,
    Resource,
)
from yachay.deployment.delivery import apply_runtime
from yachay.deployment.errors import ClusterError
from yachay.deployment.going_back import rollback
from yachay.deployment.job import start_job
from yachay.deployment.lease import Lease
from yachay.deployment.leftovers import remove_autoscalers
from yachay.deployment.order import Order
from yachay.deployment.owned import Owned, TakenOverError
from yachay.deployment.record import Rollout
from yachay.deployment.rollout import deploy
from yachay.errors import UsageError
from yachay.manifests.keys import ROLLOUT
from yachay.manifests.render import inference_service
from yachay.manifests.service import Autoscaling, Model, Service

KUBECONFIG = os.environ.get("YACHAY_KUBECONFIG", "")
IMAGE, MODELS = os.environ.get("YACHAY_SERVING_IMAGE", ""), os.environ.get("YACHAY_MODELS", "")
PLATFORM = Path(__file__).parents[2] / "manifests" / "overlays" / "platform"
SECRET = Resource("", "v1", "secrets")

pytestmark = pytest.mark.skipif(not KUBECONFIG, reason="YACHAY_KUBECONFIG names no cluster")
with_pods = pytest.mark.skipif(not (IMAGE and MODELS), reason="YACHAY_SERVING_IMAGE and YACHAY_MODELS name no models")

Connect = Callable[[str | None], Cluster]


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", KUBECONFIG, *arguments], input=stdin, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"yachay-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def platform(namespace: str) -> str:
    """The documents of the platform in the namespace, which have been applied."""
    documents = []
    for document in yaml.safe_load_all(subprocess.check_output(["kubectl", "kustomize", str(PLATFORM)], text=True)):
        document["metadata"]["namespace"] = namespace
        for subject in document.get("subjects", ()):
            subject["namespace"] = namespace
        documents.append(document)
    text = yaml.safe_dump_all(documents)
    kubectl("--namespace", namespace, "create", "serviceaccount", "pipeline-runner")
    kubectl("apply", "--server-side", "--filename", "-", stdin=text)
    return text


@pytest.fixture
def connect(namespace: str, platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Returns the cluster as a service account of the namespace sees it, or as the administrator does."""

    def connected(account: str | None = None) -> Cluster:
        config = yaml.safe_load(Path(KUBECONFIG).read_text())
        if account is not None:
            token = kubectl("--namespace", namespace, "create", "token", account).strip()
            config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        path = tmp_path / f"kubeconfig-{account}"
        path.write_text(yaml.safe_dump(config))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        return Cluster.connect(namespace)

    return connected


@pytest.fixture
def cluster(connect: Connect) -> Cluster:
    return connect(None)


def named(cluster: Cluster, version: int = 1, **fields: Any) -> Service:
    """A service of a name of its own."""
    fields = {"name": f"s{uuid.uuid4().hex[:8]}", "namespace": cluster.namespace} | fields
    return dataclasses.replace(service(version, "standard"), **fields)


def applied(cluster: Cluster, wanted: Service) -> Document:
    return cluster.apply(INFERENCE_SERVICE, inference_service(wanted))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"autoscaling": Autoscaling(kind="none")},
        {"autoscaling": Autoscaling(kind="keda", prometheus="http://prometheus")},
        {"cloud": "gke", "gpu": "l4"},
        {"mode": "knative"},
    ],
    ids=["hpa", "fixed", "keda", "gpu", "knative"],
)
def test_the_api_takes_every_kind_of_service(cluster: Cluster, fields: dict[str, Any]) -> None:
    cluster.apply(INFERENCE_SERVICE, inference_service(named(cluster, **fields)), is_tried=True)


@pytest.mark.parametrize("percent", [0, 10, 100])
def test_the_api_takes_a_canary_of_any_share(cluster: Cluster, percent: int) -> None:
    stable = named(cluster)
    canary = stable.canary(dataclasses.replace(stable.model, storage_uri="gs://models/dropout/push-2"), percent)

    cluster.apply(INFERENCE_SERVICE, inference_service(canary), is_tried=True)


def test_the_platform_is_applied_again_after_a_deployment_with_another_image(cluster: Cluster, platform: str) -> None:
    said: list[str] = []
    apply_runtime(cluster, named(cluster), said.append)

    assert said == ["the ServingRuntime yachay keeps its image, which another manager set"]
    changed = platform.replace("sha256:" + "0" * 64, "sha256:" + "1" * 64)
    kubectl("apply", "--server-side", "--filename", "-", stdin=changed)


def test_a_field_that_another_manager_set_is_a_conflict_and_a_version_that_is_old_is_stale(cluster: Cluster) -> None:
    wanted = named(cluster)
    live = applied(cluster, wanted)
    patch = '{"spec": {"predictor": {"maxReplicas": 9}}}'
    kubectl(
        "--namespace", cluster.namespace, "patch", "inferenceservice", wanted.name, "--type=merge", "--patch", patch
    )

    with pytest.raises(ClusterError, match="conflict with") as conflict:
        applied(cluster, wanted)
    assert (conflict.value.status, conflict.value.is_stale, conflict.value.is_rejection) == (409, False, True)
    old = {"resourceVersion": live["metadata"]["resourceVersion"]}
    document = inference_service(wanted)
    for write in (
        lambda: cluster.patch(INFERENCE_SERVICE, wanted.name, {"metadata": old}),
        lambda: cluster.apply(INFERENCE_SERVICE, document | {"metadata": document["metadata"] | old}, is_forced=True),
    ):
        with pytest.raises(ClusterError, match="409") as stale:
            write()
        assert stale.value.is_stale


def test_a_call_that_no_longer_owns_a_service_writes_nothing(cluster: Cluster) -> None:
    wanted = named(cluster)
    record = Rollout("promoted", 1, 100, wanted)
    first, second = (Owned(cluster, wanted.name, owner, is_forced=False) for owner in ("first", "second"))
    first.create(wanted, record)
    first.record(record)
    second.take_over("by hand")

    with pytest.raises(TakenOverError, match="another call moves"):
        first.record(dataclasses.replace(record, percent=1))
    live = cluster.get(INFERENCE_SERVICE, wanted.name)
    assert live is not None
    assert '"owner": "second"' in live["metadata"]["annotations"][ROLLOUT]


def test_one_of_two_calls_gets_the_lease(cluster: Cluster) -> None:
    first, second = (Lease(cluster, "leased", owner) for owner in ("first", "second"))
    first.acquire()
    with pytest.raises(UsageError, match="one that first moves on"):
        second.acquire()
    first.renew()
    first.release()
    second.acquire()
    assert first.holder() == "second"
    first.acquire(is_forced=True)
    assert second.holder() == "first"


def test_the_account_of_pipelines_may_do_what_a_rollout_needs_and_no_more(cluster: Cluster, connect: Connect) -> None:
    wanted = named(cluster)
    applied(cluster, wanted)
    account = connect("pipeline-runner")

    Lease(account, wanted.name, "account").acquire()
    live = applied(account, dataclasses.replace(wanted, max_replicas=5))
    account.patch(INFERENCE_SERVICE, wanted.name, {"metadata": {"annotations": {"a": "b"}}})
    account.find(POD, "a", "b")
    account.get(DEPLOYMENT, "none")
    account.get(HTTP_ROUTE, "none")
    account.get(SERVING_RUNTIME, "yachay")
    assert remove_autoscalers(account, wanted) == ""

    runtime = cluster.get(SERVING_RUNTIME, "yachay")
    for verb, act in {
        "create resource .inferenceservices": lambda: applied(account, named(cluster)),
        "delete resource .inferenceservices": lambda: account.delete(INFERENCE_SERVICE, live),
        "patch resource .servingruntimes": lambda: account.patch(SERVING_RUNTIME, "yachay", {"spec": runtime["spec"]}),
        "get resource .secrets": lambda: account.get(SECRET, "any"),
        "list resource .leases": lambda: account.find(LEASE, "a", "b"),
        "create resource .jobs": lambda: start_job(account, Order(wanted, CANARY), wanted.model.image, "default"),
    }.items():
        with pytest.raises(ClusterError, match=f"403 .*cannot {verb}"):
            act()


def test_the_account_of_jobs_makes_the_first_deployment(connect: Connect) -> None:
    account = connect("yachay-deployer")

    assert applied(account, named(account))["metadata"]["generation"] == 1


def test_the_api_takes_the_job_of_a_deployment(cluster: Cluster) -> None:
    wanted = named(cluster)
    name = start_job(cluster, Order(wanted, CANARY), wanted.model.image, "yachay-deployer")

    job = cluster.get(JOB, name)
    assert job is not None
    assert job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] == [2, 3]
    cluster.delete(JOB, job)


def test_autoscalers_that_no_service_owns_are_removed_and_no_others(cluster: Cluster) -> None:
    wanted = named(cluster, predictor_name="v1")
    owner = applied(cluster, wanted)["metadata"]
    scalers = []
    for name, uid in ((f"{wanted.name}-old-predictor", owner["uid"]), (f"{wanted.name}-other", str(uuid.uuid4()))):
        reference = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": owner["name"]}
        scalers.append(
            cluster.create(
                HORIZONTAL_POD_AUTOSCALER,
                {
                    "apiVersion": "autoscaling/v2",
                    "kind": "HorizontalPodAutoscaler",
                    "metadata": {
                        "name": name,
                        "labels": {"serving.kserve.io/inferenceservice": wanted.name},
                        "ownerReferences": [reference | {"uid": uid}],
                    },
                    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}
                    | {"maxReplicas": 2},
                },
            )
        )
    with pytest.raises(ClusterError, match="409"):
        cluster.delete(HORIZONTAL_POD_AUTOSCALER, {"metadata": scalers[0]["metadata"] | {"uid": "another"}})

    assert remove_autoscalers(cluster, wanted) == ""
    assert cluster.get(HORIZONTAL_POD_AUTOSCALER, f"{wanted.name}-old-predictor") is None


@with_pods
def test_a_model_is_promoted_and_rolled_back_by_kserve(cluster: Cluster) -> None:
    canary = CANARY.model_copy(update={"ready_minutes": 5.0, "poll_seconds": 0.5, "max_minutes": 1.0})
    models = [
        Model(storage_uri=f"{MODELS}/push-{version}", content_hash=f"{version:064d}", trained_uri="a", image=IMAGE)
        for version in (1, 2)
    ]
    first, second = (named(cluster, name="whole", model=each) for each in models)
    said: list[str] = []

    assert deploy(cluster, first, canary, Watched({}), said.append).state == "promoted"
    assert deploy(cluster, second, canary, Watched({}), said.append).state == "promoted", said
    scalers = cluster.find(HORIZONTAL_POD_AUTOSCALER, "serving.kserve.io/inferenceservice", "whole")
    assert [each["metadata"]["name"] for each in scalers] == ["whole-v2-predictor"]
    outcome = rollback(cluster, "whole", canary, said.append, "by hand")
    assert (outcome.state, outcome.serving_version) == ("rolled_back", 1)
    deadline = time.monotonic() + 60
    while cluster.get(DEPLOYMENT, "whole-predictor") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.5)
