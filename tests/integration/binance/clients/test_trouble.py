"""What a bot hears when the exchange cannot say yes or no in time, or will not let it trade."""

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import ServerError
from binance_sdk_spot.spot import Spot

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import (
    MARKET,
    SYMBOL,
    Keys,
    extra_web,
    new_keys,
    until_refused,
)
from tests.integration.binance.clients.conftest import cancel_everything, ccxt_settings
from zavora.runner.exchange import HOST

SET_STATUS = (
    "from uuid import UUID; from accounts.services import set_account_status;"
    "from tests.actors import SYSTEM;"
    "set_account_status(by=SYSTEM, account_id=UUID('{account}'), status='{status}')"
)


@pytest.fixture(scope="module")
def hasty_url(exchange: Exchange) -> Iterator[str]:
    """A web process that waits a millisecond for an order's decision: less than a commit takes."""
    for port in extra_web(exchange, "web-hasty", ZAVORA_EDGE_WAIT_MS="1"):
        yield f"http://{HOST}:{port}"


def test_an_order_without_an_answer_in_time(
    exchange: Exchange, alice_keys: Keys, bob: ccxt.binance, sweeper: ccxt.binance, hasty_url: str
) -> None:
    settings = ccxt_settings(exchange, alice_keys)
    rest = dict.fromkeys(("public", "private"), f"{hasty_url}/api/v3")
    settings["urls"]["api"] |= rest
    client = ccxt.binance(settings)
    client.load_markets()
    names = iter(f"unsure-{number}" for number in range(10**6))
    tried: list[str] = []

    def order() -> Any:
        tried.append(next(names))
        more = {"clientOrderId": tried[-1]}
        return client.create_order(MARKET, "limit", "buy", 0.01, 1500, more)

    refused = until_refused(order, ccxt.RequestTimeout)
    assert "-1007" in str(refused)

    # Nobody has to guess: by its client id the order is found, or it never was.
    try:
        shown = sweeper.fetch_order("", MARKET, {"origClientOrderId": tried[-1]})
    except ccxt.OrderNotFound:
        pass
    else:
        assert shown["status"] == "open"

    configuration = ConfigurationRestAPI(
        api_key=alice_keys.key, api_secret=alice_keys.secret, base_path=hasty_url
    )
    official: Any = Spot(config_rest_api=configuration).rest_api
    placing = {"time_in_force": "GTC", "quantity": 0.01, "price": 1500}
    until_refused(lambda: official.new_order(SYMBOL, "BUY", "LIMIT", **placing), ServerError)
    cancel_everything(sweeper)


def test_an_account_that_may_not_trade(exchange: Exchange, own_market: str) -> None:
    keys = new_keys(exchange)
    client = ccxt.binance(ccxt_settings(exchange, keys))
    client.load_markets()
    exchange.manage("shell", "-c", SET_STATUS.format(account=keys.account, status="cancel_only"))
    with pytest.raises(ccxt.PermissionDenied, match="may not place"):
        client.create_order(MARKET, "limit", "buy", 0.01, 1500)
    assert client.fetch_open_orders(MARKET) == []
