from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import S3Server, s3_server


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "variables").mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "assets.extra" / "yachay.json").write_text('{"family": "linear"}')
    return folder


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("YACHAY_OBJECT_STORE", raising=False)


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(environment: None, running_s3: S3Server) -> S3Server:
    running_s3.reset()
    return running_s3


@pytest.fixture
def own_s3(environment: None) -> Iterator[S3Server]:
    """A server for a test that stops it."""
    with s3_server() as server:
        server.reset()
        yield server
