"""Bodies are read in bounded time and space, and Django's threads are lent only afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.transport.bodies import ClientGone, read_body
from api.transport.django_threads import THREADS_MAX, PooledASGIHandler
from api.transport.errors import PayloadTooLarge, RequestTimeout
from zavora.foundation.bodies import BUDGET, FREE_BYTES, HeldBody
from zavora.foundation.errors import Overloaded

CHUNKED = {b"transfer-encoding": b"chunked"}
Receive = Callable[[], Awaitable[dict[str, Any]]]


def parts(*bodies: bytes, is_whole: bool = True) -> Receive:
    """Give parts of a body, and after the last of an unfinished one nothing."""
    messages = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    if is_whole:
        messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(waiting, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return receive


async def read(
    receive: Receive, headers: dict[bytes, bytes] = CHUNKED, address: str = "198.51.100.1"
) -> bytes:
    """Read a body and be done with it, as whoever answers is in the end."""
    held = HeldBody(BUDGET, address)
    try:
        return await read_body(receive, headers, held)
    finally:
        held.release()


async def test_a_body_is_put_together():
    assert await read(parts(b"ab", b"", b"c")) == b"abc"
    assert await read(parts(b""), {}) == b""


async def test_a_body_that_does_not_come_in_time_is_refused(settings):
    settings.ZAVORA_BODY_WAIT_S = 0.05
    with pytest.raises(RequestTimeout):
        await read(parts(b"a" * 100_000, is_whole=False))
    assert BUDGET.bytes == 0


async def test_a_body_is_refused_before_more_than_the_bound_is_held(settings):
    settings.ZAVORA_BODY_BYTES_MAX = 10
    with pytest.raises(PayloadTooLarge):
        await read(parts(is_whole=False), {b"content-length": b"11"})
    with pytest.raises(PayloadTooLarge):
        await read(parts(b"a" * 6, b"a" * 6, is_whole=False))
    with pytest.raises(PayloadTooLarge):
        await read(parts(b"a" * 11))


async def test_many_unfinished_bodies_are_refused_and_small_ones_go_on(settings):
    settings.ZAVORA_UNREAD_BODY_BYTES_MAX = 400_000
    part = b"a" * (FREE_BYTES + 90_000)
    reading = [
        asyncio.ensure_future(read(parts(part, is_whole=False), address=f"198.51.100.{number}"))
        for number in range(4)
    ]
    await asyncio.sleep(0)
    for too_much in (parts(part, b"b"), parts(part)):
        with pytest.raises(Overloaded):
            await read(too_much, address="198.51.100.9")
    assert await read(parts(b"small", b""), address="198.51.100.9") == b"small"
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    assert BUDGET.bytes == 0


async def test_a_client_that_goes_is_noticed():
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await read(gone)


# --- Django's threads -----------------------------------------------------------------------------


class Answering(PooledASGIHandler):
    """Answers at once, as a view would: only the lending is tried."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class LendsFirst(Answering):
    """The control: as it was, a thread context is lent before the body has come."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        free = self._contexts()
        context = await free.get()
        try:
            await read_body(receive, dict(scope["headers"]), HeldBody(BUDGET, ""))
            await self.handle(scope, receive, send)
        finally:
            free.put_nowait(context)


def _scope() -> dict[str, Any]:
    return {"type": "http", "headers": [(b"content-length", b"100")], "client": ("::1", 1)}


async def _is_served_beside_half_bodies(handler: PooledASGIHandler) -> bool:
    """Tell whether a request is answered while more bodies than threads are unfinished."""
    statuses = []

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status"))

    halves = [
        asyncio.ensure_future(handler(_scope(), parts(b"half", is_whole=False), send))
        for _ in range(2 * THREADS_MAX)
    ]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(1):
            await handler(_scope(), parts(b"whole"), send)
    except TimeoutError:
        return False
    finally:
        for task in halves:
            task.cancel()
        await asyncio.gather(*halves, return_exceptions=True)
    return statuses[:1] == [204]


async def test_half_bodies_hold_no_thread():
    assert await _is_served_beside_half_bodies(Answering())


async def test_half_bodies_would_hold_all_threads_if_they_were_lent_first():
    assert not await _is_served_beside_half_bodies(LendsFirst())


async def test_clients_that_take_no_answer_hold_no_thread():
    handler = Answering()
    never = asyncio.Event()

    async def stuck(_message: dict[str, Any]) -> None:
        await never.wait()

    readers = [
        asyncio.ensure_future(handler(_scope(), parts(b"whole"), stuck))
        for _ in range(2 * THREADS_MAX)
    ]
    await asyncio.sleep(0)
    answers = []

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    async with asyncio.timeout(5):
        await handler(_scope(), parts(b"whole"), send)
    assert answers[0]["status"] == 204
    for task in readers:
        task.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


class Busy(PooledASGIHandler):
    """Answers nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})


async def test_whole_bodies_that_wait_for_a_thread_have_a_bound_too(settings):
    size = 100_000
    settings.ZAVORA_UNREAD_BODY_BYTES_MAX = 20 * size
    handler = Busy()
    statuses: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    requests = [
        asyncio.ensure_future(
            handler({**_scope(), "client": (f"198.51.100.{n}", 1)}, parts(b"a" * size), send)
        )
        for n in range(100)
    ]
    try:
        await asyncio.sleep(0)
        assert BUDGET.bytes <= 20 * size
        taken = len(requests) - statuses.count(503)
        assert THREADS_MAX < taken < 30
        handler.may_answer.set()
        await asyncio.gather(*requests)
    finally:
        for task in requests:
            task.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
    assert statuses.count(204) == taken
    assert BUDGET.bytes == 0
