"""Keys that people make themselves: the service, the page, and when a key was last used."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from accounts.access.selectors import find_api_key, find_caller_by_token, list_keys
from accounts.keys.last_uses import KeyUse, write_last_uses
from accounts.models import ApiKey, AuditRecord
from accounts.pages.tokens import KEYS_SHOWN_MAX
from accounts.services import (
    KEYS_MADE_A_DAY_MAX,
    KEYS_OF_ONES_OWN_MAX,
    KeyTerms,
    create_account,
    create_key,
    create_token,
    ensure_user,
    rename_key,
    revoke_key,
)
from tests.actors import SYSTEM, customer
from tests.factors import confirm
from zavora.foundation.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db

PATH = "/account/tokens"
READ = KeyTerms(scopes=["read"])


def public_pem(private):
    form = PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(Encoding.PEM, form).decode()


@pytest.fixture
def browser(client, user):
    client.force_login(user)
    confirm(client, user)
    return client


# --- the service ----------------------------------------------------------------------------------


def test_a_key_of_ones_own_may_do_just_what_was_chosen(user, account):
    create_account(by=customer(user), owner_id=user.pk, label="Second")
    until = timezone.now() + timedelta(days=1)
    terms = KeyTerms(
        scopes=["withdraw", "read"],
        label="bot",
        account_id=account.public_id,
        ip_allowed=["192.0.2.1", "2001:DB8::1", "192.0.2.1"],
        expires_at=until,
    )

    made, secret = create_key(by=customer(user), kind="hmac", terms=terms)

    found = find_api_key(made.lookup)
    assert found.material == secret.encode()
    caller = found.caller
    assert caller.scopes == {"read", "withdraw"}
    assert caller.accounts == {account.public_id: account.pk}
    assert (caller.ip_allowed, caller.expires_at) == (("192.0.2.1", "2001:db8::1"), until)


def test_a_signing_key_without_an_account_reaches_all_and_speaks_for_the_oldest(user, account):
    second = create_account(by=customer(user), owner_id=user.pk, label="Second")

    made, _ = create_key(by=customer(user), kind="hmac", terms=READ)

    found = find_api_key(made.lookup)
    assert found.caller.accounts == {account.public_id: account.pk, second.public_id: second.pk}
    assert (found.account_pk, found.account_id) == (account.pk, account.public_id)
    assert found.caller.only_account is None


@pytest.mark.parametrize("kind", ["bearer", "hmac"])
def test_a_key_that_may_withdraw_needs_addresses(user, kind):
    terms = KeyTerms(scopes=["read", "withdraw"])
    with pytest.raises(ValidationFailed) as refused:
        create_key(by=customer(user), kind=kind, terms=terms)
    assert set(refused.value.details) == {"ip"}
    assert not ApiKey.objects.exists()
    # Those that there are stay as they are.
    _, old = create_token(by=SYSTEM, user_id=user.pk, scopes=["withdraw"])
    assert find_caller_by_token(old).scopes == {"withdraw"}


def test_every_wrong_term_is_named_at_once(user):
    terms = KeyTerms(
        scopes=["fly"], label="x" * 65, ip_allowed=["nowhere"], expires_at=timezone.now(),
        markets=["BTC/EUR"],
    )  # fmt: skip
    with pytest.raises(ValidationFailed) as refused:
        create_key(by=customer(user), kind="bearer", terms=terms)
    assert set(refused.value.details) == {"scopes", "label", "ip", "expires_at", "markets"}


@pytest.mark.parametrize(
    "markets",
    [["BTC"], ["/"], ["BTC/XXX"], ["BTC/USD/BTC"], ["BTC/\0"], ["\ud800/USD"], ["BTC/USD"] * 51],
)
def test_what_is_no_market_is_refused(user, btc, usd, markets):
    with pytest.raises(ValidationFailed) as refused:
        create_key(
            by=customer(user), kind="hmac", terms=KeyTerms(scopes=["trade"], markets=markets)
        )
    assert set(refused.value.details) == {"markets"}
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_of_a_pair_the_public_half_is_pasted(user, account, end):
    for kind, private in (
        ("ed25519", Ed25519PrivateKey.generate()),
        ("rsa", generate_private_key(65_537, 2_048)),
    ):
        pem = public_pem(private).replace("\n", end).strip()
        made, secret = create_key(by=customer(user), kind=kind, terms=READ, public_key_pem=pem)
        assert secret is None
        assert find_api_key(made.lookup).kind == kind


def test_a_user_has_so_many_keys_and_makes_so_many_in_a_day(user):
    ApiKey.objects.bulk_create(
        ApiKey(owner=user, lookup=f"old-{number}", created_at=datetime(2026, 1, 1, tzinfo=UTC))
        for number in range(KEYS_OF_ONES_OWN_MAX)
    )
    with pytest.raises(Conflict, match=str(KEYS_OF_ONES_OWN_MAX)):
        create_key(by=customer(user), kind="bearer", terms=READ)
    create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])  # the operator has room for more
    ApiKey.objects.update(revoked_at=timezone.now())
    create_key(by=customer(user), kind="bearer", terms=READ)

    ApiKey.objects.bulk_create(
        ApiKey(owner=user, lookup=f"new-{number}", revoked_at=timezone.now())
        for number in range(KEYS_MADE_A_DAY_MAX)
    )
    with pytest.raises(Conflict, match="in a day"):
        create_key(by=customer(user), kind="bearer", terms=READ)


def test_what_became_of_a_key_is_on_record_with_before_and_after(user):
    by = customer(user)
    made, _ = create_key(by=by, kind="bearer", terms=KeyTerms(scopes=["read"], label="one"))
    for _ in range(2):
        rename_key(by=by, key_id=made.pk, label="two")
    for _ in range(2):
        revoke_key(by=by, key_id=made.pk)
    with pytest.raises(Conflict):
        rename_key(by=by, key_id=made.pk, label="three")

    made.refresh_from_db()
    *_, first, second, third = AuditRecord.objects.order_by("pk")
    assert [record.act for record in (first, second, third)] == [
        "key.create", "key.change", "key.revoke",
    ]  # fmt: skip
    assert (second.details["was"], second.details["now"]) == (
        {"label": "one"}, {"label": "two"},
    )  # fmt: skip
    assert third.details["was"] == {"revoked_at": None}
    assert third.details["now"] == {"revoked_at": made.revoked_at.isoformat()}
    assert made.lookup not in json.dumps([first.details, second.details, third.details])


def test_keys_are_listed_newest_first_in_pages(user, account):
    limited = KeyTerms(scopes=["read"], account_id=account.public_id)
    rows = [
        create_key(by=customer(user), kind="bearer", terms=terms)[0]
        for terms in (READ, limited, READ)
    ]
    gone, _ = create_key(by=customer(user), kind="bearer", terms=READ)
    revoke_key(by=SYSTEM, key_id=gone.pk)

    assert list_keys(user.pk, limit=2) == [rows[2], rows[1]]
    assert list_keys(user.pk, cursor=rows[1].pk, limit=2) == [rows[0]]
    assert list_keys(user.pk, only_account=account.pk, limit=9) == [rows[1]]


# --- last use -------------------------------------------------------------------------------------


def test_a_last_use_is_written_once_a_minute(user):
    key, _ = create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    now_us = 1_790_000_000_000_000
    steps = (
        (0, "192.0.2.1", "192.0.2.1"),
        (59_999_999, "192.0.2.2", "192.0.2.1"),
        (60_000_000, "2001:db8::1:2:3", "2001:db8::/64"),
    )
    for later_us, address, kept in steps:
        write_last_uses([KeyUse(key.pk, address, now_us + later_us), KeyUse(0, "gone", now_us)])
        key.refresh_from_db()
        assert key.last_used_from == kept
    assert key.last_used_at == datetime(2026, 9, 21, 14, 14, 20, tzinfo=UTC)


# --- the page -------------------------------------------------------------------------------------


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_page_makes_shows_renames_and_revokes_a_key(browser, user, account):
    form = {
        "label": "bot", "kind": "hmac", "scopes": ["read", "withdraw"],
        "account": str(account.public_id), "ip": "192.0.2.1, 2001:db8::1\n192.0.2.9",
        "expires_at": "2099-12-31", "public_key": "",
    }  # fmt: skip
    answer = browser.post(PATH, form)
    assert (answer.status_code, answer["Location"]) == (302, PATH)
    row = ApiKey.objects.get()
    assert row.ip_allowed == ["192.0.2.1", "2001:db8::1", "192.0.2.9"]
    assert row.expires_at == datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

    page = browser.get(PATH)
    secret = find_api_key(row.lookup).material.decode()
    assert secret in text_of(page)
    assert "no-store" in page["Cache-Control"]
    write_last_uses([KeyUse(row.pk, "192.0.2.9", 1_790_000_000_000_000)])
    page = text_of(browser.get(PATH))
    assert secret not in page
    for shown in (
        "bot", "HMAC", "read, withdraw", "Main", "192.0.2.1, 2001:db8::1, 192.0.2.9",
        "2099-12-31 23:59", row.lookup, "2026-09-21 14:13 from 192.0.2.9",
    ):  # fmt: skip
        assert shown in page

    browser.post(f"{PATH}/{row.pk}/rename", {"label": "robot"})
    assert "robot" in text_of(browser.get(PATH))
    answer = browser.post(f"{PATH}/{row.pk}/rename", {"label": "x" * 65}, follow=True)
    assert "at most 64 printable characters" in text_of(answer)
    browser.post(f"{PATH}/{row.pk}/revoke")
    assert find_api_key(row.lookup) is None
    assert "robot" not in text_of(browser.get(PATH))


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"scopes": []}, "scopes", "This field is required"),
        ({"scopes": ["withdraw"]}, "ip", "needs them"),
        ({"ip": "nowhere"}, "ip", "IPv4 or IPv6"),
        ({"ip": " ".join(f"192.0.2.{n}" for n in range(31))}, "ip", "at most 30"),
        ({"expires_at": "2001-01-01"}, "expires_at", "in the future"),
        ({"expires_at": "soon"}, "expires_at", "valid date"),
        ({"kind": "ed25519"}, "public_key", "is yours"),
        ({"kind": "rsa", "public_key": "junk"}, "public_key", "in PEM"),
        ({"kind": "bearer", "public_key": "junk"}, "public_key", "none for a token"),
        ({"kind": "dsa"}, "kind", "valid choice"),
        ({"label": "x" * 65}, "label", "at most 64"),
        ({"account": "00000000-0000-4000-8000-000000000000"}, "account", "valid choice"),
    ],
)
def test_the_page_says_at_each_field_what_is_wrong(browser, changes, field, told):
    answer = browser.post(PATH, {"label": "bot", "kind": "hmac", "scopes": ["read"], **changes})

    assert answer.status_code == 400
    (error,) = answer.context["form"].errors[field]
    assert told in error
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_the_page_has_pages(browser, user):
    for number in range(KEYS_SHOWN_MAX + 1):
        create_token(by=SYSTEM, user_id=user.pk, scopes=["read"], label=f"bot-{number}.")

    first = browser.get(PATH)
    assert len(first.context["keys"]) == KEYS_SHOWN_MAX
    older = re.search(r'href="([^"]+)">Older', first.content.decode())[1]
    second = browser.get(older)
    assert [key.label for key in second.context["keys"]] == ["bot-0."]
    assert b"Older" not in second.content


def test_somebody_elses_key_is_neither_renamed_nor_shown(browser):
    bob = ensure_user(by=SYSTEM, email="bob@example.com")
    key, _ = create_token(by=SYSTEM, user_id=bob.pk, scopes=["read"], label="of-bob")

    browser.post(f"{PATH}/{key.pk}/rename", {"label": "mine"})
    browser.post(f"{PATH}/{key.pk}/revoke")

    key.refresh_from_db()
    assert (key.label, key.revoked_at) == ("of-bob", None)
    assert "of-bob" not in text_of(browser.get(PATH))
