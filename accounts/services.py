"""What happens to people, accounts, credentials and money: one verb, one atomic transaction each.

Money enters and leaves here; between customers it moves in the worker's batches only. Services
that move money lock the account first, then its balance, so that a repeated request sees the
first one's result and a freeze sees no withdrawal in flight.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.callers import SCOPES
from accounts.models import (
    Account,
    ApiKey,
    Asset,
    Balance,
    Deposit,
    LedgerTransaction,
    User,
    Withdrawal,
)
from accounts.notices import publish_balances_on_commit, publish_credentials_on_commit
from accounts.postings import (
    balance_state,
    change_balance,
    checked_amount,
    get_asset,
    lock_account,
    lock_balance,
    move_with_outside,
)
from zavora.errors import (
    AccountFrozen,
    Conflict,
    Forbidden,
    InsufficientBalance,
    NotFound,
    ValidationFailed,
)
from zavora.money import EXACT, SCALE_MAX

SOURCE_FAUCET: Final = "faucet"
SOURCE_OPERATOR: Final = "operator"
DEFAULT_ACCOUNT_LABEL: Final = "Main"
TOKEN_PREFIX: Final = "zvr_"  # noqa: S105 - what tokens begin with is no secret
TOKEN_BYTES: Final = 32
ACCOUNTS_OF_A_USER_MAX: Final = 1_000
TOKENS_OF_A_USER_MAX: Final = 1_000
LABEL_LENGTH_MAX: Final = 64
KEY_LENGTH_MAX: Final = 128
ZERO: Final = Decimal(0)


# --- people and accounts -------------------------------------------------------------------------


@transaction.atomic(durable=True)
def create_user(
    *, email: str, password: str | None, is_staff: bool = False, is_superuser: bool = False
) -> User:
    """Make a user; without a password they can only use tokens.

    Raises ValidationFailed for a bad address or password, Conflict where the address is taken.
    """
    return _make_user(email, password, is_staff=is_staff, is_superuser=is_superuser)


@transaction.atomic(durable=True)
def sign_up(*, email: str, password: str) -> User:
    """Make a user with a first account, both or neither. Raises as ``create_user``."""
    user = _make_user(email, password, is_staff=False, is_superuser=False)
    _make_account(user, label=DEFAULT_ACCOUNT_LABEL, is_demo=False)
    return user


@transaction.atomic(durable=True)
def ensure_user(
    *,
    email: str,
    password: str | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
    is_demo: bool = False,
) -> User:
    """Return the user of ``email`` with at least one account, making what is missing.

    For commands of the operator: neither password nor rights of an existing user change.
    """
    user = User.objects.select_for_update().filter(email=_normalized(email)).first()
    if user is None:
        user = _make_user(email, password, is_staff=is_staff, is_superuser=is_superuser)
    if not user.accounts.exists():
        _make_account(user, label=DEFAULT_ACCOUNT_LABEL, is_demo=is_demo)
    return user


@transaction.atomic(durable=True)
def create_account(*, owner_id: int, label: str = "") -> Account:
    """Open a trading account for a user. Raises NotFound for an unknown or inactive one."""
    owner = User.objects.select_for_update().filter(pk=owner_id, is_active=True).first()
    if owner is None:
        raise NotFound("no such user")
    if owner.accounts.count() >= ACCOUNTS_OF_A_USER_MAX:
        raise Conflict(f"a user has at most {ACCOUNTS_OF_A_USER_MAX} accounts")
    return _make_account(owner, label=label, is_demo=False)


@transaction.atomic(durable=True)
def set_account_status(*, account_id: UUID, status: str) -> Account:
    """Change what an account may do; it waits for money movements under way.

    Open orders are not touched: freezing with its cancel-all is a service of matching.
    Raises AccountNotFound, or ValidationFailed for an unknown status.
    """
    if status not in Account.Status.values:
        raise ValidationFailed(
            "unknown status", status="expected one of " + ", ".join(Account.Status.values)
        )
    account = lock_account(account_id)
    if account.status != status:
        account.status = status
        account.updated_at = timezone.now()
        account.save(update_fields=["status", "updated_at"])
        if account.owner_id is not None:
            publish_credentials_on_commit(account.owner_id)
    return account


@transaction.atomic(durable=True)
def set_user_active(*, user_id: int, is_active: bool) -> User:
    """Let a user in or shut them out, tokens and sessions included. Raises NotFound."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("no such user")
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    publish_credentials_on_commit(user.pk)
    return user


@transaction.atomic(durable=True)
def forget_sessions_of(*, user_id: int) -> None:
    """Tell every process to read this user's session anew (log-out, a new password)."""
    publish_credentials_on_commit(user_id)


@transaction.atomic(durable=True)
def create_asset(*, code: str, name: str, scale: int) -> Asset:
    """Add an asset with ``scale`` decimals, for good. Idempotent where all of it is the same.

    Raises ValidationFailed, or Conflict where the code stands for something else.
    """
    if not (2 <= len(code) <= 16 and code.isascii() and code.isalnum() and code.isupper()):
        raise ValidationFailed("bad asset code", code="expected 2 to 16 capital letters and digits")
    if not 0 <= scale <= SCALE_MAX:
        raise ValidationFailed("bad scale", scale=f"expected a whole number from 0 to {SCALE_MAX}")
    asset, made = Asset.objects.get_or_create(code=code, defaults={"name": name, "scale": scale})
    if not made and (asset.scale != scale or asset.name != name):
        raise Conflict("the asset exists with another name or scale", code=code)
    return asset


@transaction.atomic(durable=True)
def set_asset_active(*, code: str, is_active: bool) -> Asset:
    """Open or close deposits and withdrawals of an asset; its markets have phases of their own."""
    asset = Asset.objects.select_for_update().filter(code=code).first()
    if asset is None:
        raise NotFound("no such asset")
    asset.is_active = is_active
    asset.save(update_fields=["is_active"])
    return asset


def _normalized(email: str) -> str:
    return User.objects.normalize_email(email.strip()).lower()


def _make_user(email: str, password: str | None, *, is_staff: bool, is_superuser: bool) -> User:
    email = _normalized(email)
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationFailed("bad e-mail address", email="expected an e-mail address") from None
    user = User(email=email, is_staff=is_staff, is_superuser=is_superuser)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise ValidationFailed(
                "the password is too weak", password=" ".join(error.messages)
            ) from None
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise Conflict("this e-mail address has an account already", email="taken") from None
    return user


def _make_account(owner: User, *, label: str, is_demo: bool) -> Account:
    label = label.strip()
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise ValidationFailed(
            "bad label", label=f"expected at most {LABEL_LENGTH_MAX} printable characters"
        )
    account = Account.objects.create(owner=owner, label=label, is_demo=is_demo)
    publish_credentials_on_commit(owner.pk)
    return account


# --- credentials ---------------------------------------------------------------------------------


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


# --- money ---------------------------------------------------------------------------------------


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        raise ValidationFailed(
            "bad idempotency key",
            key=f"expected 1 to {KEY_LENGTH_MAX} printable characters",
        )


@transaction.atomic(durable=True)
def deposit(
    *,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    source: str,
    key: str | None = None,
    external_reference: str | None = None,
) -> Deposit:
    """Credit money that came from outside. Idempotent on ``key`` and on ``external_reference``.

    ``source`` is "faucet" (where it is on, up to its limit), "operator", or a gateway's name.
    Raises AccountNotFound, ValidationFailed, Forbidden, AccountFrozen, or Conflict where the key
    or reference came with other content; then nothing was written.
    """
    _check_key(key)
    _check_key(external_reference)
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if earlier := _earlier_deposit(account, key, external_reference):
        same = (earlier.account_id, earlier.asset_id, earlier.amount, earlier.source) == (
            account.pk,
            the_asset.pk,
            amount,
            source,
        )
        if same and (earlier.external_reference or None) == external_reference:
            return earlier
        raise Conflict("the key or reference was used for another deposit")
    _check_deposit_allowed(account, amount, source)
    balance = lock_balance(account=account, asset=the_asset)
    now = timezone.now()
    change_balance(balance, available=amount, locked=ZERO, now=now)
    try:
        with transaction.atomic():
            record = Deposit.objects.create(
                account=account,
                asset=the_asset,
                amount=amount,
                state=Deposit.State.CREDITED,
                source=source,
                external_reference=external_reference,
                idempotency_key=key,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError:  # the reference was credited to another account at the same time
        raise Conflict("the reference was used for another deposit") from None
    record.transaction = move_with_outside(
        kind="deposit", reference=str(record.pk), balance=balance, amount=amount, now=now
    )
    record.save(update_fields=["transaction"])
    publish_balances_on_commit([balance_state(balance, the_asset)])
    return record


def _earlier_deposit(
    account: Account, key: str | None, external_reference: str | None
) -> Deposit | None:
    if external_reference is not None:
        found = Deposit.objects.filter(external_reference=external_reference).first()
        if found is not None:
            return found
    if key is not None:
        return Deposit.objects.filter(account=account, idempotency_key=key).first()
    return None


def _check_deposit_allowed(account: Account, amount: Decimal, source: str) -> None:
    if source == SOURCE_OPERATOR:
        return
    if source == SOURCE_FAUCET:
        if not settings.ZAVORA_FAUCET:
            raise Forbidden("the faucet is switched off here")
        amount_max = Decimal(settings.ZAVORA_FAUCET_AMOUNT_MAX)
        if amount > amount_max:
            raise ValidationFailed(
                "the faucet gives less at a time", amount=f"expected at most {amount_max:f}"
            )
    if account.status in (Account.Status.FROZEN, Account.Status.CLOSED):
        raise AccountFrozen(f"the account is {account.status}")


@transaction.atomic(durable=True)
def request_withdrawal(
    *,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    key: str | None = None,
    address: str = "",
    settle_at_once: bool = True,
) -> Withdrawal:
    """Hold ``amount`` of ``asset`` and, in the sandbox, pay it out at once. Idempotent on ``key``.

    Raises InsufficientBalance, AccountNotFound, AccountFrozen, ValidationFailed or Conflict;
    then nothing was written.
    """
    _check_key(key)
    if len(address) > KEY_LENGTH_MAX or not address.isprintable():
        raise ValidationFailed(
            "bad address", address=f"expected at most {KEY_LENGTH_MAX} printable characters"
        )
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if key is not None and (
        earlier := Withdrawal.objects.filter(account=account, idempotency_key=key).first()
    ):
        if (earlier.asset_id, earlier.amount, earlier.address) == (the_asset.pk, amount, address):
            return earlier
        raise Conflict("the key was used for another withdrawal")
    if account.status in (Account.Status.FROZEN, Account.Status.CLOSED):
        raise AccountFrozen(f"the account is {account.status}")
    balance = lock_balance(account=account, asset=the_asset)
    if balance.available < amount:
        raise InsufficientBalance(
            f"not enough {the_asset.code} available", asset=the_asset.code, required=f"{amount:f}"
        )
    now = timezone.now()
    change_balance(balance, available=EXACT.minus(amount), locked=amount, now=now)
    record = Withdrawal.objects.create(
        account=account,
        asset=the_asset,
        amount=amount,
        address=address,
        idempotency_key=key,
        created_at=now,
        updated_at=now,
    )
    if settle_at_once:
        _settle(record, balance, now)
    publish_balances_on_commit([balance_state(balance, the_asset)])
    return record


@transaction.atomic(durable=True)
def settle_withdrawal(*, withdrawal_id: int) -> Withdrawal:
    """Pay out a pending withdrawal; again is fine. Raises NotFound, or Conflict if cancelled."""
    record, balance = _lock_withdrawal(withdrawal_id)
    if record.state == Withdrawal.State.CANCELLED:
        raise Conflict("the withdrawal was cancelled")
    if record.state == Withdrawal.State.PENDING:
        _settle(record, balance, timezone.now())
        publish_balances_on_commit([balance_state(balance, record.asset)])
    return record


@transaction.atomic(durable=True)
def cancel_withdrawal(*, withdrawal_id: int) -> Withdrawal:
    """Give back what a pending withdrawal holds; again is fine. Raises NotFound, or Conflict."""
    record, balance = _lock_withdrawal(withdrawal_id)
    if record.state == Withdrawal.State.SETTLED:
        raise Conflict("the withdrawal was paid out")
    if record.state == Withdrawal.State.PENDING:
        now = timezone.now()
        change_balance(balance, available=record.amount, locked=EXACT.minus(record.amount), now=now)
        record.state = Withdrawal.State.CANCELLED
        record.updated_at = now
        record.save(update_fields=["state", "updated_at"])
        publish_balances_on_commit([balance_state(balance, record.asset)])
    return record


def _lock_withdrawal(withdrawal_id: int) -> tuple[Withdrawal, Balance]:
    record = Withdrawal.objects.select_related("account", "asset").filter(pk=withdrawal_id).first()
    if record is None:
        raise NotFound("no such withdrawal")
    account = lock_account(record.account.public_id)
    balance = lock_balance(account=account, asset=record.asset)
    record.refresh_from_db(fields=["state", "updated_at", "transaction"])
    return record, balance


def _settle(record: Withdrawal, balance: Balance, now: datetime) -> None:
    change_balance(balance, available=ZERO, locked=EXACT.minus(record.amount), now=now)
    record.transaction = move_with_outside(
        kind="withdrawal",
        reference=str(record.pk),
        balance=balance,
        amount=EXACT.minus(record.amount),
        now=now,
    )
    record.state = Withdrawal.State.SETTLED
    record.updated_at = now
    record.save(update_fields=["transaction", "state", "updated_at"])


@transaction.atomic(durable=True)
def adjust_balance(
    *, account_id: UUID, asset: str, amount: Decimal, reason: str
) -> LedgerTransaction:
    """Correct a balance by a signed ``amount`` against the outside: an operator's last resort.

    ``reason`` (at most 64 characters) becomes the reference in the ledger. Raises
    InsufficientBalance where the available part would fall below zero, AccountNotFound,
    ValidationFailed.
    """
    reason = reason.strip()
    if not reason or len(reason) > LABEL_LENGTH_MAX:
        raise ValidationFailed(
            "a correction needs a reason", reason=f"expected 1 to {LABEL_LENGTH_MAX} characters"
        )
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    if not amount.is_finite():
        raise ValidationFailed("bad amount", amount="expected a finite decimal")
    checked_amount(abs(amount), the_asset)
    balance = lock_balance(account=account, asset=the_asset)
    if EXACT.add(balance.available, amount) < 0:
        raise InsufficientBalance(
            f"not enough {the_asset.code} available", asset=the_asset.code, required=f"{-amount:f}"
        )
    now = timezone.now()
    change_balance(balance, available=amount, locked=ZERO, now=now)
    record = move_with_outside(
        kind="adjustment", reference=reason, balance=balance, amount=amount, now=now
    )
    publish_balances_on_commit([balance_state(balance, the_asset)])
    return record
