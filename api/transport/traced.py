"""What the edge says of a request that is traced: that it is, and what became of it.

A request is looked at where its id is known, in both APIs and in their sockets' calls; most are not
traced (``zavora.foundation.tracing``).
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import structlog

from zavora.foundation import tracing

log = structlog.get_logger(__name__)

# Where a request's span stands, and when it came in, of the clock.
SPAN: Final = "zavora.span"
BEGAN_NS: Final = "zavora.began_ns"
_NOTHING: Final[AbstractContextManager[Any]] = nullcontext()


def begin(scope: dict[str, Any], request_id: str, *, is_ours: bool) -> None:
    """Decide whether a request is traced; ``is_ours``: we made its id, no client did."""
    if not tracing.is_on():
        return
    span = tracing.sample(request_id, is_ours=is_ours, start_ns=scope.get(BEGAN_NS))
    if span is not None:
        scope[SPAN] = span
        tracing.current.set(span)
        _say(span)


def _say(span: tracing.Span) -> None:
    """Let each line about the request name the trace, and one at least do so."""
    structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
    log.info("traced")


def end(scope: dict[str, Any], *, method: str, route: str, status: int) -> None:
    """End a request's span where it has one; ``route`` is the template of what answered."""
    span: tracing.Span | None = scope.get(SPAN)
    if span is not None:
        span.end(
            name=f"{method} {route}",
            attributes={
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            },
        )


class _Call(AbstractContextManager[None]):
    def __init__(self, name: str, span: tracing.Span) -> None:
        self._name = name
        self._span = span

    def __enter__(self) -> None:
        self._token = tracing.current.set(self._span)
        _say(self._span)

    def __exit__(self, *_: object) -> None:
        tracing.current.reset(self._token)
        structlog.contextvars.unbind_contextvars("trace_id")
        self._span.end(name=self._name, attributes={"zavora.method": self._name})


def call(name: str, request_id: str) -> AbstractContextManager[Any]:
    """Return what traces a call of a socket, if it is to be; the id is of our making.

    ``name`` is of a table of methods, never a client's.
    """
    if not tracing.is_on():
        return _NOTHING
    span = tracing.sample(request_id, is_ours=True)
    return _NOTHING if span is None else _Call(name, span)
