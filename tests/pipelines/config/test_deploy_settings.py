import json

import pytest

from yachay.deployment.order import Order
from yachay.errors import ConfigurationError
from yachay.pipelines.deployment import deploy_order
from yachay.pipelines.registry import find_pipeline

IMAGE = "deploy.image=images.example.com/server@sha256:" + "0" * 64
DEPLOYING = ("push.store=s3://models", "deploy.from_pipeline=true", IMAGE)


def load(*overrides, profile=""):
    return find_pipeline("student_dropout").load(overrides, profile)


def test_the_order_says_all_but_the_model():
    config = load(*DEPLOYING, "deploy.gpu=l4", "deploy.cloud=gke", "deploy.canary.steps=[20, 100]")

    order = Order.from_json(deploy_order(config, "semester2"))

    assert order.service.name == "student-dropout--semester2"
    assert order.service.gpu == "l4"
    assert order.service.model.image.startswith("images.example.com/server@")
    assert order.canary == config.deploy.canary
    assert order.canary.steps == [20, 100]


def test_an_order_survives_json():
    text = deploy_order(
        load(
            *DEPLOYING,
            "deploy.mode=standard",
            "deploy.autoscaling={kind: keda, prometheus: 'http://prometheus:9090'}",
            "deploy.logger={url: 'http://sink', headers: [X-Request-Id]}",
        ),
        "semester1",
    )

    assert Order.from_json(text).to_json() == text
    assert json.loads(text)["service"]["name"] == "student-dropout--semester1"


@pytest.mark.parametrize(("overrides", "profile"), [((), ""), (DEPLOYING, "mock")])
def test_there_is_no_order_without_being_asked_or_for_synthetic_data(overrides, profile):
    assert deploy_order(load(*overrides, profile=profile), "semester2") == ""


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("deploy.from_pipeline=true", "push.store=s3://models"), "expected `image`, the server's image by digest"),
        (("deploy.from_pipeline=true", IMAGE), "expected `push.store` to be a place that KServe fetches models from"),
        (("deploy.from_pipeline=true", IMAGE, "push.store=minio://models"), "received 'minio://models'"),
        (("deploy.image=server:latest",), "Expected the image by digest"),
        (("deploy.canary.steps=[50, 10, 100]",), "Expected ascending steps"),
        (("deploy.mode=standard", "deploy.autoscaling={kind: kpa}"), "Expected the autoscaler hpa or keda or none"),
        (("deploy.gpu=l5", "deploy.cloud=gke"), "l4"),
        (("deploy.canary.max_error_rate=2",), "deploy.canary.max_error_rate"),
        (("deploy.max_replica=2",), "deploy.max_replica: no such field. Did you mean 'max_replicas'?"),
        (("deploy.autoscaling={kind: kpa, targett: 3}",), "targett: no such field. Did you mean 'target'?"),
        (("deploy.min_replicas=many",), "deploy.min_replicas: "),
    ],
)
def test_what_cannot_be_deployed_is_rejected_before_any_work(overrides, message):
    with pytest.raises(ConfigurationError) as rejection:
        load(*overrides)

    assert message in str(rejection.value)
