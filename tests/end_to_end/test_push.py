"""A run that pushes to a real S3 server, past the golden-request test."""

import json
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server, s3_server

pytestmark = pytest.mark.end_to_end

NAME = "student-dropout--semester2--mock"


@pytest.fixture(scope="module")
def s3(module_environment: pytest.MonkeyPatch) -> Any:
    with s3_server() as server:
        server.reset()
        yield server


@pytest.fixture(scope="module")
def module_environment() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield patch


@pytest.fixture(scope="module")
def rejected(yachay: Any, s3: S3Server, module_environment: pytest.MonkeyPatch, workdir: Path) -> Any:
    """A run whose server does not start."""
    with module_environment.context() as patch:
        patch.setenv("KSERVE_LOGLEVEL", "NONSENSE")
        return _run(yachay, s3, workdir)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def _run(yachay: Any, s3: S3Server, workdir: Path) -> Any:
    settings = ("--set", "push.store=s3://models", "--set", f"push.endpoint_url={s3.url}")
    return yachay("run", "student_dropout", "--workdir", workdir, *settings)


def test_a_model_that_no_server_takes_is_not_pushed_and_the_run_says_why(rejected: Any, s3: S3Server) -> None:
    assert rejected.status == 3
    assert rejected.output["verdict"] == "blessed"
    assert rejected.output["pushed_model_uri"] is None
    assert "Expected the server to serve the model. Received: exit status 1." in rejected.output["rejection"]
    assert "Unable to configure logger" in rejected.output["rejection"]
    assert "NOT PUSHED" in rejected.stderr
    assert s3.names() == []


def test_the_next_run_asks_again_and_pushes_with_what_it_was_made_of(
    yachay: Any, rejected: Any, s3: S3Server, workdir: Path
) -> None:
    pushed = _run(yachay, s3, workdir)

    assert pushed.status == 0, pushed.stderr
    assert pushed.output["rejection"] is None
    version = pushed.output["pushed_model_uri"].rpartition("/")[2]
    assert pushed.output["pushed_model_uri"] == f"s3://models/{NAME}/push-{version}/{version}"
    receipt = json.loads(s3.read(f"{NAME}/push-{version}/push.json"))
    assert receipt["run_id"] == pushed.output["run_id"]
    assert receipt["data_fingerprint"] == pushed.output["data_fingerprint"]
    assert receipt["blessing"]["metrics"] == pushed.output["metrics"]
    assert f"{NAME}/push-{version}/{version}/saved_model.pb" in s3.names()
    golden = s3.read(f"{NAME}/push-{version}/golden.jsonl").splitlines()
    assert len(golden) == 64
    assert json.loads(golden[0])["response"]["predictions"][0]["classes"] in ("Dropout", "Enrolled", "Graduate")


def test_a_bucket_that_is_not_there_is_rejected_before_any_work(yachay: Any, s3: S3Server, tmp_path: Path) -> None:
    result = yachay(
        "run", "student_dropout", "--workdir", tmp_path,
        "--set", "push.store=s3://nowhere", "--set", f"push.endpoint_url={s3.url}",
    )  # fmt: skip

    assert result.status == 1
    assert "Expected a bucket 'nowhere'" in result.output["error"]
    assert result.output["nodes"] == []
    assert not list(tmp_path.iterdir())
