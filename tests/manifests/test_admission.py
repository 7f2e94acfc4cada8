"""The admission policy, by a real API server with KServe's custom resources: the one that YACHAY_KUBECONFIG names.

They make the namespace, policy and binding `yachay-tested` there, which stay: once the last binding with a ConfigMap is
deleted, Kubernetes 1.34 sees no change of ConfigMaps for later ones.
"""

import copy
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from yachay.manifests.render import inference_service
from yachay.manifests.service import Service

from .conftest import make_model

ADMISSION = Path(__file__).parents[2] / "manifests" / "admission"
ACCOUNT = "system:serviceaccount:kubeflow:pipeline-runner"
KUBECONFIG = os.environ.get("YACHAY_KUBECONFIG", "")

Document = dict[str, Any]
Apply = Callable[..., str]

pytestmark = pytest.mark.skipif(not KUBECONFIG, reason="YACHAY_KUBECONFIG names no cluster")


def kubectl(*arguments: str, document: Any = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "--kubeconfig", KUBECONFIG, *arguments],
        input=None if document is None else json.dumps(document),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def namespace() -> str:
    """A namespace with the policy, in which the account of pipelines has every right."""
    name = "yachay-tested"
    built = subprocess.run(["kubectl", "kustomize", str(ADMISSION)], capture_output=True, text=True, check=True).stdout
    documents = list(yaml.safe_load_all(re.sub("(models|yachay-pipeline)\n", f"{name}\n", built)))
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "all", "namespace": name},
        "roleRef": role,
        "subjects": [
            {"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": "kubeflow"},
            {"kind": "ServiceAccount", "name": "yachay-deployer", "namespace": "models"},
        ],
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for document in (space, *documents, binding):
        result = kubectl("apply", "-f", "-", document=document)
        assert result.returncode == 0, result.stderr
    # The API server compiles a policy, and finds its limits, a moment after they were made.
    deadline = time.monotonic() + 60
    stranger = transformed(service(name), replaced("model", "image", value="stranger"))
    while "a pipeline may set images" not in rejection(name, stranger):
        assert time.monotonic() < deadline, rejection(name, stranger)
        time.sleep(0.5)
    return name


def service(namespace: str, **fields: Any) -> Document:
    model = make_model()
    document: Document = inference_service(Service(name="student", namespace=namespace, model=model, **fields))
    return document


def rejection(namespace: str, document: Document, account: str = ACCOUNT) -> str:
    """Returns why the API server rejects a service; empty where it takes it."""
    result = kubectl("create", "--dry-run=server", "--as", account, "-f", "-", document=document)
    return "" if result.returncode == 0 else result.stderr


def transformed(document: Document, change: Callable[[Document], object]) -> Document:
    changed = copy.deepcopy(document)
    change(changed["spec"])
    return changed


def replaced(*path: str, value: Any) -> Callable[[Document], object]:
    def change(spec: Document) -> None:
        place = spec["predictor"]
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


def canary(**model: Any) -> Callable[[Document], object]:
    own = {"modelFormat": {"name": "tensorflow"}, "name": "kserve-container"}
    return lambda spec: spec.update(canary=[{"trafficPercent": 10, "predictor": {"name": "v2", "model": own | model}}])


FORBIDDEN: dict[str, tuple[Callable[[Document], object], str]] = {
    "an image of another registry": (
        replaced("model", "image", value=f"evil.example/x@sha256:{'0' * 64}"),
        "may set images by digest of registry.example/yachay-serving@ only",
    ),
    "an image by tag": (replaced("model", "image", value="registry.example/yachay-serving@latest"), "images by digest"),
    "a canary's image": (canary(image=f"evil.example/x@sha256:{'0' * 64}"), "images by digest"),
    "a command": (replaced("model", "command", value=["sh"]), "no command"),
    "a model from elsewhere": (
        replaced("model", "storageUri", value="s3://evil/push-1"),
        "models of s3://models/ only",
    ),
    "a canary's model": (canary(storageUri="s3://evil/push-1"), "models of s3://models/ only"),
    "a model above the store": (replaced("model", "storageUri", value="s3://models/../evil/push-1"), "models of"),
    "models by another field": (replaced("model", "storage", value={"path": "x"}), "by storageUri only"),
    "another account": (replaced("serviceAccountName", value="default"), "service accounts yachay-model-reader only"),
    "an account by its old field": (replaced("serviceAccount", value="default"), "service accounts"),
    "the account's token": (replaced("automountServiceAccountToken", value=True), "may not mount the account's token"),
    "another runtime": (replaced("model", "runtime", value="evil"), "runtimes yachay only"),
    "a container": (replaced("containers", value=[{"name": "a", "image": "b"}]), "may add no container"),
    "an init container": (replaced("initContainers", value=[{"name": "a", "image": "b"}]), "may add no container"),
    "a transformer": (
        lambda spec: spec.update(transformer={"containers": [{"name": "a", "image": "b"}]}),
        "no transformer",
    ),
    "requests sent elsewhere": (
        replaced("logger", value={"mode": "all", "url": "http://evil.example"}),
        "may send requests to http://broker-ingress.knative-eventing.svc.cluster.local/ only",
    ),
    "requests sent to a bucket": (
        replaced("logger", value={"mode": "all", "url": "s3://evil", "storage": {"path": "x"}}),
        "may send requests to",
    ),
    "the node's network": (replaced("hostNetwork", value=True), "may not use the node's network"),
    "a privileged container": (replaced("model", "securityContext", value={"privileged": True}), "may not change what"),
    "root": (replaced("securityContext", value={"runAsUser": 0}), "may not run as root"),
    "a path of the node": (
        replaced("volumes", value=[{"name": "a", "hostPath": {"path": "/"}}]),
        "no path of the node",
    ),
    "another Secret": (
        replaced("volumes", value=[{"name": "a", "secret": {"secretName": "admin"}}]),
        "Secrets and ConfigMaps called yachay-",
    ),
    "the account's token as a volume": (
        replaced("volumes", value=[{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]),
        "Secrets and ConfigMaps called yachay-",
    ),
    "a Secret in the environment": (
        replaced("model", "env", value=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "admin", "key": "k"}}}]),
        "may read Secrets called yachay-",
    ),
    "all of a Secret": (replaced("model", "envFrom", value=[{"secretRef": {"name": "admin"}}]), "may read Secrets"),
}


@pytest.mark.parametrize(("change", "message"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_pipelines_account_is_held_to_its_own(
    namespace: str, change: Callable[[Document], object], message: str
) -> None:
    document = transformed(service(namespace, mode="standard"), change)
    said = rejection(namespace, document)
    assert "denied request: a pipeline may" in said, said
    assert message in said


@pytest.mark.parametrize("mode", ["standard", "knative"])
def test_what_a_pipeline_rolls_out_is_taken(namespace: str, mode: Any) -> None:
    new = make_model(1795300000)
    fields: dict[str, Any] = {"mode": mode, "components": ("token", "prediction-log", "ca-bundle", "tracing")}
    first = Service(name="student", namespace=namespace, model=make_model(), **fields)
    for each in (first, first.canary(new, 10), first.canary(new, 10).promoted()):
        assert rejection(namespace, inference_service(each)) == ""


def test_the_account_of_jobs_is_held_too(namespace: str) -> None:
    account = "system:serviceaccount:models:yachay-deployer"
    assert rejection(namespace, service(namespace), account) == ""
    foreign = transformed(service(namespace), replaced("model", "storageUri", value="s3://evil/push-1"))
    assert "a pipeline may set models of s3://models/ only" in rejection(namespace, foreign, account)


def test_other_accounts_are_left_alone(namespace: str) -> None:
    document = transformed(service(namespace), replaced("model", "image", value=f"other.example/x@sha256:{'0' * 64}"))
    assert "a pipeline may" not in rejection(namespace, document, "admin")


def test_without_its_limits_the_policy_rejects(namespace: str) -> None:
    limits = kubectl("get", "configmap", "yachay-pipeline-limits", "-n", namespace, "-o", "json").stdout
    kubectl("delete", "configmap", "yachay-pipeline-limits", "-n", namespace)
    try:
        assert rejection(namespace, service(namespace)) != ""
    finally:
        kept = json.loads(limits)
        kept["metadata"] = {"name": kept["metadata"]["name"], "namespace": namespace}
        kubectl("apply", "-f", "-", document=kept)
