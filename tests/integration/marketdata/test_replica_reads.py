"""What a replica answers: the public past, while it is little late; no money, nothing private."""

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.commands import CommandLine
from tests.exchange import Exchange, wait_until
from tests.integration.matching.replica import Copy
from tests.integration.matching.test_unavailable import Client
from zavora.foundation.late_reads import ANSWER_MAX_S
from zavora.runner.exchange import web

pytestmark = pytest.mark.timeout(240)
LAG_S = 2
# What a read of the primary may add on a busy machine.
LATE_MAX_S = 3.0
LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)
CANDLES = "marketdata_candle"


class Grown:
    """An exchange whose web process knows a replica that writes down each statement."""

    def __init__(self, folder: Path) -> None:
        self.exchange = Exchange(demo=True, processes=("worker-0", "marketdata")).start()
        logged = ("log_statement=all", "log_line_prefix=%a ", "logging_collector=off")
        self.copy = Copy(self.exchange, folder, options=logged)
        self.exchange.env |= {
            "DATABASE_REPLICA_URL": re.sub(
                r"host=[^&]*", f"host={self.copy.sockets}", self.exchange.env["DATABASE_URL"]
            ),
            "ZAVORA_REPLICA_LAG_S": str(LAG_S),
        }
        self.exchange.launch(web(self.exchange.env, port=self.exchange.port, server="uvicorn"))
        self.exchange.wait_until_healthy()
        self.client = Client(self.exchange, "replica-reads")
        self.write_candle(LONG_AGO)

    def end(self) -> None:
        """End both."""
        self.copy.end()
        self.exchange.stop()

    def write_candle(self, opened: datetime) -> None:
        """Write a candle of an hour into the primary."""
        with psycopg.connect(self.exchange.database_url, autocommit=True) as session:
            session.execute(
                "INSERT INTO marketdata_candle (market_id, interval, open_time, open, high, low,"
                " close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume, trades,"
                " first_trade_sequence, last_trade_sequence) SELECT id, '1h', %s, 7, 7, 7, 7,"
                " 1, 7, 0, 0, 1, 1, 1 FROM matching_market WHERE symbol = 'BTC/EUR'",
                [opened],
            )

    def past(self, end: datetime = LONG_AGO) -> list[Any]:
        """Return what is told of candles that ended long ago."""
        path = f"/markets/BTC-EUR/candles?interval=1h&limit=5&end={end:%Y-%m-%dT%H:%M:%SZ}"
        status, body, _ = self.client.ask("GET", path)
        assert status == 200, body
        found: list[Any] = body["data"]["candles"]
        return found

    def of_replica(self, table: str = CANDLES) -> int:
        """Return how many statements of the web process about a table the replica was given."""
        lines = self.copy.log().splitlines()
        return sum(line.startswith("zavora-replica ") and table in line for line in lines)

    def reads_from_replica(self) -> bool:
        """Read, and tell whether the replica answered."""
        before = self.of_replica()
        assert self.past()
        return self.of_replica() > before

    def wait_until_used(self) -> None:
        """Read until the replica answers."""
        wait_until(self.reads_from_replica, timeout_s=30, what="an answer of the replica")

    def walreceiver(self) -> int:
        """Return the pid of the replica's end of the link."""
        pid: int = wait_until(
            lambda: self.copy.ask("SELECT pid FROM pg_stat_wal_receiver"),
            timeout_s=20,
            what="a link",
        )
        return pid

    @contextmanager
    def stopped(self, pid: int) -> Iterator[None]:
        """Let a process stand still meanwhile."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def log(self) -> str:
        """Return what the web process said."""
        return self.exchange.log("web")


@pytest.fixture(scope="module")
def grown() -> Iterator[Grown]:
    folder = Path(tempfile.mkdtemp(prefix="zl-"))  # a socket's path must be short
    made = Grown(folder)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(folder)


def test_the_past_is_read_of_the_replica_and_says_the_same(grown: Grown) -> None:
    grown.wait_until_used()
    assert [candle["close"] for candle in grown.past()] == [grown.past()[0]["close"]]
    assert grown.log().count("replica_used") >= 1


def test_what_may_still_change_is_read_of_the_primary(grown: Grown) -> None:
    grown.wait_until_used()
    before = grown.of_replica()
    now = datetime.now(UTC)
    grown.past(end=now)
    grown.past(end=now + timedelta(days=1))
    grown.exchange.read("/markets/BTC-EUR/candles?interval=1h")
    assert grown.of_replica() == before


def test_money_and_what_is_ones_own_never_touch_it(grown: Grown) -> None:
    grown.wait_until_used()
    client = grown.client
    order = client.place("mine")[1]["data"]["order"]["id"]
    for path in (
        *("", "/balances", "/fees", "/orders", "/order-lists", "/trades", "/ledger"),
        *("/withdrawals", "/addresses", "/reports"),
    ):
        assert client.ask("GET", f"/accounts/{client.account}{path}")[0] == 200, path
    assert client.ask("GET", f"/orders/{order}")[0] == 200
    assert client.ask("GET", "/accounts")[0] == 200
    grown.wait_until_used()  # it was there all the time
    assert grown.of_replica("accounts_") == 0
    assert grown.of_replica("matching_order") == 0
    told = [one for one in grown.copy.log().splitlines() if one.startswith("zavora-replica ")]
    tables = {name for one in told for name in re.findall(r'(?:FROM|JOIN) "(\w+)"', one)}
    assert tables <= {CANDLES, "matching_trade", "marketdata_candleprogress"}, tables


def test_one_that_is_too_late_is_not_asked_and_the_primary_knows_more(grown: Grown) -> None:
    grown.wait_until_used()
    later = LONG_AGO + timedelta(hours=5)
    with grown.stopped(grown.walreceiver()):
        # It believes itself to be up to date: all that came was replayed.
        grown.write_candle(later)
        known = "SELECT count(*) FROM marketdata_candle WHERE open_time = %s"
        wait_until(
            lambda: len(grown.past(later)) == 2, timeout_s=LAG_S + LATE_MAX_S, what="the primary"
        )
        assert grown.copy.ask(known, later) == 0  # the control: the replica would not have told it
        wait_until(
            lambda: grown.past() and "reason=late" in _plain(grown.log()),
            timeout_s=10,
            what="a line",
        )
        for _ in range(5):
            assert len(grown.past(later)) == 2
            assert not grown.reads_from_replica()
        assert _plain(grown.log()).count("reason=late") == 1  # said once
    grown.wait_until_used()
    assert len(grown.past(later)) == 2


def test_a_journal_is_proved_on_a_replica(grown: Grown) -> None:
    key = "on-the-replica"
    assert grown.client.place(key)[0] == 200
    found = "SELECT 1 FROM matching_orderkey WHERE key = %s"
    wait_until(lambda: grown.copy.ask(found, key), timeout_s=20, what="the order there")
    line = CommandLine(grown.exchange.env)  # with the replica, which came later than the exchange's
    done = line.run(("verify_journal", "--replica"), timeout_s=60)
    line.close()
    assert done.returncode == 0, done.stderr
    assert "agrees with the tables" in done.stdout
    assert "zavora-worker-0-verify" in grown.copy.log()


def test_one_that_does_not_answer_costs_a_bounded_time(grown: Grown) -> None:
    grown.wait_until_used()
    family = grown.copy.family()
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert _slowest(grown) < ANSWER_MAX_S + LATE_MAX_S
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)
    grown.wait_until_used()


def test_one_that_was_promoted_is_a_replica_no_more(grown: Grown) -> None:
    grown.wait_until_used()
    assert grown.copy.ask("SELECT pg_promote(wait => true)")
    wait_until(
        lambda: grown.past() and "not in recovery" in _plain(grown.log()),
        timeout_s=20,
        what="a line",
    )
    assert not grown.reads_from_replica()


def test_one_that_is_dead_costs_hardly_any_time(grown: Grown) -> None:
    grown.copy.end()
    assert _slowest(grown) < LATE_MAX_S
    assert "reason=away" in _plain(grown.log())


def _slowest(grown: Grown) -> float:
    """Return how long the slowest of some reads took, over longer than the replica may be late."""
    slowest, until = 0.0, time.monotonic() + 2 * LAG_S
    while time.monotonic() < until:
        began = time.monotonic()
        assert grown.past()
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def _plain(log: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", log)
