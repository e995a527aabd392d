"""Invitations to become a member of an account: made, accepted, declined, withdrawn.

They go to an e-mail address by a link that works once. Whether anybody has that address is asked by
none of this before somebody logs in by it, so an invitation tells nobody who is a customer.
"""

import secrets
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.access.key_secrets import token_digest
from accounts.access.rights import require_own
from accounts.audit import record_act
from accounts.models import Account, Invitation, Membership, User
from accounts.notices import publish_credentials_on_commit
from accounts.people.emails import has_proved_email
from accounts.people.locks import lock_account, lock_user
from accounts.people.members import check_role, require_session
from zavora.foundation.errors import Conflict, NotFound, RateLimited, ValidationFailed

INVITATION_DAYS: Final = 7
# Members and open invitations of an account, together.
MEMBERS_MAX: Final = 20
# Of one person, to all their accounts.
INVITATIONS_A_DAY_MAX: Final = 50
# To one address, whoever asks: nobody is flooded with them.
INVITATIONS_TO_AN_ADDRESS_A_DAY_MAX: Final = 5
TOKEN_BYTES: Final = 32
TOKEN_LENGTH_MAX: Final = 64
EMAIL_LENGTH_MAX: Final = 254
_DAY: Final = timedelta(days=1)
_OPEN: Final = {
    "accepted_at__isnull": True,
    "declined_at__isnull": True,
    "withdrawn_at__isnull": True,
}


@transaction.atomic(durable=True)
def invite_member(*, by: Actor, account_id: UUID, email: str, role: str) -> tuple[Invitation, str]:
    """Offer whoever has an address a role in one's own account, for a week.

    Return the invitation and the token of its link, which is for the mail alone. An open one to the
    same address ends. Raises Forbidden (for members and keys, too), AccountNotFound,
    ValidationFailed (the address, the role), Conflict (too many), or RateLimited (too many a day).
    """
    user_id = require_session(by)
    check_role(role)
    email = _checked_email(email)
    # Invitations of a day are counted over all accounts of the person.
    inviter = lock_user(user_id)
    account = lock_account(account_id)
    require_own(by, account, what="invite people to others' accounts")
    if email == inviter.email:
        raise ValidationFailed("not oneself", email="expected another address than your own")
    if account.memberships.filter(user__email=email).exists():
        raise ValidationFailed("a member already", email="is a member's: change their role instead")
    now = timezone.now()
    earlier = _ended(account, email)
    _check_counts(account, user_id, email)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation = Invitation.objects.create(
        account=account, email=email, role=role, token_digest=token_digest(token),
        made_by=inviter, created_at=now, expires_at=now + timedelta(days=INVITATION_DAYS),
    )  # fmt: skip
    was = {"role": earlier.role if earlier else None}
    _record(by, "member.invite", invitation, was=was, now={"role": role})
    return invitation, token


@transaction.atomic(durable=True)
def accept_invitation(*, by: Actor, token: str) -> Membership:
    """Become a member, by the token of an invitation to one's own, proved address.

    Raises Forbidden (for keys), NotFound for an invitation that is not there, not theirs, or over,
    and Conflict for somebody who is a member or the owner.
    """
    user_id = require_session(by)
    invitation = _lock_invitation(user_id, token)
    account = invitation.account
    is_member = account.memberships.filter(user_id=user_id).exists()
    if is_member or account.owner_id == user_id:
        raise Conflict("you share this account already")
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    member = Membership.objects.create(
        account=account, user_id=user_id, role=invitation.role, made_by=invitation.made_by
    )
    roles = {"was": {"role": None}, "now": {"role": member.role}}
    _record(by, "member.accept", invitation, member=user_id, **roles)
    publish_credentials_on_commit(user_id)
    return member


@transaction.atomic(durable=True)
def decline_invitation(*, by: Actor, token: str) -> None:
    """Refuse an invitation to one's own address. Raises Forbidden or NotFound, as accepting."""
    user_id = require_session(by)
    invitation = _lock_invitation(user_id, token)
    invitation.declined_at = timezone.now()
    invitation.save(update_fields=["declined_at"])
    _record(by, "member.decline", invitation, **_states("declined"))


@transaction.atomic(durable=True)
def withdraw_invitation(*, by: Actor, account_id: UUID, invitation_id: int) -> None:
    """End an open invitation to one's own account.

    Raises Forbidden (for members and keys, too), AccountNotFound, or NotFound.
    """
    require_session(by)
    account = lock_account(account_id)
    require_own(by, account, what="withdraw others' invitations")
    invitation = account.invitations.filter(pk=invitation_id, **_OPEN).first()
    if invitation is None:
        raise NotFound("no such invitation")
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    _record(by, "member.withdraw", invitation, **_states("withdrawn"))


def find_invitation(user_id: int, token: str) -> Invitation | None:
    """Return the open invitation of a token, where it is to a proved address of the user's."""
    if not 0 < len(token) <= TOKEN_LENGTH_MAX:
        return None
    found = Invitation.objects.select_related("account__owner", "made_by").filter(
        token_digest=token_digest(token), expires_at__gt=timezone.now(), **_OPEN
    )
    invitation = found.first()
    if invitation is None or not has_proved_email(user_id):
        return None
    is_theirs = User.objects.filter(pk=user_id, email=invitation.email).exists()
    return invitation if is_theirs else None


def _lock_invitation(user_id: int, token: str) -> Invitation:
    """Return a user's open invitation with its account locked, which each change of it takes."""
    found = find_invitation(user_id, token)
    if found is not None:
        lock_account(found.account.public_id)
        # Another may have changed it before the lock was ours.
        found = find_invitation(user_id, token)
    if found is None:
        raise NotFound("this invitation is not yours, or not good any more")
    return found


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationFailed("bad e-mail address", email="expected an e-mail address") from None
    if len(email) > EMAIL_LENGTH_MAX:
        expected = f"expected at most {EMAIL_LENGTH_MAX} characters"
        raise ValidationFailed("bad e-mail address", email=expected)
    return email


def _ended(account: Account, email: str) -> Invitation | None:
    """End an earlier invitation of the account to the same address, and return it."""
    earlier = account.invitations.filter(email=email, **_OPEN).first()
    if earlier is not None:
        earlier.withdrawn_at = timezone.now()
        earlier.save(update_fields=["withdrawn_at"])
    return earlier


def _check_counts(account: Account, user_id: int, email: str) -> None:
    now = timezone.now()
    waiting = account.invitations.filter(expires_at__gt=now, **_OPEN).count()
    if account.memberships.count() + waiting >= MEMBERS_MAX:
        raise Conflict(f"an account has at most {MEMBERS_MAX} members and open invitations")
    of_a_day = Invitation.objects.filter(created_at__gt=now - _DAY)
    limits = (
        (of_a_day.filter(made_by_id=user_id), INVITATIONS_A_DAY_MAX, "invitations"),
        (of_a_day.filter(email=email), INVITATIONS_TO_AN_ADDRESS_A_DAY_MAX, "to this address"),
    )
    for made, most, what in limits:
        if made.count() >= most:
            raise RateLimited(
                f"too many {what}: at most {most} a day",
                retry_after=int(_DAY.total_seconds()),
                limit=most,
            )


def _states(now: str) -> dict[str, dict[str, str]]:
    return {"was": {"state": "open"}, "now": {"state": now}}


def _record(by: Actor, act: str, invitation: Invitation, **more: Any) -> None:
    about = f"account:{invitation.account.public_id}"
    record_act(by, act, about, invitation=invitation.pk, invited=invitation.email, **more)
