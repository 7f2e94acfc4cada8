"""The kustomize trees: each overlay builds, holds together, and says what `render` says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from yachay.cli.main import run
from yachay.manifests.checks import check_inference_service
from yachay.manifests.errors import ManifestError
from yachay.manifests.overlay import CHOICES, TREES, make_overlay, write_overlay
from yachay.manifests.profile import OF_STANDARD_MODE, Component
from yachay.manifests.render import inference_service, render
from yachay.manifests.service import Autoscaling, Logger
from yachay.model_store.integrity import hash_manifest
from yachay.model_store.store import Push

MANIFESTS = Path(__file__).parents[2] / "manifests"
ENVIRONMENTS = ("dev", "staging", "production")
PLATFORM, MONITORING = "platform", "monitoring"
OPERATORS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
KEDA = Autoscaling(kind="keda", prometheus="http://prometheus-operated.monitoring:9090")
MODES = {
    "knative": {"mode": "knative"},
    "standard": {"mode": "standard"},
    "standard-keda": {"mode": "standard", "autoscaling": KEDA},
    "standard-fixed": {"mode": "standard", "autoscaling": Autoscaling(kind="none")},
    "tf-serving": {"mode": "standard", "runtime": "yachay-tf-serving"},
}
CLOUDS = {
    "none": {},
    "gke": {"cloud": "gke", "gpu": "l4", "memory": "8Gi"},
    "eks": {"cloud": "eks", "gpu": "l4", "memory": "8Gi", "num_gpus": 2},
    "aks": {"cloud": "aks", "gpu": "t4", "memory": "8Gi", "has_spare_gpu": False},
}
OTHERS = {
    "scaled": {"mode": "standard", "autoscaling": Autoscaling(kind="hpa", metric="memory", target=80)},
    "a query of its own": {
        "mode": "standard",
        "autoscaling": Autoscaling(kind="keda", prometheus="http://p", query="up"),
    },
    "everything": {
        "mode": "standard",
        "min_replicas": 3,
        "components": get_args(Component),
        "logger": Logger(url="http://broker", headers=("X-Request-Id",)),
        "args": ("--prediction_log_drop=Gender",),
        "env": {"A": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"},
        "labels": {"team": "ml"},
        "timeout_seconds": 30,
        "predictor": {"model": {"resources": {"limits": {"cpu": "8"}}}, "priorityClassName": "high"},
    },
}
WRITTEN = {
    **{f"{mode}, {cloud}": MODES[mode] | CLOUDS[cloud] for mode in MODES for cloud in CLOUDS},
    **OTHERS,
}

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")


def build(*folders):
    """Returns the documents of each folder."""
    builds = [
        subprocess.Popen(["kubectl", "kustomize", str(folder)], stdout=subprocess.PIPE, text=True) for folder in folders
    ]
    built = [list(yaml.safe_load_all(build.communicate()[0])) for build in builds]
    assert not any(build.returncode for build in builds)
    return built


@pytest.fixture(scope="module")
def built():
    """The documents of each overlay."""
    names = [*ENVIRONMENTS, PLATFORM, MONITORING]
    return dict(zip(names, build(*(MANIFESTS / "overlays" / name for name in names)), strict=True))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The documents of the overlays that are written, and of the service that each is of."""
    from .conftest import make_service

    folders, services = [], []
    for number, fields in enumerate(WRITTEN.values()):
        folder = tmp_path_factory.mktemp("written") / str(number)
        service, components = make_overlay(make_service(**fields), "production")
        paths = write_overlay(service, components, "production", folder)
        assert {path.parent for path in paths} == {folder / "overlays" / "production"}
        folders.append(folder / "overlays" / "production")
        services.append(service)
    return dict(zip(WRITTEN, zip(build(*folders), services, strict=True), strict=True))


def of_kind(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def without_empty_lists(value):
    """The lists that components add to stand empty in a tree where no component does."""
    if isinstance(value, dict):
        return {name: without_empty_lists(each) for name, each in value.items() if each != []}
    return [without_empty_lists(each) for each in value] if isinstance(value, list) else value


def assert_renders(documents, service):
    for document in render(service):
        found = of_kind(documents, document["kind"])[document["metadata"]["name"]]
        assert without_empty_lists(found) == document


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_overlay_says_what_the_same_service_renders(built, make_service, make_model, environment):
    model = make_model(
        content_hash="0" * 64,
        trained_uri="s3://pipelines/student-dropout-semester2/Trainer/model",
        image=f"registry.example/yachay-serving@sha256:{'0' * 64}",
    )
    service, components = make_overlay(make_service(model=model, mode="standard"), environment)
    tree = yaml.safe_load((MANIFESTS / "overlays" / environment / "kustomization.yaml").read_text())
    assert tree["components"] == [f"../../components/{name}" for name in components]
    assert_renders(built[environment], service)


@pytest.mark.integration
@pytest.mark.parametrize("name", WRITTEN)
def test_an_overlay_that_is_written_says_what_its_service_renders(written, name):
    assert_renders(*written[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_kserve_takes_what_an_overlay_that_is_written_builds(written, violations, name):
    of_kserve = [each for each in written[name][0] if each["apiVersion"].startswith("serving.kserve.io/")]
    assert sorted(each["kind"] for each in of_kserve) == ["InferenceService", "ServingRuntime"]
    assert [violation for each in of_kserve for violation in violations(each)] == []
    [service] = of_kind(of_kserve, "InferenceService").values()
    check_inference_service(service)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_model_is_described_once(built, environment):
    """What model.yaml has stands in no other file of the trees, and wherever a built service names it."""
    overlay = MANIFESTS / "overlays" / environment
    data = yaml.safe_load((overlay / "model.yaml").read_text())["data"]
    assert data["namespace"] == yaml.safe_load((overlay / "kustomization.yaml").read_text())["namespace"]
    files = [path for tree in TREES for path in (MANIFESTS / tree).rglob("*.yaml")]
    for path in [*files, overlay / "kustomization.yaml"]:
        assert not [value for name, value in data.items() if name != "namespace" and value in path.read_text()]
    text = json.dumps(of_kind(built[environment], "InferenceService"))
    assert text.count(data["storage-uri"]) == text.count(data["image"]) == 3
    assert "ConfigMap/model" not in {f"{each['kind']}/{each['metadata']['name']}" for each in built[environment]}


@pytest.mark.parametrize("name", [*ENVIRONMENTS, "everything"])
def test_whatever_is_named_in_an_overlay_is_there(built, written, name):
    documents = built[name] if name in built else written[name][0]
    [service] = of_kind(documents, "InferenceService").values()
    predictor = service["spec"]["predictor"]
    assert predictor["serviceAccountName"] in of_kind(documents, "ServiceAccount")
    assert predictor["model"]["runtime"] in of_kind(documents, "ServingRuntime")
    volumes = {volume["name"]: volume for volume in predictor["volumes"]}
    assert {mount["name"] for mount in predictor["model"]["volumeMounts"]} == set(volumes)
    # Secrets and authorities are the administrator's; see docs/deploy.md.
    claims = {
        each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "persistentVolumeClaim" in each
    }
    assert claims == set(of_kind(documents, "PersistentVolumeClaim"))
    for binding in of_kind(documents, "RoleBinding").values():
        assert binding["roleRef"]["name"] in of_kind(documents, binding["roleRef"]["kind"])
    for kind in ("ServiceMonitor", "PodMonitor"):
        for monitor in of_kind(documents, kind).values():
            wanted = monitor["spec"]["selector"]["matchLabels"]
            assert wanted.items() <= {**service["metadata"]["labels"], "component": "predictor"}.items()
    for budget in of_kind(documents, "PodDisruptionBudget").values():
        selected = budget["spec"]["selector"]["matchLabels"]["serving.kserve.io/inferenceservice"]
        assert selected == budget["metadata"]["name"] == service["metadata"]["name"]
    assert {document["metadata"]["namespace"] for document in documents} == {"models"}


def test_the_platform_is_a_part_of_every_overlay_and_needs_no_operator_of_prometheus(built):
    # Where git owns the services there are no Jobs that deploy them.
    of_jobs = {each["metadata"]["name"] for each in built[PLATFORM] if "yachay-deployer" in each["metadata"]["name"]}
    platform = {json.dumps(each) for each in built[PLATFORM] if each["metadata"]["name"] not in of_jobs}
    assert not OPERATORS & {each["kind"] for each in built[PLATFORM]}
    for environment in ENVIRONMENTS:
        assert platform <= {json.dumps(each) for each in built[environment]}


def test_monitoring_is_a_component_of_its_own(built):
    kinds = {each["kind"] for each in built[MONITORING]}
    assert kinds == {*OPERATORS, "ConfigMap"}
    assert not OPERATORS & {each["kind"] for each in built["dev"]}
    for environment in ("staging", "production"):
        assert {each["kind"] for each in built[environment]} >= OPERATORS


def test_prometheus_reads_the_metrics_with_the_token_and_the_certificates_that_are_asked_for(built, written):
    token = {"credentials": {"name": "yachay-token", "key": "metrics"}}
    [monitor] = of_kind(built["production"], "ServiceMonitor").values()
    [pods] = of_kind(built["production"], "PodMonitor").values()
    assert monitor["spec"]["endpoints"][0]["authorization"] == pods["spec"]["podMetricsEndpoints"][0]["authorization"]
    assert monitor["spec"]["endpoints"][0]["authorization"] == token
    [monitor] = of_kind(written["everything"][0], "ServiceMonitor").values()
    assert monitor["spec"]["endpoints"][0]["scheme"] == "https"
    assert set(monitor["spec"]["endpoints"][0]["tlsConfig"]) == {"ca", "serverName", "cert", "keySecret"}


def test_production_has_two_pods_that_are_not_taken_together(built):
    [service] = of_kind(built["production"], "InferenceService").values()
    predictor = service["spec"]["predictor"]
    assert predictor["minReplicas"] == 2
    assert [each["topologyKey"] for each in predictor["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    [budget] = of_kind(built["production"], "PodDisruptionBudget").values()
    assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, PLATFORM])
def test_the_page_is_closed_in_a_cluster_but_for_development(built, environment):
    [runtime] = of_kind(built[environment], "ServingRuntime").values()
    assert "--enable_page=false" in runtime["spec"]["containers"][0]["args"]
    for service in of_kind(built[environment], "InferenceService").values():
        assert ("--enable_page=true" in service["spec"]["predictor"]["model"]["args"]) == (environment == "dev")


def test_what_goes_out_is_named(built, written, make_service, tmp_path):
    """DNS, the clouds' tokens and the store; each further destination is a policy of the component that needs it."""

    def policies(documents):
        return {name: each["spec"]["egress"] for name, each in of_kind(documents, "NetworkPolicy").items()}

    base = policies(built["production"])
    assert set(base) == {"yachay-predictors", "yachay-to-store"}
    assert all("to" in rule and "ports" in rule for rules in base.values() for rule in rules)
    [[store]] = [base["yachay-to-store"]]
    assert "10.0.0.0/8" in store["to"][0]["ipBlock"]["except"]
    assert set(policies(written["everything"][0])) - set(base) == {"yachay-to-collector"}

    service, components = make_overlay(make_service(), "production", ["broker"], has_egress=True)
    write_overlay(service, components, "production", tmp_path, ["199.36.153.8/30"])
    [documents] = build(tmp_path / "overlays" / "production")
    named = policies(documents)
    assert named["yachay-to-store"][0]["to"] == [{"ipBlock": {"cidr": "199.36.153.8/30"}}]
    assert set(named) - set(base) == {"yachay-to-broker"}


def test_every_image_of_an_overlay_has_a_digest(built, written):
    for documents in (*built.values(), written["tf-serving, none"][0]):
        for runtime in of_kind(documents, "ServingRuntime").values():
            assert "@sha256:" in runtime["spec"]["containers"][0]["image"]


def test_the_pipelines_runner_may_patch_services_hold_leases_remove_autoscalers_and_no_more(built):
    documents = built["production"]
    rules = [rule for role in of_kind(documents, "Role").values() for rule in role["rules"]]
    changing = [rule for rule in rules if not set(rule["verbs"]) <= {"get", "list", "watch"}]
    assert [(rule["resources"], rule["verbs"]) for rule in changing] == [
        (["inferenceservices"], ["patch"]),
        (["leases"], ["create", "patch"]),
        (["horizontalpodautoscalers"], ["list", "delete"]),
    ]
    bindings = of_kind(documents, "RoleBinding").values()
    assert all(
        binding["subjects"] == [{"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": "kubeflow"}]
        for binding in bindings
    )
    assert of_kind(documents, "ServiceAccount")["yachay-model-reader"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("component", get_args(Component))
def test_a_component_gives_a_service_what_it_gives_the_tree(make_service, component):
    fields = {"mode": "standard", "min_replicas": 2}
    needed = ("tls",) if component == "client-certificates" else ()
    plain, given = (
        inference_service(make_service(**fields, components=components))["spec"]["predictor"]
        for components in (needed, (*needed, component))
    )
    assert plain != given
    assert component in OF_STANDARD_MODE or inference_service(make_service(components=(component,)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"components": ("tokens",)},
            "Expected each component to be one of token, .* Received: 'tokens'. Did you mean",
        ),
        ({"components": ("tls",)}, "Expected the component 'tls' in standard mode only.*queue-proxy speaks plaintext"),
        ({"mode": "standard", "components": ("client-certificates",)}, "Expected the component 'tls' beside"),
        ({"mode": "standard", "components": ("availability",)}, "Expected min_replicas of at least 2 .* Received: 1"),
        (
            {"mode": "standard", "runtime": "yachay-tf-serving", "components": ("token",), "args": ("--x",)},
            "only ca-bundle and availability with yachay-tf-serving, and no flags. Received: token, --x",
        ),
    ],
)
def test_components_that_do_not_fit_the_service_are_rejected(make_service, fields, message):
    with pytest.raises(ManifestError, match=message):
        make_service(**fields)


def test_an_unknown_component_is_rejected_with_those_that_there_are(make_service):
    with pytest.raises(
        ManifestError, match=r"Expected a component: broker, .*Received: 'tracin'. Did you mean 'tracing'"
    ):
        make_overlay(make_service(), "dev", ["tracin"])


def test_a_token_of_the_gateway_takes_the_place_of_that_of_the_server(make_service):
    service, components = make_overlay(make_service(mode="standard"), "production", ["jwt-envoy"])
    assert "jwt-envoy" in components
    assert "token" not in service.components
    with pytest.raises(ManifestError, match="Expected one of the components 'jwt-envoy' and 'token'"):
        make_overlay(make_service(mode="standard", components=("token",)), "production", ["jwt-envoy"])


def test_the_gateways_policies_ask_every_request_for_a_token(built):
    istio, routes = build(MANIFESTS / "gateway-istio")[0], MANIFESTS / "components" / "jwt-envoy" / "policy.yaml"
    [reader], [policy] = (of_kind(istio, kind).values() for kind in ("RequestAuthentication", "AuthorizationPolicy"))
    assert reader["spec"]["targetRefs"] == policy["spec"]["targetRefs"]
    issuer = reader["spec"]["jwtRules"][0]["issuer"]
    assert policy["spec"]["action"] == "DENY"
    assert policy["spec"]["rules"][0]["from"][0]["source"] == {"notRequestPrincipals": [f"{issuer}/*"]}
    [selected] = yaml.safe_load(routes.read_text())["spec"]["targetSelectors"]
    # KServe's HTTPRoutes carry the labels of their InferenceService.
    [service] = of_kind(built["production"], "InferenceService").values()
    assert selected["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_the_admission_policy_compares_with_the_limits_that_there_are():
    [documents] = build(MANIFESTS / "admission")
    [limits], [policy] = (of_kind(documents, kind).values() for kind in ("ConfigMap", "ValidatingAdmissionPolicy"))
    [binding] = of_kind(documents, "ValidatingAdmissionPolicyBinding").values()
    text = (MANIFESTS / "admission" / "policy.yaml").read_text()
    assert set(re.findall(r"""params\.data\[["']([^"']+)""", text)) == set(limits["data"])
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny", "Audit"]
    assert policy["spec"]["failurePolicy"] == "Fail"
    parameters = binding["spec"]["paramRef"]
    assert (parameters["name"], parameters["namespace"]) == (
        limits["metadata"]["name"],
        limits["metadata"]["namespace"],
    )
    assert parameters["parameterNotFoundAction"] == "Deny"


def test_every_folder_of_components_can_be_chosen():
    folders = {path.name for path in (MANIFESTS / "components").iterdir()}
    modes = {"standard", "knative", "hpa", "keda", "tf-serving", "model"}
    assert folders == {*CHOICES, *get_args(Component), *modes}


def test_an_overlay_is_written_from_a_configuration_and_a_push(tmp_path, capsys):
    receipt = tmp_path / "push.json"
    files = {"7/saved_model.pb": "cd" * 32}
    receipt.write_text(Push(7, "", hash_manifest(files), blessing={"model": "gs://a/model/3"}, files=files).to_json())
    image = f"registry.example/yachay-serving@sha256:{'ab' * 32}"
    arguments = ["manifests", "student_dropout", str(tmp_path), "--model", "gs://models/a/push-7", "--mode", "standard"]
    choices = ["--receipt", str(receipt), "--image", image, "--cloud", "gke", "--gpu", "l4", "--without", "monitoring"]
    assert run([*arguments, *choices, "--environment", "staging", "--with", "tracing", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["service"] == "student-dropout--semester2"
    assert [Path(path).name for path in made["files"]] == ["kustomization.yaml", "model.yaml", "service.yaml"]
    [documents] = build(tmp_path / "overlays" / "staging")
    [service] = of_kind(documents, "InferenceService").values()
    predictor = service["spec"]["predictor"]
    assert predictor["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert predictor["model"]["image"] == image
    assert "--enable_tracing=true" in predictor["model"]["args"]
    assert {"name": "YACHAY_CONTENT_HASH", "value": hash_manifest(files)} in predictor["model"]["env"]
    assert not OPERATORS & {each["kind"] for each in documents}


def test_an_overlay_that_is_written_twice_is_the_same(make_service, tmp_path):
    def write(**fields):
        service, components = make_overlay(make_service(**fields), "dev")
        write_overlay(service, components, "dev", tmp_path)
        return {path: path.read_text() for path in tmp_path.rglob("*.yaml")}

    first = write(cloud="gke", gpu="l4")
    assert write(cloud="gke", gpu="l4") == first
