"""Where a second factor is asked by a setting: at the operators' pages, and where money leaves."""

import logging
import time
from decimal import Decimal

import pytest

from accounts.models import ApiKey, User, Withdrawal
from accounts.services import KeyTerms, create_key, create_token, deposit, sign_up
from tests.actors import SYSTEM, customer
from tests.factors import add_app, code_of, confirm
from tests.limits import forget_limits
from zavora.foundation.errors import Forbidden

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_counts():
    forget_limits()


@pytest.fixture
def ann(db):
    return sign_up(email=EMAIL, password=PASSWORD)


def log_in(client, code, *, path="/login"):
    client.post(path, FORM)
    return client.post("/login/code", {"code": code})


def test_operators_enter_with_a_second_factor_alone(client, ann, settings):
    settings.ZAVORA_OPERATORS_MFA = True
    User.objects.filter(pk=ann.pk).update(is_staff=True, is_superuser=True)
    paths = ("/admin/", "/admin/accounts/user/", "/admin/password_change/", "/admin/nothing/")
    client.post("/admin/login/", FORM)
    for path in paths:
        assert client.get(path)["Location"] == "/account/security", path
    secret = add_app(ann)
    # The session began without it.
    assert client.get("/admin/")["Location"] == "/account/confirm?next=%2Fadmin%2F"
    client.post("/admin/logout/")

    assert client.get("/admin/login/").status_code == 200
    answer = log_in(client, code_of(secret), path="/admin/login/?next=/admin/accounts/user/")
    assert answer["Location"] == "/admin/accounts/user/"
    assert client.get("/admin/").status_code == 200
    settings.ZAVORA_OPERATORS_MFA = False
    client.force_login(ann)
    assert client.get("/admin/").status_code == 200


def test_what_an_operator_looks_at_is_in_the_log(client, ann, caplog):
    caplog.set_level(logging.INFO, logger="accounts.access.security_log")
    bob = sign_up(email="bob@example.com", password=PASSWORD)
    User.objects.filter(pk=ann.pk).update(is_staff=True, is_superuser=True)
    for person in (bob, User.objects.get(pk=ann.pk)):
        client.force_login(person)
        client.get("/account")
        client.get(f"/admin/accounts/user/{bob.pk}/change/", REMOTE_ADDR="192.0.2.1")
        client.get("/admin/accounts/user/?q=bob@example.com", REMOTE_ADDR="192.0.2.1")
    lines = [r.msg for r in caplog.records if r.name == "accounts.access.security_log"]
    looks = [line for line in lines if line["event"] == "operator_looked"]
    assert [line["path"] for line in looks] == [
        f"/admin/accounts/user/{bob.pk}/change/",
        "/admin/accounts/user/",
    ]
    assert {(line["user_id"], line["method"], line["address"]) for line in looks} == {
        (ann.pk, "GET", "192.0.2.1")
    }
    assert all(line["request_id"] for line in looks)
    assert "bob@example.com" not in str(looks)


# --- withdrawals ---------------------------------------------------------------------------------


@pytest.fixture
def rich(ann, usd, settings):
    settings.ZAVORA_WITHDRAWAL_MFA = True
    account = ann.accounts.get()
    deposit(by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(9), source="bank")
    form = {"account": str(account.public_id), "asset": "USD", "amount": "1", "address": "far"}
    return form | {"key": "k"}


def test_withdrawals_at_the_page_ask_for_a_second_factor(client, ann, rich):
    client.post("/login", FORM)
    assert client.post("/account/withdraw", rich)["Location"] == "/account/security"
    secret = add_app(ann)
    answer = client.post("/account/withdraw", rich)
    assert answer["Location"].startswith("/account/confirm")
    assert not Withdrawal.objects.exists()
    form = {"code": code_of(secret), "next": "/account/withdraw"}
    assert client.post(answer["Location"], form)["Location"] == "/wallet"
    assert Withdrawal.objects.count() == 1


def test_withdrawals_by_the_api_ask_sessions_and_not_keys(client, ann, rich):
    def withdraw(**headers):
        path = f"/api/v1/accounts/{rich['account']}/withdraw"
        asked = {name: rich[name] for name in ("asset", "amount", "address")}
        return client.post(path, asked, content_type="application/json", headers=headers)

    client.post("/login", FORM)
    refused = withdraw()
    assert refused.status_code == 403
    assert refused.json()["error"]["details"]["confirm"] == "/account/confirm"
    confirm(client, ann, method="mfa")
    assert withdraw().status_code == 200
    client.logout()
    _, token = create_token(by=SYSTEM, user_id=ann.pk, scopes=["withdraw"])
    assert withdraw(Authorization=f"Bearer {token}").status_code == 200


def test_no_key_that_withdraws_is_made_without_a_second_factor(client, ann, rich):
    client.post("/login", FORM)
    answer = client.post("/account/tokens", {"scopes": "withdraw", "ip": "192.0.2.1"})
    assert (answer.status_code, b"second factor" in answer.content) == (400, True)
    terms = KeyTerms(scopes=["read", "withdraw"], ip_allowed=["192.0.2.1"])
    with pytest.raises(Forbidden):
        create_key(by=customer(ann), kind="bearer", terms=terms)
    assert not ApiKey.objects.exists()
    create_key(by=customer(ann), kind="bearer", terms=KeyTerms(scopes=["read", "trade"]))
    create_key(by=customer(ann, confirmed_at=time.time()), kind="bearer", terms=terms)
