"""Another e-mail address: a link to the new one, a way back for the old one, and what pauses."""

from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import ApiKey, AuditRecord, User, Withdrawal
from accounts.people.password_links import reset_tokens
from accounts.services import (
    approve,
    change_own_password,
    create_token,
    deposit,
    request_withdrawal,
    reset_password,
    sign_up,
    submit_factor_reset,
)
from tests.actors import SYSTEM, customer
from tests.approving import approver
from tests.factors import add_app, code_of, confirm
from tests.limits import forget_limits
from tests.mails import mails_to, path_in
from zavora.foundation.errors import Forbidden

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, NEW, PASSWORD = "ann@example.com", "ann@new.example", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}
USD = {"asset": "USD", "amount": Decimal(5), "address": "far"}


@pytest.fixture(autouse=True)
def no_counts(settings):
    settings.ZAVORA_WITHDRAWAL_PAUSE_HOURS = 24
    forget_limits()


@pytest.fixture
def ann(usd):
    user = sign_up(**FORM)
    money = {"asset": "USD", "amount": Decimal(50), "source": "bank"}
    deposit(by=SYSTEM, account_id=user.accounts.get().public_id, **money)
    return user


def browser(email=EMAIL):
    client = Client()
    client.post("/login", {"email": email, "password": PASSWORD})
    return client


def is_in(client):
    return client.get("/account").status_code == 200


def ask(client, email=NEW):
    confirm(client, User.objects.get(pk=client.session["_auth_user_id"]))
    return client.post("/account/email", {"email": email})


def withdraw(user, **more):
    return request_withdrawal(
        by=customer(user), account_id=user.accounts.get().public_id, **USD, **more
    )


def changed(client):
    """Change the address; return the path that undoes it."""
    ask(client)
    link = path_in(mails_to(NEW)[-1])
    assert Client().post(link).status_code == 302
    return path_in(mails_to(EMAIL)[-1])


def test_an_address_is_changed_by_the_link_that_went_there(ann):
    client = browser()
    assert client.post("/account/email", {"email": NEW})["Location"] == "/account/security"
    session = client.session
    del session["account_authentication_methods"]
    session.save()
    asked = client.post("/account/email", {"email": NEW})
    assert asked["Location"].startswith("/account/confirm")
    link = path_in(mails_to(NEW)[0])
    assert User.objects.get().email == EMAIL
    elsewhere = Client()
    assert NEW in elsewhere.get(link).content.decode()
    assert User.objects.get().email == EMAIL  # a look changes nothing

    assert elsewhere.post(link)["Location"] == "/account/security"

    ann.refresh_from_db()
    row = EmailAddress.objects.get()
    assert (ann.email, row.email, row.verified, row.primary) == (NEW, NEW, True, True)
    assert not is_in(elsewhere)  # the link lets nobody in
    assert is_in(browser(NEW))
    assert not is_in(browser(EMAIL))
    record = AuditRecord.objects.get(act="user.change_email")
    assert "example" not in str(record.details)
    assert elsewhere.post(link).status_code == 400  # it works once


def test_the_answer_does_not_tell_whose_address_it_is(ann):
    sign_up(email="bob@example.com", password=PASSWORD)
    client = browser()
    answers = [ask(client, email) for email in (NEW, "bob@example.com")]
    assert {(one.status_code, one["Location"]) for one in answers} == {(302, "/account/security")}
    (told,) = mails_to("bob@example.com")
    assert "/login/email/" not in str(told.body)
    assert ask(client, EMAIL).status_code == 400


@pytest.mark.parametrize("meanwhile", ["password", "taken", "shut out", "late"])
def test_a_link_ends_with_what_it_was_made_for(ann, meanwhile):
    client = browser()
    ask(client)
    link = path_in(mails_to(NEW)[0])
    if meanwhile == "password":
        change_own_password(
            by=customer(ann), old_password=PASSWORD, new_password="purple lamp garden six"
        )
    elif meanwhile == "taken":
        sign_up(email=NEW, password=PASSWORD)
    elif meanwhile == "shut out":
        User.objects.update(is_active=False)
    else:
        link += "x"
    assert client.post(link).status_code == 400
    assert User.objects.get(pk=ann.pk).email == EMAIL


def test_the_old_address_takes_it_back_and_throws_everybody_out(ann):
    thief = browser()
    key, _ = create_token(by=SYSTEM, user_id=ann.pk, scopes=["trade"])
    back = changed(thief)
    assert is_in(thief)
    owner = Client()
    assert EMAIL in owner.get(back).content.decode()

    assert owner.post(back)["Location"] == "/login/forgotten"

    assert User.objects.get().email == EMAIL
    assert not is_in(thief)
    assert not is_in(browser(NEW))
    assert not is_in(browser(EMAIL))  # the thief knew the password
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    owner.post("/login/forgotten", {"email": EMAIL})
    assert "/account/password/" in path_in(mails_to(EMAIL)[-1])
    assert owner.post(back).status_code == 400


# --- what pauses ---------------------------------------------------------------------------------


def by_new_address(user):
    changed(browser())


def by_the_way_back(user):
    back = changed(browser())
    User.objects.update(withdrawals_paused_until=None)
    Client().post(back)


def by_mailed_password(user):
    token = reset_tokens.make_token(user)
    reset_password(user_id=user.pk, token=token, password="purple lamp garden six")


def by_reset_factors(user):
    add_app(user)
    asked = submit_factor_reset(
        by=approver("one", Permission.RESET_FACTORS), user_id=user.pk, reason="phone lost"
    )
    approve(by=approver("two", Permission.DECIDE_PERSON), approval_id=asked.pk, reason="seen")


@pytest.mark.parametrize(
    "change", [by_new_address, by_the_way_back, by_mailed_password, by_reset_factors]
)
def test_nothing_leaves_for_a_day_after_how_somebody_gets_in_was_changed(ann, change):
    withdraw(ann)
    change(ann)
    ann.refresh_from_db()
    now = timezone.now()

    for moment in (now, now + timedelta(hours=23, minutes=59)):
        with pytest.raises(Forbidden, match="withdrawals are possible again"):
            withdraw(ann, now=moment)
    assert Withdrawal.objects.count() == 1

    withdraw(ann, now=now + timedelta(hours=24, minutes=1))
    assert Withdrawal.objects.count() == 2


def test_a_password_that_one_changes_oneself_pauses_nothing(ann):
    change_own_password(
        by=customer(ann), old_password=PASSWORD, new_password="purple lamp garden six"
    )
    assert withdraw(ann).pk


# --- second factors that were lost ---------------------------------------------------------------


def test_two_operators_reset_second_factors_and_the_person_is_told(ann):
    client = browser()
    secret = add_app(ann)
    confirm(client, ann)
    first = approver("one", Permission.RESET_FACTORS, Permission.DECIDE_PERSON)
    asked = submit_factor_reset(by=first, user_id=ann.pk, reason="phone lost")
    with pytest.raises(Forbidden):
        approve(by=first, approval_id=asked.pk, reason="why not")
    assert is_in(client)
    stopped = browser()
    assert not is_in(stopped)  # it asks for the code

    approve(by=approver("two", Permission.DECIDE_PERSON), approval_id=asked.pk, reason="seen")

    assert not is_in(client)
    assert is_in(browser())  # the password is enough again
    assert stopped.post("/login/code", {"code": code_of(secret)}).status_code != 200
    (told,) = [one for one in mails_to(EMAIL) if "second factors" in one.subject]
    assert "not you" in str(told.body)
    record = AuditRecord.objects.get(act="user.reset_factors")
    assert record.details["was"]["factors"] == ["totp", "recovery_codes"]
    assert (record.reason, record.details["requester"]) == ("phone lost", first.user_id)
