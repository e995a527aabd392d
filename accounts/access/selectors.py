"""Reads of who may get in: tokens and keys."""

from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.access.callers import KIND_HMAC, SCOPES, SIGNING_KINDS, Caller, SigningKey
from accounts.access.key_secrets import open_secret, token_digest
from accounts.models import (
    Account,
    ApiKey,
    User,
)
from zavora.foundation.errors import Unauthorized

TOKEN_LENGTH_MAX: Final = 128


def find_caller_by_token(token: str) -> Caller | None:
    """Return who a bearer token speaks for; None if unknown, revoked, expired or shut out.

    The look-up goes by the token's digest, so its time tells nothing about stored tokens.
    """
    if not token or len(token) > TOKEN_LENGTH_MAX:
        return None
    key = (
        ApiKey.objects.select_related("owner")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            lookup=token_digest(token),
            kind=ApiKey.Kind.BEARER,
            revoked_at__isnull=True,
            owner__is_active=True,
        )
        .first()
    )
    return None if key is None else _caller_of_key(key)


def find_api_key(lookup: str) -> SigningKey | None:
    """Return a signing key by its name; None if unknown, revoked, expired or shut out.

    One that is not limited to an account speaks, where a call names none, for its owner's oldest.
    None also where its secret cannot be read (the settings' secret is another one now).
    """
    key = (
        ApiKey.objects.select_related("owner")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            lookup=lookup,
            kind__in=SIGNING_KINDS,
            revoked_at__isnull=True,
            owner__is_active=True,
        )
        .first()
    )
    if key is None:
        return None
    caller = _caller_of_key(key)
    stored = bytes(key.secret or b"")
    material = open_secret(stored, name=key.lookup) if key.kind == KIND_HMAC else stored
    if not material or not caller.accounts:
        return None
    # Oldest first.
    account_id, account_pk = next(iter(caller.accounts.items()))
    return SigningKey(
        kind=key.kind,
        caller=caller,
        account_pk=account_pk,
        account_id=account_id,
        material=material,
    )


def _caller_of_key(key: ApiKey) -> Caller:
    accounts = _accounts_of(key.owner_id)
    if key.account_id is not None:
        accounts = {public: pk for public, pk in accounts.items() if pk == key.account_id}
    return Caller(
        user_id=key.owner_id,
        email=key.owner.email,
        key_id=key.pk,
        scopes=frozenset(key.scopes),
        accounts=accounts,
        only_account=key.account_id,
        ip_allowed=tuple(key.ip_allowed),
        expires_at=key.expires_at,
    )


def get_caller_of_user(user_id: int, *, confirmed_at: float = 0.0) -> Caller:
    """Return a logged-in user as a caller with every scope; Unauthorized if gone or shut out.

    ``confirmed_at`` is when the session last showed a second factor.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise Unauthorized("no such user")
    return Caller(
        user_id=user.pk,
        email=user.email,
        key_id=None,
        scopes=frozenset(SCOPES),
        accounts=_accounts_of(user.pk),
        confirmed_at=confirmed_at,
    )


def _accounts_of(user_id: int) -> dict[UUID, int]:
    return dict(
        Account.objects.filter(owner_id=user_id).order_by("pk").values_list("public_id", "pk")
    )


def list_keys(
    owner_id: int, *, only_account: int | None = None, cursor: int | None = None, limit: int
) -> list[ApiKey]:
    """Return a user's keys that are not revoked, newest first, at most ``limit``.

    ``only_account``: those limited to it. ``cursor``: what follows the key of this id.
    """
    keys = ApiKey.objects.filter(owner_id=owner_id, revoked_at__isnull=True)
    if only_account is not None:
        keys = keys.filter(account_id=only_account)
    if cursor is not None:
        keys = keys.filter(pk__lt=cursor)
    return list(keys.select_related("account").order_by("-pk")[:limit])
