"""Streams of user data under concurrent flow of several people: folded, they are the account."""

import asyncio
import itertools
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import redis

from tests.integration.binance.user_data.conftest import MARKETS, Bot, Socket
from tests.socket_client import WAIT_S

Keep = Callable[[Socket], Socket]

STEPS = 70
LANES = 3
OPEN = ("NEW", "PARTIALLY_FILLED")
MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")


class Folded:
    """An account as it follows from a snapshot over REST and the events after it."""

    def __init__(self, account: Any, orders: list[Any]) -> None:
        self.balances = {entry["asset"]: balance_of(entry) for entry in account["balances"]}
        self.orders = {(one["symbol"], one["orderId"]): order_of(one) for one in orders}

    def take(self, event: Any) -> None:
        """Apply an event."""
        if event["e"] == "outboundAccountPosition":
            for entry in event["B"]:
                self.balances[entry["a"]] = (Decimal(entry["f"]), Decimal(entry["l"]))
        elif event["e"] == "executionReport":
            name = (event["s"], event["i"])
            self.orders[name] = (event["X"], Decimal(event["z"]), Decimal(event["Z"]))

    @property
    def open_orders(self) -> dict[Any, Any]:
        """The orders that are still open."""
        return {name: order for name, order in self.orders.items() if order[0] in OPEN}


def balance_of(entry: Any) -> tuple[Decimal, Decimal]:
    return Decimal(entry["free"]), Decimal(entry["locked"])


def order_of(order: Any) -> tuple[str, Decimal, Decimal]:
    return order["status"], Decimal(order["executedQty"]), Decimal(order["cummulativeQuoteQty"])


async def snapshot(bot: Bot) -> Folded:
    """Return the account as REST shows it."""
    return Folded(await bot.get("account"), await bot.get("openOrders"))


async def lane(bot: Bot, seed: int, *, steps: int = STEPS) -> None:
    """Trade at random: orders of all kinds that cross each other, cancels, cancel-all."""
    rng = random.Random(seed)
    ids: dict[str, list[int]] = {symbol: [] for symbol in MARKETS}
    for _ in range(steps):
        symbol = rng.choice(list(MARKETS))
        dice = rng.random()
        if dice < 0.2 and ids[symbol]:
            order_id = ids[symbol].pop(rng.randrange(len(ids[symbol])))
            await bot.rest("DELETE", "order", symbol=symbol, orderId=order_id)
            continue
        if dice < 0.24:
            await bot.rest("DELETE", "openOrders", symbol=symbol)
            continue
        side, quantity = rng.choice(("buy", "sell")), f"{rng.randint(200, 3000) / 100:.2f}"
        price = f"{rng.randint(9960, 10040) / 10000:.4f}"
        fields: dict[str, Any] = {}
        if dice < 0.35:
            fields = {"timeInForce": rng.choice(("IOC", "FOK"))}
        elif dice < 0.45:
            fields = {"type": "LIMIT_MAKER", "timeInForce": None}
        elif dice < 0.55:
            fields = {"icebergQty": f"{rng.randint(100, 400) / 100:.2f}"}
        elif dice < 0.7:
            fields = stop_fields(rng)
        fields |= {"selfTradePreventionMode": rng.choice(MODES)} if rng.random() < 0.5 else {}
        text = f"{side} {quantity}" if dice > 0.9 else f"{side} {quantity} @ {price}"
        answer = await bot.order(text, symbol, **fields)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            ids[symbol].append(answer.json()["orderId"])


def stop_fields(rng: random.Random) -> dict[str, Any]:
    """Return what makes an order at a price one that waits for another, or behind the market."""
    kind = rng.choice(("STOP_LOSS", "TAKE_PROFIT"))
    fields: dict[str, Any] = {"type": kind, "timeInForce": None, "price": None}
    if rng.random() < 0.5:
        fields = {"type": f"{kind}_LIMIT"}
    if rng.random() < 0.7:
        fields["stopPrice"] = f"{rng.randint(9960, 10040) / 10000:.4f}"
        if rng.random() < 0.3:
            fields["trailingDelta"] = rng.randint(10, 30)
        return fields
    return fields | {"trailingDelta": rng.randint(10, 30)}


def account_pk(tables: psycopg.Connection[Any], bot: Bot) -> int:
    row = tables.execute(
        "SELECT id FROM accounts_account WHERE public_id = %s", [bot.account]
    ).fetchone()
    assert row is not None
    return int(row[0])


def expected_steps(tables: psycopg.Connection[Any], bot: Bot, since: int) -> dict[int, list[Any]]:
    """Return what each order of an account must have been told of, from the tables alone."""
    pk = account_pk(tables, bot)
    steps: dict[int, list[Any]] = {}
    orders = tables.execute(
        "SELECT o.id, o.status, c.triggered_at IS NOT NULL FROM matching_order o"
        " LEFT JOIN matching_orderconditions c ON c.order_id = o.id"
        " WHERE o.account_id = %s AND o.id > %s ORDER BY o.id",
        [pk, since],
    ).fetchall()
    for order_id, _, was_triggered in orders:
        # One that waited is new once more when it enters the market.
        steps[order_id] = [("NEW", -1)] * (2 if was_triggered else 1)
    trades = tables.execute(
        "SELECT maker_order_id, taker_order_id, maker_account_id, taker_account_id, sequence"
        " FROM matching_trade WHERE %s IN (maker_account_id, taker_account_id) ORDER BY id",
        [pk],
    ).fetchall()
    for maker_order, taker_order, maker, taker, sequence in trades:
        for order_id, account in ((maker_order, maker), (taker_order, taker)):
            if account == pk and order_id in steps:
                steps[order_id].append(("TRADE", sequence))
    for order_id, status, _ in orders:
        if status in ("cancelled", "expired"):
            steps[order_id].append("over")
    return steps


def told_steps(socket: Socket) -> dict[int, list[Any]]:
    """Return what a stream told of each order, in the same spelling."""
    steps: dict[int, list[Any]] = {}
    for event in socket.of("executionReport"):
        if event["x"] == "TRADE_PREVENTION" and event["X"] in OPEN:
            continue  # it lost something and goes on
        is_over = event["x"] in ("CANCELED", "EXPIRED", "TRADE_PREVENTION")
        steps.setdefault(event["i"], []).append("over" if is_over else (event["x"], event["t"]))
    return steps


def check_running_figures(socket: Socket) -> None:
    """Each order's sums are those of its fills; nothing follows its end; ids only grow."""
    filled: dict[int, tuple[Decimal, Decimal]] = {}
    ended: set[int] = set()
    for event in socket.of("executionReport"):
        order_id = event["i"]
        assert order_id not in ended
        quantity, quote = filled.get(order_id, (Decimal(0), Decimal(0)))
        filled[order_id] = (quantity + Decimal(event["l"]), quote + Decimal(event["Y"]))
        assert filled[order_id] == (Decimal(event["z"]), Decimal(event["Z"]))
        if event["X"] not in OPEN:
            ended.add(order_id)
    ids = [event["I"] for event in socket.of("executionReport")]
    assert all(left < right for left, right in itertools.pairwise(ids))


def check_money(socket: Socket, before: Folded, after: Folded) -> None:
    """Change of each asset = its fills minus its commissions, plus what came from outside."""
    changes: dict[str, Decimal] = {}

    def add(asset: str, amount: Decimal) -> None:
        changes[asset] = changes.get(asset, Decimal(0)) + amount

    for event in socket.of("executionReport"):
        if event["x"] != "TRADE":
            continue
        base, quote = MARKETS[event["s"]].split("/")
        sign = 1 if event["S"] == "BUY" else -1
        add(base, sign * Decimal(event["l"]))
        add(quote, -sign * Decimal(event["Y"]))
        add(event["N"], -Decimal(event["n"]))
    for event in socket.of("balanceUpdate"):
        add(event["a"], Decimal(event["d"]))
    for asset, (free, locked) in after.balances.items():
        was = sum(before.balances[asset])
        assert free + locked == was + changes.get(asset, Decimal(0)), asset


async def caught_up(bot: Bot, socket: Socket, folded: Folded, *, begun_at: int = 0) -> Folded:
    """Apply what comes until the fold is the account as REST shows it; return that."""
    shown = await snapshot(bot)
    done = begun_at

    def is_equal() -> bool:
        nonlocal done
        for event in socket.events[done:]:
            folded.take(event)
        done = len(socket.messages)
        return folded.balances == shown.balances and folded.open_orders == shown.open_orders

    await socket.until(is_equal)
    return shown


async def test_streams_folded_are_the_account_and_nobody_elses(
    bots: list[Bot], sockets: Keep, tables: psycopg.Connection[Any]
) -> None:
    alice, bob, carol = bots
    since = tables.execute("SELECT coalesce(max(id), 0) FROM matching_order").fetchone()
    assert since is not None
    streams = {
        alice: sockets(await alice.subscribe()),
        bob: sockets(await bob.follow()),
        carol: sockets(await carol.follow(path="/stream?streams=")),
    }
    twin = sockets(await carol.subscribe())
    begun = {bot: await snapshot(bot) for bot in bots}
    folds = {bot: await snapshot(bot) for bot in bots}

    lanes = [lane(bot, seed * 10 + n) for seed, bot in enumerate(bots) for n in range(LANES)]
    deposit = ("deposit", "--account", bob.account, "--asset", "EUR", "--amount", "3.25")
    await asyncio.gather(*lanes, asyncio.to_thread(bob.exchange.manage, *deposit))
    for bot in bots:
        for symbol in MARKETS:
            await bot.rest("DELETE", "openOrders", symbol=symbol)

    for bot, socket in streams.items():
        shown = await caught_up(bot, socket, folds[bot])
        check_running_figures(socket)
        check_money(socket, begun[bot], shown)
        # Each step once and in order, of every own order and of no other.
        assert told_steps(socket) == expected_steps(tables, bot, since[0])
        assert len(told_steps(socket)) > STEPS
    await twin.until(lambda: len(twin.events) == len(streams[carol].events))
    assert twin.events == streams[carol].events
    assert [event["d"] for event in streams[bob].of("balanceUpdate")] == ["3.25000000"]
    assert streams[alice].of("balanceUpdate") == []


@pytest.mark.parametrize("begin", [Bot.subscribe, Bot.follow])
async def test_a_stream_begun_anew_amid_the_flow_leads_to_the_same_account(
    bots: list[Bot], sockets: Keep, begin: Callable[[Bot], Any]
) -> None:
    alice, bob, _ = bots
    first = await begin(alice)
    flow = asyncio.gather(*(lane(bot, seed) for seed, bot in enumerate((alice, bob, alice), 40)))
    await first.until(lambda: len(first.events) > 20)
    await first.end()
    second = sockets(await begin(alice))
    # What a client does after a reconnect: look at the account, then go on with the events.
    folded = await snapshot(alice)
    await flow
    for symbol in MARKETS:
        await alice.rest("DELETE", "openOrders", symbol=symbol)
    await caught_up(alice, second, folded)
    check_ids = [event["I"] for event in second.of("executionReport")]
    assert len(set(check_ids)) == len(check_ids) > 20
    # Nothing that the first connection had is told again.
    assert not {event["I"] for event in first.of("executionReport")} & set(check_ids)


async def test_a_cut_from_the_queue_ends_streams_and_the_next_ones_are_whole(
    bots: list[Bot], sockets: Keep
) -> None:
    alice, bob, _ = bots
    streams = [await alice.subscribe(), await alice.follow()]
    with redis.Redis.from_url(alice.exchange.redis_url, socket_timeout=WAIT_S) as queue:
        assert queue.client_kill_filter(_type="pubsub")
    for socket in streams:
        # Notices may be gone: whoever reads on would not know.
        assert await socket.closed_with() == 1013
    await asyncio.to_thread(alice.exchange.wait_until_healthy)

    second = sockets(await alice.subscribe())
    folded = await snapshot(alice)
    await asyncio.gather(*(lane(bot, seed, steps=20) for seed, bot in enumerate((alice, bob), 60)))
    for symbol in MARKETS:
        await alice.rest("DELETE", "openOrders", symbol=symbol)
    await caught_up(alice, second, folded)
    check_running_figures(second)
