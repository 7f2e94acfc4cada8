import pytest

from yachay.pipelines.kubeflow.step.roots import find_run_id


@pytest.mark.parametrize(
    ("uri", "run_id"),
    [
        ("minio://bucket/root/dropout/run-1/Pusher/uuid/pushed_model", "run-1"),
        ("/minio/bucket/root/dropout/run-1/Pusher/uuid/pushed_model", "run-1"),
        ("gs://bucket/elsewhere/pushed_model", ""),
    ],
)
def test_the_place_of_an_artifact_shows_its_run(uri, run_id):
    assert find_run_id(uri, "dropout") == run_id
