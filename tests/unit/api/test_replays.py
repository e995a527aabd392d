"""What a process remembers of signed requests, and what it does where nobody shares it."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.redis_client import get_redis
from api.access import replays
from api.access.replays import MARKS_MAX, SLOT_MS, SLOTS_MAX, Mark, ReplayGuard, SeenHere
from zavora.foundation.errors import EngineUnavailable, Unauthorized

NOW_MS = 1_790_000_000_000


def test_a_mark_is_new_once_for_its_key_and_text() -> None:
    seen = SeenHere()

    assert seen.add(Mark.of(1, NOW_MS, b"text"))
    assert not seen.add(Mark.of(1, NOW_MS, b"text"))
    assert seen.add(Mark.of(2, NOW_MS, b"text"))
    assert seen.add(Mark.of(1, NOW_MS, b"text."))


def test_marks_go_with_their_time_and_never_earlier() -> None:
    seen = SeenHere()
    first = Mark.of(1, NOW_MS, b"text")
    seen.add(first)
    for later in range(1, SLOTS_MAX):
        seen.add(Mark.of(1, NOW_MS + later * SLOT_MS, b"text"))
        assert not seen.add(first)
    assert len(seen) == SLOTS_MAX

    seen.add(Mark.of(1, NOW_MS + SLOTS_MAX * SLOT_MS, b"text"))

    assert len(seen) == SLOTS_MAX


def test_no_more_marks_of_one_time_are_kept_than_there_is_room_for() -> None:
    seen = SeenHere()
    for number in range(MARKS_MAX + 5):
        assert seen.add(Mark(1, NOW_MS, b"%d" % number))
    assert len(seen) == MARKS_MAX


# --- without the server ---------------------------------------------------------------------------


@pytest.fixture
def no_server(settings: Any) -> Iterator[None]:
    """Let nobody share the marks: at this address nothing listens."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    yield
    get_redis.cache_clear()


@pytest.mark.usefixtures("no_server")
async def test_without_the_server_what_writes_is_refused_and_what_reads_is_known_here() -> None:
    guard = ReplayGuard(SeenHere())
    for number in range(2):  # the second time it is not even asked
        read, write = (Mark.of(1, NOW_MS, b"%s %d" % (what, number)) for what in (b"r", b"w"))
        with pytest.raises(EngineUnavailable):
            await guard.require_new(write, is_write=True)
        await guard.require_new(read, is_write=False)
        for again, is_write in ((read, False), (read, True), (write, True)):
            with pytest.raises(Unauthorized) as refused:
                await guard.require_new(again, is_write=is_write)
            assert refused.value.details == {"reason": "replayed"}
    await guard.close()


@pytest.mark.usefixtures("no_server")
async def test_where_nobody_shares_it_each_process_lets_one_in() -> None:
    """The control: it is the server that keeps two processes from it."""
    mark = Mark.of(1, NOW_MS, b"text")
    for guard in (ReplayGuard(SeenHere()), ReplayGuard(SeenHere())):
        await guard.require_new(mark, is_write=False)
        await guard.close()


@pytest.mark.usefixtures("no_server")
def test_threads_are_refused_alike() -> None:
    read, write = (Mark.of(1, NOW_MS, text) for text in (b"thread r", b"thread w"))
    with pytest.raises(EngineUnavailable):
        replays.require_new(write, is_write=True)
    replays.require_new(read, is_write=False)
    with pytest.raises(Unauthorized):
        replays.require_new(read, is_write=False)
