"""Copies of pushes between stores, and the events of a store."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import S3Server

from yachay.errors import StoreError
from yachay.model_store.copy_push import copy_push
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import IntegrityError, check_push
from yachay.model_store.ledger import PROMOTED, RETIRED, in_service, list_events, record_event
from yachay.model_store.location import open_store
from yachay.model_store.store import ModelStore, Push, list_pushes, push, read_push


def pushed(store: ModelStore, model: Path) -> Push:
    return push(model, store, trained_hash="trained", golden=b"{}\n", described={"MLmodel": b"flavors: {}\n"})


def test_a_copy_has_the_same_version_and_content_hash(tmp_path: Path, model: Path) -> None:
    source, target = FolderStore(tmp_path / "staging"), FolderStore(tmp_path / "production")
    made = pushed(source, model)

    copy = copy_push(source, made, target)

    assert (copy.version, copy.content_hash, copy.uri) == (
        made.version,
        made.content_hash,
        f"{target.uri}/push-{made.version}",
    )
    assert target.files(made.version) == source.files(made.version)
    assert copy_push(source, made, target) == copy


def test_a_copy_to_a_bucket_and_back_is_the_same(tmp_path: Path, model: Path, s3: S3Server) -> None:
    source, back = FolderStore(tmp_path / "staging"), FolderStore(tmp_path / "back")
    bucket = open_store("s3://models/production", endpoint_url=s3.url)
    made = pushed(source, model)

    returned = copy_push(bucket, copy_push(source, made, bucket), back)

    assert returned.content_hash == made.content_hash
    check_push(back, returned)


def test_two_that_promote_at_once_both_have_the_copy(tmp_path: Path, model: Path) -> None:
    source, target = FolderStore(tmp_path / "staging"), FolderStore(tmp_path / "production")
    made = pushed(source, model)
    with ThreadPoolExecutor(4) as threads:
        copies = list(threads.map(lambda _: copy_push(source, made, target), range(4)))

    assert len({copy.content_hash for copy in copies}) == 1
    assert [one.version for one in list_pushes(target)] == [made.version]


def test_another_model_under_the_same_version_is_not_replaced(tmp_path: Path, model: Path) -> None:
    source, target = FolderStore(tmp_path / "staging"), FolderStore(tmp_path / "production")
    made = pushed(source, model)
    (model / "saved_model.pb").write_bytes(b"another graph")
    target.add(model, lambda version: {"push.json": other(target, made).to_json().encode()}, made.version)

    with pytest.raises(StoreError, match=f"to be the push with the content hash {made.content_hash}"):
        copy_push(source, made, target)


def other(store: ModelStore, made: Push) -> Push:
    files = {f"{made.version}/saved_model.pb": "0" * 64}
    return Push(made.version, f"{store.uri}/push-{made.version}", "1" * 64, files=files)


def test_files_that_were_changed_in_the_source_are_not_copied(tmp_path: Path, model: Path) -> None:
    source, target = FolderStore(tmp_path / "staging"), FolderStore(tmp_path / "production")
    made = pushed(source, model)
    Path(made.model_uri, "saved_model.pb").write_bytes(b"forged")

    with pytest.raises(IntegrityError, match="another"):
        copy_push(source, made, target)
    assert list_pushes(target) == []


def test_events_say_what_is_in_service_by_whom_and_why(tmp_path: Path, model: Path) -> None:
    store = FolderStore(tmp_path / "models")
    first, second = pushed(store, model), pushed(store, model)
    record_event(store, PROMOTED, first, environment="production", who="Rosa", why="the first")
    record_event(store, PROMOTED, first, environment="staging", why="to try")
    record_event(store, PROMOTED, second, environment="production", who="Rosa", why="better")
    record_event(store, RETIRED, first, why="old")

    events = list_events(store)
    assert in_service(events) == {"production": second.version}
    assert (events[0].who, events[0].why, events[0].content_hash) == ("Rosa", "the first", first.content_hash)
    assert [push.version for push in list_pushes(store)] == [first.version, second.version]


def test_two_that_write_events_at_once_are_both_heard(tmp_path: Path, model: Path, s3: S3Server) -> None:
    for store in (FolderStore(tmp_path / "models"), open_store("s3://models/own", endpoint_url=s3.url)):
        made = pushed(store, model)
        with ThreadPoolExecutor(4) as threads:
            for number in range(8):
                threads.submit(record_event, store, PROMOTED, made, environment=str(number))

        assert in_service(list_events(store)) == {str(number): made.version for number in range(8)}


def test_an_event_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "models")
    store.add_event("20261122T100000.000000Z-ab.json", json.dumps([1]).encode())

    with pytest.raises(StoreError, match=r"ab.json to hold an event of the store"):
        list_events(store)


def test_a_removed_push_is_gone_from_every_kind_of_store(tmp_path: Path, model: Path, s3: S3Server) -> None:
    for store in (FolderStore(tmp_path / "models"), open_store("s3://models/own", endpoint_url=s3.url)):
        first, second = pushed(store, model), pushed(store, model)
        store.remove(first.version)
        store.remove(first.version)

        assert read_push(store, first.version) is None
        assert [one.version for one in list_pushes(store)] == [second.version]
