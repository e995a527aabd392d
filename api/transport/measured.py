"""What the edge measures of requests, commands and sockets, at one seam each.

Templates of routes are the only thing that is said of a path: whoever makes paths up is counted
under ``other``.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from api.transport import traced
from api.transport.outbox import Outbox
from zavora.foundation import metrics, tracing
from zavora.foundation.errors import OutcomeUnknown
from zavora.foundation.metrics import (
    HTTP_DURATION,
    HTTP_REQUESTS,
    ORDER_ACK,
    SOCKETS,
    SOCKETS_CLOSED,
    series,
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Where an application leaves the template of the route that answers.
ROUTE: Final = "zavora.route"
OTHER: Final = "other"
# The pattern of whatever no other one answers.
ANYTHING: Final = "^"
STATIC: Final = "/static/"
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

# By which API the present request, message or call of a socket came.
api_name: Final[ContextVar[str]] = ContextVar("api_name", default=OTHER)


async def answer(
    application: Callable[[Scope, Receive, Send], Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Let an application answer a request; count it, and end its trace, once its answer is out."""
    if not metrics.is_on() and not tracing.is_on():
        await application(scope, receive, send)
        return
    began = time.perf_counter()
    if tracing.is_on():
        scope[traced.BEGAN_NS] = tracing.now_ns()
    status = 0

    async def noted(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await application(scope, receive, noted)
    finally:
        route = scope.get(ROUTE, OTHER)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        # 0: whoever asked has gone before an answer.
        traced.end(scope, method=method, route=route, status=status)
        if metrics.is_on():
            series(HTTP_REQUESTS, route, method, str(status)).inc()
            series(HTTP_DURATION, route).observe(time.perf_counter() - began)


def note_django_route(scope: Scope, resolved: Any) -> None:
    """Note what answered in Django: the operators' pages, of which there are hundreds, as one.

    ``resolved`` is the request's resolver match, None where nothing matched, or a file did.
    """
    if resolved is not None and resolved.route != ANYTHING:
        scope[ROUTE] = "/admin/" if resolved.app_name == "admin" else f"/{resolved.route}"
    elif scope["path"].startswith(STATIC):
        scope[ROUTE] = STATIC


@contextmanager
def acknowledging() -> Iterator[None]:
    """Measure how long a command takes until it is answered; what was never queued is not one."""
    if not metrics.is_on():
        yield
        return
    began = time.perf_counter()
    try:
        yield
    except OutcomeUnknown:
        series(ORDER_ACK, api_name.get()).observe(time.perf_counter() - began)
        raise
    series(ORDER_ACK, api_name.get()).observe(time.perf_counter() - began)


@contextmanager
def open_socket(api: str, outbox: Outbox) -> Iterator[None]:
    """Count a WebSocket while it is served, and then why it ended."""
    if not metrics.is_on():
        yield
        return
    series(SOCKETS, api).inc()
    why = "failed"
    try:
        yield
        why = outbox.ended_by
    finally:
        series(SOCKETS, api).dec()
        SOCKETS_CLOSED.labels(api, why).inc()
