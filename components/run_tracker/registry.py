"""Registries of models: a mirror of the model stores, for those who look for models elsewhere.

The stores have the truth: the pushes, and what was promoted and retired (`model_store.ledger`). A registry gets each
push with its content hash, and the aliases.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Protocol

from ...model_store.store import ModelStore, Push
from .mlflow_server import TrackingError
from .settings import CHALLENGER, CHAMPION


class RegistryError(TrackingError):
    """A registry holds another model than the store."""


@dataclasses.dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model.

    Args:
        number: string. The registry's own.
        push_version: int. The push's; 0 where somebody else registered it.
        content_hash: string. The content hash of the push.
        aliases: tuple of strings.
        source: string. URI of the model's files.
    """

    number: str
    push_version: int
    content_hash: str
    aliases: tuple[str, ...] = ()
    source: str = ""


class Registry(Protocol):
    """Where models are registered. Each method raises `TrackingError` if the registry does not respond."""

    @property
    def uri(self) -> str:
        """Address of the registry."""
        ...

    def versions(self, name: str) -> list[RegisteredVersion]:
        """Returns the versions of a model, the oldest first; none where it is not registered."""
        ...

    def add(self, name: str, store: ModelStore, push: Push, run_key: str) -> RegisteredVersion:
        """Adds a version.

        Args:
            name: string. Name of the registered model.
            store: `ModelStore` that holds the push.
            push: `Push`.
            run_key: string. The run that pushed it; see `RunRecord.key`.
        """
        ...

    def set_alias(self, name: str, alias: str, number: str | None) -> None:
        """Gives an alias to a version, or with None takes it away."""
        ...

    def note(self, name: str, number: str, facts: Mapping[str, str]) -> None:
        """Notes facts on a version."""
        ...


def register(registry: Registry, name: str, store: ModelStore, push: Push, run_key: str) -> RegisteredVersion:
    """Registers a push, once, and calls the newest the challenger unless it is in service already.

    Args:
        registry: `Registry`.
        name: string. Name of the registered model.
        store: `ModelStore` that holds the push.
        push: `Push`.
        run_key: string. The run that pushed it.

    Raises:
        RegistryError: if the registry has another content hash for this push.
        TrackingError: if the registry rejects a request or does not respond.
    """
    found = find_version(registry, name, push) or registry.add(name, store, push, run_key)
    versions = registry.versions(name)
    newest = max(versions, key=lambda one: one.push_version, default=found)
    is_champion = CHAMPION in next((one.aliases for one in versions if one.number == found.number), ())
    if newest.push_version == push.version and not is_champion and CHALLENGER not in newest.aliases:
        registry.set_alias(name, CHALLENGER, found.number)
    return found


def find_version(registry: Registry, name: str, push: Push) -> RegisteredVersion | None:
    """Returns the version of a push, or None where it is not registered.

    Raises:
        RegistryError: if the registry has another content hash for this push.
        TrackingError: if the registry does not respond.
    """
    found = of_push(registry.versions(name), push.version)
    if found is not None and found.content_hash != push.content_hash:
        raise RegistryError(
            f"Expected version {found.number} of {name} in {registry.uri} to have the content hash of {push.uri}, "
            f"{push.content_hash}. Received: {found.content_hash or 'none'}. Somebody registered another model as "
            f"that push: delete version {found.number} there, and send the run again (yachay track)."
        )
    return found


def of_push(versions: Iterable[RegisteredVersion], push_version: int) -> RegisteredVersion | None:
    """Returns the version of a push; of several that were registered at once, the first."""
    return next((one for one in versions if one.push_version == push_version), None)
