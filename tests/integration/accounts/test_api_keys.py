"""Signing keys: what is kept of them, whom they speak for, and the command that makes them."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.access.selectors import find_api_key, find_caller_by_token
from accounts.models import ApiKey, AuditRecord
from accounts.money.selectors import get_balance
from accounts.services import (
    create_api_key,
    create_token,
    create_user,
    ensure_user,
    revoke_key,
    set_user_active,
)
from tests.actors import SYSTEM
from zavora.foundation.errors import ValidationFailed

pytestmark = pytest.mark.django_db


def make(user, account, kind="hmac", **more):
    scopes = more.pop("scopes", ("read", "trade"))
    return create_api_key(
        by=SYSTEM, user_id=user.pk, kind=kind, scopes=scopes, account_id=account.public_id, **more
    )


def public_pem(private):
    form = PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(Encoding.PEM, form).decode()


def test_an_hmac_secret_is_sealed_and_found_again(user, account):
    made = make(user, account, ip_allowed=["192.0.2.1", "2001:DB8::1"])

    row = ApiKey.objects.get(lookup=made.key)
    assert made.secret.encode() not in bytes(row.secret)
    found = find_api_key(made.key)
    assert found.material == made.secret.encode()
    assert (found.kind, found.account_pk, found.account_id) == (
        "hmac",
        account.pk,
        account.public_id,
    )
    assert found.caller.accounts == {account.public_id: account.pk}
    assert found.caller.ip_allowed == ("192.0.2.1", "2001:db8::1")
    assert find_caller_by_token(made.key) is None


def test_of_a_key_pair_the_public_half_is_all_that_is_kept(user, account):
    made = make(user, account, "ed25519")

    private = load_pem_private_key(made.secret.encode(), None)
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert find_api_key(made.key).material == raw
    rsa_made = make(user, account, "rsa")
    rsa_private = load_pem_private_key(rsa_made.secret.encode(), None)
    stored = load_der_public_key(find_api_key(rsa_made.key).material)
    assert stored.public_numbers() == rsa_private.public_key().public_numbers()


def test_a_pair_of_ones_own_stays_ones_own(user, account):
    private = Ed25519PrivateKey.generate()

    made = make(user, account, "ed25519", public_key_pem=public_pem(private))

    assert made.secret is None
    expected = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert find_api_key(made.key).material == expected


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_a_public_key_must_be_of_the_kind_and_size(user, account, kind):
    weak = public_pem(generate_private_key(public_exponent=65_537, key_size=1_024))  # noqa: S505 - what is refused
    wrong = weak if kind == "rsa" else public_pem(generate_private_key(65_537, 2_048))

    for pem in (wrong, "junk", ""):
        with pytest.raises(ValidationFailed) as refused:
            make(user, account, kind, public_key_pem=pem)
        assert "public_key" in refused.value.details
    assert not ApiKey.objects.exists()


def test_what_makes_no_key_is_refused(user, account):
    stranger = ensure_user(by=SYSTEM, email="other@example.com").accounts.get()
    wrong = (
        {"kind": "bearer"},
        {"scopes": ()},
        {"scopes": ("fly",)},
        {"ip_allowed": ["nowhere"]},
        {"ip_allowed": ["192.0.2.1"] * 31},
        {"expires_at": timezone.now()},
        {"label": "x" * 65},
    )
    for more in wrong:
        with pytest.raises(ValidationFailed):
            make(user, account, **more)
    with pytest.raises(ValidationFailed):
        make(user, stranger)
    assert not ApiKey.objects.exists()


def test_a_key_ends_when_revoked_expired_or_its_owner_is_shut_out(user, account, settings):
    first, second, third = (make(user, account) for _ in range(3))

    revoke_key(by=SYSTEM, key_id=first.key_id)
    assert find_api_key(first.key) is None
    ApiKey.objects.filter(pk=second.key_id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_api_key(second.key) is None
    assert find_api_key(third.key) is not None
    set_user_active(by=SYSTEM, user_id=user.pk, is_active=False)
    assert find_api_key(third.key) is None


def test_a_key_is_worthless_under_another_secret_of_the_settings(user, account, settings):
    made = make(user, account)

    settings.SECRET_KEY = "another"
    assert find_api_key(made.key) is None


def test_a_key_of_an_account_that_changed_hands_is_none(user, account):
    made = make(user, account)

    account.owner = create_user(by=SYSTEM, email="heir@example.com")
    account.save()
    assert find_api_key(made.key) is None


def test_the_command_makes_user_account_key_and_funds(usd, btc, capsys):
    call_command("create_api_key", "--email", "new@example.com", "--kind", "ed25519", "--fund")

    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(made) == {"key", "secret", "account"}
    assert len(made["key"]) == 64
    assert made["secret"].startswith("-----BEGIN PRIVATE KEY-----\n")
    found = find_api_key(made["key"])
    assert str(found.account_id) == made["account"]
    assert get_balance(found.account_id, "USD").available == Decimal(10_000_000)
    assert get_balance(found.account_id, "BTC").available == Decimal(100)


@pytest.mark.parametrize(
    "options",
    [
        ("--scopes", "fly"),
        ("--ip", "nowhere"),
        ("--days", "0"),
        ("--kind", "dsa"),
        ("--public-key", "/no/such/file"),
        ("--account", "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_the_command_says_what_is_wrong(options):
    with pytest.raises(CommandError):
        call_command("create_api_key", "--email", "wrong@example.com", *options)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("way", ["number", "name", "token", "all"])
def test_a_command_revokes_what_a_text_names(user, account, way, capsys, monkeypatch):
    made = make(user, account)
    row, token = create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    somebody = create_user(by=SYSTEM, email="b@example.org")
    create_token(by=SYSTEM, user_id=somebody.pk, scopes=["read"])
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))

    words = {
        "number": [str(row.pk)],
        "name": [made.key],
        "token": ["-"],
        "all": ["--all-of", f" {user.email.upper()}"],
    }
    call_command("revoke_key", *words[way])

    ended = {
        "number": {row.pk},
        "name": {made.key_id},
        "token": {row.pk},
        "all": {row.pk, made.key_id},
    }[way]
    assert (
        set(ApiKey.objects.filter(revoked_at__isnull=False).values_list("pk", flat=True)) == ended
    )
    assert len(capsys.readouterr().out.splitlines()) == len(ended)
    assert AuditRecord.objects.filter(act="key.revoke").count() == len(ended)


@pytest.mark.parametrize(
    "words", [["9" * 40], ["1"], ["zvr_none"], ["\ud800"], ["--all-of", "nobody@example.com"]]
)
def test_a_command_that_finds_no_key_to_revoke_says_so(words):
    with pytest.raises(
        CommandError, match=r"^(no such key|nobody@example.com has no keys to revoke)$"
    ):
        call_command("revoke_key", *words)


def test_without_the_faucet_nothing_is_funded(usd, settings):
    settings.ZAVORA_FAUCET = False
    with pytest.raises(CommandError, match="faucet"):
        call_command("create_api_key", "--email", "poor@example.com", "--fund")
