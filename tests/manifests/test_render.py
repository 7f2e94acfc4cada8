from pathlib import Path

import pytest
import yaml

from yachay.manifests import keys
from yachay.manifests.errors import ManifestError
from yachay.manifests.render import inference_service, read_serving, render, to_yaml
from yachay.manifests.service import Autoscaling, Logger

KEDA = Autoscaling(kind="keda", prometheus="http://prometheus:9090")
SERVICES = {
    "a CPU in Knative mode": {},
    "zero pods in Knative mode": {"min_replicas": 0, "autoscaling": Autoscaling(kind="kpa", metric="rps", target=50)},
    "a GPU of GKE in Knative mode": {"cloud": "gke", "gpu": "l4", "num_gpus": 2},
    "a GPU of EKS in Standard mode": {"mode": "standard", "cloud": "eks", "gpu": "l4", "has_spare_gpu": False},
    "a GPU of AKS with KEDA": {"mode": "standard", "cloud": "aks", "gpu": "t4", "autoscaling": KEDA},
    "zero pods with KEDA": {"mode": "standard", "min_replicas": 0, "autoscaling": KEDA},
    "memory": {"mode": "standard", "autoscaling": Autoscaling(kind="hpa", metric="memory", target=80)},
    "a fixed number": {"mode": "standard", "autoscaling": Autoscaling(kind="none"), "predictor_name": "v1"},
    "TF Serving": {"mode": "standard", "runtime": "yachay-tf-serving"},
    "requests in a bucket": {"mode": "standard", "logger": Logger(url="s3://logs/student-dropout")},
    "everything": {
        "logger": Logger(url="http://broker", headers=("X-Request-Id",)),
        "env": {"A": "1"},
        "labels": {"team": "ml"},
        "predictor": {"model": {"resources": {"limits": {"cpu": "8"}}}, "priorityClassName": "high"},
    },
}


@pytest.mark.parametrize("fields", SERVICES.values(), ids=SERVICES)
def test_kserve_takes_every_kind_of_service(make_service, make_model, violations, fields):
    service = make_service(**fields)
    services = [service]
    if service.autoscaling is not KEDA:
        canary = service.canary(make_model(1795300000), 10)
        services += [canary, canary.promoted()]
    for document in (document for service in services for document in render(service)):
        assert document["kind"] == "ConfigMap" or violations(document) == []


def test_the_runtime_is_that_of_the_service_with_its_image(make_service):
    runtime, service = render(make_service())
    container = runtime["spec"]["containers"][0]
    assert (runtime["metadata"]["name"], runtime["metadata"]["namespace"]) == ("yachay", "models")
    assert container["image"] == service["spec"]["predictor"]["model"]["image"]
    assert "--model_dir=/mnt/models" in container["args"]


def test_the_baseline_of_the_next_candidate_is_the_trained_model_that_serves(make_service, make_model):
    old, new = make_model(1), make_model(2)
    canary = make_service(model=old).canary(new, 10)
    assert keys.MODEL_URI == "yachay.dev/model-uri"
    assert inference_service(canary)["metadata"]["annotations"][keys.MODEL_URI] == old.trained_uri
    assert inference_service(canary.promoted())["metadata"]["annotations"][keys.MODEL_URI] == new.trained_uri


def test_pods_carry_their_own_models_version_and_hash(make_service, make_model):
    new = make_model(2, content_hash="cd" * 32)
    for document in (
        inference_service(make_service().canary(new, 10))["spec"]["predictor"],
        inference_service(make_service(mode="standard").canary(new, 10))["spec"]["canary"][0]["predictor"],
    ):
        assert document["labels"] == {keys.MODEL_VERSION: "2"}
        assert document["annotations"][keys.MODEL_VERSION] == "2"
        assert document["annotations"][keys.CONTENT_HASH] == "cd" * 32
        assert {"name": "YACHAY_CONTENT_HASH", "value": "cd" * 32} in document["model"]["env"]


def test_a_canary_has_the_environment_of_the_service_but_for_its_content_hash(make_service, make_model):
    service = make_service(mode="standard", components=("tracing",), env={"A": "1"})
    spec = inference_service(service.canary(make_model(2, content_hash="cd" * 32), 10))["spec"]
    names = [
        [each["name"] for each in one["model"]["env"]] for one in (spec["predictor"], spec["canary"][0]["predictor"])
    ]
    assert names[0] == names[1]
    assert len(names[0]) > 2


@pytest.mark.parametrize("mode", ["knative", "standard"])
def test_each_annotation_of_the_service_that_may_change_is_overlaid_in_the_pods(make_service, make_model, mode):
    """KServe copies the service's annotations into the pods, so that any other change would start them anew."""
    canary = make_service(mode=mode).canary(make_model(2), 10)
    before, after = inference_service(canary)["metadata"], inference_service(canary.promoted())["metadata"]
    changed = {key for key, value in before["annotations"].items() if after["annotations"][key] != value}
    assert changed
    assert {*changed, keys.ROLLOUT} <= set(inference_service(canary)["spec"]["predictor"]["annotations"])
    assert before["labels"] == after["labels"]


def test_to_promote_a_canary_changes_nothing_in_its_pods(make_service, make_model):
    canary = make_service(min_replicas=2).canary(make_model(2), 10)
    before, after = (inference_service(service)["spec"]["predictor"] for service in (canary, canary.promoted()))
    assert before.pop("canaryTrafficPercent") == 10
    assert before == after


def test_to_promote_a_canary_in_standard_mode_moves_its_name_and_its_model_together(make_service, make_model):
    canary = make_service(mode="standard").canary(make_model(2), 10)
    candidate = inference_service(canary)["spec"]["canary"][0]["predictor"]
    promoted = inference_service(canary.promoted())["spec"]
    assert "canary" not in promoted
    assert promoted["predictor"]["name"] == candidate["name"] == "v2"
    for section in ("labels", "annotations"):
        assert promoted["predictor"][section] == candidate[section]
    del candidate["model"]["name"]
    assert promoted["predictor"]["model"] | candidate["model"] == promoted["predictor"]["model"]


@pytest.mark.parametrize(("percent", "least", "pods"), [(0, 1, 1), (10, 1, 1), (50, 4, 2), (10, 21, 3)])
def test_a_canary_has_its_share_of_the_pods_and_at_least_one(make_service, make_model, percent, least, pods):
    service = make_service(mode="standard", min_replicas=least, max_replicas=30).canary(make_model(2), percent)
    [canary] = inference_service(service)["spec"]["canary"]
    assert (canary["trafficPercent"], canary["predictor"]["minReplicas"]) == (percent, pods)


def test_gpus_are_requested_as_they_are_limited_where_their_nodes_are(make_service):
    predictor = inference_service(make_service(cloud="gke", gpu="l4", num_gpus=2))["spec"]["predictor"]
    resources = predictor["model"]["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "2"
    assert predictor["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}


@pytest.mark.parametrize(("has_spare_gpu", "surge", "unavailable"), [(True, 1, 0), (False, 0, 1)])
def test_a_full_pool_stops_a_pod_before_it_starts_the_next(make_service, has_spare_gpu, surge, unavailable):
    service = make_service(mode="standard", cloud="gke", gpu="l4", has_spare_gpu=has_spare_gpu)
    strategy = inference_service(service)["spec"]["predictor"]["deploymentStrategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": unavailable}


def test_keda_asks_for_the_requests_a_second_of_the_service(make_service):
    predictor = inference_service(make_service(mode="standard", autoscaling=KEDA))["spec"]["predictor"]
    metric = predictor["autoScaling"]["metrics"][0]["external"]["metric"]
    assert metric["query"] == (
        'sum(rate(yachay_requests_total{namespace="models",model_name="student-dropout-semester2"}[1m]))'
    )


def test_fields_of_the_predictor_are_laid_over_what_is_rendered(make_service):
    predictor = inference_service(make_service(**SERVICES["everything"]))["spec"]["predictor"]
    assert predictor["model"]["resources"]["limits"] == {"cpu": "8", "memory": "4Gi"}
    assert predictor["priorityClassName"] == "high"


def test_the_model_that_serves_is_read_from_the_cluster_again(make_service, make_model):
    canary = make_service().canary(make_model(2, image="other/server@sha256:" + "0" * 64), 10)
    assert read_serving(inference_service(canary)) == canary.previous
    assert read_serving({"metadata": {"name": "foreign"}}) is None


def test_an_annotation_that_was_spoilt_is_rejected(make_service):
    document = inference_service(make_service())
    document["metadata"]["annotations"][keys.STORAGE_URI] = "s3://models"
    with pytest.raises(ManifestError, match="Expected the storage URI to end with push-<version>"):
        read_serving(document)


def test_the_same_service_gives_the_same_file(make_service):
    text = to_yaml(render(make_service(**SERVICES["everything"])))
    assert text == to_yaml(render(make_service(**SERVICES["everything"])))
    assert list(yaml.safe_load_all(text)) == render(make_service(**SERVICES["everything"]))
    assert "&id" not in text


def test_the_documentation_shows_what_is_rendered(capsys):
    text = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    program, shown = (text.partition(f"```{language}\n")[2].partition("```")[0] for language in ("python", "yaml"))
    exec(program, {})
    printed = capsys.readouterr().out
    places = [printed.index(part) for part in shown.split("...\n")]
    assert places == sorted(places)


@pytest.mark.end_to_end
def test_the_server_takes_the_arguments_of_its_runtime(make_service):
    from yachay.serving.settings import make_parser, read_settings

    container = render(make_service())[0]["spec"]["containers"][0]
    arguments = [argument.replace("{{.Name}}", "student-dropout-semester2") for argument in container["args"]]
    settings = read_settings(make_parser().parse_args(arguments))
    assert (settings.model_name, settings.model_dir) == ("student-dropout-semester2", "/mnt/models")
    assert (settings.http_port, settings.grpc_port) == (8080, 8081)
