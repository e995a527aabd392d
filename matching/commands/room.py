"""Whether balances have room for what trades bring: every total stays below 10^20.

A deposit refuses what would not fit, and so does an order: it is taken back before anything of it
is written. Most batches pay for this with one comparison a figure: only where a balance is nearly
full, or an order could bring nearly as much, is the balance's total read and every step counted.
"""

from collections.abc import Mapping
from typing import Final

from accounts.money.balances import BalanceChange, BalanceKey
from matching.commands.base import Refused
from matching.engine.amounts import lot_cost_units, notional_units
from matching.engine.commands import Amend, Place
from matching.engine.events import Event, OrderAmended, OrderPlaced, Prevented, Traded
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.markets.terms import MarketTerms
from zavora.foundation.money import INTEGER_DIGITS_MAX, SCALE_MAX

# In smallest units, by scale: what a total stays below; and what, brought by an order to a balance
# that is not nearly full (``accounts.money.ledger``), leaves it below that whatever it is.
BOUNDS: Final[tuple[int, ...]] = tuple(
    10 ** (INTEGER_DIGITS_MAX + scale) for scale in range(SCALE_MAX + 1)
)
_HARMLESS: Final[tuple[int, ...]] = tuple(9 * bound // 10 for bound in BOUNDS)


class Crowded(Exception):
    """Balances may lack room: the batch is to be decided (anew) with their totals known."""

    def __init__(self, keys: set[BalanceKey]) -> None:
        super().__init__(f"balances nearly full: {sorted(keys)}")
        self.keys = keys


def full() -> Refused:
    """Return the refusal of an order that a balance has no room for."""
    return Refused("balance_full", "The order could bring a balance or an amount of 10^20 or more.")


def is_harmless(units: int, scale: int) -> bool:
    """Tell whether a balance that is not nearly full has room for ``units``, whatever it holds."""
    return units < _HARMLESS[scale]


def could_bring_units(market: Market, command: Place) -> int:
    """Return at least what a new order can bring: base units for a buy, quote units for a sell.

    A seller gets its own price or better; better than the best bid of now it never gets.
    """
    rules, lots = market.rules, command.quantity_lots
    budget_units = command.terms.budget_units or 0
    if command.terms.side == "buy":
        if lots is not None:
            return lots * rules.lot_units
        keys = market.asks.keys
        if not keys:
            return 0
        return budget_units // lot_cost_units(rules, -keys[-1]) * rules.lot_units
    if lots is None:
        return budget_units
    return notional_units(rules, _best_price(market, command.price_ticks or 0), lots)


def could_amount_to_units(market: Market, order: Order, command: Amend) -> tuple[int, int]:
    """Return at least what the rest of an amended order can bring, and all its fills' amount."""
    rules = market.rules
    lots = order.quantity_lots if command.quantity_lots is None else command.quantity_lots
    rest_lots = max(0, (lots or 0) - order.filled_lots)
    price_ticks = (order.price_ticks if command.price_ticks is None else command.price_ticks) or 0
    sells = order.terms.side == "sell"
    if sells:
        price_ticks = _best_price(market, price_ticks)
    rest_units = notional_units(rules, price_ticks, rest_lots)
    brings_units = rest_units if sells else rest_lots * rules.lot_units
    return brings_units, order.filled_quote_units + rest_units


def _best_price(market: Market, price_ticks: int) -> int:
    bids = market.bids.keys
    return max(price_ticks, bids[-1]) if bids else price_ticks


def own_orders(events: list[Event]) -> list[Order]:
    """Return the orders that a command placed, or the one that it amended."""
    first = events[0]
    if isinstance(first, OrderAmended):
        return [first.order]
    return [event.order for event in events if isinstance(event, OrderPlaced)]


def first_without_room(
    events: list[Event],
    terms: MarketTerms,
    totals: Mapping[BalanceKey, int],
    changes: Mapping[BalanceKey, BalanceChange],
) -> Order | None:
    """Return the first order of a command that brings a balance more than it can take.

    ``totals``: what the balances that are watched had before the batch, ``changes`` what the batch
    did to them before this command. Counted entry by entry, as the ledger does. What rests of a
    placed or amended order counts as filled at its own price, each of several by itself.
    """
    counted = _Counted(totals, changes)
    base, quote = terms.base, terms.quote
    for event in events:
        if not isinstance(event, Traded | Prevented):
            continue
        # What did not trade may have been exchanged, without a fee.
        buyer, seller = event.maker, event.taker
        if event.taker.terms.side == "buy":
            buyer, seller = seller, buyer
        if not counted.add((buyer.account_id, base.asset_id), event.base_units, base.scale):
            return buyer
        counted.add((buyer.account_id, quote.asset_id), -event.quote_units, quote.scale)
        counted.add((seller.account_id, base.asset_id), -event.base_units, base.scale)
        if not counted.add((seller.account_id, quote.asset_id), event.quote_units, quote.scale):
            return seller
        if isinstance(event, Prevented):
            continue
        counted.add((buyer.account_id, base.asset_id), -event.buyer_fee_units, base.scale)
        counted.add((seller.account_id, quote.asset_id), -event.seller_fee_units, quote.scale)
        if event.rebate_units:  # less than what the maker has just given of it: there is room
            given = base if event.taker.terms.side == "buy" else quote
            maker_key = event.maker.account_id, given.asset_id
            counted.add(maker_key, event.rebate_units, given.scale)
    return next((o for o in own_orders(events) if not _has_room(counted, o, terms)), None)


def _has_room(counted: "_Counted", order: Order, terms: MarketTerms) -> bool:
    """Tell whether what rests of an order has room where it would be brought."""
    base, quote = terms.base, terms.quote
    rest_lots = order.left_lots if order.status in ("new", "partially_filled") else 0
    rest_units = notional_units(terms.integers, order.price_ticks or 0, rest_lots)
    if order.terms.side == "buy":
        key, units, scale = base.asset_id, rest_lots * terms.integers.lot_units, base.scale
    else:
        key, units, scale = quote.asset_id, rest_units, quote.scale
    if not counted.has_room((order.account_id, key), units, scale):
        return False
    # The sum of its fills stands in the order's row.
    return order.filled_quote_units + rest_units < BOUNDS[quote.scale]


class _Counted:
    """Totals of watched balances, moved step by step."""

    def __init__(
        self, totals: Mapping[BalanceKey, int], changes: Mapping[BalanceKey, BalanceChange]
    ) -> None:
        self._before = totals
        self._changes = changes
        self._totals: dict[BalanceKey, int] = {}

    def add(self, key: BalanceKey, units: int, scale: int) -> bool:
        """Move a balance; tell whether it has room for that. One that is not watched has."""
        total = self._total(key)
        if total is None:
            return True
        self._totals[key] = total = total + units
        return total < BOUNDS[scale]

    def has_room(self, key: BalanceKey, units: int, scale: int) -> bool:
        """Tell what ``add`` would, and move nothing."""
        total = self._total(key)
        return total is None or total + units < BOUNDS[scale]

    def _total(self, key: BalanceKey) -> int | None:
        total = self._totals.get(key)
        if total is None:
            total = self._before.get(key)
            change = self._changes.get(key)
            if total is not None and change is not None:
                total += change.available_units + change.locked_units
        return total
