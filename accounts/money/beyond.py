"""What money did after a moment: read in a record that goes on, compared with one brought back.

``money_as_of`` is asked of the record that was brought back, ``list_money_beyond`` of the other.
Ids grow with time, but not with commits: all that is younger than ten minutes before the newest is
compared by name, and so is whatever has not ended.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from django.db.models import Max, Model, Q

from accounts.models import Account, Deposit, LedgerTransaction, Payout, Transfer, User, Withdrawal

# The time in an id is milliseconds above 13 bits (migration 0001).
_MARGIN: Final = 600_000 << 13
_OPEN: Final = Q(state__in=("pending", "approved", "waiting", "sending", "sent", "dead"))
_FIXED: Final = "there"  # the state of what never changes
_TABLES: Final[dict[str, type[Model]]] = {
    "deposit": Deposit,
    "withdrawal": Withdrawal,
    "payout": Payout,
    "transfer": Transfer,
    "adjustment": LedgerTransaction,
}


class MoneyAsOf(msgspec.Struct, frozen=True):
    """Of each table: up to which id nothing is young, and the states of what is young or open."""

    after: dict[str, int]
    states: dict[str, dict[str, str]]
    last_account: int
    last_user: int


class MoneyBeyond(msgspec.Struct, frozen=True, kw_only=True):
    """Something about money that a record brought back does not know, or knows otherwise."""

    kind: str
    id: int
    reference: str
    account: str
    asset: str
    amount: str
    state: str
    state_restored: str
    where_to: str
    provider_reference: str
    at: str


def money_as_of() -> MoneyAsOf:
    """Return what is needed to tell what came later."""
    after: dict[str, int] = {}
    states: dict[str, dict[str, str]] = {}
    for kind in _TABLES:
        rows = _rows(kind)
        after[kind] = max(0, (rows.aggregate(last=Max("pk"))["last"] or 0) - _MARGIN)
        wanted = Q(pk__gt=after[kind])
        if _has_state(kind):
            wanted |= _OPEN
        states[kind] = {str(row.pk): _state(row) for row in rows.filter(wanted).iterator()}
    return MoneyAsOf(
        after,
        states,
        Account.objects.aggregate(last=Max("pk"))["last"] or 0,
        User.objects.aggregate(last=Max("pk"))["last"] or 0,
    )


def list_money_beyond(since: MoneyAsOf) -> Iterator[MoneyBeyond]:
    """Yield what came, or ended, after ``since``, by kind and id."""
    for kind in _TABLES:
        known = since.states[kind]
        wanted = Q(pk__gt=since.after[kind]) | Q(pk__in=[int(pk) for pk in known])
        for row in _rows(kind).filter(wanted).order_by("pk").iterator():
            was = known.get(str(row.pk), "")
            if was != _state(row):
                yield _beyond(kind, row, was)


def list_accounts_beyond(since: MoneyAsOf) -> list[str]:
    """Return the public ids of accounts that were opened after ``since``."""
    rows = Account.objects.filter(pk__gt=since.last_account, kind=Account.Kind.CUSTOMER)
    return [str(public) for public in rows.order_by("pk").values_list("public_id", flat=True)]


def count_users_beyond(since: MoneyAsOf) -> int:
    """Return how many people signed up after ``since``."""
    return User.objects.filter(pk__gt=since.last_user).count()


def list_public_ids(account_ids: list[int]) -> dict[int, str]:
    """Return the public ids of accounts by their primary keys."""
    rows = Account.objects.filter(pk__in=account_ids)
    return {pk: str(public) for pk, public in rows.values_list("pk", "public_id")}


def _rows(kind: str) -> Any:
    model: Any = _TABLES[kind]
    rows = model.objects.all()
    if kind == "adjustment":
        return rows.filter(kind=LedgerTransaction.Kind.ADJUSTMENT)
    if kind == "payout":
        return rows.select_related("account", "withdrawal__asset")
    if kind == "transfer":
        return rows.select_related("from_account", "to_account", "asset")
    return rows.select_related("account", "asset")


def _has_state(kind: str) -> bool:
    return kind in ("deposit", "withdrawal", "payout")


def _state(row: Any) -> str:
    return str(getattr(row, "state", _FIXED))


def _beyond(kind: str, row: Any, was: str) -> MoneyBeyond:
    source = getattr(row, "withdrawal", row)
    account = getattr(row, "account", None) or getattr(row, "from_account", None)
    to_account = getattr(row, "to_account", None)
    asset = getattr(source, "asset", None)
    entries = [] if kind != "adjustment" else list(
        row.entries.select_related("account", "asset").filter(account__kind="customer")
    )  # fmt: skip
    if entries:
        account, asset = entries[0].account, entries[0].asset
    amount = entries[0].amount if entries else getattr(source, "amount", None)
    return MoneyBeyond(
        kind=kind,
        id=row.pk,
        reference=str(
            getattr(row, "public_id", "")
            or getattr(row, "external_reference", "")
            or getattr(row, "reference", "")
            or ""
        ),
        account=str(account.public_id) if account else "",
        asset=asset.code if asset else "",
        amount=f"{amount.normalize():f}" if amount is not None else "",
        state=_state(row),
        state_restored=was or "unknown there",
        where_to=str(to_account.public_id) if to_account else str(getattr(source, "address", "")),
        provider_reference=str(getattr(row, "provider_reference", "")),
        at=row.created_at.isoformat(),
    )
