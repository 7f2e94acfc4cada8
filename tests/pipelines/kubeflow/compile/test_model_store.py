"""What model store a compiled pipeline can have."""

import pytest

from yachay.errors import CompileError
from yachay.pipelines.kubeflow.compile.model_store import check_model_store
from yachay.pipelines.registry import find_pipelines

pytestmark = pytest.mark.integration

CLAIM = "push={store: pvc://models/served, mount: /mnt/models}"


def load(*overrides):
    return find_pipelines()["student_dropout"].load(overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("push.store=minio://models",),
        ("push.store=gs://models",),
        ("push={store: s3://models, endpoint_url: http://minio:9000}",),
        ("push.store=s3://models", "kubeflow.pipeline_root=s3://root"),
        ("push.store=s3://models", "kubeflow.store={env: {}, secrets: []}"),
        (CLAIM, "kubeflow.resources.Pusher.volumes=[{name: models, mount_path: /mnt/models}]"),
        (CLAIM, "kubeflow.resources.default.volumes=[{name: models, mount_path: /mnt/models}]"),
    ],
)
def test_a_store_that_the_step_can_open_is_taken(overrides):
    check_model_store(load(*overrides), "Pusher")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("push.store=/models",), r"Expected push\.store to be gs://.* Received: '/models'"),
        (("push.store=s3://models",), r"Expected kubeflow\.store to say .* opens s3://models"),
        ((CLAIM,), r"Expected the Pusher's step to mount the whole claim of pvc://models/served at push\.mount"),
        ((CLAIM, "kubeflow.resources.Pusher.volumes=[{name: models, mount_path: /mnt/other}]"), "no such volume"),
        (
            (CLAIM, "kubeflow.resources.Pusher.volumes=[{name: models, mount_path: /mnt/models, sub_path: a}]"),
            "no such volume",
        ),
    ],
)
def test_a_store_that_it_could_not_open_is_rejected(overrides, message):
    with pytest.raises(CompileError, match=message):
        check_model_store(load(*overrides), "Pusher")
