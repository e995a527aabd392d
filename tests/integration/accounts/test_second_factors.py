"""Second factors: at the door, before what is dangerous, for operators and withdrawals."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client

from accounts.access.attempts import LOGINS_PER_PERSON_MAX
from accounts.access.confirmation import CONFIRMED_S
from accounts.access.factor_secrets import open_factor
from accounts.models import ApiKey, AuditRecord, User
from accounts.people.factors import PASSKEYS_OF_A_USER_MAX, list_recovery_codes
from accounts.redis_client import get_redis
from accounts.services import (
    add_passkey,
    renew_recovery_codes,
    sign_up,
    use_factor_code,
)
from tests.actors import customer
from tests.factors import add_app, code_of, confirm
from tests.limits import forget_limits
from tests.mails import mails_to
from zavora.foundation.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_counts():
    forget_limits()


@pytest.fixture
def ann(db):
    return sign_up(email=EMAIL, password=PASSWORD)


@pytest.fixture
def secret(ann):
    return add_app(ann)


def is_in(client):
    return "_auth_user_id" in client.session


def log_in(client, code, *, path="/login", **form):
    client.post(path, FORM | form)
    return client.post("/login/code", {"code": code})


# --- at the door ---------------------------------------------------------------------------------


def test_a_password_alone_is_no_session(client, secret):
    answer = client.post("/login?next=/account", FORM)
    assert (answer["Location"], is_in(client)) == ("/login/code", False)
    assert client.get("/account")["Location"].startswith("/login")
    assert client.get("/api/v1/accounts").status_code == 401
    before = client.session.session_key
    assert client.post("/login/code", {"code": code_of(secret)})["Location"] == "/account"
    assert is_in(client)
    assert client.session.session_key != before  # a key that was planted before is worth nothing


def test_nobody_comes_to_the_second_step_without_the_first(client, secret):
    assert client.get("/login/code")["Location"] == "/login"
    client.post("/login", FORM | {"password": "wrong"})
    assert client.post("/login/code", {"code": code_of(secret)})["Location"] == "/login"
    assert not is_in(client)


def test_a_code_works_once_in_every_process(ann, secret):
    code = code_of(secret)
    assert log_in(Client(), code).status_code == 302
    answer = log_in(Client(), code)
    assert (answer.status_code, b"used already" in answer.content) == (200, True)
    # Neither does one of an earlier step, once a later one was used.
    with pytest.raises(ValidationFailed):
        use_factor_code(by=customer(ann), code=code_of(secret, steps=-1))
    assert Authenticator.objects.get(type="totp").data["used_step"] >= time.time() // 30 - 1


def test_whose_code_is_tried_twice_hears_of_it(ann, secret, caplog):
    caplog.set_level(logging.INFO, logger="accounts.access.security_log")
    told = "A code was tried twice"
    code = code_of(secret)
    log_in(Client(), code)
    log_in(Client(), "000000")
    assert told not in [one.subject for one in mails_to(EMAIL)]
    log_in(Client(), code)
    (message,) = [one for one in mails_to(EMAIL) if one.subject == told]
    assert code not in message.body
    lines = [r.msg for r in caplog.records if r.name == "accounts.access.security_log"]
    reasons = [line["reason"] for line in lines if line["event"] == "second_factor_refused"]
    assert reasons == ["wrong_code", "used_code"]


def test_of_many_who_use_one_recovery_code_at_once_one_gets_in(ann, secret):
    code = list_recovery_codes(ann.pk)[0]

    def use(_):
        try:
            use_factor_code(by=customer(ann), code=code)
        except ValidationFailed:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(use, range(8))) == 1
    assert len(list_recovery_codes(ann.pk)) == 9


def test_a_recovery_code_works_once(ann, secret):
    code, other, *_ = list_recovery_codes(ann.pk)
    assert log_in(Client(), f" {code[:4]}-{code[4:]} ").status_code == 302
    assert log_in(Client(), code).status_code == 200
    renew_recovery_codes(by=customer(ann))
    assert log_in(Client(), other).status_code == 200
    assert log_in(Client(), list_recovery_codes(ann.pk)[0]).status_code == 302


def test_guesses_at_the_second_factor_are_few_where_redis_is_away_too(client, secret, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    try:
        client.post("/login", FORM)
        statuses = [
            client.post("/login/code", {"code": f"{n:06}"}).status_code
            for n in range(LOGINS_PER_PERSON_MAX + 1)
        ]
        answer = client.post("/login/code", {"code": code_of(secret)})
    finally:
        get_redis.cache_clear()
    assert statuses == [200] * LOGINS_PER_PERSON_MAX + [429]
    assert (answer.status_code, is_in(client)) == (429, False)
    assert int(answer["Retry-After"]) > 0


def test_whoever_was_shut_out_meanwhile_stays_out(client, ann, secret):
    client.post("/login", FORM)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    client.post("/login/code", {"code": code_of(secret)})
    assert not is_in(client)
    assert client.get("/api/v1/accounts").status_code == 401


def test_a_second_step_leads_to_no_other_site(client, secret):
    client.post("/login?next=https://evil.example/", FORM)
    assert client.post("/login/code", {"code": code_of(secret)})["Location"] == "/"


@pytest.mark.parametrize(
    "credential", ["", "x", "[]", "1", '"x"', "{}", '{"response": {"userHandle": "MQ"}}']
)
def test_what_is_no_passkey_is_refused(client, ann, secret, credential):
    assert client.get("/login/passkey", headers={"Accept": "application/json"}).json()
    answer = client.post("/login/passkey", {"credential": credential})
    assert (answer.status_code, answer["Location"]) == (302, "/login")
    client.post("/login", FORM)
    client.get("/login/code")
    assert client.post("/login/code", {"credential": credential}).status_code == 200
    assert not is_in(client)
    client.force_login(ann)
    confirm(client, ann, method="mfa")
    form = {"name": "key", "credential": credential}
    assert client.post("/account/security/passkey", form).status_code == 400
    assert client.post("/account/confirm", {"credential": credential}).status_code == 200


# --- at rest -------------------------------------------------------------------------------------


def test_secrets_are_sealed_in_tables_and_sessions(client, ann):
    client.post("/login", FORM)
    page = client.get("/account/security/app").content.decode()
    secret = page.split('id="app-secret">')[1].split("<")[0]
    assert secret not in str(dict(client.session))
    answer = client.post("/account/security/app", {"code": code_of(secret)})
    assert answer["Location"] == "/account/security/codes"
    row = Authenticator.objects.get(type="totp")
    assert secret not in str(row.data)
    assert open_factor(row.data["secret"]) == secret
    codes = list_recovery_codes(ann.pk)
    stored = str(Authenticator.objects.get(type="recovery_codes").data)
    assert not [code for code in codes if code in stored]
    assert all(code in client.get("/account/security/codes").content.decode() for code in codes)
    record = AuditRecord.objects.get(act="user.add_factor")
    assert (record.user_id, record.details["type"]) == (ann.pk, "totp")
    assert secret not in str(record.details)
    (message,) = [one for one in mails_to(EMAIL) if one.subject == "A new second factor"]
    assert secret not in message.body


def test_an_app_is_taken_by_its_code_alone(client, ann):
    client.post("/login", FORM)
    client.get("/account/security/app")
    assert client.post("/account/security/app", {"code": "000000"}).status_code == 400
    assert client.post("/account/security/app", {"code": ""}).status_code == 400
    assert not Authenticator.objects.exists()


def test_where_the_key_of_seals_is_lost_nobody_gets_in_by_it(client, secret, settings):
    settings.SECRET_KEY = "another" * 8
    answer = log_in(client, "000000")
    assert answer.status_code == 200
    assert not is_in(client)


# --- before what is dangerous --------------------------------------------------------------------

DANGEROUS = (
    ("get", "/account/security/app", {}),
    ("get", "/account/security/passkey", {}),
    ("get", "/account/security/codes", {}),
    ("get", "/account/password", {}),
    ("post", "/account/password", {"old_password": "kanarie"}),
    ("post", "/account/tokens", {"scopes": "read", "label": "bot"}),
    ("post", "/account/security/factors/1/remove", {}),
    ("post", "/account/security/sessions/1/end", {}),
    ("post", "/account/security/sessions/end", {}),
)


@pytest.mark.parametrize(("method", "path", "form"), DANGEROUS)
def test_a_session_that_was_left_open_changes_nothing(client, ann, method, path, form):
    client.force_login(ann)
    answer = getattr(client, method)(path, form)
    assert answer["Location"].startswith("/account/confirm?next=")
    assert "kanarie" not in str(dict(client.session))
    assert not ApiKey.objects.exists()


def test_what_was_asked_for_happens_once_it_is_confirmed(client, ann):
    client.force_login(ann)
    answer = client.post("/account/tokens", {"scopes": "read", "label": "bot"})
    page = answer["Location"]
    form = {"password": "wrong", "next": "/account/tokens"}
    assert b"Wrong password" in client.post(page, form).content
    assert not ApiKey.objects.exists()
    answer = client.post(page, form | {"password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/account/tokens")
    assert ApiKey.objects.get().label == "bot"


def test_a_password_does_not_confirm_where_there_is_a_second_factor(client, ann, secret):
    client.force_login(ann)
    confirm(client, ann)
    assert client.get("/account/security/codes").status_code == 302
    form = {"password": PASSWORD, "next": "/account/security/codes"}
    assert client.post("/account/confirm", form).status_code == 200
    assert client.get("/account/security/codes").status_code == 302
    answer = client.post("/account/confirm", {"code": code_of(secret), "next": form["next"]})
    assert answer["Location"] == form["next"]
    assert client.get(form["next"]).status_code == 200


def test_a_confirmation_ends(client, ann, secret):
    client.force_login(ann)
    confirm(client, ann, method="mfa")
    assert client.get("/account/security/codes").status_code == 200
    session = client.session
    session["account_authentication_methods"][0]["at"] -= CONFIRMED_S
    session.save()
    assert client.get("/account/security/codes").status_code == 302


def test_confirming_leads_to_no_other_site(client, ann):
    client.force_login(ann)
    form = {"password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/account/confirm", form)["Location"] == "/account/security"


def test_guesses_at_a_confirmation_are_few(client, ann):
    client.force_login(ann)
    form = {"password": "wrong"}
    statuses = [
        client.post("/account/confirm", form).status_code for _ in range(LOGINS_PER_PERSON_MAX + 1)
    ]
    assert statuses == [200] * LOGINS_PER_PERSON_MAX + [429]


def test_nobody_takes_away_somebody_elses_second_factor(client, ann, secret):
    bob = sign_up(email="bob@example.com", password=PASSWORD)
    client.force_login(bob)
    confirm(client, bob)
    row = Authenticator.objects.get(type="totp")
    client.post(f"/account/security/factors/{row.pk}/remove")
    assert Authenticator.objects.filter(pk=row.pk).exists()
    client.force_login(ann)
    confirm(client, ann, method="mfa")
    client.post(f"/account/security/factors/{row.pk}/remove")
    assert not Authenticator.objects.exists()  # the recovery codes have gone with it
    assert [one.subject for one in mails_to(EMAIL)] == ["A second factor less"]


def test_new_recovery_codes_are_told_by_mail(client, ann, secret):
    client.force_login(ann)
    confirm(client, ann, method="mfa")
    before = list_recovery_codes(ann.pk)
    client.post("/account/security/codes")
    after = list_recovery_codes(ann.pk)
    assert not set(before) & set(after)
    (message,) = mails_to(EMAIL)
    assert message.subject == "New recovery codes"
    assert not [code for code in after if code in message.body]


def test_a_person_has_a_bounded_number_of_passkeys(ann):
    for number in range(PASSKEYS_OF_A_USER_MAX):
        add_passkey(by=customer(ann), name=f"key {number}", credential={})
    with pytest.raises(Conflict):
        add_passkey(by=customer(ann), name="one more", credential={})


def test_a_new_password_of_ones_own(client, ann):
    client.post("/login", FORM)
    elsewhere = Client()
    elsewhere.post("/login", FORM)
    new = {"new_password1": "a third horse battery", "new_password2": "a third horse battery"}
    assert client.post("/account/password", {"old_password": "x", **new}).status_code == 200
    answer = client.post("/account/password", {"old_password": PASSWORD, **new})
    assert answer["Location"] == "/account/security"
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert "A new password" in [one.subject for one in mails_to(EMAIL)]
    # The list knows the session by its new key, and no other is left.
    page = client.get("/account/security").content.decode()
    assert (page.count("This one"), page.count(">End</button>")) == (1, 0)


# --- operators -----------------------------------------------------------------------------------


def test_operators_see_no_secret_of_a_session_or_a_second_factor(client, ann, secret):
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    there = Client()
    log_in(there, code_of(secret))
    session = UserSession.objects.get(user=ann)
    factor = Authenticator.objects.get(user=ann, type="totp")
    pages = [
        client.get(path)
        for path in (
            "/admin/mfa/authenticator/", f"/admin/mfa/authenticator/{factor.pk}/change/",
            "/admin/usersessions/usersession/",
            f"/admin/usersessions/usersession/{session.pk}/change/",
        )
    ]  # fmt: skip
    assert [page.status_code for page in pages] == [200] * 4
    text = "".join(page.content.decode() for page in pages)
    assert EMAIL in text.replace("<wbr>", "")
    for hidden in (session.session_key, factor.data["secret"], secret):
        assert hidden not in text
