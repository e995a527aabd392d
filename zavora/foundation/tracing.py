"""Where the time of a request goes: spans of one trace in every process that it passes.

Whether a request is traced is decided once, where it comes in, and by chance alone
(docs/adr/0048-traces.md). Of one that is not, no span is made anywhere. What makes and sends spans
is imported where tracing is on only.
"""

import random
import re
import time
from contextvars import ContextVar
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from zavora.foundation.setting_values import SettingValue

Kind = Literal["server", "producer", "consumer", "internal"]
Attributes = dict[str, str | int]
# What the edge asks for of a trace that it begins: see ``sample``.
_RATIO: Final = SettingValue("ZAVORA_TRACE_RATIO")
_PARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", re.ASCII)


class Span(Protocol):
    """A span that has begun."""

    @property
    def traceparent(self) -> str:
        """Return what other spans, of other processes too, become its children by (W3C)."""

    @property
    def trace_id(self) -> str:
        """Return the trace's id as 32 hexadecimal digits."""

    def end(
        self, *, name: str = "", end_ns: int | None = None, attributes: Attributes | None = None
    ) -> None:
        """End it, now or at a time of the clock; once. It may get its name only then."""


class Spans(Protocol):
    """What makes spans and sends them (``span_export``)."""

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
    ) -> Span:
        """Begin a span, below ``parent`` or else of a trace of its own. Never waits."""

    def stop(self) -> None:
        """Send what is there, for a moment."""


_spans: Spans | None = None
# The span of the present request, where that is traced.
current: Final[ContextVar[Span | None]] = ContextVar("current_span", default=None)


def start(service: str) -> None:
    """Make and send spans in this process from now on, where settings say so."""
    global _spans
    if _spans is None and _RATIO.value:
        from zavora.foundation import span_export  # noqa: PLC0415  (the libraries take 0.2 s)

        _spans = span_export.OtlpSpans(service)


def stop() -> None:
    """Send what is there, for a moment, and make no more."""
    global _spans
    spans, _spans = _spans, None
    if spans is not None:
        spans.stop()


def is_on() -> bool:
    """Tell whether this process makes spans at all."""
    return _spans is not None


def sample(request_id: str, *, is_ours: bool, start_ns: int | None = None) -> Span | None:
    """Decide whether a request is traced, and begin its trace if so.

    Where we made the request's id ourselves, the trace's id is the same. One that a client sent
    is an attribute only: it could be anybody's, or that of all the client ever asks.
    """
    # What a client sends has no part in this: strangers do not decide what we do more.
    if _spans is None or random.random() >= _RATIO.value:  # noqa: S311  (no secret)
        return None
    return _spans.begin(
        "request",
        kind="server",
        trace_id=UUID(request_id).int if is_ours else None,
        start_ns=start_ns,
        attributes={"zavora.request_id": request_id},
    )


def step(name: str, *, kind: Kind = "internal") -> Span | None:
    """Begin a span below that of the present request; None where that is not traced."""
    if _spans is None:
        return None
    parent = current.get()
    return None if parent is None else _spans.begin(name, kind=kind, parent=parent.traceparent)


def begin(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str = "",
    start_ns: int,
    attributes: Attributes | None = None,
    links: tuple[str, ...] = (),
) -> Span | None:
    """Begin a span below one of elsewhere, at a time of the clock; None where tracing is off."""
    if _spans is None:
        return None
    return _spans.begin(
        name, kind=kind, parent=parent, start_ns=start_ns, attributes=attributes, links=links
    )


def accepted(parent: bytes) -> str:
    """Return what a message says it belongs to; empty where it says nothing, or nothing sound."""
    if _spans is None:
        return ""
    text = parent.decode("latin-1")
    return text if _PARENT.fullmatch(text) else ""


def trace_id_of(traceparent: str) -> str:
    """Return the id of the trace that a span belongs to."""
    return traceparent[3:35]


now_ns: Final[Any] = time.time_ns
