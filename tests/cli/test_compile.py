import pytest

from yachay.cli.main import run
from yachay.pipelines.kubeflow.presets import PRESETS


def refuse(capsys, *arguments):
    status = run(["compile", *arguments])
    assert status == 2
    return capsys.readouterr().err


def test_a_missing_image_is_refused_before_tfx_is_imported(tmp_path, capsys):
    error = refuse(capsys, "student_dropout", "-o", str(tmp_path / "spec.yaml"))
    assert "Received: none. Name it with --image, or as kubeflow.image in the configuration." in error
    assert not (tmp_path / "spec.yaml").exists()


@pytest.mark.parametrize(
    ("root", "accepted"), [("gs://bucket/root", True), ("file:///data", False), ("/data", False), ("s3://", False)]
)
def test_a_root_that_kubeflow_pipelines_does_not_know_is_refused(tmp_path, capsys, root, accepted):
    error = refuse(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--set", f"kubeflow.pipeline_root={root}")
    assert ("expected gs://, s3://, minio:// and a bucket" in error) is not accepted


@pytest.mark.parametrize("output", ["spec.json", "no/such/folder/spec.yaml"])
def test_an_output_that_cannot_be_written_is_refused(tmp_path, capsys, output):
    assert "--output" in refuse(capsys, "student_dropout", "-o", str(tmp_path / output), "--image", "x:1")


def test_a_task_that_is_not_there_is_refused(tmp_path, capsys):
    error = refuse(capsys, "student_dropout", "-o", str(tmp_path / "s.yaml"), "--image", "x:1", "--task", "semester9")
    assert "Did you mean" in error


def test_the_presets_serve_the_three_clouds():
    assert {preset.partition("-")[0] for preset in PRESETS} == {"gke", "eks", "aks"}
