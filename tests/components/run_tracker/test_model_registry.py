"""Kubeflow's Model Registry itself, by its own client."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from model_registry_process import model_registry

from yachay.components.run_tracker.kubeflow_registry import KubeflowRegistry
from yachay.components.run_tracker.mlflow_server import TrackingError
from yachay.components.run_tracker.registry import RegistryError, find_version, register
from yachay.model_store.folder_store import FolderStore

from .conftest import add_push

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with model_registry(tmp_path_factory.mktemp("registry")) as (address, _):
        yield address


@pytest.fixture
def registry(url: str) -> KubeflowRegistry:
    return KubeflowRegistry(url)


def artifact_uri(registry: KubeflowRegistry, name: str, version: int) -> str | None:
    artifact = registry._client.get_model_artifact(name, str(version))
    return None if artifact is None else artifact.uri


def test_a_push_is_registered_once_with_its_content_hash_and_the_newest_is_the_challenger(
    registry: KubeflowRegistry, store: FolderStore, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    assert registry.versions(name) == []
    first = add_push(store)
    one = register(registry, name, store, first, "home/run-1")
    same = register(registry, name, store, first, "home/run-1")
    second = add_push(store, b"better")
    register(registry, name, store, second, "home/run-2")
    register(registry, name, store, first, "home/run-1")  # A spool that comes late.

    assert one.number == same.number
    assert [(each.push_version, each.content_hash, each.aliases) for each in registry.versions(name)] == [
        (first.version, first.content_hash, ()),
        (second.version, second.content_hash, ("challenger",)),
    ]
    assert artifact_uri(registry, name, first.version) == first.uri


def test_aliases_move_and_facts_are_noted(
    registry: KubeflowRegistry, store: FolderStore, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    versions = [register(registry, name, store, add_push(store, content), "home/run") for content in (b"a", b"b")]
    for version in versions:
        registry.set_alias(name, "champion", version.number)
    registry.set_alias(name, "challenger", None)
    registry.note(name, versions[1].number, {"champion.why": "beats the champion"})

    assert [each.aliases for each in registry.versions(name)] == [(), ("champion",)]
    noted = registry._client.get_model_version(name, versions[1].number)
    assert noted is not None
    assert noted.custom_properties["champion.why"] == "beats the champion"
    assert noted.custom_properties["content_hash"] == versions[1].content_hash


def test_a_registry_that_holds_another_model_as_that_push_is_an_error(
    registry: KubeflowRegistry, store: FolderStore, request: pytest.FixtureRequest
) -> None:
    name, push = request.node.name, add_push(store)
    version = register(registry, name, store, push, "home/run")
    registry.note(name, version.number, {"content_hash": "0" * 64})

    with pytest.raises(RegistryError, match=f"Expected version {version.number} of .* Received: {'0' * 64}"):
        find_version(registry, name, push)


def test_two_that_register_a_push_at_once_make_one_version(
    url: str, store: FolderStore, request: pytest.FixtureRequest
) -> None:
    name, push = request.node.name, add_push(store)
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(lambda _: register(KubeflowRegistry(url), name, store, push, "home/run").number, range(4))
        )

    assert set(found) == {str(push.version)}
    assert len(KubeflowRegistry(url).versions(name)) == 1


def test_what_an_interrupted_call_left_is_completed(
    registry: KubeflowRegistry, store: FolderStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, push = request.node.name, add_push(store)

    async def killed(*_: object, **__: object) -> None:
        raise ConnectionError("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(registry._client), "_register_model_artifact", killed)
        with pytest.raises(TrackingError, match="the process is gone"):
            register(registry, name, store, push, "home/run")
    register(registry, name, store, push, "home/run")

    [version] = registry.versions(name)
    assert (version.content_hash, version.aliases) == (push.content_hash, ("challenger",))
    assert artifact_uri(registry, name, push.version) == push.uri


def test_a_server_that_is_killed_is_a_clear_word(tmp_path: Path) -> None:
    with model_registry(tmp_path) as (address, process):
        registry = KubeflowRegistry(address)
        process.kill()
        process.wait()
        for ask in (lambda: registry.versions("sample"), lambda: KubeflowRegistry(address)):
            with pytest.raises(TrackingError, match=f"Expected the server {address} to take the request"):
                ask()


def test_an_address_of_another_version_of_the_api_is_a_clear_word(url: str) -> None:
    with pytest.raises(TrackingError, match=r"in the version that its client speaks.* Received: 404"):
        KubeflowRegistry(f"{url}/elsewhere")
