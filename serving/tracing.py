"""OpenTelemetry traces, on request: a span a request, within the caller's trace.

Names and attributes are those of OpenTelemetry's conventions for HTTP and RPC servers; what is ours begins with
`yachay.` (https://opentelemetry.io/docs/specs/semconv/).
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .access_log import note
from .contract import WireProtocol

SERVICE = "yachay.serving"
MAX_LINKS = 128
_GRPC_ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


def start_tracing(model_name: str, processor: SpanProcessor | None = None) -> tuple[trace.Tracer, TracerProvider]:
    """Returns a tracer, and its provider, which is to be shut down at the end.

    The exporter reads OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, ...

    Args:
        model_name: string. Part of the resource.
        processor: span processor. Defaults to one that exports over OTLP in a thread of its own.
    """
    name = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
    resource = Resource.create({SERVICE_NAME: name, "yachay.model_name": model_name})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer(SERVICE), provider


@contextlib.contextmanager
def request_span(
    tracer: Any, model_name: str, protocol: WireProtocol, headers: Mapping[str, str], attributes: Mapping[str, Any]
) -> Iterator[trace.Span]:
    """Gives the span of a request, within its caller's trace, and notes the trace in the access log.

    Args:
        tracer: OpenTelemetry tracer.
        model_name: string.
        protocol: `WireProtocol`.
        headers: mapping of lower-case name to value.
        attributes: mapping of name to value, `http_attributes` or `grpc_attributes`.
    """
    with tracer.start_as_current_span(
        attributes["rpc.method"] if protocol == "grpc" else f"POST {attributes['http.route']}",
        context=propagate.extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes={"yachay.model_name": model_name, "yachay.protocol": protocol, **attributes},
    ) as span:
        note(trace_id=trace.format_trace_id(span.get_span_context().trace_id))
        yield span


@contextlib.contextmanager
def batch_span(tracer: Any, model_name: str, source: str, traces: Sequence[str]) -> Iterator[trace.Span]:
    """Gives the span of a batch of events, linked with the traces that they came with.

    Args:
        tracer: OpenTelemetry tracer.
        model_name: string.
        source: string. What the events were read from.
        traces: sequence of strings. Values of `traceparent`; the first `MAX_LINKS` of them are linked.
    """
    contexts = [trace.get_current_span(propagate.extract({"traceparent": each})) for each in traces[:MAX_LINKS]]
    with tracer.start_as_current_span(
        f"process {source}",
        kind=trace.SpanKind.CONSUMER,
        links=[trace.Link(context.get_span_context()) for context in contexts],
        attributes={
            "yachay.model_name": model_name,
            "messaging.operation.type": "process",
            "messaging.destination.name": source,
        },
    ) as span:
        yield span


def end_span(span: trace.Span, protocol: WireProtocol, status: str) -> None:
    """Notes the outcome of a request; only what is the server's fault marks its span as an error.

    Args:
        span: span.
        protocol: `WireProtocol`.
        status: string. HTTP status, or name of a gRPC code.
    """
    if protocol == "grpc":
        span.set_attribute("rpc.response.status_code", status)
    else:
        span.set_attribute("http.response.status_code", int(status))
    if status in _GRPC_ERRORS or status.startswith("5"):
        span.set_attribute("error.type", status)
        span.set_status(trace.StatusCode.ERROR)


def http_attributes(scope: Any, headers: Mapping[str, str], route: str) -> dict[str, Any]:
    """Returns the attributes of a request over HTTP.

    Args:
        scope: scope of ASGI.
        headers: mapping of lower-case name to value.
        route: string. Its path, with names in the place of what differs.
    """
    server, client = scope.get("server") or (None, None), scope.get("client") or (None, None)
    return _given(
        {
            "http.request.method": scope["method"],
            "http.route": route,
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
            "server.address": server[0],
            "server.port": server[1],
            "client.address": client[0],
            "client.port": client[1],
            "user_agent.original": headers.get("user-agent"),
        }
    )


def grpc_attributes(method: str, peer: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Returns the attributes of a call over gRPC.

    Args:
        method: string, `package.Service/Method`.
        peer: string, as gRPC names it.
        headers: mapping of lower-case name to value.
    """
    return _given(
        {
            "rpc.system.name": "grpc",
            "rpc.method": method,
            "client.address": peer,
            "user_agent.original": headers.get("user-agent"),
        }
    )


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
