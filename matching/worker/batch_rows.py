"""What a batch writes of the engine's state, taken down before the engine goes on."""

from collections.abc import Callable, Mapping

import msgspec

from matching import wire
from matching.engine import Engine
from matching.engine.orders import UNCONDITIONAL
from matching.markets.terms import MarketTerms
from matching.orders.auctions import auction_state
from matching.orders.ids import IdSequence
from matching.rows.amendments import amendment_row
from matching.rows.conditions import conditions_arrays, conditions_row
from matching.rows.keys import KeyBinding, KeyName, key_rows
from matching.rows.lists import list_row
from matching.rows.markets import MarketCounters, counters_of
from matching.rows.orders import amended_arrays, changed_arrays, new_row, shifted_arrays
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
    amendments: list[str] = []
    new_conditions: list[str] = []
    conditions_ids: list[int] = []
    conditions: tuple[str, ...] = ()
    # Orders of lists that only wait otherwise than before.
    shifted_ids: list[int] = []
    shifted: tuple[str, ...] = ()
    new_lists: list[str] = []
    # Lists that were placed before and are done now.
    ended_lists: list[int] = []
    markets: dict[int, MarketCounters] = {}
    # What the auctions would end with, of the markets that are in one.
    auctions: dict[int, wire.AuctionState] = {}
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
    only_shifted = [o for order_id, o in outcome.shifted.items() if order_id not in outcome.orders]
    waiting += only_shifted
    in_lists = [o for o in only_shifted if o[0].terms.conditions.leg is not None]
    done = outcome.done_lists
    markets, auctions = {}, {}
    for market_id in outcome.markets:
        gone, terms = outcome.released.get(market_id), terms_of(market_id)
        market = engine.market(market_id) if gone is None else gone.market
        if terms is None:
            raise InvariantBroken(f"market {market_id} changed and has no terms")
        markets[market_id] = counters_of(market, terms)
        if market.phase == "auction":
            auctions[market_id] = auction_state(market, terms)
    next_id = ids.next
    return BatchRows(
        keys=key_rows(keys, time_text),
        new_orders=[new_row(order, time_text) for order in touched if order.is_new],
        changed_ids=[order.state.id for order in changed],
        changed=changed_arrays(changed),
        amended_ids=[order.state.id for order in amended],
        amended=amended_arrays(amended),
        amendments=[amendment_row(each, time_text) for each in outcome.amendments],
        new_conditions=[conditions_row(o.order, o.terms) for o in conditional if o.is_new],
        conditions_ids=[order.order_id for order, _ in waiting],
        conditions=conditions_arrays(waiting) if waiting else (),
        shifted_ids=[order.order_id for order, _ in in_lists],
        shifted=shifted_arrays(in_lists) if in_lists else (),
        new_lists=[list_row(o, is_done=o.id in done) for o in outcome.lists.values()],
        ended_lists=[list_id for list_id in done if list_id not in outcome.lists],
        markets=markets,
        auctions=auctions,
        entry_ids=[next_id() for _ in outcome.entries],
        last_id=ids.last,
    )
