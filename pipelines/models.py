"""The models of a task: what was pushed, where it is in service, and how it gets there.

    models = open_models(config, "semester2", Path("yachay-runs"))
    models.versions()
    models.promote("production", why="beats the champion on the spring term")

The model stores have the truth, and a registry mirrors it (`components.run_tracker.registry`).
"""

import dataclasses
import datetime
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..components.retraining.settings import CANDIDATES
from ..components.run_tracker.mlflow_server import TrackingError
from ..components.run_tracker.registries import open_registry
from ..components.run_tracker.registry import (
    RegisteredVersion,
    Registry,
    RegistryError,
    find_version,
    of_push,
    register,
)
from ..components.run_tracker.settings import CHALLENGER, CHAMPION, Environment, RegistrySettings
from ..errors import StoreError, UsageError, suggestion
from ..model_store.copy_push import copy_push
from ..model_store.integrity import check_push
from ..model_store.layout import push_name
from ..model_store.ledger import PROMOTED, RETIRED, Event, in_service, list_events, record_event
from ..model_store.location import open_store
from ..model_store.metadata import METADATA_FILE
from ..model_store.store import ModelStore, Push, latest_push, list_pushes, read_push
from .config.pipeline_config import PipelineConfig
from .deployment import store_uri
from .tracking import find_uri, model_name

_SECONDS_A_DAY = 86400
_COMPARED = ("family", "seed", "hyperparameters", "features", "labels", "label", "problem", "versions")


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A push, and where it is in service.

    Args:
        push: `Push`.
        aliases: tuple of strings. `"champion"`, `"challenger"`, and those of other environments.
        environments: tuple of strings. Where it is in service.
        registered: string. Number of the version in the registry; empty where it has none.
        problem: string. Why the registry's is another model; empty where it is not.
    """

    push: Push
    aliases: tuple[str, ...]
    environments: tuple[str, ...]
    registered: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns the version as JSON."""
        return {
            "version": self.push.version,
            "pushed": _time(self.push.version),
            "verdict": "blessed" if self.push.blessing.get("blessed", True) else "not_blessed",
            "metrics": self.push.blessing.get("metrics", {}),
            "aliases": list(self.aliases),
            "environments": list(self.environments),
            "content_hash": self.push.content_hash,
            "run_id": self.push.run_id,
            "data_fingerprint": self.push.data_fingerprint,
            "uri": self.push.uri,
            "registered": self.registered or None,
            "problem": self.problem or None,
        }


@dataclasses.dataclass(frozen=True)
class Promotion:
    """What a promotion came to.

    Args:
        push: `Push` in the store of the environment.
        environment: string.
        alias: string.
        event: `Event` or None. None where the version was in service there already.
        replaced: int or None. The version that was in service before.
        problem: string. Why the registry does not show the promotion; empty where it does, or there is none.
    """

    push: Push
    environment: str
    alias: str
    event: Event | None
    replaced: int | None
    problem: str = ""


def open_models(config: PipelineConfig, task: str, workdir: Path) -> "Models":
    """Returns the models of a task.

    Args:
        config: `PipelineConfig`.
        task: string. Name of the task.
        workdir: path of the folder that holds the homes of pipelines.

    Raises:
        StoreError: if a store cannot be opened.
    """
    uri = store_uri(config, task, workdir)
    own = open_store(uri, config.push.mount, config.push.endpoint_url)
    candidates = open_store(f"{uri}{CANDIDATES}", config.push.mount, config.push.endpoint_url)
    name = config.pipeline_name(task)

    def opened(environment: Environment) -> ModelStore:
        if not environment.store:
            return own
        return open_store(f"{environment.store.rstrip('/')}/{name}", environment.mount, environment.endpoint_url)

    stores = {each: opened(environment) for each, environment in config.registry.environments.items()}
    return Models(model_name(config, task), name, own, candidates, stores, config.registry, find_uri(config))


class Models:
    """The models of a task.

    Args:
        name: string. Name of the registered model.
        home: string. `PipelineConfig.pipeline_name`: runs have keys below it.
        store: `ModelStore` to which runs push.
        candidates: `ModelStore` of what a retraining made, which waits for a promotion.
        stores: mapping of environment to its `ModelStore`.
        settings: `RegistrySettings`.
        tracking_uri: string. Address of the tracking server; empty for none.
    """

    def __init__(
        self,
        name: str,
        home: str,
        store: ModelStore,
        candidates: ModelStore,
        stores: Mapping[str, ModelStore],
        settings: RegistrySettings,
        tracking_uri: str,
    ) -> None:
        self.name, self.store, self.candidates, self.stores = name, store, candidates, stores
        self._home, self._settings, self._tracking_uri = home, settings, tracking_uri

    def versions(self) -> tuple[list[ModelVersion], str]:
        """Returns the versions, the newest first, and why the registry cannot be asked, or nothing.

        Raises:
            StoreError: if a store cannot be read.
        """
        pushes = self.pushes()
        serving = self.in_service()
        registered, problem = self._registered()
        newest = max((push.version for push in pushes), default=None)
        return [
            self._describe(push, serving, registered, is_newest=push.version == newest) for push in reversed(pushes)
        ], problem

    def pushes(self) -> list[Push]:
        """Returns the pushes of the store and the candidates that wait, the oldest first.

        Raises:
            StoreError: if a store cannot be read.
        """
        own = list_pushes(self.store)
        known = {push.content_hash for push in own}
        waiting = [push for push in list_pushes(self.candidates) if push.content_hash not in known]
        return sorted([*own, *waiting], key=lambda push: push.version)

    def in_service(self) -> dict[str, int]:
        """Returns the version that is in service in each environment.

        Raises:
            StoreError: if a store cannot be read.
        """
        found = {}
        for name, store in self.stores.items():
            version = in_service(list_events(store)).get(name)
            if version is not None:
                found[name] = version
        return found

    def history(self, version: int) -> list[Event]:
        """Returns what happened to a version in all stores, the oldest first."""
        stores = {store.uri: store for store in (self.store, self.candidates, *self.stores.values())}
        events = [event for store in stores.values() for event in list_events(store) if event.version == version]
        return sorted(events, key=lambda event: event.when)

    def find(self, version: str | None) -> Push:
        """Returns a push of the store, or a candidate that waits.

        Args:
            version: string or None. A number, the beginning of a content hash, `"champion"`, `"challenger"`, or another
                environment's alias. None takes the newest.

        Raises:
            UsageError: if there is none, or more than one.
            StoreError: if a store cannot be read.
        """
        pushes = self.pushes()
        if not pushes:
            raise UsageError(f"Expected a pushed model in {self.store.uri}. Received: none. Run the pipeline first.")
        if version is None or version == CHALLENGER:
            return pushes[-1]
        serving = {self._settings.alias(name): number for name, number in self.in_service().items()}
        if version in serving:
            version = str(serving[version])
        wanted = version.removeprefix("push-")
        found = [push for push in pushes if str(push.version) == wanted] or [
            push for push in pushes if len(wanted) >= 8 and push.content_hash.startswith(wanted)
        ]
        if len(found) != 1:
            known = [str(push.version) for push in pushes]
            aliases = [self._settings.alias(name) for name in self.stores]
            raise UsageError(
                f"Expected a version of {self.store.uri}: one of {', '.join(known[-5:])}, 8 digits or more of a "
                f"content hash, or an alias ({CHALLENGER}, {', '.join(aliases)}). Received: {version!r}"
                f"{', of which there are several' if found else ''}.{suggestion(version, [*known, *aliases])}"
            )
        return found[0]

    def metadata(self, push: Push) -> dict[str, Any]:
        """Returns what the Trainer and the Pusher noted in the model."""
        content = self._store_of(push).read(push.version, f"{push.version}/{METADATA_FILE}")
        found: dict[str, Any] = json.loads(content or b"{}")
        return found

    def diff(self, first: Push, second: Push) -> dict[str, Any]:
        """Returns what differs between two pushes: `metrics` (first, second, difference) and `changed` facts."""
        one, other = (push.blessing.get("metrics", {}) for push in (first, second))
        metrics = {
            name: {
                "first": one.get(name),
                "second": other.get(name),
                "difference": other[name] - one[name] if name in one and name in other else None,
            }
            for name in dict.fromkeys([*one, *other])
        }
        facts = [_facts(self.metadata(push), push) for push in (first, second)]
        changed = {
            name: {"first": facts[0].get(name), "second": facts[1].get(name)}
            for name in dict.fromkeys([*facts[0], *facts[1]])
            if facts[0].get(name) != facts[1].get(name)
        }
        return {"metrics": metrics, "changed": changed}

    def promote(self, environment: str, version: str | None = None, *, why: str, who: str = "") -> Promotion:
        """Puts a version into service in an environment: copies it by its content hash, and records who, when and why.

        The same call again does only what is missing.

        Args:
            environment: string. One of `registry.environments`.
            version: string or None. See `find`. Defaults to the newest.
            why: string. The reason, which is recorded.
            who: string. Defaults to the user of this process.

        Raises:
            UsageError: if there is no such environment or version, or a newer one is in the environment's store.
            IntegrityError: if the files of the push are not those that were pushed.
            StoreError: if a store cannot be read or written.
            RegistryError: if the registry has another content hash for this push; nothing was done.
        """
        if environment not in self.stores:
            raise UsageError(
                f"Expected --to to be one of registry.environments ({', '.join(self.stores)}). Received: "
                f"{environment!r}.{suggestion(environment, self.stores)}"
            )
        if not why.strip():
            raise UsageError("Expected --why to say why the model is promoted. Received: nothing.")
        push, target = self.find(version), self.stores[environment]
        source = self._store_of(push)
        check_push(source, push)
        registry, problem = self._open_registry()
        if registry is not None:
            problem = self._check_registered(registry, push)
        replaced = in_service(list_events(target)).get(environment)
        placed = push
        if target.uri != source.uri:
            _check_newest(target, push, environment)
            placed = copy_push(source, push, target)
        event = None
        if replaced != push.version:
            origin = push.uri if target.uri != source.uri else ""
            event = record_event(target, PROMOTED, placed, environment=environment, who=who, why=why, source=origin)
        alias = self._settings.alias(environment)
        if registry is not None and not problem:
            problem = self._mirror(registry, push, alias, event or _promotion(target, environment))
        return Promotion(placed, environment, alias, event, replaced, problem)

    def retire(self, push: Push, *, why: str, who: str = "") -> Event:
        """Removes a push that is not in service from the store to which runs push, and records who, when and why.

        Raises:
            UsageError: if it is in service somewhere.
            StoreError: if the store cannot be written.
        """
        if not why.strip():
            raise UsageError("Expected --why to say why the model is retired. Received: nothing.")
        serving = [name for name, version in self.in_service().items() if version == push.version]
        if serving:
            raise UsageError(
                f"Expected a version that is not in service. Received: {push.version}, which is in "
                f"{', '.join(serving)}. Promote another first: yachay models promote --to {serving[0]}."
            )
        # First the event: what is gone has one.
        store = self._store_of(push)
        event = record_event(store, RETIRED, push, who=who, why=why)
        store.remove(push.version)
        registry, _ = self._open_registry()
        if registry is not None:
            try:
                found = of_push(registry.versions(self.name), push.version)
                if found is not None:
                    for alias in found.aliases:
                        registry.set_alias(self.name, alias, None)
                    registry.note(self.name, found.number, {"retired": event.when, "retired_because": why})
            except TrackingError:
                pass  # The store has the truth; `list` shows what the registry still has.
        return event

    def outdated(self, deployed: Sequence[str] = ()) -> list[Push]:
        """Returns the pushes that `registry.retention` does not keep, the oldest first.

        Args:
            deployed: sequence of strings. Content hashes of what a cluster serves. Defaults to none.
        """
        retention = self._settings.retention
        pushes = list_pushes(self.store)
        serving = {*self.in_service().values()}
        youngest = time.time() - retention.days * _SECONDS_A_DAY
        return [
            push
            for push in pushes[: -retention.keep]
            if push.version not in serving and push.content_hash not in deployed and push.version < youngest
        ]

    def _describe(
        self, push: Push, serving: Mapping[str, int], registered: Sequence[RegisteredVersion], *, is_newest: bool
    ) -> ModelVersion:
        environments = tuple(name for name, version in serving.items() if version == push.version)
        aliases = [self._settings.alias(name) for name in environments]
        if is_newest and CHAMPION not in aliases:
            aliases.append(CHALLENGER)
        found = of_push(registered, push.version)
        problem = ""
        if found is not None and found.content_hash != push.content_hash:
            problem = f"version {found.number} of the registry has another content hash, {found.content_hash or 'none'}"
        return ModelVersion(push, tuple(aliases), environments, found.number if found else "", problem)

    def _store_of(self, push: Push) -> ModelStore:
        return self.candidates if push.uri.rpartition("/")[0] == self.candidates.uri else self.store

    def _open_registry(self) -> tuple[Registry | None, str]:
        try:
            return open_registry(self._settings, self._tracking_uri), ""
        except TrackingError as error:
            return None, str(error)

    def _registered(self) -> tuple[list[RegisteredVersion], str]:
        registry, problem = self._open_registry()
        if registry is None:
            return [], problem
        try:
            return registry.versions(self.name), ""
        except TrackingError as error:
            return [], str(error)

    def _check_registered(self, registry: Registry, push: Push) -> str:
        try:
            find_version(registry, self.name, push)
        except RegistryError:
            raise
        except TrackingError as error:
            return str(error)
        return ""

    def _mirror(self, registry: Registry, push: Push, alias: str, event: Event | None) -> str:
        """Registers the promotion, and returns why that failed, or nothing."""
        try:
            version = register(registry, self.name, self._store_of(push), push, f"{self._home}/{push.run_id}")
            registry.set_alias(self.name, alias, version.number)
            if alias == CHAMPION and CHALLENGER in _aliases(registry, self.name, version):
                registry.set_alias(self.name, CHALLENGER, None)
            if event is not None:
                facts = {"by": event.who, "when": event.when, "why": event.why}
                registry.note(self.name, version.number, {f"{alias}.{key}": value for key, value in facts.items()})
        except (TrackingError, StoreError) as error:
            return str(error)
        return ""


def _aliases(registry: Registry, name: str, version: RegisteredVersion) -> tuple[str, ...]:
    return next((one.aliases for one in registry.versions(name) if one.number == version.number), ())


def _promotion(store: ModelStore, environment: str) -> Event | None:
    """Returns the event that put into service what an environment has."""
    events = [one for one in list_events(store) if one.kind == PROMOTED and one.environment == environment]
    return events[-1] if events else None


def _check_newest(target: ModelStore, push: Push, environment: str) -> None:
    newest = latest_push(target)
    if newest is not None and newest.version > push.version and read_push(target, push.version) is None:
        raise UsageError(
            f"Expected a version after {newest.version}, which {environment} has in {target.uri}: its servers take the "
            f"newest. Received: {push.version}. To go back to an earlier model, remove {push_name(newest.version)} "
            "there, or use yachay rollback."
        )


def _facts(metadata: Mapping[str, Any], push: Push) -> dict[str, Any]:
    """Returns what is worth comparing, flat."""
    found: dict[str, Any] = {"data_fingerprint": push.data_fingerprint, "content_hash": push.content_hash}
    for name in _COMPARED:
        value = metadata.get(name)
        if name == "features" and value is not None:
            found[name] = [feature["name"] for feature in value]
        elif isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in value.items()}
        elif value is not None:
            found[name] = value
    return found


def _time(version: int) -> str:
    return datetime.datetime.fromtimestamp(version, datetime.UTC).isoformat(timespec="seconds")
