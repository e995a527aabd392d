"""Bearer tokens: made once, shown once, kept hashed."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.callers import SCOPE_WITHDRAW, SCOPES
from accounts.access.confirmation import require_factor_to_withdraw
from accounts.access.key_secrets import token_digest
from accounts.access.rights import is_privileged
from accounts.audit import record_act
from accounts.models import Account, ApiKey, User
from accounts.notices import publish_credentials_on_commit
from accounts.people.services import LABEL_LENGTH_MAX
from zavora.foundation.errors import Conflict, NotFound, ValidationFailed

TOKEN_PREFIX: Final = "zvr_"  # noqa: S105 - what tokens begin with is no secret
TOKEN_BYTES: Final = 32
TOKENS_OF_A_USER_MAX: Final = 1_000


@transaction.atomic(durable=True)
def create_token(
    *,
    by: Actor,
    user_id: int,
    scopes: Sequence[str],
    label: str = "",
    expires_at: datetime | None = None,
    account_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a bearer token; return its row and its text, which is never shown again.

    ``account_id`` limits it to one account. Raises Forbidden, NotFound, ValidationFailed.
    """
    user, account = checked_key_fields(
        by=by,
        user_id=user_id,
        scopes=scopes,
        label=label,
        expires_at=expires_at,
        account_id=account_id,
    )
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    key = ApiKey.objects.create(
        owner=user,
        kind=ApiKey.Kind.BEARER,
        lookup=token_digest(token),
        label=label,
        scopes=[scope for scope in SCOPES if scope in scopes],
        account=account,
        expires_at=expires_at,
    )
    record_key(by, "key.create", key)
    publish_credentials_on_commit(user.pk)
    return key, token


def checked_key_fields(
    *,
    by: Actor,
    user_id: int,
    scopes: Sequence[str],
    label: str,
    expires_at: datetime | None,
    account_id: UUID | None,
) -> tuple[User, Account | None]:
    """Return the locked user and, where one is named, the account of a key about to be made.

    One makes keys for oneself, at a session; for somebody else only with the permission. Raises
    Forbidden, NotFound, ValidationFailed, or Conflict where the user has too many keys.
    """
    if by.kind is not ActorKind.USER or by.user_id != user_id:
        by.require(Permission.ADD_KEY)
    user = User.objects.select_for_update().filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotFound("no such user")
    if not by.is_customer:
        by.require_over(is_privileged=is_privileged(user), what="make keys")
    _check_scopes(by, scopes)
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise ValidationFailed(
            "bad label", label=f"expected at most {LABEL_LENGTH_MAX} printable characters"
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationFailed("bad expiry", expires_at="expected a time in the future")
    if user.api_keys.filter(revoked_at__isnull=True).count() >= TOKENS_OF_A_USER_MAX:
        raise Conflict(f"a user has at most {TOKENS_OF_A_USER_MAX} keys")
    account = None
    if account_id is not None:
        account = user.accounts.filter(public_id=account_id).first()
        if account is None:
            raise ValidationFailed("unknown account", account="expected one of the user's")
    return user, account


def _check_scopes(by: Actor, scopes: Sequence[str]) -> None:
    """Raise ValidationFailed for scopes that are none, Forbidden for one that takes more."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValidationFailed("bad scopes", scopes="expected one or more of " + ", ".join(SCOPES))
    if SCOPE_WITHDRAW in scopes:
        require_factor_to_withdraw(by)


@transaction.atomic(durable=True)
def revoke_key(*, by: Actor, key_id: int) -> ApiKey:
    """Make a key worthless from now on; again is fine.

    Its owner may at a session, an operator with the permission. Raises Forbidden, or NotFound, for
    somebody else's key, too, where a customer asks.
    """
    keys = ApiKey.objects.select_for_update(of=("self",)).select_related("owner")
    found = keys.filter(pk=key_id).first()
    if by.is_customer:
        if found is None or by.kind is not ActorKind.USER or found.owner_id != by.user_id:
            raise NotFound("no such key")
    else:
        by.require(Permission.REVOKE_KEY)
        if found is None:
            raise NotFound("no such key")
        by.require_over(is_privileged=is_privileged(found.owner), what="revoke keys")
    if found.revoked_at is None:
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
        record_key(by, "key.revoke", found)
        publish_credentials_on_commit(found.owner_id)
    return found


def record_key(by: Actor, act: str, key: ApiKey) -> None:
    """Write down what was done to a key: which, and what it may, but never its secret."""
    limits: dict[str, Any] = {
        "kind": str(key.kind),
        "scopes": key.scopes,
        "account": key.account_id,
        "ip_allowed": key.ip_allowed,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
    record_act(by, act, f"user:{key.owner_id}", key=key.pk, label=key.label, **limits)
