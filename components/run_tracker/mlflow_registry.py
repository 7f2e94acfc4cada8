"""MLflow's registry of models."""

import datetime
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...model_store.golden import golden_of
from ...model_store.integrity import read_file, stored_files, write_files
from ...model_store.layout import RECEIPT_FILE, push_name
from ...model_store.metadata import METADATA_FILE
from ...model_store.mlflow_model import MODEL_FILE, describe_model
from ...model_store.store import ModelStore, Push
from .mlflow_runs import find_run
from .mlflow_server import TrackingError, asked, connect
from .registry import RegisteredVersion

_PUSH_VERSION, _CONTENT_HASH = "push_version", "content_hash"
_MAX_VERSIONS = 1000
_BUCKETS = {"s3": "s3", "minio": "s3", "gs": "gs"}


class MlflowRegistry:
    """The registry of an MLflow server.

    Args:
        uri: string. Address of the server.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client = connect(uri)

    def versions(self, name: str) -> list[RegisteredVersion]:
        """Returns the versions of a model, the oldest first; none where it is not registered."""
        with asked(self.uri):
            found = self._client.search_model_versions(f"name = '{name}'", max_results=_MAX_VERSIONS)
            aliases = self._aliases(name) if found else {}
        return [
            RegisteredVersion(
                number=str(one.version),
                push_version=int(one.tags.get(_PUSH_VERSION, 0)),
                content_hash=one.tags.get(_CONTENT_HASH, ""),
                aliases=tuple(sorted(alias for alias, number in aliases.items() if number == str(one.version))),
                source=one.source,
            )
            for one in sorted(found, key=lambda one: int(one.version))
        ]

    def add(self, name: str, store: ModelStore, push: Push, run_key: str) -> RegisteredVersion:
        """Adds a version whose source is the push; of one in a folder of this machine, a copy beside the run.

        MLflow takes no paths of other machines, and could not read them.

        Raises:
            TrackingError: if the server rejects a request or does not respond, or there is no run for the copy.
            IntegrityError: if the files of the push are not those that were pushed.
        """
        tags = {
            _PUSH_VERSION: str(push.version),
            _CONTENT_HASH: push.content_hash,
            "push_uri": push.uri,
            "data_fingerprint": push.data_fingerprint,
            "verdict": "blessed",
            **{f"metric.{metric}": f"{value:.6g}" for metric, value in push.blessing.get("metrics", {}).items()},
        }
        with asked(self.uri):
            run_id = self._run_id(run_key)
            source = _in_bucket(push) or self._upload(store, push, run_id)
            if not self._is_registered(name):
                self._register(name)
            made = self._client.create_model_version(
                name,
                source,
                run_id,
                tags,
                description=f"{push.uri}, content hash {push.content_hash}",
                await_creation_for=None,
            )
            # Another process may have registered the same push in the meantime: both take the first.
            same = [one for one in self.versions(name) if one.push_version == push.version]
            first = min(same, key=lambda one: int(one.number))
            if first.number != str(made.version):
                self._client.delete_model_version(name, str(made.version))
        return first

    def set_alias(self, name: str, alias: str, number: str | None) -> None:
        """Gives an alias to a version, or with None takes it away."""
        with asked(self.uri):
            if number is not None:
                self._client.set_registered_model_alias(name, alias, number)
            elif alias in self._aliases(name):
                self._client.delete_registered_model_alias(name, alias)

    def note(self, name: str, number: str, facts: Mapping[str, str]) -> None:
        """Notes facts as tags of a version."""
        with asked(self.uri):
            for key, value in facts.items():
                self._client.set_model_version_tag(name, number, key, value)

    def _aliases(self, name: str) -> dict[str, str]:
        aliases = self._client.get_registered_model(name).aliases
        return {alias: str(number) for alias, number in aliases.items()}

    def _is_registered(self, name: str) -> bool:
        return bool(self._client.search_registered_models(f"name = '{name}'", max_results=1))

    def _register(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # By another run in the meantime.
                raise

    def _run_id(self, run_key: str) -> str | None:
        experiments = [one.experiment_id for one in self._client.search_experiments()]
        run = find_run(self._client, experiments, run_key)
        return None if run is None else str(run.info.run_id)

    def _upload(self, store: ModelStore, push: Push, run_id: str | None) -> str:
        if run_id is None:
            raise TrackingError(
                f"Expected the run {push.run_id or '(without a name)'} that pushed {push.uri} in {self.uri}, to keep a "
                "copy of the push. Received: none. Send it first (yachay track RUN), or push to a bucket."
            )
        name = push_name(push.version)
        with tempfile.TemporaryDirectory(prefix="yachay-") as folder:
            write_files(stored_files(store, push), Path(folder))
            Path(folder, RECEIPT_FILE).write_bytes(store.read(push.version, RECEIPT_FILE) or b"")
            if MODEL_FILE not in push.files:  # An earlier version pushed it.
                _describe(Path(folder), store, push)
            self._client.log_artifacts(run_id, folder, name)
        return f"runs:/{run_id}/{name}"


def _describe(folder: Path, store: ModelStore, push: Push) -> None:
    """Makes a push of an earlier version a model of MLflow."""
    metadata = json.loads(read_file(folder / str(push.version) / METADATA_FILE))
    golden = golden_of(store, push.version)
    created = datetime.datetime.fromtimestamp(push.version, datetime.UTC).isoformat()
    write_files(describe_model(metadata, golden, golden if push.golden == "synthetic" else (), created).items(), folder)


def _in_bucket(push: Push) -> str | None:
    """Returns the place of a push as MLflow names it; None where it lies in a folder or on a claim, or is no model of
    MLflow, for an earlier version pushed it."""
    scheme, separator, key = push.uri.partition("://")
    if not separator or scheme not in _BUCKETS or MODEL_FILE not in push.files:
        return None
    return f"{_BUCKETS[scheme]}://{key}"
