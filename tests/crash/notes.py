"""What clients were told, and the check that the tables say the same: nothing lost, nothing twice.

Pure: it knows neither the exchange nor a database, so that its own tests can forge a lost
acknowledgement and a doubled command and see it fail.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.crash.wholes import (
    PreventedStored,
    PreventedTold,
    ReplacedTold,
    lost_preventions,
    torn_batches,
    torn_replacements,
)

# How long a worker that lives may take for what is due.
ABOUT: Final = timedelta(seconds=2)
CLOSED: Final = ("filled", "cancelled", "expired")
STATUS: Final = {
    "New": "new",
    "Pending": "new",
    "Triggered": "new",
    "PartiallyFilled": "partially_filled",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "Expired": "expired",
}


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order as an answer showed it."""

    order_id: int
    account: str
    client_order_id: str | None
    market: str
    side: str
    price: Decimal | None
    quantity: Decimal | None
    filled: Decimal
    status: str
    updated_at: str
    prevented: Decimal = Decimal(0)

    @classmethod
    def of(cls, shape: dict[str, Any]) -> "OrderTold":
        """Read an Order of the API."""
        return cls(
            int(shape["id"]),
            shape["user_id"],
            shape["client_order_id"],
            shape["market"],
            shape["side"].lower(),
            _figure(shape["price"]),
            _figure(shape["quantity"]),
            Decimal(shape["filled_quantity"]),
            STATUS[shape["status"]],
            shape["updated_at"],
            _figure(shape["prevented_quantity"]) or Decimal(0),
        )


@dataclass(frozen=True, slots=True)
class TradeTold:
    """A match as an answer or a pushed fill showed it, from one party's side."""

    market: str
    sequence: int
    order_id: int
    price: Decimal
    quantity: Decimal

    @classmethod
    def of(cls, shape: dict[str, Any], order_id: int) -> "TradeTold":
        """Read a Trade or a Fill of the API, of an order's side."""
        price, quantity = Decimal(shape["price"]), Decimal(shape["quantity"])
        return cls(shape["market"], int(shape["id"]), order_id, price, quantity)


@dataclass(frozen=True, slots=True)
class ListTold:
    """A list of orders as an answer showed it; one that is done stays so."""

    list_id: int
    account: str
    client_list_id: str | None
    market: str
    kind: str
    order_ids: tuple[int, ...]
    is_done: bool

    @classmethod
    def of(cls, shape: dict[str, Any]) -> "ListTold":
        """Read an OrderList of the API."""
        return cls(
            int(shape["id"]),
            shape["user_id"],
            shape["client_list_id"],
            shape["market"],
            shape["kind"].lower(),
            tuple(map(int, shape["order_ids"])),
            shape["status"] == "Done",
        )


# What a row of lists says, in the same words.
ListStored = ListTold
# So many fills, and within so many milliseconds; None: nothing protects.
Limits = tuple[int, int] | None


@dataclass(slots=True)
class Notes:
    """Everything that clients were told. Lists only grow."""

    orders: list[OrderTold] = field(default_factory=list)
    trades: list[TradeTold] = field(default_factory=list)
    # Keys of requests that were refused for good: (account, key).
    refused: list[tuple[str, str]] = field(default_factory=list)
    # Ids of requests that were answered "nothing was queued" (503).
    not_queued: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    lists: list[ListTold] = field(default_factory=list)
    replaced: list[ReplacedTold] = field(default_factory=list)
    prevented: list[PreventedTold] = field(default_factory=list)
    # Requests that placed several orders, with how many these were; and how many were told of.
    batches: dict[str, int] = field(default_factory=dict)
    # The same of each part of them, by ``part_name``: a shard settles its own orders at once.
    parts: dict[str, int] = field(default_factory=dict)
    batched: int = 0
    # What protects an account in a market, and when everything of an account is to be cancelled
    # (None: not any more), as was told last.
    protections: dict[tuple[str, str], Limits] = field(default_factory=dict)
    timers: dict[str, str | None] = field(default_factory=dict)
    # How many amendments were told of orders that waited for a price, and of others.
    amended: Counter[bool] = field(default_factory=Counter)

    def as_of_now(self) -> "Notes":
        """Return a copy that nothing is added to."""
        return Notes(**{one.name: copy(getattr(self, one.name)) for one in fields(self)})

    @property
    def acknowledged(self) -> int:
        """How many things the tables must hold."""
        kept = len(self.lists) + len(self.protections) + len(self.timers)
        kept += len(self.replaced) + len(self.prevented)
        return len(self.orders) + len(self.trades) + kept


@dataclass(frozen=True, slots=True)
class OrderStored:
    """An order's row; ``account`` is the public id, ``market`` the symbol."""

    order_id: int
    account: str
    client_order_id: str | None
    market: str
    side: str
    price: Decimal | None
    quantity: Decimal | None
    filled: Decimal
    status: str
    prevented: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class TradeStored:
    """A trade's row."""

    market: str
    sequence: int
    maker_order_id: int
    taker_order_id: int
    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class Stored:
    """What the tables say."""

    orders: dict[int, OrderStored] = field(default_factory=dict)
    trades: dict[tuple[str, int], TradeStored] = field(default_factory=dict)
    # How many applied journal rows there are for a key, and for a request's id.
    applied_by_key: Counter[tuple[str, str]] = field(default_factory=Counter)
    applied_by_request: Counter[str] = field(default_factory=Counter)
    # How many rows there are for a part of a request, whatever came of them.
    rows_by_request: Counter[str] = field(default_factory=Counter)
    prevented: list[PreventedStored] = field(default_factory=list)
    lists: dict[int, ListStored] = field(default_factory=dict)
    protections: dict[tuple[str, str], Limits] = field(default_factory=dict)
    # Moments as the API writes them: now, when timers are due, and when the oldest open order of an
    # account was placed.
    now: str = ""
    timers: dict[str, str] = field(default_factory=dict)
    oldest_open: dict[str, str] = field(default_factory=dict)
    # Trades of an account with itself, as auctions have them.
    self_trades: set[tuple[str, int]] = field(default_factory=set)


@dataclass(slots=True)
class Faults:
    """What must not be. Empty lists where all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled)


def find_faults(notes: Notes, stored: Stored) -> Faults:
    """Hold everything that was told against the tables."""
    faults = Faults()
    for told in notes.orders:
        if reason := _order_fault(told, stored.orders.get(told.order_id)):
            faults.lost.append(f"order {told.order_id}: {reason}")
    for trade in notes.trades:
        if reason := _trade_fault(trade, stored.trades.get((trade.market, trade.sequence))):
            faults.lost.append(f"trade {trade.sequence} of {trade.market}: {reason}")
    faults.lost += _lost_lists(notes, stored)
    faults.lost += torn_replacements(notes.replaced, stored.orders)
    faults.lost += torn_batches(notes.parts, stored.rows_by_request)
    faults.lost += lost_preventions(notes.prevented, stored.prevented)
    faults.lost += _lost_protections(notes, stored)
    faults.lost += _lost_timers(notes, stored)
    faults.doubled += _doubled_orders(stored.orders.values())
    faults.doubled += _doubled_lists(stored.lists.values())
    for account, key in notes.refused:
        if stored.applied_by_key[(account, key)]:
            faults.doubled.append(f"key {key}: told as refused, and took effect")
    for (_, key), count in stored.applied_by_key.items():
        if count > 1:
            faults.doubled.append(f"key {key}: took effect {count} times")
    for request_id, count in stored.applied_by_request.items():
        if count > notes.batches.get(request_id, 1):
            faults.doubled.append(f"request {request_id}: took effect {count} times")
    for request_id in notes.not_queued:
        if stored.applied_by_request[request_id]:
            faults.doubled.append(f"request {request_id}: told as not queued, and took effect")
    return faults


def _order_fault(told: OrderTold, row: OrderStored | None) -> str:
    """Return why a row does not bear out what was told; empty where it does."""
    if row is None:
        return "told, and not in the tables"
    for name in ("account", "client_order_id", "market", "side"):
        if getattr(told, name) != getattr(row, name):
            return f"{name} told {getattr(told, name)}, stored {getattr(row, name)}"
    for name in ("filled", "prevented"):
        if getattr(row, name) < getattr(told, name):
            return f"{name} told {getattr(told, name)}, stored {getattr(row, name)}"
    if told.status in CLOSED:
        # A closed order never changes again.
        if (told.status, told.filled) != (row.status, row.filled):
            return f"told {told.status} {told.filled}, stored {row.status} {row.filled}"
        if (told.price, told.quantity) != (row.price, row.quantity):
            return f"told {told.quantity} @ {told.price}, stored {row.quantity} @ {row.price}"
        if told.prevented != row.prevented:
            return f"prevented told {told.prevented}, stored {row.prevented}"
    return ""


def _trade_fault(told: TradeTold, row: TradeStored | None) -> str:
    if row is None:
        return "told, and not in the tables"
    if (told.price, told.quantity) != (row.price, row.quantity):
        return f"told {told.quantity} @ {told.price}, stored {row.quantity} @ {row.price}"
    if told.order_id not in (row.maker_order_id, row.taker_order_id):
        return f"order {told.order_id} is no party of it"
    return ""


def _lost_lists(notes: Notes, stored: Stored) -> Iterator[str]:
    for told in notes.lists:
        row = stored.lists.get(told.list_id)
        if row is None:
            yield f"list {told.list_id}: told, and not in the tables"
        elif replace(row, is_done=told.is_done) != told:
            yield f"list {told.list_id}: told {told}, stored {row}"
        elif told.is_done and not row.is_done:
            yield f"list {told.list_id}: told done, and goes on"


def _lost_protections(notes: Notes, stored: Stored) -> Iterator[str]:
    for name, limits in notes.protections.items():
        found = stored.protections.get(name)
        if found != limits:
            yield f"protection of {name}: told {limits}, stored {found}"


def _lost_timers(notes: Notes, stored: Stored) -> Iterator[str]:
    """Hold timers against the moment of reading; what is due about then may be either way."""
    for account, due in notes.timers.items():
        found, oldest = stored.timers.get(account), stored.oldest_open.get(account)
        if due is None or _is_long_before(due, stored.now):
            if found is not None:
                yield f"timer of {account}: told {due}, stored {found}"
            if due is not None and oldest is not None and oldest < due:
                yield f"timer of {account}: an order of {oldest} is open, all went at {due}"
        elif _is_long_before(stored.now, due) and found != due:
            yield f"timer of {account}: told {due}, stored {found}"


def _is_long_before(earlier: str, later: str) -> bool:
    apart = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return apart > ABOUT


def _doubled_lists(rows: Iterable[ListStored]) -> list[str]:
    counts = Counter((row.account, row.client_list_id) for row in rows if row.client_list_id)
    return [
        f"client list id {name} of {account}: {count} lists"
        for (account, name), count in counts.items()
        if count > 1
    ]


def _doubled_orders(rows: Iterable[OrderStored]) -> list[str]:
    """Return client order ids with more than one order; clients here never use one again."""
    counts = Counter((row.account, row.client_order_id) for row in rows if row.client_order_id)
    return [
        f"client order id {name} of {account}: {count} orders"
        for (account, name), count in counts.items()
        if count > 1
    ]


def _figure(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
