"""What a batch writes of the engine's state, taken down before the engine goes on."""

from collections.abc import Callable, Mapping

import msgspec

from matching.engine import Engine
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from matching.worker.outcome import Outcome, hold_text, order_row
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.rows import array_text, array_text_quoted, copy_bytes, copy_text


class MarketCounters(msgspec.Struct, frozen=True):
    """A market's counters and last price right after the batch."""

    depth_sequence: int
    trade_sequence: int
    last_price: str | None


# Fingerprint and encoded first reply.
KeyBinding = tuple[bytes, bytes]


class BatchRows(msgspec.Struct):
    """What a batch writes of the engine's state, and its keys."""

    keys: list[str] = []
    new_orders: list[str] = []
    changed_ids: list[int] = []
    changed: tuple[str, ...] = ()  # arrays, as the update of orders takes them
    amended_ids: list[int] = []
    amended: tuple[str, ...] = ()
    markets: dict[int, MarketCounters] = {}
    entry_ids: list[int] = []
    last_id: int = 0


def rows_of(
    outcome: Outcome,
    engine: Engine,
    terms_of: Callable[[int], MarketTerms | None],
    *,
    keys: Mapping[tuple[int, str], KeyBinding],
    ids: IdSequence,
    time_text: str,
) -> BatchRows:
    """Return the rows of a batch whose commands are all decided. Draws the entries' ids."""
    touched = outcome.orders.values()
    changed = [order for order in touched if not order.is_new]
    amended = [order for order in changed if order.is_amended]
    markets = {}
    for market_id in outcome.markets:
        market, terms = engine.market(market_id), terms_of(market_id)
        if terms is None:
            raise InvariantBroken(f"market {market_id} changed and has no terms")
        last = market.last_price_ticks
        markets[market_id] = MarketCounters(
            market.depth_sequence,
            market.trade_sequence,
            None if last is None else terms.price_text(last),
        )
    next_id = ids.next
    return BatchRows(
        keys=_key_rows(keys, time_text),
        new_orders=[order_row(order, time_text) for order in touched if order.is_new],
        changed_ids=[order.state.id for order in changed],
        changed=(
            array_text(order.state.id for order in changed),
            array_text(order.state.remaining_quantity for order in changed),
            array_text(order.state.filled_quantity for order in changed),
            array_text(order.state.filled_quote for order in changed),
            array_text(hold_text(order) for order in changed),
            array_text_quoted(order.state.status for order in changed),
            array_text_quoted(order.state.reason for order in changed),
        ),
        amended_ids=[order.state.id for order in amended],
        amended=(
            array_text(order.state.id for order in amended),
            array_text(order.state.price for order in amended),
            array_text(order.state.quantity for order in amended),
            array_text(order.order.priority for order in amended),
        ),
        markets=markets,
        entry_ids=[next_id() for _ in outcome.entries],
        last_id=ids.last,
    )


def _key_rows(keys: Mapping[tuple[int, str], KeyBinding], time_text: str) -> list[str]:
    """Return the rows that bind keys to their first results, in key order.

    Those bound before were read; one that another shard bound since then is rare enough for plain
    rows, which are twice as fast as inserting around conflicts, to fail on it.
    """
    rows = []
    for account_id, key in sorted(keys):
        fingerprint, result = keys[account_id, key]
        rows.append(
            f"{account_id}\t{copy_text(key)}\t{copy_bytes(fingerprint)}\t{copy_bytes(result)}"
            f"\t{time_text}"
        )
    return rows
