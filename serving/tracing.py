"""OpenTelemetry traces, on request: a span a request, within the caller's trace."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SERVICE = "yachay.serving"


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


def request_span(
    tracer: Any, model_name: str, protocol: str, headers: Mapping[str, str]
) -> AbstractContextManager[trace.Span]:
    """Returns a context of the span of a request."""
    span: AbstractContextManager[trace.Span] = tracer.start_as_current_span(
        f"predict {model_name}",
        context=propagate.extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes={"yachay.model_name": model_name, "yachay.protocol": protocol},
    )
    return span
