"""Structured logs: readable in development, JSON in production, one request id all the way.

The id is made at the edge (or taken from ``X-Request-ID``), travels beside the command through
the queue, and is bound again by the worker, so one search finds everything about one request.
"""

import logging
import logging.config
import random
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from zavora.foundation.redaction import hide_line, hide_values

REQUEST_ID_HEADER = "X-Request-ID"
# Where Django's present request comes from; empty outside of one. Only lines about who got in, and
# who did not, name it (``accounts.access.security_log``).
client_address: Final[ContextVar[str]] = ContextVar("client_address", default="")

SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "_granian", "daphne")

SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(_config: dict[str, Any]) -> None:
    """Set up structlog and the standard library's logging to print alike (Django calls this)."""
    json = settings.LOG_FORMAT == "json"
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one takes 0.3 s
        )
    )
    tail = [structlog.processors.format_exc_info] if json else []
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": SHARED_PROCESSORS,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        hide_values,
                        *tail,
                        renderer,
                        hide_line,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": settings.LOG_LEVEL},
            "loggers": {
                # The servers' own lines go the same way as ours, redaction included.
                **{name: {"handlers": [], "propagate": True} for name in SERVER_LOGGERS},
                "uvicorn.access": {"level": "WARNING"},
                "daphne.http_protocol": {"level": "WARNING"},
                "django.channels.server": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def request_id_of(text: str | None) -> str:
    """Return the caller's request id where it is a UUID, else a new one."""
    if text:
        try:
            return str(uuid.UUID(text))
        except ValueError:
            pass
    # An id to find things by is no secret: the ordinary generator will do, at a third of the price.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


class RequestIdMiddleware:
    """Give every Django request an id, in its logs and in the ``X-Request-ID`` of its answer."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer as what stands below does: at once, or by a coroutine."""
        if self._is_async:
            return self._acall(request)
        with self._bound(request):
            return self._end(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        with self._bound(request):
            return self._end(request, await self.get_response(request))

    @staticmethod
    @contextmanager
    def _bound(request: HttpRequest) -> Iterator[None]:
        """Give the request its id, and hold id and address for the lines about it."""
        request_id = request_id_of(request.headers.get(REQUEST_ID_HEADER))
        request.request_id = request_id  # type: ignore[attr-defined]
        token = client_address.set(request.META.get("REMOTE_ADDR", ""))
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                yield
        finally:
            client_address.reset(token)

    @staticmethod
    def _end(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response[REQUEST_ID_HEADER] = request.request_id  # type: ignore[attr-defined]
        return response
