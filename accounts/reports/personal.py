"""What the tables of accounts know of a person, page by page, for a file that they can keep.

What others wrote down for themselves is not in it (operators' notes, who of them decided), nor what
is secret even from its owner (hashes, sealed secrets): docs/adr/0033-privacy.md.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.db.models import F, Q, QuerySet

from accounts.models import (
    Account,
    ApiKey,
    Approval,
    AuditRecord,
    Balance,
    Deposit,
    Invitation,
    LedgerEntry,
    Membership,
    Preferences,
    Report,
    Transfer,
    User,
    Withdrawal,
    WithdrawalAddress,
    WithdrawalLimit,
)
from zavora.foundation.partitions.selectors import kept_since

ROWS_MAX: Final = 1_000
Row = dict[str, Any]


class OwnAccount(msgspec.Struct, frozen=True):
    """An account of the person: its primary key and what they call it by."""

    pk: int
    public_id: str


class Section(msgspec.Struct, frozen=True):
    """A file of the export: its name, and its rows, a page after the other."""

    name: str
    pages: Callable[[], Iterator[list[Row]]]


_ACCOUNT: Final = F("account__public_id")
_ASSET: Final = F("asset__code")
_IN: Final = {"account_id": _ACCOUNT}
_MONEY: Final = {**_IN, "asset": _ASSET}
# By the file's name: the columns, and those that are called otherwise than the table has them.
_OF_USER: Final[dict[str, tuple[Any, str, tuple[str, ...], dict[str, Any]]]] = {
    "profile": (
        User, "pk",
        ("id", "email", "is_active", "verification_level", "created_at", "last_login",
         "withdrawals_paused_until"), {},
    ),
    "email_addresses": (EmailAddress, "user_id", ("email", "verified", "primary"), {}),
    "second_factors": (
        Authenticator, "user_id", ("type", "created_at", "last_used_at"),
        {"name": F("data__name")},
    ),
    "sessions": (UserSession, "user_id", ("ip", "user_agent", "created_at", "last_seen_at"), {}),
    "keys": (
        ApiKey, "owner_id",
        ("id", "kind", "label", "scopes", "markets", "ip_allowed", "expires_at", "revoked_at",
         "created_at", "last_used_at", "last_used_from"), {"limited_to": _ACCOUNT},
    ),
    "accounts": (
        Account, "owner_id",
        ("public_id", "label", "status", "maker_fee_ppm", "taker_fee_ppm", "fee_terms",
         "has_allow_list", "created_at"), {},
    ),
    "memberships": (
        Membership, "user_id", ("role", "created_at"), _IN,
    ),
    "transfers": (
        Transfer, "owner_id", ("public_id", "amount", "created_at"),
        {"asset": _ASSET, "from": F("from_account__public_id"), "to": F("to_account__public_id")},
    ),
    "preferences": (Preferences, "pk", ("version", "document", "updated_at"), {}),
    "exports": (Report, "person_id", ("id", "state", "created_at", "expires_at"), {}),
}  # fmt: skip
_OF_ACCOUNT: Final[dict[str, tuple[Any, tuple[str, ...], dict[str, Any]]]] = {
    "balances": (Balance, ("available", "locked", "updated_at"), _MONEY),
    "ledger_entries": (
        LedgerEntry, ("id", "transaction_id", "kind", "amount", "balance_after", "created_at"),
        {**_MONEY, "reference": F("transaction__reference")},
    ),
    "deposits": (
        Deposit, ("id", "amount", "state", "source", "external_reference", "created_at"), _MONEY,
    ),
    "withdrawals": (
        Withdrawal,
        ("id", "amount", "state", "address", "why", "external_reference", "created_at",
         "updated_at"), _MONEY,
    ),
    "address_book": (
        WithdrawalAddress, ("address", "label", "created_at", "usable_at", "removed_at"), _MONEY,
    ),
    "members": (Membership, ("role", "created_at"), {**_IN, "user_id": F("user_id")}),
    "invitations": (
        Invitation,
        ("email", "role", "created_at", "expires_at", "accepted_at", "declined_at",
         "withdrawn_at"), _IN,
    ),
    "withdrawal_limits": (WithdrawalLimit, ("per_day", "updated_at"), _MONEY),
    "reports": (
        Report, ("id", "kind", "format", "period_from", "period_to", "state", "created_at"),
        _IN,
    ),
}  # fmt: skip
_RECORDS: Final = ("id", "created_at", "actor_kind", "act", "subject", "address", "reason",
                   "request_id", "details")  # fmt: skip
_APPROVALS: Final = ("id", "kind", "subject", "arguments", "reason", "state", "outcome",
                     "created_at", "expires_at", "decided_at")  # fmt: skip


def list_own_accounts(user_id: int) -> list[OwnAccount]:
    """Return a person's accounts, oldest first."""
    rows = Account.objects.filter(owner_id=user_id).order_by("pk")
    return [OwnAccount(pk, str(public)) for pk, public in rows.values_list("pk", "public_id")]


def list_sections(user_id: int, accounts: Sequence[OwnAccount]) -> list[Section]:
    """Return what the tables of accounts know of a person, file by file.

    Each page is at most ``ROWS_MAX`` rows, read when it is asked for, by ascending id; amounts are
    decimals, times are moments.
    """
    return [
        *(_of_user(name, user_id) for name in _OF_USER),
        *(_of_accounts(name, accounts) for name in _OF_ACCOUNT),
        *_left(),
        Section("approvals", lambda: _walk(Approval.objects.filter(about=user_id), _APPROVALS, {})),
        Section("records", lambda: _walk(_records(user_id, accounts), _RECORDS, {})),
    ]


def _left() -> list[Section]:
    """Return what says that there is more, in archives, where there is."""
    with connection.cursor() as cursor:
        since = kept_since(cursor)
    rows = [] if since is None else [{"ledger_entries_orders_and_trades_since": since}]
    return [Section("archived", lambda: iter([rows]))] if rows else []


def _of_user(name: str, user_id: int) -> Section:
    model, column, columns, renamed = _OF_USER[name]
    return Section(name, lambda: _walk(model.objects.filter(**{column: user_id}), columns, renamed))


def _of_accounts(name: str, accounts: Sequence[OwnAccount]) -> Section:
    model, columns, renamed = _OF_ACCOUNT[name]

    def pages() -> Iterator[list[Row]]:
        # One after the other: each is read by the index that begins with the account.
        for account in accounts:
            yield from _walk(model.objects.filter(account=account.pk), columns, renamed)

    return Section(name, pages)


def _records(user_id: int, accounts: Sequence[OwnAccount]) -> QuerySet[AuditRecord]:
    """Return what the person did, and what was done to them and their accounts."""
    subjects = [f"user:{user_id}", *(f"account:{account.public_id}" for account in accounts)]
    return AuditRecord.objects.filter(Q(user_id=user_id) | Q(subject__in=subjects))


def _walk(
    rows: QuerySet[Any], columns: Sequence[str], renamed: dict[str, Any]
) -> Iterator[list[Row]]:
    """Yield rows by ascending key, a page at a time; none is held longer than its page."""
    rows = rows.order_by("pk").annotate(
        **{f"_{name}": column for name, column in renamed.items()}, _key=F("pk")
    )
    last = None
    while True:
        page = rows if last is None else rows.filter(pk__gt=last)
        found = list(page.values("_key", *columns, *(f"_{name}" for name in renamed))[:ROWS_MAX])
        if found:
            yield [{k.removeprefix("_"): v for k, v in one.items() if k != "_key"} for one in found]
        if len(found) < ROWS_MAX:
            return
        last = found[-1]["_key"]
