"""Bearer tokens: made once, shown once, kept hashed."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.callers import SCOPES
from accounts.models import Account, ApiKey, User
from accounts.notices import publish_credentials_on_commit
from accounts.services.people import LABEL_LENGTH_MAX
from zavora.errors import Conflict, NotFound, ValidationFailed

TOKEN_PREFIX: Final = "zvr_"  # noqa: S105 - what tokens begin with is no secret
TOKEN_BYTES: Final = 32
TOKENS_OF_A_USER_MAX: Final = 1_000


def token_digest(token: str) -> str:
    """Return what is stored of a bearer token: its SHA-256, as the token itself is random."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic(durable=True)
def create_token(
    *,
    user_id: int,
    scopes: Sequence[str],
    label: str = "",
    expires_at: datetime | None = None,
    account_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a bearer token; return its row and its text, which is never shown again.

    ``account_id`` limits it to one account. Raises NotFound, ValidationFailed, AccountNotFound.
    """
    user, account = checked_key_fields(
        user_id=user_id, scopes=scopes, label=label, expires_at=expires_at, account_id=account_id
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
    publish_credentials_on_commit(user.pk)
    return key, token


def checked_key_fields(
    *,
    user_id: int,
    scopes: Sequence[str],
    label: str,
    expires_at: datetime | None,
    account_id: UUID | None,
) -> tuple[User, Account | None]:
    """Return the locked user and, where one is named, the account of a key about to be made.

    Raises NotFound, ValidationFailed, or Conflict where the user has too many keys.
    """
    user = User.objects.select_for_update().filter(pk=user_id, is_active=True).first()
    if user is None:
        raise NotFound("no such user")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise ValidationFailed("bad scopes", scopes="expected one or more of " + ", ".join(SCOPES))
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


@transaction.atomic(durable=True)
def revoke_key(*, key_id: int, owner_id: int | None = None) -> ApiKey:
    """Make a key worthless from now on; again is fine. ``owner_id`` None: by an operator.

    Raises NotFound, for somebody else's key, too.
    """
    keys = ApiKey.objects.select_for_update()
    if owner_id is not None:
        keys = keys.filter(owner_id=owner_id)
    key = keys.filter(pk=key_id).first()
    if key is None:
        raise NotFound("no such key")
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        publish_credentials_on_commit(key.owner_id)
    return key
