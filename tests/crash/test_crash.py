"""Nothing acknowledged is lost, nothing happens twice, whatever part is killed under load.

``ZAVORA_CRASH_KILLS`` says how often something is killed (``make crash-test``: 60),
``ZAVORA_CRASH_SEED`` repeats the choices of an earlier run, which it prints, and
``ZAVORA_CRASH_KINDS`` (``worker,web``) narrows down what is killed. See docs/durability.md.
"""

import os
import random
import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from api.v1.socket.switches import SWITCH_MS
from tests.crash.checker import DUE_DONE_MAX_S, Auditor, Checker
from tests.crash.http_client import HttpClient
from tests.crash.kills import Killer
from tests.crash.kinds import MODES
from tests.crash.load import HttpTrader, Load, Shared, Trader
from tests.crash.markets import MARKETS
from tests.crash.report import Report, what_was_met
from tests.crash.socket_trader import SocketTrader
from tests.crash.tables import Api
from tests.crash.target import Target
from tests.exchange import Exchange, wait_until

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
            api = Api(Target.of(exchange), {"": token})
            account = api.post("/api/v1/accounts", {"label": f"of {owner}"})["data"]["id"]
        else:
            token = exchange.create_token(f"crash-{owner}@example.com", scopes="read,trade")
            by_owner[owner] = token
            api = Api(Target.of(exchange), {"": token})
            account = api.get("/api/v1/accounts")["data"][0]["id"]
        for asset, amount in FUNDS.items():
            api.post(f"/api/v1/accounts/{account}/deposit", {"asset": asset, "amount": amount})
        tokens[account] = token
    return tokens


@pytest.mark.timeout(120 + 60 * KILLS)
def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    crashing: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)
    target = Target.of(crashing)
    tokens = make_accounts(crashing)
    accounts = list(tokens)
    leaving = accounts[-1]  # has everything cancelled when a connection ends
    seeds = [draw.randrange(2**32) for _ in accounts]

    def traders(shared: Shared) -> list[Trader]:
        by_http: list[Trader] = [
            HttpTrader(shared, account, seed, client=HttpClient(target.base_url, tokens[account]))
            for account, seed in zip(accounts[:HTTP_TRADERS], seeds, strict=False)
        ]
        by_socket: list[Trader] = [
            SocketTrader(
                shared,
                account,
                seed,
                url=target.socket_url,
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
    auditor = Auditor(target)
    with capsys.disabled():
        print(f"\ncrash test: seed {SEED}, {KILLS} kills")  # noqa: T201
    try:
        with Load(traders) as load:
            checker = Checker(target, auditor, tokens)
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
