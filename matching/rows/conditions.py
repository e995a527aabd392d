"""Rows of what few orders ask for: written and read beside those of their orders.

An order without conditions has no row; the engine shares ``UNCONDITIONAL`` among all of them.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist

from matching.conditions import Conditions as Text
from matching.engine.orders import UNCONDITIONAL, Conditions, Order
from matching.markets.terms import MarketTerms
from matching.models import Order as OrderRow
from matching.models import OrderConditions
from zavora.foundation.money import SCALE_MAX, format_decimal, text_to_units, units_to_text
from zavora.foundation.rows import NULL, RowTable, array_text, array_text_quoted, copy_or_null
from zavora.foundation.times import microseconds_of, moment_of

CONDITIONS: Final = RowTable(
    OrderConditions,
    (
        "order_id", "self_trade", "expires_at", "slides", "display_quantity",
        "protection_price", "trigger", "trigger_by", "trigger_price", "trail_price",
        "trail_bps", "activation_price", "trigger_state", "triggered_at", "trigger_number",
        "hidden_quantity", "leg", "list_id",
    ),
)  # fmt: skip
_TABLE: Final = OrderConditions._meta.db_table


def _microseconds(column: str) -> str:
    return f"(extract(epoch FROM c.{column}) * 1000000)::bigint"


# With the columns of ``CONDITIONS`` in their order; numbers as text, and times as microseconds.
COLUMNS: Final = (
    f"c.order_id, c.self_trade, {_microseconds('expires_at')}, c.slides,"
    " c.display_quantity::text, c.protection_price::text, c.trigger, c.trigger_by,"
    " c.trigger_price::text, c.trail_price::text, c.trail_bps, c.activation_price::text,"
    f" c.trigger_state, {_microseconds('triggered_at')}, c.trigger_number,"
    " c.hidden_quantity::text, c.leg, c.list_id"
)
COLUMNS_COUNT: Final = 18
# Which of them is which, where they are read.
STATE_AT, TRIGGERED_AT, NUMBER_AT, HIDDEN_AT = 12, 13, 14, 15
JOINED: Final = f"LEFT JOIN {_TABLE} c ON c.order_id = o.id"
UPDATE_CONDITIONS: Final = (
    f"UPDATE {_TABLE} c SET protection_price = d.protection_price, trigger_price = d.trigger_price,"
    " trigger_state = d.trigger_state, triggered_at = d.triggered_at,"
    " trigger_number = d.trigger_number, hidden_quantity = d.hidden_quantity"
    " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::text[], %s::timestamptz[],"
    " %s::bigint[], %s::numeric[]) AS d(order_id, protection_price, trigger_price, trigger_state,"
    " triggered_at, trigger_number, hidden_quantity) WHERE c.order_id = d.order_id"
)


# --- states ---------------------------------------------------------------------------------------


def text_of(order: Order, terms: MarketTerms) -> Text | None:
    """Return the conditions of an order, and how it waits, as text; None: it has none."""
    asked = order.terms.conditions
    if asked is UNCONDITIONAL:
        return None
    return Text(
        asked.self_trade,
        asked.expires_us,
        asked.slides,
        _or_none(asked.display_lots, terms.quantity_text),
        _or_none(asked.protection_ticks, terms.price_text),
        asked.trigger,
        asked.trigger_by,
        _or_none(asked.trigger_ticks, terms.price_text),
        _or_none(asked.trail_ticks, terms.price_text),
        asked.trail_bps,
        _or_none(asked.activation_ticks, terms.price_text),
        order.trigger_state,
        order.triggered_us,
        asked.leg,
        asked.list_id,
    )


def text_of_row(order: OrderRow, terms: MarketTerms) -> Text | None:
    """Return the conditions of a row of the orders' table as text; None: it has none.

    Rows of lists come with theirs (``matching.orders.selectors``); else they cost a query each.
    """
    try:
        row: Any = order.conditions
    except ObjectDoesNotExist:
        return None

    def figure(value: Any, scale: int) -> str | None:
        return None if value is None else format_decimal(value, scale)

    return Text(
        row.self_trade or None,
        None if row.expires_at is None else microseconds_of(row.expires_at),
        row.slides,
        figure(row.display_quantity, terms.lot_decimals),
        figure(row.protection_price, terms.tick_decimals),
        row.trigger or None,
        row.trigger_by,
        figure(row.trigger_price, terms.tick_decimals),
        figure(row.trail_price, terms.tick_decimals),
        row.trail_bps,
        figure(row.activation_price, terms.tick_decimals),
        row.trigger_state,
        0 if row.triggered_at is None else microseconds_of(row.triggered_at),
        row.leg or None,
        row.list_id,
    )


# --- writing --------------------------------------------------------------------------------------


def conditions_row(order: Order, terms: MarketTerms) -> str:
    """Return the COPY row of a new order that has conditions."""
    asked = text_of(order, terms) or Text()
    return (
        f"{order.order_id}\t{asked.self_trade or ''}\t{_moment(asked.expires_us) or NULL}"
        f"\t{'t' if asked.slides else 'f'}\t{copy_or_null(asked.display_quantity)}"
        f"\t{copy_or_null(asked.protection_price)}\t{asked.trigger or ''}\t{asked.trigger_by}"
        f"\t{copy_or_null(asked.trigger_price)}\t{copy_or_null(asked.trail_price)}"
        f"\t{NULL if asked.trail_bps is None else asked.trail_bps}"
        f"\t{copy_or_null(asked.activation_price)}\t{asked.trigger_state}"
        f"\t{_moment(asked.triggered_us) or NULL}\t{order.trigger_number}"
        f"\t{terms.quantity_text(order.hidden_lots)}\t{asked.leg or ''}\t{asked.list_id}"
    )


def conditions_arrays(changed: "Iterable[tuple[Order, MarketTerms]]") -> tuple[str, ...]:
    """Return the arrays of ``UPDATE_CONDITIONS``: what may change while an order lives."""
    texts = [(order, terms, text_of(order, terms) or Text()) for order, terms in changed]
    return (
        array_text(order.order_id for order, _, _ in texts),
        array_text(asked.protection_price or "NULL" for _, _, asked in texts),
        array_text(asked.trigger_price or "NULL" for _, _, asked in texts),
        array_text_quoted(asked.trigger_state for _, _, asked in texts),
        array_text(_moment(asked.triggered_us) or "NULL" for _, _, asked in texts),
        array_text(order.trigger_number for order, _, _ in texts),
        array_text(terms.quantity_text(order.hidden_lots) for order, terms, _ in texts),
    )


def _moment(time_us: int | None) -> str | None:
    return moment_of(time_us).isoformat() if time_us else None


# --- reading --------------------------------------------------------------------------------------


def conditions_of(
    columns: tuple[Any, ...], ticks: Callable[[str], int], lots: Callable[[str], int]
) -> Conditions:
    """Return what was read as ``COLUMNS`` as the engine's; ``ticks`` and ``lots`` count text."""
    if columns[0] is None:
        return UNCONDITIONAL
    return Conditions(
        columns[1] or None,
        columns[2],
        columns[3],
        _or_none(columns[4], lots),
        _or_none(columns[5], ticks),
        columns[6] or None,
        columns[7],
        _or_none(columns[8], ticks),
        _or_none(columns[9], ticks),
        columns[10],
        _or_none(columns[11], ticks),
        columns[16] or None,
        columns[17],
    )


def columns_of(order: Order, terms: MarketTerms) -> tuple[Any, ...]:
    """Return what ``COLUMNS`` must read of an order."""
    asked = text_of(order, terms)
    if asked is None:
        return (None,) * COLUMNS_COUNT
    return (
        order.order_id,
        asked.self_trade or "",
        asked.expires_us,
        asked.slides,
        _stored(asked.display_quantity),
        _stored(asked.protection_price),
        asked.trigger or "",
        asked.trigger_by,
        _stored(asked.trigger_price),
        _stored(asked.trail_price),
        asked.trail_bps,
        _stored(asked.activation_price),
        asked.trigger_state,
        asked.triggered_us or None,
        order.trigger_number,
        _stored(terms.quantity_text(order.hidden_lots)),
        asked.leg or "",
        asked.list_id,
    )


def _stored(text: str | None) -> str | None:
    """Return a figure as the tables print it: with all decimals that they have."""
    return None if text is None else units_to_text(text_to_units(text, SCALE_MAX), SCALE_MAX)


def _or_none(value: Any, convert: Callable[[Any], Any]) -> Any:
    return None if value is None else convert(value)
