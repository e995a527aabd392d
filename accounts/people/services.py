"""Users and their accounts: who there is."""

import hashlib
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.access.callers import SCOPE_TRADE
from accounts.access.rights import is_privileged, require_over_owner, require_own
from accounts.audit import record_act
from accounts.models import Account, Membership, User
from accounts.notices import publish_credentials_on_commit
from accounts.people.emails import add_email
from accounts.people.locks import lock_account, lock_user
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed

DEFAULT_ACCOUNT_LABEL: Final = "Main"
ACCOUNTS_OF_A_USER_MAX: Final = 1_000
LABEL_LENGTH_MAX: Final = 64
# As the column; the form of addresses alone would allow 320.
EMAIL_LENGTH_MAX: Final = 254


@transaction.atomic(durable=True)
def create_user(*, by: Actor, email: str, is_staff: bool = False) -> User:
    """Make a user without a password: they set their own by a reset link, or only use tokens.

    Raises Forbidden, ValidationFailed for a bad address, Conflict where the address is taken.
    """
    by.require(Permission.ADD_USER)
    by.require_over(is_privileged=is_staff, what="make users")
    user = _make_user(email, None, is_staff=is_staff, is_superuser=False)
    add_email(user, is_proved=False)
    record_act(by, "user.create", _subject(user), is_staff=is_staff)
    return user


@transaction.atomic(durable=True)
def sign_up(*, email: str, password: str) -> User:
    """Make a user with a first account, both or neither. Raises as ``create_user``."""
    user = _make_user(email, password, is_staff=False, is_superuser=False)
    add_email(user, is_proved=False)
    _make_account(user, label=DEFAULT_ACCOUNT_LABEL, is_demo=False)
    return user


@transaction.atomic(durable=True)
def ensure_user(
    *,
    by: Actor,
    email: str,
    password: str | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
    is_demo: bool = False,
) -> User:
    """Return the user of ``email`` with at least one account, making what is missing.

    For commands of the operator: neither password nor rights of an existing user change. Raises
    Forbidden for everybody but the exchange itself and superusers.
    """
    by.require_everything("make users with passwords and rights")
    user = User.objects.select_for_update().filter(email=normalized(email)).first()
    if user is None:
        user = _make_user(email, password, is_staff=is_staff, is_superuser=is_superuser)
        add_email(user, is_proved=True)  # whoever runs commands vouches for it
        rights: dict[str, Any] = {"is_staff": is_staff, "is_superuser": is_superuser}
        record_act(by, "user.create", _subject(user), **rights)
    if not user.accounts.exists():
        account = _make_account(user, label=DEFAULT_ACCOUNT_LABEL, is_demo=is_demo)
        _record_account(by, account)
    return user


@transaction.atomic(durable=True)
def create_account(*, by: Actor, owner_id: int, label: str = "") -> Account:
    """Open a trading account for oneself or, with the permission, for somebody else.

    Raises NotFound for an unknown or inactive user, Conflict where they have too many, and
    Forbidden, for a credential without the scope or limited to one account as well.
    """
    if by.only_account is not None:
        raise Forbidden("this credential is limited to one account and opens no others")
    by.require_scope(SCOPE_TRADE)
    if by.user_id != owner_id or not by.is_customer:
        by.require(Permission.ADD_ACCOUNT)
    owner = User.objects.select_for_update().filter(pk=owner_id, is_active=True).first()
    if owner is None:
        raise NotFound("no such user")
    if owner.accounts.count() >= ACCOUNTS_OF_A_USER_MAX:
        raise Conflict(f"a user has at most {ACCOUNTS_OF_A_USER_MAX} accounts")
    if not by.is_customer:
        by.require_over(is_privileged=is_privileged(owner), what="open accounts")
    account = _make_account(owner, label=label, is_demo=False)
    _record_account(by, account)
    return account


@transaction.atomic(durable=True)
def rename_account(*, by: Actor, account_id: UUID, label: str) -> Account:
    """Give one of one's own accounts another name; the one that it has already is fine.

    A frozen account may: a name moves nothing. Raises Forbidden (without the scope),
    AccountNotFound (for somebody else's, too), or ValidationFailed.
    """
    by.require_scope(SCOPE_TRADE)
    label = _checked_label(label, length_min=1)
    account = lock_account(account_id)
    require_own(by, account, what="rename the accounts of others")
    if account.label != label:
        about = f"account:{account.public_id}"
        was, account.label = account.label, label
        record_act(by, "account.rename", about, was={"label": was}, now={"label": label})
        account.updated_at = timezone.now()
        account.save(update_fields=["label", "updated_at"])
    return account


def _checked_label(label: str, *, length_min: int = 0) -> str:
    """Return the name of an account without space around it, or raise ValidationFailed."""
    label = label.strip()
    if not length_min <= len(label) <= LABEL_LENGTH_MAX or not label.isprintable():
        most = f"{LABEL_LENGTH_MAX} printable characters"
        expected = f"expected {length_min} to {most}" if length_min else f"expected at most {most}"
        raise ValidationFailed("bad label", label=expected)
    return label


@transaction.atomic(durable=True)
def set_account_status(*, by: Actor, account_id: UUID, status: str) -> Account:
    """Change what an account may do; it waits for money movements under way.

    Open orders are not touched: freezing with its cancel-all is a service of matching.
    Raises Forbidden, AccountNotFound, ValidationFailed for an unknown status, or Conflict for an
    account whose owner is erased.
    """
    by.require(Permission.CHANGE_ACCOUNT)
    if status not in Account.Status.values:
        raise ValidationFailed(
            "unknown status", status="expected one of " + ", ".join(Account.Status.values)
        )
    account = lock_account(account_id)
    require_over_owner(by, account, what="change accounts")
    if account.owner is not None and account.owner.erased_at is not None:
        raise Conflict("its owner is erased: it stays closed")
    if account.status != status:
        record_act(
            by, "account.status", f"account:{account.public_id}",
            was={"status": account.status}, now={"status": status},
        )  # fmt: skip
        account.status = status
        account.updated_at = timezone.now()
        account.save(update_fields=["status", "updated_at"])
        if account.owner_id is not None:
            publish_credentials_on_commit(account.owner_id)
    return account


@transaction.atomic(durable=True)
def set_user_active(*, by: Actor, user_id: int, is_active: bool) -> User:
    """Let a user in or shut them out, tokens and sessions included.

    Raises Forbidden, NotFound, or Conflict for letting in somebody who is erased.
    """
    by.require(Permission.CHANGE_USER)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="let in or shut out users")
    if is_active and user.erased_at is not None:
        raise Conflict("the person is erased: nobody is let in again")
    if user.is_active != is_active:
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        record_act(
            by, "user.let_in" if is_active else "user.shut_out", _subject(user),
            was={"is_active": not is_active}, now={"is_active": is_active},
        )  # fmt: skip
    publish_credentials_on_commit(user.pk)
    # Members of their accounts reach those while they are let in.
    for member_id in Membership.objects.filter(account__owner=user).values_list("user", flat=True):
        publish_credentials_on_commit(member_id)
    return user


def _subject(user: User) -> str:
    return f"user:{user.pk}"


def _record_account(by: Actor, account: Account) -> None:
    about = f"account:{account.public_id}"
    record_act(by, "account.open", about, owner=account.owner_id, label=account.label)


def normalized(email: str) -> str:
    """Return an e-mail address as it is kept."""
    return User.objects.normalize_email(email.strip()).lower()


def _make_user(email: str, password: str | None, *, is_staff: bool, is_superuser: bool) -> User:
    email = normalized(email)
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationFailed("bad e-mail address", email="expected an e-mail address") from None
    if len(email) > EMAIL_LENGTH_MAX:
        expected = f"expected at most {EMAIL_LENGTH_MAX} characters"
        raise ValidationFailed("bad e-mail address", email=expected)
    user = User(email=email, is_staff=is_staff, is_superuser=is_superuser)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise ValidationFailed(
                "the password is too weak", password=" ".join(error.messages)
            ) from None
    # Hashed before it is known whether the address is free, so that the time tells nothing.
    user.set_password(password)
    lock_address(email)
    if User.objects.filter(email=email).exists():
        raise Conflict("this e-mail address has an account already", email="taken")
    user.save(force_insert=True)
    return user


def lock_address(email: str) -> None:
    """Let others who make an address a user's wait for the end of the transaction.

    An INSERT that fails would be logged by the database, with the hash in it.
    """
    digest = hashlib.blake2b(email.encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)]
        )


def _make_account(owner: User, *, label: str, is_demo: bool) -> Account:
    label = _checked_label(label)
    account = Account.objects.create(owner=owner, label=label, is_demo=is_demo)
    publish_credentials_on_commit(owner.pk)
    return account
