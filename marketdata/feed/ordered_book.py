"""A market's book order by order: who stands before whom at a price, followed from events.

An event says what became of each order, not where it stands. That follows from the rules of
priority (docs/matching.md): what enters a price stands behind all that is there; less quantity
keeps an order's place; any other amendment, and an iceberg's next part, goes behind. Quantities are
whole numbers of the market's last decimal.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from matching.engine.orders import OPEN_STATUSES, WAITING
from matching.orders.by_sequence import BookOrder
from matching.wire import MarketEvent, OrderChange, OrderState

# A side and a price.
LevelKey = tuple[str, str]
_ENTERS: Final = frozenset({"new", "triggered"})


class Disagreement(Exception):
    """What was followed is not what the book shows, or not what an event goes on from."""


class _Resting:
    """An order in the book, and how much of it there is left and shown."""

    __slots__ = ("account_id", "display", "key", "left", "shown")

    def __init__(
        self, account_id: int, key: LevelKey, left: int, shown: int, display: int | None
    ) -> None:
        self.account_id = account_id
        self.key = key
        self.left = left
        self.shown = shown
        self.display = display


class _Level:
    """The orders at a price by their turns, and what they show together."""

    __slots__ = ("orders", "shown")

    def __init__(self) -> None:
        # As the engine's: a dict that loses its first again and again is searched from its start.
        self.orders: OrderedDict[int, _Resting] = OrderedDict()
        self.shown = 0


class OrderedBook:
    """The orders of one market by their turns, as of an event."""

    def __init__(
        self,
        orders: Iterable[BookOrder],
        *,
        event_sequence: int,
        depth_sequence: int,
        decimals: int,
    ) -> None:
        """Take up ``orders`` as they stand at an event, those of one price by their turns.

        ``decimals``: of quantities.
        """
        self.event_sequence = event_sequence
        self.depth_sequence = depth_sequence
        self.decimals = decimals
        self._orders: dict[int, _Resting] = {}
        self._levels: dict[LevelKey, _Level] = {}
        self._by_account: dict[int, dict[int, None]] = {}
        for order in orders:
            display = None if order.display is None else _number(order.display)
            resting = _Resting(
                order.account_id,
                (order.side, order.price),
                _number(order.left),
                _number(order.shown),
                display,
            )
            self._add(order.order_id, resting)

    def take(self, event: MarketEvent, changes: Iterable[OrderChange]) -> None:
        """Take in the event that follows; one that is known already changes nothing.

        Raises Disagreement where it does not follow, or where what orders show is then not what
        the event says of their price; nothing can be built upon this book any more.
        """
        if event.sequence <= self.event_sequence:
            return
        if event.prev_sequence > self.event_sequence:
            raise Disagreement(f"event {event.sequence} follows {event.prev_sequence}")
        trades = {trade.sequence: trade for trade in event.trades}
        for change in changes:
            if change.kind == "trade":
                trade = trades[change.trade_sequence]
                is_met = change.is_maker or trade.is_auction
                self._meet(change.order, _number(trade.quantity), is_met=is_met)
            elif change.kind == "prevented":
                self._prevent(change)
            else:
                self._change(change)
        for side, price, quantity in _last_quantities(event):
            level = self._levels.get((side, price))
            if _number(quantity) != (0 if level is None else level.shown):
                raise Disagreement(f"{side} {price}")
        self.event_sequence = event.sequence
        self.depth_sequence = event.prev_depth_sequence + len(event.depth)

    def ahead(self, account_id: int, *, orders_max: int) -> list[tuple[int, int]]:
        """Return, for orders of an account, their ids and what is shown ahead of them.

        That is what orders with an earlier turn show at the same price, others of the account's own
        among them. The newest orders, where there are more than ``orders_max``.
        """
        own = self._by_account.get(account_id, {})
        wanted = sorted(own)[-orders_max:]
        by_level: dict[LevelKey, set[int]] = {}
        for order_id in wanted:
            by_level.setdefault(self._orders[order_id].key, set()).add(order_id)
        found: dict[int, int] = {}
        for key, order_ids in by_level.items():
            passed = 0
            for order_id, resting in self._levels[key].orders.items():
                if order_id in order_ids:
                    found[order_id] = passed
                    order_ids.discard(order_id)
                    if not order_ids:
                        break
                passed += resting.shown
        return [(order_id, found[order_id]) for order_id in wanted]

    # --- what happens to an order -----------------------------------------------------------------

    def _change(self, change: OrderChange) -> None:
        state = change.order
        known = self._orders.get(state.id)
        if change.kind in _ENTERS or change.kind == "amended":
            if not _may_stand(state):
                return
            left = _number(state.remaining_quantity)
            if known is not None:
                if change.kind == "amended" and known.key[1] == state.price and left < known.left:
                    known.left = left
                    self._show(known, min(known.shown, left))
                    return
                self._remove(state.id, known)
            # What enters may take first: how much it shows is known once it rests.
            self._add(state.id, _entering(state, left))
        elif known is not None and state.status not in OPEN_STATUSES:
            self._remove(state.id, known)

    def _prevent(self, change: OrderChange) -> None:
        """Take what two orders of one owner lost to each other, if they lost anything."""
        known, prevented = self._orders.get(change.order.id), change.prevented
        if known is None or prevented is None:
            return
        if _number(change.order.remaining_quantity) != known.left:
            self._meet(change.order, _number(prevented.quantity), is_met=change.is_maker)

    def _meet(self, state: OrderState, quantity: int, *, is_met: bool) -> None:
        """Take a quantity from an order: from what it shows, where it was met in the book."""
        known = self._orders.get(state.id)
        if known is None:
            return
        known.left -= quantity
        if known.left <= 0:
            self._remove(state.id, known)
        elif not is_met:
            self._show(known, _shown_of(known.left, known.display))
        elif known.shown > quantity:
            self._show(known, known.shown - quantity)
        else:
            self._show(known, _shown_of(known.left, known.display))
            self._levels[known.key].orders.move_to_end(state.id)

    # --- where orders stand -----------------------------------------------------------------------

    def _add(self, order_id: int, resting: _Resting) -> None:
        level = self._levels.get(resting.key)
        if level is None:
            level = self._levels[resting.key] = _Level()
        level.orders[order_id] = resting
        level.shown += resting.shown
        self._orders[order_id] = resting
        self._by_account.setdefault(resting.account_id, {})[order_id] = None

    def _remove(self, order_id: int, resting: _Resting) -> None:
        level = self._levels[resting.key]
        del level.orders[order_id]
        level.shown -= resting.shown
        if not level.orders:
            del self._levels[resting.key]
        del self._orders[order_id]
        own = self._by_account[resting.account_id]
        del own[order_id]
        if not own:
            del self._by_account[resting.account_id]

    def _show(self, resting: _Resting, shown: int) -> None:
        self._levels[resting.key].shown += shown - resting.shown
        resting.shown = shown


def _may_stand(state: OrderState) -> bool:
    """Tell whether what an order asks for is in the book once it has taken what it can."""
    conditions = state.conditions
    # One that may not rest ends in the same event, and has then left again.
    return (
        state.price is not None
        and state.status in OPEN_STATUSES
        and (conditions is None or conditions.trigger_state not in WAITING)
    )


def _entering(state: OrderState, left: int) -> _Resting:
    conditions = state.conditions
    text = None if conditions is None else conditions.display_quantity
    display = None if text is None else _number(text)
    key = (state.side, state.price or "")
    return _Resting(state.account_id, key, left, _shown_of(left, display), display)


def _shown_of(left: int, display: int | None) -> int:
    return left if display is None else min(left, display)


def _number(quantity: str) -> int:
    return int(quantity.replace(".", ""))


def _last_quantities(event: MarketEvent) -> Iterable[tuple[str, str, str]]:
    """Return side, price and quantity of the levels that an event changed, as it leaves them."""
    last = {(change.side, change.price): change.quantity for change in event.depth}
    return [(*key, quantity) for key, quantity in last.items()]
