"""V2 over gRPC: KServe's server with our checks and TLS in it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from kserve.errors import ModelNotFound, ModelNotReady
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer

from .access import Access
from .access_log import AccessLog
from .accounting import Account, Accounting
from .errors import Rejection, RequestError
from .grpc_messages import parse_message, read_request, write_response
from .inputs import Inputs
from .kserve_model import PLATFORM, NamedModel
from .model import Caller, ServedModel
from .reading import RequestReader
from .request_id import request_id
from .tls import TlsFiles, grpc_credentials
from .v2 import TensorRequest, check_outputs, describe_features, describe_outputs, read_inputs

logger = logging.getLogger(__name__)

_INFER = "/inference.GRPCInferenceService/ModelInfer"
MAX_CALLS = 1024
"""Calls at once; gRPC itself rejects more of them."""
MAX_WAITING_CALLS = 512
"""Calls that may wait long for their messages, half of all; the others, so that there is room for who sends one,"""
CROWDED_SECONDS = 1.0
"""no longer than this."""
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 128),  # of a connection
    ("grpc.max_metadata_size", 16 * 2**10),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
)


class GrpcServer(GRPCServer):
    """KServe's gRPC server, on one address, with the token checked and the port not shared.

    Args:
        host: string. The address to listen on.
        port: int.
        servicer: `Servicer`.
        access: `Access`.
        options: sequence of gRPC channel arguments.
        tls: `TlsFiles`; None for plaintext.
        access_log: `AccessLog`; None for none.
        message_seconds: float. How long a call may take to send its message.
    """

    def __init__(
        self,
        host: str,
        port: int,
        servicer: "Servicer",
        access: Access,
        options: Sequence[tuple[str, int]],
        tls: TlsFiles | None,
        access_log: AccessLog | None,
        message_seconds: float,
    ) -> None:
        super().__init__(port, None, None, kwargs={})
        self._host = host
        self._servicer = servicer
        self._access = access
        self._options = options
        self._tls = tls
        self._access_log = access_log
        self._messages = _Messages(message_seconds, servicer.reject)

    async def start(self) -> None:
        """Serves until it is stopped."""
        self._server = grpc.aio.server(
            interceptors=(_AccessInterceptor(self._access, self._access_log, self._messages), _StatusInterceptor()),
            options=[*self._options, *_OPTIONS],
            maximum_concurrent_rpcs=MAX_CALLS,
        )
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self._servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(_Health(self._servicer), self._server)
        service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
        reflection.enable_server_reflection((service, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
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
        reader: `RequestReader`.
        data_plane: KServe's data plane.
        repository: KServe's repository extension; None where the repository API is closed.
        accounting: `Accounting`.
        request_seconds: float. How long a call may take.
    """

    def __init__(
        self,
        model: NamedModel,
        reader: RequestReader,
        data_plane: Any,
        repository: Any,
        accounting: Accounting,
        request_seconds: float,
    ) -> None:
        super().__init__(data_plane, repository)
        self._model = model
        self._reader = reader
        self._request_seconds = request_seconds
        self._repository = repository
        self._accounting = accounting

    async def ModelInfer(self, request: bytes, context: Any) -> pb.ModelInferResponse:
        """Serves a request for predictions, which comes as bytes: it is parsed within the limits of its model."""
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        identifier = request_id(headers.get("x-request-id"))
        remaining = context.time_remaining()
        seconds = self._request_seconds if remaining is None else min(remaining, self._request_seconds)

        def attributes() -> dict[str, Any]:
            from .tracing import grpc_attributes

            return grpc_attributes(_INFER[1:], context.peer(), headers)

        with self._accounting.request("grpc", headers, attributes) as account:
            # Where the client goes away the call is cancelled: it is neither answered nor the server's failure.
            account.status = grpc.StatusCode.CANCELLED.name
            try:
                if seconds <= 0:
                    raise TimeoutError
                async with asyncio.timeout(seconds):
                    response = await self._respond(request, identifier, account)
                account.status = grpc.StatusCode.OK.name
                return response
            except TimeoutError:
                error = RequestError(Rejection.LATE, f"Expected a response within {seconds:g} s. Received: none yet.")
                code, message = self.reject(error)
            except RequestError as error:
                code, message = self.reject(error)
            except Exception as error:
                logger.exception("The request %s failed", identifier)
                account.fail(error)
                code, message = grpc.StatusCode.INTERNAL, "The server failed to predict. Its log holds the reason."
            account.status = code.name
        await context.abort(code, message)
        raise AssertionError("abort raises")

    async def is_ready(self) -> bool:
        """Returns whether the model is ready."""
        return bool(await self._model.healthy())

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        """Returns the model's metadata, with its version."""
        try:
            served = self._model.current()
            _check_model(served, request.name, request.version)
        except RequestError as error:
            await context.abort(grpc.StatusCode[error.rejection.code], str(error))
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

    async def _respond(self, content: bytes, identifier: str, account: Account) -> pb.ModelInferResponse:
        def read(served: ServedModel) -> tuple[pb.ModelInferRequest, TensorRequest, Inputs]:
            message = parse_message(content, served.inputs.max_values)
            _check_model(served, message.model_name, message.model_version)
            request = read_request(message, served.inputs)
            check_outputs(request, [output.name for output in served.outputs])
            return message, request, read_inputs(request, served.inputs)

        served, (message, request, inputs) = await self._reader.read(len(content), read)
        identifier = request_id(message.id or identifier)
        account.describe(request_id=identifier, model_version=served.version, rows=inputs.num_rows)
        outputs = await served.predict(inputs, Caller(identifier, "grpc", datetime.now(UTC)))
        return write_response(served, request, outputs, message.id or identifier)

    def reject(self, error: RequestError) -> tuple[grpc.StatusCode, str]:
        """Counts a rejection, and returns its code and message."""
        self._accounting.reject(error)
        return grpc.StatusCode[error.rejection.code], str(error)


def _check_model(served: ServedModel, name: str, version: str) -> None:
    if name != served.name or version not in ("", served.version):
        raise RequestError(
            Rejection.UNKNOWN_MODEL,
            f"Expected the model {served.name!r} in version {served.version}. Received: another.",
        )


class _Health(health_pb2_grpc.HealthServicer):
    """gRPC's own health service: serving where the model is ready."""

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer

    async def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:
        """Returns whether the server, `""`, or a service of it serves."""
        known = ("", health.SERVICE_NAME, pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name)
        if request.service not in known:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Expected one of {', '.join(map(repr, known))}.")
        is_ready = await self._servicer.is_ready()
        status = health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        return health_pb2.HealthCheckResponse(status=status)


class _StatusInterceptor(ExceptionToStatusInterceptor):
    """KServe's interceptor, which takes no `abort` of ours for a failure of the server: a rejected request costs no
    traceback in the log.
    """

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        if isinstance(ex, grpc.aio.AbortError):
            raise ex
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class _AccessInterceptor(grpc.aio.ServerInterceptor):
    def __init__(self, access: Access, access_log: AccessLog | None, messages: "_Messages") -> None:
        self._access = access
        self._access_log = access_log
        self._messages = messages

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        metadata = dict(handler_call_details.invocation_metadata)
        try:
            self._access.check_method(handler_call_details.method, metadata.get("authorization"))
            handler = await continuation(handler_call_details)
        except RequestError as error:
            handler = grpc.unary_unary_rpc_method_handler(_rejecting(error))
        if handler is None or handler.unary_unary is None:
            # Of streams there is reflection alone; nobody is to hold one for long.
            return None if handler is None or handler.stream_stream is None else self._messages.limit_stream(handler)
        if handler_call_details.method == _INFER:
            # Bytes that are no message would be a failure of the server, and millions of fields would hold it up.
            handler = handler._replace(request_deserializer=None)
        call = self._messages.receive(handler.unary_unary)
        if self._access_log is not None:
            headers = {key: value for key, value in metadata.items() if isinstance(value, str)}
            call = _logged(call, self._access_log, handler_call_details.method, headers)
        return grpc.stream_unary_rpc_method_handler(call, handler.request_deserializer, handler.response_serializer)


class _Messages:
    """Waits for the messages of calls: gRPC itself would for ever, with a place among `MAX_CALLS` for each.

    Args:
        seconds: float. How long.
        reject: function that counts a rejection, and returns its code and message.
    """

    def __init__(self, seconds: float, reject: Callable[[RequestError], tuple[grpc.StatusCode, str]]) -> None:
        self._seconds = seconds
        self._reject = reject
        self._num_waiting = 0

    def receive(self, behavior: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        """Returns a call with a stream of one message as its request."""

        async def call(requests: Any, context: Any) -> Any:
            try:
                is_crowded = self._num_waiting >= MAX_WAITING_CALLS
                self._num_waiting += 1
                try:
                    async with asyncio.timeout(CROWDED_SECONDS if is_crowded else self._seconds):
                        request = await anext(aiter(requests))
                finally:
                    self._num_waiting -= 1
            except TimeoutError:
                error = RequestError(Rejection.SLOW_BODY, "Expected the message in time. Received: a part of it.")
                await context.abort(*self._reject(error))
            except StopAsyncIteration:
                error = RequestError(Rejection.MALFORMED, "Expected a message. Received: none.")
                await context.abort(*self._reject(error))
            return await behavior(request, context)

        return call

    def limit_stream(self, handler: Any) -> Any:
        """Returns a handler of streams that ends them after the time for a message."""

        async def call(requests: Any, context: Any) -> Any:
            try:
                async with asyncio.timeout(self._seconds):
                    async for response in handler.stream_stream(requests, context):
                        yield response
            except TimeoutError:
                error = RequestError(Rejection.SLOW_BODY, "Expected the stream to end in time. Received: more of it.")
                await context.abort(*self._reject(error))

        return handler._replace(stream_stream=call)


def _logged(
    behavior: Callable[[Any, Any], Awaitable[Any]], access_log: AccessLog, method: str, headers: dict[str, str]
) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: Any) -> Any:
        with access_log.request(headers, client=context.peer(), protocol="grpc", path=method) as line:
            line["status"] = grpc.StatusCode.CANCELLED.name
            try:
                response = await behavior(request, context)
                line["status"] = grpc.StatusCode.OK.name
                return response
            except grpc.aio.AbortError:
                line["status"] = context.code().name
                raise

    return call


def _rejecting(error: RequestError) -> Callable[[Any, Any], Awaitable[None]]:
    async def reject(request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode[error.rejection.code], str(error))

    return reject
