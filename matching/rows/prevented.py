"""Rows of trades that were not: two orders of one owner that met."""

from decimal import Decimal
from typing import Final

from matching import wire
from matching.markets.terms import MarketTerms
from matching.models import PreventedMatch
from matching.orders.ids import SHARD_OF_ID
from zavora.foundation.money import EXACT, format_decimal
from zavora.foundation.rows import RowTable
from zavora.foundation.times import microseconds_of

PREVENTED: Final = RowTable(
    PreventedMatch,
    (
        "id", "market_id", "mode", "price", "quantity", "maker_order_id", "taker_order_id",
        "maker_account_id", "taker_account_id", "created_at",
    ),
)  # fmt: skip

# Those of a shard after one of them, in the order in which they came about.
COMPARED_PREVENTED: Final = (
    "SELECT id, market_id, mode, price, quantity, maker_order_id, taker_order_id,"
    f" maker_account_id, taker_account_id FROM {PreventedMatch._meta.db_table}"
    f" WHERE {SHARD_OF_ID} = %s AND id > %s ORDER BY id LIMIT %s"
)


def prevented_row(prevented: wire.PreventedState, time_text: str) -> str:
    """Return a prevented match's COPY row."""
    return (
        f"{prevented.id}\t{prevented.market_id}\t{prevented.mode}\t{prevented.price}"
        f"\t{prevented.quantity}\t{prevented.maker_order_id}\t{prevented.taker_order_id}"
        f"\t{prevented.maker_account_id}\t{prevented.taker_account_id}\t{time_text}"
    )


def prevented_state(row: PreventedMatch, terms: MarketTerms) -> wire.PreventedState:
    """Return a row of the table as the state that events and pages carry."""
    return wire.PreventedState(
        row.id,
        row.market_id,
        row.mode,
        format_decimal(row.price, terms.tick_decimals),
        format_decimal(row.quantity, terms.lot_decimals),
        row.maker_order_id,
        row.taker_order_id,
        row.maker_account_id,
        row.taker_account_id,
        microseconds_of(row.created_at),
        _amount_text(row, terms) if row.mode == "transfer" else None,
    )


def _amount_text(row: PreventedMatch, terms: MarketTerms) -> str:
    return format_decimal(EXACT.multiply(row.price, row.quantity), terms.quote.scale)


def compared(prevented: wire.PreventedState) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_PREVENTED`` must hold, its id aside."""
    return (
        prevented.market_id,
        prevented.mode,
        Decimal(prevented.price),
        Decimal(prevented.quantity),
        prevented.maker_order_id,
        prevented.taker_order_id,
        prevented.maker_account_id,
        prevented.taker_account_id,
    )
