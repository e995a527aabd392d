"""Each filter that a symbol publishes: what is at its bound is taken, what is beyond it refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.changed_markets import change_market
from tests.exchange import Exchange
from tests.integration.binance.rest.conftest import ORDER, Bot, error_of, new_key
from tests.own_markets import OwnMarket

SYMBOL = "EURBTC"
LISTS = "/api/v3/orderList/oco"
RULES = (
    *("--tick-size", "0.01", "--lot-size", "0.1", "--min-notional", "1", "--max-notional", "900"),
    *("--max-price", "5000", "--max-quantity", "200", "--band", "0.5"),
    *("--max-open-orders", "6", "--max-trigger-orders", "3", "--max-order-lists", "2"),
    *("--max-position", "1050.5"),
)
LIMIT = {"type": "LIMIT", "timeInForce": "GTC"}
STOP = {"side": "SELL", "type": "STOP_LOSS"}
PROFIT = {"side": "SELL", "type": "TAKE_PROFIT", "quantity": "1"}
TRAIL = {"side": "SELL", "type": "STOP_LOSS", "quantity": "1"}


def limit(side: str, quantity: str, price: str, **more: str) -> dict[str, str]:
    return {"side": side, "quantity": quantity, "price": price, **LIMIT, **more}


def fund(exchange: Exchange, email: str, **amounts: str) -> None:
    for asset, amount in amounts.items():
        exchange.manage("deposit", "--email", email, "--asset", asset, "--amount", amount)


@pytest.fixture(scope="module")
def trader(exchange: Exchange) -> Iterator[Bot]:
    """Somebody with 1,000 EUR and 1,000 BTC, in a market of their own; the last price is 4."""
    exchange.create_market(OwnMarket.BINANCE_FILTERS, *RULES)
    email = "filters@example.com"
    with Bot(exchange, new_key(exchange, "--email", email)) as bot:
        fund(exchange, email, EUR="1001", BTC="1000")
        other = new_key(exchange, "--email", "filters-other@example.com")
        fund(exchange, "filters-other@example.com", BTC="10")
        with Bot(exchange, other) as maker:
            maker.ok("POST", ORDER, symbol=SYMBOL, **limit("BUY", "1", "4"))
            bot.ok("POST", ORDER, symbol=SYMBOL, **limit("SELL", "1", "4"))
        bot.ok("POST", ORDER, symbol=SYMBOL, **limit("BUY", "0.5", "2"))  # a bid to go by
        bot.tidy_up(SYMBOL)
        yield bot


@pytest.fixture
def bot(trader: Bot) -> Iterator[Bot]:
    yield trader
    trader.tidy_up(SYMBOL)


def published(bot: Bot) -> dict[str, dict[str, Any]]:
    answer = bot.get("/api/v3/exchangeInfo", params={"symbol": SYMBOL}).json()
    return {each.pop("filterType"): each for each in answer["symbols"][0]["filters"]}


def test_what_is_published(bot: Bot) -> None:
    quantities = {"minQty": "0.10000000", "maxQty": "200.00000000", "stepSize": "0.10000000"}
    band = {
        f"{side}Multiplier{way}": {"Up": "1.50000000", "Down": "0.50000000"}[way]
        for side in ("bid", "ask")
        for way in ("Up", "Down")
    }
    assert published(bot) == {
        "PRICE_FILTER": {
            "minPrice": "0.01000000",
            "maxPrice": "5000.00000000",
            "tickSize": "0.01000000",
        },
        "LOT_SIZE": quantities,
        "MARKET_LOT_SIZE": quantities,
        "NOTIONAL": {
            "minNotional": "1.00000000",
            "applyMinToMarket": True,
            "maxNotional": "900.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        "PERCENT_PRICE_BY_SIDE": {**band, "avgPriceMins": 0},
        "ICEBERG_PARTS": {"limit": 100},
        "TRAILING_DELTA": {
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        "MAX_NUM_ORDERS": {"maxNumOrders": 6},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 3},
        "MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 2},
        "MAX_POSITION": {"maxPosition": "1050.50000000"},
    }


@pytest.mark.parametrize(
    ("name", "at_bound", "beyond"),
    [
        # A stop's own price is far from the last one: the band is about what it waits for.
        (
            "PRICE_FILTER",
            {**PROFIT, "stopPrice": "5000"},
            {**PROFIT, "stopPrice": "5000.01"},
        ),
        ("PRICE_FILTER", limit("BUY", "1", "2.01"), limit("BUY", "1", "2.011")),
        ("LOT_SIZE", limit("SELL", "200", "4.5"), limit("SELL", "200.1", "4.49")),
        ("LOT_SIZE", limit("SELL", "0.3", "5"), limit("SELL", "0.35", "5")),
        (
            "LOT_SIZE",  # MARKET_LOT_SIZE is the same
            {"side": "SELL", "type": "MARKET", "quantity": "200"},
            {"side": "SELL", "type": "MARKET", "quantity": "200.1"},
        ),
        ("NOTIONAL", limit("BUY", "0.5", "2"), limit("BUY", "0.4", "2.49")),
        ("NOTIONAL", limit("SELL", "150", "6"), limit("SELL", "150.1", "6")),
        ("PERCENT_PRICE_BY_SIDE", limit("SELL", "1", "6"), limit("SELL", "1", "6.01")),
        ("PERCENT_PRICE_BY_SIDE", limit("BUY", "1", "2"), limit("BUY", "1", "1.99")),
        (
            "ICEBERG_PARTS",
            limit("SELL", "100", "5", icebergQty="1"),
            limit("SELL", "100.1", "5", icebergQty="1"),
        ),
        ("TRAILING_DELTA", {**TRAIL, "trailingDelta": "10"}, {**TRAIL, "trailingDelta": "9"}),
        ("TRAILING_DELTA", {**TRAIL, "trailingDelta": "2000"}, {**TRAIL, "trailingDelta": "2001"}),
        ("MAX_POSITION", limit("BUY", "50.5", "2"), limit("BUY", "50.6", "2")),
    ],
)
def test_at_the_bound_and_beyond_it(
    bot: Bot, name: str, at_bound: dict[str, str], beyond: dict[str, str]
) -> None:
    assert name in published(bot)
    before = bot.balances()
    refused = bot.refused("POST", ORDER, symbol=SYMBOL, **beyond)
    assert refused == (-1013, f"Filter failure: {name}")
    assert bot.balances() == before
    # Of a market order nothing is left, and nothing rests that it could meet.
    bot.ok("POST", ORDER, symbol=SYMBOL, **at_bound)


def test_so_many_orders_and_so_many_that_wait(bot: Bot) -> None:
    for count in range(3):
        bot.ok("POST", ORDER, symbol=SYMBOL, **STOP, quantity="1", stopPrice=f"3.{count}")
    full = bot.refused("POST", ORDER, symbol=SYMBOL, **STOP, quantity="1", stopPrice="3.5")
    assert full == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    for _ in range(3):
        bot.ok("POST", ORDER, symbol=SYMBOL, **limit("SELL", "1", "5"))
    full = bot.refused("POST", ORDER, symbol=SYMBOL, **limit("SELL", "1", "5"))
    assert full == (-1013, "Filter failure: MAX_NUM_ORDERS")
    assert len(bot.ok("GET", "/api/v3/openOrders", symbol=SYMBOL)) == 6


def test_so_many_lists(bot: Bot) -> None:
    pair = {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": "1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "5",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "3",
    }
    first = bot.ok("POST", LISTS, **pair)
    bot.ok("POST", LISTS, **pair)
    assert bot.refused("POST", LISTS, **pair) == (-1013, "Filter failure: MAX_NUM_ORDER_LISTS")
    assert len(bot.ok("GET", "/api/v3/openOrderList")) == 2
    bot.ok("DELETE", "/api/v3/orderList", symbol=SYMBOL, orderListId=first["orderListId"])
    bot.ok("POST", LISTS, **pair)


def test_a_position_counts_what_is_open(bot: Bot) -> None:
    bot.ok("POST", ORDER, symbol=SYMBOL, **limit("BUY", "30", "2"))
    full = bot.refused("POST", ORDER, symbol=SYMBOL, **limit("BUY", "20.6", "2"))
    assert full == (-1013, "Filter failure: MAX_POSITION")
    bot.tidy_up(SYMBOL)
    # What takes another's place counts in it.
    order = bot.ok("POST", ORDER, symbol=SYMBOL, **limit("BUY", "50.5", "2"))
    replace = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": order["orderId"]}
    more = limit("BUY", "50.6", "2")
    full = bot.refused("POST", f"{ORDER}/cancelReplace", symbol=SYMBOL, **replace, **more)
    assert full == (-1013, "Filter failure: MAX_POSITION")
    bot.ok(
        "POST", f"{ORDER}/cancelReplace", symbol=SYMBOL, **replace, **limit("BUY", "50.5", "2.1")
    )


def test_so_many_messages_in_ten_seconds(exchange: Exchange, bot: Bot) -> None:
    change_market(exchange, OwnMarket.BINANCE_FILTERS, "max_messages=3")
    try:
        answers = []
        while len(answers) < 12 and (not answers or answers[-1].status_code == 200):
            answers.append(bot.call("POST", ORDER, symbol=SYMBOL, **limit("SELL", "1", "5")))
        refused = answers[-1]
        # A window may have begun in between: three, or up to three more.
        assert 3 <= len(answers) - 1 <= 6
        text = "Too many new orders; current limit is 3 orders per 10 SECOND."
        assert (refused.status_code, error_of(refused)) == (429, (-1015, text))
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        # Cancels pass.
        assert bot.call("DELETE", "/api/v3/openOrders", symbol=SYMBOL).status_code == 200
    finally:
        change_market(exchange, OwnMarket.BINANCE_FILTERS, "max_messages=None")
