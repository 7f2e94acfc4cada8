import dataclasses

import pytest

from yachay.manifests.errors import ManifestError
from yachay.manifests.service import Autoscaling


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "serverless"}, "Expected the mode to be one of knative, standard. Received: 'serverless'"),
        (
            {"cloud": "gkee"},
            "Expected the cloud to be one of gke, eks, aks, none. Received: 'gkee'. Did you mean 'gke'",
        ),
        ({"runtime": "triton"}, "Expected the runtime to be one of yachay, yachay-tf-serving. Received: 'triton'"),
        ({"autoscaling": Autoscaling(kind="hpa")}, "Expected the autoscaler kpa in knative mode. Received: 'hpa'"),
        (
            {"mode": "standard", "autoscaling": Autoscaling(kind="kpa")},
            "Expected the autoscaler hpa or keda or none in standard mode. Received: 'kpa'",
        ),
        ({"gpu": "l4"}, "Expected a cloud .gke, eks or aks. beside the GPU.* Received: 'l4' and the cloud 'none'"),
        (
            {"cloud": "gke", "gpu": "a100-80"},
            "Expected a GPU that gke has .*Received: 'a100-80'. Did you mean 'a100-80gb'",
        ),
        ({"cloud": "gke", "gpu": "l4", "num_gpus": 0}, "Expected at least one GPU, or no kind of GPU. Received: 0"),
        ({"canary_percent": 10}, "Expected a canary's share .* Received: the share only. Name both or neither"),
        ({"predictor_name": "v1"}, "Expected a predictor's name in standard mode only. Received: 'v1'"),
    ],
)
def test_a_service_that_does_not_fit_together_is_rejected(make_service, fields, message):
    with pytest.raises(ManifestError, match=message):
        make_service(**fields)


def test_a_share_beyond_all_requests_is_rejected(make_service, make_model):
    with pytest.raises(ManifestError, match=r"Expected a share of 0 to 100 per cent. Received: 101"):
        make_service(canary_percent=101, previous=make_model(1))


def test_a_canary_of_what_is_running_is_rejected(make_service, make_model):
    service = make_service(model=make_model(2), mode="standard", predictor_name="v2")
    with pytest.raises(ManifestError, match=r"Expected a canary of another version .* Received: 2 for both"):
        service.canary(make_model(2), 10)


def test_a_version_that_comes_back_has_a_deployment_of_its_own(make_service, make_model):
    canary = make_service(model=make_model(1), mode="standard", predictor_name="v2").canary(make_model(2), 10)

    assert canary.canary_name == "v2-again"
    assert canary.promoted().predictor_name == "v2-again"
    assert canary.promoted().canary(make_model(3), 10).promoted().canary(make_model(2), 10).canary_name == "v2"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "vpa"}, "Expected the autoscaler to be one of kpa, hpa, keda, none. Received: 'vpa'"),
        ({"kind": "hpa", "metric": "concurrency"}, "Expected cpu or memory with the autoscaler 'hpa'"),
        ({"kind": "kpa", "metric": "cpu"}, "Expected concurrency or rps with the autoscaler 'kpa'"),
        (
            {"kind": "keda", "metric": "rps", "prometheus": "http://p"},
            "Expected no metric with the autoscaler 'keda', which takes a query. Received: the metric 'rps'",
        ),
        ({"kind": "keda"}, "Expected the address of Prometheus: without a query to it KEDA has no trigger"),
        ({"kind": "hpa", "query": "up"}, "Expected a query with KEDA only. Received: one with the autoscaler 'hpa'"),
        ({"kind": "hpa", "target": 101}, "and of at most 100 per cent. Received: 101"),
        ({"kind": "kpa", "target": 0}, "Expected a target of at least 1. Received: 0"),
    ],
)
def test_an_autoscaler_with_what_it_does_not_take_is_rejected(fields, message):
    with pytest.raises(ManifestError, match=message):
        Autoscaling(**fields)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "s3://models/student",
            r"Expected the storage URI to end with push-<version>.* Received: 's3://models/student'",
        ),
        ("s3://models/student/push-7/7", "not of the version in it.* Take 's3://models/student/push-7'"),
        (
            "minio://models/push-7",
            "Expected the storage URI to begin with gs://, s3://.* Name the same bucket with s3://",
        ),
        ("/models/push-7", "Received: '/models/push-7'"),
        ("https://example.com/push-7", "Received: 'https://example.com/push-7'"),
    ],
)
def test_a_model_that_is_no_push_in_a_store_of_kserve_is_rejected(make_model, uri, message):
    with pytest.raises(ManifestError, match=message):
        make_model(storage_uri=uri)


@pytest.mark.parametrize(
    "place", ["gs://models", "pvc://models/a", "hdfs://a/b", "https://account.blob.core.windows.net/models"]
)
def test_the_version_of_a_model_is_that_of_its_push(make_model, place):
    assert make_model(storage_uri=f"{place}/push-1795229955").version == 1795229955


@pytest.mark.parametrize("image", ["yachay", "yachay:1.0", "yachay@sha256:abc", "yachay:1@sha512:" + "a" * 64])
def test_an_image_without_a_digest_is_rejected(make_model, image):
    with pytest.raises(ManifestError, match=r"Expected the image by digest, .* Received: "):
        make_model(image=image)


def test_a_model_that_says_nothing_of_its_training_is_rejected(make_model):
    with pytest.raises(ManifestError, match=r"Expected the content hash of push.json.* Received: 'abc'"):
        make_model(content_hash="abc")
    with pytest.raises(ManifestError, match="Expected the URI of the trained model"):
        make_model(trained_uri="")


def test_the_previous_model_serves_until_the_canary_is_promoted(make_service, make_model):
    old, new = make_model(1), make_model(2)
    canary = make_service(model=old).canary(new, 10)
    assert (canary.serving, canary.promoted().serving) == (old, new)
    assert canary.canary(new, 50).previous == old


def test_a_promoted_canary_keeps_its_name_in_standard_mode(make_service, make_model):
    promoted = make_service(mode="standard", model=make_model(1)).canary(make_model(2), 10).promoted()
    assert promoted.predictor_name == "v2"
    assert (promoted.previous, promoted.canary_percent) == (None, None)


def test_a_service_does_not_change(make_service):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_service().name = "other"
