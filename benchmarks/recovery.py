"""(a) Recovery: a worker with 100,000 resting orders in the tables ends, and a new one takes over.

On a shard of its own, so that the number of orders is exact. The orders come through the worker,
like any. Measured is from the start of the new process to its sign of life, which it gives after
all books stand and just before it reads the first command; and, as the worker logs it, the part of
that which is reading the tables and building the books.
"""

import json
import signal
import time
from typing import Any, Final

import psycopg
import redis

from benchmarks import venue
from benchmarks.remote import Remote
from benchmarks.stream_load import StreamLoad, StreamSpec
from matching import wire
from tests.exchange import Exchange, wait_until
from zavora.runner.exchange import matching_worker

SHARD: Final = 1
NAME: Final = f"worker-{SHARD}"
WAIT_S: Final = 120.0


def measure(exchange: Exchange, traders: list[venue.Trader], *, orders: int) -> dict[str, Any]:
    """Return how long a new worker takes until it reads commands again."""
    exchange.launch(matching_worker(exchange.env, shard=SHARD))
    venue.wait_for_worker(exchange, SHARD)
    markets = venue.open_markets(shard_id=SHARD, prefix="R")
    venue.fund(traders, markets)
    spec = StreamSpec(
        exchange.redis_url,
        exchange.database_url,
        SHARD,
        markets,
        [pk for trader in traders for _, pk in trader.accounts],
        seed=3,
        cancel_share=0.0,
    )
    with Remote(StreamLoad, spec) as load:
        expected = load.call("prepare_books", orders)
        load.call("play")
    resting = _resting(exchange, [market.market_id for market in markets])
    if not resting == expected == orders:
        raise AssertionError(f"{resting} orders rest, not {orders}")
    seconds, told = _restart(exchange)
    exchange.kill(NAME, signal.SIGTERM)
    return {
        "recover_100k_orders_s": round(seconds, 2),
        "recover_orders": resting,
        "recover_load_s": told,
    }


def _restart(exchange: Exchange) -> tuple[float, float]:
    """End the worker in order, which frees its lease, start another; return both times."""
    exchange.kill(NAME, signal.SIGTERM)
    log_length = len(exchange.log(NAME))
    client = redis.Redis.from_url(exchange.redis_url)
    if client.exists(wire.heartbeat_name(SHARD)):
        raise AssertionError("the ended worker left its sign of life")
    started = time.perf_counter()
    exchange.restart(NAME)
    wait_until(
        lambda: client.exists(wire.heartbeat_name(SHARD)), timeout_s=WAIT_S, what="the new worker"
    )
    seconds = time.perf_counter() - started
    client.close()
    for line in exchange.log(NAME)[log_length:].splitlines():
        if "lease_taken" in line:
            return seconds, float(json.loads(line)["seconds"])
    raise AssertionError("the new worker did not say that it took the lease")


def _resting(exchange: Exchange, market_ids: list[int]) -> int:
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM matching_order WHERE market_id = ANY(%s)"
            " AND status IN ('new', 'partially_filled')",
            (market_ids,),
        ).fetchone()
    return int(row[0]) if row else 0
