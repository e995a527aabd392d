"""The proof of an order: what the journal, the trades and the ledger say of it, and nothing else.

Read in one snapshot, without a lock. Ids grow with time, and those of a batch follow one another in
the order in which its commands were decided, so that the journal's entry behind a row is the next
one of its account in its shard: no index of orders is needed.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from django.db import connection, transaction

from accounts.money.selectors import list_entries_of
from matching.commands import decode_command
from matching.models import Command, Event, Order, Trade
from matching.orders.amendments import list_amendments
from matching.orders.ids import shard_of
from matching.orders.prevented import list_prevented_matches
from matching.orders.selectors import ID_SLACK_MS, OPEN_STATUSES, get_order
from zavora.foundation.time_ids import BATCH_MS_MAX, EPOCH_2025_MS, TIME_SHIFT, first_id_of
from zavora.foundation.times import microseconds_of

STEPS_MAX: Final = 500
# Journal entries of an account within a batch that are looked through for what ended an order.
ENDING_MAX: Final = 200
# Kinds of commands that end an order, which the first two name.
_ENDS: Final = ["cancel", "replace", "cancel_all", "due"]
_NAMES_IT: Final = _ENDS[:2]


class Step(msgspec.Struct, frozen=True):
    """A row of an amendment, a trade or a prevented match, whichever ``kind`` says."""

    kind: Literal["amended", "trade", "prevented"]
    row: Any

    @property
    def id(self) -> int:
        """Return its id: of trades and prevented matches that of their ledger transaction, too."""
        return int(self.row.pk)


class JournalEntry(msgspec.Struct, frozen=True):
    """Where in which shard's journal a command stands.

    ``received_us``: when it came into the queue, by the queue's clock, to the millisecond (None:
    the worker's own); ``batch_us``: the time of the batch that decided it.
    """

    shard_id: int
    sequence: int
    kind: str
    request_id: str
    received_us: int | None
    batch_us: int


class Proof(msgspec.Struct, frozen=True):
    """What is on record of an order. ``steps``: oldest first; ``entries``: of them, by their ids.

    ``placed``, ``ended`` and ``asked`` (by step) are the commands; None, or not there: it left for
    the archives, or nobody of the account's asked for it. ``written_us``: when the batch that
    placed it was written, just before its commit, to the millisecond; None: a day and more ago.
    ``fees`` and ``rebates`` are the sums of all fills, rebates below zero.
    """

    order: Order
    placed: JournalEntry | None
    written_us: int | None
    ended: JournalEntry | None
    steps: list[Step]
    asked: dict[int, JournalEntry]
    entries: dict[int, list[Any]]
    fees: Decimal
    rebates: Decimal


def get_proof(
    order_id: int, *, account_ids: Sequence[int], after_id: int = 0, limit: int = STEPS_MAX
) -> Proof:
    """Return what is on record of an order of one of the accounts, its steps after ``after_id``.

    At most ``STEPS_MAX`` and one steps. Raises OrderNotFound. Must not be called inside a
    transaction.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        order = get_order(order_id, account_ids=account_ids)
        steps = _list_steps(order, after_id, min(limit, STEPS_MAX + 1))
        fees, rebates = _sum_fees(order)
        return Proof(
            order=order,
            placed=_find_placed(order),
            written_us=_find_written_us(order),
            ended=None if order.status in OPEN_STATUSES else _find_ended(order),
            steps=steps,
            asked=_find_asked(order, [step.id for step in steps if step.kind == "amended"]),
            entries=_list_entries(order, steps),
            fees=fees,
            rebates=rebates,
        )


# --- steps ----------------------------------------------------------------------------------------


def _list_steps(order: Order, after_id: int, limit: int) -> list[Step]:
    """Return amendments, trades and prevented matches of an order after an id, oldest first."""
    amendments = list_amendments(order.pk, from_id=after_id + 1, is_oldest=True, limit=limit)
    prevented = list_prevented_matches(
        order.account_id,
        order.market_id,
        order_id=order.pk,
        from_id=after_id + 1,
        is_oldest=True,
        limit=limit,
    )
    steps = [
        *(Step("amended", row) for row in amendments),
        *(Step("trade", row) for row in _list_trades(order, after_id, limit)),
        *(Step("prevented", row) for row in prevented),
    ]
    return sorted(steps, key=_id_of)[:limit]


def _id_of(step: Step) -> int:
    return step.id


def _list_trades(order: Order, after_id: int, limit: int) -> list[Trade]:
    """Return an order's trades after an id, oldest first: after it and before its last change."""
    found: dict[int, Trade] = {}
    for role in ("maker", "taker"):
        rows = Trade.objects.filter(
            **{f"{role}_account_id": order.account_id, f"{role}_order_id": order.pk},
            pk__gt=max(order.pk, after_id),
            pk__lt=_end_of(order),
        )
        found |= {row.pk: row for row in rows.order_by("pk")[:limit]}
    return [found[pk] for pk in sorted(found)[:limit]]


def _end_of(order: Order) -> int:
    return first_id_of(microseconds_of(order.updated_at) // 1_000 + ID_SLACK_MS)


def _sum_fees(order: Order) -> tuple[Decimal, Decimal]:
    """Return the fees of all fills of an order, and apart from them the rebates."""
    sums = [Decimal(0), Decimal(0)]
    if not order.filled_quantity:
        return sums[0], sums[1]
    table = Trade._meta.db_table
    with connection.cursor() as cursor:
        for role in ("maker", "taker"):
            cursor.execute(
                f"SELECT coalesce(sum({role}_fee) FILTER (WHERE {role}_fee > 0), 0),"
                f" coalesce(sum({role}_fee) FILTER (WHERE {role}_fee < 0), 0) FROM {table}"
                f" WHERE {role}_account_id = %s AND {role}_order_id = %s AND id > %s AND id < %s",
                [order.account_id, order.pk, order.pk, _end_of(order)],
            )
            sums = [one + more for one, more in zip(sums, cursor.fetchone(), strict=True)]
    return sums[0], sums[1]


def _list_entries(order: Order, steps: Sequence[Step]) -> dict[int, list[Any]]:
    """Return what the account's ledger has of each step that moved something."""
    moved = [step.id for step in steps if step.kind != "amended"]
    entries: dict[int, list[Any]] = {}
    for entry in list_entries_of(order.account_id, moved):
        entries.setdefault(entry.transaction_id, []).append(entry)
    return entries


# --- commands -------------------------------------------------------------------------------------

_ENTRY: Final = (
    "shard_id, sequence, kind, request_id, stream_id, batch_at, body, order_id, market_id"
)
_JOURNAL: Final = Command._meta.db_table
# What an account asked for in a shard after an id, and in its batch.
_AFTER: Final = (
    f"SELECT {_ENTRY} FROM {_JOURNAL} WHERE account_id = %(account)s AND id > %(id)s"
    " AND id < %(end)s AND shard_id = %(shard)s AND outcome = 'applied'"
)
_NEXT: Final = f"{_AFTER} ORDER BY id LIMIT 1"
_NEXT_OF_ORDER: Final = f"{_AFTER} AND order_id = ANY(%(names)s) ORDER BY id LIMIT 1"


Parameter = int | datetime | list[int] | list[str]


class _Row(msgspec.Struct, frozen=True):
    """A row of the journal."""

    shard_id: int
    sequence: int
    kind: str
    request_id: str
    stream_id: str
    batch_at: datetime
    body: bytes
    order_id: int | None
    market_id: int | None

    @property
    def entry(self) -> JournalEntry:
        """Return it as it is told."""
        received_ms = int(self.stream_id.partition("-")[0] or 0)
        return JournalEntry(
            self.shard_id,
            self.sequence,
            self.kind,
            self.request_id,
            received_ms * 1_000 or None,
            microseconds_of(self.batch_at),
        )

    def names(self, order: Order) -> bool:
        """Tell whether the command is about an order, by its id or by what its client calls it."""
        command = decode_command(bytes(self.body))
        order_id = getattr(command, "order_id", None)
        if order_id is not None:
            return bool(order_id == order.pk)
        name = getattr(command, "client_order_id", None)
        return name is not None and bool(name == order.client_order_id)


def _ask(statement: str, **named: Parameter) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, named)
        return [_Row(*row) for row in cursor.fetchall()]


def _ask_after(statement: str, id_: int, order: Order, **named: Parameter) -> list[_Row]:
    return _ask(
        statement,
        account=order.account_id,
        id=id_,
        end=id_ + (BATCH_MS_MAX << TIME_SHIFT),
        shard=shard_of(id_),
        **named,
    )


def _find_placed(order: Order) -> JournalEntry | None:
    """Return the command that placed an order, alone or as one of a list."""
    conditions = getattr(order, "conditions", None)
    names = {order.pk, conditions.list_id if conditions is not None else 0} - {0}
    rows = _ask_after(_NEXT_OF_ORDER, order.pk, order, names=list(names))
    return rows[0].entry if rows else None


def _find_written_us(order: Order) -> int | None:
    """Return when the event of an order's first batch was written; events are kept for a day."""
    placed_ms = microseconds_of(order.created_at) // 1_000
    rows = Event.objects.filter(
        market_id=order.market_id,
        batch_at=order.created_at,
        pk__gte=first_id_of(placed_ms),
        pk__lt=first_id_of(placed_ms + BATCH_MS_MAX),
    )
    event_id = rows.order_by("pk").values_list("pk", flat=True).first()
    if event_id is None:
        return None
    return (EPOCH_2025_MS + (event_id >> TIME_SHIFT)) * 1_000


def _find_asked(order: Order, amendment_ids: Sequence[int]) -> dict[int, JournalEntry]:
    """Return the commands that asked for amendments, by their ids; a list's own have none."""
    found: dict[int, JournalEntry] = {}
    for amendment_id in amendment_ids:
        for row in _ask_after(_NEXT, amendment_id, order):
            if row.kind == "amend" and row.names(order):
                found[amendment_id] = row.entry
    return found


def _find_ended(order: Order) -> JournalEntry | None:
    """Return the account's command that ended an order, if one did."""
    if order.reason != "requested":
        return None
    ended_ms = microseconds_of(order.updated_at) // 1_000
    rows = _ask(
        f"SELECT {_ENTRY} FROM {_JOURNAL} WHERE account_id = %(account)s AND id >= %(low)s"
        " AND id < %(high)s AND batch_at = %(at)s AND outcome = 'applied'"
        f" AND kind = ANY(%(kinds)s) ORDER BY id LIMIT {ENDING_MAX}",
        account=order.account_id,
        low=first_id_of(ended_ms),
        high=first_id_of(ended_ms + BATCH_MS_MAX),
        at=order.updated_at,
        kinds=_ENDS,
    )
    places = (None, order.market_id)
    meant = [row for row in rows if row.kind in _NAMES_IT and row.names(order)]
    meant += [row for row in rows if row.kind not in _NAMES_IT and row.market_id in places]
    return meant[0].entry if meant else None
