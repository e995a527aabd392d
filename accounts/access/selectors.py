"""Reads of who may get in: tokens and keys."""

from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import F, Q, Value
from django.utils import timezone

from accounts.access.callers import (
    KIND_HMAC,
    ROLE_SCOPES,
    SCOPES,
    SIGNING_KINDS,
    Caller,
    Role,
    SigningKey,
)
from accounts.access.key_secrets import open_secret, token_digest
from accounts.access.rights import SHARED
from accounts.models import Account, ApiKey, Membership, User
from zavora.foundation.errors import Unauthorized

TOKEN_LENGTH_MAX: Final = 128


def find_caller_by_token(token: str) -> Caller | None:
    """Return who a bearer token speaks for; None if unknown, revoked, expired or shut out.

    None, too, where it is limited to an account that its owner is no member of any more. The
    look-up goes by the token's digest, so its time tells nothing about stored tokens.
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
    if not material or caller is None or not caller.accounts:
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


class _Reach(NamedTuple):
    """Accounts by public id, one's own first, and the roles in those that are not."""

    accounts: dict[UUID, int]
    roles: dict[int, Role]


def _caller_of_key(key: ApiKey) -> Caller | None:
    scopes = frozenset(key.scopes)
    if key.account_id is None:
        reach = _Reach(_own_accounts(key.owner_id), {})
    else:
        reach = _reach_of(key.owner_id, only=key.account_id)
        if not reach.accounts:
            return None
        scopes &= ROLE_SCOPES[reach.roles.get(key.account_id, Role.OWNER)]
    return Caller(
        user_id=key.owner_id,
        email=key.owner.email,
        key_id=key.pk,
        scopes=scopes,
        accounts=reach.accounts,
        roles=reach.roles,
        only_account=key.account_id,
        only_markets=frozenset(key.markets) if key.markets else None,
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
    reach = _reach_of(user.pk)
    return Caller(
        user_id=user.pk,
        email=user.email,
        key_id=None,
        scopes=frozenset(SCOPES),
        accounts=reach.accounts,
        roles=reach.roles,
        confirmed_at=confirmed_at,
    )


def _own_accounts(user_id: int) -> dict[UUID, int]:
    return dict(
        Account.objects.filter(owner_id=user_id).order_by("pk").values_list("public_id", "pk")
    )


def _reach_of(user_id: int, *, only: int | None = None) -> _Reach:
    """Return one's own accounts, oldest first, and then those that others share; one query."""
    own = Account.objects.filter(owner_id=user_id)
    shared = Membership.objects.filter(SHARED, user_id=user_id)
    if only is not None:
        own, shared = own.filter(pk=only), shared.filter(account_id=only)
    rows = own.values_list("public_id", "pk", Value(Role.OWNER.value)).union(
        shared.values_list(F("account__public_id"), "account_id", "role"), all=True
    )
    found = sorted(rows, key=lambda row: (row[2] != Role.OWNER, row[1]))
    return _Reach(
        {public_id: pk for public_id, pk, _ in found},
        {pk: Role(role) for _, pk, role in found if role != Role.OWNER},
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
