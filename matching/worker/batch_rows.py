"""What a batch writes of the engine's state, taken down before the engine goes on."""

from collections.abc import Callable, Mapping

import msgspec

from matching.engine import Engine
from matching.engine.orders import UNCONDITIONAL
from matching.markets.terms import MarketTerms
from matching.orders.ids import IdSequence
from matching.rows.conditions import conditions_arrays, conditions_row
from matching.rows.keys import KeyBinding, KeyName, key_rows
from matching.rows.markets import MarketCounters
from matching.rows.orders import amended_arrays, changed_arrays, new_row
from matching.worker.outcome import Outcome
from zavora.foundation.errors import InvariantBroken


class BatchRows(msgspec.Struct):
    """What a batch writes of the engine's state, and its keys."""

    keys: list[str] = []
    new_orders: list[str] = []
    changed_ids: list[int] = []
    changed: tuple[str, ...] = ()  # arrays, as the update of orders takes them
    amended_ids: list[int] = []
    amended: tuple[str, ...] = ()
    new_conditions: list[str] = []
    conditions_ids: list[int] = []
    conditions: tuple[str, ...] = ()
    markets: dict[int, MarketCounters] = {}
    entry_ids: list[int] = []
    last_id: int = 0


def rows_of(
    outcome: Outcome,
    engine: Engine,
    terms_of: Callable[[int], MarketTerms | None],
    *,
    keys: Mapping[KeyName, KeyBinding],
    ids: IdSequence,
    time_text: str,
) -> BatchRows:
    """Return the rows of a batch whose commands are all decided. Draws the entries' ids."""
    touched = outcome.orders.values()
    changed = [order for order in touched if not order.is_new]
    amended = [order for order in changed if order.is_amended]
    conditional = [o for o in touched if o.order.terms.conditions is not UNCONDITIONAL]
    waiting = [(o.order, o.terms) for o in conditional if not o.is_new]
    waiting += [o for order_id, o in outcome.shifted.items() if order_id not in outcome.orders]
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
            market.triggers.sequence,
        )
    next_id = ids.next
    return BatchRows(
        keys=key_rows(keys, time_text),
        new_orders=[new_row(order, time_text) for order in touched if order.is_new],
        changed_ids=[order.state.id for order in changed],
        changed=changed_arrays(changed),
        amended_ids=[order.state.id for order in amended],
        amended=amended_arrays(amended),
        new_conditions=[conditions_row(o.order, o.terms) for o in conditional if o.is_new],
        conditions_ids=[order.order_id for order, _ in waiting],
        conditions=conditions_arrays(waiting) if waiting else (),
        markets=markets,
        entry_ids=[next_id() for _ in outcome.entries],
        last_id=ids.last,
    )
