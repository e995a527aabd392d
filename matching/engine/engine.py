"""The matching engine: all markets of a shard, one command at a time.

Pure and deterministic: state and a command in, events out. It reads no clock, does no input or
output, draws no random number and iterates no set, so the same commands always give the same
state and the same events. See docs/matching.md for the rules.
"""

from collections.abc import Iterable
from typing import Any

from matching.engine import checks
from matching.engine.amending import amend
from matching.engine.commands import (
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    FireSwitch,
    Place,
    SetPhase,
    SetSwitch,
)
from matching.engine.entering import place
from matching.engine.errors import EngineError
from matching.engine.events import Event, MarketChanged
from matching.engine.market import Market
from matching.engine.orders import CloseReason, Order
from matching.engine.recovery import load_order, state_hash
from matching.engine.rules import MarketPhase, MarketSnapshot
from matching.engine.taking import close
from matching.engine.timers import Switches
from matching.engine.undo import START, Mark, SwitchName, UndoLog


class Engine:
    """The books of some markets, with everything since the last commit() still revocable."""

    def __init__(self) -> None:
        self._markets: dict[int, Market] = {}
        self._orders: dict[int, Order] = {}
        self._log = UndoLog()
        self.switches = Switches(self._log)
        self._handlers: dict[type, Any] = {
            Cancel: self._cancel,
            CancelAll: self._cancel_all,
            Amend: self._amend,
            ConfigureMarket: self._configure_market,
            SetPhase: self._set_phase,
            SetSwitch: self.switches.set,
            FireSwitch: self.switches.fire,
        }

    # --- commands -----------------------------------------------------------------------------

    def apply(self, command: Command) -> list[Event]:
        """Apply one command and return what happened, in order.

        Whatever is raised, the engine is then as it was before this command.
        """
        log = self._log
        orders, markets, switches = len(log.orders), len(log.markets), len(log.switches)
        try:
            if type(command) is Place:  # what most commands are
                market = self._markets.get(command.market_id)
                return [checks.NO_MARKET] if market is None else place(market, command)
            events: list[Event] = self._handlers[type(command)](command)
        except BaseException:
            self.undo((orders, markets, switches))
            raise
        return events

    def mark(self) -> Mark:
        """Return how much can be taken back now, for a later commit() or undo() up to here."""
        return self._log.mark()

    def commit(self, up_to: Mark | None = None) -> None:
        """Keep what was applied (up to a mark): undo() goes back to there and no further.

        Marks made after that one count from it on.
        """
        self._log.forget(up_to)

    def undo(self, back_to: Mark = START) -> None:
        """Take back what was applied since the last commit(), or since a mark made after it.

        To the last field of each order.
        """
        for market in self._log.roll_back(back_to):
            self._markets.pop(market.rules.market_id, None)
        for market in self._markets.values():
            market.abandon_command()

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
        return state_hash(self._markets.values(), self.switches)

    # --- recovery -----------------------------------------------------------------------------

    def load(
        self,
        *,
        markets: Iterable[MarketSnapshot],
        orders: Iterable[Order],
        switches: Iterable[tuple[SwitchName, int]] = (),
    ) -> None:
        """Add markets, their open orders and switches as the tables hold them, in any order.

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
        for name, due_us in switches:
            self.switches.put(name, due_us)

    # --- the handlers -------------------------------------------------------------------------

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
            if command.side is None or order.terms.side == command.side:
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
        if not rules.are_sound():
            return [checks.BAD_RULES]
        market = self._markets.get(rules.market_id)
        if market is None:
            snapshot = MarketSnapshot(rules, command.phase, 0, 0, None)
            market = Market(snapshot, self._orders, self._log)
            market.keep(is_new=True)
            self._markets[rules.market_id] = market
        else:
            rescaled = rules.scale() != market.rules.scale()
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


def _cancel_order(
    market: Market, order: Order, events: list[Event], reason: CloseReason, *, time_us: int
) -> int:
    """Cancel an open order; return the key of the level it left."""
    market.keep_order(order)
    key = market.unrest(order)
    order.updated_us = time_us
    close(order, "cancelled", reason, events)
    return key
