"""Spans by OpenTelemetry, sent by OTLP over HTTP: imported only where tracing is on.

A thread of the library's sends what a bounded queue holds. A collector that hangs or is away costs
spans, which are counted, and nobody's time.
"""

import logging
import os
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

import structlog
from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as LibrarySpan

from zavora import __version__
from zavora.foundation import metrics
from zavora.foundation.tracing import Attributes, Kind
from zavora.foundation.watch_settings import ENDPOINT

log = structlog.get_logger(__name__)

# A kilobyte or two each: what waits takes some megabytes at most.
QUEUE_MAX: Final = 4_096
AT_ONCE_MAX: Final = 512
EVERY_MS: Final = 1_000
# For one attempt to send, its repetitions included.
SEND_S: Final = 5
# What is held when a process ends has so long to be sent.
STOP_S: Final = 1.0
LINKS_MAX: Final = 128
ATTRIBUTE_LENGTH_MAX: Final = 256
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Final[dict[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
# The library's own words on each attempt; what becomes of spans is counted and said once.
_LIBRARY: Final = ("opentelemetry.exporter", "opentelemetry.sdk")


class _Ids(RandomIdGenerator):
    """Ids by chance, but for a trace whose id is given."""

    def __init__(self) -> None:
        self.given: ContextVar[int | None] = ContextVar("given_trace_id", default=None)

    def generate_trace_id(self) -> int:
        """Return the given id, else one of chance."""
        return self.given.get() or super().generate_trace_id()


class _Counting(SpanExporter):
    """Counts what was sent and what was not, and says so when the one follows the other."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._was_sent = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send as the inner one does."""
        result = self._inner.export(spans)
        is_sent = result is SpanExportResult.SUCCESS
        _count("sent" if is_sent else "failed", len(spans))
        if is_sent != self._was_sent:
            self._was_sent = is_sent
            log.warning("spans_sent_again" if is_sent else "spans_not_sent", spans=len(spans))
        return result

    def shutdown(self) -> None:
        """End the inner one."""
        self._inner.shutdown()


def _count(result: str, number: int) -> None:
    if metrics.is_on():
        metrics.SPANS.labels(result).inc(number)


class OtlpSpan:
    """A span that has begun (``tracing.Span``)."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: LibrarySpan) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    @property
    def trace_id(self) -> str:
        """Return the trace's id as ``tracing.Span`` says."""
        return self.traceparent[3:35]

    def end(
        self, *, name: str = "", end_ns: int | None = None, attributes: Attributes | None = None
    ) -> None:
        """End it as ``tracing.Span`` says."""
        if name:
            self._span.update_name(name)
        if attributes:
            self._span.set_attributes(attributes)
        self._span.end(end_ns)


class OtlpSpans:
    """Makes spans, and has them sent (``tracing.Spans``)."""

    def __init__(self, service: str) -> None:
        for name in _LIBRARY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        exporter = OTLPSpanExporter(
            endpoint=f"{getattr(settings, ENDPOINT)}/v1/traces", timeout=SEND_S
        )
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # of what is not sampled, no span is begun
            resource=Resource(
                {
                    "service.name": f"zavora-{service}",
                    "service.version": __version__,
                    "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
                }
            ),
            id_generator=self._ids,
            span_limits=SpanLimits(
                max_links=LINKS_MAX, max_span_attribute_length=ATTRIBUTE_LENGTH_MAX
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Counting(exporter),
                max_queue_size=QUEUE_MAX,
                schedule_delay_millis=EVERY_MS,
                max_export_batch_size=AT_ONCE_MAX,
            )
        )
        self._tracer = self._provider.get_tracer("zavora", __version__)
        log.info("tracing", service=service)

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str = "",
        trace_id: int | None = None,
        start_ns: int | None = None,
        attributes: Attributes | None = None,
        links: tuple[str, ...] = (),
    ) -> OtlpSpan:
        """Begin one as ``tracing.Spans`` says."""
        # An empty context, as nothing of the library's own is to be found in the present one.
        context = Context()
        if parent:
            context = set_span_in_context(NonRecordingSpan(_context_of(parent)), context)
        token = self._ids.given.set(trace_id)
        try:
            span = self._tracer.start_span(
                name,
                context=context,
                kind=_KINDS[kind],
                attributes=attributes,
                links=[Link(_context_of(link)) for link in links],
                start_time=start_ns,
                record_exception=False,
            )
        finally:
            self._ids.given.reset(token)
        _count("made", 1)
        return OtlpSpan(span)

    def stop(self) -> None:
        """Send what is held, for ``STOP_S`` at most: the library would wait for half a minute."""
        ending = threading.Thread(target=self._provider.shutdown, name="spans-end", daemon=True)
        ending.start()
        ending.join(STOP_S)


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, _ = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_SAMPLED)
