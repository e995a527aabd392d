"""What signed requests were, by a server that came back with less than it knew."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from accounts.redis_client import get_redis
from api.access import replays
from api.access.replays import SINCE_KEY, Mark, ReplayGuard, SeenHere
from tests.exchange import HOST, wait_until
from tests.signed import let_memory_be_old
from zavora.foundation.errors import Unauthorized
from zavora.foundation.times import now_ms
from zavora.runner.embedded.binaries import find_valkey
from zavora.runner.embedded.valkey import free_port


class Server:
    """A Valkey of its own, which can be killed, and begins with its snapshot."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"redis://{HOST}:{port}/0"
        self.client = redis.Redis.from_url(self.url)
        self._argv = (
            *(str(find_valkey()), "--bind", HOST, "--port", str(port), "--dir", str(folder)),
            *("--save", "", "--appendonly", "no"),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL)
        wait_until(self._answers, timeout_s=20, what="the server")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    settings.REDIS_URL = made.url
    get_redis.cache_clear()
    yield made
    get_redis.cache_clear()
    made.client.close()
    made.kill()


async def asked(mark: Mark) -> None:
    """Ask as another web process would, which did not see anything itself."""
    guard = ReplayGuard(SeenHere())
    try:
        await guard.require_new(mark, is_write=True)
    finally:
        await guard.close()


async def asked_in_thread(mark: Mark) -> None:
    await asyncio.to_thread(replays.require_new, mark, is_write=True)


@pytest.mark.parametrize("ask", [asked, asked_in_thread])
async def test_a_snapshot_without_the_newest_marks_lets_none_of_them_in(
    server: Server, ask: Any
) -> None:
    await asked(Mark.of(1, now_ms() + 5_000, b"first"))
    let_memory_be_old(server.url)
    since = server.client.get(SINCE_KEY)
    server.client.save()
    # The last of them was signed by a clock that runs ahead, as far as is allowed.
    marks = [Mark.of(1, now_ms() + ahead_ms, b"%d" % ahead_ms) for ahead_ms in (-4_000, 0, 999)]
    for mark in marks:
        await asked(mark)

    server.kill()
    server.start()

    assert server.client.get(SINCE_KEY) == since
    for mark in marks:
        with pytest.raises(Unauthorized) as refused:
            await ask(mark)
        assert refused.value.details == {"reason": "too_old"}
    fresh = Mark.of(2, now_ms() + 3_000, b"fresh")
    await ask(fresh)
    with pytest.raises(Unauthorized) as refused:
        await asked(fresh)
    assert refused.value.details == {"reason": "replayed"}
