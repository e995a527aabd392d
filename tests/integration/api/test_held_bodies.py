"""A body counts for as long as it is held: also while its caller is looked up."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from api.binance import app as binance
from api.process import web_process
from api.transport.threads import THREADS_MAX, in_thread
from api.v1 import app as edge
from zavora.foundation.bodies import BUDGET, FREE_BYTES

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b"{" + b" " * (3 * FREE_BYTES) + b"}"


@pytest.mark.parametrize(
    ("application", "path", "query", "credential"),
    [
        (edge.application, "/api/v1/orders", b"", (b"authorization", b"Bearer zvr_" + b"x" * 43)),
        (
            binance.application,
            "/api/v3/userDataStream",
            b"",
            (b"x-mbx-apikey", b"k" * 64),
        ),
    ],
)
def test_a_body_is_held_until_its_request_is_answered(
    application: Callable[..., Any], path: str, query: bytes, credential: tuple[bytes, bytes]
) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query,
        "scheme": "http",
        "client": ("198.51.100.9", 1),
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(BODY)).encode()),
            credential,
        ],
    }
    statuses: list[int] = []
    held: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    async def watch() -> None:
        while True:
            held.append(BUDGET.bytes)
            await asyncio.sleep(0)

    all_threads = threading.Barrier(THREADS_MAX)

    def close_own() -> None:
        all_threads.wait(10)
        connections.close_all()

    async def run() -> None:
        watching = asyncio.create_task(watch())
        await application(scope, receive, send)
        watching.cancel()
        await asyncio.gather(*(in_thread(close_own) for _ in range(THREADS_MAX)))
        await web_process().close()

    asyncio.run(run())
    assert max(held) == len(BODY) - FREE_BYTES
    assert statuses[0] in (400, 401)
    assert BUDGET.bytes == 0
