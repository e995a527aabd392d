"""Rows of orders, and an order as the text that events, replies and pages carry.

What an order asks for goes by the names of its fields: they are the same in the engine, on the wire
and in the table, so that a field which is only carried needs no line here.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from matching import wire
from matching.engine.orders import (
    NOTHING_CARRIED,
    UNCONDITIONAL,
    Carried,
    CloseReason,
    Conditions,
    Order,
    OrderStatus,
    OrderTerms,
)
from matching.markets.terms import MarketTerms
from matching.models import Order as OrderRow
from matching.rows import conditions
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
from zavora.foundation.times import microseconds_of, moment_of

# What an order asks for but its budget: the same names in the engine, on the wire and in the table.
# Conditions stand in a table of their own.
_ASKED_NAMES: Final = OrderTerms.__struct_fields__[1:6]
_CARRIED_NAMES: Final = Carried.__struct_fields__
asked_of: Final = attrgetter(*_ASKED_NAMES)

ORDERS: Final = RowTable(
    OrderRow,
    (
        "id", "account_id", "market_id", "client_order_id", "side", "order_type",
        "time_in_force", "post_only", "price", "quantity", "quote_quantity",
        "remaining_quantity", "filled_quantity", "filled_quote", "hold", "maker_fee_ppm",
        "taker_fee_ppm", "priority", "status", "reason", "created_at", "updated_at", "owner_id",
        "prevented_quantity", *_CARRIED_NAMES,
    ),
)  # fmt: skip

# Numbers as text: psycopg would make a Decimal of each.
_COLUMNS: Final = (
    "o.id, o.account_id, o.market_id, o.price::text, o.quantity::text, o.quote_quantity::text,"
    " o.remaining_quantity::text, o.filled_quantity::text, o.filled_quote::text, o.hold::text,"
    " o.prevented_quantity::text, o.maker_fee_ppm, o.taker_fee_ppm, o.priority, o.status,"
    " (extract(epoch FROM o.created_at) * 1000000)::bigint,"
    " (extract(epoch FROM o.updated_at) * 1000000)::bigint, o.owner_id"
)
_OWN_COLUMNS: Final = 18
_CONDITIONS_AT: Final = _OWN_COLUMNS + len(_ASKED_NAMES)
_CARRIED_AT: Final = _CONDITIONS_AT + conditions.COLUMNS_COUNT
OPEN_ORDERS: Final = (
    f"SELECT {_COLUMNS}, {', '.join(f'o.{name}' for name in _ASKED_NAMES)}, {conditions.COLUMNS}"
    f"{''.join(f', o.{name}' for name in _CARRIED_NAMES)}"
    f" FROM {OrderRow._meta.db_table} o {conditions.JOINED}"
    " WHERE o.market_id = ANY(%s) AND o.status IN ('new', 'partially_filled')"
)
# The ids once more, behind all else: PostgreSQL then looks into their partitions alone.
_OF_THESE: Final = " WHERE o.id = d.id AND o.id = ANY(%s::bigint[])"
UPDATE_ORDERS: Final = (
    f"UPDATE {OrderRow._meta.db_table} o SET remaining_quantity = d.remaining,"
    " filled_quantity = d.filled, filled_quote = d.filled_quote, hold = d.hold,"
    " status = d.status, reason = d.reason, updated_at = %s FROM unnest(%s::bigint[],"
    " %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::text[], %s::text[])"
    f" AS d(id, remaining, filled, filled_quote, hold, status, reason){_OF_THESE}"
)
AMEND_ORDERS: Final = (
    f"UPDATE {OrderRow._meta.db_table} o SET price = d.price, quantity = d.quantity,"
    " priority = d.priority, prevented_quantity = d.prevented FROM unnest(%s::bigint[],"
    " %s::numeric[], %s::numeric[], %s::bigint[], %s::numeric[])"
    f" AS d(id, price, quantity, priority, prevented){_OF_THESE}"
)
# Of a list's order that only waits, what is held for it and when that changed.
SHIFT_ORDERS: Final = (
    f"UPDATE {OrderRow._meta.db_table} o SET hold = d.hold, updated_at = d.updated_at"
    " FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[]) AS d(id, hold, updated_at)"
    f"{_OF_THESE}"
)
_COMPARED: Final = (
    "o.id, o.price, o.quantity, o.remaining_quantity, o.filled_quantity, o.filled_quote, o.hold,"
    f" o.priority, o.status, o.reason, o.prevented_quantity, {conditions.COLUMNS}"
)
COMPARED_ORDERS: Final = (
    f"SELECT {_COMPARED} FROM {OrderRow._meta.db_table} o {conditions.JOINED} WHERE o.id = ANY(%s)"
)


class TouchedOrder(msgspec.Struct, gc=False):
    """An order that the batch changed, and its text as it stands after the last change.

    ``is_amended``: not only did it trade or end, but its price, quantity or place is another.
    """

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
    ``remaining_lots`` is all that is left: what an order neither filled nor has left was prevented.
    """
    price_ticks, quantity_lots, asked = order.price_ticks, order.quantity_lots, order.terms
    quantity = None if quantity_lots is None else terms.quantity_text(quantity_lots)
    if remaining_lots == quantity_lots and quantity is not None:
        remaining = quantity
    else:
        remaining = terms.quantity_text(remaining_lots) if remaining_lots else terms.zero_quantity
    budget_units = asked.budget_units
    side, order_type, time_in_force, post_only, name = asked_of(asked)
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
        asked.carried,
        None if asked.conditions is UNCONDITIONAL else conditions.text_of(order, terms),
        _prevented_text(order, terms, remaining_lots + filled_lots)
        if order.prevented_lots
        else None,
    )


def _prevented_text(order: Order, terms: MarketTerms, other_lots: int) -> str | None:
    """Return what an order had lost by a step, ``other_lots`` being what it had filled and left."""
    lots = (order.quantity_lots or 0) - other_lots
    return terms.quantity_text(lots) if lots else None


def latest_state(order: Order, terms: MarketTerms) -> wire.OrderState:
    """Return an order's text as it stands now."""
    return order_state(
        order,
        terms,
        remaining_lots=order.remaining_lots + order.hidden_lots,
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
        conditions.text_of_row(row, terms),
        figure(row.prevented_quantity, terms.lot_decimals),
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
        f"\t{order.owner_id or NULL}\t{copy_or_null(state.prevented_quantity)}"
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
        array_text(touched.state.price or "NULL" for touched in amended),
        array_text(touched.state.quantity or "NULL" for touched in amended),
        array_text(touched.order.priority for touched in amended),
        array_text(touched.state.prevented_quantity or "NULL" for touched in amended),
    )


def shifted_arrays(shifted: Sequence[tuple[Order, MarketTerms]]) -> tuple[str, ...]:
    """Return the arrays of ``SHIFT_ORDERS``."""
    return (
        array_text(order.order_id for order, _ in shifted),
        array_text(_held_text(order, terms) for order, terms in shifted),
        array_text_quoted(moment_of(order.updated_us).isoformat() for order, _ in shifted),
    )


def hold_text(touched: TouchedOrder) -> str:
    """Return what is still locked for an order as text of its asset's scale."""
    return _held_text(touched.order, touched.terms)


def _held_text(order: Order, terms: MarketTerms) -> str:
    if not order.hold_units:
        return "0"
    asset = terms.quote if order.terms.side == "buy" else terms.base
    return units_to_text(order.hold_units, asset.scale)


# --- reading --------------------------------------------------------------------------------------


def open_order_of(row: tuple[Any, ...], terms: MarketTerms) -> Order:
    """Return a row of ``OPEN_ORDERS`` as the engine's order.

    Raises InvariantBroken or NotExact where a figure fits no tick, lot or unit of its market.
    """
    side, order_type, time_in_force, post_only, name = row[_OWN_COLUMNS:_CONDITIONS_AT]
    columns = row[_CONDITIONS_AT:_CARRIED_AT]
    has_conditions = columns[0] is not None
    order_terms = OrderTerms(
        None if row[5] is None else numeric_text_to_units(row[5], terms.quote.scale),
        side,
        order_type,
        time_in_force,
        post_only,
        name,
        _conditions(columns, terms) if has_conditions else UNCONDITIONAL,
        _carried(row[_CARRIED_AT:], terms),
    )
    held = terms.quote if order_terms.side == "buy" else terms.base
    hidden_lots = lots_of(columns[conditions.HIDDEN_AT], terms) if has_conditions else 0
    return Order(
        order_id=row[0],
        account_id=row[1],
        market_id=row[2],
        terms=order_terms,
        price_ticks=None if row[3] is None else ticks_of(row[3], terms),
        quantity_lots=None if row[4] is None else lots_of(row[4], terms),
        remaining_lots=lots_of(row[6], terms) - hidden_lots,
        filled_lots=lots_of(row[7], terms),
        filled_quote_units=numeric_text_to_units(row[8], terms.quote.scale),
        hold_units=numeric_text_to_units(row[9], held.scale),
        maker_ppm=row[11],
        taker_ppm=row[12],
        priority=row[13],
        status=row[14],
        reason="",
        created_us=row[15],
        updated_us=row[16],
        owner_id=row[17] or 0,
        hidden_lots=hidden_lots,
        prevented_lots=0 if row[10] is None else lots_of(row[10], terms),
        trigger_state=columns[conditions.STATE_AT] or "",
        trigger_number=columns[conditions.NUMBER_AT] or 0,
        triggered_us=columns[conditions.TRIGGERED_AT] or 0,
    )


def _conditions(columns: tuple[Any, ...], terms: MarketTerms) -> Conditions:
    return conditions.conditions_of(
        columns, lambda text: ticks_of(text, terms), lambda text: lots_of(text, terms)
    )


def compared(touched: TouchedOrder) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_ORDERS`` must hold, its id aside."""
    state, prevented = touched.state, touched.state.prevented_quantity
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
        None if prevented is None else Decimal(prevented),
        *conditions.columns_of(touched.order, touched.terms),
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
