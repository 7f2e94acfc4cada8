"""Model stores in a bucket, on a real S3 server on loopback."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server

from yachay.errors import StoreError
from yachay.model_store import object_store
from yachay.model_store.integrity import check_push
from yachay.model_store.location import open_store
from yachay.model_store.store import ModelStore, Push, latest_push, list_pushes, push, read_push

pytestmark = pytest.mark.integration


def _push(model: Path, store: ModelStore) -> Push:
    return push(model, store, trained_hash="hash", golden=b"{}\n", run_id="run-1")


@pytest.fixture
def store(s3: S3Server) -> ModelStore:
    return open_store("s3://models/dropout", endpoint_url=s3.url)


def test_a_push_lies_in_a_bucket_as_in_a_folder(model: Path, store: ModelStore, s3: S3Server) -> None:
    result = _push(model, store)

    version = result.version
    assert result.uri == f"s3://models/dropout/push-{version}"
    assert sorted(s3.names()) == [
        f"dropout/push-{version}/{version}/assets.extra/yachay.json",
        f"dropout/push-{version}/{version}/saved_model.pb",
        f"dropout/push-{version}/{version}/variables/variables.index",
        f"dropout/push-{version}/golden.jsonl",
        f"dropout/push-{version}/push.json",
    ]
    assert json.loads(s3.read(f"dropout/push-{version}/push.json"))["trained_hash"] == "hash"


def test_pushes_are_read_back(model: Path, store: ModelStore) -> None:
    assert latest_push(store) is None

    first, second = _push(model, store), _push(model, store)

    assert list_pushes(store) == [first, second]
    assert latest_push(store) == second
    assert read_push(store, first.version) == first
    assert read_push(store, 7) is None


def test_minio_takes_its_address_from_the_environment(
    model: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match=r"Expected the address of the MinIO server .*AWS_ENDPOINT_URL"):
        open_store("minio://models/dropout")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)

    result = _push(model, open_store("minio://models/dropout"))

    assert result.uri == f"minio://models/dropout/push-{result.version}"
    assert f"dropout/push-{result.version}/push.json" in s3.names()


def test_a_bucket_that_is_not_there_is_named(model: Path, s3: S3Server) -> None:
    store = open_store("s3://nowhere/dropout", endpoint_url=s3.url)

    with pytest.raises(StoreError, match=r"Expected a bucket 'nowhere' .*Received: no such bucket\. Make it"):
        _push(model, store)
    with pytest.raises(StoreError, match="no such bucket"):
        latest_push(store)


def test_wrong_credentials_are_rejected_with_the_reason(model: Path, store: ModelStore, s3: S3Server) -> None:
    s3.reject_credentials()

    with pytest.raises(StoreError, match=r"PermissionError: .*Access Key Id.* Check push\.store, .*the credentials"):
        _push(model, store)
    with pytest.raises(StoreError, match="PermissionError"):
        latest_push(store)


def test_no_credentials_are_rejected_with_the_reason(
    model: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(StoreError, match="NoCredentialsError"):
        _push(model, store)


def test_a_server_that_goes_in_the_middle_leaves_no_push(model: Path, own_s3: S3Server) -> None:
    store = open_store("s3://models/dropout", endpoint_url=own_s3.url)
    before = _push(model, store)

    def stop(version: int) -> dict[str, bytes]:
        seen = own_s3.names()
        assert f"dropout/push-{version}/{version}/saved_model.pb" in seen
        assert f"dropout/push-{version}/push.json" not in seen
        assert latest_push(store) == before
        own_s3.stop()
        return {"golden.jsonl": b"", "push.json": b"{}"}

    with pytest.raises(StoreError, match=r"Expected to write .*EndpointConnectionError"):
        store.add(model, stop)


def test_a_push_that_fails_is_taken_back(model: Path, store: ModelStore, s3: S3Server) -> None:
    def fail(version: int) -> dict[str, bytes]:
        raise RuntimeError("no")

    with pytest.raises(StoreError, match="RuntimeError: no"):
        store.add(model, fail)

    assert s3.names() == []


def test_a_killed_push_is_no_push_and_a_later_one_removes_what_it_left(
    model: Path, store: ModelStore, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from yachay.model_store.location import open_store\n"
        "def kill(version): os.kill(os.getpid(), 9)\n"
        "open_store('s3://models/dropout', endpoint_url=sys.argv[2]).add(pathlib.Path(sys.argv[1]), kill)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(model), s3.url], check=False)

    assert killed.returncode == -9
    left = s3.names()
    assert any(name.endswith("saved_model.pb") for name in left)
    assert latest_push(store) is None

    beside = _push(model, store)  # It may still be going on: its version is not taken, and it is left alone.

    assert set(left) < set(s3.names())
    assert latest_push(store) == beside

    monkeypatch.setattr(object_store, "LEFTOVER_HOURS", 0)
    time.sleep(1)  # An object's time has whole seconds.
    last = _push(model, store)

    assert not set(left) & set(s3.names())
    assert list_pushes(store) == [beside, last]


def test_pushes_at_once_all_arrive_under_versions_of_their_own(model: Path, s3: S3Server) -> None:
    stores = [open_store("s3://models/dropout", endpoint_url=s3.url) for _ in range(4)]
    threads = [threading.Thread(target=_push, args=(model, store)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    pushes = list_pushes(stores[0])
    assert len(pushes) == 4
    assert len(s3.names()) == 4 * 5


def test_two_pushes_that_see_each_other_claim_other_versions(
    model: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    monkeypatch.setattr(object_store, "next_version", lambda versions: max(versions, default=6) + 1)

    class Meeting:
        """A file system on which both writers have written their first claim before either lists."""

        def __init__(self, files: Any) -> None:
            self.files, self.is_first = files, True

        def __getattr__(self, name: str) -> Any:
            return getattr(self.files, name)

        def pipe_file(self, path: str, content: bytes, **options: Any) -> None:
            if self.is_first:
                both.wait(30)
            self.files.pipe_file(path, content, **options)
            if self.is_first:
                both.wait(30)
                self.is_first = False

    stores = [open_store("s3://models/dropout", endpoint_url=s3.url) for _ in range(2)]
    for store in stores:
        store._files = Meeting(store._files)
    threads = [threading.Thread(target=_push, args=(model, store)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    pushes = list_pushes(stores[0])
    assert len(pushes) == 2
    for one in pushes:
        check_push(stores[0], one)
    assert not [name for name in s3.names() if ".claim" in name]


def test_no_conditional_write_is_needed(model: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    asked: list[dict[str, Any]] = []
    call = s3fs.S3FileSystem._call_s3

    async def noted(self: Any, method: str, *parts: Any, **more: Any) -> Any:
        asked.append(
            {**more, **{key: value for part in parts if isinstance(part, dict) for key, value in part.items()}}
        )
        return await call(self, method, *parts, **more)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", noted)
    _push(model, store)

    assert len(asked) > 8
    assert not any("IfNoneMatch" in parameters for parameters in asked)


@pytest.mark.parametrize("name", ["{version}/saved_model.pb", ".claim"])
def test_a_push_that_stalls_until_another_removes_its_files_is_none(
    model: Path, store: ModelStore, s3: S3Server, name: str
) -> None:
    def stalled(version: int) -> dict[str, bytes]:
        [gone] = [one for one in s3.names() if name.format(version=version) in one]
        s3.client().delete_object(Bucket="models", Key=gone)
        return {"golden.jsonl": b"", "push.json": b"{}"}

    with pytest.raises(StoreError, match=r"to stay while it is pushed\. .* it stalled"):
        store.add(model, stalled)

    assert latest_push(store) is None
    assert not [one for one in s3.names() if one.endswith("push.json")]


def test_a_push_that_is_removed_while_it_writes_its_receipt_is_none(
    model: Path, store: ModelStore, s3: S3Server
) -> None:
    class Slow:
        def __init__(self, files: Any) -> None:
            self.files = files

        def __getattr__(self, name: str) -> Any:
            return getattr(self.files, name)

        def pipe_file(self, path: str, content: bytes, **options: Any) -> None:
            if path.endswith("push.json"):
                for one in s3.names():
                    s3.client().delete_object(Bucket="models", Key=one)
            self.files.pipe_file(path, content, **options)

    store._files = Slow(store._files)  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="to stay while it is pushed"):
        _push(model, store)

    assert s3.names() == []


KILLED = """
import itertools, os, pathlib, signal, sys
import s3fs
from yachay.model_store.location import open_store
from yachay.model_store.store import push

model, url, first, last = sys.argv[1:]
call = s3fs.S3FileSystem._call_s3
for step in range(int(first), int(last)):
    child = os.fork()
    if not child:
        calls = itertools.count(1)

        async def counted(self, *parts, **more):
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return await call(self, *parts, **more)

        s3fs.S3FileSystem._call_s3 = counted
        push(pathlib.Path(model), open_store("s3://models/dropout", endpoint_url=url), trained_hash="h", golden=b"")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
def test_a_push_that_is_killed_before_any_of_its_requests_is_whole_or_none(
    model: Path, store: ModelStore, s3: S3Server
) -> None:
    statuses: list[int] = []
    for step in range(1, 40):
        s3.reset()  # The next push asks after each that was killed.
        result = subprocess.run(
            [sys.executable, "-c", KILLED, str(model), s3.url, str(step), str(step + 1)],
            capture_output=True,
            text=True,
            check=True,
        )
        statuses.append(int(result.stdout))
        for one in list_pushes(store):
            check_push(store, one)
        if statuses[-1] == 0:
            break

    assert {*statuses[:-1]} == {-9}
    assert statuses[-1] == 0
    assert len(statuses) > 10
    last = _push(model, store)
    assert latest_push(store) == last
