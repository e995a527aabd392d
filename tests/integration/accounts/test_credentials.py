"""People, tokens and sessions: who is let in, and who no longer is."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.access.selectors import find_caller_by_token, get_caller_of_user
from accounts.models import Account, ApiKey, User
from accounts.notices import CREDENTIALS_CHANNEL, CredentialNotice, decode_credential_notice
from accounts.redis_client import get_redis
from accounts.services import (
    create_account,
    create_token,
    create_user,
    ensure_user,
    revoke_key,
    set_account_status,
    set_user_active,
    sign_up,
)
from tests.actors import SYSTEM, customer
from zavora.foundation.errors import (
    AccountNotFound,
    Conflict,
    Forbidden,
    NotFound,
    Unauthorized,
    ValidationFailed,
)

pytestmark = pytest.mark.django_db


def token_of(user, *scopes, **more):
    return create_token(by=SYSTEM, user_id=user.pk, scopes=scopes or ("read", "trade"), **more)


def test_a_token_speaks_for_its_owner(user, account):
    second = create_account(by=SYSTEM, owner_id=user.pk, label="Second")
    key, token = token_of(user)

    caller = find_caller_by_token(token)
    assert caller.user_id == user.pk
    assert caller.key_id == key.pk
    assert caller.scopes == {"read", "trade"}
    assert caller.accounts == {account.public_id: account.pk, second.public_id: second.pk}
    caller.require("trade")
    with pytest.raises(Forbidden):
        caller.require("withdraw")
    with pytest.raises(AccountNotFound):
        caller.account_pk(ensure_user(by=SYSTEM, email="bob@example.com").accounts.get().public_id)


def test_tokens_are_kept_hashed_and_never_alike(user):
    made = [token_of(user) for _ in range(3)]

    assert len({token for _, token in made}) == 3
    for key, token in made:
        assert token.startswith("zvr_")
        assert len(token) == 47
        assert token not in str(ApiKey.objects.filter(pk=key.pk).values().get())


def test_a_token_can_be_limited_to_one_account(user, account):
    create_account(by=SYSTEM, owner_id=user.pk)
    _, token = token_of(user, account_id=account.public_id)

    assert find_caller_by_token(token).accounts == {account.public_id: account.pk}
    other = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()
    with pytest.raises(ValidationFailed):
        token_of(user, account_id=other.public_id)


@pytest.mark.parametrize("token", ["", "zvr_", "zvr_" + "x" * 43, "x" * 10_000, "\ud800", "ä" * 40])
def test_what_is_no_token_is_nobody(user, token):
    token_of(user)
    assert find_caller_by_token(token) is None


def test_revoked_expired_and_shut_out_tokens_are_nobody(user):
    revoked, first = token_of(user)
    _, second = token_of(user, expires_at=timezone.now() + timedelta(hours=1))
    revoke_key(by=customer(user), key_id=revoked.pk)
    assert find_caller_by_token(first) is None
    assert find_caller_by_token(second) is not None

    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_caller_by_token(second) is None

    _, third = token_of(user)
    set_user_active(by=SYSTEM, user_id=user.pk, is_active=False)
    assert find_caller_by_token(third) is None
    with pytest.raises(Unauthorized):
        get_caller_of_user(user.pk)


def test_nobody_revokes_somebody_elses_key(user):
    key, token = token_of(user)
    other = ensure_user(by=SYSTEM, email="bob@example.com")

    with pytest.raises(NotFound):
        revoke_key(by=customer(other), key_id=key.pk)
    assert find_caller_by_token(token) is not None
    revoke_key(by=SYSTEM, key_id=key.pk)  # an operator
    revoke_key(by=SYSTEM, key_id=key.pk)
    assert find_caller_by_token(token) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ()},
        {"scopes": ("read", "admin")},
        {"label": "x" * 65},
        {"label": "a\nb"},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_bad_tokens_are_not_made(user, wrong):
    with pytest.raises(ValidationFailed):
        create_token(by=SYSTEM, **({"user_id": user.pk, "scopes": ("read",)} | wrong))
    assert not ApiKey.objects.exists()


def test_sign_up_makes_a_user_with_an_account_or_neither():
    user = sign_up(email="New@Example.com", password="correct horse battery")

    assert user.email == "new@example.com"
    assert user.accounts.get().kind == "customer"
    assert get_caller_of_user(user.pk).scopes == {"read", "trade", "withdraw"}
    for email, password, error in (
        ("NEW@example.com", "correct horse battery", Conflict),
        ("no address", "correct horse battery", ValidationFailed),
        ("other@example.com", "12345", ValidationFailed),
    ):
        with pytest.raises(error):
            sign_up(email=email, password=password)
    assert User.objects.count() == Account.objects.count() == 1


def test_a_user_without_password_cannot_log_in(client):
    create_user(by=SYSTEM, email="bot@example.com")
    answer = client.post("/login", {"email": "bot@example.com", "password": ""})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db(transaction=True)
def test_processes_are_told_what_to_forget(user, account):
    with get_redis().pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(CREDENTIALS_CHANNEL)
        subscription.get_message(timeout=1)
        key, _ = token_of(user)
        revoke_key(by=SYSTEM, key_id=key.pk)
        create_account(by=SYSTEM, owner_id=user.pk)
        set_account_status(by=SYSTEM, account_id=account.public_id, status="frozen")
        set_user_active(by=SYSTEM, user_id=user.pk, is_active=False)
        notices = [subscription.get_message(timeout=1) for _ in range(5)]

    assert {decode_credential_notice(n["data"]) for n in notices} == {CredentialNotice(user.pk)}


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_the_token_alone_on_its_last_line(capsys):
    for _ in range(2):
        call_command("create_token", "--email", "Cli@example.com", "--scopes", "read,trade")
        token = capsys.readouterr().out.splitlines()[-1]
        caller = find_caller_by_token(token)
        assert caller.email == "cli@example.com"
        assert caller.scopes == {"read", "trade"}
        assert len(caller.accounts) == 1
    with pytest.raises(CommandError, match="scopes"):
        call_command("create_token", "--email", "cli@example.com", "--scopes", "everything")


@pytest.mark.django_db(transaction=True)
def test_the_deposit_command_may_be_repeated_with_a_key(user, account, usd, capsys):
    arguments = ["deposit", "--email", "ANN@example.com", "--asset", "usd", "--amount", "7.5"]
    for _ in range(2):
        call_command(*arguments, "--key", "k")
        assert "has 7.50000000 USD available" in capsys.readouterr().out
    for wrong in (
        [*arguments, "--key", "k", "--amount", "8"],
        ["deposit", "--email", "nobody@example.com", "--asset", "usd", "--amount", "1"],
        ["deposit", "--account", str(account.public_id), "--asset", "xxx", "--amount", "1"],
        ["deposit", "--account", str(account.public_id), "--asset", "usd", "--amount", "1e3"],
    ):
        with pytest.raises(CommandError):
            call_command(*wrong)
