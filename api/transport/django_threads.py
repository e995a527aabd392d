"""Django's views under ASGI in a fixed set of threads, each with a lasting database connection.

Django's own handler makes a thread for each request, and with it a new connection to PostgreSQL,
which costs more than most of our views. Here a request borrows one of a few thread contexts, once
its body is there; when all are taken, requests wait their turn, up to a bound.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler

from api.transport.bodies import ClientGone, Receive, read_body
from api.transport.errors import render
from api.transport.measured import note_django_route
from api.transport.parts import PARTS, send_head, send_parts
from zavora.foundation.bodies import BUDGET, HeldBody
from zavora.foundation.errors import Overloaded, ZavoraError
from zavora.foundation.logs import request_id_of

THREADS_MAX: Final = 8
WAITING_MAX: Final = 500


class PooledASGIHandler(ASGIHandler):
    """Django's ASGI handler on borrowed threads. One per process; it serves one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._free: asyncio.LifoQueue[ThreadSensitiveContext] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one HTTP request."""
        free = self._contexts()
        if self._waiting >= WAITING_MAX:
            await _refuse(send, Overloaded("Too many requests are waiting."))
            return
        # A context is lent for as long as we work, never for as long as a client takes to send its
        # request or to take our answer.
        client = scope.get("client")
        held = HeldBody(BUDGET, client[0] if client else "")
        try:
            content = await read_body(receive, dict(scope["headers"]), held)
            answer = await self._answer(free, scope, content, receive)
        except ClientGone:
            return
        except ZavoraError as error:
            await _refuse(send, error)
            return
        finally:
            held.release()
        for message in answer:
            if message["type"] == PARTS:
                await send_parts(message["read"], send)
            else:
                await send(message)

    async def get_response_async(self, request: Any) -> Any:
        """Answer by the views, and note which of them it was."""
        response = await super().get_response_async(request)
        note_django_route(request.scope, request.resolver_match)
        return response

    async def send_response(self, response: Any, send: Any) -> None:
        """Send a response; of one that comes in parts its head."""
        await send_head(partial(super().send_response, response), send, response)

    async def _answer(
        self,
        free: "asyncio.LifoQueue[ThreadSensitiveContext]",
        scope: Any,
        content: bytes,
        receive: Any,
    ) -> list[dict[str, Any]]:
        """Return what the views answer, once a context is free for them."""
        self._waiting += 1
        try:
            context = await free.get()
        finally:
            self._waiting -= 1
        token = SyncToAsync.thread_sensitive_context.set(context)
        answer: list[dict[str, Any]] = []

        async def keep(message: Any) -> None:
            answer.append(message)

        try:
            await self.handle(scope, _ReadBody(content, receive).receive, keep)
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            free.put_nowait(context)
        return answer

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


class _ReadBody:
    """Gives a request its body, which was read before; then says whether the client has gone."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


async def _refuse(send: Any, error: ZavoraError) -> None:
    request_id = request_id_of(None)
    status, headers, body = render(error, request_id=request_id)
    headers += [
        (b"x-request-id", request_id.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
