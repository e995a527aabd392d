"""binance-sdk-spot, the vendor's own client, unmodified: REST. Its models check every field."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot.spot import Spot

from tests.exchange import Exchange, wait_until
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Keys

# What the SDK logs when an answer is not of the form that its models declare.
MISFITS = ("did not match the declared types", "Failed to parse")


def rest(exchange: Exchange, **credentials: Any) -> Any:
    """Return the SDK's REST client; everything but the address and the keys at its default."""
    configuration = ConfigurationRestAPI(base_path=exchange.base_url, **credentials)
    return Spot(config_rest_api=configuration).rest_api


@pytest.fixture
def alice(
    exchange: Exchange, alice_keys: Keys, own_market: str, caplog: pytest.LogCaptureFixture
) -> Iterator[Any]:
    """The client under test. Any answer that its models cannot take fails the test."""
    with caplog.at_level(logging.WARNING):
        yield rest(exchange, api_key=alice_keys.key, api_secret=alice_keys.secret)
    misfits = [r.getMessage() for r in caplog.records if any(w in r.getMessage() for w in MISFITS)]
    assert misfits == []


def limit(side: str, quantity: float, price: float, **more: Any) -> dict[str, Any]:
    """Return the arguments of a limit order."""
    order = {"symbol": SYMBOL, "side": side, "type": "LIMIT", "time_in_force": "GTC"}
    return {**order, "quantity": quantity, "price": price, **more}


def test_what_everybody_may_read(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "buy", 0.5, 1999)
    bob.create_order(MARKET, "limit", "sell", 0.25, 2001)
    traded = alice.new_order(SYMBOL, "BUY", "MARKET", quantity=0.1).data()

    alice.ping()
    assert alice.time().data().server_time > 1_700_000_000_000
    (listed,) = alice.exchange_info(symbol=SYMBOL).data().symbols
    assert (listed.base_asset, listed.status) == ("ETH", "TRADING")
    assert len(alice.exchange_info(symbols=[SYMBOL, "BTCUSDT"]).data().symbols) == 2
    asks = [["2001.00000000", "0.15000000"]]
    book = wait_until(
        lambda: next((b for b in [alice.depth(SYMBOL).data()] if b.asks == asks), None),
        timeout_s=10,
        what="the rest of the order in the book",
    )
    assert book.bids == [["1999.00000000", "0.50000000"]]

    def newest() -> Any:
        trade = alice.get_trades(SYMBOL, limit=1).data()[0]
        return trade if trade.id == traded.fills[0].trade_id else None

    trade = wait_until(newest, timeout_s=10, what="the trade in the public list")
    assert (trade.price, trade.qty, trade.is_buyer_maker) == ("2001.00000000", "0.10000000", False)
    assert alice.historical_trades(SYMBOL, from_id=trade.id).data()[0].id == trade.id
    assert alice.agg_trades(SYMBOL, limit=1).data()[0].l == trade.id
    candles = wait_until(
        lambda: alice.klines(SYMBOL, "1m", limit=1).data(), timeout_s=10, what="the first candle"
    )
    assert candles[0][0] % 60_000 == 0
    assert Decimal(alice.avg_price(SYMBOL).data().price) > 0
    ticker = alice.ticker24hr(symbol=SYMBOL).data().actual_instance
    assert (ticker.symbol, ticker.bid_price) == (SYMBOL, "1999.00000000")
    assert alice.ticker_price(symbol=SYMBOL).data().actual_instance.price == "2001.00000000"
    several = alice.ticker_book_ticker(symbols=[SYMBOL, "BTCEUR"]).data().actual_instance
    assert [row.symbol for row in several] == [SYMBOL, "BTCEUR"]


def test_limit_order_from_placing_to_cancelling(alice: Any, bob: ccxt.binance) -> None:
    placed = alice.new_order(**limit("BUY", 0.5, 1500, new_client_order_id="sdk-1"))
    order = placed.data()
    assert (order.status, order.executed_qty, order.fills) == ("NEW", "0.00000000", [])
    assert {limit.rateLimitType for limit in placed.rate_limits} >= {"REQUEST_WEIGHT"}
    by_id = alice.get_order(SYMBOL, order_id=order.order_id).data()
    by_name = alice.get_order(SYMBOL, orig_client_order_id="sdk-1").data()
    assert by_id == by_name
    (shown,) = alice.get_open_orders(symbol=SYMBOL).data()
    assert (shown.order_id, shown.is_working) == (order.order_id, True)
    cancelled = alice.delete_order(SYMBOL, order_id=order.order_id).data()
    assert (cancelled.status, cancelled.orig_client_order_id) == ("CANCELED", "sdk-1")
    assert alice.get_open_orders(symbol=SYMBOL).data() == []


def test_fills_fees_and_balances_add_up(alice: Any, bob: ccxt.binance) -> None:
    def owned(asset: str) -> Decimal:
        rows = {row.asset: row for row in alice.get_account().data().balances}
        return Decimal(rows[asset].free) + Decimal(rows[asset].locked)

    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    bob.create_order(MARKET, "limit", "sell", 1, 2010.01)
    eth, eur = owned("ETH"), owned("EUR")
    order = alice.new_order(SYMBOL, "BUY", "MARKET", quote_order_qty=1000).data()
    commission = sum(Decimal(fill.commission) for fill in order.fills)
    assert order.executed_qty == "0.49900000"  # 0.3 at 2000 and whole lots for the other 400
    assert owned("ETH") - eth == Decimal(order.executed_qty) - commission
    assert owned("EUR") - eur == -Decimal(order.cummulative_quote_qty)
    mine = alice.my_trades(SYMBOL, order_id=order.order_id).data()
    assert sum(Decimal(trade.commission) for trade in mine) == commission
    assert {trade.commission_asset for trade in mine} == {"ETH"}


def test_times_in_force_and_post_only(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    fok = alice.new_order(**limit("BUY", 0.3, 2000) | {"time_in_force": "FOK"}).data()
    assert (fok.status, fok.executed_qty) == ("EXPIRED", "0.00000000")
    ioc = alice.new_order(**limit("BUY", 0.3, 2000) | {"time_in_force": "IOC"}).data()
    assert (ioc.status, ioc.executed_qty) == ("EXPIRED", "0.10000000")
    maker = alice.new_order(SYMBOL, "BUY", "LIMIT_MAKER", quantity=0.3, price=2000).data()
    bob.create_order(MARKET, "market", "sell", 0.05)
    part = alice.get_order(SYMBOL, order_id=maker.order_id).data()
    assert (part.status, part.executed_qty) == ("PARTIALLY_FILLED", "0.05000000")


def test_replacing_and_cancelling_all(alice: Any, bob: ccxt.binance) -> None:
    first = alice.new_order(**limit("BUY", 0.1, 1500)).data()
    replaced = alice.order_cancel_replace(
        **limit("BUY", 0.2, 1501),
        cancel_replace_mode="STOP_ON_FAILURE",
        cancel_order_id=first.order_id,
    ).data()
    assert (replaced.cancel_result, replaced.new_order_result) == ("SUCCESS", "SUCCESS")
    second = replaced.new_order_response.order_id
    alice.new_order(**limit("BUY", 0.1, 1502))
    reports = alice.delete_open_orders(SYMBOL).data()
    statuses = {getattr(r, "actual_instance", r).status for r in reports}
    assert statuses == {"CANCELED"}
    history = alice.all_orders(SYMBOL, order_id=first.order_id).data()
    assert [order.order_id for order in history][:2] == [first.order_id, second]
    assert {order.status for order in history} == {"CANCELED"}


def test_a_test_order_and_the_order_count(alice: Any) -> None:
    alice.order_test(**limit("BUY", 0.1, 1500))
    assert alice.get_open_orders(symbol=SYMBOL).data() == []
    alice.rate_limit_order().data()


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        (limit("BUY", 0.00015, 1500), -1013, "Filter failure: LOT_SIZE"),
        (limit("BUY", 0.1, 1500.001), -1013, "Filter failure: PRICE_FILTER"),
        (limit("BUY", 0.0001, 1500), -1013, "Filter failure: NOTIONAL"),
        (
            limit("BUY", 10_000, 1500),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (limit("BUY", 0.1, 1500) | {"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ],
)
def test_refused_orders(alice: Any, order: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        alice.new_order(**order)
    assert (caught.value.status_code, caught.value.error_message) == (code, message)
    assert alice.get_open_orders(symbol=SYMBOL).data() == []


def test_unknown_orders(alice: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        alice.get_order(SYMBOL, order_id=4711)
    assert (caught.value.status_code, caught.value.error_message) == (
        -2013,
        "Order does not exist.",
    )
    with pytest.raises(BadRequestError) as caught:
        alice.delete_order(SYMBOL, order_id=4711)
    assert (caught.value.status_code, caught.value.error_message) == (
        -2011,
        "Unknown order sent.",
    )


def test_wrong_keys(exchange: Exchange, alice_keys: Keys) -> None:
    with pytest.raises(BadRequestError) as forged:
        rest(exchange, api_key=alice_keys.key, api_secret="not the secret").get_account()
    assert forged.value.status_code == -1022
    with pytest.raises(UnauthorizedError) as unknown:
        rest(exchange, api_key="a" * 64, api_secret=alice_keys.secret).get_account()
    assert unknown.value.status_code == -2015
    with pytest.raises(UnauthorizedError) as malformed:
        rest(exchange, api_key="x", api_secret=alice_keys.secret).get_account()
    assert malformed.value.status_code == -2014


def test_ed25519_keys(exchange: Exchange, own_market: str, ed25519_keys: Keys) -> None:
    client = rest(exchange, api_key=ed25519_keys.key, private_key=ed25519_keys.secret)
    order = client.new_order(**limit("BUY", 0.1, 1500)).data()
    assert client.delete_order(SYMBOL, order_id=order.order_id).data().status == "CANCELED"
