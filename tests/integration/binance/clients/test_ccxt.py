"""ccxt's ``binance``, unmodified, synchronous and asynchronous: market data and trading."""

import asyncio
import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Blocking, Keys
from tests.integration.binance.clients.conftest import ccxt_settings

CLIENTS = {
    "sync": ccxt.binance,
    "async": ccxt.async_support.binance,
    "pro": ccxt.pro.binance,
}


@pytest.fixture(scope="module", params=list(CLIENTS))
def alice(
    request: pytest.FixtureRequest,
    exchange: Exchange,
    alice_keys: Keys,
    own_market: str,
    loop: asyncio.AbstractEventLoop,
) -> Iterator[Any]:
    """The client under test, in each of ccxt's forms."""
    client = CLIENTS[request.param](ccxt_settings(exchange, alice_keys))
    if not inspect.iscoroutinefunction(client.load_markets):
        client.load_markets()
        yield client
        return
    waiting = Blocking(client, loop)
    waiting.load_markets()
    yield waiting
    waiting.close()


def free_and_used(client: Any, *assets: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Return (free, used) of assets, exactly, as the exchange printed them."""
    rows = {row["asset"]: row for row in client.fetch_balance()["info"]["balances"]}
    return {
        asset: (Decimal(rows[asset]["free"]), Decimal(rows[asset]["locked"])) for asset in assets
    }


def change(before: Any, after: Any, asset: str) -> Decimal:
    """Return how much more of an asset there is, free and used together."""
    return Decimal(sum(after[asset]) - sum(before[asset]))


# --- what everybody may read ----------------------------------------------------------------------


def test_markets_carry_precision_and_limits(alice: Any) -> None:
    market = alice.markets[MARKET]
    assert (market["id"], market["base"], market["quote"]) == (SYMBOL, "ETH", "EUR")
    assert market["spot"]
    assert market["active"]
    assert market["precision"]["amount"] == 0.0001
    assert market["precision"]["price"] == 0.01
    assert market["limits"]["amount"]["min"] == 0.0001
    assert market["limits"]["cost"]["min"] == 1
    assert {"BTC/USDT", "ETH/USDT"} <= set(alice.markets)


def test_clocks_agree(alice: Any) -> None:
    assert abs(alice.fetch_time() - alice.milliseconds()) < 2000


def test_order_book_shows_each_level_once(alice: Any, bob: ccxt.binance) -> None:
    for side, price, amount in (
        ("buy", 1999, 0.5),
        ("buy", 1999, 0.25),
        ("buy", 1998.5, 1),
        ("sell", 2001, 2),
    ):
        bob.create_order(MARKET, "limit", side, amount, price)

    def whole() -> Any:  # the public book follows an order's answer a moment later
        book = alice.fetch_order_book(MARKET)
        return book if book["asks"] else None

    book = wait_until(whole, timeout_s=10, what="the last order in the book")
    assert book["bids"] == [[1999, 0.75], [1998.5, 1]]
    assert book["asks"] == [[2001, 2]]
    assert book["nonce"] > 0


def test_trades_tickers_and_candles_follow_a_trade(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    taken = alice.create_order(MARKET, "limit", "buy", 0.2, 2000)

    newest = wait_until(
        lambda: next(
            (t for t in alice.fetch_trades(MARKET) if t["timestamp"] >= taken["timestamp"]), None
        ),
        timeout_s=10,
        what="the trade in the public list",
    )
    assert (newest["price"], newest["amount"], newest["side"]) == (2000, 0.2, "buy")

    def ticker_with_the_trade() -> Any:
        ticker = alice.fetch_ticker(MARKET)
        return ticker if ticker["last"] == 2000 and ticker["ask"] == 2000 else None

    ticker = wait_until(ticker_with_the_trade, timeout_s=10, what="the trade in the ticker")
    assert ticker["askVolume"] == 0.1
    assert ticker["baseVolume"] >= 0.2
    assert ticker["low"] <= 2000 <= ticker["high"]
    several = alice.fetch_tickers([MARKET, "BTC/EUR"])
    assert set(several) == {MARKET, "BTC/EUR"}
    assert set(alice.fetch_tickers()) == set(alice.markets)
    assert alice.fetch_bids_asks([MARKET])[MARKET]["ask"] == 2000
    assert alice.fetch_last_prices([MARKET])[MARKET]["price"] == 2000

    def candle_with_the_trade() -> Any:
        candles = alice.fetch_ohlcv(MARKET, "1m", since=taken["timestamp"] - 60_000)
        return next((c for c in candles if c[0] + 60_000 > taken["timestamp"] and c[5]), None)

    candle = wait_until(candle_with_the_trade, timeout_s=10, what="the trade in a candle")
    assert candle[0] % 60_000 == 0
    assert candle[3] <= 2000 <= candle[2]
    assert candle[5] >= 0.2


# --- orders ---------------------------------------------------------------------------------------


def test_limit_order_rests_and_holds_its_cost(alice: Any, bob: ccxt.binance) -> None:
    before = free_and_used(alice, "EUR")
    order = alice.create_order(MARKET, "limit", "buy", 0.5, 1500)
    assert (order["status"], order["filled"], order["remaining"]) == ("open", 0, 0.5)
    assert (order["type"], order["side"], order["price"]) == ("limit", "buy", 1500)
    free, used = free_and_used(alice, "EUR")["EUR"]
    assert (free, used) == (before["EUR"][0] - 750, before["EUR"][1] + 750)
    balance = alice.fetch_balance()
    assert balance["EUR"]["total"] == balance["free"]["EUR"] + balance["used"]["EUR"]

    cancelled = alice.cancel_order(order["id"], MARKET)
    assert (cancelled["id"], cancelled["status"]) == (order["id"], "canceled")
    assert free_and_used(alice, "EUR") == before


def test_market_order_by_amount_pays_fills_and_fees_exactly(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.3, 2000)
    bob.create_order(MARKET, "limit", "sell", 1, 2010.01)
    before = free_and_used(alice, "ETH", "EUR")
    order = alice.create_order(MARKET, "market", "buy", 0.5)
    after = free_and_used(alice, "ETH", "EUR")
    assert (order["status"], order["filled"], order["remaining"]) == ("closed", 0.5, 0)
    assert [(t["price"], t["amount"]) for t in order["trades"]] == [(2000, 0.3), (2010.01, 0.2)]
    # A tenth of a percent of what was received, in the asset received.
    assert {fee["currency"]: fee["cost"] for fee in order["fees"]} == {"ETH": 0.0005}
    assert change(before, after, "ETH") == Decimal("0.4995")
    assert change(before, after, "EUR") == -(600 + Decimal("402.002"))


def test_market_order_by_cost_never_spends_more(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 1, 2003)
    before = free_and_used(alice, "EUR")
    order = alice.create_market_buy_order_with_cost(MARKET, 100)
    spent = -change(before, free_and_used(alice, "EUR"), "EUR")
    assert order["status"] == "closed"
    assert order["filled"] == 0.0499  # whole lots: 0.0500 would cost 100.15
    assert spent == Decimal("99.9497")


def test_market_order_sells(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "buy", 0.5, 1990)
    before = free_and_used(alice, "ETH", "EUR")
    order = alice.create_market_order(MARKET, "sell", 0.25)
    after = free_and_used(alice, "ETH", "EUR")
    assert (order["status"], order["average"]) == ("closed", 1990)
    assert change(before, after, "ETH") == Decimal("-0.25")
    assert change(before, after, "EUR") == Decimal("497.5") - Decimal("0.4975")


def test_post_only_rests_or_is_refused(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 1, 2000)
    resting = alice.create_order(MARKET, "limit", "buy", 0.1, 1999, {"postOnly": True})
    assert alice.fetch_order(resting["id"], MARKET)["status"] == "open"
    assert alice.fetch_order(resting["id"], MARKET)["postOnly"]
    before = free_and_used(alice, "EUR")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        alice.create_order(MARKET, "limit", "buy", 0.1, 2000, {"postOnly": True})
    assert free_and_used(alice, "EUR") == before
    assert [order["id"] for order in alice.fetch_open_orders(MARKET)] == [resting["id"]]


def test_ioc_takes_what_it_can(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    order = alice.create_order(MARKET, "limit", "buy", 0.3, 2000, {"timeInForce": "IOC"})
    assert (order["status"], order["filled"], order["remaining"]) == ("expired", 0.1, 0.2)
    assert alice.fetch_open_orders(MARKET) == []


def test_fok_fills_wholly_or_not_at_all(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    before = free_and_used(alice, "ETH", "EUR")
    failed = alice.create_order(MARKET, "limit", "buy", 0.3, 2000, {"timeInForce": "FOK"})
    assert (failed["status"], failed["filled"]) == ("expired", 0)
    assert free_and_used(alice, "ETH", "EUR") == before
    filled = alice.create_order(MARKET, "limit", "buy", 0.1, 2000, {"timeInForce": "FOK"})
    assert (filled["status"], filled["filled"]) == ("closed", 0.1)


def test_partial_fills_of_a_resting_order(alice: Any, bob: ccxt.binance) -> None:
    before = free_and_used(alice, "ETH", "EUR")
    resting = alice.create_order(MARKET, "limit", "sell", 0.5, 2000)
    bob.create_order(MARKET, "market", "buy", 0.1)
    bob.create_order(MARKET, "market", "buy", 0.15)
    order = alice.fetch_order(resting["id"], MARKET)
    assert (order["status"], order["filled"], order["remaining"]) == ("open", 0.25, 0.25)
    assert (order["average"], order["cost"]) == (2000, 500)

    mine = [t for t in alice.fetch_my_trades(MARKET) if t["order"] == resting["id"]]
    assert [(t["amount"], t["takerOrMaker"], t["side"]) for t in mine] == [
        (0.1, "maker", "sell"),
        (0.15, "maker", "sell"),
    ]
    assert {t["fee"]["currency"] for t in mine} == {"EUR"}
    fees = sum(Decimal(t["info"]["commission"]) for t in mine)
    assert fees == Decimal("0.375")
    alice.cancel_order(resting["id"], MARKET)
    after = free_and_used(alice, "ETH", "EUR")
    assert change(before, after, "ETH") == Decimal("-0.25")
    assert change(before, after, "EUR") == 500 - fees


def test_both_parties_see_one_trade(alice: Any, bob: ccxt.binance) -> None:
    resting = bob.create_order(MARKET, "limit", "sell", 0.2, 2000)
    taking = alice.create_order(MARKET, "market", "buy", 0.2)
    (hers,) = alice.fetch_order_trades(taking["id"], MARKET)
    (his,) = bob.fetch_order_trades(resting["id"], MARKET)
    assert (hers["id"], hers["timestamp"]) == (his["id"], his["timestamp"])
    assert (hers["takerOrMaker"], his["takerOrMaker"]) == ("taker", "maker")
    assert [t["id"] for t in taking["trades"]] == [hers["id"]]


def test_orders_are_found_by_id_and_by_client_id(alice: Any, bob: ccxt.binance) -> None:
    name = f"mine-{alice.milliseconds()}"
    order = alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"clientOrderId": name})
    assert order["clientOrderId"] == name
    by_id = alice.fetch_order(order["id"], MARKET)
    by_name = alice.fetch_order("", MARKET, {"origClientOrderId": name})
    assert by_id == by_name
    assert by_id["datetime"] == order["datetime"]
    assert [o["id"] for o in alice.fetch_open_orders(MARKET)] == [order["id"]]
    alice.cancel_order("", MARKET, {"origClientOrderId": name})
    assert alice.fetch_order(order["id"], MARKET)["status"] == "canceled"


def test_all_open_orders_are_cancelled_at_once(alice: Any, bob: ccxt.binance) -> None:
    placed = [
        alice.create_order(MARKET, "limit", "buy", 0.1, 1500 + step)["id"] for step in range(3)
    ]
    assert [o["id"] for o in alice.fetch_open_orders(MARKET)] == placed
    assert {o["id"] for o in alice.fetch_open_orders()} >= set(placed)
    cancelled = alice.cancel_all_orders(MARKET)
    assert sorted((o["id"], o["status"]) for o in cancelled) == sorted(
        (order_id, "canceled") for order_id in placed
    )
    assert alice.fetch_open_orders(MARKET) == []


def test_order_history_has_every_end(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    filled = alice.create_order(MARKET, "limit", "buy", 0.1, 2000)["id"]
    cancelled = alice.create_order(MARKET, "limit", "buy", 0.1, 1500)["id"]
    alice.cancel_order(cancelled, MARKET)
    expired = alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"timeInForce": "IOC"})["id"]
    still_open = alice.create_order(MARKET, "limit", "buy", 0.1, 1500)["id"]
    orders = alice.fetch_orders(MARKET)
    assert [(o["id"], o["status"]) for o in orders[-4:]] == [
        (filled, "closed"),
        (cancelled, "canceled"),
        (expired, "expired"),
        (still_open, "open"),
    ]
    assert [o["id"] for o in alice.fetch_orders(MARKET, limit=2)] == [expired, still_open]
    assert alice.fetch_closed_orders(MARKET)[-1]["id"] == filled
    assert alice.fetch_canceled_orders(MARKET)[-1]["id"] == cancelled


def test_an_edited_order_is_replaced(alice: Any, bob: ccxt.binance) -> None:
    first = alice.create_order(MARKET, "limit", "buy", 0.1, 1500)
    second = alice.edit_order(first["id"], MARKET, "limit", "buy", 0.2, 1501)
    assert (second["status"], second["amount"], second["price"]) == ("open", 0.2, 1501)
    assert alice.fetch_order(first["id"], MARKET)["status"] == "canceled"
    assert [o["id"] for o in alice.fetch_open_orders(MARKET)] == [second["id"]]


def test_ed25519_keys(exchange: Exchange, own_market: str, ed25519_keys: Keys) -> None:
    client = ccxt.binance(ccxt_settings(exchange, ed25519_keys))
    order = client.create_order(MARKET, "limit", "buy", 0.1, 1500)
    assert client.cancel_order(order["id"], MARKET)["status"] == "canceled"


def test_a_test_order_changes_nothing(alice: Any, bob: ccxt.binance) -> None:
    before = free_and_used(alice, "EUR")
    alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"test": True})
    assert free_and_used(alice, "EUR") == before
    assert alice.fetch_open_orders(MARKET) == []
