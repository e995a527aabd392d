"""Money that came, left or changed accounts, as one list: deposits, withdrawals and transfers.

Ids of all three begin with their time and are drawn from one count, so one cursor serves them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from accounts.models import HELD_STATES, Deposit, Transfer, Withdrawal
from zavora.foundation.money import EXACT

KINDS: Final = ("deposit", "withdrawal", "transfer")
# In words that all three kinds share; a transfer is done at once.
DONE: Final = "done"
STATES: Final = ("waiting", DONE, "not made")
_STATES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "deposit": {
        "waiting": (Deposit.State.PENDING,),
        DONE: (Deposit.State.CREDITED,),
        "not made": (Deposit.State.REJECTED,),
    },
    "withdrawal": {
        "waiting": tuple(HELD_STATES),
        DONE: (Withdrawal.State.SETTLED,),
        "not made": (
            Withdrawal.State.CANCELLED,
            Withdrawal.State.REFUSED,
            Withdrawal.State.FAILED,
        ),
    },
    "transfer": {"waiting": (), DONE: (DONE,), "not made": ()},
}
PAGE_MAX: Final = 500


class Movement(msgspec.Struct, frozen=True):
    """Money that moved, or is to. ``amount`` is signed, of a transfer between two accounts not.

    ``account_id`` and ``to_id`` are primary keys, ``to_id`` of a transfer alone; ``detail`` says
    whence or where to. ``public_account_id`` is that of what its owner can still cancel.
    """

    id: int
    kind: str
    state: str
    account_id: int
    to_id: int | None
    asset: str
    scale: int
    amount: Decimal
    detail: str
    created_at: datetime
    cancellable_of: UUID | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which movements; each that is set has to fit. ``account_ids`` are primary keys."""

    account_ids: Sequence[int]
    kind: str = ""
    state: str = ""
    asset: str = ""


def list_movements(asked: Asked, *, before: int | None = None, limit: int = 50) -> list[Movement]:
    """Return movements, newest first, with ids below ``before``."""
    limit = min(limit, PAGE_MAX)
    found: list[Movement] = []
    for kind in (asked.kind,) if asked.kind else KINDS:
        states = _STATES[kind].get(asked.state) if asked.state else None
        if states == ():
            continue
        rows = _rows(kind, asked)
        if states is not None and kind != "transfer":
            rows = rows.filter(state__in=states)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found += [_movement(kind, row) for row in rows.order_by("-pk")[:limit]]
    return sorted(found, key=_id_of, reverse=True)[:limit]


def every_movement(asked: Asked, *, rows_max: int) -> Iterator[Movement]:
    """Yield movements, newest first, ``rows_max`` at most; read page by page."""
    before: int | None = None
    left = rows_max
    while left and (page := list_movements(asked, before=before, limit=min(left, PAGE_MAX))):
        yield from page
        before, left = page[-1].id, left - len(page)


def _id_of(one: Movement) -> int:
    return one.id


def _rows(kind: str, asked: Asked) -> QuerySet[Any]:
    accounts = list(asked.account_ids)
    rows: QuerySet[Any]
    if kind == "transfer":
        either = Q(from_account__in=accounts) | Q(to_account__in=accounts)
        rows = Transfer.objects.filter(either).select_related("asset")
    elif kind == "deposit":
        rows = Deposit.objects.filter(account__in=accounts).select_related("asset")
    else:
        rows = Withdrawal.objects.filter(account__in=accounts)
        rows = rows.select_related("asset", "account")
    return rows.filter(asset__code=asked.asset.upper()) if asked.asset else rows


def _movement(kind: str, row: Any) -> Movement:
    told: dict[str, Any] = {
        "id": row.pk,
        "kind": kind,
        "asset": row.asset.code,
        "scale": row.asset.scale,
        "created_at": row.created_at,
    }
    if kind == "transfer":
        return Movement(
            **told, state=DONE, account_id=row.from_account_id, to_id=row.to_account_id,
            amount=row.amount, detail="",
        )  # fmt: skip
    if kind == "deposit":
        return Movement(
            **told, state=row.state, account_id=row.account_id, to_id=None, amount=row.amount,
            detail=row.source,
        )  # fmt: skip
    return Movement(
        **told, state=row.state, account_id=row.account_id, to_id=None,
        amount=EXACT.minus(row.amount), detail=row.address,
        cancellable_of=row.account.public_id if row.state in HELD_STATES else None,
    )  # fmt: skip
