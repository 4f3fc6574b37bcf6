"""Traces for a collector (OTLP); without an endpoint none is made or sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from orchestrator.telemetry.logger import get_logger

if TYPE_CHECKING:
    from opentelemetry.trace import Span

log = get_logger(__name__)

TRACE_HEADERS = ("traceparent", "tracestate")
"""The trace headers of a message: https://www.w3.org/TR/trace-context/"""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def set_up_traces(variables: Mapping[str, str], *, kind: str, version: str) -> bool:
    """Send spans where OpenTelemetry's own variables say; True if anything will be sent."""
    if not any(variables.get(name) for name in _ENDPOINTS):
        return False
    try:
        from opentelemetry import trace  # noqa: PLC0415 - only who is traced waits for it
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - likewise
    except ImportError:
        log.warning("traces.not_installed", hint="pip install 'muster[traces]'")
        return False
    named = {"service.name": f"muster-{kind}", "service.version": version}
    provider = TracerProvider(resource=Resource.create(named))
    # The exporter reads the endpoint, headers and certificates from the variables itself.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def carrier() -> dict[str, str]:
    """The span that goes on now, as the headers of a message; empty where no collector is configured."""
    from opentelemetry import propagate  # noqa: PLC0415 - likewise

    carried: dict[str, str] = {}
    propagate.inject(carried)
    return carried


@contextmanager
def continued(name: str, carried: Mapping[str, str]) -> Iterator[Span]:
    """A piece of work that the message of another process began."""
    from opentelemetry import propagate, trace  # noqa: PLC0415 - likewise

    context, kind = propagate.extract(carried), trace.SpanKind.CONSUMER
    with trace.get_tracer("muster").start_as_current_span(name, context=context, kind=kind) as span:
        yield span


def spanned(name: str, **facts: str | int) -> AbstractContextManager[Span | None]:
    """The time of one piece of work; no span is made where no collector is configured."""
    from opentelemetry import trace  # noqa: PLC0415 - likewise

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return _NOBODY_COLLECTS
    return trace.get_tracer("muster").start_as_current_span(name, attributes=facts)


def hide_query() -> None:
    """Leave the query out of the request's span: links and codes that sign a person in stand there."""
    from opentelemetry import trace  # noqa: PLC0415 - likewise

    trace.get_current_span().set_attribute("url.query", "REDACTED")


_NOBODY_COLLECTS: AbstractContextManager[None] = nullcontext()
