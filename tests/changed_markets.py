"""Rules of a market of a running exchange, changed by an operator's service."""

from tests.exchange import Exchange, wait_until

# Says last whether anything is another since.
CODE = """
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from django.forms import model_to_dict
from accounts.access.actor import Actor
from matching.models import Market
from matching.services import change_market
before = model_to_dict(Market.objects.get(symbol="{symbol}"))
change_market(by=Actor.system("a test"), symbol="{symbol}", {changes})
print(model_to_dict(Market.objects.get(symbol="{symbol}")) != before)
"""


def change_market(exchange: Exchange, symbol: str, changes: str) -> None:
    """Change rules, named as in Python, and wait until the servers tell of them."""
    path = f"/markets/{symbol.replace('/', '-')}"
    before = exchange.read(path)
    said = exchange.manage("shell", "-c", CODE.format(symbol=symbol, changes=changes))
    if said.endswith("True\n"):
        wait_until(lambda: exchange.read(path) != before, timeout_s=10, what=f"{symbol}: {changes}")
