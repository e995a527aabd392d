"""Rows of trades, and a trade as the text that events, replies and pages carry."""

from decimal import Decimal
from typing import Any, Final

from matching import wire
from matching.markets.terms import MarketTerms
from matching.models import Trade
from zavora.foundation.money import format_decimal
from zavora.foundation.rows import RowTable
from zavora.foundation.times import microseconds_of

TRADES: Final = RowTable(
    Trade,
    (
        "id", "market_id", "sequence", "run_sequence", "price", "quantity", "amount",
        "taker_side", "maker_order_id", "taker_order_id", "maker_account_id",
        "taker_account_id", "maker_fee", "taker_fee", "created_at",
        "is_auction",
    ),
)  # fmt: skip
COMPARED_TRADES: Final = (
    "SELECT id, market_id, sequence, run_sequence, price, quantity, amount, taker_side,"
    " maker_order_id, taker_order_id, maker_account_id, taker_account_id, maker_fee, taker_fee,"
    f" is_auction FROM {Trade._meta.db_table} WHERE market_id = %s AND sequence BETWEEN %s AND %s"
    " ORDER BY sequence"
)


def trade_row(trade_id: int, trade: wire.TradeState, time_text: str) -> str:
    """Return a trade's COPY row."""
    return (
        f"{trade_id}\t{trade.market_id}\t{trade.sequence}\t{trade.run_sequence}\t{trade.price}"
        f"\t{trade.quantity}\t{trade.amount}\t{trade.taker_side}\t{trade.maker_order_id}"
        f"\t{trade.taker_order_id}\t{trade.maker_account_id}\t{trade.taker_account_id}"
        f"\t{trade.maker_fee}\t{trade.taker_fee}\t{time_text}"
        f"\t{'t' if trade.is_auction else 'f'}"
    )


def trade_state(row: Any, terms: MarketTerms) -> wire.TradeState:
    """Return a row of the trades' table as the state that events and replies carry."""
    taker_buys = row.taker_side == "buy"
    taker_scale = terms.base.scale if taker_buys else terms.quote.scale
    # A rebate (a negative fee) is a part of the taker's fee.
    maker_scale = terms.quote.scale if taker_buys else terms.base.scale
    if row.maker_fee < 0:
        maker_scale = taker_scale
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
        is_auction=row.is_auction,
    )


def compared(trade: wire.TradeState) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_TRADES`` must hold, its id aside."""
    return (
        trade.market_id,
        trade.sequence,
        trade.run_sequence,
        Decimal(trade.price),
        Decimal(trade.quantity),
        Decimal(trade.amount),
        trade.taker_side,
        trade.maker_order_id,
        trade.taker_order_id,
        trade.maker_account_id,
        trade.taker_account_id,
        Decimal(trade.maker_fee),
        Decimal(trade.taker_fee),
        trade.is_auction,
    )
