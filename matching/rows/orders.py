"""Rows of orders, and an order as the text that events, replies and pages carry.

What an order asks for goes by the names of its fields: they are the same in the engine, on the wire
and in the table, so that a field which is only carried needs no line here.
"""

from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from matching import wire
from matching.engine.orders import (
    NOTHING_CARRIED,
    Carried,
    CloseReason,
    Order,
    OrderStatus,
    OrderTerms,
)
from matching.markets.terms import MarketTerms
from matching.models import Order as OrderRow
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.money import format_decimal, numeric_text_to_units, units_to_text
from zavora.foundation.rows import (
    NULL,
    RowTable,
    array_text,
    array_text_quoted,
    copy_or_null,
    copy_text,
)
from zavora.foundation.times import microseconds_of

# What an order asks for but its budget: the same names in the engine, on the wire and in the table.
_ASKED_NAMES: Final = OrderTerms.__struct_fields__[1:-1]
_CARRIED_NAMES: Final = Carried.__struct_fields__
asked_of: Final = attrgetter(*_ASKED_NAMES)

ORDERS: Final = RowTable(
    OrderRow,
    (
        "id", "account_id", "market_id", "client_order_id", "side", "order_type",
        "time_in_force", "post_only", "price", "quantity", "quote_quantity",
        "remaining_quantity", "filled_quantity", "filled_quote", "hold", "maker_fee_ppm",
        "taker_fee_ppm", "priority", "status", "reason", "created_at", "updated_at", "owner_id",
        *_CARRIED_NAMES,
    ),
)  # fmt: skip

# Numbers as text: psycopg would make a Decimal of each.
OPEN_ORDERS: Final = (
    "SELECT id, account_id, market_id, price::text, quantity::text, remaining_quantity::text,"
    " filled_quantity::text, filled_quote::text, hold::text, maker_fee_ppm, taker_fee_ppm,"
    " priority, status, (extract(epoch FROM created_at) * 1000000)::bigint,"
    " (extract(epoch FROM updated_at) * 1000000)::bigint, owner_id,"
    f" {', '.join((*_ASKED_NAMES, *_CARRIED_NAMES))} FROM {OrderRow._meta.db_table}"
    " WHERE market_id = ANY(%s) AND status IN ('new', 'partially_filled')"
)
UPDATE_ORDERS: Final = (
    f"UPDATE {OrderRow._meta.db_table} o SET remaining_quantity = d.remaining,"
    " filled_quantity = d.filled, filled_quote = d.filled_quote, hold = d.hold,"
    " status = d.status, reason = d.reason, updated_at = %s FROM unnest(%s::bigint[],"
    " %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::text[], %s::text[])"
    " AS d(id, remaining, filled, filled_quote, hold, status, reason) WHERE o.id = d.id"
)
AMEND_ORDERS: Final = (
    f"UPDATE {OrderRow._meta.db_table} o SET price = d.price, quantity = d.quantity,"
    " priority = d.priority FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[])"
    " AS d(id, price, quantity, priority) WHERE o.id = d.id"
)
COMPARED_ORDERS: Final = (
    "SELECT id, price, quantity, remaining_quantity, filled_quantity, filled_quote, hold,"
    f" priority, status, reason FROM {OrderRow._meta.db_table} WHERE id = ANY(%s)"
)


class TouchedOrder(msgspec.Struct, gc=False):
    """An order that the batch changed, and its text as it stands after the last change."""

    order: Order
    terms: MarketTerms
    state: wire.OrderState
    is_new: bool
    is_amended: bool = False


# --- states ---------------------------------------------------------------------------------------


def order_state(
    order: Order,
    terms: MarketTerms,
    *,
    remaining_lots: int,
    filled_lots: int,
    filled_quote_units: int,
    status: OrderStatus,
    reason: CloseReason,
    updated_us: int,
) -> wire.OrderState:
    """Return an order's text with the figures that one step left it with.

    Price and quantity are the order's own: only an amendment changes them, before anything trades.
    """
    price_ticks, quantity_lots = order.price_ticks, order.quantity_lots
    quantity = None if quantity_lots is None else terms.quantity_text(quantity_lots)
    if remaining_lots == quantity_lots and quantity is not None:
        remaining = quantity
    else:
        remaining = terms.quantity_text(remaining_lots) if remaining_lots else terms.zero_quantity
    budget_units = order.terms.budget_units
    side, order_type, time_in_force, post_only, name = asked_of(order.terms)
    return wire.OrderState(
        order.order_id,
        order.account_id,
        order.market_id,
        name,
        side,
        order_type,
        time_in_force,
        post_only,
        None if price_ticks is None else terms.price_text(price_ticks),
        quantity,
        None if budget_units is None else terms.quote_text(budget_units),
        remaining,
        terms.quantity_text(filled_lots) if filled_lots else terms.zero_quantity,
        terms.quote_text(filled_quote_units) if filled_quote_units else terms.zero_quote,
        status,
        reason,
        order.created_us,
        updated_us,
        order.terms.carried,
    )


def latest_state(order: Order, terms: MarketTerms) -> wire.OrderState:
    """Return an order's text as it stands now."""
    return order_state(
        order,
        terms,
        remaining_lots=order.remaining_lots,
        filled_lots=order.filled_lots,
        filled_quote_units=order.filled_quote_units,
        status=order.status,
        reason=order.reason,
        updated_us=order.updated_us,
    )


def state_of_row(row: OrderRow, terms: MarketTerms) -> wire.OrderState:
    """Return a row of the orders' table as the state that events and replies carry."""

    def figure(value: Decimal | None, scale: int) -> str | None:
        return None if value is None else format_decimal(value, scale)

    side, order_type, time_in_force, post_only, name = asked_of(row)
    return wire.OrderState(
        row.id,
        row.account_id,
        row.market_id,
        name,
        side,
        order_type,
        time_in_force,
        post_only,
        figure(row.price, terms.tick_decimals),
        figure(row.quantity, terms.lot_decimals),
        figure(row.quote_quantity, terms.quote.scale),
        format_decimal(row.remaining_quantity, terms.lot_decimals),
        format_decimal(row.filled_quantity, terms.lot_decimals),
        format_decimal(row.filled_quote, terms.quote.scale),
        row.status,
        row.reason,
        microseconds_of(row.created_at),
        microseconds_of(row.updated_at),
        _carried((getattr(row, field) for field in _CARRIED_NAMES), terms),
    )


# --- writing --------------------------------------------------------------------------------------


def new_row(touched: TouchedOrder, time_text: str) -> str:
    """Return a new order's COPY row."""
    order, state = touched.order, touched.state
    client_order_id = NULL if state.client_order_id is None else copy_text(state.client_order_id)
    row = (
        f"{state.id}\t{state.account_id}\t{state.market_id}\t{client_order_id}\t{state.side}"
        f"\t{state.order_type}\t{state.time_in_force}\t{'t' if state.post_only else 'f'}"
        f"\t{copy_or_null(state.price)}\t{copy_or_null(state.quantity)}"
        f"\t{copy_or_null(state.quote_quantity)}"
        f"\t{state.remaining_quantity}\t{state.filled_quantity}\t{state.filled_quote}"
        f"\t{hold_text(touched)}\t{order.maker_ppm}\t{order.taker_ppm}\t{order.priority}"
        f"\t{state.status}\t{state.reason}\t{time_text}\t{time_text}"
        f"\t{order.owner_id or NULL}"
    )
    if not _CARRIED_NAMES:
        return row
    carried = astuple(state.carried)
    return "\t".join([row, *(NULL if v is None else copy_text(str(v)) for v in carried)])


def changed_arrays(changed: Iterable[TouchedOrder]) -> tuple[str, ...]:
    """Return the arrays of ``UPDATE_ORDERS``."""
    states = [touched.state for touched in changed]
    return (
        array_text(state.id for state in states),
        array_text(state.remaining_quantity for state in states),
        array_text(state.filled_quantity for state in states),
        array_text(state.filled_quote for state in states),
        array_text(map(hold_text, changed)),
        array_text_quoted(state.status for state in states),
        array_text_quoted(state.reason for state in states),
    )


def amended_arrays(amended: Iterable[TouchedOrder]) -> tuple[str, ...]:
    """Return the arrays of ``AMEND_ORDERS``."""
    return (
        array_text(touched.state.id for touched in amended),
        array_text(touched.state.price for touched in amended),
        array_text(touched.state.quantity for touched in amended),
        array_text(touched.order.priority for touched in amended),
    )


def hold_text(touched: TouchedOrder) -> str:
    """Return what is still locked for an order as text of its asset's scale."""
    if not touched.order.hold_units:
        return "0"
    terms = touched.terms
    asset = terms.quote if touched.order.terms.side == "buy" else terms.base
    return units_to_text(touched.order.hold_units, asset.scale)


# --- reading --------------------------------------------------------------------------------------


def open_order_of(row: tuple[Any, ...], terms: MarketTerms) -> Order:
    """Return a row of ``OPEN_ORDERS`` as the engine's order.

    Raises InvariantBroken or NotExact where a figure fits no tick, lot or unit of its market.
    """
    side, order_type, time_in_force, post_only, name = row[16:21]
    carried = _carried(row[21:], terms)
    order_terms = OrderTerms(None, side, order_type, time_in_force, post_only, name, carried)
    held = terms.quote if order_terms.side == "buy" else terms.base
    return Order(
        order_id=row[0],
        account_id=row[1],
        market_id=row[2],
        terms=order_terms,
        price_ticks=None if row[3] is None else ticks_of(row[3], terms),
        quantity_lots=lots_of(row[4], terms),
        remaining_lots=lots_of(row[5], terms),
        filled_lots=lots_of(row[6], terms),
        filled_quote_units=numeric_text_to_units(row[7], terms.quote.scale),
        hold_units=numeric_text_to_units(row[8], held.scale),
        maker_ppm=row[9],
        taker_ppm=row[10],
        priority=row[11],
        status=row[12],
        reason="",
        created_us=row[13],
        updated_us=row[14],
        owner_id=row[15] or 0,
    )


def compared(touched: TouchedOrder) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_ORDERS`` must hold, its id aside."""
    state = touched.state
    return (
        None if state.price is None else Decimal(state.price),
        None if state.quantity is None else Decimal(state.quantity),
        Decimal(state.remaining_quantity),
        Decimal(state.filled_quantity),
        Decimal(state.filled_quote),
        Decimal(hold_text(touched)),
        touched.order.priority,
        state.status,
        state.reason,
    )


def ticks_of(text: str, terms: MarketTerms) -> int:
    """Return a stored price in ticks; raise InvariantBroken where it fits none."""
    return _count(text, terms.tick_decimals, terms.tick_units)


def lots_of(text: str, terms: MarketTerms) -> int:
    """Return a stored quantity in lots; raise InvariantBroken where it fits none."""
    return _count(text, terms.lot_decimals, terms.lot_units)


def _count(text: str, decimals: int, step_units: int) -> int:
    count, rest = divmod(numeric_text_to_units(text, decimals), step_units)
    if rest:
        raise InvariantBroken(f"{text} in the tables fits no tick or lot of its market")
    return count


def _carried(values: Iterable[Any], terms: MarketTerms) -> Carried:
    """Return stored values as the wire has them: figures as exact text, by their last word."""
    if not _CARRIED_NAMES:
        return NOTHING_CARRIED
    decimals = {
        "price": terms.tick_decimals,
        "quantity": terms.lot_decimals,
        "amount": terms.quote.scale,
    }
    return Carried(
        **{
            name: format_decimal(value, decimals[name.rpartition("_")[2]])
            if isinstance(value, Decimal)
            else value
            for name, value in zip(_CARRIED_NAMES, values, strict=True)
        }
    )
