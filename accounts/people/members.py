"""Members of an account: what they may do, changed and ended.

The owner is the account's own user and no member. How members come in is ``invitations``; what
their roles allow is ``accounts.access``. Every act locks the account first, so that of two at once
one sees what the other did.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind
from accounts.access.rights import require_own
from accounts.audit import record_act
from accounts.models import Account, ApiKey, MemberRole, Membership
from accounts.notices import publish_credentials_on_commit
from accounts.people.locks import lock_account
from zavora.foundation.errors import Forbidden, NotFound, ValidationFailed


@transaction.atomic(durable=True)
def change_member_role(*, by: Actor, account_id: UUID, member_id: int, role: str) -> Membership:
    """Give a member of one's own account another role; the one they have already is fine.

    Their keys for the account stay, and may what the role allows from now on. Raises Forbidden (for
    members and keys, too), AccountNotFound, NotFound, or ValidationFailed for an unknown role.
    """
    require_session(by)
    check_role(role)
    account = lock_account(account_id)
    require_own(by, account, what="change members of others' accounts")
    member = _lock_member(account, member_id)
    if member.role != role:
        was, member.role = member.role, role
        member.save(update_fields=["role"])
        _record(by, "member.role", member, was=was, now=role)
        publish_credentials_on_commit(member.user_id)
    return member


@transaction.atomic(durable=True)
def remove_member(*, by: Actor, account_id: UUID, member_id: int) -> None:
    """End somebody's membership in one's own account, and their keys for it, for good.

    Raises Forbidden (for members and keys, too), AccountNotFound, or NotFound.
    """
    require_session(by)
    account = lock_account(account_id)
    require_own(by, account, what="remove members of others' accounts")
    _end(by, "member.remove", _lock_member(account, member_id))


@transaction.atomic(durable=True)
def leave_account(*, by: Actor, account_id: UUID) -> None:
    """End one's own membership in somebody else's account, and one's keys for it, for good.

    Raises Forbidden (for keys), AccountNotFound, or NotFound where one is no member.
    """
    user_id = require_session(by)
    account = lock_account(account_id)
    member = Membership.objects.filter(account=account, user_id=user_id).first()
    if member is None:
        raise NotFound("no such membership")
    _end(by, "member.leave", member)


def end_memberships(by: Actor, memberships: Iterable[Membership]) -> None:
    """End these, and the keys of members for the accounts, within the present transaction.

    The accounts are locked, and that ``by`` may is known.
    """
    for member in memberships:
        _end(by, "member.remove", member)


def require_session(by: Actor) -> int:
    """Return the id of the person who sits at a session; Forbidden for everybody else."""
    if by.kind is not ActorKind.USER or by.user_id is None:
        raise Forbidden("accounts are shared by people, at a browser session")
    return by.user_id


def check_role(role: str) -> None:
    """Raise ValidationFailed for what is no role of a member."""
    if role not in MemberRole.values:
        expected = "expected one of " + ", ".join(MemberRole.values)
        raise ValidationFailed("unknown role", role=expected)


def _lock_member(account: Account, member_id: int) -> Membership:
    # Who makes a key for the account holds this row (``accounts.keys.tokens``).
    members = Membership.objects.select_for_update().filter(account=account)
    member = members.filter(pk=member_id).first()
    if member is None:
        raise NotFound("no such member")
    return member


def _end(by: Actor, act: str, member: Membership) -> None:
    member = _lock_member(member.account, member.pk)
    keys = ApiKey.objects.filter(
        owner_id=member.user_id, account_id=member.account_id, revoked_at__isnull=True
    )
    # Else they would be good again, should the person be invited again.
    key_ids = sorted(keys.values_list("pk", flat=True))
    keys.update(revoked_at=timezone.now())
    _record(by, act, member, was=member.role, now=None, revoked_keys=key_ids)
    publish_credentials_on_commit(member.user_id)
    member.delete()


def _record(
    by: Actor, act: str, member: Membership, *, was: str, now: str | None, **more: Any
) -> None:
    about = f"account:{member.account.public_id}"
    roles: dict[str, Any] = {"was": {"role": was}, "now": {"role": now}}
    record_act(by, act, about, member=member.user_id, **roles, **more)
