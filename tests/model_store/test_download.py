"""Local copies of pushes, from a bucket on a real S3 server."""

from pathlib import Path

import pytest
from s3_server import S3Server

from yachay.errors import UsageError
from yachay.model_store.download import download_newest
from yachay.model_store.location import open_store
from yachay.model_store.store import ModelStore, Push, StoreError, push
from yachay.serving.store import BucketSource, FolderSource, default_cache, open_source

pytestmark = pytest.mark.integration


def _push(model: Path, store: ModelStore) -> Push:
    return push(model, store, trained_hash="hash", golden=b"{}\n")


@pytest.fixture
def store(s3: S3Server) -> ModelStore:
    return open_store("s3://models/dropout", endpoint_url=s3.url)


def test_the_newest_push_is_copied_with_all_its_files(model: Path, store: ModelStore, tmp_path: Path) -> None:
    _push(model, store)
    newest = _push(model, store)

    path = download_newest(store, tmp_path / "cache")

    assert path == tmp_path / f"cache/push-{newest.version}"
    copied = sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    assert copied == store.files(newest.version)
    assert (path / str(newest.version) / "saved_model.pb").read_bytes() == b"graph"


def test_a_push_is_copied_once_and_the_last_two_are_kept(
    model: Path, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = []
    for _ in range(3):
        versions.append(_push(model, store).version)
        download_newest(store, tmp_path)
    kept = sorted(path.name for path in tmp_path.glob("push-*"))
    before = (tmp_path / kept[-1]).stat().st_mtime_ns

    download_newest(store, tmp_path)

    assert kept == [f"push-{version}" for version in versions[1:]]
    assert (tmp_path / kept[-1]).stat().st_mtime_ns == before


def test_a_store_in_a_bucket_is_followed(model: Path, store: ModelStore, s3: S3Server, tmp_path: Path) -> None:
    source = open_source("s3://models/dropout", s3.url, tmp_path / "cache")
    assert isinstance(source, BucketSource)
    with pytest.raises(UsageError, match=r"Expected s3://models/dropout to be a store .* Received: one without any"):
        source.newest()

    versions = [str(_push(model, store).version), source.newest().version, str(_push(model, store).version)]

    assert versions[0] == versions[1]
    assert source.newest().version == versions[2]
    assert (source.newest().path / "saved_model.pb").is_file()


def test_a_full_or_closed_cache_is_named(model: Path, store: ModelStore, tmp_path: Path) -> None:
    _push(model, store)
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(StoreError, match=r"Expected to copy s3://models/dropout/push-\d+ to .*cache\. Received: "):
        download_newest(store, tmp_path / "cache")


def test_a_folder_that_stands_for_buckets_is_served_as_it_is(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path))

    source = open_source("gs://models/dropout")

    assert isinstance(source, FolderSource)
    assert source.path == tmp_path / "gs/models/dropout"


def test_each_store_has_a_folder_of_its_own_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")

    assert str(default_cache("s3://a/b")).startswith("/cache/yachay/models/s3-a-b-")
    assert default_cache("s3://a/b") != default_cache("s3://a-b")
