"""Clients that ask too much are told so in the way that each of them understands.

Web processes of their own with small limits: nobody else's budget is used up.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import RateLimitBanError, TooManyRequestsError
from binance_sdk_spot.spot import Spot

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import (
    CALLS_MAX,
    MARKET,
    SYMBOL,
    Keys,
    extra_web,
    until_refused,
)
from tests.integration.binance.clients.conftest import cancel_everything, ccxt_settings
from zavora.runner.exchange import HOST

# Whom the web process sees behind a proxy on this machine; nothing is sent to that address.
VISITOR = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture(scope="module")
def light_port(exchange: Exchange) -> Iterator[int]:
    """A web process that lets through little weight."""
    yield from extra_web(
        exchange,
        "web-light",
        ZAVORA_COMPAT_WEIGHT_PER_MINUTE="100",
        ZAVORA_TRUSTED_PROXIES="127.0.0.0/8",
    )


@pytest.fixture(scope="module")
def slow_port(exchange: Exchange) -> Iterator[int]:
    """A web process that takes few orders."""
    yield from extra_web(exchange, "web-slow", ZAVORA_COMPAT_ORDERS_PER_10S="2")


def ccxt_at(
    address: str, keys: Keys, exchange: Exchange, headers: dict[str, str] | None = None
) -> ccxt.binance:
    """Return a ccxt client for ``host:port`` that has its markets already."""
    settings = ccxt_settings(exchange, keys) | {"headers": headers or {}}
    settings["urls"]["api"] |= dict.fromkeys(("public", "private"), f"http://{address}/api/v3")
    return ccxt.binance(settings)


def python_binance_at(address: str, keys: Keys) -> Client:
    """Return a python-binance client for ``host:port``."""
    client = Client(keys.key, keys.secret, ping=False)
    client.API_URL = f"http://{address}/api"
    return client


def sdk_at(address: str, keys: Keys, headers: dict[str, str] | None = None) -> Any:
    """Return the official SDK's REST client for ``host:port``."""
    configuration = ConfigurationRestAPI(
        api_key=keys.key,
        api_secret=keys.secret,
        base_path=f"http://{address}",
        custom_headers=headers,
    )
    return Spot(config_rest_api=configuration).rest_api


async def test_too_much_weight_over_the_websocket_api(
    exchange: Exchange, alice_keys: Keys, sweeper: ccxt.binance, light_port: int
) -> None:
    settings = ccxt_settings(exchange, alice_keys)
    settings["urls"]["api"]["ws"]["ws-api"]["spot"] = f"ws://{HOST}:{light_port}/ws-api/v3"
    client = ccxt.pro.binance(settings)
    client.set_markets(sweeper.markets)

    async def go_on() -> None:
        for _ in range(CALLS_MAX):
            await client.fetch_balance_ws()

    try:
        with pytest.raises(ccxt.RateLimitExceeded, match="-1003"):
            await go_on()
    finally:
        await client.close()


def test_too_much_weight_is_429(
    exchange: Exchange, alice_keys: Keys, own_market: str, light_port: int
) -> None:
    address = f"{HOST}:{light_port}"
    pro = until_refused(
        lambda: ccxt_at(address, alice_keys, exchange).publicGetDepth({"symbol": SYMBOL}),
        ccxt.DDoSProtection,
    )
    assert " 429 " in str(pro)
    assert "-1003" in str(pro)

    plain = python_binance_at(address, alice_keys)
    refused = until_refused(lambda: plain.get_order_book(symbol=SYMBOL), BinanceAPIException)
    assert (refused.status_code, refused.code) == (429, -1003)
    assert int(refused.response.headers["Retry-After"]) > 0
    assert int(refused.response.headers["X-MBX-USED-WEIGHT-1M"]) > 0

    official = sdk_at(address, alice_keys)
    refused = until_refused(lambda: official.depth(SYMBOL), TooManyRequestsError)
    assert refused.status_code == -1003
    assert 0 < refused.retry_after <= 60


def test_too_many_orders_are_429(
    exchange: Exchange,
    alice_keys: Keys,
    bob: ccxt.binance,
    sweeper: ccxt.binance,
    slow_port: int,
) -> None:
    address = f"{HOST}:{slow_port}"
    client = ccxt_at(address, alice_keys, exchange)
    client.load_markets()
    refused = until_refused(
        lambda: client.create_order(MARKET, "limit", "buy", 0.1, 1500), ccxt.DDoSProtection
    )
    assert " 429 " in str(refused)
    assert "-1015" in str(refused)

    plain = python_binance_at(address, alice_keys)
    order = {"symbol": SYMBOL, "quantity": "0.1", "price": "1500"}
    refused = until_refused(lambda: plain.order_limit_buy(**order), BinanceAPIException)
    assert (refused.status_code, refused.code) == (429, -1015)

    official = sdk_at(address, alice_keys)
    refused = until_refused(
        lambda: official.new_order(
            SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.1, price=1500
        ),
        TooManyRequestsError,
    )
    assert refused.status_code == -1015
    assert 0 < refused.retry_after <= 10
    cancel_everything(sweeper)


def test_who_goes_on_is_shut_out_with_418(
    exchange: Exchange, alice_keys: Keys, own_market: str, light_port: int
) -> None:
    address = f"{HOST}:{light_port}"
    official = sdk_at(address, alice_keys, VISITOR)

    def go_on() -> None:
        try:
            official.depth(SYMBOL)
        except TooManyRequestsError:
            return

    refused = until_refused(go_on, RateLimitBanError)
    assert refused.status_code == -1003
    assert 110 <= refused.retry_after <= 120

    with pytest.raises(ccxt.DDoSProtection, match=" 418 "):
        ccxt_at(address, alice_keys, exchange, VISITOR).publicGetPing()
    plain = python_binance_at(address, alice_keys)
    plain.session.headers.update(VISITOR)
    with pytest.raises(BinanceAPIException) as caught:
        plain.get_server_time()
    assert (caught.value.status_code, caught.value.code) == (418, -1003)
    # Loopback goes on as long as it likes.
    local = sdk_at(address, alice_keys)
    for _ in range(CALLS_MAX):
        with contextlib.suppress(TooManyRequestsError):
            local.depth(SYMBOL)
