"""The public calls: shapes, choices, and the documented answer to every mistake."""

from typing import Any

import httpx
import pytest

from tests.exchange import Exchange
from tests.integration.binance.market_data.conftest import SYMBOL, Trader

FAR_MS = 2**62


@pytest.fixture(scope="module")
def http(exchange: Exchange) -> Any:
    with httpx.Client(base_url=f"{exchange.base_url}/api/v3") as client:
        yield client


def test_exchange_info_tells_the_rules_that_orders_are_held_to(http: httpx.Client) -> None:
    whole = http.get("/exchangeInfo").json()
    assert {"timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"} == set(whole)
    assert {each["symbol"] for each in whole["symbols"]} >= {"BTCUSDT", "ETHUSDT", SYMBOL}
    one = http.get("/exchangeInfo", params={"symbol": "BTCUSDT"}).json()["symbols"]
    assert one == [each for each in whole["symbols"] if each["symbol"] == "BTCUSDT"]
    symbol = one[0]
    assert (symbol["status"], symbol["baseAsset"], symbol["quoteAsset"]) == (
        "TRADING",
        "BTC",
        "USDT",
    )
    assert set(symbol["orderTypes"]) == {
        *("LIMIT", "MARKET", "LIMIT_MAKER"),
        *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
    }
    filters = {each["filterType"]: each for each in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == filters["LOT_SIZE"]["minQty"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "1.00000000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "1.50000000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["askMultiplierDown"] == "0.50000000"
    by_hand = http.get("/exchangeInfo", params={"symbol": SYMBOL}).json()["symbols"][0]
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 1_000
    assert filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"] == 100
    assert filters["ICEBERG_PARTS"]["limit"] == 100
    assert filters["TRAILING_DELTA"]["maxTrailingBelowDelta"] == 2_000
    assert "PERCENT_PRICE_BY_SIDE" not in {each["filterType"] for each in by_hand["filters"]}


@pytest.mark.parametrize(
    ("params", "symbols"),
    [
        ({"symbols": '["ETHUSDT","BTCUSDT"]'}, ["ETHUSDT", "BTCUSDT"]),
        ({"permissions": "MARGIN"}, []),
        ({"permissions": '["MARGIN"]'}, []),
        ({"symbolStatus": "AUCTION_MATCH"}, []),
    ],
)
def test_exchange_info_of_some_symbols(
    http: httpx.Client, params: dict[str, str], symbols: list[str]
) -> None:
    found = http.get("/exchangeInfo", params=params).json()["symbols"]
    assert [each["symbol"] for each in found] == symbols


def test_one_symbol_is_an_object_several_are_a_list(http: httpx.Client) -> None:
    for path in ("price", "bookTicker", "24hr"):
        one = http.get(f"/ticker/{path}", params={"symbol": SYMBOL}).json()
        assert one["symbol"] == SYMBOL
        listed = http.get(f"/ticker/{path}", params={"symbols": f'["{SYMBOL}"]'}).json()
        assert [each["symbol"] for each in listed] == [SYMBOL]
        assert len(http.get(f"/ticker/{path}").json()) > 1


def test_a_book_has_the_levels_asked_for_and_no_time(http: httpx.Client, trader: Trader) -> None:
    for price in (12001, 12002, 12002):
        trader.place(f"buy 1 @ {price}")

    def book(**params: Any) -> Any:
        return http.get("/depth", params={"symbol": SYMBOL, **params}).json()

    assert set(book()) == {"lastUpdateId", "bids", "asks"}
    assert book(limit=1)["bids"] == [["12002.00000000", "2.00000000"]]
    assert book(limit=2)["bids"][1] == ["12001.00000000", "1.00000000"]
    assert book(limit=10**12) == book(limit=5000)
    # Told by the quick way and by the slow way alike.
    assert http.get(f"/depth?limit=2&symbol={SYMBOL}&x=" + "y" * 200).json() == book(limit=2)


@pytest.mark.parametrize(
    ("limit", "weight"), [(None, 5), (100, 5), (101, 25), (500, 25), (501, 50), (5000, 250)]
)
def test_a_book_weighs_by_its_levels(http: httpx.Client, limit: int | None, weight: int) -> None:
    def used(path: str, params: dict[str, Any]) -> int:
        answer = http.get(path, params=params)
        assert answer.status_code == 200
        return int(answer.headers["x-mbx-used-weight-1m"])

    for more in ({}, {"x": "y" * 200}):  # the quick way and the slow way
        params = {"symbol": SYMBOL, **({} if limit is None else {"limit": limit}), **more}
        for _ in range(2):  # again if a minute ends between
            before = used("/ping", {})
            after = used("/depth", params)
            if after > before:
                break
        assert after - before == weight


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("depth", -1102),
        ("depth?symbol=", -1102),
        ("depth?symbol=XXXYYY", -1121),
        ("depth?symbol=btceur", -1121),
        (f"depth?symbol={SYMBOL}&limit=0", -1130),
        (f"depth?symbol={SYMBOL}&limit=-1", -1100),
        (f"depth?symbol={SYMBOL}&limit=1e3", -1100),
        (f"depth?symbol={SYMBOL}&limit=", -1105),
        (f"depth?symbol={SYMBOL}&symbol={SYMBOL}", -1101),
        ("trades?symbol=XXXYYY", -1121),
        (f"historicalTrades?symbol={SYMBOL}&fromId=x", -1100),
        (f"aggTrades?symbol={SYMBOL}&fromId=1&startTime=1", -1128),
        (f"aggTrades?symbol={SYMBOL}&startTime=2&endTime=1", -1127),
        (f"klines?symbol={SYMBOL}", -1102),
        (f"klines?symbol={SYMBOL}&interval=2m", -1120),
        (f"klines?symbol={SYMBOL}&interval=1m&timeZone=8", -1130),
        (f"klines?symbol={SYMBOL}&interval=1m&startTime=NaN", -1100),
        ("avgPrice", -1102),
        ("ticker/24hr?symbol=XXXYYY", -1121),
        (f"ticker/24hr?symbol={SYMBOL}&type=SMALL", -1130),
        (f'ticker/price?symbol={SYMBOL}&symbols=["{SYMBOL}"]', -1128),
        ("ticker/price?symbols=BTCUSDT", -1100),
        ('ticker/price?symbols=["BTCUSDT","XXXYYY"]', -1121),
        ("ticker/bookTicker?symbols=[1]", -1100),
        ("exchangeInfo?symbol=XXXYYY", -1121),
        ("exchangeInfo?symbol=BTCUSDT&permissions=SPOT", -1128),
        ("exchangeInfo?permissions=[1]", -1130),
        ("exchangeInfo?permissions=[", -1130),
        ("exchangeInfo?symbolStatus=OPEN", -1130),
    ],
)
def test_a_mistake_has_its_published_code(http: httpx.Client, query: str, code: int) -> None:
    answer = http.get(f"/{query}")
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "msg"}
    assert answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["x-mbx-used-weight-1m"]) > 0


@pytest.mark.parametrize("interval", ["1s", "1m", "3d", "1w", "1M"])
def test_times_without_candles_or_trades_are_empty(http: httpx.Client, interval: str) -> None:
    for span in ({"startTime": FAR_MS}, {"endTime": 0}, {"startTime": FAR_MS, "endTime": FAR_MS}):
        params = {"symbol": SYMBOL, "interval": interval, **span}
        answer = http.get("/klines", params=params)
        assert (answer.status_code, answer.json()) == (200, [])
        answer = http.get("/aggTrades", params=params)
        assert (answer.status_code, answer.json()) == (200, [])
    answer = http.get("/historicalTrades", params={"symbol": SYMBOL, "fromId": FAR_MS})
    assert (answer.status_code, answer.json()) == (200, [])
