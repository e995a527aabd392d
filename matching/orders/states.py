"""Rows of orders and trades as the states that events and replies carry."""

from decimal import Decimal
from typing import Any, Protocol

from matching import wire
from matching.markets.terms import MarketTerms
from zavora.foundation.money import format_decimal
from zavora.foundation.times import microseconds_of


class OrderRow(Protocol):
    """An order as its table holds it (``matching.orders.selectors``)."""

    id: int
    account_id: int
    market_id: int
    client_order_id: str | None
    side: str
    order_type: str
    time_in_force: str
    post_only: bool
    price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    remaining_quantity: Decimal
    filled_quantity: Decimal
    filled_quote: Decimal
    status: str
    reason: str
    created_at: Any
    updated_at: Any


def order_state(row: OrderRow, terms: MarketTerms) -> wire.OrderState:
    """Return a row of the orders' table as the state that events and replies carry."""

    def figure(value: Decimal | None, scale: int) -> str | None:
        return None if value is None else format_decimal(value, scale)

    return wire.OrderState(
        id=row.id,
        account_id=row.account_id,
        market_id=row.market_id,
        client_order_id=row.client_order_id,
        side=row.side,
        order_type=row.order_type,
        time_in_force=row.time_in_force,
        post_only=row.post_only,
        price=figure(row.price, terms.tick_decimals),
        quantity=figure(row.quantity, terms.lot_decimals),
        quote_quantity=figure(row.quote_quantity, terms.quote.scale),
        remaining_quantity=format_decimal(row.remaining_quantity, terms.lot_decimals),
        filled_quantity=format_decimal(row.filled_quantity, terms.lot_decimals),
        filled_quote=format_decimal(row.filled_quote, terms.quote.scale),
        status=row.status,
        reason=row.reason,
        created_us=microseconds_of(row.created_at),
        updated_us=microseconds_of(row.updated_at),
    )


def trade_state(row: Any, terms: MarketTerms) -> wire.TradeState:
    """Return a row of the trades' table as the state that events and replies carry."""
    taker_buys = row.taker_side == "buy"
    taker_scale = terms.base.scale if taker_buys else terms.quote.scale
    maker_scale = terms.quote.scale if taker_buys else terms.base.scale
    return wire.TradeState(
        market_id=row.market_id,
        sequence=row.sequence,
        run_sequence=row.run_sequence,
        price=format_decimal(row.price, terms.tick_decimals),
        quantity=format_decimal(row.quantity, terms.lot_decimals),
        amount=format_decimal(row.amount, terms.quote.scale),
        taker_side=row.taker_side,
        maker_order_id=row.maker_order_id,
        taker_order_id=row.taker_order_id,
        maker_account_id=row.maker_account_id,
        taker_account_id=row.taker_account_id,
        maker_fee=format_decimal(row.maker_fee, maker_scale),
        taker_fee=format_decimal(row.taker_fee, taker_scale),
        created_us=microseconds_of(row.created_at),
    )
