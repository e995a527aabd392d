"""The markets that tests make on the exchange they share, each one's own.

The tests of one process share an exchange, in an order that differs from run to run: a market that
two of them make is refused to the second. So each takes a name here, and no name stands here twice.
"""

from enum import StrEnum, unique


@unique
class OwnMarket(StrEnum):
    """Who makes a market, and its symbol; its currencies are those that every exchange has."""

    API_AUCTIONS = "USDT/USD"
    API_CALENDARS = "EUR/ETH"
    BINANCE_CLIENTS = "ETH/EUR"
    BINANCE_FILTERS = "EUR/BTC"
    BINANCE_PREVENTIONS = "USDT/ETH"
    MARKETS_CHANNEL = "BTC/ETH"
    PAGE_CALENDARS = "USD/ETH"
    PAGE_CHART = "USD/BTC"
    PAGE_HOSTILE = "SOL/USDT"
    PAGE_KINDS = "SOL/EUR"
    PAGE_LISTS = "USDT/EUR"
    PAGE_NEW_MARKET = "USDT/BTC"
    PAGE_ODD_TICK = "USD/EUR"
    PAGE_PROTECTION = "USD/USDT"
    USER_DATA = "EUR/USDT"
    USER_DATA_DOLLARS = "EUR/USD"


def new_asset(code: str) -> str:
    """Return what makes a currency in a shell that no exchange has from the start."""
    return f"""
from accounts.access.actor import Actor
from accounts.models import Asset
from accounts.services import create_asset
if not Asset.objects.filter(code={code!r}).exists():
    create_asset(by=Actor.system("a test"), code={code!r}, name={code!r}, scale=8)
"""
