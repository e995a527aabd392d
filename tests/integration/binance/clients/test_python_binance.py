"""python-binance, unmodified, synchronous and asynchronous: market data, trading, errors."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from binance.async_client import AsyncClient
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.exchange import Exchange, wait_until
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Blocking, Keys

ZERO = "0.00000000"


class HereClient(Client):
    """The documented way to other addresses: class attributes."""


class HereAsyncClient(AsyncClient):
    """The same for the asynchronous client."""


def point_at(exchange: Exchange) -> None:
    """Point both clients at the exchange."""
    for client in (HereClient, HereAsyncClient):
        client.API_URL = f"{exchange.base_url}/api"
        client.WS_API_URL = f"{exchange.ws_url}/ws-api/v3"


@pytest.fixture(scope="module", params=["sync", "async"])
def alice(
    request: pytest.FixtureRequest,
    exchange: Exchange,
    alice_keys: Keys,
    own_market: str,
    loop: asyncio.AbstractEventLoop,
) -> Iterator[Any]:
    """The client under test, in both forms; it pings when it is made."""
    point_at(exchange)
    if request.param == "sync":
        client = HereClient(alice_keys.key, alice_keys.secret)
        yield client
        client.close_connection()
        return

    async def create() -> AsyncClient:
        return await HereAsyncClient.create(alice_keys.key, alice_keys.secret)

    waiting = Blocking(loop.run_until_complete(create()), loop)
    yield waiting
    waiting.close_connection()


def balances(client: Any, *assets: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Return (free, locked) of assets."""
    found = {asset: client.get_asset_balance(asset) for asset in assets}
    return {a: (Decimal(row["free"]), Decimal(row["locked"])) for a, row in found.items()}


def gained(before: Any, after: Any, asset: str) -> Decimal:
    """Return how much more of an asset there is."""
    return Decimal(sum(after[asset]) - sum(before[asset]))


# --- what everybody may read ----------------------------------------------------------------------


def test_exchange_info(alice: Any) -> None:
    info = alice.get_exchange_info()
    assert info["timezone"] == "UTC"
    symbol = alice.get_symbol_info(SYMBOL)
    assert (symbol["baseAsset"], symbol["quoteAsset"]) == ("ETH", "EUR")
    filters = {row["filterType"]: row for row in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"
    assert filters["NOTIONAL"]["minNotional"] == "1.00000000"
    assert alice.get_symbol_info("NOPE") is None


def test_order_book_and_tickers(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "buy", 0.5, 1999)
    bob.create_order(MARKET, "limit", "sell", 0.25, 2001)

    def both_sides() -> Any:  # the public book follows an order's answer a moment later
        book = alice.get_order_book(symbol=SYMBOL)
        return book if book["bids"] and book["asks"] else None

    book = wait_until(both_sides, timeout_s=10, what="both orders in the book")
    assert book["bids"] == [["1999.00000000", "0.50000000"]]
    assert book["asks"] == [["2001.00000000", "0.25000000"]]
    best = {
        "symbol": SYMBOL,
        "bidPrice": "1999.00000000",
        "bidQty": "0.50000000",
        "askPrice": "2001.00000000",
        "askQty": "0.25000000",
    }
    assert alice.get_orderbook_ticker(symbol=SYMBOL) == best
    assert best in alice.get_orderbook_tickers()
    alice.create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.1")

    def traded() -> Any:
        ticker = alice.get_ticker(symbol=SYMBOL)
        return ticker if ticker["lastPrice"] == "2001.00000000" else None

    ticker = wait_until(traded, timeout_s=10, what="the trade in the ticker")
    assert ticker["askQty"] == "0.15000000"
    assert alice.get_symbol_ticker(symbol=SYMBOL) == {"symbol": SYMBOL, "price": "2001.00000000"}
    assert {row["symbol"] for row in alice.get_all_tickers()} >= {SYMBOL, "BTCUSDT"}
    assert Decimal(alice.get_avg_price(symbol=SYMBOL)["price"]) > 0


def test_trades_and_candles(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    order = alice.create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.5")
    ids = [fill["tradeId"] for fill in order["fills"]]

    def listed() -> Any:
        trades = alice.get_recent_trades(symbol=SYMBOL, limit=2)
        return trades if [trade["id"] for trade in trades] == ids else None

    trades = wait_until(listed, timeout_s=10, what="the trades in the public list")
    assert [(t["price"], t["qty"], t["isBuyerMaker"]) for t in trades] == [
        ("2000.00000000", "0.30000000", False),
        ("2000.00000000", "0.20000000", False),
    ]
    assert [t["id"] for t in alice.get_historical_trades(symbol=SYMBOL, fromId=ids[0])] == ids
    merged = alice.get_aggregate_trades(symbol=SYMBOL, limit=1)[0]
    assert (merged["q"], merged["f"], merged["l"]) == ("0.50000000", *ids)

    def candle() -> Any:
        # Other trades of that minute may be in it before these two are.
        rows = alice.get_klines(symbol=SYMBOL, interval="1m", limit=2)
        of_then = (r for r in rows if r[0] <= order["transactTime"] <= r[6])
        return next((r for r in of_then if Decimal(r[5]) >= Decimal("0.5")), None)

    row = wait_until(candle, timeout_s=10, what="the trades in a candle")
    assert len(row) == 12
    assert row[6] == row[0] + 59_999
    assert row[8] >= 2


# --- orders ---------------------------------------------------------------------------------------


def test_limit_order_from_placing_to_cancelling(alice: Any, bob: ccxt.binance) -> None:
    before = balances(alice, "EUR")
    name = alice.uuid22()
    order = alice.order_limit_buy(
        symbol=SYMBOL, quantity="0.5", price="1500", newClientOrderId=name
    )
    assert (order["status"], order["executedQty"], order["fills"]) == ("NEW", ZERO, [])
    assert (order["origQty"], order["price"]) == ("0.50000000", "1500.00000000")
    free, locked = balances(alice, "EUR")["EUR"]
    assert (free, locked) == (before["EUR"][0] - 750, before["EUR"][1] + 750)

    by_id = alice.get_order(symbol=SYMBOL, orderId=order["orderId"])
    assert by_id == alice.get_order(symbol=SYMBOL, origClientOrderId=name)
    assert alice.get_open_orders(symbol=SYMBOL) == [by_id]
    cancelled = alice.cancel_order(symbol=SYMBOL, origClientOrderId=name)
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", name)
    assert alice.get_open_orders(symbol=SYMBOL) == []
    assert balances(alice, "EUR") == before


def test_market_orders_add_up(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    bob.create_order(MARKET, "limit", "sell", 1, 2010.01)
    before = balances(alice, "ETH", "EUR")
    order = alice.order_market_buy(symbol=SYMBOL, quantity="0.5")
    after = balances(alice, "ETH", "EUR")
    fills = order["fills"]
    assert [(fill["price"], fill["qty"]) for fill in fills] == [
        ("2000.00000000", "0.30000000"),
        ("2010.01000000", "0.20000000"),
    ]
    assert {fill["commissionAsset"] for fill in fills} == {"ETH"}
    commission = sum(Decimal(fill["commission"]) for fill in fills)
    assert gained(before, after, "ETH") == Decimal(order["executedQty"]) - commission
    assert gained(before, after, "EUR") == -Decimal(order["cummulativeQuoteQty"])

    mine = alice.get_my_trades(symbol=SYMBOL, orderId=order["orderId"])
    assert [t["id"] for t in mine] == [fill["tradeId"] for fill in fills]
    assert sum(Decimal(t["quoteQty"]) for t in mine) == Decimal(order["cummulativeQuoteQty"])
    assert not any(t["isMaker"] for t in mine)


def test_market_order_by_quote_amount(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 1, 2003)
    bob.create_order(MARKET, "limit", "buy", 1, 1997)
    bought = alice.order_market_buy(symbol=SYMBOL, quoteOrderQty="100")
    assert (bought["executedQty"], bought["cummulativeQuoteQty"]) == ("0.04990000", "99.94970000")
    assert bought["origQuoteOrderQty"] == "100.00000000"
    sold = alice.order_market_sell(symbol=SYMBOL, quantity="0.04")
    assert (sold["status"], sold["cummulativeQuoteQty"]) == ("FILLED", "79.88000000")


def test_times_in_force_and_post_only(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    order = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.3", "price": "2000"}
    fok = alice.create_order(**order, type="LIMIT", timeInForce="FOK")
    assert (fok["status"], fok["executedQty"]) == ("EXPIRED", ZERO)
    ioc = alice.create_order(**order, type="LIMIT", timeInForce="IOC")
    assert (ioc["status"], ioc["executedQty"]) == ("EXPIRED", "0.10000000")
    maker = alice.create_order(**order, type="LIMIT_MAKER")
    assert set(maker) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert alice.get_order(symbol=SYMBOL, orderId=maker["orderId"])["status"] == "NEW"
    bob.create_order(MARKET, "market", "sell", 0.05)
    part = alice.get_order(symbol=SYMBOL, orderId=maker["orderId"])
    assert (part["status"], part["executedQty"]) == ("PARTIALLY_FILLED", "0.05000000")


def test_all_open_orders_are_cancelled(alice: Any, bob: ccxt.binance) -> None:
    ids = [
        alice.order_limit_buy(symbol=SYMBOL, quantity="0.1", price=f"{1500 + n}")["orderId"]
        for n in range(3)
    ]
    reports = alice.cancel_all_open_orders(symbol=SYMBOL)
    assert sorted((r["orderId"], r["status"]) for r in reports) == [(n, "CANCELED") for n in ids]
    history = alice.get_all_orders(symbol=SYMBOL, orderId=ids[0])
    assert [(o["orderId"], o["status"]) for o in history] == [(n, "CANCELED") for n in ids]
    assert alice.get_all_orders(symbol=SYMBOL, limit=1)[0]["orderId"] == ids[-1]


def test_account(alice: Any) -> None:
    account = alice.get_account()
    assert account["accountType"] == "SPOT"
    assert account["canTrade"]
    assert {"EUR", "ETH", "BTC", "USDT"} <= {row["asset"] for row in account["balances"]}
    assert alice.get_asset_balance("NOPE") is None


def test_a_test_order_changes_nothing(alice: Any, bob: ccxt.binance) -> None:
    order = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert alice.create_test_order(**order) == {}
    with pytest.raises(BinanceAPIException) as caught:
        alice.create_test_order(**order | {"quantity": "0.00001"})
    assert caught.value.code == -1013


# --- errors ---------------------------------------------------------------------------------------

LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        ({"quantity": "0.00005", "price": "1500"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.1", "price": "1500.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.0001", "price": "1500"}, -1013, "Filter failure: NOTIONAL"),
        (
            {"quantity": "10000", "price": "1500"},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        ({"quantity": "-1", "price": "1500"}, -1100, None),
        ({"quantity": "0.1", "price": "1500", "timeInForce": "GTX"}, -1115, None),
        ({"quantity": "0.1", "price": "1500", "type": "BEST"}, -1116, None),
        ({"quantity": "0.1", "price": "1500", "side": "HOLD"}, -1117, None),
        ({"quantity": "0.1", "price": "1500", "symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"quantity": "0.1"}, -1102, None),
    ],
)
def test_refused_orders(
    alice: Any, bob: ccxt.binance, order: dict[str, str], code: int, message: str | None
) -> None:
    before = alice.get_account()["balances"]
    with pytest.raises(BinanceAPIException) as caught:
        alice.create_order(**LIMIT | order)
    assert (caught.value.status_code, caught.value.code) == (400, code)
    assert message is None or caught.value.message == message
    assert alice.get_account()["balances"] == before
    assert alice.get_open_orders(symbol=SYMBOL) == []


def test_unknown_orders(alice: Any) -> None:
    with pytest.raises(BinanceAPIException, match="Order does not exist") as caught:
        alice.get_order(symbol=SYMBOL, orderId=4711)
    assert caught.value.code == -2013
    with pytest.raises(BinanceAPIException, match="Unknown order sent") as caught:
        alice.cancel_order(symbol=SYMBOL, orderId=4711)
    assert caught.value.code == -2011


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"api_secret": "not the secret"}, 400, -1022),
        ({"api_key": "a" * 64}, 401, -2015),
    ],
)
def test_wrong_keys(
    exchange: Exchange, alice_keys: Keys, wrong: dict[str, str], status: int, code: int
) -> None:
    point_at(exchange)
    keys = {"api_key": alice_keys.key, "api_secret": alice_keys.secret} | wrong
    with pytest.raises(BinanceAPIException) as caught:
        HereClient(**keys).get_account()
    assert (caught.value.status_code, caught.value.code) == (status, code)


@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
def test_clocks_that_are_off(exchange: Exchange, alice_keys: Keys, off_ms: int) -> None:
    point_at(exchange)
    client = HereClient(alice_keys.key, alice_keys.secret)
    client.timestamp_offset = off_ms
    with pytest.raises(BinanceAPIException) as caught:
        client.get_account()
    assert caught.value.code == -1021


def test_ed25519_keys(exchange: Exchange, own_market: str, ed25519_keys: Keys) -> None:
    point_at(exchange)
    client = HereClient(ed25519_keys.key, private_key=ed25519_keys.secret)
    order = client.order_limit_buy(symbol=SYMBOL, quantity="0.1", price="1500")
    assert client.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"
