"""The registry of a real MLflow server, and models that are loaded from it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from yachay.components.run_tracker.deliver import send
from yachay.components.run_tracker.mlflow_registry import MlflowRegistry
from yachay.components.run_tracker.mlflow_runs import KEY, SENT
from yachay.components.run_tracker.mlflow_server import TrackingError
from yachay.components.run_tracker.record import PushedModel
from yachay.components.run_tracker.registry import RegistryError, find_version, register
from yachay.components.run_tracker.settings import TrackerConfig
from yachay.model_store.folder_store import FolderStore

from .conftest import MakeRecord, add_push

pytestmark = pytest.mark.integration


@pytest.fixture
def registry(server: str) -> MlflowRegistry:
    return MlflowRegistry(server)


def test_a_push_is_registered_once_with_its_content_hash_and_the_newest_is_the_challenger(
    make_record: MakeRecord, store: FolderStore, registry: MlflowRegistry, config: TrackerConfig
) -> None:
    first = add_push(store)
    pushed = PushedModel(name=config.model_name, store=store.uri, version=first.version)
    one = send(make_record(push=pushed))
    same = send(make_record(push=pushed))
    second = add_push(store, b"better")
    send(make_record("run-2", push=pushed.model_copy(update={"version": second.version})))
    send(make_record(push=pushed))  # A spool that comes late.

    assert one.model == same.model == f"models:/{config.model_name}/1"
    versions = registry.versions(config.model_name)
    assert [(each.push_version, each.content_hash, each.aliases) for each in versions] == [
        (first.version, first.content_hash, ()),
        (second.version, second.content_hash, ("challenger",)),
    ]


def test_a_push_in_a_bucket_is_its_own_source(
    make_record: MakeRecord, store: FolderStore, registry: MlflowRegistry, config: TrackerConfig
) -> None:
    push = add_push(store)
    in_bucket = FolderStore(store.path, "minio://models/dropout")
    found = [one for one in [registry] if one]
    push = type(push)(**{**vars(push), "uri": f"minio://models/dropout/push-{push.version}"})

    register(found[0], config.model_name, in_bucket, push, "no-run")

    [version] = registry.versions(config.model_name)
    assert version.source == f"s3://models/dropout/push-{push.version}"


def test_the_registered_files_are_those_of_the_push_and_have_a_signature(
    make_record: MakeRecord, store: FolderStore, config: TrackerConfig, server: str
) -> None:
    import mlflow
    from mlflow.models import get_model_info

    push = add_push(store)
    model = send(make_record(push=PushedModel(name=config.model_name, store=store.uri, version=push.version))).model
    mlflow.set_tracking_uri(server)
    try:
        info = get_model_info(f"{model}")
    finally:
        mlflow.set_tracking_uri(None)

    assert info.signature.inputs.to_dict() == [{"type": "double", "name": "income", "required": True}]
    assert [column["name"] for column in info.signature.outputs.to_dict()] == ["classes", "scores"]


def test_a_registry_that_holds_another_model_as_that_push_is_an_error(
    make_record: MakeRecord, store: FolderStore, registry: MlflowRegistry, client: Any, config: TrackerConfig
) -> None:
    push = add_push(store)
    send(make_record(push=PushedModel(name=config.model_name, store=store.uri, version=push.version)))
    client.set_model_version_tag(config.model_name, "1", "content_hash", "0" * 64)

    with pytest.raises(RegistryError, match=f"Expected version 1 of .* {push.content_hash}. Received: {'0' * 64}"):
        find_version(registry, config.model_name, push)


def test_two_that_register_a_push_at_once_make_one_version(
    make_record: MakeRecord, store: FolderStore, registry: MlflowRegistry, config: TrackerConfig
) -> None:
    push = add_push(store)
    pushed = PushedModel(name=config.model_name, store=store.uri, version=push.version)
    with ThreadPoolExecutor(3) as threads:
        models = set(threads.map(lambda _: send(make_record(push=pushed)).model, range(3)))

    assert models == {f"models:/{config.model_name}/{registry.versions(config.model_name)[0].number}"}
    assert len(registry.versions(config.model_name)) == 1


def test_a_push_in_a_folder_is_copied_beside_the_run_that_its_senders_keep(
    store: FolderStore, registry: MlflowRegistry, client: Any, config: TrackerConfig
) -> None:
    """Another machine is sending the same run, and is about to delete its own."""
    experiment = client.create_experiment(config.experiment)
    tags = {KEY: "home/run-8"}
    ids = sorted(client.create_run(experiment, tags=tags).info.run_id for _ in range(2))
    client.set_tag(ids[1], SENT, "digest")

    version = register(registry, config.model_name, store, add_push(store), "home/run-8")

    assert version.source.startswith(f"runs:/{ids[1]}/")


def test_a_push_in_a_folder_needs_its_run_on_the_server(
    store: FolderStore, registry: MlflowRegistry, config: TrackerConfig
) -> None:
    push = add_push(store, run_id="run-7")

    with pytest.raises(TrackingError, match=r"Expected the run run-7 that pushed .* Received: none. Send it first"):
        register(registry, config.model_name, store, push, "home/run-7")
