"""The feed's reads: many at once go over few connections, and none stays open."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from django.db import OperationalError, connection

from marketdata.feed.tables import THREADS_MAX, TableReader
from tests.integration.marketdata.conftest import WAIT_S, in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def reader() -> AsyncIterator[TableReader]:
    one = TableReader()
    yield one
    one.close()


def _number_of_session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _are_gone(sessions: Iterable[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", [list(sessions)])
        return cursor.fetchone() is None


async def _read_at_once(reader: TableReader, count: int) -> set[int]:
    return set(await asyncio.gather(*(reader.read(_number_of_session) for _ in range(count))))


async def test_many_reads_at_once_share_sessions_that_end_with_them(reader: TableReader) -> None:
    sessions = await _read_at_once(reader, 200)

    # The last ones may each find nobody behind them, and close too early.
    assert len(sessions) <= 2 * THREADS_MAX
    async with asyncio.timeout(WAIT_S):
        while not await in_thread(_are_gone, sessions):
            pass  # each look takes a moment of its own
    assert not sessions & await _read_at_once(reader, 1)


async def test_reads_that_were_given_up_leave_no_session_open(reader: TableReader) -> None:
    reads = [asyncio.create_task(reader.read(_number_of_session)) for _ in range(200)]
    await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
    for read in reads:
        read.cancel()
    await asyncio.wait(reads)

    first = await _read_at_once(reader, 1)
    assert not first & await _read_at_once(reader, 1)


async def test_read_that_failed_leaves_its_session_to_nobody(reader: TableReader) -> None:
    sessions: list[int] = []

    def fail() -> None:
        sessions.append(_number_of_session())
        raise OperationalError("as if it had ended")

    answers = await asyncio.gather(
        *(reader.read(fail) for _ in range(THREADS_MAX)),
        *(reader.read(_number_of_session) for _ in range(20)),
        return_exceptions=True,
    )

    assert [type(one) for one in answers[:THREADS_MAX]] == [OperationalError] * THREADS_MAX
    assert not set(sessions) & set(answers[THREADS_MAX:])
