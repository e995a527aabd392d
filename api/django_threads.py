"""Django's views under ASGI in a fixed set of threads, each with a lasting database connection.

Django's own handler makes a thread for each request, and with it a new connection to PostgreSQL,
which costs more than most of our views. Here a request borrows one of a few thread contexts; when
all are taken, requests wait their turn, and beyond a bound they are refused.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from api.errors import PayloadTooLarge, render
from zavora.errors import Overloaded, ZavoraError
from zavora.logs import request_id_of

THREADS_MAX: Final = 8
WAITING_MAX: Final = 500


class PooledASGIHandler(ASGIHandler):
    """Django's ASGI handler on borrowed threads. One per process; it serves one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._free: asyncio.LifoQueue[ThreadSensitiveContext] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one HTTP request."""
        free = self._contexts()
        if self._waiting >= WAITING_MAX:
            await _refuse(send, Overloaded("Too many requests are waiting."))
            return
        body = _BoundedBody(receive)
        if body.is_announced_too_large(scope):
            await _refuse(send, body.error)
            return
        self._waiting += 1
        try:
            context = await free.get()
        finally:
            self._waiting -= 1
        token = SyncToAsync.thread_sensitive_context.set(context)
        try:
            await self.handle(scope, body.receive, send)
        except PayloadTooLarge as error:
            await _refuse(send, error)
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            free.put_nowait(context)

    def _contexts(self) -> "asyncio.LifoQueue[ThreadSensitiveContext]":
        """Return the free contexts; the one used last is lent first, so few stay warm."""
        loop = asyncio.get_running_loop()
        if self._free is None or self._loop is not loop:
            self._loop, self._free = loop, asyncio.LifoQueue()
            for _ in range(THREADS_MAX):
                context = ThreadSensitiveContext()
                SyncToAsync.context_to_thread_executor[context] = ThreadPoolExecutor(
                    1, thread_name_prefix="django"
                )
                self._free.put_nowait(context)
        return self._free


class _BoundedBody:
    """Lets a body pass up to the bound; Django would write one of any length to disk."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._bytes_max: int = settings.ZAVORA_BODY_BYTES_MAX
        self._bytes = 0

    @property
    def error(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"A body has at most {self._bytes_max} bytes.")

    def is_announced_too_large(self, scope: dict[str, Any]) -> bool:
        """Tell whether the Content-Length header alone is reason to refuse."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                return int(value[:20]) > self._bytes_max
        return False

    async def receive(self) -> Any:
        """Return the next message; raise PayloadTooLarge beyond the bound."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._bytes_max:
                raise self.error
        return message


async def _refuse(send: Any, error: ZavoraError) -> None:
    request_id = request_id_of(None)
    status, headers, body = render(error, request_id=request_id)
    headers += [
        (b"x-request-id", request_id.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
