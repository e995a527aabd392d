"""Each error that ccxt has an exception of its own for arrives as that exception."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Blocking, Keys
from tests.integration.binance.clients.conftest import ccxt_settings

CLIENTS = {"sync": ccxt.binance, "async": ccxt.async_support.binance}
Make = Callable[[Keys | None], Any]


@pytest.fixture(scope="module", params=list(CLIENTS))
def make(
    request: pytest.FixtureRequest,
    exchange: Exchange,
    own_market: str,
    loop: asyncio.AbstractEventLoop,
) -> Iterator[Make]:
    """Make clients with any key, in both of ccxt's forms."""
    made: list[Blocking] = []

    def make_client(keys: Keys | None) -> Any:
        client = CLIENTS[request.param](ccxt_settings(exchange, keys))
        if not inspect.iscoroutinefunction(client.load_markets):
            client.load_markets()
            return client
        made.append(Blocking(client, loop))
        made[-1].load_markets()
        return made[-1]

    yield make_client
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def alice(make: Make, alice_keys: Keys) -> Any:
    """A client with good keys."""
    return make(alice_keys)


def state(client: Any) -> Any:
    """Return what a refused order must not change."""
    balances = client.fetch_balance()["info"]["balances"]
    return balances, client.fetch_open_orders(MARKET), client.fetch_order_book(MARKET)["nonce"]


LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


# As sent by ccxt's own methods for the raw calls: what its rounding would not let through.
@pytest.mark.parametrize(
    ("order", "error", "words"),
    [
        (LIMIT | {"quantity": "0.00005", "price": "1500"}, ccxt.InvalidOrder, "LOT_SIZE"),
        (LIMIT | {"quantity": "0.1", "price": "1500.001"}, ccxt.InvalidOrder, "PRICE_FILTER"),
        (LIMIT | {"quantity": "0.0001", "price": "1500"}, ccxt.BadRequest, "NOTIONAL"),
        (LIMIT | {"quantity": "1e-1", "price": "1500"}, ccxt.BadRequest, "quantity"),
        (LIMIT | {"quantity": "NaN", "price": "1500"}, ccxt.BadRequest, "quantity"),
        (LIMIT | {"quantity": "0.1000000001", "price": "1500"}, ccxt.BadRequest, "-1111"),
        (LIMIT | {"price": "1500"}, ccxt.BadRequest, "quantity"),
        (LIMIT | {"quantity": "0.1", "price": "1500", "side": "HOLD"}, ccxt.BadRequest, "-1117"),
        (LIMIT | {"quantity": "0.1", "price": "1500", "type": "BEST"}, ccxt.BadRequest, "-1116"),
        (
            LIMIT | {"quantity": "0.1", "price": "1500", "timeInForce": "GTX"},
            ccxt.BadRequest,
            "-1115",
        ),
        (
            LIMIT | {"quantity": "0.1", "price": "1500", "symbol": "NOPE"},
            ccxt.BadSymbol,
            "Invalid symbol",
        ),
        (
            LIMIT | {"quantity": "0.1", "price": "1500", "recvWindow": 60001},
            ccxt.ExchangeError,
            "-1131",
        ),
    ],
)
def test_malformed_orders(alice: Any, order: dict[str, str], error: Any, words: str) -> None:
    before = state(alice)
    with pytest.raises(error, match=words) as caught:
        alice.privatePostOrder(order)
    assert type(caught.value) is error
    assert state(alice) == before


def test_insufficient_funds(make: Make, poor_keys: Keys) -> None:
    poor = make(poor_keys)
    before = state(poor)
    with pytest.raises(ccxt.InsufficientFunds):
        poor.create_order(MARKET, "limit", "buy", 1, 1500)
    assert state(poor) == before


def test_duplicate_name_of_an_open_order(alice: Any, bob: ccxt.binance) -> None:
    alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"clientOrderId": "twice"})
    before = state(alice)
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"clientOrderId": "twice"})
    assert state(alice) == before
    alice.cancel_order("", MARKET, {"origClientOrderId": "twice"})
    again = alice.create_order(MARKET, "limit", "buy", 0.1, 1500, {"clientOrderId": "twice"})
    assert again["status"] == "open"


def test_unknown_orders(alice: Any, bob: ccxt.binance) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="Order does not exist"):
        alice.fetch_order("4711", MARKET)
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
        alice.cancel_order("4711", MARKET)
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
        alice.cancel_all_orders(MARKET)
    his = bob.create_order(MARKET, "limit", "buy", 0.1, 1500)["id"]
    with pytest.raises(ccxt.OrderNotFound, match="Order does not exist"):
        alice.fetch_order(his, MARKET)
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
        alice.cancel_order(his, MARKET)
    assert bob.fetch_order(his, MARKET)["status"] == "open"


def test_a_failed_replacement(alice: Any, bob: ccxt.binance) -> None:
    # BadResponse is what ccxt makes of it at the vendor's own host names only.
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        alice.edit_order("4711", MARKET, "limit", "buy", 0.2, 1501)
    assert alice.fetch_open_orders(MARKET) == []


def test_post_only_that_would_take(alice: Any, bob: ccxt.binance) -> None:
    bob.create_order(MARKET, "limit", "sell", 0.1, 2000)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        alice.create_order(MARKET, "limit", "buy", 0.1, 2000, {"postOnly": True})


def test_unknown_symbols(alice: Any) -> None:
    for call in ("publicGetDepth", "publicGetAggTrades", "publicGetTicker24hr"):
        with pytest.raises(ccxt.BadSymbol, match="Invalid symbol"):
            getattr(alice, call)({"symbol": "NOPE"})
    with pytest.raises(ccxt.BadSymbol, match="Invalid symbol"):
        alice.privateGetMyTrades({"symbol": "NOPE"})


def test_unknown_interval(alice: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="Invalid interval"):
        alice.fetch_ohlcv(MARKET, "7m")


def test_wrong_keys(make: Make, alice_keys: Keys) -> None:
    wrong = [
        (Keys(alice_keys.key, "not the secret", ""), "-1022"),
        (Keys("a" * 64, alice_keys.secret, ""), "-2015"),
        (Keys("x", alice_keys.secret, ""), "-2014"),
    ]
    for keys, code in wrong:
        with pytest.raises(ccxt.AuthenticationError, match=code):
            make(keys).fetch_balance()


def test_a_key_without_permission(make: Make, reader_keys: Keys) -> None:
    reader = make(reader_keys)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        reader.create_order(MARKET, "limit", "buy", 0.1, 1500)
    assert reader.fetch_open_orders(MARKET) == []


@pytest.mark.parametrize("behind_ms", [60_000, -60_000])
def test_clocks_that_are_off(make: Make, alice_keys: Keys, behind_ms: int) -> None:
    client = make(alice_keys)
    client.options["timeDifference"] = behind_ms
    with pytest.raises(ccxt.InvalidNonce):
        client.fetch_balance()
    client.load_time_difference()  # ccxt's own remedy
    client.fetch_balance()


@pytest.fixture
def halted_market(exchange: Exchange, own_market: str) -> Iterator[str]:
    """The market of these tests, halted for a while."""
    exchange.manage("halt_market", MARKET)
    yield own_market
    exchange.manage("halt_market", MARKET, "--resume")


def test_a_halted_market(exchange: Exchange, alice_keys: Keys, halted_market: str) -> None:
    alice = ccxt.binance(ccxt_settings(exchange, alice_keys))

    def is_closed() -> bool:
        # The command ends with the market's halt; web processes are told then.
        alice.load_markets(reload=True)
        return not alice.markets[MARKET]["active"]

    wait_until(is_closed, timeout_s=2, what="the market as closed")
    with pytest.raises(ccxt.MarketClosed):
        alice.create_order(MARKET, "market", "buy", 0.1)


def test_ccxt_left_at_its_defaults(make: Make, alice_keys: Keys) -> None:
    client = make(alice_keys)
    client.options |= {"fetchMargins": True, "fetchCurrencies": True}
    client.load_markets(True)
    assert client.markets[MARKET]["active"]
    assert not client.markets[MARKET]["margin"]
