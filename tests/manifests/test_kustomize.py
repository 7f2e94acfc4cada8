"""The kustomize trees: each overlay builds, holds together, and says what `render` says."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from yachay.manifests.checks import check_inference_service
from yachay.manifests.render import render
from yachay.manifests.service import Autoscaling

MANIFESTS = Path(__file__).parents[2] / "manifests"
PLATFORM = "platform"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir() if path.name != PLATFORM)
KEDA = Autoscaling(kind="keda", prometheus="http://prometheus-operated.monitoring:9090")
POOLS = {
    "cpu": {},
    "gke-l4": {"cloud": "gke", "gpu": "l4", "memory": "8Gi"},
    "eks-auto-l4": {"cloud": "eks", "gpu": "l4", "memory": "8Gi"},
    "aks-t4": {"cloud": "aks", "gpu": "t4", "memory": "8Gi"},
}
MODES = {
    "knative": {},
    "standard-hpa": {"mode": "standard"},
    "standard-keda": {"mode": "standard", "autoscaling": KEDA},
    "tf-serving": {"mode": "standard", "runtime": "yachay-tf-serving"},
}
SERVERS = {"tf-serving": "tensorflow/serving"}

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")


@pytest.fixture(scope="module")
def built():
    """The documents of each overlay."""
    builds = {
        name: subprocess.Popen(
            ["kubectl", "kustomize", str(MANIFESTS / "overlays" / name)], stdout=subprocess.PIPE, text=True
        )
        for name in (*OVERLAYS, PLATFORM)
    }
    documents = {name: list(yaml.safe_load_all(build.communicate()[0])) for name, build in builds.items()}
    assert not any(build.returncode for build in builds.values())
    return documents


def of_kind(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def test_there_is_an_overlay_for_every_pool_in_every_mode():
    assert set(OVERLAYS) == {
        *(f"{pool}-{mode}" for pool in POOLS for mode in MODES if mode != "tf-serving"),
        "cpu-tf-serving",
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_says_what_the_same_service_renders(built, make_service, make_model, overlay):
    pool = next(pool for pool in POOLS if overlay.startswith(f"{pool}-"))
    mode = overlay.removeprefix(f"{pool}-")
    model = make_model(
        content_hash="0" * 64,
        trained_uri="s3://pipelines/student-dropout-semester2/Trainer/model",
        image=f"{SERVERS.get(mode, 'registry.example/yachay-serving')}@sha256:{'0' * 64}",
    )
    for document in render(make_service(model=model, **POOLS[pool], **MODES[mode])):
        assert of_kind(built[overlay], document["kind"])[document["metadata"]["name"]] == document


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kserve_takes_what_an_overlay_builds(built, violations, overlay):
    documents = [document for document in built[overlay] if document["apiVersion"].startswith("serving.kserve.io/")]
    assert sorted(document["kind"] for document in documents) == [
        "InferenceService",
        "ServingRuntime",
        "ServingRuntime",
    ]
    assert [violation for document in documents for violation in violations(document)] == []
    check_inference_service(documents[-1])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_is_named_in_an_overlay_is_there(built, overlay):
    documents = built[overlay]
    [service] = of_kind(documents, "InferenceService").values()
    predictor = service["spec"]["predictor"]
    assert predictor["serviceAccountName"] in of_kind(documents, "ServiceAccount")
    runtimes = of_kind(documents, "ServingRuntime")
    assert predictor["model"]["runtime"] in runtimes
    for runtime in runtimes.values():
        volumes = {volume["name"]: volume for volume in runtime["spec"]["volumes"]}
        maps = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
        mounted = {mount["name"] for mount in runtime["spec"]["containers"][0]["volumeMounts"]}
        assert maps <= set(of_kind(documents, "ConfigMap"))
        assert mounted == set(volumes)
    for binding in of_kind(documents, "RoleBinding").values():
        assert binding["roleRef"]["name"] in of_kind(documents, binding["roleRef"]["kind"])
    for kind in ("ServiceMonitor", "PodMonitor"):
        [monitor] = of_kind(documents, kind).values()
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= {**service["metadata"]["labels"], "component": "predictor"}.items()
    assert {document["metadata"]["namespace"] for document in documents} == {"models"}


def test_the_platform_is_an_overlay_without_its_service(built):
    rest = [document for document in built["cpu-knative"] if document["kind"] != "InferenceService"]
    assert built[PLATFORM] == rest


def test_every_image_of_an_overlay_has_a_digest(built):
    containers = [
        runtime["spec"]["containers"][0] for runtime in of_kind(built["cpu-tf-serving"], "ServingRuntime").values()
    ]
    assert all("@sha256:" in container["image"] for container in containers)


def test_the_pipelines_runner_may_read_and_patch_services_hold_leases_and_no_more(built):
    documents = built["cpu-knative"]
    rules = [rule for role in of_kind(documents, "Role").values() for rule in role["rules"]]
    changing = [rule for rule in rules if not set(rule["verbs"]) <= {"get", "list", "watch"}]
    assert [(rule["resources"], rule["verbs"]) for rule in changing] == [
        (["inferenceservices"], ["patch"]),
        (["leases"], ["get", "create", "patch"]),
    ]
    bindings = of_kind(documents, "RoleBinding").values()
    assert all(
        binding["subjects"] == [{"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": "kubeflow"}]
        for binding in bindings
    )
    assert of_kind(documents, "ServiceAccount")["yachay-model-reader"]["automountServiceAccountToken"] is False
