"""Book notation for the engine's tests: ``bob: sell 5 @ 101``, ``buy 7 market``, ``buy for 250``.

``[account:] side lots @ price [ioc|fok|post-only] [#client-id]``, ``side lots market [fok]`` or
``side for quote-units``. Several orders are separated by ``;``. One lot is 10 base units, and one
lot costs 5 quote units a tick. ``sibling`` is another account of the taker's owner.
"""

import re
from typing import Any

import msgspec

from matching.engine import Engine
from matching.engine.commands import Amend, Cancel, Command, ConfigureMarket, Place, SetPhase
from matching.engine.events import DepthChanged, Event, OrderClosed, OrderRejected, Traded
from matching.engine.orders import Conditions, Order, OrderTerms
from matching.engine.rules import IntegerRules

MARKET_ID = 1
PLENTY_UNITS = 10**12
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
ACCOUNTS = {"maker": 11, "taker": 12, "ann": 13, "bob": 14, "sibling": 15}
OWNERS = {account_id: account_id + 100 for account_id in ACCOUNTS.values()}
OWNERS[ACCOUNTS["sibling"]] = OWNERS[ACCOUNTS["taker"]]
CONDITIONS = Conditions.__struct_fields__
ORDER = re.compile(
    r"(?:(?P<account>\w+): )?(?P<side>buy|sell) "
    r"(?:for (?P<budget>\d+)|(?P<lots>\d+) (?:@ (?P<price>\d+)|market))"
    r"(?: (?P<flag>ioc|fok|post-only))?(?: #(?P<client_order_id>\w+))?"
)


class Desk:
    """An engine with one market, spoken to in book notation. Order ids count from 1."""

    def __init__(self, resting: str = "", **rules: int | str | None) -> None:
        self.engine = Engine()
        self.order_count = 0
        self.time_us = 0
        self.apply(ConfigureMarket(msgspec.structs.replace(RULES, **rules), "continuous", 0))
        for order in filter(None, resting.split("; ")):
            events = self.place(order, account="maker")
            assert not refusals(events), (order, events)
        self.engine.commit()

    def apply(self, command: Command) -> list[Event]:
        return self.engine.apply(command)

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
        budget, lots, price = found["budget"], found["lots"], found["price"]
        flag = found["flag"]
        account_id = ACCOUNTS[found["account"] or account]
        tif = flag if flag in ("ioc", "fok") else "gtc" if price else "ioc"
        return Place(
            MARKET_ID,
            account_id,
            self.order_count,
            OrderTerms(
                int(budget) if budget else None,
                found["side"],
                "limit" if price else "market",
                tif,
                flag == "post-only",
                found["client_order_id"],
            ),
            int(price) if price else None,
            int(lots) if lots else None,
            fee,
            fee,
            available,
            self.time_us,
            OWNERS[account_id] if owner_id is None else owner_id,
        )

    def place(self, text: str, **options: Any) -> list[Event]:
        return self.apply(self.command(text, **options))

    def amend(
        self,
        order_id: int,
        *,
        price: int | None = None,
        lots: int | None = None,
        account: str = "maker",
        available: int = PLENTY_UNITS,
    ) -> list[Event]:
        self.order_count += 1
        self.time_us += 1
        return self.apply(
            Amend(
                MARKET_ID,
                ACCOUNTS[account],
                order_id,
                price,
                lots,
                self.order_count,
                available,
                self.time_us,
            )
        )

    def cancel(self, order_id: int, *, account: str = "maker") -> list[Event]:
        self.time_us += 1
        return self.apply(Cancel(MARKET_ID, ACCOUNTS[account], order_id, self.time_us))

    def phase(self, phase: str) -> list[Event]:
        return self.apply(SetPhase(MARKET_ID, phase, self.time_us))

    def configure(self, **changes: int | str | None) -> list[Event]:
        """Change rules of the market."""
        rules = msgspec.structs.replace(self.engine.market(MARKET_ID).rules, **changes)
        return self.apply(ConfigureMarket(rules, "continuous", self.time_us))

    def book(self) -> str:
        """Return the open orders, best first: ``buy 3 @ 99; sell 5 @ 101``."""
        orders = self.engine.market(MARKET_ID).open_orders()
        return "; ".join(f"{o.terms.side} {o.remaining_lots} @ {o.price_ticks}" for o in orders)

    def ids(self) -> list[int]:
        """Return the ids of the open orders in book order: bids, then asks."""
        return [order.order_id for order in self.engine.market(MARKET_ID).open_orders()]


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
    """Return the reasons of refusals; more than the refusal alone is an error."""
    found = [e.reason for e in events if isinstance(e, OrderRejected)]
    assert not found or len(events) == 1
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
