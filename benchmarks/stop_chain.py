"""(h) Thousands of stops that set each other off, and who trades in another market meanwhile.

On one shard, so that both are one worker's to do. In the other market orders are placed and
cancelled at a steady rate all the time; how long each waits for its answer is told with and without
a chain. Of a *chain* each stop brings the price to where the next one's turn comes. Of a *crowd*
one trade brings the turn of all.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import psycopg

from benchmarks import venue
from benchmarks.flow import FlowMarket, price_text, quantity_text
from benchmarks.remote import Remote
from benchmarks.statistics import Latencies
from benchmarks.stream_load import StreamLoad, StreamSpec
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from tests.exchange import Exchange

SHARD: Final = 0
RATE_PER_S: Final = 300
PART_S: Final = 0.5
QUIET_S: Final = 4.0
WAIT_S: Final = 300.0
_FAR: Final = 2**52


def measure(exchange: Exchange, traders: list[venue.Trader], *, stops: int) -> dict[str, Any]:
    """Return latencies in another market without stops, with a chain and with a crowd of them."""
    markets = venue.open_markets(shard_id=SHARD, prefix="C")
    venue.fund(traders, markets)
    accounts = [pk for trader in traders for _, pk in trader.accounts]
    other, chained, crowded, _ = markets
    figures: dict[str, Any] = {"chain_stops": stops}
    with (
        Remote(StreamLoad, _spec(exchange, [other], accounts, seed=6)) as load,
        Remote(StreamLoad, _spec(exchange, markets, accounts, seed=7)) as stopped,
    ):
        load.call("prepare_books", 1_000)
        load.call("play")
        began = time.monotonic()
        figures |= _told(
            "chain_quiet", _latencies(load, lambda: time.monotonic() < began + QUIET_S)
        )
        for name, market, step in (("chain", chained, 1), ("crowd", crowded, 0)):
            *before, first = _scene(market, accounts, stops, step)
            stopped.call("prepare_commands", before)
            stopped.call("play")
            stopped.call("prepare_commands", [first])
            stopped.start("play")
            began = time.monotonic()
            found = _latencies(load, partial(_goes_on, exchange, market, stops))
            figures[f"{name}_s"] = round(time.monotonic() - began, 2)
            stopped.result()
            figures |= _told(name, found)
        _require_order(exchange, chained)
        figures["chain_batch_ms"] = _batch_ms(exchange, chained)
        codes = stopped.call("answer_codes") | load.call("answer_codes")
    if set(codes) != {""}:
        raise AssertionError(f"commands were refused: {codes}")
    return figures


def _told(name: str, seconds: list[float]) -> dict[str, Any]:
    found = Latencies(seconds).as_ms()
    return {f"{name}_{key}": value for key, value in found.items()}


def _latencies(load: Remote[StreamLoad], goes_on: Callable[[], bool]) -> list[float]:
    """Trade in the other market while something goes on; return what was wholly within."""
    seconds: list[float] = []
    ends_at = time.monotonic() + WAIT_S
    while time.monotonic() < ends_at:
        load.call("prepare", int(RATE_PER_S * PART_S))
        part = load.call("latencies_s", RATE_PER_S)
        if not goes_on():
            return seconds or part
        seconds += part
    raise AssertionError("the chain did not come to its end")


def _scene(market: FlowMarket, accounts: list[int], stops: int, step: int) -> list[PlaceOrder]:
    """Return bids, the stops, and last the order that sets the first of them off.

    ``step``: how many ticks each one's price is below the one before it.
    """
    buyer, seller, *others = accounts
    highest = stops + 1_000
    bids = [_order(market, buyer, "buy", highest - index * step) for index in range(stops + 1)]
    waiting = [
        _order(
            market,
            others[index % len(others)],
            "sell",
            None,
            Conditions(trigger="stop", trigger_price=price_text(market, highest - index * step)),
        )
        for index in range(stops)
    ]
    # A price above all, from where they wait for it to fall.
    begin = [
        _order(market, buyer, "buy", highest + 1),
        _order(market, seller, "sell", highest + 1),
    ]
    return [*bids, *begin, *waiting, _order(market, seller, "sell", highest)]


def _order(
    market: FlowMarket,
    account_id: int,
    side: Any,
    price_ticks: int | None,
    conditions: Conditions | None = None,
) -> PlaceOrder:
    return PlaceOrder(
        account_id,
        market.market_id,
        side,
        "market" if price_ticks is None else "limit",
        "ioc" if price_ticks is None else "gtc",
        False,
        None if price_ticks is None else price_text(market, price_ticks),
        quantity_text(market, 1),
        None,
        None,
        None,
        _FAR,
        conditions=conditions,
    )


def _goes_on(exchange: Exchange, market: FlowMarket, stops: int) -> bool:
    """Tell whether stops are still to trade: before them there were two trades."""
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(
            "SELECT trade_sequence FROM matching_marketstate WHERE market_id = %s",
            (market.market_id,),
        ).fetchone()
    return row is None or row[0] < stops + 2


def _require_order(exchange: Exchange, market: FlowMarket) -> None:
    """Raise AssertionError unless the stops entered the highest trigger price first."""
    with psycopg.connect(exchange.database_url) as connection:
        rows = connection.execute(
            "SELECT c.trigger_price FROM matching_trade t JOIN matching_orderconditions c"
            " ON c.order_id = t.taker_order_id WHERE t.market_id = %s ORDER BY t.sequence",
            (market.market_id,),
        ).fetchall()
    prices = [price for (price,) in rows]
    if prices != sorted(prices, reverse=True):
        raise AssertionError("the stops did not enter in the order of their prices")


def _batch_ms(exchange: Exchange, market: FlowMarket) -> float:
    """Return the median time from a batch of the chain to the next one, of whatever market."""
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took) FROM (SELECT kind, market_id,"
            " extract(epoch FROM lead(batch_at) OVER (ORDER BY sequence) - batch_at) * 1000 AS took"
            " FROM matching_command WHERE shard_id = %s) AS gaps"
            " WHERE kind = 'due' AND market_id = %s",
            (SHARD, market.market_id),
        ).fetchone()
    return round(float(row[0]), 1) if row and row[0] is not None else 0.0


def _spec(
    exchange: Exchange, markets: list[FlowMarket], accounts: list[int], *, seed: int
) -> StreamSpec:
    return StreamSpec(
        exchange.redis_url,
        exchange.database_url,
        SHARD,
        markets,
        accounts,
        seed=seed,
        cancel_share=0.5,
    )
