"""Two funded accounts, a market that nobody else uses, and clients that point at the exchange."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import (
    LOT,
    MAKER_FEE,
    MARKET,
    MIN_NOTIONAL,
    SYMBOL,
    TAKER_FEE,
    TICK,
    Keys,
    new_keys,
)


def ccxt_settings(exchange: Exchange, keys: Keys | None = None) -> dict[str, Any]:
    """Return what ccxt's ``binance`` is made with: addresses and keys, nothing else changed.

    Its own pacing is off: these tests are not what the limits are for.
    """
    rest = f"{exchange.base_url}/api/v3"
    settings: dict[str, Any] = {
        "enableRateLimit": False,
        "urls": {
            "api": {
                "public": rest,
                "private": rest,
                "sapi": f"{exchange.base_url}/sapi/v1",
                "ws": {
                    "spot": f"{exchange.ws_url}/ws",
                    "ws-api": {"spot": f"{exchange.ws_url}/ws-api/v3"},
                },
            }
        },
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    }
    if keys is not None:
        settings |= {"apiKey": keys.key, "secret": keys.secret}
    return settings


@pytest.fixture(scope="session")
def own_market(exchange: Exchange) -> str:
    """A market with fees for these tests alone."""
    fees = ("--maker-fee", MAKER_FEE, "--taker-fee", TAKER_FEE)
    steps = ("--tick-size", TICK, "--lot-size", LOT, "--min-notional", MIN_NOTIONAL)
    exchange.create_market(MARKET, *steps, *fees, "--band", "0.5")
    return SYMBOL


@pytest.fixture(scope="session")
def alice_keys(exchange: Exchange) -> Keys:
    """A person who trades with the client under test."""
    return new_keys(exchange)


@pytest.fixture(scope="session")
def bob_keys(exchange: Exchange) -> Keys:
    """A person on the other side."""
    return new_keys(exchange)


@pytest.fixture(scope="session")
def poor_keys(exchange: Exchange) -> Keys:
    """A person without any money."""
    return new_keys(exchange, fund=False)


@pytest.fixture(scope="session")
def reader_keys(exchange: Exchange) -> Keys:
    """A key that may read but not trade."""
    return new_keys(exchange, scopes="read")


@pytest.fixture(scope="session")
def ed25519_keys(exchange: Exchange) -> Keys:
    """A key of the other kind; its secret is a PEM."""
    return new_keys(exchange, kind="ed25519")


@pytest.fixture(scope="session")
def bob_client(exchange: Exchange, bob_keys: Keys, own_market: str) -> ccxt.binance:
    """The other side, who rests and takes through ccxt whatever client is tested."""
    client = ccxt.binance(ccxt_settings(exchange, bob_keys))
    client.load_markets()
    return client


@pytest.fixture(scope="session")
def sweeper(exchange: Exchange, alice_keys: Keys, own_market: str) -> ccxt.binance:
    """A client of Alice's that no test has in hand: it tidies up."""
    client = ccxt.binance(ccxt_settings(exchange, alice_keys))
    client.load_markets()
    return client


def cancel_everything(client: ccxt.binance) -> None:
    """Cancel all orders in the market of these tests; none open is fine."""
    with contextlib.suppress(ccxt.OrderNotFound):
        client.cancel_all_orders(MARKET)


@pytest.fixture
def bob(bob_client: ccxt.binance, sweeper: ccxt.binance) -> Iterator[ccxt.binance]:
    """The other side; after the test the book is empty again."""
    yield bob_client
    cancel_everything(bob_client)
    cancel_everything(sweeper)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop for asynchronous clients in synchronous tests."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
