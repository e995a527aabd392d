"""Reads of accounts and money: bounded queries, explicit order, no locks."""

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db.models import Case, Q, When
from django.utils import timezone

from accounts.callers import KIND_HMAC, SCOPES, SIGNING_KINDS, Caller, SigningKey
from accounts.key_secrets import open_secret
from accounts.models import (
    Account,
    ApiKey,
    Asset,
    AuditRecord,
    Balance,
    Deposit,
    LedgerEntry,
    User,
    Withdrawal,
)
from zavora.errors import AccountNotFound, Unauthorized

PAGE_MAX: Final = 1_000
TOKEN_LENGTH_MAX: Final = 128


# --- callers -------------------------------------------------------------------------------------


def find_caller_by_token(token: str) -> Caller | None:
    """Return who a bearer token speaks for; None if unknown, revoked, expired or shut out.

    The look-up goes by the token's digest, so its time tells nothing about stored tokens.
    """
    if not token or len(token) > TOKEN_LENGTH_MAX:
        return None
    digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
    key = (
        ApiKey.objects.select_related("owner")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            lookup=digest,
            kind=ApiKey.Kind.BEARER,
            revoked_at__isnull=True,
            owner__is_active=True,
        )
        .first()
    )
    if key is None:
        return None
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


def find_api_key(lookup: str) -> SigningKey | None:
    """Return a signing key by its name; None if unknown, revoked, expired or shut out.

    None also where its secret cannot be read (the settings' secret is another one now).
    """
    key = (
        ApiKey.objects.select_related("owner", "account")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            lookup=lookup,
            kind__in=SIGNING_KINDS,
            revoked_at__isnull=True,
            owner__is_active=True,
            account__isnull=False,
        )
        .first()
    )
    if key is None or key.account is None or key.account.owner_id != key.owner_id:
        return None
    stored = bytes(key.secret or b"")
    material = open_secret(stored, name=key.lookup) if key.kind == KIND_HMAC else stored
    if not material:
        return None
    return SigningKey(
        kind=key.kind,
        caller=Caller(
            user_id=key.owner_id,
            email=key.owner.email,
            key_id=key.pk,
            scopes=frozenset(key.scopes),
            accounts={key.account.public_id: key.account.pk},
            only_account=key.account.pk,
            ip_allowed=tuple(key.ip_allowed),
            expires_at=key.expires_at,
        ),
        account_pk=key.account.pk,
        account_id=key.account.public_id,
        material=material,
    )


def get_caller_of_user(user_id: int) -> Caller:
    """Return a logged-in user as a caller with every scope; Unauthorized if gone or shut out."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise Unauthorized("no such user")
    return Caller(
        user_id=user.pk,
        email=user.email,
        key_id=None,
        scopes=frozenset(SCOPES),
        accounts=_accounts_of(user.pk),
    )


def _accounts_of(user_id: int) -> dict[UUID, int]:
    return dict(
        Account.objects.filter(owner_id=user_id).order_by("pk").values_list("public_id", "pk")
    )


def find_user(email: str) -> User | None:
    """Return the user of an e-mail address, in any letter case."""
    return User.objects.filter(email=email.strip().lower()).first()


# --- accounts and money --------------------------------------------------------------------------


def get_account(public_id: UUID, *, owner_id: int | None = None) -> Account:
    """Return a customer's account; with ``owner_id`` only that user's. Else AccountNotFound."""
    accounts = Account.objects.filter(public_id=public_id, kind=Account.Kind.CUSTOMER)
    if owner_id is not None:
        accounts = accounts.filter(owner_id=owner_id)
    account = accounts.first()
    if account is None:
        raise AccountNotFound("no such account")
    return account


def has_demo_accounts() -> bool:
    """Tell whether any account is the demo's."""
    return Account.objects.filter(is_demo=True).exists()


def list_accounts(owner_id: int) -> list[Account]:
    """Return a user's accounts, oldest first, each with its balances at hand."""
    accounts = Account.objects.filter(owner_id=owner_id).order_by("pk")
    return list(accounts.prefetch_related("balances__asset"))


def list_balances(account_id: UUID) -> list[Balance]:
    """Return an account's balances by asset code, each with its asset."""
    balances = Balance.objects.filter(account__public_id=account_id)
    return list(balances.select_related("asset").order_by("asset__code"))


def get_balance(account_id: UUID, asset: str) -> Balance | None:
    """Return one balance with its asset, or None where the account never had that asset."""
    balances = Balance.objects.filter(account__public_id=account_id, asset__code=asset.upper())
    return balances.select_related("asset").first()


def list_balance_versions(account_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return how often each balance of some accounts has changed: by account id, then asset id."""
    versions: dict[int, dict[int, int]] = {}
    rows = Balance.objects.filter(account_id__in=account_ids).order_by("pk")
    for account_id, asset_id, version in rows.values_list("account_id", "asset_id", "version"):
        versions.setdefault(account_id, {})[asset_id] = version
    return versions


def list_ledger(
    account_id: UUID, *, asset: str | None = None, cursor: int | None = None, limit: int = 100
) -> list[LedgerEntry]:
    """Return an account's entries, newest first, each with its transaction and asset.

    ``cursor`` is the id of the last entry already seen.
    """
    account = get_account(account_id)
    entries = LedgerEntry.objects.filter(account_id=account.pk)
    if asset is not None:
        entries = entries.filter(asset__code=asset.upper())
    if cursor is not None:
        entries = entries.filter(pk__lt=cursor)
    entries = entries.select_related("transaction", "asset").order_by("-pk")
    return list(entries[: min(limit, PAGE_MAX)])


def list_deposits(account_id: UUID, *, limit: int = 100) -> list[Deposit]:
    """Return an account's deposits, newest first."""
    deposits = Deposit.objects.filter(account__public_id=account_id)
    return list(deposits.select_related("asset").order_by("-pk")[: min(limit, PAGE_MAX)])


def list_withdrawals(
    account_id: UUID, *, cursor: int | None = None, limit: int = 100
) -> list[Withdrawal]:
    """Return an account's withdrawals, newest first; ``cursor`` is the last id already seen."""
    withdrawals = Withdrawal.objects.filter(account__public_id=account_id)
    if cursor is not None:
        withdrawals = withdrawals.filter(pk__lt=cursor)
    return list(withdrawals.select_related("asset").order_by("-pk")[: min(limit, PAGE_MAX)])


def list_withdrawals_of_owner(account_ids: Sequence[int], *, limit: int = 50) -> list[Withdrawal]:
    """Return the pending withdrawals of some accounts, then the newest others; up to ``limit``."""
    withdrawals = Withdrawal.objects.filter(account_id__in=account_ids)
    pending = Case(When(state=Withdrawal.State.PENDING, then=0), default=1)
    rows = withdrawals.select_related("account", "asset").order_by(pending, "-pk")
    return list(rows[: min(limit, PAGE_MAX)])


def list_tokens(owner_id: int) -> list[ApiKey]:
    """Return a user's keys that are not revoked, newest first."""
    keys = ApiKey.objects.filter(owner_id=owner_id, revoked_at__isnull=True)
    return list(keys.select_related("account").order_by("-pk"))


def list_assets(*, active_only: bool = True) -> list[Asset]:
    """Return the assets by code."""
    assets = Asset.objects.order_by("code")
    return list(assets.filter(is_active=True) if active_only else assets)


def find_act(subjects: Sequence[str], name: str, value: str) -> AuditRecord | None:
    """Return the newest record about one of some subjects whose details say ``name: value``."""
    records = AuditRecord.objects.filter(subject__in=subjects, **{f"details__{name}": value})
    return records.order_by("-pk").first()
