"""A task whose cancellation got lost ends all the same."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from zavora.foundation import ending
from zavora.foundation.ending import end_tasks
from zavora.runner.home import PROJECT_DIR

PACKAGES = ("accounts", "api", "marketdata", "matching", "zavora")


async def _sends_then_listens(sent: "asyncio.Future[None]") -> None:
    await asyncio.wait_for(sent, 5)  # as redis-py sends a command
    await asyncio.sleep(3_600)


async def _just_sent() -> "asyncio.Task[None]":
    """Return a task whose sending is done, and which does not know it yet."""
    sent = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(_sends_then_listens(sent))
    await asyncio.sleep(0)
    sent.set_result(None)
    return task


def _run(scenario: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    return asyncio.run(scenario())


def test_it_is_said_again_until_it_is_heard() -> None:
    async def scenario() -> bool:
        task = await _just_sent()
        async with asyncio.timeout(2):
            await end_tasks([task])
        return task.cancelled()

    assert _run(scenario)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there it is heard the first time")
def test_said_once_it_is_not_heard() -> None:
    """The control: who waited for this task's end would wait for ever."""

    async def scenario() -> bool:
        task = await _just_sent()
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=0.3)
        for one in pending:
            one.cancel()
        return task in pending

    assert _run(scenario)


def test_what_a_task_raised_or_returned_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    async def raises() -> None:
        raise ValueError("of a task")

    async def scenario() -> bool:
        tasks = [asyncio.create_task(raises()), asyncio.create_task(asyncio.sleep(0))]
        await asyncio.sleep(0)
        await end_tasks(tasks)
        await end_tasks([])
        return all(task.done() for task in tasks)

    assert _run(scenario)
    assert "never retrieved" not in caplog.text


def test_one_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "SAID_MAX", 2)
    monkeypatch.setattr(ending, "SAID_AGAIN_S", 0.01)

    async def deaf(is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            try:
                await is_over.wait()
            except asyncio.CancelledError:
                continue

    async def scenario() -> bool:
        is_over = asyncio.Event()
        task = asyncio.create_task(deaf(is_over))
        await asyncio.sleep(0)
        await end_tasks([task])
        was_left = not task.done()
        is_over.set()
        await task
        return was_left

    assert _run(scenario)


def test_nobody_waits_for_tasks_that_were_told_once() -> None:
    told_once = re.compile(r"\.cancel\(\)\n\s+await asyncio\.(gather|wait)\(")
    for package in PACKAGES:
        for path in (PROJECT_DIR / package).rglob("*.py"):
            assert told_once.search(path.read_text()) is None, path
