import pytest

from yachay.cli.compile import _write
from yachay.cli.main import run
from yachay.errors import UsageError
from yachay.pipelines.kubeflow.compile.presets import PRESETS


def reject(capsys, *arguments):
    status = run(["compile", *arguments])
    assert status == 2
    return capsys.readouterr().err


def test_a_missing_image_is_rejected_before_tfx_is_imported(tmp_path, capsys):
    error = reject(capsys, "student_dropout", "-o", str(tmp_path / "spec.yaml"))
    assert "Received: none. Name it with --image, or as kubeflow.image in the configuration." in error
    assert not (tmp_path / "spec.yaml").exists()


@pytest.mark.parametrize(
    ("root", "accepted"), [("gs://bucket/root", True), ("file:///data", False), ("/data", False), ("s3://", False)]
)
def test_a_root_that_kubeflow_pipelines_does_not_know_is_rejected(tmp_path, capsys, root, accepted):
    error = reject(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--set", f"kubeflow.pipeline_root={root}")
    assert ("expected gs://, s3://, minio:// and a bucket" in error) is not accepted


@pytest.mark.parametrize("output", ["spec.json", "no/such/folder/spec.yaml"])
def test_an_output_that_cannot_be_written_is_rejected(tmp_path, capsys, output):
    assert "--output" in reject(capsys, "student_dropout", "-o", str(tmp_path / output), "--image", "x:1")


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [("s3://bucket/2026/*.csv", True), ("/data/raw.csv", True), ("hdfs://x/y", False), ("gs://bucket", False)],
)
def test_a_place_where_no_records_can_lie_is_rejected(tmp_path, capsys, uri, accepted):
    error = reject(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--set", f"kubeflow.data_uri={uri}")
    assert ("kubeflow.data_uri: expected an absolute path, or gs://, s3:// or minio://" in error) is not accepted


@pytest.mark.parametrize("image", ["", " ", "a b"])
def test_what_is_no_name_of_an_image_is_rejected(tmp_path, capsys, image):
    error = reject(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--image", image)
    assert f"Expected an image such as registry.example/yachay:1, its name in lower case. Received: {image!r}" in error


def test_a_file_that_cannot_be_written_is_rejected(tmp_path):
    output = tmp_path / "spec.yaml"
    output.mkdir()
    with pytest.raises(UsageError, match=r"Expected to write to .*Choose another --output"):
        _write(output, "content")
    assert list(tmp_path.iterdir()) == [output]


def test_a_task_that_is_not_there_is_rejected(tmp_path, capsys):
    error = reject(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--image", "x:1", "--task", "semester9")
    assert "Did you mean" in error


def test_the_presets_serve_the_three_clouds():
    assert {preset.partition("-")[0] for preset in PRESETS} == {"gke", "eks", "aks"}
