"""A thousand markets over eight shards: times and sizes, and whether one worker's death is felt.

    python -m benchmarks.many_markets [--shards 8] [--markets 125] [--turns 3]

Servers of its own. By turns all shards are given commands without and with the kill of the live
worker of one; its standby takes over. What is compared are the latencies of the other shards.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import psycopg

from benchmarks import venue
from benchmarks.flow import FlowMarket
from benchmarks.machine import load_text
from benchmarks.remote import Remote
from benchmarks.statistics import Latencies
from benchmarks.stream_load import StreamLoad, StreamSpec
from matching.markets.terms import MarketTerms
from tests.actors import SYSTEM
from tests.exchange import Exchange, wait_until
from zavora.foundation.errors import EngineUnavailable

ACCOUNTS_OF_A_SHARD: Final = 2
TRIES_MAX: Final = 10
THREADS_MAX: Final = 4
FUNDS: Final = Decimal(10**9)
MID_TICKS: Final = 10_000
RATE_PER_S: Final = 20.0
TURN_S: Final = 8.0
KILL_AFTER_S: Final = 2.0
KILLED_SHARD: Final = 3
RATIO_MAX: Final = 1.2
PATHS: Final = (
    "/api/v3/exchangeInfo", "/api/v3/ticker/24hr", "/api/v1/markets", "/api/v1/markets/tickers",
    "/api/v1/health", "/",
)  # fmt: skip


def main() -> int:
    """Measure and tell; 1 where the others felt the death."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_markets")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--markets", type=int, default=125, help="of each shard")
    parser.add_argument("--turns", type=int, default=3, help="of each kind")
    options = parser.parse_args()
    _say(f"machine: {load_text()}")
    with (
        tempfile.TemporaryDirectory(prefix="zavora-many-") as folder,
        Exchange(
            Path(folder) / "home",
            shards=range(options.shards),
            extra_env={"LOG_LEVEL": "WARNING"},
        ) as exchange,
    ):
        with _timed(f"{options.shards * options.markets} markets opened"):
            markets = _open_markets(exchange, options.shards, options.markets)
        with _timed("accounts funded"):
            accounts = _open_accounts(markets)
        _restart(exchange)
        _tell_sizes(exchange)
        exchange.start_standby(KILLED_SHARD % options.shards)
        ratio = _compare(exchange, markets, accounts, turns=options.turns)
        _say(f"machine: {load_text()}")
        _say(exchange.manage("reconcile").strip().splitlines()[-1])
    _say(f"p99 of the other shards, with a kill beside without: {ratio:.2f}, at most {RATIO_MAX}")
    return 0 if ratio <= RATIO_MAX else 1


def _say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    _say(f"{what}: {time.monotonic() - began:.1f} s")


# --- what there is --------------------------------------------------------------------------------


def _open_markets(exchange: Exchange, shards: int, count: int) -> list[list[FlowMarket]]:
    """Open so many markets on each shard, on all shards at once."""
    venue.connect(exchange)
    from accounts.services import create_asset  # noqa: PLC0415  (needs Django set up)

    create_asset(by=SYSTEM, code=venue.QUOTE, name="US dollar", scale=venue.SCALE)
    for shard in range(shards):
        venue.wait_for_worker(exchange, shard)
    with ThreadPoolExecutor(THREADS_MAX) as threads:
        return list(threads.map(_open_of_shard, range(shards), [count] * shards))


def _open_of_shard(shard: int, count: int) -> list[FlowMarket]:
    """Open markets on a shard, each with a base asset of its own."""
    from accounts.services import create_asset  # noqa: PLC0415
    from matching.services import create_market  # noqa: PLC0415

    def open_one(code: str) -> MarketTerms:
        for _ in range(TRIES_MAX):
            # A machine this busy does not always answer in time; then nothing was queued.
            with contextlib.suppress(EngineUnavailable):
                return create_market(
                    by=SYSTEM,
                    base=code,
                    quote=venue.QUOTE,
                    tick_size=Decimal("0.01"),
                    lot_size=Decimal("0.0001"),
                    shard_id=shard,
                    self_trade_scope="account",
                    max_open_orders=None,
                )
        raise AssertionError(f"{code} could not be opened in {TRIES_MAX} tries")

    opened = []
    for number in range(count):
        code = f"M{shard}X{number:03}"
        create_asset(by=SYSTEM, code=code, name=code, scale=venue.SCALE)
        terms = open_one(code)
        base_id, quote_id = terms.base.asset_id, terms.quote.asset_id
        opened.append(
            venue.flow_market(terms.market_id, terms.symbol, base_id, quote_id, MID_TICKS)
        )
    return opened


def _open_accounts(markets: list[list[FlowMarket]]) -> list[list[int]]:
    """Make accounts for each shard, with money for its markets; return their keys."""
    with ThreadPoolExecutor(THREADS_MAX) as threads:
        return list(threads.map(_fund_shard, range(len(markets)), markets))


def _fund_shard(shard: int, markets: list[FlowMarket]) -> list[int]:
    from accounts.services import create_account, create_user, deposit  # noqa: PLC0415

    user = create_user(by=SYSTEM, email=f"shard-{shard}@bench.example")
    accounts = [create_account(by=SYSTEM, owner_id=user.pk) for _ in range(ACCOUNTS_OF_A_SHARD)]
    for asset in sorted({code for one in markets for code in one.symbol.split("/")}):
        for account in accounts:
            deposit(
                by=SYSTEM, account_id=account.public_id, asset=asset, amount=FUNDS, source="bank"
            )
    return [account.pk for account in accounts]


# --- sizes and times ------------------------------------------------------------------------------


def _restart(exchange: Exchange) -> None:
    """Start every process anew upon all markets; tell how long until all is well."""
    names = [name for name in exchange.names() if name not in ("postgres", "valkey")]
    with _timed("all processes started anew, until healthy"):
        for name in names:
            exchange.restart(name)
        exchange.wait_until_healthy(timeout_s=180)
    with _timed("web alone started anew, until healthy"):
        exchange.restart("web")
        exchange.wait_until_healthy(timeout_s=180)


def _tell_sizes(exchange: Exchange) -> None:
    with httpx.Client(base_url=exchange.base_url, timeout=60) as client:
        for path in PATHS:
            took = []
            for _ in range(5):
                began = time.perf_counter()
                answer = client.get(path, headers={"Accept-Encoding": "identity"})
                took.append(time.perf_counter() - began)
            _say(
                f"{path}: {answer.status_code}, {len(answer.content):,} bytes,"
                f" first {took[0] * 1e3:.1f} ms, median {sorted(took)[2] * 1e3:.1f} ms"
            )
    for name in exchange.names():
        process = psutil.Process(exchange.pid(name))
        if name not in ("postgres", "valkey"):
            _say(f"memory of {name}: {process.memory_info().rss / 2**20:.0f} MB")


# --- the death of one -----------------------------------------------------------------------------


class Unanswered(StreamLoad):
    """A load that waits for no answers: a worker that is killed leaves some untold.

    An edge would look these up.
    """

    def feed(self, rate_per_s: float) -> list[float]:
        """Send what is prepared at an even rate; there are no latencies."""
        commands, self._prepared = self._prepared, []
        began = time.perf_counter()
        for number, command in enumerate(commands):
            time.sleep(max(0.0, began + number / rate_per_s - time.perf_counter()))  # paces it
            self._feed.send_packed_command([command])
        self._sent += len(commands)
        return []


def _compare(
    exchange: Exchange, markets: list[list[FlowMarket]], accounts: list[list[int]], *, turns: int
) -> float:
    """Return p99 of the shards whose worker lives, with the kill beside without."""
    killed = KILLED_SHARD % len(markets)
    with contextlib.ExitStack() as stack:
        loads = [
            stack.enter_context(
                Remote(
                    Unanswered if shard == killed else StreamLoad,
                    _spec(exchange, shard, of_shard, accounts),
                )
            )
            for shard, of_shard in enumerate(markets)
        ]
        _turn(loads, killed, lambda: None)  # warm
        calm: list[float] = []
        hurt: list[float] = []
        for _ in range(turns):
            for seconds, does_kill in ((calm, False), (hurt, True)):
                act = (lambda: _kill(exchange, killed)) if does_kill else (lambda: None)
                others = _turn(loads, killed, act)
                seconds += others
                _say(f"{'killed' if does_kill else 'calm'}: others {Latencies(others).as_ms()}")
                for name in (f"worker-{killed}", f"worker-{killed}-standby"):
                    if not exchange.is_running(name):
                        exchange.restart(name)
    return Latencies(hurt).percentile_ms(99) / Latencies(calm).percentile_ms(99)


def _spec(
    exchange: Exchange, shard: int, markets: list[FlowMarket], accounts: list[list[int]]
) -> StreamSpec:
    return StreamSpec(
        exchange.redis_url, exchange.database_url, shard, markets, accounts[shard], shard, 0.35
    )


def _turn(loads: "list[Remote[Any]]", killed: int, act: Callable[[], None]) -> list[float]:
    """Give all shards commands for a while and do something meanwhile; return the others' times."""
    for load in loads:
        load.call("prepare", int(RATE_PER_S * TURN_S))
    for shard, load in enumerate(loads):
        load.start("feed" if shard == killed else "latencies_s", RATE_PER_S)
    time.sleep(KILL_AFTER_S)  # into the turn
    act()
    return [seconds for load in loads for seconds in load.result()]


def _kill(exchange: Exchange, shard: int) -> None:
    exchange.kill(wait_until(lambda: _live(exchange, shard), timeout_s=20, what="a live worker"))


def _live(exchange: Exchange, shard: int) -> str | None:
    """Return the name of the process that owns a shard."""
    with psycopg.connect(exchange.database_url) as session:
        row = session.execute(
            "SELECT lease_owner FROM matching_shard"
            " WHERE id = %s AND lease_expires_at > clock_timestamp()",
            [shard],
        ).fetchone()
    for name in (f"worker-{shard}", f"worker-{shard}-standby"):
        if row and exchange.is_running(name) and f"-{exchange.pid(name)}-" in row[0]:
            return name
    return None


if __name__ == "__main__":
    sys.exit(main())
