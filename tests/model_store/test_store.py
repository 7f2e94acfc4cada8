import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from yachay.errors import StoreError
from yachay.model_store import folder_store
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import IntegrityError, check_push
from yachay.model_store.store import Push, hash_folder, latest_push, list_pushes, push, read_push


def _push(model: Path, store: FolderStore) -> Push:
    return push(
        model,
        store,
        trained_hash=hash_folder(model),
        golden=b"{}\n",
        golden_records="real",
        run_id="run-1",
        data_fingerprint="f1",
        blessing={"blessed": True, "baseline": None, "metrics": {"accuracy": 0.8}},
    )


def _names(store: FolderStore) -> list[str]:
    return sorted(path.name for path in store.path.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_a_push_holds_a_version_folder_with_the_model(model: Path, store: FolderStore) -> None:
    result = _push(model, store)

    assert result.uri == f"{store.path}/push-{result.version}"
    assert result.model_uri == f"{result.uri}/{result.version}"
    assert Path(result.model_uri, "saved_model.pb").read_bytes() == b"graph"
    assert Path(result.uri, "golden.jsonl").read_bytes() == b"{}\n"
    assert _names(store) == [f"push-{result.version}"]


def test_the_receipt_says_what_was_pushed_and_not_where(model: Path, store: FolderStore) -> None:
    result = _push(model, store)

    assert json.loads(Path(result.uri, "push.json").read_text()) == {
        "version": result.version,
        "content_hash": result.content_hash,
        "trained_hash": hash_folder(model),
        "run_id": "run-1",
        "data_fingerprint": "f1",
        "blessing": {"blessed": True, "baseline": None, "metrics": {"accuracy": 0.8}},
        "golden": "real",
        "files": {
            name: hashlib.sha256(Path(result.uri, name).read_bytes()).hexdigest()
            for name in (
                f"{result.version}/assets.extra/yachay.json",
                f"{result.version}/saved_model.pb",
                f"{result.version}/variables/variables.index",
                "golden.jsonl",
            )
        },
    }
    assert read_push(store, result.version) == latest_push(store) == result


def test_a_second_push_gets_a_higher_version_even_within_a_second(model: Path, store: FolderStore) -> None:
    first, second = _push(model, store), _push(model, store)

    assert second.version > first.version
    assert list_pushes(store) == [first, second]
    assert latest_push(store) == second


def test_an_absent_store_holds_no_push(store: FolderStore) -> None:
    assert latest_push(store) is None
    assert list_pushes(store) == []
    assert read_push(store, 7) is None


def test_a_folder_without_a_receipt_is_no_push(model: Path, store: FolderStore) -> None:
    result = _push(model, store)
    (store.path / f"push-{result.version + 1}" / "1").mkdir(parents=True)

    assert latest_push(store) == result


@pytest.mark.parametrize("content", ["[]", "[" * 100_000], ids=["a list", "too deep"])
def test_a_receipt_that_is_none_is_named(content: str, model: Path, store: FolderStore) -> None:
    result = _push(model, store)
    Path(result.uri, "push.json").write_text(content)

    with pytest.raises(StoreError, match=rf"Expected .*push-{result.version}/push.json to say what was pushed"):
        latest_push(store)


@pytest.mark.parametrize("name", ["saved_model.pb", "assets.extra/yachay.json", "variables/variables.index"])
def test_a_push_that_lost_a_file_is_named(model: Path, store: FolderStore, name: str) -> None:
    first, second = _push(model, store), _push(model, store)
    Path(second.model_uri, name).unlink()

    with pytest.raises(
        StoreError, match=rf"Expected all files of the push .*\. Received: no {second.version}/{name}\."
    ):
        latest_push(store)
    assert read_push(store, first.version) == first


def test_a_receipt_of_an_earlier_version_stands_for_a_model(model: Path, store: FolderStore) -> None:
    result = _push(model, store)
    receipt = Path(result.uri, "push.json")
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | {"files": sorted(result.files)}))

    assert latest_push(store) == dataclasses.replace(result, files={})
    Path(result.model_uri, "saved_model.pb").unlink()
    with pytest.raises(StoreError, match=r"Received: no .*/saved_model\.pb\."):
        latest_push(store)


def test_a_push_that_fails_leaves_the_store_as_it_was(model: Path, store: FolderStore) -> None:
    first = _push(model, store)
    (model / "saved_model.pb").unlink()
    (model / "saved_model.pb").symlink_to("nowhere")

    with pytest.raises(IntegrityError, match=r"Expected .*saved_model\.pb to be a file\. Received: a link"):
        push(model, store, trained_hash="other", golden=b"")

    assert _names(store) == [f"push-{first.version}"]


def test_a_folder_that_may_not_be_written_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"Expected to write the model store .*/file"):
        _push(model, FolderStore(tmp_path / "file"))


def test_a_killed_push_is_no_push_and_the_next_one_removes_what_it_left(model: Path, store: FolderStore) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from yachay.model_store.folder_store import FolderStore\n"
        "from yachay.model_store.store import push\n"
        "def kill(version): os.kill(os.getpid(), 9)\n"
        "FolderStore(pathlib.Path(sys.argv[2])).add(pathlib.Path(sys.argv[1]), kill)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(model), str(store.path)], check=False)

    assert killed.returncode == -9
    assert any(name.startswith(".staging-") for name in _names(store))
    assert latest_push(store) is None

    result = _push(model, store)

    assert _names(store) == [f"push-{result.version}"]


def test_pushes_at_once_all_arrive(model: Path, store: FolderStore) -> None:
    threads = [threading.Thread(target=_push, args=(model, store)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    pushes = list_pushes(store)
    assert len({one.version for one in pushes}) == 4
    assert all(Path(one.model_uri, "variables/variables.index").exists() for one in pushes)


def test_a_file_that_cannot_be_copied_is_named_once(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in ("a", "b"):
        (model / name).symlink_to(tmp_path / "nowhere")

    with pytest.raises(
        StoreError, match=r"Received: Error: \[Errno 2\] No such file or directory: '[^']*'\. "
    ) as caught:
        FolderStore(tmp_path / "store").add(model, lambda version: {})

    assert str(caught.value).count("[Errno") == 1


KILLED = """
import itertools, os, pathlib, signal, sys
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import check_push
from yachay.model_store.store import latest_push, list_pushes, push

model, store = pathlib.Path(sys.argv[1]), FolderStore(pathlib.Path(sys.argv[2]))
push(model, store, trained_hash="first", golden=b"")
for step in itertools.count(1):
    child = os.fork()
    if not child:
        left = itertools.count(1)
        sys.addaudithook(lambda event, _: event in {"open", "os.mkdir", "os.rename", "os.listdir", "os.scandir",
            "os.remove", "os.rmdir", "shutil.copyfile"} and next(left) == step and os.kill(os.getpid(), signal.SIGKILL))
        push(model, store, trained_hash="h", golden=b"")
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for one in list_pushes(store):
        check_push(store, one)
    if status == 0:
        break
    assert status == -9, status
last = push(model, store, trained_hash="last", golden=b"")
assert latest_push(store) == last
print(step)
"""


def test_a_push_that_is_killed_at_any_step_is_whole_or_none(model: Path, store: FolderStore) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", KILLED, str(model), str(store.path)], capture_output=True, text=True, check=True
    )

    assert int(shown.stdout) > 30
    assert all(name.startswith("push-") for name in _names(store))


def test_a_push_is_on_the_disk_before_it_has_its_name(
    model: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((path.name, bool(store.versions())))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    result = _push(model, store)

    before = {name for name, is_named in synced if not is_named}
    assert {"saved_model.pb", "variables.index", "yachay.json", "golden.jsonl", "push.json", "variables"} < before
    assert synced[-1] == (store.path.name, True)
    assert check_push(store, result) is None


def test_a_draft_that_another_process_removes_is_no_push(model: Path, store: FolderStore) -> None:
    def removed(version: int) -> dict[str, bytes]:
        [draft] = store.path.glob(".staging-*")
        (draft / str(version) / "saved_model.pb").unlink()
        return {"push.json": b"{}"}

    with pytest.raises(StoreError, match=r"to stay while they are written\. .* removed some"):
        store.add(model, removed)

    assert _names(store) == []


def test_on_a_volume_without_locks_a_push_of_the_same_version_is_left_alone(
    model: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _push(model, store)
    versions = iter([first.version, first.version + 1])
    monkeypatch.setattr(folder_store, "next_version", lambda _: next(versions))

    second = _push(model, store)

    assert [one.version for one in list_pushes(store)] == [first.version, second.version]
    check_push(store, first)
