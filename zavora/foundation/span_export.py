"""Spans by OpenTelemetry, sent by OTLP over HTTP: imported only where tracing is on.

A thread of the library's sends what a bounded queue holds. A collector that hangs or is away costs
spans, which are counted, and nobody's time.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import structlog
from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from zavora import __version__
from zavora.foundation import metrics
from zavora.foundation.tracing import Attributes, Kind
from zavora.foundation.watch_settings import ENDPOINT

log = structlog.get_logger(__name__)

# What waits to be sent; some megabytes at most.
QUEUE_MAX: Final = 4_096
AT_ONCE_MAX: Final = 512
EVERY_MS: Final = 1_000
# For one attempt to send, its repetitions included.
SEND_S: Final = 5
# What is held when a process ends has so long to be sent.
STOP_S: Final = 1.0
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("zavora", __version__)
_KINDS: Final[dict[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
# The library's own words on each attempt; what becomes of spans is counted and said once.
_LIBRARY: Final = ("opentelemetry.exporter", "opentelemetry.sdk")


class _Resource(Resource):
    """What all spans of this process have in common: looked up with each, so hashed once."""

    def __hash__(self) -> int:
        return id(self)


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
        metrics.series(metrics.SPANS, result).inc(number)


class OtlpSpan:
    """A span that has begun (``tracing.Span``)."""

    __slots__ = ("_attributes", "_context", "_kind", "_links", "_name", "_parent", "_start", "_to")

    def __init__(
        self,
        to: "OtlpSpans",
        name: str,
        *,
        kind: Kind,
        parent: str,
        trace_id: int | None,
        start_ns: int | None,
        attributes: Attributes | None,
        links: tuple[str, ...],
    ) -> None:
        self._to = to
        self._name = name
        self._kind = _KINDS[kind]
        self._parent = context_of(parent) if parent else None
        if self._parent is not None:
            trace_id = self._parent.trace_id
        self._context = SpanContext(
            trace_id or random.getrandbits(128),
            random.getrandbits(64),
            is_remote=False,
            trace_flags=_SAMPLED,
        )
        self._start = start_ns or time.time_ns()
        self._attributes = attributes or {}
        self._links = [Link(context_of(link)) for link in links]

    @property
    def traceparent(self) -> str:
        """Return it as ``tracing.Span`` says."""
        context = self._context
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    @property
    def trace_id(self) -> str:
        """Return the trace's id as ``tracing.Span`` says."""
        return f"{self._context.trace_id:032x}"

    def end(
        self, *, name: str = "", end_ns: int | None = None, attributes: Attributes | None = None
    ) -> None:
        """End it as ``tracing.Span`` says."""
        # Made as a whole, as all of it is known by now: a tracer of the library's takes three times
        # as long to keep one that is under way, and processor and exporter ask for no more.
        self._to.take(
            ReadableSpan(
                name or self._name,
                self._context,
                self._parent,
                self._to.resource,
                {**self._attributes, **(attributes or {})},
                links=self._links,
                kind=self._kind,
                instrumentation_scope=_SCOPE,
                start_time=self._start,
                end_time=end_ns or time.time_ns(),
            )
        )


class OtlpSpans:
    """Makes spans, and has them sent (``tracing.Spans``)."""

    def __init__(self, service: str) -> None:
        for name in _LIBRARY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.resource = _Resource(
            {
                "service.name": f"zavora-{service}",
                "service.version": __version__,
                "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
            }
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{getattr(settings, ENDPOINT)}/v1/traces", timeout=SEND_S
        )
        self._processor = BatchSpanProcessor(
            _Counting(exporter),
            max_queue_size=QUEUE_MAX,
            schedule_delay_millis=EVERY_MS,
            max_export_batch_size=AT_ONCE_MAX,
        )
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
        return OtlpSpan(
            self,
            name,
            kind=kind,
            parent=parent,
            trace_id=trace_id,
            start_ns=start_ns,
            attributes=attributes,
            links=links,
        )

    def take(self, span: ReadableSpan) -> None:
        """Have an ended span sent; where too many wait, the oldest is dropped."""
        _count("made", 1)
        self._processor.on_end(span)

    def stop(self) -> None:
        """Send what is held, for ``STOP_S`` at most: the library would wait for half a minute."""
        ending = threading.Thread(target=self._processor.shutdown, name="spans-end", daemon=True)
        ending.start()
        ending.join(STOP_S)


def context_of(traceparent: str) -> SpanContext:
    """Return a span of elsewhere by what a message says of it."""
    _, trace_id, span_id, _ = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_SAMPLED)
