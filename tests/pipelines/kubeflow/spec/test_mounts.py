import pytest

from yachay.pipelines.kubeflow.spec.mounts import RemoteNames, to_local


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("minio://mlpipeline/v2/x", "/minio/mlpipeline/v2/x"),
        ("oci://registry/model:1", "/oci/registry_model:1/models"),
        ("/plain/path", "/plain/path"),
    ],
)
def test_a_uri_lies_where_the_launcher_puts_it(uri, path, monkeypatch):
    monkeypatch.delenv("YACHAY_MOUNT_ROOT", raising=False)
    assert to_local(uri) == path


def test_a_custom_path_wins():
    assert to_local("gs://bucket/a", "/custom/a") == "/custom/a"


def test_the_mounts_can_lie_elsewhere(monkeypatch):
    monkeypatch.setenv("YACHAY_MOUNT_ROOT", "/tmp/mounts")
    assert to_local("minio://b/k") == "/tmp/mounts/minio/b/k"


def test_a_path_below_an_artifact_becomes_the_uri_below_it():
    names = RemoteNames([("/minio/b/model", "minio://b/model"), ("/minio/b/model/inner", "minio://other")])
    assert names.to_remote("/minio/b/model") == "minio://b/model"
    assert names.to_remote("/minio/b/model/1/saved_model.pb") == "minio://b/model/1/saved_model.pb"
    assert names.to_remote("/minio/b/model/inner/x") == "minio://other/x"


@pytest.mark.parametrize("value", ["/minio/b/models", "elsewhere", 3, None])
def test_any_other_value_stays(value):
    assert RemoteNames([("/minio/b/model", "minio://b/model")]).to_remote(value) == value
