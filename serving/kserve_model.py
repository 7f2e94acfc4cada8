"""KServe's side of a served model: the registered name, its readiness and its metadata."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import kserve
import orjson
from kserve.errors import InvalidInput
from kserve.protocol.dataplane import DataPlane

from .errors import Rejection, RequestError
from .model import Caller, ServedModel
from .request_id import request_id
from .v1 import read_request, write_response
from .v2 import describe_features, describe_outputs

PLATFORM = "tensorflow_savedmodel"


class NamedModel(kserve.Model):
    """The name that clients ask for, served by the version in service.

    KServe serves its metadata and its CloudEvents; plain predictions never come through here.

    Args:
        name: string.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.served: ServedModel | None = None

    def current(self) -> ServedModel:
        """Returns the version in service.

        Raises:
            RequestError: if there is none.
        """
        if self.served is None or not self.ready:
            raise RequestError(
                Rejection.NOT_READY, f"Expected the model {self.name!r} to be ready. Received: it is not."
            )
        return self.served

    def swap(self, served: ServedModel) -> ServedModel | None:
        """Puts a version into service, and returns the one that was. To be called in the event loop."""
        former, self.served, self.ready = self.served, served, True
        return former

    def load(self) -> bool:
        """Returns whether it is ready: the SDK's own would say yes."""
        return bool(self.ready)

    def start(self) -> None:
        """Does nothing: the SDK's own would say that it is ready."""

    def get_input_types(self) -> list[dict[str, Any]]:
        """Returns the inputs of the V2 metadata."""
        return describe_features(self.current().features)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Returns the outputs of the V2 metadata."""
        return describe_outputs(self.current().outputs)

    async def predict(self, payload: Any, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Serves a V1 request that came as a CloudEvent."""
        try:
            served = self.current()
            inputs, by_rows = read_request(payload, served.inputs)
            caller = Caller(request_id((headers or {}).get("x-request-id")), "v1", datetime.now(UTC))
            outputs = await served.predict(inputs, caller)
        except RequestError as error:
            raise InvalidInput(str(error)) from None
        response: dict[str, Any] = orjson.loads(write_response(outputs, by_rows))
        return response


class TruthfulDataPlane(DataPlane):
    """KServe's data plane; the SDK's own says that a server without a ready model is ready."""

    def __init__(self, model: NamedModel, *, model_registry: Any, extensions: tuple[str, ...]) -> None:
        super().__init__(model_registry=model_registry)
        self._model = model
        self._extensions = extensions

    async def ready(self) -> bool:
        """Returns whether the model is ready."""
        return bool(await self._model.healthy())

    def metadata(self) -> dict[str, Any]:
        """Returns the server's metadata."""
        return {**super().metadata(), "extensions": list(self._extensions)}

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """Returns the model's metadata, with its version."""
        metadata = await super().model_metadata(model_name)
        return {**metadata, "platform": PLATFORM, "versions": [self._model.current().version]}
