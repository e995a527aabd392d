"""Book notation for the engine's tests: ``bob: sell 5 @ 101``, ``buy 7 market``, ``buy for 250``.

``[account:] side lots @ price``, ``side lots market`` or ``side for quote-units`` (``for 2.50``:
with two decimals), and then, in any order:

- ``ioc``, ``fok``, ``day`` or ``gtd 20`` (it ends 20 seconds after midnight);
- ``post-only``, and ``slide`` with it;
- ``show 2``: an iceberg; ``protect 104``: a market order's worst price; ``self maker``: a mode of
  self-trade prevention;
- ``stop 96`` or ``take-profit 96``: it waits for that price; ``trail 3``, ``trail 150bps``: for one
  that moves (as a stop, or after ``take-profit``), ``from 110``: only from there on;
  ``by opposite``: the best opposite price is looked at, not the last one;
- ``#name``: its client order id, by which later steps speak of it.

Several orders are separated by ``;``, and ``65 x`` stands before an order that comes so many times,
with a number after its name. One lot is 10 base units, and one lot costs 5 quote units a
tick. ``sibling`` is another account of the taker's owner. The steps of ``Desk.step`` are orders, or
``cancel name [because reason]``, ``cancel all [buys|sells] [of account]``,
``replace name [if status] [or not]: order`` (``or not``: the new one is placed anyway),
``amend name to 3 @ 101 stop 99`` (any part of it), ``at 20`` or ``at midnight`` (that time comes),
``continue``, ``phase word [until 20] [by clock]``, ``auction ends``, ``rule name value``,
``protect account fills 2 lots 9 window 20`` (or ``reset``, or ``not``), lists of orders
(``oco:``, ``oto:`` or ``otoco: order | order``) and ``elsewhere order`` (in a market that there is
not).
"""

import re
from typing import Any

import msgspec

from matching.engine import Engine
from matching.engine.commands import (
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Continue,
    EndAuction,
    Expire,
    ListLeg,
    Place,
    PlaceList,
    Replace,
    ResetProtection,
    SetPhase,
    SetProtection,
)
from matching.engine.events import (
    DepthChanged,
    Event,
    OrderClosed,
    OrderPlaced,
    OrderRejected,
    Traded,
)
from matching.engine.orders import WAITING, Conditions, Order
from matching.engine.rules import IntegerRules
from tests.property.engine_views import check_told
from tests.unit.matching.engine.grammar import ORDER, SECOND_US, read_terms, several
from tests.unit.matching.engine.showing import show_resting, show_waiting

MARKET_ID = 1
PLENTY_UNITS = 10**12
MIDNIGHT_US = 24 * 60 * 60 * SECOND_US
RULES = IntegerRules(
    market_id=MARKET_ID,
    base_id=1,
    quote_id=2,
    lot_units=10,
    tick_lot_units=5,
    min_notional_units=0,
    max_notional_units=10**9,
    max_price_ticks=10_000,
    max_quantity_lots=1_000,
    band_ppm=None,
)
ACCOUNTS = {"maker": 11, "taker": 12, "ann": 13, "bob": 14, "sibling": 15, "waiter": 16}
OWNERS = {account_id: account_id + 100 for account_id in ACCOUNTS.values()}
OWNERS[ACCOUNTS["sibling"]] = OWNERS[ACCOUNTS["taker"]]
CONDITIONS = Conditions.__struct_fields__
CANCEL = re.compile(r"cancel (?P<name>\w+)(?: because (?P<reason>\w+))?")
REPLACE = re.compile(
    r"replace (?P<name>\w+)(?: if (?P<status>\w+))?(?P<goes_on> or not)?: (?P<order>.+)"
)
CANCEL_ALL = re.compile(r"cancel all(?: (?P<side>buy|sell)s)?(?: of (?P<account>\w+))?")
PHASE = re.compile(r"phase (?P<phase>\w+)(?: until (?P<ends>\d+))?(?: by (?P<cause>\w+))?")
AMEND = re.compile(
    r"amend (?P<name>\w+) to(?: (?P<lots>\d+))?(?: @ (?P<price>\d+))?"
    r"(?: (?:stop|take-profit) (?P<trigger>\d+))?"
)


class Desk:
    """An engine with one market, spoken to in book notation. Order ids count from 1."""

    def __init__(self, resting: str = "", **rules: Any) -> None:
        self.engine = Engine()
        self.order_count = 0
        self.time_us = 0
        self.names: dict[str, tuple[int, int]] = {}
        self.applied: list[Command] = []
        self.apply(ConfigureMarket(msgspec.structs.replace(RULES, **rules), "continuous", 0))
        self.set_up(resting, account="maker")
        self.engine.commit()

    def set_up(self, orders: str, *, account: str) -> None:
        """Place orders that are neither refused nor trade."""
        for order in several(orders):
            events = self.place(order, account=account)
            assert not refusals(events), (order, events)
            assert not trades(events), order

    def apply(self, command: Command) -> list[Event]:
        self.applied.append(command)
        events = self.engine.apply(command)
        check_told(command, events)
        return events

    def command(
        self,
        text: str,
        *,
        account: str = "taker",
        available: int = PLENTY_UNITS,
        fee: int = 0,
        owner_id: int | None = None,
    ) -> Place:
        """Return the Place for an order in book notation; ``fee`` is both rates in ppm.

        ``owner_id`` is the account's own by default; 0: not known.
        """
        found = ORDER.fullmatch(text)
        assert found, text
        self.order_count += 1
        self.time_us += 1
        lots, price = found["lots"], found["price"]
        account_id = ACCOUNTS[found["account"] or account]
        return Place(
            MARKET_ID,
            account_id,
            self.order_count,
            read_terms(found),
            int(price) if price else None,
            int(lots) if lots else None,
            fee,
            fee,
            available,
            self.time_us,
            OWNERS[account_id] if owner_id is None else owner_id,
        )

    def place(self, text: str, **options: Any) -> list[Event]:
        command = self.command(text, **options)
        events = self.apply(command)
        name = command.terms.client_order_id
        if name is not None and not refusals(events):
            self.names[name] = command.account_id, command.order_id
        return events

    def amend(
        self,
        order_id: int,
        *,
        price: int | None = None,
        lots: int | None = None,
        trigger: int | None = None,
        account: str = "maker",
        available: int = PLENTY_UNITS,
    ) -> list[Event]:
        return self._amend(ACCOUNTS[account], order_id, price, lots, trigger, available)

    def _amend(self, account_id: int, order_id: int, *figures: Any) -> list[Event]:
        price, lots, trigger, available = figures
        self.order_count += 1
        self.time_us += 1
        return self.apply(
            Amend(
                *(MARKET_ID, account_id, order_id, price, lots, self.order_count),
                *(available, self.time_us, trigger),
            )
        )

    def cancel(self, order_id: int, *, account: str = "maker") -> list[Event]:
        self.time_us += 1
        return self.apply(Cancel(MARKET_ID, ACCOUNTS[account], order_id, self.time_us))

    def replace(self, who: tuple[int, int], found: Any, available: int) -> list[Event]:
        """Let an order take the place of another of the same account."""
        place = self.command(found["order"], available=available)
        place = msgspec.structs.replace(place, account_id=who[0], owner_id=OWNERS[who[0]])
        command = Replace(
            *(MARKET_ID, *who, place, bool(found["goes_on"]), self.time_us, found["status"])
        )
        events = self.apply(command)
        name = place.terms.client_order_id
        if name is not None and any(isinstance(event, OrderPlaced) for event in events):
            self.names[name] = place.account_id, place.order_id
        return events

    def cancel_all(self, account: str, side: Any = None) -> list[Event]:
        self.time_us += 1
        return self.apply(CancelAll(MARKET_ID, ACCOUNTS[account], side, self.time_us))

    def phase(self, phase: Any, cause: Any = "operator", ends_us: int | None = None) -> list[Event]:
        return self.apply(SetPhase(MARKET_ID, phase, self.time_us, cause, ends_us))

    def configure(self, **changes: Any) -> list[Event]:
        """Change rules of the market."""
        rules = msgspec.structs.replace(self.engine.market(MARKET_ID).rules, **changes)
        return self.apply(ConfigureMarket(rules, "continuous", self.time_us))

    def expire(self, time_us: int) -> list[Event]:
        """Let a time come, and end what it ends."""
        self.time_us = max(self.time_us, time_us)
        return self.apply(Expire(MARKET_ID, self.time_us))

    def go_on(self) -> list[Event]:
        """Let more of the orders enter whose turn has come."""
        self.time_us += 1
        return self.apply(Continue(MARKET_ID, self.time_us))

    def place_list(self, kind: str, orders: str, available: int) -> list[Event]:
        """Place a list of the taker's orders, which are separated by ``|``."""
        places = [self.command(text, available=available) for text in orders.split(" | ")]
        legs = (*LEGS[kind], *(None for _ in places))  # too many is for the engine to refuse
        list_id = places[0].order_id
        terms = [
            changed(place, {"leg": leg, "list_id": list_id}).terms
            for place, leg in zip(places, legs, strict=False)
        ]
        first = places[0]
        events = self.apply(
            PlaceList(
                *(MARKET_ID, first.account_id),
                tuple(
                    ListLeg(place.order_id, own, place.price_ticks, place.quantity_lots)
                    for place, own in zip(places, terms, strict=True)
                ),
                *(first.maker_ppm, first.taker_ppm, first.available_units),
                *(self.time_us, first.owner_id),
            )
        )
        if not refusals(events):
            self.names |= {
                place.terms.client_order_id: (place.account_id, place.order_id)
                for place in places
                if place.terms.client_order_id is not None
            }
        return events

    def protect(self, account: str, words: str) -> list[Event]:
        """Protect an account's quotes, let it go on, or protect it no more."""
        self.time_us += 1
        if words == "reset":
            return self.apply(ResetProtection(MARKET_ID, ACCOUNTS[account], self.time_us))
        figures = dict(re.findall(r"(fills|lots|window) (\d+)", words))
        fills, lots = (
            int(figures[word]) if word in figures else None for word in ("fills", "lots")
        )
        window_us = int(figures.get("window", 1)) * SECOND_US
        return self.apply(
            SetProtection(MARKET_ID, ACCOUNTS[account], fills, lots, window_us, self.time_us)
        )

    def end_auction(self) -> list[Event]:
        """Let the time come at which the auction ends by itself."""
        ends_us = self.engine.market(MARKET_ID).auction_ends_us or 0
        self.time_us = max(self.time_us, ends_us)
        return self.apply(EndAuction(MARKET_ID, ends_us, self.time_us))

    def step(self, text: str, *, available: int = PLENTY_UNITS) -> list[Event]:
        """Do what one step in words says; an order is the taker's unless it says otherwise."""
        first, _, rest = text.partition(" ")
        if first == "at":
            return self.expire(MIDNIGHT_US if rest == "midnight" else int(rest) * SECOND_US)
        if found := PHASE.fullmatch(text):
            ends_us = int(found["ends"]) * SECOND_US if found["ends"] else None
            cause: Any = found["cause"] or "operator"
            return self.phase(found["phase"], cause, ends_us)
        if text == "continue":
            return self.go_on()
        if text == "auction ends":
            return self.end_auction()
        if first == "protect":
            account, _, words = rest.partition(" ")
            return self.protect(account, words)
        if first.removesuffix(":") in LEGS:
            return self.place_list(first.removesuffix(":"), rest, available)
        if first == "elsewhere":
            return self.apply(msgspec.structs.replace(self.command(rest), market_id=MARKET_ID + 1))
        if first == "rule":
            name, _, value = rest.partition(" ")
            return self.configure(**{name: int(value) if value.isdigit() else value})
        if found := CANCEL_ALL.fullmatch(text):
            return self.cancel_all(found["account"] or "taker", found["side"])
        if found := CANCEL.fullmatch(text):
            self.time_us += 1
            reason: Any = found["reason"] or "requested"
            who = self.names.get(found["name"], (ACCOUNTS["taker"], 0))
            return self.apply(Cancel(MARKET_ID, *who, self.time_us, reason))
        if found := REPLACE.fullmatch(text):
            who = self.names.get(found["name"], (ACCOUNTS["taker"], 0))
            return self.replace(who, found, available)
        if found := AMEND.fullmatch(text):
            figures = (int(found[part]) if found[part] else None for part in AMENDED)
            return self._amend(*self.names[found["name"]], *figures, available)
        return self.place(text, available=available)

    def book(self) -> str:
        """Return the orders in the book, best first: ``buy 3 @ 99; sell 2(+7) @ 101``."""
        return "; ".join(map(show_resting, self._open(waiting=False)))

    def waiting(self) -> str:
        """Return the orders that wait, oldest first: ``sell 5 market stop 96 #a``."""
        market = self.engine.market(MARKET_ID)
        return "; ".join(show_waiting(o, market) for o in self._open(waiting=True))

    def public(self) -> str:
        """Return what the public sees: ``buy 3 @ 99; sell 2 @ 101``."""
        market = self.engine.market(MARKET_ID)
        sides: tuple[Any, ...] = ("buy", "sell")
        return "; ".join(
            f"{side} {lots} @ {price}" for side in sides for price, lots in market.depth(side)
        )

    def ids(self) -> list[int]:
        """Return the ids of the open orders in book order: bids, then asks, then what waits."""
        return [order.order_id for order in self.engine.market(MARKET_ID).open_orders()]

    def _open(self, *, waiting: bool) -> list[Order]:
        orders = self.engine.market(MARKET_ID).open_orders()
        return [order for order in orders if (order.trigger_state in WAITING) == waiting]


def desk_at(price: int, resting: str, waiting: str) -> Desk:
    """Return a market with a last price, orders in the book, and orders that wait."""
    desk = Desk()
    desk.place(f"ann: sell 1 @ {price}")
    desk.place(f"bob: buy 1 @ {price}")
    desk.set_up(resting, account="maker")
    desk.set_up(waiting, account="waiter")
    desk.engine.commit()
    return desk


LEGS: dict[str, tuple[Any, ...]] = {
    "oco": ("one", "one"),
    "oto": ("working", "pending"),
    "otoco": ("working", "pending", "pending"),
}
AMENDED = ("price", "lots", "trigger")


def trades(events: list[Event]) -> list[str]:
    """Return the trades as ``lots @ price``."""
    return [f"{e.quantity_lots} @ {e.price_ticks}" for e in events if isinstance(e, Traded)]


def changed(placed: Any, changes: dict[str, Any]) -> Any:
    """Return a Place or an Order with other fields, its own or those of its terms."""
    own = {name: value for name, value in changes.items() if hasattr(placed, name)}
    terms = {name: value for name, value in changes.items() if name not in own}
    conditions = {name: terms.pop(name) for name in [*terms] if name in CONDITIONS}
    if conditions:
        terms["conditions"] = msgspec.structs.replace(placed.terms.conditions, **conditions)
    if terms:
        own["terms"] = msgspec.structs.replace(placed.terms, **terms)
    return msgspec.structs.replace(placed, **own)


def refusals(events: list[Event]) -> list[str]:
    """Return the reasons of refusals; more than refusals alone is an error."""
    found = [e.reason for e in events if isinstance(e, OrderRejected)]
    assert not found or len(events) == len(found)
    return found


def end(events: list[Event]) -> str:
    """Return status and reason of the order that was placed or amended."""
    order: Order = events[0].order
    return f"{order.status} {order.reason}".strip()


def released(events: list[Event]) -> list[int]:
    """Return what each closed order gave back."""
    return [e.released_units for e in events if isinstance(e, OrderClosed)]


def depth(events: list[Event]) -> list[str]:
    """Return the depth changes as ``side price: lots``."""
    return [
        f"{e.side} {e.price_ticks}: {e.quantity_lots}"
        for e in events
        if isinstance(e, DepthChanged)
    ]
