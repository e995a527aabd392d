"""Address books: where an account's withdrawals may go, and from when on.

An address waits for the cooling-off time (``ZAVORA_ADDRESS_COOLING_HOURS``) before it is used, so
that a thief with a session has to stay unnoticed for as long. With the allow-list mode, withdrawals
go to addresses of the book alone; it is switched on at once, and off only after that time.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.access.actor import Actor
from accounts.access.callers import SCOPE_WITHDRAW
from accounts.access.rights import require_own
from accounts.approval_rows import moment
from accounts.audit import record_act
from accounts.models import Account, Asset, WithdrawalAddress
from accounts.money.postings import get_asset
from accounts.people.locks import lock_account
from accounts.people.services import LABEL_LENGTH_MAX
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed
from zavora.foundation.idempotency import KEY_LENGTH_MAX

ADDRESS_LENGTH_MAX: Final = KEY_LENGTH_MAX
ADDRESSES_OF_AN_ACCOUNT_MAX: Final = 1_000


def cooling_time() -> timedelta:
    """Return how long a new address waits, and the end of the allow-list mode."""
    return timedelta(hours=settings.ZAVORA_ADDRESS_COOLING_HOURS)


def checked_address(address: str) -> str:
    """Return an address that the tables can hold, or an empty one; else raise ValidationFailed."""
    if len(address) > ADDRESS_LENGTH_MAX or not address.isprintable():
        raise ValidationFailed(
            "bad address", address=f"expected at most {ADDRESS_LENGTH_MAX} printable characters"
        )
    return address


def is_allow_list_on(account: Account, *, now: datetime) -> bool:
    """Return whether an account's withdrawals go to addresses of its book alone."""
    ends_at = account.allow_list_ends_at
    return account.has_allow_list and (ends_at is None or now < ends_at)


def check_address(account: Account, asset: Asset, address: str, *, now: datetime) -> None:
    """Raise Forbidden where the account's book does not let money go to an address yet.

    The account is locked. An address that is not in the book may be used without the allow-list.
    """
    known = WithdrawalAddress.objects.filter(
        account=account, asset=asset, address=address, removed_at=None
    ).first()
    if known is None:
        if is_allow_list_on(account, now=now):
            raise Forbidden("withdrawals of this account go to addresses of its book alone")
    elif now < known.usable_at:
        raise Forbidden(
            f"this address can be used from {known.usable_at:%Y-%m-%d %H:%M} UTC on",
            usable_at=known.usable_at.isoformat(),
        )


@transaction.atomic(durable=True)
def add_address(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    address: str,
    label: str = "",
    now: datetime | None = None,
) -> WithdrawalAddress:
    """Put an address into one's own book; it is usable after the cooling-off time.

    One that is there already is returned as it is: neither its label nor its time changes. Raises
    Forbidden (without the scope), AccountNotFound, ValidationFailed, or Conflict where the book is
    full.
    """
    by.require_scope(SCOPE_WITHDRAW)
    address, label = checked_address(address.strip()), label.strip()
    if not address:
        raise ValidationFailed("no address", address="expected where money is to go")
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise ValidationFailed(
            "bad label", label=f"expected at most {LABEL_LENGTH_MAX} printable characters"
        )
    account = lock_account(account_id)
    require_own(by, account, what="keep address books of others")
    the_asset = get_asset(asset)
    book = WithdrawalAddress.objects.filter(account=account, removed_at=None)
    if earlier := book.filter(asset=the_asset, address=address).first():
        return earlier
    if book.count() >= ADDRESSES_OF_AN_ACCOUNT_MAX:
        raise Conflict(f"an account has at most {ADDRESSES_OF_AN_ACCOUNT_MAX} addresses")
    now = moment(now)
    record = WithdrawalAddress.objects.create(
        account=account,
        asset=the_asset,
        address=address,
        label=label,
        created_at=now,
        usable_at=now + cooling_time(),
    )
    _record(by, "address.add", record, account)
    return record


@transaction.atomic(durable=True)
def remove_address(
    *, by: Actor, account_id: UUID, address_id: int, now: datetime | None = None
) -> WithdrawalAddress:
    """Take an address out of one's own book, at once; again is fine.

    Raises Forbidden (without the scope), AccountNotFound or NotFound, for somebody else's too.
    """
    by.require_scope(SCOPE_WITHDRAW)
    account = lock_account(account_id)
    require_own(by, account, what="keep address books of others")
    record = WithdrawalAddress.objects.filter(account=account, pk=address_id).first()
    if record is None:
        raise NotFound("no such address")
    if record.removed_at is None:
        record.removed_at = moment(now)
        record.save(update_fields=["removed_at"])
        removed_at = record.removed_at.isoformat()
        _record(
            by, "address.remove", record, account,
            was={"removed_at": None}, now={"removed_at": removed_at},
        )  # fmt: skip
    return record


@transaction.atomic(durable=True)
def set_allow_list(
    *, by: Actor, account_id: UUID, is_on: bool, now: datetime | None = None
) -> Account:
    """Let one's withdrawals go to addresses of the book alone, from now on, or no longer.

    It ends after the cooling-off time, and switching it on again before that keeps it. Raises
    Forbidden (without the scope), AccountNotFound.
    """
    by.require_scope(SCOPE_WITHDRAW)
    account = lock_account(account_id)
    require_own(by, account, what="keep address books of others")
    now = moment(now)
    was_on = is_allow_list_on(account, now=now)
    was_ending = was_on and account.allow_list_ends_at is not None
    if is_on == (was_on and not was_ending):
        return account
    if not is_on and was_ending:
        return account  # asking again makes it neither sooner nor later
    was = _allow_list_of(account)
    account.has_allow_list = is_on or was_on
    account.allow_list_ends_at = None if is_on else now + cooling_time()
    account.updated_at = now
    account.save(update_fields=["has_allow_list", "allow_list_ends_at", "updated_at"])
    record_act(
        by, "account.allow_list", f"account:{account.public_id}",
        was=was, now=_allow_list_of(account),
    )  # fmt: skip
    return account


def _allow_list_of(account: Account) -> dict[str, Any]:
    """Return how an account's allow-list stands, as records of acts say it."""
    ends_at = account.allow_list_ends_at
    return {
        "has_allow_list": account.has_allow_list,
        "allow_list_ends_at": None if ends_at is None else ends_at.isoformat(),
    }


def _record(
    by: Actor, act: str, record: WithdrawalAddress, account: Account, **change: Any
) -> None:
    record_act(
        by, act, f"account:{account.public_id}", entry=str(record.pk), asset=record.asset.code,
        address=record.address, label=record.label, usable_at=record.usable_at.isoformat(),
        **change,
    )  # fmt: skip
