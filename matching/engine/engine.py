"""The matching engine: all markets of a shard, one command at a time.

Pure and deterministic: state and a command in, events out. It reads no clock, does no input or
output, draws no random number and iterates no set, so the same commands always give the same
state and the same events. See docs/matching.md for the rules.
"""

from collections.abc import Iterable
from typing import Any, Final

from matching.engine import checks
from matching.engine.amending import amend
from matching.engine.changing import (
    end_auction,
    go_on,
    is_quiet,
    is_unfinished,
    reconfigure,
    set_phase,
)
from matching.engine.closing import close, end_open
from matching.engine.commands import (
    AdoptMarket,
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Continue,
    EndAuction,
    Expire,
    FireSwitch,
    Place,
    PlaceList,
    ReleaseMarket,
    Replace,
    ResetProtection,
    SetPhase,
    SetProtection,
    SetSwitch,
)
from matching.engine.entering import place
from matching.engine.errors import EngineError
from matching.engine.events import Event, MarketChanged, MarketReleased, OrderRejected
from matching.engine.firing import follow
from matching.engine.listing import place_list
from matching.engine.lists import check_holds
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.engine.protecting import reset_protection, set_protection
from matching.engine.recovery import load_order, state_hash
from matching.engine.replacing import replace
from matching.engine.rules import MarketSnapshot
from matching.engine.timers import Switches
from matching.engine.undo import START, Mark, SwitchName, UndoLog

# How many orders end by one command; the rest are due still.
EXPIRIES_MAX: Final = 200


class Engine:
    """The books of some markets, with everything since the last commit() still revocable."""

    def __init__(self) -> None:
        self._markets: dict[int, Market] = {}
        self._orders: dict[int, Order] = {}
        # Markets where something may be due by the clock, or is left to do.
        self._watched: dict[int, Market] = {}
        self._log = UndoLog()
        self.switches = Switches(self._log)
        # What concerns one market as a whole.
        self._by_market: dict[type, Any] = {
            PlaceList: place_list,
            SetPhase: set_phase,
            EndAuction: end_auction,
            Continue: go_on,
            SetProtection: set_protection,
            ResetProtection: reset_protection,
        }
        self._handlers: dict[type, Any] = {
            Cancel: self._cancel,
            CancelAll: self._cancel_all,
            Replace: self._replace,
            Amend: self._amend,
            Expire: self._expire,
            ConfigureMarket: self._configure_market,
            ReleaseMarket: self._release,
            AdoptMarket: self._adopt,
            SetSwitch: self.switches.set,
            FireSwitch: self.switches.fire,
        }

    # --- commands -----------------------------------------------------------------------------

    def apply(self, command: Command) -> list[Event]:
        """Apply one command and return what happened, in order.

        Whatever is raised, the engine is then as it was before this command.
        """
        log = self._log
        mark = len(log.orders), len(log.markets), len(log.puts)
        try:
            if type(command) is Place:  # what most commands are
                market = self._markets.get(command.market_id)
                return [checks.NO_MARKET] if market is None else place(market, command)
            handler = self._by_market.get(type(command))
            if handler is not None:
                concerning: Any = command
                market = self._markets.get(concerning.market_id)
                return [checks.NO_MARKET] if market is None else handler(market, command)
            events: list[Event] = self._handlers[type(command)](command)
        except BaseException:
            self.undo(mark)
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
            self._watched.pop(market.rules.market_id, None)
        for market in self._markets.values():
            market.end_undo()

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

    def count_of(self, account_id: int) -> int:
        """Return how many open orders an account has in all markets."""
        return sum(market.count_of(account_id) for market in self._markets.values())

    def state_hash(self) -> str:
        """Return a fingerprint (SHA-256, hex) of everything the engine remembers."""
        return state_hash(self._markets.values(), self.switches)

    # --- what is due --------------------------------------------------------------------------

    def due_markets(self, now_us: int) -> list[int]:
        """Return the markets with an order whose time in force is over by now, by id."""
        return [id_ for id_, one in self._awake() if one.expiries.first_due(now_us) is not None]

    def next_expiry_us(self) -> int | None:
        """Return when the next order's time in force is over; None: there is none."""
        times = (market.expiries.next_us() for _, market in self._awake())
        return min((time for time in times if time is not None), default=None)

    def unfinished_markets(self) -> list[int]:
        """Return the markets where a command left something to do (``Continue``), by id."""
        return [id_ for id_, market in self._awake() if is_unfinished(market)]

    def ending_auctions(self, now_us: int) -> list[tuple[int, int]]:
        """Return (market, when) of auctions whose time has come, by market."""
        return [
            (id_, market.auction_ends_us)
            for id_, market in self._awake()
            if market.auction_ends_us is not None and market.auction_ends_us <= now_us
        ]

    def next_auction_end_us(self) -> int | None:
        """Return when the next auction ends by itself; None: none does."""
        times = (market.auction_ends_us for _, market in self._awake())
        return min((time for time in times if time is not None), default=None)

    def _awake(self) -> list[tuple[int, Market]]:
        """Return the markets where something may be due, by id; those that are quiet are let be."""
        if self._watched:
            for market_id in [id_ for id_, one in self._watched.items() if is_quiet(one)]:
                del self._watched[market_id]
        return sorted(self._watched.items())

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
            self._markets[market_id] = self._made(snapshot)
        for order in sorted(orders, key=_place_in_time):
            load_order(self._markets.get(order.market_id), order)
        for market in self._markets.values():
            market.end_loading()
            check_holds(market)
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
        if not market.triggers.count and not market.lists:  # what most cancels are
            market.keep_order(order)
            key = market.unrest(order)
            order.updated_us = command.time_us
            close(order, "cancelled", command.reason, events)
            market.tell_depth(key, events)
            return events
        end_open(market, order, "cancelled", command.reason, events, time_us=command.time_us)
        follow(market, events, time_us=command.time_us)
        market.tell_touched(events)
        return events

    def _cancel_all(self, command: CancelAll) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        market.keep()
        events: list[Event] = []
        for order in market.orders_of(command.account_id):
            if command.side is None or order.terms.side == command.side:
                end_open(market, order, "cancelled", "requested", events, time_us=command.time_us)
        follow(market, events, time_us=command.time_us)
        market.tell_touched(events)
        return events

    def _replace(self, command: Replace) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        mark = self.mark()
        events = replace(market, command)
        if type(events[0]) is OrderRejected:
            self.undo(mark)  # the old order stays
        return events

    def _amend(self, command: Amend) -> list[Event]:
        order = self._own_order(command)
        if order is None:
            return [checks.NOT_OPEN]
        return amend(self._markets[order.market_id], order, command)

    def _expire(self, command: Expire) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        market.keep()
        events: list[Event] = []
        for _ in range(EXPIRIES_MAX):
            order_id = market.expiries.first_due(command.time_us)
            if order_id is None:
                break
            order = market.by_id[order_id]
            end_open(market, order, "expired", "time_over", events, time_us=command.time_us)
        follow(market, events, time_us=command.time_us)
        market.tell_touched(events)
        return events

    def _configure_market(self, command: ConfigureMarket) -> list[Event]:
        rules = command.rules
        if not rules.are_sound():
            return [checks.BAD_RULES]
        market = self._markets.get(rules.market_id)
        if market is None:
            if command.phase == "delisted":
                return [checks.PHASE]
            snapshot = MarketSnapshot(rules, command.phase, 0, 0, None)
            market = self._made(snapshot)
            market.keep(is_new=True)
            self._markets[rules.market_id] = market
            return [MarketChanged(rules.market_id, command.phase)]
        return reconfigure(market, command)

    def _release(self, command: ReleaseMarket) -> list[Event]:
        market = self._markets.get(command.market_id)
        if market is None:
            return [checks.NO_MARKET]
        released = MarketReleased(market, list(market.open_orders()), state_hash([market]))
        self._log.puts.append((self._put_market, command.market_id, market))
        self._lose_market(command.market_id, market.indexed())
        return [released]

    def _adopt(self, command: AdoptMarket) -> list[Event]:
        """Take a market in; raise EngineError where it is there, or is not as it was let go."""
        market_id = command.snapshot.rules.market_id
        if market_id in self._markets:
            raise EngineError(f"market {market_id} is there already")
        self._log.puts.append((self._lose_market, market_id, command.orders))
        self._markets[market_id] = market = self._made(command.snapshot)
        for order in sorted(command.orders, key=_place_in_time):
            load_order(market, order)
        market.end_loading()
        check_holds(market)
        if command.state_hash not in ("", state_hash([market])):
            raise EngineError(f"market {market_id} is not what was let go")
        return []

    def _made(self, snapshot: MarketSnapshot) -> Market:
        return Market(snapshot, self._orders, self._watched, self._log)

    def _lose_market(self, market_id: int, orders: Iterable[Order]) -> None:
        """Have no such market, nor these orders, which may be in no index any more, or not yet."""
        self._markets.pop(market_id, None)
        self._watched.pop(market_id, None)
        for order in orders:
            self._orders.pop(order.order_id, None)

    def _put_market(self, market_id: int, market: Market) -> None:
        """Have a market again that was let go, with its orders."""
        self._markets[market_id] = market
        self._orders.update((order.order_id, order) for order in market.indexed())
        market.watch()

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


def _place_in_time(order: Order) -> tuple[int, int]:
    return order.priority, order.order_id
