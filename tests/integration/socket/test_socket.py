"""The v1 WebSocket of a running exchange: its grammar, channels and orders."""

import asyncio
import json
import zlib
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.exchange import Exchange, wait_until
from tests.integration.socket.conftest import MARKET, Client, Trader


def _checksum(bids: list[Any], asks: list[Any]) -> int:
    """Return the checksum by its documented text."""
    parts: list[str] = []
    for index in range(10):
        for side in (bids, asks):
            if index < len(side):
                parts += side[index]
    return zlib.crc32(":".join(parts).encode())


# --- grammar --------------------------------------------------------------------------------------


async def test_ping_answers_with_the_time(client: Client) -> None:
    answer = await client.call("ping", anything=1)
    assert answer["result"]["pong"].endswith("Z")


async def test_ids_are_echoed_as_they_came(client: Client) -> None:
    for text, echoed in (("7", 7), ('"7"', "7"), ('"a-b"', "a-b"), ("-1", -1)):
        answer = await client.raw(f'{{"id": {text}, "method": "ping"}}', answer_id=echoed)
        assert answer["id"] == echoed
        assert type(answer["id"]) is type(echoed)


@pytest.mark.parametrize(
    "text",
    [
        "{nonsense",
        "",
        "[]",
        "7",
        "null",
        '{"params": {}}',
        '{"method": 7}',
        '{"method": "ping", "method": "ping"}',
        "[" * 10_000,
        '{"method": "ping", "params": NaN}',
        b"\xff\xfe",
        '"' + "x" * 70_000 + '"',
    ],
)
async def test_an_unreadable_message_is_answered_with_id_0_and_code_400(
    client: Client, text: str | bytes
) -> None:
    answer = await client.raw(text)
    assert answer["error"]["code"] == 400
    assert answer["error"]["data"]["code"] == "bad_request"
    assert (await client.call("ping"))["result"]["pong"]


@pytest.mark.parametrize(
    ("method", "params", "status", "code"),
    [
        ("nonsense", {}, 404, "not_found"),
        ("subscribe", {"channel": "nonsense"}, 422, "validation_error"),
        ("subscribe", {}, 422, "validation_error"),
        ("subscribe", [], 422, "validation_error"),
        ("subscribe", {"channel": "trades", "market": "NO/NE"}, 404, "market_not_found"),
        ("subscribe", {"channel": "candles", "interval": "7m"}, 422, "validation_error"),
        ("unsubscribe", {"subscriptionId": "nonsense"}, 404, "not_found"),
        ("unsubscribe", {}, 422, "validation_error"),
        ("getOrderBook", {"market": MARKET, "depth": 0}, 422, "validation_error"),
        ("getOrderBook", {}, 422, "validation_error"),
        ("getTicker", {"market": "NO/NE"}, 404, "market_not_found"),
        ("getTrades", {"market": MARKET, "limit": "x"}, 422, "validation_error"),
        ("subscribe", {"channel": "orders"}, 401, "unauthorized"),
        ("placeOrder", {}, 401, "unauthorized"),
        ("cancelOrder", {"order_id": "1"}, 401, "unauthorized"),
        ("cancelAll", {}, 401, "unauthorized"),
        ("cancelOnDisconnect", {"enabled": True}, 401, "unauthorized"),
        ("cancelAllAfter", {"timeout_ms": 5_000}, 401, "unauthorized"),
        ("authenticate", {}, 401, "unauthorized"),
        ("authenticate", {"token": "nonsense"}, 401, "unauthorized"),
    ],
)
async def test_refusals_have_the_status_of_rest(
    client: Client, method: str, params: Any, status: int, code: str
) -> None:
    text = json.dumps({"id": "x", "method": method, "params": params})
    error = (await client.raw(text, answer_id="x"))["error"]
    assert (error["code"], error["data"]["code"]) == (status, code)
    assert error["message"]
    assert error["data"]["request_id"]


async def test_the_older_spelling_is_understood(client: Client) -> None:
    text = json.dumps({"id": "a", "op": "subscribe", "channel": "ticker", "market": MARKET})
    answer = await client.raw(text, answer_id="a")
    assert answer["result"]["subscriptionId"]
    text = json.dumps({"op": "unsubscribe", "channel": "ticker", "market": MARKET})
    assert (await client.raw(text))["result"] == {"unsubscribed": True}


async def test_other_paths_are_not_served(exchange: Exchange) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"{exchange.ws_url}/elsewhere")


# --- market data ----------------------------------------------------------------------------------


async def test_a_book_begins_with_a_snapshot_and_goes_on_in_deltas(
    client: Client, trader: Trader, second: Trader
) -> None:
    trader.place("buy 1 @ 20000")
    answer = await client.call("subscribe", channel="orderbook", market="btc-eur")
    assert answer["result"]["market"] == MARKET
    await client.until(lambda: client.of("orderbook"))
    # One after the other: two changes in one turn of the loop may come as one delta.
    second.place("sell 2 @ 21000")
    await client.until(lambda: len(client.of("orderbook")) == 2)
    second.place("sell 1 @ 20000")
    await client.until(lambda: len(client.of("orderbook")) == 3)

    snapshot, added, taken = client.of("orderbook")
    assert snapshot["bids"] == [["20000.00", "1.00000"]]
    assert snapshot["checksum"] == _checksum(snapshot["bids"], snapshot["asks"])
    assert added["prev_sequence"] == snapshot["sequence"]
    assert added["asks"] == [["21000.00", "2.00000"]]
    assert added["checksum"] == _checksum([["20000.00", "1.00000"]], added["asks"])
    assert taken["prev_sequence"] == added["sequence"]
    assert [(price, float(quantity)) for price, quantity in taken["bids"]] == [("20000.00", 0)]
    assert taken["checksum"] == _checksum([], [["21000.00", "2.00000"]])
    (push, *_) = client.pushes
    assert push["params"]["subscription_id"] == answer["result"]["subscriptionId"]
    assert push["params"]["market"] == MARKET


async def test_reads_agree_with_rest(client: Client, trader: Trader) -> None:
    trader.place("buy 1 @ 20000")
    base = "/markets/BTC-EUR"
    book = (await client.call("getOrderBook", market=MARKET, depth=5))["result"]
    assert book == trader.data(trader.http.get(f"{base}/order-book", params={"depth": 5}))
    trades = (await client.call("getTrades", market=MARKET))["result"]
    assert trades == trader.data(trader.http.get(f"{base}/trades"))
    ticker = (await client.call("getTicker", market=MARKET))["result"]
    rest = trader.data(trader.http.get(f"{base}/ticker"))
    assert {**ticker, "timestamp": ""} == {**rest, "timestamp": ""}


async def test_trades_tickers_and_candles_follow_a_match(
    client: Client, trader: Trader, second: Trader
) -> None:
    for channel in ("trades", "ticker", "candles"):
        result = (await client.call("subscribe", channel=channel, market=MARKET))["result"]
        assert result["channel"] == channel
    second.place("sell 0.5 @ 21000")
    placed = trader.place("buy 0.5 @ 21000")
    (trade,) = placed["trades"]

    (pushed,) = await client.until(lambda: client.of("trades"))
    assert pushed == {
        "id": trade["id"],
        "market": MARKET,
        "price": "21000.00",
        "quantity": "0.50000",
        "taker_side": "buy",
        "auction": False,
        "timestamp": trade["created_at"],
    }
    await client.until(lambda: [t for t in client.of("ticker") if t["last"] == "21000.00"])
    candle = await client.until(
        lambda: next((c for c in client.of("candles") if c["close"] == "21000.00"), None)
    )
    assert candle["interval"] == "Minute1"


async def test_no_market_means_all_markets(client: Client, trader: Trader) -> None:
    markets = {market["symbol"] for market in trader.data(trader.http.get("/markets"))}
    answer = await client.call("subscribe", channel="orderbook")
    assert answer["result"]["market"] is None
    await client.until(lambda: len(client.pushes) >= len(markets))
    assert {push["params"]["market"] for push in client.pushes} == markets


async def test_a_subscription_ends_when_it_was_given_up_as_often_as_asked_for(
    client: Client, trader: Trader
) -> None:
    first = await client.call("subscribe", channel="orderbook", market=MARKET)
    again = await client.call("subscribe", channel="orderbook", market=MARKET)
    name = first["result"]["subscriptionId"]
    assert again["result"]["subscriptionId"] == name
    await client.until(lambda: len(client.pushes) == 2)

    await client.call("unsubscribe", subscriptionId=name)
    trader.place("buy 1 @ 10000")
    await client.until(lambda: len(client.pushes) == 3)
    assert (await client.call("unsubscribe", subscriptionId=name))["result"] == {
        "unsubscribed": True
    }
    trader.place("buy 1 @ 10001")
    await client.call("getTicker", market=MARKET)
    assert len(client.pushes) == 3
    assert (await client.call("unsubscribe", subscriptionId=name))["error"]["code"] == 404


async def test_snapshot_and_deltas_give_the_book_of_rest_at_every_sequence_seen(
    exchange: Exchange, client: Client, trader: Trader, second: Trader
) -> None:
    """Two accounts trade as fast as they are answered while REST is asked all along."""
    await client.call("subscribe", channel="orderbook", market=MARKET)
    buyer = Client(await connect(f"{exchange.ws_url}/ws"))
    seller = Client(await connect(f"{exchange.ws_url}/ws"))
    books: dict[int, tuple[Any, Any]] = {}

    async def load(socket: Client, who: Trader, side: str, best: int, away: int) -> None:
        await socket.call("authenticate", token=who.token)
        for turn in range(15):
            placing = [
                socket.call(
                    "placeOrder",
                    **who.order(f"{side} 0.0{1 + number % 9} @ {best + away * (number % 30)}"),
                )
                for number in range(turn, turn + 20)
            ]
            placed = [answer["result"]["order"] for answer in await asyncio.gather(*placing)]
            await asyncio.gather(
                *(socket.call("cancelOrder", order_id=order["id"]) for order in placed[::2])
            )

    async def ask_rest(until: "asyncio.Future[Any]") -> None:
        while not until.done():
            answer = await asyncio.to_thread(
                second.http.get, "/markets/BTC-EUR/order-book", params={"depth": 1000}
            )
            book = second.data(answer)
            books[book["sequence"]] = (book["bids"], book["asks"])

    loads = asyncio.gather(
        load(buyer, trader, "buy", 20_010, -1), load(seller, second, "sell", 20_000, 1)
    )
    await asyncio.gather(loads, ask_rest(loads))
    last = max(books)
    await client.until(lambda: client.of("orderbook")[-1]["sequence"] >= last)
    await buyer.end()
    await seller.end()

    first = client.of("orderbook")[0]["sequence"]
    compared = _replay_and_compare(client.of("orderbook"), books)
    # An event is one step: REST shows the book between events only, at the same sequences.
    assert compared == len([sequence for sequence in books if sequence >= first])
    assert compared > 10


def _replay_and_compare(messages: list[Any], books: dict[int, tuple[Any, Any]]) -> int:
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    sequence: int | None = None
    compared = 0
    for message in messages:
        if "prev_sequence" not in message:
            sides = ({}, {})
        else:
            assert message["prev_sequence"] == sequence
        sequence = message["sequence"]
        for side, levels in zip(sides, (message["bids"], message["asks"]), strict=True):
            for price, quantity in levels:
                side[price] = quantity
                if float(quantity) == 0:
                    del side[price]
        bids = [[price, sides[0][price]] for price in sorted(sides[0], key=float, reverse=True)]
        asks = [[price, sides[1][price]] for price in sorted(sides[1], key=float)]
        assert message["checksum"] == _checksum(bids, asks)
        if sequence in books:
            compared += 1
            assert books[sequence] == (bids, asks)
    return compared


# --- the caller's own -----------------------------------------------------------------------------


async def test_orders_fills_and_balances_reach_their_owner_only(
    exchange: Exchange, client: Client, trader: Trader, second: Trader
) -> None:
    other = Client(await connect(f"{exchange.ws_url}/ws"))
    for who, socket in ((trader, client), (second, other)):
        answer = await socket.call("authenticate", token=who.token)
        assert who.account in {account["id"] for account in answer["result"]["accounts"]}
        for channel in ("orders", "fills", "balances"):
            await socket.call("subscribe", channel=channel)

    placed = await other.call("placeOrder", **second.order("sell 1 @ 21000"))
    assert placed["result"]["order"]["status"] == "New"
    taken = await client.call("placeOrder", **trader.order("buy 0.4 @ 21000"))
    assert taken["result"]["order"]["status"] == "Filled"

    (fill,) = await other.until(lambda: other.of("fills"))
    assert (fill["account_id"], fill["liquidity"], fill["side"]) == (
        second.account,
        "Maker",
        "Sell",
    )
    (fill,) = await client.until(lambda: client.of("fills"))
    assert (fill["account_id"], fill["liquidity"], fill["amount"]) == (
        trader.account,
        "Taker",
        "8400.00000000",
    )
    await other.until(lambda: [o for o in other.of("orders") if o["status"] == "PartiallyFilled"])
    rest = trader.data(trader.http.get(f"/accounts/{trader.account}/balances"))
    pushed = {balance["asset"]: balance for balance in client.of("balances")}
    await client.until(
        lambda: {b["asset"]: b for b in client.of("balances")} == {b["asset"]: b for b in rest}
    )
    assert set(pushed) <= {"BTC", "EUR"}
    assert {order["user_id"] for order in client.of("orders")} == {trader.account}
    assert {order["user_id"] for order in other.of("orders")} == {second.account}
    await other.end()


async def test_a_deposit_shows_in_the_balances_channel(client: Client, trader: Trader) -> None:
    await client.call("authenticate", token=trader.token)
    await client.call("subscribe", channel="balances")
    path = f"/accounts/{trader.account}/balances"
    before = {row["asset"]: row["total"] for row in trader.data(trader.http.get(path))}
    trader.data(
        trader.http.post(
            f"/accounts/{trader.account}/deposit", json={"asset": "EUR", "amount": "1.5"}
        )
    )
    (balance,) = await client.until(lambda: client.of("balances"))
    assert Decimal(balance["total"]) == Decimal(before["EUR"]) + Decimal("1.5")


async def test_orders_are_placed_amended_and_cancelled(client: Client, trader: Trader) -> None:
    await client.call("authenticate", token=trader.token)
    placed = await client.call("placeOrder", **trader.order("buy 1 @ 15000", client_order_id="a1"))
    order = placed["result"]["order"]
    again = await client.call("placeOrder", **trader.order("buy 1 @ 15000", client_order_id="a1"))
    assert again["result"]["order"]["id"] == order["id"]
    changed = await client.call("amendOrder", order_id=order["id"], price="15001")
    assert changed["result"]["order"]["price"] == "15001.00"
    cancelled = await client.call("cancelOrder", id=order["id"])
    assert cancelled["result"]["status"] == "Cancelled"
    assert (await client.call("cancelOrder", id=order["id"]))["error"]["code"] == 409

    for price in ("14000", "14001"):
        await client.call("placeOrder", **trader.order(f"buy 1 @ {price}"))
    answer = await client.call("cancelAll", account=trader.account)
    assert {item["order"]["status"] for item in answer["result"]} == {"Cancelled"}
    assert trader.open_orders() == []


async def test_refused_orders_say_why_and_leave_nothing(
    client: Client, trader: Trader, second: Trader
) -> None:
    await client.call("authenticate", token=trader.token)
    refused = [
        (trader.order("buy 1 @ 20000.001"), 422, "validation_error"),
        (trader.order("buy 1 @ 900000000"), 400, "insufficient_balance"),
        (trader.order("buy 1 @ 20000", user_id=second.account), 404, "account_not_found"),
        (trader.order("buy 1 @ 20000", market="NO/NE"), 404, "market_not_found"),
    ]
    for params, status, code in refused:
        error = (await client.call("placeOrder", **params))["error"]
        assert (error["code"], error["data"]["code"]) in {(status, code), (400, "invalid_order")}
    assert trader.open_orders() == []


async def test_a_scope_that_is_missing_is_forbidden(exchange: Exchange, client: Client) -> None:
    reader = Trader(exchange, scopes="read")
    await client.call("authenticate", token=reader.token)
    assert "result" in await client.call("subscribe", channel="orders")
    for method, params in (
        ("placeOrder", reader.order("buy 1 @ 1")),
        ("cancelAll", {"account": reader.account}),
        ("cancelOnDisconnect", {"enabled": True}),
        ("cancelAllAfter", {"timeout_ms": 1_000}),
    ):
        assert (await client.call(method, **params))["error"]["code"] == 403


async def test_an_account_opened_later_is_followed_too(client: Client, trader: Trader) -> None:
    await client.call("authenticate", token=trader.token)
    await client.call("subscribe", channel="balances")
    account = trader.data(trader.http.post("/accounts", json={"label": "later"}))["id"]

    async def deposit() -> None:
        path = f"/accounts/{account}/deposit"
        body = {"asset": "EUR", "amount": "1"}
        trader.data(await asyncio.to_thread(trader.http.post, path, json=body))

    async with asyncio.timeout(5):
        # The notice of the new account and the first deposit race; the next one cannot be missed.
        while not client.of("balances"):
            await deposit()
            await client.call("ping")
    assert client.of("balances")[-1]["account_id"] == account


# --- dead-man's switches --------------------------------------------------------------------------


async def test_orders_are_cancelled_when_the_connection_ends(
    exchange: Exchange, trader: Trader
) -> None:
    socket = Client(await connect(f"{exchange.ws_url}/ws"))
    await socket.call("authenticate", token=trader.token)
    answer = await socket.call("cancelOnDisconnect", enabled=True)
    assert answer["result"] == {"enabled": True}
    await socket.call("placeOrder", **trader.order("buy 1 @ 12000"))
    assert len(trader.open_orders()) == 1

    socket.connection.transport.abort()
    await socket.end()

    await asyncio.to_thread(
        wait_until, lambda: not trader.open_orders(), timeout_s=5, what="the cancellation"
    )


async def test_a_timer_that_is_not_renewed_cancels_and_one_that_is_ended_does_not(
    client: Client, trader: Trader
) -> None:
    await client.call("authenticate", token=trader.token)
    await client.call("subscribe", channel="orders")
    armed = (await client.call("cancelAllAfter", timeout_ms=1_000))["result"]
    assert armed["cancel_at"].endswith("Z")
    ended = (await client.call("cancelAllAfter", timeout_ms=0))["result"]
    assert ended == {"timeout_ms": 0, "cancel_at": None}
    await client.call("placeOrder", **trader.order("buy 1 @ 12000"))

    await client.call("cancelAllAfter", timeout_ms=1_200)
    await client.until(lambda: [o for o in client.of("orders") if o["status"] == "Cancelled"])
    assert trader.open_orders() == []
    refused = await client.call("cancelAllAfter", timeout_ms=999)
    assert refused["error"]["code"] == 422
