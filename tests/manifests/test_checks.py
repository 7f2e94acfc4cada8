import copy

import pytest
import yaml

from yachay.manifests.checks import check_inference_service
from yachay.manifests.errors import ManifestError
from yachay.manifests.render import inference_service
from yachay.manifests.service import Autoscaling


@pytest.fixture
def documents(make_service, make_model):
    keda = Autoscaling(kind="keda", prometheus="http://prometheus:9090")
    return {
        "knative": inference_service(make_service()),
        "hpa": inference_service(make_service(mode="standard")),
        "keda": inference_service(make_service(mode="standard", autoscaling=keda)),
        "none": inference_service(make_service(mode="standard", autoscaling=Autoscaling(kind="none"))),
        "canary": inference_service(make_service(mode="standard").canary(make_model(1795300000), 10)),
    }


def reject(document):
    with pytest.raises(ManifestError) as error:
        check_inference_service(document)
    return str(error.value)


# Of each trap: the service, where, what is put there, and what is said.
TRAPS = [
    (
        "hpa",
        "spec.predictor.canaryTrafficPercent",
        10,
        "sends everything to the new model. Received: one. Take spec.canary",
    ),
    ("hpa", "spec.predictor.containerConcurrency", 4, "expected none in Standard mode"),
    ("hpa", "spec.predictor.minReplicas", 0, "expected at least 1 with the autoscaler 'hpa', for KServe takes 0 as 1"),
    ("none", "spec.predictor.minReplicas", 0, "expected at least 1 with the autoscaler 'none'"),
    ("hpa", "spec.predictor.scaleMetric", "concurrency", "expected cpu or memory with HPA"),
    ("hpa", "spec.predictor.scaleTarget", 200, "expected 1 to 100 per cent with HPA. Received: 200"),
    ("keda", "spec.predictor.scaleMetric", "cpu", "expected none with KEDA, for KServe rejects it. Received: 'cpu'"),
    ("keda", "spec.predictor.autoScaling", {}, "expected a metric with KEDA, whose triggers come from there alone"),
    (
        "knative",
        "spec.predictor.deploymentStrategy",
        {"type": "Recreate"},
        "deploymentStrategy: expected none in Knative",
    ),
    ("knative", "spec.predictor.autoScaling", {"metrics": []}, "KServe reads it in Standard mode only"),
    ("knative", "spec.predictor.terminationGracePeriodSeconds", 90, "Knative takes the timeout"),
    ("knative", "spec.predictor.scaleMetric", "cpu", "expected concurrency or rps in Knative mode. Received: 'cpu'"),
    ("knative", "spec.predictor.model.lifecycle", {}, "lifecycle: expected none in Knative mode"),
    ("knative", "spec.predictor.model.ports", [{}, {}], "expected one port in Knative mode. Received: 2"),
    ("knative", "spec.predictor.batcher", {}, "KServe's batcher returns failures with status 200"),
    ("hpa", "spec.predictor.batcher", {"maxBatchSize": 4}, "the server batches by itself"),
    ("knative", "spec.predictor.logger", {"url": "http://a"}, "logger.mode: expected all, request or response"),
    (
        "knative",
        "spec.predictor.logger",
        {"mode": "all", "url": "http://a", "metadataHeaders": ["x-request-id"]},
        "expected 'X-Request-Id', for KServe compares letter by letter. Received: 'x-request-id'",
    ),
    ("knative", "spec.predictor.maxReplicas", -1, "expected 0 <= minReplicas <= maxReplicas. Received: 1 and -1"),
    ("hpa", "spec.predictor.minReplicas", 9, "Received: 9 and 4. Correct the range"),
    ("knative", "spec.predictor.model.runtime", None, "KServe would choose TF Serving 2.6.2 or Triton"),
    ("knative", "spec.predictor.model.runtime", "kserve-tensorflow-serving", "TF Serving 2.6.2 cannot load models of"),
    ("knative", "spec.predictor.model.runtime", "kserve-tritonserver", "Triton has had no TensorFlow since 25.03"),
    ("knative", "spec.predictor.model.protocolVersion", None, "expected v1, v2, grpc-v2 with the runtime 'yachay'"),
    ("knative", "spec.predictor.model.image", "yachay:1", "model.image: Expected the image by digest"),
    ("knative", "spec.predictor.model.storageUri", "gs://models/student", "Expected the storage URI to end with push-"),
    ("knative", "spec.predictor.model", {}, "spec.predictor: expected `model`"),
    ("knative", "metadata.name", "Student_Dropout", "expected lower-case letters, digits and '-', a letter first"),
    ("knative", "metadata.name", "a" * 37, "at most 36 characters"),
    ("knative", "metadata.namespace", "My_Models", "metadata.namespace: expected lower-case letters, digits and '-'"),
    ("knative", "metadata.labels", {"team": "a b"}, "metadata.labels.team: expected letters, digits, '-', '_' and '.'"),
    ("knative", "spec", {}, "spec.predictor: expected `model`. Received: none"),
    ("knative", "metadata.annotations", {}, "to be Knative or Standard, for the cluster's default may be either"),
    ("hpa", "spec.predictor.model.lifecycle", {}, "expected `sleep` and seconds in Standard mode, for the server"),
    (
        "hpa",
        "spec.predictor.terminationGracePeriodSeconds",
        75,
        "expected more than the timeout (60) and the preStop (15) together, so that requests can end. Received: 75",
    ),
]


@pytest.mark.parametrize(("service", "path", "value", "message"), TRAPS)
def test_a_trap_of_kserve_is_rejected(documents, service, path, value, message):
    document = copy.deepcopy(documents[service])
    section = document
    *parents, last = path.split(".")
    for parent in parents:
        section = section[parent]
    section[last] = value
    assert message in reject(document)


@pytest.mark.parametrize("service", ["knative", "hpa", "keda", "none", "canary"])
def test_what_is_rendered_is_not_rejected(documents, service):
    check_inference_service(documents[service])


@pytest.mark.parametrize(("request_", "limit"), [("1", None), (None, "1"), ("1", "2")])
def test_a_gpu_that_is_requested_otherwise_than_it_is_limited_is_rejected(documents, request_, limit):
    resources = documents["knative"]["spec"]["predictor"]["model"]["resources"]
    resources["requests"] |= {} if request_ is None else {"nvidia.com/gpu": request_}
    resources["limits"] |= {} if limit is None else {"nvidia.com/gpu": limit}
    assert f"Received: requests {request_!r}, limits {limit!r}. Make them equal" in reject(documents["knative"])


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("knative", "expected none in Knative mode, for KServe rejects it. Received: one. Take spec.predictor.canary"),
        ("keda", "the canary would get a ScaledObject without triggers"),
    ],
)
def test_a_canary_entry_is_rejected_in_knative_mode_and_with_keda(documents, service, message):
    documents[service]["spec"]["canary"] = documents["canary"]["spec"]["canary"]
    assert message in reject(documents[service])


def test_canaries_must_differ_and_carry_what_the_schema_wants(documents):
    document = documents["canary"]
    first = document["spec"]["canary"][0]
    second = copy.deepcopy(first)
    second["trafficPercent"] = 95
    second["predictor"]["maxReplicas"] = 2
    del second["predictor"]["model"]["name"]
    document["spec"]["canary"].append(second)
    told = reject(document)
    assert "Received: ['v1795300000', 'v1795300000'] beside None. Name each by its version" in told
    assert "expected trafficPercent of at most 100 together" in told
    assert "spec.canary[1].predictor.maxReplicas: expected none, for a canary has a fixed number of pods" in told
    assert "spec.canary[1].predictor.model.name: expected kserve-container" in told


def test_all_that_is_wrong_is_reported_at_once(documents):
    predictor = documents["hpa"]["spec"]["predictor"]
    predictor |= {"canaryTrafficPercent": 10, "batcher": {}, "minReplicas": 0}
    told = reject(documents["hpa"]).splitlines()
    assert told[0] == "The InferenceService models/student-dropout-semester2 is invalid:"
    assert len(told) == 4


def test_fields_laid_over_a_service_are_checked_too(make_service):
    with pytest.raises(ManifestError, match=r"spec.predictor.batcher: expected none"):
        inference_service(make_service(predictor={"batcher": {"maxBatchSize": 8}}))


def test_examples_that_are_known_to_be_good_lack_only_what_this_library_adds(kserve_notes, violations):
    samples = sorted((kserve_notes / "kserve-examples").glob("isvc-*.yaml"))
    assert samples
    for path in samples:
        document = yaml.safe_load(path.read_text())
        assert violations(document) == []
        told = reject(document).splitlines()[1:]
        assert all("model.image" in line or "preStop" in line for line in told), told
