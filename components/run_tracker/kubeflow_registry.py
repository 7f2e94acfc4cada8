"""Kubeflow's Model Registry, by its own Python client."""

import asyncio
import logging
import warnings
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...model_store.ledger import user_name
from ...model_store.store import ModelStore, Push
from .mlflow_server import TrackingError, asked
from .registry import RegisteredVersion

_PORTS = {"http": 8080, "https": 443}
_ALIAS = "alias."
_CONTENT_HASH, _RUN = "content_hash", "run"


class KubeflowRegistry:
    """Kubeflow's Model Registry. A version has the push's version as its name; the aliases are properties of the model.

    A version is complete once it has its content hash, which is noted last: what a killed call left is completed.

    Args:
        uri: string. Address of its REST API, such as `http://model-registry-service.kubeflow:8080`. Over https it takes
            the token of the file that `KF_PIPELINES_SA_TOKEN_PATH` names, or of the pod's service account, and the
            authorities of `SSL_CERT_FILE`.

    Raises:
        TrackingError: if the client is not installed, the address is none of http, or the server does not respond.
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
        from mr_openapi.exceptions import NotFoundException

        parts = urlsplit(uri)
        if parts.scheme not in _PORTS:
            raise TrackingError(
                f"Expected registry.uri to begin with http:// or https://. Received: {uri!r}. Kubeflow's own is "
                "http://model-registry-service.kubeflow:8080."
            )
        self._loop = asyncio.new_event_loop()
        with asked(uri), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Within a cluster http without a token is usual.
            try:
                self._client = ModelRegistry(
                    uri,
                    _PORTS[parts.scheme] if parts.port is None else parts.port,
                    author=user_name(),
                    is_secure=parts.scheme == "https",
                    custom_ca_envvar="SSL_CERT_FILE",
                    log_level=logging.ERROR,
                    async_runner=self._run,
                )
            except NotFoundException:
                raise TrackingError(
                    f"Expected the API of a Model Registry at {uri} in the version that its client speaks: v1 of "
                    "model-registry 0.3.10 and later, v1alpha3 before. Received: 404. Check the address, or install "
                    "model-registry==0.3.9 for a server of v1alpha3."
                ) from None

    def versions(self, name: str) -> list[RegisteredVersion]:
        """Returns the versions of a model, the oldest first; none where it is not registered."""
        with asked(self.uri):
            model = self._client.get_registered_model(name)
            if model is None:
                return []
            aliases = _aliases(model)
            found = [(one.name, one.custom_properties or {}) for one in self._client.get_model_versions(name)]
        return sorted(
            (
                RegisteredVersion(
                    number=number,
                    push_version=int(number) if number.isdecimal() else 0,
                    content_hash=str(facts.get(_CONTENT_HASH, "")),
                    aliases=tuple(sorted(alias for alias, of in aliases.items() if of == number)),
                )
                for number, facts in found
                if _CONTENT_HASH in facts or _RUN not in facts
            ),
            key=lambda one: one.push_version,
        )

    def add(self, name: str, store: ModelStore, push: Push, run_key: str) -> RegisteredVersion:
        """Adds a version whose artifact is the push, or completes it.

        Raises:
            TrackingError: if the server rejects a request or does not respond.
        """
        from model_registry.exceptions import StoreError
        from mr_openapi.exceptions import ApiException

        number = str(push.version)
        facts = {
            "data_fingerprint": push.data_fingerprint,
            _RUN: run_key,
            **{f"metric.{metric}": value for metric, value in push.blessing.get("metrics", {}).items()},
        }
        model_format = {"model_format_name": "tensorflow", "model_format_version": "2"}
        with asked(self.uri):
            for is_last in (False, False, True):
                try:
                    self._client.register_model(name, push.uri, version=number, metadata=facts, **model_format)
                    break
                except (StoreError, ApiException):
                    # Another call has just made it, or one that was killed made a part of it.
                    version = self._client.get_registered_model(name) and self._client.get_model_version(name, number)
                    if version:
                        if self._client.get_model_artifact(name, number) is None:
                            self._run(self._client._register_model_artifact(version, name, push.uri, **model_format))
                        break
                    if is_last:
                        raise
        self.note(name, number, {_CONTENT_HASH: push.content_hash})
        return RegisteredVersion(number, push.version, push.content_hash, source=push.uri)

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
