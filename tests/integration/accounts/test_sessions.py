"""Where people are logged in: the list, its ends, and mail about a new device."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from accounts.pages.security import device_of
from accounts.people.sessions import SESSIONS_OF_A_USER_MAX
from accounts.services import end_own_session, sign_up
from tests.actors import customer
from tests.factors import add_app, code_of
from tests.limits import forget_limits
from tests.mails import mails_to
from zavora.foundation.errors import NotFound

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_counts():
    forget_limits()


@pytest.fixture
def ann(db):
    return sign_up(email=EMAIL, password=PASSWORD)


def browser(agent="Mozilla", address="192.0.2.1"):
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    client.post("/login", FORM)
    return client


def test_a_session_that_is_ended_is_none(ann):
    here, there = browser(), browser("Thief", "192.0.2.66")
    page = here.get("/account/security").content.decode()
    assert (page.count("This one"), "Thief" in page, "192.0.2.66" in page) == (1, True, True)
    row = UserSession.objects.get(user_agent="Thief")
    answer = here.post(f"/account/security/sessions/{row.pk}/end")
    assert answer["Location"] == "/account/security"
    assert there.get("/account").status_code == 302
    assert there.get("/api/v1/accounts").status_code == 401
    assert here.get("/account").status_code == 200
    assert "Thief" not in here.get("/account/security").content.decode()


def test_all_others_end_at_once(ann):
    here, *others = browser(), browser(), browser()
    here.post("/account/security/sessions/end")
    assert [one.get("/account").status_code for one in (here, *others)] == [200, 302, 302]
    assert Session.objects.count() == 1


def test_a_new_second_factor_ends_what_began_without_it(ann):
    here, there = browser(), browser()
    page = here.get("/account/security/app").content.decode()
    secret = page.split('id="app-secret">')[1].split("<")[0]
    here.post("/account/security/app", {"code": code_of(secret)})
    assert there.get("/account").status_code == 302
    assert here.get("/account/security/codes").status_code == 200


def test_nobody_ends_somebody_elses_session(ann):
    here = browser()
    bob = sign_up(email="bob@example.com", password=PASSWORD)
    with pytest.raises(NotFound):
        end_own_session(by=customer(bob), session_id=UserSession.objects.get().pk)
    assert here.get("/account").status_code == 200


def test_logging_out_takes_the_session_off_the_list(ann):
    here, there = browser(), browser()
    there.post("/logout")
    assert UserSession.objects.count() == 1
    assert here.get("/account").status_code == 200


def test_whoever_comes_after_a_log_out_goes_back_to_nothing(ann):
    client = browser()
    assert client.get("/account")["Cache-Control"].count("no-store") == 1
    assert client.post("/logout")["Clear-Site-Data"] == '"cache"'


def test_a_person_has_a_bounded_number_of_sessions(ann):
    first = browser()
    for number in range(SESSIONS_OF_A_USER_MAX):
        session = import_module("django.contrib.sessions.backends.db").SessionStore()
        session.create()
        UserSession.objects.create(
            user=ann, ip="::", user_agent=str(number), session_key=session.session_key
        )
    assert first.get("/account").status_code == 200
    browser()
    assert first.get("/account").status_code == 302
    assert UserSession.objects.filter(user=ann).count() <= SESSIONS_OF_A_USER_MAX


def test_sessions_of_before_there_was_a_list_end(ann):
    client = browser()
    migration = import_module("accounts.migrations.0015_sign_in")
    migration.end_sessions(apps, SimpleNamespace(connection=connection))
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/140.0 Mobile Safari/537.36"
            ),
            "Chrome on Android",
        ),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("", "An unknown program"),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_device_is_called_as_people_call_it(agent, device):
    assert device_of(agent) == device


# --- devices -------------------------------------------------------------------------------------


def told(subject="A log-in on a new device"):
    return [one for one in mails_to(EMAIL) if one.subject == subject]


def test_a_log_in_on_a_new_device_is_told_once(ann):
    first = browser()
    assert told() == []  # nobody but the person has been here yet
    second = browser("Somebody else's\x00 browser", "192.0.2.66")
    (message,) = told()
    assert "From: 192.0.2.66" in message.body
    assert "With: Somebody else's browser" in message.body
    for known in (first, second):
        known.post("/logout")
        known.post("/login", FORM)
    assert len(told()) == 1


def test_it_is_told_once_the_second_factor_is_shown(ann):
    browser()
    secret = add_app(ann)
    client = browser()
    assert told() == []
    client.post("/login/code", {"code": code_of(secret)})
    assert len(told()) == 1
