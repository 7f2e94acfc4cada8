"""Kubeflow's Model Registry, by its own Python client."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from ...model_store.ledger import user_name
from ...model_store.store import ModelStore, Push
from .mlflow_server import TrackingError, asked
from .registry import RegisteredVersion

_ALIAS = "alias."
_CONTENT_HASH = "content_hash"


class KubeflowRegistry:
    """Kubeflow's Model Registry. A version has the push's version as its name; the aliases are properties of the model.

    Args:
        uri: string. Address of its REST API, such as `http://model-registry-service.kubeflow:8080`. Over https it takes
            the token of the file that `KF_PIPELINES_SA_TOKEN_PATH` names, or of the pod's service account.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            from model_registry import ModelRegistry
        except ImportError as error:
            raise TrackingError(
                f"Expected the client of Kubeflow's Model Registry to reach {uri}. Received: {error}. Install "
                "yachay[tracking]."
            ) from None
        self._loop = asyncio.new_event_loop()
        with asked(uri):
            self._client = ModelRegistry(uri, author=user_name(), async_runner=self._run)

    def versions(self, name: str) -> list[RegisteredVersion]:
        """Returns the versions of a model, the oldest first; none where it is not registered."""
        with asked(self.uri):
            model = self._client.get_registered_model(name)
            if model is None:
                return []
            aliases = _aliases(model)
            found = list(self._client.get_model_versions(name))
        return sorted(
            (
                RegisteredVersion(
                    number=one.name,
                    push_version=int(one.name) if one.name.isdecimal() else 0,
                    content_hash=str((one.custom_properties or {}).get(_CONTENT_HASH, "")),
                    aliases=tuple(sorted(alias for alias, number in aliases.items() if number == one.name)),
                )
                for one in found
            ),
            key=lambda one: one.push_version,
        )

    def add(self, name: str, store: ModelStore, push: Push, run_key: str) -> RegisteredVersion:
        """Adds a version whose artifact is the push."""
        metadata = {
            _CONTENT_HASH: push.content_hash,
            "data_fingerprint": push.data_fingerprint,
            "run": run_key,
            **{f"metric.{metric}": value for metric, value in push.blessing.get("metrics", {}).items()},
        }
        with asked(self.uri):
            self._client.register_model(
                name,
                push.uri,
                version=str(push.version),
                model_format_name="tensorflow",
                model_format_version="2",
                metadata=metadata,
            )
        return RegisteredVersion(str(push.version), push.version, push.content_hash, source=push.uri)

    def set_alias(self, name: str, alias: str, number: str | None) -> None:
        """Gives an alias to a version, or with None takes it away."""
        with asked(self.uri):
            model = self._client.get_registered_model(name)
            properties = {key: value for key, value in (model.custom_properties or {}).items() if key != _ALIAS + alias}
            model.custom_properties = properties | ({_ALIAS + alias: number} if number is not None else {})
            self._client.update(model)

    def note(self, name: str, number: str, facts: Mapping[str, str]) -> None:
        """Notes facts as properties of a version."""
        with asked(self.uri):
            version = self._client.get_model_version(name, number)
            version.custom_properties = {**(version.custom_properties or {}), **facts}
            self._client.update(version)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        # Its own way would let every event loop of this process be entered twice.
        return self._loop.run_until_complete(coroutine)


def _aliases(model: Any) -> dict[str, str]:
    properties = model.custom_properties or {}
    return {name.removeprefix(_ALIAS): str(value) for name, value in properties.items() if name.startswith(_ALIAS)}
