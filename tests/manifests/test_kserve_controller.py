"""What KServe's controller makes of a service's components, in the cluster that YACHAY_KUBECONFIG names."""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from yachay.manifests.profile import Component
from yachay.manifests.render import render, to_yaml
from yachay.manifests.service import Service

from .conftest import make_model

KUBECONFIG = os.environ.get("YACHAY_KUBECONFIG", "")

pytestmark = pytest.mark.skipif(not KUBECONFIG, reason="YACHAY_KUBECONFIG names no cluster")


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", KUBECONFIG, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pods() -> Iterator[dict[str, Any]]:
    """The pods' description of a service with all components and of its canary, by the version of the model."""
    if "kserve" not in kubectl("get", "mutatingwebhookconfigurations", "-o", "name"):
        pytest.skip("the cluster has no controller of KServe")
    namespace = f"yachay-{uuid.uuid4().hex[:8]}"
    service = Service(
        name="student",
        namespace=namespace,
        model=make_model(1),
        mode="standard",
        min_replicas=2,
        components=get_args(Component),
        args=("--max_rows=7",),
    )
    kubectl("create", "namespace", namespace)
    try:
        canary = service.canary(make_model(2, content_hash="cd" * 32), 10)
        kubectl("apply", "-f", "-", stdin=to_yaml(render(canary)))
        deadline, found = time.monotonic() + 60, []
        while len(found) < 2:
            assert time.monotonic() < deadline, "KServe's controller made no Deployments"
            time.sleep(0.5)
            found = json.loads(kubectl("get", "deployments", "-n", namespace, "-o", "json"))["items"]
        templates = [each["spec"]["template"] for each in found]
        yield {each["metadata"]["labels"]["yachay.dev/model-version"]: each["spec"] for each in templates}
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_server_and_its_canary_have_what_the_components_give(pods: dict[str, Any], version: str) -> None:
    pod = pods[version]
    [container] = [each for each in pod["containers"] if each["name"] == "kserve-container"]
    flags = dict(argument.partition("=")[::2] for argument in container["args"])
    assert flags["--token_file"] == "/etc/yachay/token/token"
    assert flags["--ssl_ca_certs"] == "/etc/yachay/clients/ca.crt"
    assert (flags["--ssl_certfile"], flags["--ssl_keyfile"]) == ("/etc/yachay/tls/tls.crt", "/etc/yachay/tls/tls.key")
    assert flags["--max_rows"] == "7"
    # What is said last counts.
    assert container["args"].index("--enable_page=false") < container["args"].index("--enable_page=true")
    probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
    assert {probe["httpGet"]["scheme"] for probe in probes} == {"HTTPS"}
    assert [probe["failureThreshold"] for probe in probes] == [60, 2, 6]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted <= {volume["name"] for volume in pod["volumes"]}
    assert mounted >= {"token", "tls", "clients", "prediction-log", "ca-bundle", "scratch"}
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert environment["YACHAY_CONTENT_HASH"] == {"1": "4b", "2": "cd"}[version] * 32
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://opentelemetry-collector.observability:4318"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert len(pod["topologySpreadConstraints"]) == 2
    assert pod["automountServiceAccountToken"] is False
