"""The matching engine: all markets of a shard, one command at a time.

Pure and deterministic: state and a command in, events out. It reads no clock, does no input or
output, draws no random number and iterates no set, so the same commands always give the same
state and the same events. See docs/matching.md for the rules.
"""

from collections.abc import Iterable
from typing import Any

from matching.engine import checks
from matching.engine.amending import amend
from matching.engine.entering import place
from matching.engine.errors import EngineError
from matching.engine.loading import load_order
from matching.engine.market import Market, OrderBefore, UndoLog
from matching.engine.state_hash import state_hash
from matching.engine.taking import close
from matching.engine.types import (
    Amend,
    Cancel,
    CancelAll,
    CloseReason,
    Command,
    ConfigureMarket,
    Event,
    MarketChanged,
    MarketPhase,
    MarketRules,
    MarketSnapshot,
    Order,
    Place,
    SetPhase,
)

# Places in the undo log of orders and of markets.
Mark = tuple[int, int]


class Engine:
    """The books of some markets, with everything since the last commit() still revocable."""

    def __init__(self) -> None:
        self._markets: dict[int, Market] = {}
        self._orders: dict[int, Order] = {}
        self._log = UndoLog()
        self._handlers: dict[type, Any] = {
            Place: self._place,
            Cancel: self._cancel,
            CancelAll: self._cancel_all,
            Amend: self._amend,
            ConfigureMarket: self._configure_market,
            SetPhase: self._set_phase,
        }

    # --- commands -----------------------------------------------------------------------------

    def apply(self, command: Command) -> list[Event]:
        """Apply one command and return what happened, in order.

        Whatever is raised, the engine is then as it was before this command.
        """
        orders_mark = len(self._log.orders)
        markets_mark = len(self._log.markets)
        try:
            events: list[Event] = self._handlers[type(command)](command)
        except BaseException:
            self._roll_back(orders_mark, markets_mark)
            raise
        return events

    def mark(self) -> Mark:
        """Return how much can be taken back now, for a later commit() or undo() up to here."""
        return len(self._log.orders), len(self._log.markets)

    def commit(self, up_to: Mark | None = None) -> None:
        """Keep what was applied (up to a mark): undo() goes back to there and no further.

        Marks made after that one count from it on.
        """
        if up_to is None:
            self._log.orders.clear()
            self._log.markets.clear()
        else:
            del self._log.orders[: up_to[0]]
            del self._log.markets[: up_to[1]]

    def undo(self, back_to: Mark = (0, 0)) -> None:
        """Take back what was applied since the last commit(), or since a mark made after it.

        To the last field of each order.
        """
        self._roll_back(*back_to)

    # --- reading ------------------------------------------------------------------------------

    def market(self, market_id: int) -> Market:
        """Return a market to read from; its attributes are the engine's own. KeyError: none."""
        return self._markets[market_id]

    def markets(self) -> list[Market]:
        """Return all markets, by id."""
        return [self._markets[market_id] for market_id in sorted(self._markets)]

    def has_market(self, market_id: int) -> bool:
        """Tell whether the engine has that market."""
        return market_id in self._markets

    def order(self, order_id: int) -> Order | None:
        """Return an open order; closed ones are forgotten."""
        return self._orders.get(order_id)

    def order_by_client_id(
        self, market_id: int, account_id: int, client_order_id: str
    ) -> Order | None:
        """Return the account's open order of that client order id in that market."""
        market = self._markets.get(market_id)
        return None if market is None else market.order_by_client_id(account_id, client_order_id)

    def state_hash(self) -> str:
        """Return a fingerprint (SHA-256, hex) of everything the engine remembers."""
        return state_hash(self._markets.values())

    # --- recovery -----------------------------------------------------------------------------

    def load(self, *, markets: Iterable[MarketSnapshot], orders: Iterable[Order]) -> None:
        """Add markets and their open orders as the tables hold them; orders come in any order.

        Raises EngineError where they contradict themselves; the engine is then of no more use.
        """
        for snapshot in markets:
            market_id = snapshot.rules.market_id
            if market_id in self._markets:
                raise EngineError(f"market {market_id} is there already")
            self._markets[market_id] = Market(snapshot, self._orders, self._log)
        loaded = sorted(orders, key=lambda order: (order.priority, order.order_id))
        for order in loaded:
            load_order(self._markets.get(order.market_id), order)
        for market in self._markets.values():
            market.end_loading()

    # --- the handlers -------------------------------------------------------------------------

    def _place(self, command: Place) -> list[Event]:
        market = self._markets.get(command.market_id)
        return [checks.NO_MARKET] if market is None else place(market, command)

    def _cancel(self, command: Cancel) -> list[Event]:
        order = self._own_order(command)
        if order is None:
            return [checks.NOT_OPEN]
        market = self._markets[order.market_id]
        market.keep()
        events: list[Event] = []
        key = _cancel_order(market, order, events, command.reason, time_us=command.time_us)
        market.tell_depth(key, events)
        return events

    def _cancel_all(self, command: CancelAll) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        market.keep()
        events: list[Event] = []
        for order in market.orders_of(command.account_id):
            if command.side is None or order.side == command.side:
                market.touch_level_of(order)
                _cancel_order(market, order, events, "requested", time_us=command.time_us)
        market.tell_touched(events)
        return events

    def _amend(self, command: Amend) -> list[Event]:
        order = self._own_order(command)
        if order is None:
            return [checks.NOT_OPEN]
        return amend(self._markets[order.market_id], order, command)

    def _configure_market(self, command: ConfigureMarket) -> list[Event]:
        rules = command.rules
        if not _are_sound(rules):
            return [checks.BAD_RULES]
        market = self._markets.get(rules.market_id)
        if market is None:
            snapshot = MarketSnapshot(rules, command.phase, 0, 0, None)
            market = Market(snapshot, self._orders, self._log)
            market.keep(is_new=True)
            self._markets[rules.market_id] = market
        else:
            rescaled = _scale(rules) != _scale(market.rules)
            if rescaled and not (market.phase == "halted" and market.is_empty()):
                return [checks.RULES]
            market.keep()
            market.rules = rules
            market.phase = command.phase
            if rescaled:
                market.last_price_ticks = None  # it was counted in the former ticks
        return [MarketChanged(rules.market_id, command.phase)]

    def _set_phase(self, command: SetPhase) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        market.keep()
        phase: MarketPhase = command.phase
        market.phase = phase
        return [MarketChanged(command.market_id, phase)]

    def _own_order(self, command: Cancel | Amend) -> Order | None:
        """Return the open order meant; someone else's or another market's is as good as none."""
        order = self._orders.get(command.order_id)
        if (
            order is None
            or order.account_id != command.account_id
            or order.market_id != command.market_id
        ):
            return None
        return order

    # --- undo ---------------------------------------------------------------------------------

    def _roll_back(self, orders_mark: int, markets_mark: int) -> None:
        """Go back to a place in the log. Only the oldest state of each order since then counts."""
        log = self._log
        befores: dict[Market, dict[int, tuple[Order, OrderBefore | None]]] = {}
        for market, order, order_before in reversed(log.orders[orders_mark:]):
            befores.setdefault(market, {})[id(order)] = (order, order_before)
        for market, by_identity in befores.items():
            market.restore_orders(list(by_identity.values()))
        for kept in reversed(log.markets[markets_mark:]):
            market, rules, phase, trade_sequence, depth_sequence, last_ticks, was_there = kept
            if was_there:
                market.restore(rules, phase, trade_sequence, depth_sequence, last_ticks)
            else:
                self._markets.pop(rules.market_id, None)
        for market in self._markets.values():
            market.abandon_command()
        del log.orders[orders_mark:]
        del log.markets[markets_mark:]


def _cancel_order(
    market: Market, order: Order, events: list[Event], reason: CloseReason, *, time_us: int
) -> int:
    """Cancel an open order; return the key of the level it left."""
    market.keep_order(order)
    key = market.unrest(order)
    order.updated_us = time_us
    close(order, "cancelled", reason, events)
    return key


def _scale(rules: MarketRules) -> tuple[int, int, int, int]:
    """Return the rules on which the meaning of every tick and lot rests."""
    return rules.base_id, rules.quote_id, rules.lot_units, rules.tick_lot_units


def _are_sound(rules: MarketRules) -> bool:
    return (
        rules.lot_units > 0
        and rules.tick_lot_units > 0
        and 0 <= rules.min_notional_units <= rules.max_notional_units
        and rules.max_price_ticks > 0
        and rules.max_quantity_lots > 0
        and (rules.band_ppm is None or rules.band_ppm >= 0)
        and (rules.max_open_orders is None or rules.max_open_orders > 0)
    )
