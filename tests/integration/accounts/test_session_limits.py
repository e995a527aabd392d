"""Sessions end: without use, and altogether; operators' sooner; for pages, REST and the list."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.access.session_store import BEGUN, SessionStore
from accounts.models import User
from accounts.people.sessions import list_sessions
from accounts.services import sign_up
from api.access.auth import find_caller_by_session
from tests.limits import forget_limits

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
FORM = {"email": EMAIL, "password": PASSWORD}
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def limits(settings):
    forget_limits()
    settings.ZAVORA_SESSION_IDLE_MINUTES, settings.ZAVORA_SESSION_MINUTES = 30, 720
    settings.ZAVORA_OPERATORS_SESSION_IDLE_MINUTES = 15
    settings.ZAVORA_OPERATORS_SESSION_MINUTES = 480


@pytest.fixture
def ann():
    return sign_up(**FORM)


def browser():
    client = Client()
    client.post("/login", FORM)
    return client


def is_in(client):
    return client.get("/account").status_code == 200


def left():
    """Return in how many minutes the one session ends."""
    return round((Session.objects.get().expire_date - timezone.now()) / MINUTE)


def passes(minutes):
    """Let time pass for the one session, without use."""
    row = Session.objects.get()
    store = SessionStore(row.session_key)
    data = store.decode(row.session_data)
    data[BEGUN] -= minutes * 60
    Session.objects.filter(pk=row.pk).update(
        session_data=store.encode(data), expire_date=row.expire_date - minutes * MINUTE
    )


def test_a_session_ends_without_use_and_a_use_moves_that_on(ann):
    client = browser()
    assert left() == 30
    passes(20)
    assert left() == 10
    assert is_in(client)
    assert left() == 30
    passes(31)
    assert not is_in(client)
    assert list_sessions(ann.pk) == []


def test_rest_and_sockets_use_a_session_and_end_with_it(ann):
    key = browser().cookies["sessionid"].value
    passes(20)
    caller = find_caller_by_session(key)
    assert caller is not None
    assert (caller.user_id, left()) == (ann.pk, 30)
    passes(31)
    assert find_caller_by_session(key) is None


def test_whatever_is_done_a_session_ends_after_its_whole_time(ann, settings):
    settings.ZAVORA_SESSION_MINUTES = 90
    client = browser()
    for _ in range(3):
        passes(25)
        assert is_in(client)
    assert left() == 15
    session = client.session
    session["anything"] = "that is saved"
    session.save()
    assert left() == 15
    passes(16)
    assert not is_in(client)
    assert is_in(browser())  # by the password again


def test_operators_have_less_time(ann, settings):
    settings.ZAVORA_OPERATORS_SESSION_MINUTES = 40
    User.objects.update(is_staff=True)
    client = browser()
    assert left() == 15
    for _ in range(3):
        passes(10)
        assert is_in(client)
    assert left() == 10
    passes(11)
    assert not is_in(client)


def test_stricter_settings_hold_for_sessions_that_are(ann, settings):
    client = browser()
    settings.ZAVORA_SESSION_MINUTES = 5
    assert is_in(client)
    assert left() == 5
    passes(6)
    assert not is_in(client)


def test_a_use_is_written_down_once_a_minute(ann, django_assert_num_queries):
    client = browser()
    key = client.cookies["sessionid"].value
    assert is_in(client)
    with django_assert_num_queries(1):
        SessionStore(key).load()
    passes(2)
    with django_assert_num_queries(2):
        SessionStore(key).load()


def test_who_is_not_in_has_no_such_limits():
    store = SessionStore()
    store["wizard"] = "step one"
    store.save()
    assert BEGUN not in SessionStore(store.session_key).load()
    assert left() > 31
