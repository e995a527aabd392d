"""Sub-accounts and transfers between them by python-binance and ccxt, unmodified."""

from decimal import Decimal

import ccxt
import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import Keys, new_keys
from tests.integration.binance.clients.conftest import ccxt_settings

EMAIL = "master-of-accounts@example.com"
OPEN = """
from accounts.people.selectors import find_user
from accounts.services import create_account
from tests.actors import SYSTEM
print(create_account(by=SYSTEM, owner_id=find_user("{email}").pk, label="Second").public_id)
"""
SPOT = {"fromAccountType": "SPOT", "toAccountType": "SPOT", "asset": "EUR"}


class HereClient(Client):
    """The documented way to other addresses: class attributes."""


@pytest.fixture(scope="module")
def keys(exchange: Exchange) -> Keys:
    """A key for both accounts of a person."""
    made = new_keys(exchange, email=EMAIL, all_accounts=True)
    exchange.manage("shell", "-c", OPEN.format(email=EMAIL))
    return made


def test_python_binance(exchange: Exchange, keys: Keys) -> None:
    HereClient.API_URL = f"{exchange.base_url}/api"
    HereClient.MARGIN_API_URL = f"{exchange.base_url}/sapi"
    client = HereClient(keys.key, keys.secret)
    (second,) = client.get_sub_account_list()["subAccounts"]
    before = Decimal(client.get_asset_balance("EUR")["free"])

    made = client.make_subaccount_universal_transfer(**SPOT, toEmail=second["email"], amount="2.5")

    assert Decimal(client.get_asset_balance("EUR")["free"]) == before - Decimal("2.5")
    newest = client.get_universal_transfer_history(limit=1)["result"][0]
    assert (newest["tranId"], newest["toEmail"]) == (made["tranId"], second["email"])
    with pytest.raises(BinanceAPIException) as caught:
        client.make_subaccount_universal_transfer(**SPOT, fromEmail=second["email"], amount="3")
    assert caught.value.code == -5002
    client.close_connection()


def test_ccxt(exchange: Exchange, keys: Keys) -> None:
    client = ccxt.binance(ccxt_settings(exchange, keys))
    (second,) = client.sapiGetSubAccountList()["subAccounts"]

    made = client.sapiPostSubAccountUniversalTransfer(
        {**SPOT, "toEmail": second["email"], "amount": "0.5", "clientTranId": "ccxt-1"}
    )

    assert made["clientTranId"] == "ccxt-1"
    history = client.sapiGetSubAccountUniversalTransfer({"clientTranId": "ccxt-1"})
    assert [row["tranId"] for row in history["result"]] == [made["tranId"]]
    # Its table of this code's exceptions is for Binance's own addresses.
    with pytest.raises(ccxt.ExchangeError, match="-5002"):
        client.sapiPostSubAccountUniversalTransfer(
            {**SPOT, "fromEmail": second["email"], "amount": "1000000"}
        )
