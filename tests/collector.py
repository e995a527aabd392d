"""A collector of traces as anybody's is, OTLP over HTTP: keeps spans, or hangs, or refuses."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.exchange import wait_until
from tests.stub_server import StubHandler, serving
from zavora.runner.exchange import HOST


@dataclass(frozen=True)
class Collected:
    """A span as it arrived; times in nanoseconds since 1970."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str | int] = field(hash=False)
    links: tuple[str, ...]


class Collector:
    """What a collector was sent; ``status``: what it answers. Hangs while ``hangs`` is set."""

    def __init__(self) -> None:
        self.spans: list[Collected] = []
        self.paths: set[str] = set()
        self.status = 200
        self.hangs = threading.Event()
        self.released = threading.Event()
        self.asked = threading.Event()
        self.url = ""

    def of_trace(self, trace_id: str) -> dict[str, Collected]:
        """Return the spans of a trace by name."""
        return {span.name: span for span in list(self.spans) if span.trace_id == trace_id}

    def wait_for(self, trace_id: str, names: set[str]) -> dict[str, Collected]:
        """Return the spans of a trace once they have come."""
        found: dict[str, Collected] = wait_until(
            lambda: spans if names <= set(spans := self.of_trace(trace_id)) else None,
            timeout_s=20,
            what=f"{names} of {trace_id}; there are {[s.name for s in self.spans][-20:]}",
        )
        return found

    def take(self, body: bytes) -> None:
        """Keep what was sent."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [
                    Collected(
                        str(about["service.name"]),
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        _values(span.attributes),
                        tuple(link.span_id.hex() for link in span.links),
                    )
                    for span in scope.spans
                ]


def _values(attributes: Any) -> dict[str, str | int]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector that listens on a port of its own."""
    collector = Collector()

    class Handler(StubHandler):
        def respond(self) -> None:
            body = self.body()
            collector.paths.add(self.path)
            collector.asked.set()
            if collector.hangs.is_set():
                collector.released.wait(60)
                return
            if collector.status == 200:
                collector.take(body)
            self.answer(collector.status)

    with serving(Handler) as port:
        collector.url = f"http://{HOST}:{port}"
        try:
            yield collector
        finally:
            collector.released.set()
