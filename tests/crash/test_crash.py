"""Nothing acknowledged is lost, nothing happens twice, whatever part is killed under load.

``ZAVORA_CRASH_KILLS`` says how often something is killed (``make crash-test``: 60),
``ZAVORA_CRASH_SEED`` repeats the choices of an earlier run, which it prints, and
``ZAVORA_CRASH_KINDS`` (``worker,web``) narrows down what is killed. See docs/durability.md.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from api.v1.socket.switches import SWITCH_MS
from tests.crash.kills import Killer, moment
from tests.crash.kinds import MODES
from tests.crash.load import MARKETS, HttpTrader, Load, Shared, Trader
from tests.crash.notes import Notes, find_faults
from tests.crash.report import Report, what_was_met
from tests.crash.socket_trader import SocketTrader
from tests.crash.standing import find_left, read_standing
from tests.crash.tables import Api, Tables
from tests.exchange import Exchange, NotInTime, wait_until

KILLS: Final = int(os.environ.get("ZAVORA_CRASH_KILLS", "6"))
SEED: Final = int(os.environ.get("ZAVORA_CRASH_SEED") or random.SystemRandom().randrange(10**6))
ONLY_KINDS: Final = [name for name in os.environ.get("ZAVORA_CRASH_KINDS", "").split(",") if name]
HTTP_TRADERS: Final = 8
# Whose account each client trades from, those by HTTP first: orders of one owner's accounts meet.
OWNERS: Final = (0, 1, 1, 1, 2, 3, 4, 5, 0, 6, 7)
FUNDS: Final = {"USD": "5000000", "EUR": "5000000", "BTC": "100", "ETH": "2000"}
# What a kill may cost a client, at most, before something is acknowledged again.
ACKNOWLEDGED_AGAIN_MAX_S: Final = 60.0
BEFORE_KILL_S: Final = (0.2, 1.2)
AFTER_RECOVERY_S: Final = 0.4
FEED_CATCHES_UP_MAX_S: Final = 15.0
# What is due is done at once; so much is for a machine that is busy.
DUE_DONE_MAX_S: Final = 10.0
# Before how many kills an operator lets a market gather an auction, and how long it lasts: it is
# half filled then, and ends by the worker's clock.
AUCTIONS_SHARE: Final = 0.6
AUCTION_S: Final = (2, 5)
# A market that stops into an auction by itself where a trade would be too far from the last one.
COLLARED: Final = "ETH/USD"
COLLAR: Final[dict[str, Any]] = {"dynamic_collar_ppm": 1_500, "interruption_s": 2}
# Every market lets accounts of one owner exchange what they would trade; in these, orders that name
# no mode ask for that.
TRANSFERS: Final = {"self_trade_modes": ",".join(MODES)}
TRANSFER_ELSE: Final = ("BTC/USD", "BTC/EUR")
# When there is something of every kind in a run.
KILLS_OF_EVERY_KIND: Final = 12
# A fill is pushed after its commit: it may be noted only after the check that follows.
FILLS_LATE_MAX_S: Final = 60.0


class Auditor:
    """The process that proves the books."""

    def __init__(self, exchange: Exchange) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.auditor"],
            env=exchange.env,
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def audit(self) -> dict[str, Any]:
        """Return what it finds now."""
        return self._ask("")

    def change(self, symbol: str, **rules: Any) -> None:
        """Change rules of a market."""
        answer = self._ask(json.dumps([symbol, rules]))
        assert answer["breaks"] == []

    def _ask(self, line: str) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the auditor has no pipes")
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith("{"):  # other lines are log lines
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise AssertionError("the auditor died")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def crashing() -> Iterator[Exchange]:
    """An exchange of its own, with two workers for its shard."""
    with Exchange(demo=True, extra_env={"LOG_LEVEL": "WARNING"}) as exchange:
        exchange.start_standby(0)
        yield exchange


def make_accounts(exchange: Exchange) -> dict[str, str]:
    """Make people with funded accounts, who trade with each other; return each account's token."""
    tokens: dict[str, str] = {}
    by_owner: dict[int, str] = {}
    for owner in OWNERS:
        if owner in by_owner:
            token = by_owner[owner]
            api = Api(exchange, {"": token})
            account = api.post("/api/v1/accounts", {"label": f"of {owner}"})["data"]["id"]
        else:
            token = exchange.create_token(f"crash-{owner}@example.com", scopes="read,trade")
            by_owner[owner] = token
            api = Api(exchange, {"": token})
            account = api.get("/api/v1/accounts")["data"][0]["id"]
        for asset, amount in FUNDS.items():
            api.post(f"/api/v1/accounts/{account}/deposit", {"asset": asset, "amount": amount})
        tokens[account] = token
    return tokens


class Checker:
    """Proves, while no client has anything under way, that all is as it was told."""

    def __init__(
        self,
        exchange: Exchange,
        auditor: Auditor,
        tokens: dict[str, str],
        shards: Sequence[int] = (0,),
    ) -> None:
        self._exchange = exchange
        self._auditor = auditor
        self._accounts = list(tokens)
        self._tables = Tables(exchange, shards)
        self._api = Api(exchange, tokens)
        self._orders_seen = 0
        self._trades_seen = 0
        self._since = ""
        self._self_trades: set[tuple[str, int]] = set()

    def check(self, notes: Notes, report: Report) -> None:
        """Compare notes, tables, API, journal and books; raises AssertionError."""
        self.check_nothing_is_left()
        stored = self._tables.read()
        self._self_trades = stored.self_trades
        found = find_faults(notes, stored)
        report.due = self._tables.due
        report.faults.lost += found.lost
        report.faults.doubled += found.doubled
        assert not found, found
        self._check_api(notes, report)
        audit = self._auditor.audit()
        assert audit["breaks"] == []
        self._check_books(audit["books"])
        report.audits += 1

    def check_nothing_is_left(self) -> None:
        """Whatever the clock should have done by now is done, though nobody asks for anything."""
        left: list[str] = []

        def is_done() -> bool:
            left[:] = find_left(read_standing(self._exchange.database_url))
            return not left

        try:
            wait_until(is_done, timeout_s=DUE_DONE_MAX_S, what="what was due")
        except NotInTime:
            pytest.fail("\n".join(left))

    def check_everything_by_api(self, notes: Notes, report: Report) -> None:
        """Compare all that was ever told with the whole history that the API shows."""
        self._orders_seen = self._trades_seen = 0
        self._since = ""
        self._check_api(notes, report)

    def _check_api(self, notes: Notes, report: Report) -> None:
        """Compare what was told since the last check with what the API shows."""
        trades = [
            told
            for told in notes.trades[self._trades_seen :]
            # Of an account's trade with itself its history shows one side.
            if (told.market, told.sequence) not in self._self_trades
        ]
        fresh = Notes(notes.orders[self._orders_seen :], trades)
        since_order = min((told.order_id for told in fresh.orders), default=0)
        shown = self._api.read(self._accounts, since_order=since_order, since_time=self._since)
        found = find_faults(fresh, shown)
        report.faults.lost += [f"API: {text}" for text in found.lost]
        assert not found, found
        self._orders_seen, self._trades_seen = len(notes.orders), len(notes.trades)
        self._since = moment(ago_s=FILLS_LATE_MAX_S)

    def _check_books(self, stored: dict[str, Any]) -> None:
        """The feed's books, built from what the engines told, equal those of the tables."""
        deadline = time.monotonic() + FEED_CATCHES_UP_MAX_S
        for market in MARKETS:
            while (shown := self._api.book(market.symbol)) != stored[market.symbol]:
                behind = shown["sequence"] < stored[market.symbol]["sequence"]
                if not behind or time.monotonic() > deadline:
                    pytest.fail(f"{market.symbol}: shown {shown}, stored {stored[market.symbol]}")
                time.sleep(0.05)


@pytest.mark.timeout(120 + 60 * KILLS)
def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    crashing: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)
    tokens = make_accounts(crashing)
    accounts = list(tokens)
    leaving = accounts[-1]  # has everything cancelled when a connection ends
    seeds = [draw.randrange(2**32) for _ in accounts]

    def traders(shared: Shared) -> list[Trader]:
        by_http: list[Trader] = [
            HttpTrader(shared, account, seed, port=crashing.port, token=tokens[account])
            for account, seed in zip(accounts[:HTTP_TRADERS], seeds, strict=False)
        ]
        by_socket: list[Trader] = [
            SocketTrader(
                shared,
                account,
                seed,
                url=f"{crashing.ws_url}/ws",
                token=tokens[account],
                cancels_on_disconnect=account == leaving,
            )
            for account, seed in zip(accounts[HTTP_TRADERS:], seeds[HTTP_TRADERS:], strict=True)
        ]
        return by_http + by_socket

    killer = Killer(crashing, draw)
    kinds = killer.kinds()
    kinds = {name: kind for name, kind in kinds.items() if not ONLY_KINDS or name in ONLY_KINDS}
    plan = (list(kinds) * (KILLS // len(kinds) + 1))[:KILLS]
    draw.shuffle(plan)
    report = Report(waits_s={kind: [] for kind in kinds})
    auditor = Auditor(crashing)
    with capsys.disabled():
        print(f"\ncrash test: seed {SEED}, {KILLS} kills")  # noqa: T201
    try:
        with Load(traders) as load:
            checker = Checker(crashing, auditor, tokens)
            _set_rules(auditor)
            try:
                for number, kind in enumerate(plan, start=1):
                    again_s = _kill_one(crashing, draw, load, killer, kind, report)
                    load.pause()
                    checker.check(load.shared.notes, report)
                    with capsys.disabled():
                        print(  # noqa: T201
                            f"{number:3} {kind:30} {again_s:6.2f} s to the next"
                            f" acknowledgement, {load.shared.notes.acknowledged} checked"
                        )
                checker.check_everything_by_api(load.shared.notes, report)
            except BaseException:
                with capsys.disabled():
                    for name in crashing.names():
                        print(f"--- {name}\n{crashing.log(name)[-3000:]}")  # noqa: T201
                raise
            finally:
                with capsys.disabled():
                    print(report.text(load.shared.notes))  # noqa: T201
            assert load.shared.unexpected == []
            assert load.shared.notes.acknowledged > 20 * KILLS
        _check_the_end(crashing, leaving)
        met = what_was_met(crashing, report, load.shared.notes)
        with capsys.disabled():
            print(f"met {met}")  # noqa: T201
        assert KILLS < KILLS_OF_EVERY_KIND or all(met.values()), met
    finally:
        auditor.close()


def _set_rules(auditor: Auditor) -> None:
    """Let markets have what they do not have by themselves."""
    auditor.change(COLLARED, **COLLAR)
    for market in MARKETS:
        more = {"self_trade_mode": "transfer"} if market.symbol in TRANSFER_ELSE else {}
        auditor.change(market.symbol, **TRANSFERS, **more)


def _kill_one(
    exchange: Exchange, draw: random.Random, load: Load, killer: Killer, kind: str, report: Report
) -> float:
    """Kill something under load; return after how many seconds it was acknowledged again."""
    killer.revive()
    load.go_on()
    report.auctions += _call_auction(exchange, draw)
    time.sleep(draw.uniform(*BEFORE_KILL_S))  # the random moment
    began = time.monotonic()
    at = killer.kinds()[kind]()
    again_s = load.first_decided_after(at, timeout_s=ACKNOWLEDGED_AGAIN_MAX_S) - began
    report.waits_s[kind].append(again_s)
    time.sleep(AFTER_RECOVERY_S)  # so that several clients trade again
    return again_s


def _call_auction(exchange: Exchange, draw: random.Random) -> bool:
    """Let an operator put a market into an auction that ends by itself; tell whether it is in."""
    if draw.random() > AUCTIONS_SHARE:
        return False
    symbol, seconds = draw.choice(MARKETS).symbol, str(draw.randint(*AUCTION_S))
    called = exchange.try_manage("halt_market", symbol, "--phase", "auction", "--seconds", seconds)
    return called.returncode == 0  # its own connection may be one that was killed


def _check_the_end(exchange: Exchange, leaving: str) -> None:
    """With the last connection, everything of who asked for that goes, and every switch."""

    def is_over() -> bool:
        with psycopg.connect(exchange.database_url) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM matching_switch), (SELECT count(*)"
                " FROM matching_order o JOIN accounts_account a ON a.id = o.account_id"
                " WHERE a.public_id = %s AND o.status IN ('new', 'partially_filled'))",
                (leaving,),
            ).fetchone()
        return row == (0, 0)

    wait_until(
        is_over, timeout_s=SWITCH_MS / 1_000 + DUE_DONE_MAX_S, what="the end of all switches"
    )
