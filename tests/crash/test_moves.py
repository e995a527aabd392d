"""A market goes to and fro between two shards under load: nothing is lost, doubled or out of turn.

``ZAVORA_MOVES`` says how often (``make move-trial``: 100), ``ZAVORA_MOVES_SEED`` repeats a run. Of
each move the longest time is told between two acknowledgements of orders in that market around it.
"""

import asyncio
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import psycopg
import pytest
from websockets.asyncio.client import connect

from tests.crash.checker import Auditor, Checker
from tests.crash.http_client import HttpClient
from tests.crash.load import HttpTrader, Load, Shared, Trader
from tests.crash.markets import MARKETS, MarketPlan
from tests.crash.report import Report
from tests.crash.tables import Api
from tests.crash.target import Target
from tests.crash.test_crash import make_accounts
from tests.exchange import Exchange, wait_until
from zavora.runner.exchange import matching_worker

MOVES: Final = int(os.environ.get("ZAVORA_MOVES", "6"))
SEED: Final = int(os.environ.get("ZAVORA_MOVES_SEED") or random.SystemRandom().randrange(10**6))
# After how many moves everything is compared with everything.
CHECK_EVERY: Final = 20
# Held against the pauses of a trial: few of them, beside other tests, say nothing.
PAUSE_P99_MAX_MS: Final = 500.0
TRIAL_MOVES: Final = 100
MOVED: Final = MARKETS[0]
SHARDS: Final = (0, 1)
# So many wait in one queue, far from where others trade.
QUEUED: Final = 8
QUEUE_PRICE: Final = "40000"
# More than all bids together.
MORE_THAN_ALL: Final = "10"
ANSWERS_BETWEEN: Final = 20
ANSWER_WAIT_S: Final = 30.0


class MovedTrader(HttpTrader):
    """Trades mostly in the market that is moved, and says when that was acknowledged."""

    def __init__(self, *arguments: Any, answered: list[float], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._answered = answered

    def draw_market(self) -> MarketPlan:
        """Return the market that is moved, mostly."""
        return MOVED if self.draw.random() < 0.85 else super().draw_market()

    def note(self, order: dict[str, Any]) -> None:
        """Note an order, and when it was told."""
        if order["market"] == MOVED.symbol:
            self._answered.append(time.monotonic())
        super().note(order)


class Follower:
    """Follows the market's book and trades by one WebSocket connection, in a thread of its own."""

    def __init__(self, exchange: Exchange) -> None:
        self._url = f"{exchange.ws_url}/ws"
        self.books: list[dict[str, Any]] = []
        self.trades: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def __enter__(self) -> "Follower":
        self._thread.start()
        wait_until(lambda: self.books, timeout_s=10, what="the first book")
        return self

    def __exit__(self, *_: object) -> None:
        for task in asyncio.all_tasks(self._loop):
            self._loop.call_soon_threadsafe(task.cancel)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._follow())
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _follow(self) -> None:
        async with connect(self._url, max_size=None) as socket:
            for number, channel in enumerate(("orderbook", "trades")):
                params = {"channel": channel, "market": MOVED.symbol}
                request = {"id": str(number), "method": "subscribe", "params": params}
                await socket.send(json.dumps(request))
            async for text in socket:
                message = json.loads(text)
                if message.get("method") == "orderbook":
                    self.books.append(message["params"]["data"])
                elif message.get("method") == "trades":
                    self.trades.append(int(message["params"]["data"]["id"]))


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """An exchange of its own; the second shard is one that there was not before."""
    with Exchange(demo=True, extra_env={"LOG_LEVEL": "WARNING"}) as running:
        running.launch(matching_worker(running.env, shard=1))
        yield running


@pytest.mark.timeout(180 + 6 * MOVES)
def test_a_market_that_is_moved_under_load_loses_nothing(
    exchange: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)
    target = Target.of(exchange, shards=SHARDS)
    tokens = make_accounts(exchange)
    accounts = list(tokens)
    queue = _queue_up(exchange)
    answered: list[float] = []

    def traders(shared: Shared) -> list[Trader]:
        return [
            MovedTrader(
                *(shared, account, draw.randrange(2**32)),
                client=HttpClient(exchange.base_url, tokens[account]),
                answered=answered,
            )
            for account in accounts
        ]

    auditor, report, pauses = Auditor(target), Report(waits_s={}), []
    try:
        with Follower(exchange) as follower, Load(traders) as load:
            checker = Checker(target, auditor, tokens)
            for number in range(1, MOVES + 1):
                load.go_on()
                pauses.append(_move(exchange, answered, to_shard=number % 2))
                if number % CHECK_EVERY == 0 or number == MOVES:
                    load.pause()
                    checker.check(load.shared.notes, report)
            checker.check_everything_by_api(load.shared.notes, report)
            notes = load.shared.notes
            p99 = _p99(pauses)
            with capsys.disabled():
                print(  # noqa: T201
                    f"\nmove trial: seed {SEED}, {MOVES} moves, {notes.acknowledged} acknowledged,"
                    f" lost {len(report.faults.lost)}, doubled {len(report.faults.doubled)};"
                    f" pause p50 {statistics.median(pauses):.0f} ms, p99 {p99:.0f} ms,"
                    f" longest {max(pauses):.0f} ms; answers {dict(notes.answers)}"
                )
            assert load.shared.unexpected == []
            # "none": the server closes connections that idle while everything is compared.
            assert notes.answers.keys() <= {"200", "400", "404", "409", "422", "none"}
            assert _taken(exchange, queue) == queue
            book = _checked_events(exchange)
            wait_until(
                lambda: follower.books[-1]["sequence"] >= book,
                timeout_s=10,
                what="the last book",
            )
        _check_followed(follower)
    finally:
        auditor.close()
    assert MOVES < TRIAL_MOVES or p99 <= PAUSE_P99_MAX_MS


def _p99(pauses: list[float]) -> float:
    return sorted(pauses)[min(len(pauses) - 1, int(len(pauses) * 0.99))]


def _move(exchange: Exchange, answered: list[float], *, to_shard: int) -> float:
    """Move the market; return the longest time (ms) without an answer around it."""
    _wait_for_answers(answered)
    before = len(answered) - 1
    exchange.manage("move_market", MOVED.symbol, "--to", str(to_shard))
    _wait_for_answers(answered)
    times = answered[before:]
    return max(later - earlier for earlier, later in pairwise(times)) * 1_000


def _wait_for_answers(answered: list[float]) -> None:
    enough = len(answered) + ANSWERS_BETWEEN
    wait_until(lambda: len(answered) >= enough, timeout_s=ANSWER_WAIT_S, what="answers")


def _queue_up(exchange: Exchange) -> list[str]:
    """Let orders of people who do nothing else queue at one price; return them in their order."""
    queue = []
    for number in range(QUEUED):
        api, account = _newcomer(exchange, f"queue-{number}", asset="USD")
        order = _order(account, "buy", "0.001")
        queue.append(api.post("/api/v1/orders", order)["data"]["order"]["id"])
    return queue


def _newcomer(exchange: Exchange, name: str, *, asset: str) -> tuple[Api, str]:
    """Return somebody with an account and money."""
    token = exchange.create_token(f"moves-{name}@example.com", scopes="read,trade")
    api = Api(Target.of(exchange), {"": token})
    account = api.get("/api/v1/accounts")["data"][0]["id"]
    api.post(f"/api/v1/accounts/{account}/deposit", {"asset": asset, "amount": "1000"})
    return api, account


def _order(account: str, side: str, quantity: str) -> dict[str, str]:
    return {
        "market": MOVED.symbol,
        "user_id": account,
        "side": side,
        "order_type": "limit",
        "price": QUEUE_PRICE,
        "quantity": quantity,
    }


def _taken(exchange: Exchange, queue: list[str]) -> list[str]:
    """Sell down to the queue and below; return in which order it was taken, by whomever.

    Others may have come so far before, with a market order, where the book was thin.
    """
    api, account = _newcomer(exchange, "taker", asset="BTC")
    api.post("/api/v1/orders", _order(account, "sell", MORE_THAN_ALL))
    with psycopg.connect(exchange.database_url) as connection:
        rows = connection.execute(
            "SELECT maker_order_id::text FROM matching_trade WHERE maker_order_id = ANY(%s)"
            " ORDER BY sequence",
            (list(map(int, queue)),),
        ).fetchall()
    # Of one that was taken in parts the first.
    return list(dict.fromkeys(row[0] for row in rows))


def _checked_events(exchange: Exchange) -> int:
    """Each event of the market follows the one before; return the book's sequence."""
    with psycopg.connect(exchange.database_url) as connection:
        rows = connection.execute(
            "SELECT prev_sequence, sequence FROM matching_event e JOIN matching_market m"
            " ON m.id = e.market_id WHERE m.symbol = %s ORDER BY sequence",
            (MOVED.symbol,),
        ).fetchall()
        (book,) = connection.execute(
            "SELECT s.depth_sequence FROM matching_marketstate s JOIN matching_market m"
            " ON m.id = s.market_id WHERE m.symbol = %s",
            (MOVED.symbol,),
        ).fetchone() or (0,)
    assert len(rows) > MOVES
    assert all(earlier[1] == later[0] for earlier, later in pairwise(rows))
    return int(book)


def _check_followed(follower: Follower) -> None:
    """The follower had one book at the start, and then only what is next."""
    for earlier, later in pairwise(follower.books):
        assert later.get("prev_sequence") == earlier["sequence"]
    assert all(later == earlier + 1 for earlier, later in pairwise(follower.trades))
    assert len(follower.trades) > MOVES
