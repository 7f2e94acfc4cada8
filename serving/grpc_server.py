"""V2 over gRPC: KServe's server with our checks and TLS in it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import grpc
import numpy as np
from kserve.errors import ModelNotFound, ModelNotReady
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer

from .access import Access
from .accounting import Account, Accounting
from .batching import Outputs
from .errors import Rejection, RequestError
from .kserve_model import PLATFORM, NamedModel
from .model import Caller, ServedModel
from .request_id import request_id
from .tls import TlsFiles, grpc_credentials
from .v2 import (
    Tensor,
    TensorRequest,
    check_outputs,
    choose_outputs,
    datatype,
    describe_features,
    describe_outputs,
    read_inputs,
    to_bytes,
)

logger = logging.getLogger(__name__)

_CONTENTS = {"FP32": "fp32_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}


class GrpcServer(GRPCServer):
    """KServe's gRPC server, on one address, with the token checked and the port not shared.

    Args:
        host: string. The address to listen on.
        port: int.
        servicer: `Servicer`.
        access: `Access`.
        options: sequence of gRPC channel arguments.
        tls: `TlsFiles`; None for plaintext.
    """

    def __init__(
        self,
        host: str,
        port: int,
        servicer: "Servicer",
        access: Access,
        options: Sequence[tuple[str, int]],
        tls: TlsFiles | None,
    ) -> None:
        super().__init__(port, None, None, kwargs={})
        self._host = host
        self._servicer = servicer
        self._access = access
        self._options = options
        self._tls = tls

    async def start(self) -> None:
        """Serves until it is stopped."""
        self._server = grpc.aio.server(
            interceptors=(_AccessInterceptor(self._access), _StatusInterceptor()),
            options=[*self._options, ("grpc.so_reuseport", 0)],
        )
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self._servicer, self._server)
        address = f"{self._host}:{self._port}"
        if self._tls is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_secure_port(address, grpc_credentials(self._tls))
        await self._server.start()
        await self._server.wait_for_termination()


class Servicer(InferenceServicer):
    """KServe's servicer with predictions made and rejected as over REST.

    Args:
        model: `NamedModel`.
        data_plane: KServe's data plane.
        repository: KServe's repository extension; None where the repository API is closed.
        accounting: `Accounting`.
    """

    def __init__(self, model: NamedModel, data_plane: Any, repository: Any, accounting: Accounting) -> None:
        super().__init__(data_plane, repository)
        self._model = model
        self._repository = repository
        self._accounting = accounting

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Serves a request for predictions."""
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        with self._accounting.request("grpc", headers) as account:
            # Where the client goes away the call is cancelled: it is neither answered nor the server's failure.
            account.status = grpc.StatusCode.CANCELLED.name
            try:
                response = await self._respond(request, headers, account)
                account.status = grpc.StatusCode.OK.name
                return response
            except RequestError as error:
                self._accounting.reject(error)
                code, message = error.rejection.code, str(error)
            except Exception:
                logger.exception("The request %s failed", request_id(request.id))
                code, message = grpc.StatusCode.INTERNAL, "The server failed to predict. Its log holds the reason."
            account.status = code.name
        await context.abort(code, message)
        raise AssertionError("abort raises")

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        """Returns the model's metadata, with its version."""
        try:
            served = self._served(request.name, request.version)
        except RequestError as error:
            await context.abort(error.rejection.code, str(error))
        return pb.ModelMetadataResponse(
            name=served.name,
            versions=[served.version],
            platform=PLATFORM,
            inputs=describe_features(served.features),
            outputs=describe_outputs(served.outputs),
        )

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        """Returns whether the model is ready."""
        if request.name != self._model.name:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Expected the model {self._model.name!r}.")
        return pb.ModelReadyResponse(ready=await self._model.healthy())

    async def RepositoryModelLoad(self, request: Any, context: Any) -> pb.RepositoryModelLoadResponse:
        """Loads the newest version, where the repository API is open."""
        await self._change(self._repository and self._repository.load, request.model_name, context)
        return pb.RepositoryModelLoadResponse(model_name=request.model_name, isLoaded=True)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> pb.RepositoryModelUnloadResponse:
        """Takes the model out of service, where the repository API is open."""
        await self._change(self._repository and self._repository.unload, request.model_name, context)
        return pb.RepositoryModelUnloadResponse(model_name=request.model_name, isUnloaded=True)

    async def _change(self, change: Callable[[str], Awaitable[None]] | None, name: str, context: Any) -> None:
        if change is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "The repository API is closed.")
            return
        try:
            await change(name)
        except ModelNotFound as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except ModelNotReady as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    async def _respond(
        self, request: pb.ModelInferRequest, headers: dict[str, str], account: Account
    ) -> pb.ModelInferResponse:
        served = self._served(request.model_name, request.model_version)
        tensors = read_request(request)
        check_outputs(tensors, [output.name for output in served.outputs])
        inputs = read_inputs(tensors, served.inputs)
        identifier = request_id(request.id or headers.get("x-request-id"))
        account.describe(request_id=identifier, model_version=served.version, rows=inputs.num_rows)
        outputs = await served.predict(inputs, Caller(identifier, "grpc", datetime.now(UTC)))
        return write_response(served, tensors, outputs, request.id or identifier)

    def _served(self, name: str, version: str) -> ServedModel:
        served = self._model.current()
        if name != served.name or version not in ("", served.version):
            raise RequestError(
                Rejection.UNKNOWN_MODEL,
                f"Expected the model {served.name!r} in version {served.version}. Received: another.",
            )
        return served


class _StatusInterceptor(ExceptionToStatusInterceptor):
    """KServe's interceptor, which takes no `abort` of ours for a failure of the server: a rejected request costs no
    traceback in the log.
    """

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        if isinstance(ex, grpc.aio.AbortError):
            raise ex
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class _AccessInterceptor(grpc.aio.ServerInterceptor):
    def __init__(self, access: Access) -> None:
        self._access = access

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        metadata = dict(handler_call_details.invocation_metadata)
        try:
            self._access.check_method(handler_call_details.method, metadata.get("authorization"))
        except RequestError as error:
            return grpc.unary_unary_rpc_method_handler(_rejecting(error))
        return await continuation(handler_call_details)


def _rejecting(error: RequestError) -> Callable[[Any, Any], Awaitable[None]]:
    async def reject(request: Any, context: Any) -> None:
        await context.abort(error.rejection.code, str(error))

    return reject


def read_request(request: pb.ModelInferRequest) -> TensorRequest:
    """Returns the request of a message.

    Raises:
        RequestError: if it does not fit the protocol.
    """
    raw = request.raw_input_contents
    if raw and (len(raw) != len(request.inputs) or any(entry.HasField("contents") for entry in request.inputs)):
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected a raw content for each of the {len(request.inputs)} inputs, and no other. Received: {len(raw)} "
            "raw ones, or others beside them.",
        )
    outputs: dict[str, bool | None] = {output.name: None for output in request.outputs}
    if len(outputs) < len(request.outputs):
        raise RequestError(Rejection.MALFORMED, "Expected each output once. Received: one of them twice.")
    tensors = [
        Tensor(entry.name, entry.datatype, entry.shape, raw[index] if raw else _contents(entry))
        for index, entry in enumerate(request.inputs)
    ]
    return TensorRequest(
        request.id,
        tensors,
        outputs,
        bool(raw),
        request.parameters["nan_is_missing"].bool_param if "nan_is_missing" in request.parameters else False,
    )


def write_response(
    served: ServedModel, request: TensorRequest, outputs: Outputs, identifier: str
) -> pb.ModelInferResponse:
    """Returns the message of a response: raw contents where the inputs were raw."""
    response = pb.ModelInferResponse(model_name=served.name, model_version=served.version, id=identifier)
    for name, (values, is_raw) in choose_outputs(outputs, request).items():
        output = response.outputs.add(name=name, datatype=datatype(values), shape=values.shape)
        if is_raw:
            response.raw_output_contents.append(to_bytes(values))
        else:
            contents = getattr(output.contents, _CONTENTS[output.datatype])
            flat = values.ravel()
            contents.extend([value.encode() for value in flat] if values.dtype == np.object_ else flat.tolist())
    return response


def _contents(entry: Any) -> list[Any]:
    if entry.datatype not in _CONTENTS:
        return []
    others = [field.name for field, _ in entry.contents.ListFields() if field.name != _CONTENTS[entry.datatype]]
    if others:
        raise RequestError(
            Rejection.MALFORMED,
            f"Expected {entry.name[:40]!r} ({entry.datatype}) to hold {_CONTENTS[entry.datatype]} alone. Received: "
            f"{', '.join(others)}.",
        )
    values = list(getattr(entry.contents, _CONTENTS[entry.datatype]))
    if entry.datatype != "BYTES":
        return values
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise RequestError(
            Rejection.VALUES, f"Expected {entry.name[:40]!r} to be strings in UTF-8. Received: other bytes."
        ) from None
