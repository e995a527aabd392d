"""Two shards whose markets share all accounts: no deadlock, and not slower than one.

Every batch of either shard changes balances that the other's batches change, too. The control
shows that locks taken in two steps, as they come, do deadlock on the same rows.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from accounts.models import Account, Balance
from tests.integration.matching.worker_setup import (
    assert_sound,
    driven_worker,
    make_account,
    make_market,
    rebuilt_hash,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

ACCOUNTS = 40
# The best round of each counts: what else runs on the machine can only slow a round down.
ROUNDS_MIN, ROUNDS_MAX = 3, 12
ROUND_S = 1.0
# Where no round of two beat the best of one, this much is still taken for noise.
NOISE = 0.9


FUNDS = {"BTC": "1000000", "ETH": "1000000", "USD": "100000000"}


@pytest.fixture
def accounts(transactional_db: None) -> list[Account]:
    make_market("BTC", "USD", shard_id=0)
    make_market("ETH", "USD", shard_id=1)
    return [make_account(f"person-{number}", **FUNDS) for number in range(ACCOUNTS)]


class ShardProcess:
    """A process that settles batches of one shard for as long as it is told."""

    def __init__(self, shard_id: int, accounts: list[Account]) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.integration.matching.shard_load",
                str(shard_id),
                *(str(account.pk) for account in accounts),
            ],
            env={**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "ERROR"},
            cwd=Path(__file__).resolve().parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, seconds: float) -> None:
        """Let it work."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Return its next answer."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise AssertionError(f"the shard's process ended with {self._process.wait()}")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def database_url() -> str:
    """Return the URL of the database of this test, not of the one that runs beside it."""
    url, _, parameters = settings.DATABASE_URL.partition("?")
    base = url.rpartition("/")[0]
    name = connection.settings_dict["NAME"]
    return f"{base}/{name}" + (f"?{parameters}" if parameters else "")


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def shards(accounts: list[Account]) -> Iterator[list[ShardProcess]]:
    processes = [ShardProcess(shard_id, accounts) for shard_id in (0, 1)]
    try:
        for process in processes:
            assert process.result() == {"ready": True}
        yield processes
    finally:
        for process in processes:
            process.close()


def _run(processes: list[ShardProcess]) -> int:
    """Return how many batches the processes settle together in a round."""
    for process in processes:
        process.begin(ROUND_S)
    results = [process.result() for process in processes]
    assert all(result["trades"] > 0 for result in results)
    assert all(result["refused"] == 0 for result in results)
    return sum(result["batches"] for result in results)


@pytest.mark.alone
def test_two_shards_with_common_accounts_do_not_deadlock_and_are_not_slower(
    shards: list[ShardProcess], record_property: Callable[[str, object], None]
) -> None:
    deadlocks = _deadlocks()
    _run(shards)  # caches are warm from here on
    one, two = 0, 0
    for number in range(1, ROUNDS_MAX + 1):
        one = max(one, _run(shards[:1]))
        two = max(two, _run(shards))
        if number >= ROUNDS_MIN and two >= one:
            break
    for process in shards:
        process.close()
    one_a_second, two_a_second = round(one / ROUND_S), round(two / ROUND_S)
    record_property("batches_per_s_one_shard", one_a_second)
    record_property("batches_per_s_two_shards", two_a_second)
    print(f"batches/s: one shard {one_a_second}, two shards {two_a_second}")  # noqa: T201
    assert _deadlocks() == deadlocks
    assert two >= NOISE * one
    for shard_id in (0, 1):
        with driven_worker(shard_id) as worker:
            assert worker.state_hash() == rebuilt_hash(shard_id)
        assert_sound(shard_id)


# --- the control ----------------------------------------------------------------------------------

_LOCK = "SELECT id FROM accounts_balance WHERE id = ANY(%s) ORDER BY id FOR UPDATE"


def _two_settle(steps: dict[str, list[list[int]]]) -> list[str]:
    """Let two transactions take their locks step by step, together; return what failed."""
    failed: list[str] = []
    barrier = threading.Barrier(2)

    def settle(name: str) -> None:
        with psycopg.connect(database_url()) as session:
            try:
                for ids in steps[name]:
                    with contextlib.suppress(threading.BrokenBarrierError):
                        barrier.wait(timeout=2)
                    session.execute(_LOCK, (ids,))
            except psycopg.errors.DeadlockDetected:
                failed.append(name)
            session.rollback()

    threads = [threading.Thread(target=settle, args=(name,)) for name in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_locks_in_two_steps_deadlock_and_one_ordered_step_does_not() -> None:
    """First the takers' balances, then the makers': each shard's taker is the other's maker."""
    make_market("BTC", "USD")
    accounts = [make_account(name, USD="1") for name in ("ann", "bob")]
    first, second = Balance.objects.filter(account__in=accounts).order_by("pk")
    deadlocks = _deadlocks()
    failed = _two_settle({"one": [[first.pk], [second.pk]], "two": [[second.pk], [first.pk]]})
    assert len(failed) == 1
    until(lambda: _deadlocks() == deadlocks + 1, what="the deadlock in the statistics")
    both = [[first.pk, second.pk]]
    assert _two_settle({"one": both, "two": both}) == []
    assert _deadlocks() == deadlocks + 1
