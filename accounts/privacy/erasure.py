"""The erasure of a person: all that names them goes, all that adds up stays.

Accounts, ledger, orders, trades, withdrawals and records of acts stay under numbers that lead to
nobody any more (docs/adr/0033-privacy.md). It is refused while anything is theirs or on its way.
"""

import secrets
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Q, Sum

from accounts.access.actor import Actor, ActorKind
from accounts.access.confirmation import CONFIRMED_S, has_second_factor
from accounts.access.rights import is_privileged
from accounts.access.security_log import note
from accounts.approval_rows import moment
from accounts.audit import record_act
from accounts.models import (
    HELD_STATES,
    Account,
    ApiKey,
    Approval,
    Balance,
    Deposit,
    Invitation,
    Membership,
    Payout,
    Preferences,
    ProviderEvent,
    Report,
    User,
    Withdrawal,
    WithdrawalAddress,
)
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_accounts, lock_user
from accounts.people.mails import mail_on_commit
from accounts.people.members import end_memberships
from accounts.people.roles import take_all_rights
from accounts.people.sessions import end_all_sessions
from accounts.privacy.elsewhere import take_elsewhere
from zavora.foundation.errors import Conflict, Forbidden, NotFound

# What nobody can have: the domain is nobody's for good (RFC 2606).
ERASED_DOMAIN: Final = "erased.invalid"
_OPEN_PAYOUTS: Final = (
    Payout.State.WAITING,
    Payout.State.SENDING,
    Payout.State.SENT,
    Payout.State.DEAD,
)
_OPEN_EVENTS: Final = (
    ProviderEvent.Outcome.WAITING,
    ProviderEvent.Outcome.CONTRADICTS,
    ProviderEvent.Outcome.UNMATCHED,
)
TOLD: Final = (
    "Your account is deleted, as you asked. What named you is gone. The exchange keeps entries of"
    " its books and its records of what was done, under a number that leads to nobody."
)


@transaction.atomic(durable=True)
def erase_own_person(*, by: Actor, email: str, now: datetime | None = None) -> None:
    """Take away all that names oneself, for good. ``email`` is one's address, typed once more.

    Raises Forbidden for all who are at no session or have not just shown the second factor that
    they have, Conflict for staff, and as ``erase_now``; then nothing was written.
    """
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session delete their account")
    user = lock_user(by.user_id)
    if not user.is_active:
        raise NotFound("the user is shut out")
    if has_second_factor(user.pk) and time.time() - by.confirmed_at >= CONFIRMED_S:
        raise Forbidden("this asks for your second factor", confirm="/account/confirm")
    if is_privileged(user):
        raise Conflict("staff delete no accounts", rights="a superuser takes them away first")
    if email.strip().lower() != user.email:
        raise Conflict("this is not your e-mail address", email="expected your own address")
    erase_now(by, user_id=user.pk, now=moment(now))


def erase_now(by: Actor, *, user_id: int, now: datetime, **more: Any) -> User:
    """Erase a person in the present transaction; that ``by`` may is known. ``more`` is recorded.

    Raises NotFound, Forbidden about staff for who is no superuser, or Conflict for who is erased
    already, and while anything is theirs or on its way; the details say what.
    """
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="erase people")
    if user.erased_at is not None:
        raise Conflict("the person is erased already")
    concerned = Account.objects.filter(Q(owner=user) | Q(memberships__user=user)).distinct()
    ids = list(concerned.values_list("public_id", flat=True))
    # Whatever moves money of theirs waits now, and then finds the accounts closed.
    locked = lock_accounts(ids).values()
    accounts = [one for one in locked if one.owner_id == user.pk]
    if obstacles := list_obstacles(user):
        raise Conflict("the person cannot be erased yet", **obstacles)
    email = user.email
    _leave(by, user, accounts)
    _close(accounts, now)
    _take_names(user, now)
    _take_rows(user, accounts)
    record_act(
        by, "user.erase", f"user:{user.pk}",
        was={"erased_at": None}, now={"erased_at": now.isoformat()},
        accounts=sorted(str(one.public_id) for one in accounts), **more,
    )  # fmt: skip
    publish_credentials_on_commit(user.pk)
    mail_on_commit(email, "Your account is deleted", TOLD)
    note("person_erased", user_id=user.pk)
    return user


def list_obstacles(user: User) -> dict[str, str]:
    """Return what keeps a person from being erased, each by a name, in words; empty: nothing.

    Read in the order in which money moves, so that it is not missed between two places: all
    balances are of one moment, and what is not yet in them is asked for before.
    """
    accounts = list(user.accounts.values_list("pk", flat=True))
    of = {"account__in": accounts}
    events = ProviderEvent.objects.filter(outcome__in=_OPEN_EVENTS, **of).count()
    deposits = Deposit.objects.filter(state=Deposit.State.PENDING, **of).count()
    payouts = Payout.objects.filter(state__in=_OPEN_PAYOUTS, **of).count()
    withdrawals = Withdrawal.objects.filter(state__in=HELD_STATES, **of).count()
    approvals = Approval.objects.filter(state=Approval.State.REQUESTED, **of).count()
    found = {
        "deposits": _counted(deposits, "deposit", "that is not booked yet"),
        "withdrawals": _counted(max(withdrawals, payouts), "withdrawal", "under way"),
        "approvals": _counted(approvals, "decision", "of operators that waits"),
        "events": _counted(events, "message", "of a provider that is not clear yet"),
        **_held(accounts),
    }
    return {name: text for name, text in found.items() if text}


def _held(accounts: Collection[int]) -> dict[str, str]:
    """Return what is on balances, and what of it holds; an open order holds something, always."""
    rows = (
        Balance.objects.filter(account__in=accounts)
        .exclude(available=0, locked=0)
        .order_by("asset__code")
        .values_list("asset__code")
        .annotate(Sum("available"), Sum("locked"))
    )
    there, held = [], []
    for code, available, locked in rows:
        there.append(f"{(available + locked).normalize():f} {code}")
        if locked:
            held.append(f"{locked.normalize():f} {code}")
    return {
        "balances": ", ".join(there),
        "orders": f"held by open orders or withdrawals: {', '.join(held)}" if held else "",
    }


def _counted(count: int, word: str, more: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'} {more}" if count else ""


def _close(accounts: Collection[Account], now: datetime) -> None:
    for account in accounts:
        account.label, account.status, account.updated_at = "", Account.Status.CLOSED, now
        account.has_allow_list, account.allow_list_ends_at = False, None
        account.save()


def _leave(by: Actor, user: User, accounts: Collection[Account]) -> None:
    """End what others share with the person, and they with others."""
    of_theirs = Q(account__in=[one.pk for one in accounts])
    shared = Membership.objects.select_related("account", "user").order_by("pk")
    end_memberships(by, shared.filter(Q(user=user) | of_theirs))
    Invitation.objects.filter(Q(email=user.email) | of_theirs).delete()


def _take_names(user: User, now: datetime) -> None:
    user.email = f"{secrets.token_hex(16)}@{ERASED_DOMAIN}"
    user.set_unusable_password()
    user.is_active, user.last_login, user.verification_level = False, None, 0
    take_all_rights(user)
    user.withdrawals_paused_until, user.erased_at = None, now
    user.save()


def _take_rows(user: User, accounts: Collection[Account]) -> None:
    """Delete what tells of the person, and of what stays the words that do."""
    of = {"account__in": [one.pk for one in accounts]}
    end_all_sessions(user.pk)
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    Preferences.objects.filter(user=user).delete()
    take_elsewhere(user.pk)
    keys = ApiKey.objects.filter(owner=user)
    _take_log(user, accounts, list(keys.values_list("pk", flat=True)))
    keys.delete()
    Report.objects.filter(Q(person=user) | Q(**of)).delete()
    WithdrawalAddress.objects.filter(**of).delete()
    # As a version before wrote it, with the address of the person behind the number.
    theirs = Withdrawal.objects.filter(decided_by__startswith=f"user:{user.pk} ", **of)
    theirs.update(decided_by=f"user:{user.pk}")
    ProviderEvent.objects.filter(**of).update(body={})
    with connection.cursor() as cursor:
        # Notes are append-only: they go by the owner's function, which asks whether it is so.
        cursor.execute("SELECT accounts_erase_notes(%s)", [user.pk])


def _take_log(user: User, accounts: Collection[Account], keys: Collection[int]) -> None:
    """Delete what the operators' pages log by the names that rows had; the records stay."""
    for model, ids in (
        (User, [user.pk]), (Account, [one.pk for one in accounts]), (ApiKey, keys),
    ):  # fmt: skip
        kind = ContentType.objects.get_for_model(model)
        of = {"content_type": kind, "object_id__in": [str(one) for one in ids]}
        LogEntry.objects.filter(**of).delete()
