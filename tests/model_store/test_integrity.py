"""A push whose files, names or receipt were changed by somebody who can write to the store."""

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import S3Server

from yachay.errors import StoreError
from yachay.model_store.download import download_newest
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import IntegrityError, check_push, hash_content, hash_manifest
from yachay.model_store.location import open_store
from yachay.model_store.store import Push, latest_push, push, read_push


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def pushed(model: Path, store: FolderStore) -> Push:
    return push(model, store, trained_hash="trained", golden=b"{}\n")


def _edit(folder: Path) -> None:
    content = bytearray((folder / "saved_model.pb").read_bytes())
    content[0] ^= 1
    (folder / "saved_model.pb").write_bytes(content)


def _truncate(folder: Path) -> None:
    os.truncate(folder / "variables/variables.index", 3)


def _swap(folder: Path) -> None:
    one, other = folder / "saved_model.pb", folder / "variables/variables.index"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def _edit_golden(folder: Path) -> None:
    (folder.parent / "golden.jsonl").write_text("")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_edit, "saved_model.pb"),
        (_truncate, "variables/variables.index"),
        (_swap, "saved_model.pb"),
        (_edit_golden, "golden.jsonl"),
    ],
)
def test_a_file_with_another_content_is_named(
    store: FolderStore, pushed: Push, change: Callable[[Path], None], name: str
) -> None:
    check_push(store, pushed)
    change(Path(pushed.model_uri))

    with pytest.raises(IntegrityError, match=rf"Expected the files of .* as they were pushed\. .*another .*{name}\."):
        check_push(store, pushed)


def test_a_file_under_another_name_is_missing_and_was_not_pushed(store: FolderStore, pushed: Push) -> None:
    folder = Path(pushed.model_uri)
    (folder / "saved_model.pb").rename(folder / "saved_model.pbtxt")

    with pytest.raises(IntegrityError, match=r"no \d+/saved_model\.pb, \d+/saved_model\.pbtxt, which was not pushed\."):
        check_push(store, pushed)


@pytest.mark.parametrize("name", ["fingerprint.pb", "../2/saved_model.pb", "../push.json.bak"])
def test_a_file_more_is_named(store: FolderStore, pushed: Push, name: str) -> None:
    path = Path(pushed.model_uri, name).resolve()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"more")

    with pytest.raises(IntegrityError, match="which was not pushed"):
        check_push(store, pushed)


def test_a_file_that_is_a_link_is_rejected_though_its_target_is_the_same(
    store: FolderStore, pushed: Push, tmp_path: Path
) -> None:
    file = Path(pushed.model_uri, "saved_model.pb")
    file.rename(tmp_path / "elsewhere.pb")
    file.symlink_to(tmp_path / "elsewhere.pb")

    with pytest.raises(IntegrityError, match=r"Expected .*saved_model\.pb to be a file\. Received: a link"):
        check_push(store, pushed)


def test_a_folder_that_is_a_link_is_rejected(store: FolderStore, pushed: Push, tmp_path: Path) -> None:
    folder = Path(pushed.model_uri, "variables")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(IntegrityError, match=r"no \d+/variables/variables\.index, \d+/variables, which was not pushed"):
        check_push(store, pushed)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(store: FolderStore, pushed: Push) -> None:
    file = Path(pushed.model_uri, "saved_model.pb")
    file.unlink()
    os.mkfifo(file)

    with pytest.raises(IntegrityError, match="to be a file"):
        check_push(store, pushed)


def test_a_receipt_whose_hashes_were_edited_disagrees_with_itself(store: FolderStore, pushed: Push) -> None:
    _edit(Path(pushed.model_uri))
    name = f"{pushed.version}/saved_model.pb"
    edited = hash_content(Path(pushed.uri, name).read_bytes())
    receipt = json.loads(pushed.to_json()) | {"files": {**pushed.files, name: edited}}
    Path(pushed.uri, "push.json").write_text(json.dumps(receipt))

    found = read_push(store, pushed.version)
    assert found is not None
    with pytest.raises(IntegrityError, match=r"to have the content hash of its files\. .*It was edited"):
        check_push(store, found)


def test_a_whole_forged_receipt_has_another_content_hash_than_what_was_deployed(
    store: FolderStore, pushed: Push
) -> None:
    forged = {**pushed.files, "golden.jsonl": "0" * 64}

    assert hash_manifest(forged) != pushed.content_hash


def test_an_older_push_under_a_newer_name_is_rejected(store: FolderStore, pushed: Push) -> None:
    shutil.copytree(pushed.uri, store.path / f"push-{pushed.version + 5}")

    with pytest.raises(StoreError, match=rf"Expected the receipt of version {pushed.version + 5} "):
        latest_push(store)


def test_a_version_is_part_of_the_content_hash(model: Path, store: FolderStore, pushed: Push) -> None:
    again = push(model, store, trained_hash="trained", golden=b"{}\n")

    assert again.content_hash != pushed.content_hash


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "7/../../outside", ""])
def test_a_receipt_that_names_files_outside_the_push_is_none(store: FolderStore, pushed: Push, name: str) -> None:
    files = {name: "0" * 64}
    receipt = json.loads(pushed.to_json()) | {"files": files, "content_hash": hash_manifest(files)}
    Path(pushed.uri, "push.json").write_text(json.dumps(receipt))

    with pytest.raises(StoreError, match=r"push\.json to say what was pushed"):
        latest_push(store)


def test_a_receipt_of_an_earlier_version_cannot_be_checked(store: FolderStore, pushed: Push) -> None:
    with pytest.raises(IntegrityError, match=r"Expected .*push\.json to have the SHA-256 .* Push the model anew"):
        check_push(store, dataclasses.replace(pushed, files={}))


def test_sha256sum_gives_the_content_hash(pushed: Push) -> None:
    command = (
        "find * -type f ! -name push.json ! -name model.sig | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c-64"
    )
    shown = subprocess.run(["bash", "-c", command], cwd=pushed.uri, check=True, capture_output=True, text=True)

    assert shown.stdout.strip() == pushed.content_hash


def test_an_edited_object_of_a_bucket_is_not_copied(model: Path, s3: S3Server, tmp_path: Path) -> None:
    store = open_store("s3://models/dropout", endpoint_url=s3.url)
    first = push(model, store, trained_hash="trained", golden=b"{}\n")
    kept = download_newest(store, tmp_path / "cache")
    second = push(model, store, trained_hash="trained", golden=b"{}\n")
    s3.write(f"dropout/push-{second.version}/{second.version}/saved_model.pb", b"other")

    with pytest.raises(IntegrityError, match=rf"another {second.version}/saved_model\.pb"):
        download_newest(store, tmp_path / "cache")
    s3.write(f"dropout/push-{second.version}/{second.version}/saved_model.pb", b"graph")
    s3.write(f"dropout/push-{second.version}/{second.version}/more", b"")
    with pytest.raises(IntegrityError, match="more, which was not pushed"):
        download_newest(store, tmp_path / "cache")

    assert kept is not None
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"push-{first.version}"]
