"""Reads for reports: an account's fills and what it bought, oldest first; what markets traded."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection

from matching.models import Market, Order, OrderConditions, Trade

FILLS_MAX: Final = 10_000
# Of an order its owner sees all columns but numbers that mean nothing to them.
_COLUMNS: Final = [
    field.attname
    for field in Order._meta.concrete_fields
    if field.attname not in ("account_id", "market_id", "owner_id", "priority")
]
# Of its conditions likewise; most orders have none.
_CONDITIONS: Final = [
    field.attname
    for field in OrderConditions._meta.concrete_fields
    if field.attname not in ("order_id", "trigger_number")
]


class ReportedFill(msgspec.Struct, frozen=True, gc=False):
    """One party's view of a trade. The fee is in what the party received (``ReportedMarket``)."""

    trade_id: int
    sequence: int
    market_id: int
    order_id: int
    is_buy: bool
    is_maker: bool
    price: Decimal
    quantity: Decimal
    amount: Decimal
    fee: Decimal
    created_at: datetime


def columns_of(order: Order) -> dict[str, Any]:
    """Return an order as its owner's file has it, by the names of its columns.

    With its conditions, empty where it has none.
    """
    conditions = getattr(order, "conditions", None)
    return {
        **{name: getattr(order, name) for name in _COLUMNS},
        **{name: getattr(conditions, name, None) for name in _CONDITIONS},
    }


class ReportedMarket(msgspec.Struct, frozen=True):
    """A market and the scales of its two assets."""

    market_id: int
    symbol: str
    base: str
    quote: str
    base_scale: int
    quote_scale: int


class MarketDay(msgspec.Struct, frozen=True):
    """What a market traded in a period, and the fees of both parties by their assets."""

    market_id: int
    trades: int
    volume: Decimal
    quote_volume: Decimal
    fees_base: Decimal
    fees_quote: Decimal


_TRADE: Final = Trade._meta.db_table
# Each role has an index of its own, so the two are read apart, and merged by the outer order.
_FILLS: Final = " UNION ALL ".join(
    f"(SELECT id, sequence, market_id, {role}_order_id, {is_buy}, {is_maker}, price, quantity,"
    f" amount, {role}_fee, created_at FROM {_TRADE} WHERE {role}_account_id = %(account)s"
    f" AND id > %(after)s AND created_at < %(end)s{{only}} ORDER BY id LIMIT %(limit)s)"
    for role, is_buy, is_maker in (
        ("maker", "taker_side = 'sell'", "true"),
        ("taker", "taker_side = 'buy'", "false"),
    )
)
# The maker's side is the other one.
_ONLY_BOUGHT: Final = (
    " AND market_id = %(market)s AND taker_side ="
    " CASE WHEN maker_account_id = %(account)s THEN 'sell' ELSE 'buy' END"
)
_ORDER: Final = " ORDER BY id, 6 LIMIT %(limit)s"


def list_reported_markets() -> dict[int, ReportedMarket]:
    """Return every market by its id, whether its rules can be represented or not."""
    rows = Market.objects.select_related("base", "quote").order_by("pk")
    return {
        row.pk: ReportedMarket(
            row.pk, row.symbol, row.base.code, row.quote.code, row.base.scale, row.quote.scale
        )
        for row in rows
    }


def list_fills(
    account_id: int, end: datetime, *, after_id: int, limit: int, bought_on: int | None = None
) -> list[ReportedFill]:
    """Return an account's fills before a time, oldest first, after a trade's id.

    With ``bought_on`` (a market) only what was bought there. At most ``FILLS_MAX``; who wants all
    goes on after the last one, until a page is empty.
    """
    only = "" if bought_on is None else _ONLY_BOUGHT
    named: dict[str, int | datetime | None] = {
        "account": account_id, "end": end, "after": after_id, "market": bought_on,
        "limit": min(limit, FILLS_MAX),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_FILLS.format(only=only) + _ORDER, named)
        return [ReportedFill(*row) for row in cursor.fetchall()]


def count_fills(account_id: int, begin: datetime, end: datetime) -> tuple[int, int]:
    """Return how many fills an account had before ``end``, and how many of them from ``begin``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE created_at >= %(begin)s) FROM ("
            f"SELECT created_at FROM {_TRADE} WHERE maker_account_id = %(account)s"
            f" UNION ALL SELECT created_at FROM {_TRADE} WHERE taker_account_id = %(account)s"
            ") AS fills WHERE created_at < %(end)s",
            {"account": account_id, "begin": begin, "end": end},
        )
        whole, of_period = cursor.fetchone()
        return whole, of_period


def list_market_days(begin: datetime, end: datetime) -> list[MarketDay]:
    """Return what each market traded in a period, by id; one without trades is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT market_id, count(*), sum(quantity), sum(amount),"
            " sum(CASE WHEN taker_side = 'buy' THEN taker_fee ELSE maker_fee END),"
            " sum(CASE WHEN taker_side = 'buy' THEN maker_fee ELSE taker_fee END)"
            f" FROM {_TRADE} WHERE created_at >= %s AND created_at < %s"
            " GROUP BY market_id ORDER BY market_id",
            [begin, end],
        )
        return [MarketDay(*row) for row in cursor.fetchall()]
