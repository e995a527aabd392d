"""The account pages, as a browser uses them."""

import re

import pytest

from accounts.access.attempts import LOGINS_PER_PERSON_MAX
from accounts.access.selectors import find_caller_by_token
from accounts.models import ApiKey, Deposit, User, Withdrawal
from accounts.money.selectors import get_balance
from accounts.pages.door import SIGNED_UP
from accounts.pages.new_tokens import SHOWN_WITHIN_S
from accounts.redis_client import get_redis
from accounts.services import create_token, ensure_user, sign_up
from tests.actors import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


@pytest.fixture(autouse=True)
def no_attempts_yet():
    names = list(get_redis().scan_iter("attempts:*"))
    if names:
        get_redis().delete(*names)


@pytest.fixture
def ann(client, usd):
    user = sign_up(email=EMAIL, password=PASSWORD)
    client.post("/login", {"email": EMAIL, "password": PASSWORD})
    return user


def money(whose, **changes):
    form = {"account": str(whose.public_id), "asset": "USD", "amount": "10", "key": "k"}
    return form | changes


def test_signing_up_leads_to_the_log_in_page_with_the_address_filled_in(client):
    answer = client.post("/signup?next=/account", {"email": EMAIL, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Faccount")
    assert User.objects.get().accounts.count() == 1

    page = client.get(answer["Location"]).content.decode()
    assert SIGNED_UP in page
    assert f'value="{EMAIL}"' in page
    assert EMAIL not in client.get("/login").content.decode()  # filled in once
    answer = client.post("/login?next=/account", {"email": EMAIL, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/account")
    assert client.get("/account").status_code == 200


def test_nobody_is_led_to_another_site(client):
    form = {"email": EMAIL, "password": PASSWORD, "next": "https://evil.example/"}
    for path in ("/signup", "/login"):
        answer = client.post(path, form)
        assert answer.status_code == 302
        assert "evil" not in answer["Location"]


def test_all_faults_of_a_sign_up_are_shown_at_once(client):
    answer = client.post("/signup", {"email": "nobody", "password": "123"})
    assert answer.status_code == 400
    assert b"valid email address" in answer.content
    assert b"too short" in answer.content
    assert User.objects.count() == 0


def test_log_in_and_out(client, ann):
    assert client.get("/account").status_code == 200
    assert client.get("/logout").status_code == 405
    client.post("/logout")
    answer = client.get("/account")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/account")
    answer = client.post("/login", {"email": "ANN@example.com", "password": PASSWORD})
    assert answer.status_code == 302


def test_guessing_passwords_ends_after_some_attempts(client, ann):
    client.post("/logout")
    wrong = {"email": EMAIL, "password": "wrong"}
    for _ in range(LOGINS_PER_PERSON_MAX):
        answer = client.post("/login", wrong)
        assert answer.status_code == 200
        assert b"Wrong e-mail address or password" in answer.content
    right = {"email": EMAIL, "password": PASSWORD}
    assert client.post("/login", right).status_code == 429
    assert client.post("/login", wrong | {"email": "bob@example.com"}).status_code == 200


def test_pages_ask_for_a_csrf_token(ann):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    for path in ("/account/tokens", "/account/deposit", "/account/withdraw", "/logout", "/login"):
        assert strict.post(path, {}).status_code == 403


def test_faucet_and_withdrawal_move_money_once_per_form(client, ann):
    account = ann.accounts.get()
    for _ in range(2):
        answer = client.post("/account/deposit", money(account))
        assert (answer.status_code, answer["Location"]) == (302, "/wallet")
    assert get_balance(account.public_id, "USD").available == 10
    assert b">10.00<" in client.get("/account").content

    for _ in range(2):
        client.post("/account/withdraw", money(account, amount="4", address="home"))
    assert get_balance(account.public_id, "USD").available == 6
    assert (Deposit.objects.count(), Withdrawal.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/account/deposit", {"amount": "NaN"}),
        ("/account/deposit", {"amount": "-1"}),
        ("/account/deposit", {"amount": "1e5"}),
        ("/account/deposit", {"amount": "0.000000001"}),
        ("/account/deposit", {"amount": "9" * 41}),
        ("/account/deposit", {"amount": ""}),
        ("/account/deposit", {"asset": "XXX"}),
        ("/account/deposit", {"account": "nonsense"}),
        ("/account/deposit", {"key": ""}),
        ("/account/withdraw", {"amount": "1"}),
        ("/account/withdraw", {"amount": "\u202e1"}),
    ],
)
def test_bad_forms_are_shown_again_and_move_nothing(client, ann, path, changes):
    answer = client.post(path, money(ann.accounts.get(), **changes))
    assert answer.status_code == 400
    assert b'class="field-error"' in answer.content or b'class="form-error"' in answer.content
    assert (Deposit.objects.count(), Withdrawal.objects.count()) == (0, 0)


def test_nobody_reaches_somebody_elses_account_or_token(client, ann):
    bob = ensure_user(by=SYSTEM, email="bob@example.com")
    key, token = create_token(by=SYSTEM, user_id=bob.pk, scopes=["read"])

    assert client.post("/account/deposit", money(bob.accounts.get())).status_code == 400
    client.post(f"/account/tokens/{key.pk}/revoke")
    assert find_caller_by_token(token) is not None
    assert Deposit.objects.count() == 0


def test_a_token_is_shown_once_and_can_be_revoked(client, ann):
    answer = client.post("/account/tokens", {"label": "bot", "scopes": ["read"]})
    assert (answer.status_code, answer["Location"]) == (302, "/account/tokens")
    page = client.get("/account/tokens")
    token = re.search(rb"zvr_[\w-]{43}", page.content)[0].decode()
    assert "no-store" in page["Cache-Control"]
    assert find_caller_by_token(token).scopes == {"read"}
    # What a reload of that page does: nothing more is shown, and none is made.
    assert token.encode() not in client.get("/account/tokens").content
    assert ApiKey.objects.count() == 1

    client.post(f"/account/tokens/{ApiKey.objects.get().pk}/revoke")
    assert find_caller_by_token(token) is None
    assert client.post("/account/tokens", {"scopes": ["root"]}).status_code == 400


def test_a_token_waits_sealed_and_not_for_long(client, ann):
    client.post("/account/tokens", {"label": "bot", "scopes": ["read"]})
    session = client.session
    assert "zvr_" not in str(dict(session))
    session["new_key"] = [session["new_key"][0], session["new_key"][1] - SHOWN_WITHIN_S - 1]
    session.save()
    assert b"zvr_" not in client.get("/account/tokens").content
