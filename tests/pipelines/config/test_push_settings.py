"""The section `push` of a configuration."""

import pytest

from yachay.errors import ConfigurationError
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.registry import find_pipelines


def load(*overrides: str, profile: str = "") -> PipelineConfig:
    return find_pipelines()["student_dropout"].load(overrides, profile)


def test_models_lie_with_the_runs_where_no_store_is_named() -> None:
    assert load().push.store_of("student-dropout--semester2") == ""


def test_each_pipeline_task_and_profile_has_a_store_of_its_own() -> None:
    configs = [load("push.store=s3://bucket/models/", profile=profile) for profile in ("", "mock")]

    stores = {config.push.store_of(config.pipeline_name(task)) for config in configs for task in config.tasks}

    assert len(stores) == 8
    assert "s3://bucket/models/student-dropout--semester2--mock" in stores


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("push.store=hdfs://a/b", r"push: Expected the model store to be a folder, gs://, .*Received: 'hdfs://a/b'"),
        ("push={store: pvc://claim/models}", r"push: Expected push\.mount to name the folder"),
        ("push.endpoint_url=http://127.0.0.1:9000", "push: expected `mount` and `endpoint_url` with a `store` only"),
        ("push.ready_seconds=0", r"push\.ready_seconds: Input should be greater than or equal to 1"),
    ],
)
def test_what_can_be_no_store_is_rejected_before_any_work(override: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(override)


@pytest.mark.parametrize("field", ["store", "endpoint_url"])
def test_an_address_with_a_password_is_rejected_and_not_shown(field: str) -> None:
    with pytest.raises(ConfigurationError, match=r"an address without a password.*Received: 's3://\*\*\*@b'") as caught:
        load("push.store=s3://bucket", f"push.{field}=s3://me:geheim@b")
    assert "geheim" not in str(caught.value)
