"""How operators' searches find what workers wrote: by market, order, name and request, by index."""

from collections.abc import Iterator
from typing import Final

from django.db.models import BigIntegerField, Q, Value
from django.db.models.functions import Cast

from matching.models import Market, Order, Trade
from matching.orders.selectors import called
from zavora.foundation.admin.search import Branch, LookUp
from zavora.foundation.digits import number_of

# Trades of one order that a search goes through.
TRADES_MAX: Final = 2_000


def find_markets(term: str) -> list[int]:
    """Return the ids of the markets that a term names: "BTC/USD", "btc-usd" or "BTCUSD"."""
    letters = _plain(term)
    rows = Market.objects.order_by("pk").values_list("pk", "symbol")
    return [pk for pk, symbol in rows if _plain(symbol) == letters]


def _plain(symbol: str) -> str:
    return symbol.upper().replace("/", "").replace("-", "")


def of_market(*, order: str = "-pk", is_recent: bool = False) -> LookUp:
    """Find rows of the market that the term names, in the ``order`` in which an index has them."""

    def look_up(term: str) -> Iterator[Branch]:
        for market_id in find_markets(term):
            yield Branch(Q(market_id=market_id), order, is_recent)

    return look_up


def of_sequence(term: str) -> Iterator[Branch]:
    """Find what has this number in any market."""
    number = number_of(term)
    if number is not None:
        markets = list(Market.objects.order_by("pk").values_list("pk", flat=True))
        yield Branch(Q(market_id__in=markets, sequence=number))


def named(term: str) -> Iterator[Branch]:
    """Find orders by client order id."""
    yield Branch(called(term))


def commands_of_order(term: str) -> Iterator[Branch]:
    """Find the command that placed an order."""
    number = number_of(term)
    if number is not None:
        # The index compares a BIGINT with nothing else, and a small number would be no such.
        yield Branch(Q(order_id=Cast(Value(number), BigIntegerField())))


def trades_of_order(term: str) -> Iterator[Branch]:
    """Find the trades of an order: among its account's since it was placed, as taker or maker."""
    number = number_of(term)
    order = None if number is None else Order.objects.filter(pk=number).first()
    if order is not None:
        for role in ("maker", "taker"):
            mine = {f"{role}_account_id": order.account_id, f"{role}_order_id": order.pk}
            yield Branch(Q(**mine, pk__gte=order.pk))


def transactions_of_order(term: str) -> Iterator[Branch]:
    """Find the ledger transactions of an order: each has the number of its trade."""
    keys: set[int] = set()
    for condition, order, _, _ in trades_of_order(term):
        trades = Trade.objects.filter(condition).order_by(order)
        keys.update(trades.values_list("pk", flat=True)[:TRADES_MAX])
    if keys:
        yield Branch(Q(pk__in=keys))
