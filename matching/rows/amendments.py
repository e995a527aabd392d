"""Rows of amendments: what an open order asked for before, and asks for since."""

from decimal import Decimal
from typing import Final

import msgspec

from matching.engine.events import OrderAmended
from matching.markets.terms import MarketTerms
from matching.models import OrderAmendment
from matching.orders.ids import SHARD_OF_ID
from zavora.foundation.money import format_decimal
from zavora.foundation.rows import RowTable, copy_or_null
from zavora.foundation.times import microseconds_of

_FIGURES: Final = (
    "price_before", "price", "quantity_before", "quantity", "trigger_price_before",
    "trigger_price",
)  # fmt: skip
AMENDMENTS: Final = RowTable(
    OrderAmendment, ("id", "market_id", "order_id", *_FIGURES, "created_at")
)

# Those of a shard after one of them, in the order in which they came about.
COMPARED_AMENDMENTS: Final = (
    f"SELECT id, market_id, order_id, {', '.join(_FIGURES)},"
    f" (extract(epoch FROM created_at) * 1000000)::bigint FROM {OrderAmendment._meta.db_table}"
    f" WHERE {SHARD_OF_ID} = %s AND id > %s ORDER BY id LIMIT %s"
)


class AmendmentState(msgspec.Struct, frozen=True, gc=False):
    """One amendment. ``id`` rises within the shard; figures are text, None: the order has none."""

    id: int
    market_id: int
    order_id: int
    price_before: str | None
    price: str | None
    quantity_before: str | None
    quantity: str | None
    trigger_price_before: str | None
    trigger_price: str | None
    created_us: int


def amendment_of(
    event: OrderAmended, terms: MarketTerms, *, amendment_id: int, time_us: int
) -> AmendmentState:
    """Return an amendment right after it, of an order that has its new figures."""
    order = event.order

    def price(ticks: int | None) -> str | None:
        return None if ticks is None else terms.price_text(ticks)

    def quantity(lots: int | None) -> str | None:
        return None if lots is None else terms.quantity_text(lots)

    return AmendmentState(
        amendment_id,
        order.market_id,
        order.order_id,
        price(event.price_ticks_before),
        price(order.price_ticks),
        quantity(event.quantity_lots_before),
        quantity(order.quantity_lots),
        price(event.trigger_ticks_before),
        price(order.terms.conditions.trigger_ticks),
        time_us,
    )


def amendment_row(amendment: AmendmentState, time_text: str) -> str:
    """Return an amendment's COPY row."""
    figures = "\t".join(copy_or_null(getattr(amendment, name)) for name in _FIGURES)
    return f"{amendment.id}\t{amendment.market_id}\t{amendment.order_id}\t{figures}\t{time_text}"


def amendment_state(row: OrderAmendment, terms: MarketTerms) -> AmendmentState:
    """Return a row of the table as pages show it."""

    def figure(value: Decimal | None, decimals: int) -> str | None:
        return None if value is None else format_decimal(value, decimals)

    return AmendmentState(
        row.id,
        row.market_id,
        row.order_id,
        figure(row.price_before, terms.tick_decimals),
        figure(row.price, terms.tick_decimals),
        figure(row.quantity_before, terms.lot_decimals),
        figure(row.quantity, terms.lot_decimals),
        figure(row.trigger_price_before, terms.tick_decimals),
        figure(row.trigger_price, terms.tick_decimals),
        microseconds_of(row.created_at),
    )


def compared(amendment: AmendmentState) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_AMENDMENTS`` must hold, its id aside."""
    figures = (getattr(amendment, name) for name in _FIGURES)
    return (
        amendment.market_id,
        amendment.order_id,
        *(None if text is None else Decimal(text) for text in figures),
        amendment.created_us,
    )
