"""The model that a candidate is compared with: the last one that was blessed and pushed before it."""

from collections.abc import Sequence
from typing import Any

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import standard_artifacts

from ..model_store.location import open_store
from ..model_store.store import latest_push

_CURRENT_MODEL_ID = "current_model_id"


class LatestPushedModelStrategy(LatestBlessedModelStrategy):
    """Resolves the model of the last push, as the pointer object does on Kubeflow Pipelines.

    A model that was blessed and then not pushed, because it did not predict the same when it was served, is none. A
    candidate that is itself the model of the last push, as in a second run on unchanged data, is not compared with
    itself but with what it was compared with when it was pushed: its evaluation is then in the cache.

    Args:
        store: string. The model store; see `Pusher`.
        mount: string. Folder at which the claim of a `pvc://` store is mounted.
        endpoint_url: string. Address of the S3 server of the store.
    """

    def __init__(self, store: str = "", mount: str = "", endpoint_url: str = "") -> None:
        self._place = (store, mount, endpoint_url)

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns the model and its blessing, each in the channel that it came in; nothing where there is none.

        Raises:
            StoreError: if the model store cannot be read.
        """
        resolved: dict[str, list[types.Artifact]] = {key: [] for key in input_dict}
        model_key = _key_of(input_dict, standard_artifacts.Model)
        blessing_key = _key_of(input_dict, standard_artifacts.ModelBlessing)
        if model_key is None or blessing_key is None:
            return resolved
        push = latest_push(open_store(*self._place))
        if push is None:
            return resolved
        uri: str | None = push.trained_uri
        if uri == _candidate_uri(store, input_dict[model_key]):
            uri = push.blessing.get("baseline")
        for model in sorted(input_dict[model_key], key=lambda artifact: -int(artifact.id)):
            blessings = [one for one in input_dict[blessing_key] if _is_of(one, model)]
            if model.uri == uri and blessings:
                return {model_key: [model], blessing_key: blessings[-1:]}
        return resolved


def _candidate_uri(store: MetadataStore, models: Sequence[types.Artifact]) -> str | None:
    """Returns the URI of the model that the run has trained or taken from the cache: the last one put out."""
    events = [
        event
        for event in store.get_events_by_artifact_ids([model.id for model in models])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    last = max(events, key=lambda event: (event.milliseconds_since_epoch, event.execution_id), default=None)
    return next((str(model.uri) for model in models if last and model.id == last.artifact_id), None)


def _key_of(input_dict: dict[str, list[types.Artifact]], kind: type) -> str | None:
    return next((key for key, artifacts in input_dict.items() if artifacts and isinstance(artifacts[0], kind)), None)


def _is_of(blessing: Any, model: Any) -> bool:
    return bool(blessing.get_int_custom_property(_CURRENT_MODEL_ID) == model.id)
