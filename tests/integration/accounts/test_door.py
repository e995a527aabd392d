"""The door: one control for /login and /admin/login/, limits, known devices, and the log of it."""

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test import Client
from django.urls import resolve, reverse

from accounts.access import attempts
from accounts.access.attempts import (
    LOGINS_PER_DEVICE_MAX,
    LOGINS_PER_PERSON_MAX,
    STRANGERS_FREE_MAX,
    STRANGERS_PAUSE_MAX_S,
    network_of,
    pause_s,
)
from accounts.access.hashing import WAITING_MAX, _gate, hashing_place
from accounts.access.security_log import person_digest
from accounts.models import Account, User
from accounts.pages import door
from accounts.redis_client import get_redis
from accounts.services import create_user, sign_up
from tests.actors import SYSTEM
from tests.limits import forget_limits
from zavora.foundation.errors import Conflict
from zavora.foundation.redaction import hide

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
OPERATOR, OPERATORS_PASSWORD = "op@example.com", "another horse battery"
DOORS = ("/login", "/admin/login/")
WRONG = "Wrong e-mail address or password."


@pytest.fixture(autouse=True)
def no_attempts_yet():
    forget_limits()


@pytest.fixture
def ann():
    return sign_up(email=EMAIL, password=PASSWORD)


@pytest.fixture
def operator():
    user = create_user(by=SYSTEM, email=OPERATOR, is_staff=True)
    user.set_password(OPERATORS_PASSWORD)
    user.save()
    return user


@pytest.fixture
def lines(caplog):
    """What the door wrote, as (event, facts)."""
    caplog.set_level(logging.INFO, logger="accounts.access.security_log")

    def read():
        found = [dict(r.msg) for r in caplog.records if r.name == "accounts.access.security_log"]
        return [(line.pop("event"), line) for line in found]

    return read


def guess(client, path="/login", *, email=EMAIL, password="wrong", address="192.0.2.1"):
    form = {"email": email, "password": password}
    return client.post(path, form, REMOTE_ADDR=address)


def enters(client, path="/login", **changes):
    return guess(client, path, **({"password": PASSWORD} | changes)).status_code == 302


# --- one door ------------------------------------------------------------------------------------


def test_both_doors_are_one_view_and_so_are_both_ways_out():
    for name in ("login", "admin:login"):
        assert resolve(reverse(name)).func.view_class is door.Login
    for name in ("logout", "admin:logout"):
        assert resolve(reverse(name)).func.view_class is door.Logout


@pytest.mark.parametrize("field", ["email", "username"])
def test_an_operator_enters_by_the_admins_own_door(client, operator, field):
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    page = client.get("/admin/login/?next=/admin/")
    assert (page.status_code, b"csrfmiddlewaretoken" in page.content) == (200, True)
    form = {field: OPERATOR, "password": OPERATORS_PASSWORD}
    answer = client.post("/admin/login/?next=/admin/", form | {"next": "/admin/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/")["Location"] == "/admin/"
    assert client.post("/admin/logout/")["Location"] == "/admin/login/"
    assert client.get("/admin/").status_code == 302


def test_whoever_is_no_operator_reads_what_a_wrong_password_reads(client, ann, operator):
    pages = []
    for email, password in ((EMAIL, PASSWORD), (EMAIL, "wrong"), ("nobody@example.com", "wrong")):
        answer = guess(client, "/admin/login/", email=email, password=password)
        pages.append(answer.content.decode().replace(email, "E"))
        assert answer.status_code == 200
        assert "_auth_user_id" not in client.session
    assert WRONG in pages[0]
    assert len({page.split("csrfmiddlewaretoken")[0] for page in pages}) == 1
    assert len({page.split("<form")[1].split('value="', 2)[2] for page in pages}) == 1
    # A customer who is logged in is not sent round in circles.
    client.force_login(ann)
    assert client.get("/admin/login/?next=/admin/").status_code == 200


def test_guesses_at_one_door_count_at_the_other(client, operator):
    for number in range(LOGINS_PER_PERSON_MAX):
        answer = guess(client, DOORS[number % 2], email=OPERATOR)
        assert (answer.status_code, WRONG in answer.content.decode()) == (200, True)
    for path in DOORS:
        answer = guess(client, path, email=OPERATOR, password=OPERATORS_PASSWORD)
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= attempts.WINDOW_S
        assert "_auth_user_id" not in client.session


def test_an_operators_old_password_cannot_be_guessed_without_limit_either(client, operator):
    client.force_login(operator)
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    statuses = [
        client.post("/admin/password_change/", form).status_code
        for _ in range(LOGINS_PER_PERSON_MAX + 1)
    ]
    assert statuses == [200] * LOGINS_PER_PERSON_MAX + [429]


def test_a_change_of_password_for_which_no_hash_can_be_computed_is_no_guess(
    client, operator, settings
):
    settings.ZAVORA_HASHES_MAX = 1
    client.force_login(operator)
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    with hashing_place(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gate, "_waiting_max", 0)
        for _ in range(LOGINS_PER_PERSON_MAX + 1):
            assert client.post("/admin/password_change/", form).status_code == 503
    assert client.post("/admin/password_change/", form).status_code == 200


# --- limits --------------------------------------------------------------------------------------


def test_an_address_has_a_limit_over_all_persons(client, settings):
    settings.ZAVORA_LOGIN_ATTEMPTS_PER_ADDRESS = 5
    statuses = [guess(client, email=f"{n}@example.com").status_code for n in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert guess(client, address="192.0.2.2").status_code == 200


def test_spaces_and_capitals_make_nobody_another_person(client, ann):
    spellings = [EMAIL, EMAIL.upper(), f" {EMAIL} ", " " * 250 + EMAIL, " " * 300 + EMAIL]
    for number in range(LOGINS_PER_PERSON_MAX):
        spelling = spellings[number % len(spellings)]
        assert WRONG in guess(client, email=spelling).content.decode()
    for spelling in spellings:
        assert guess(client, email=spelling, password=PASSWORD).status_code == 429


def test_guesses_at_one_person_from_many_addresses_are_slowed(client, ann):
    statuses = [
        guess(client, address=f"192.0.2.{address}").status_code
        for address in range(1, 16)
        for _ in range(LOGINS_PER_PERSON_MAX)
    ]
    assert len(statuses) == 150
    # The pause doubles from two seconds on, and the loop takes a few.
    assert STRANGERS_FREE_MAX < statuses.count(200) <= STRANGERS_FREE_MAX + 6
    assert not enters(client, address="192.0.2.99")
    assert guess(client, email="bob@example.com", address="192.0.2.99").status_code == 200


def test_a_stranger_does_not_lock_a_person_out_of_a_known_device(ann):
    known, stranger = Client(), Client()
    assert enters(known)
    known.post("/logout")
    # The same address as the person's, and others: all limits are used up.
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
        for _ in range(LOGINS_PER_PERSON_MAX):
            guess(stranger, address=address)
    assert guess(stranger, password=PASSWORD).status_code == 429

    assert enters(known)


def test_a_known_device_has_a_budget_and_is_its_owners_alone(ann, operator):
    known = Client()
    assert enters(known)
    known.post("/logout")
    for _ in range(LOGINS_PER_DEVICE_MAX):
        assert guess(known).status_code == 200
    assert guess(known, password=PASSWORD).status_code == 429
    # As somebody else it is a device like any other, from this address.
    for _ in range(LOGINS_PER_PERSON_MAX):
        assert guess(known, email=OPERATOR).status_code == 200
    assert guess(known, email=OPERATOR).status_code == 429


def test_a_forged_device_is_none(client, ann, settings):
    client.cookies[settings.ZAVORA_DEVICE_COOKIE_NAME] = f"{person_digest(EMAIL)}:x"
    statuses = [guess(client).status_code for _ in range(LOGINS_PER_PERSON_MAX + 1)]
    assert statuses[-1] == 429


def test_getting_in_forgets_earlier_failures(client, ann):
    for _ in range(3):
        for _ in range(LOGINS_PER_PERSON_MAX - 1):
            guess(client)
        client.cookies.clear()
        assert enters(client)
        client.logout()


def test_pauses_double_up_to_a_bound():
    assert [pause_s(n) for n in (1, STRANGERS_FREE_MAX)] == [0, 0]
    assert [pause_s(STRANGERS_FREE_MAX + n) for n in (1, 2, 3)] == [2, 4, 8]
    assert pause_s(10**9) == STRANGERS_PAUSE_MAX_S


def test_an_address_is_what_a_client_cannot_choose_freely():
    assert network_of("192.0.2.1") == network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:0:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("unknown") == "unknown"


@pytest.fixture
def redis_away(settings):
    """Nothing answers where Redis should be."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    yield
    get_redis.cache_clear()


@pytest.mark.usefixtures("redis_away")
def test_limits_hold_while_redis_is_away(client, ann):
    statuses = [guess(client).status_code for _ in range(LOGINS_PER_PERSON_MAX + 2)]
    assert statuses == [200] * LOGINS_PER_PERSON_MAX + [429] * 2
    assert enters(client, address="192.0.2.2")


# --- hashes --------------------------------------------------------------------------------------


def test_where_no_hash_can_be_computed_nothing_is_tried_or_counted(client, ann, settings, lines):
    settings.ZAVORA_HASHES_MAX = 1
    with ThreadPoolExecutor(WAITING_MAX) as threads, hashing_place():
        in_line = [threads.submit(_enters_elsewhere, f"192.0.2.{n}") for n in (7, 8, 9)]
        _wait_until(_line_is_full)
        for path in ("/login", "/admin/login/", "/signup"):
            form = {"email": EMAIL, "password": PASSWORD}
            before = User.objects.count()
            answer = client.post(path, form)
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            page = answer.content.decode()
            assert door.BUSY in page
            assert f'value="{EMAIL}"' in page  # the form again, as it was
            assert User.objects.count() == before
    assert [one.result() for one in in_line] == [True] * 3
    busy = [event for event, line in lines() if line.get("reason") == "busy"]
    assert busy == ["login_limited", "login_limited", "signup_refused"]
    assert enters(client)


def _enters_elsewhere(address):
    try:
        return enters(Client(), address=address)
    finally:
        connection.close()  # this thread's own


def _line_is_full():
    return _gate._waiting == WAITING_MAX


def _wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_hash_of_before_opens_and_is_replaced_at_a_log_in(client, real_hashes, ann):
    old = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsaltsa", 870_000)
    User.objects.filter(pk=ann.pk).update(password=old)
    assert not enters(client, password="wrong")
    assert User.objects.get().password == old

    assert enters(client)
    assert User.objects.get().password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    client.post("/logout")
    assert enters(client)


# --- sign-up -------------------------------------------------------------------------------------


def _answer_to_sign_up(email):
    client = Client()
    answer = client.post("/signup?next=/account", {"email": email, "password": PASSWORD})
    page = client.get(answer["Location"])
    of_this_moment = ("X-Request-ID", "Expires")
    kept = {k: v for k, v in answer.items() if k not in of_this_moment}
    attributes = {
        name: sorted(each for each in cookie if cookie[each])
        for name, cookie in answer.cookies.items()
    }
    text = page.content.decode().replace(email, "E")
    return answer.status_code, kept, attributes, answer.content, _without_csrf(text)


def _without_csrf(text):
    return re.sub('name="csrfmiddlewaretoken" value="[^"]*"', "", text)


def test_signing_up_tells_nobody_who_has_an_account(ann, lines):
    before = User.objects.get().password, Account.objects.count()
    known = _answer_to_sign_up(EMAIL)
    assert (User.objects.get().password, Account.objects.count()) == before

    unknown = _answer_to_sign_up("bob@example.com")
    assert known == unknown
    assert known[0] == 302
    assert User.objects.filter(email="bob@example.com").exists()


def test_signing_up_takes_as_long_where_there_is_an_account(real_hashes, ann):
    def took_s(email):
        client = Client()
        began = time.perf_counter()
        client.post("/signup", {"email": email, "password": PASSWORD})
        return time.perf_counter() - began

    took_s("warm@example.com")
    pairs = [(took_s(EMAIL), took_s(f"new{n}@example.com")) for n in range(15)]
    known, unknown = (sorted(times)[len(times) // 2] for times in zip(*pairs, strict=True))
    assert 0.6 < known / unknown < 1.6, (known, unknown)


def test_of_many_who_sign_up_with_one_address_none_makes_a_statement_fail():
    def one(_):
        try:
            sign_up(email="race@example.com", password=PASSWORD)
        except Conflict as error:
            # An INSERT that failed would stand behind it, and in the database's log.
            return error.__cause__ or error.__context__ or "taken"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(4) as threads:
        found = sorted(threads.map(one, range(4)))
    assert found == ["made", "taken", "taken", "taken"]
    assert User.objects.count() == 1


# --- the log -------------------------------------------------------------------------------------


def test_everything_at_the_door_leaves_a_line_without_secrets(client, ann, operator, lines, caplog):
    digest = person_digest(EMAIL)
    guess(client, password="hunter2-hunter2")
    guess(client, "/admin/login/", password=PASSWORD)
    assert enters(client)
    client.post("/logout", REMOTE_ADDR="192.0.2.1")
    for _ in range(LOGINS_PER_DEVICE_MAX + 1):
        guess(client)
    client.post("/signup", {"email": EMAIL, "password": PASSWORD}, REMOTE_ADDR="192.0.2.1")
    client.post("/signup", {"email": "bob@example.com", "password": PASSWORD})

    written = lines()
    at = {"address": "192.0.2.1"}

    def has(event, **facts):
        return any(name == event and facts.items() <= line.items() for name, line in written)

    assert has("login_refused", person=digest, reason="wrong_credentials", door="page", **at)
    assert has("login_refused", person=digest, reason="not_staff", door="admin", **at)
    assert has("logged_in", user_id=ann.pk, door="page", known_device=False, **at)
    assert has("logged_out", user_id=ann.pk, **at)
    assert has("login_limited", person=digest, reason="device", **at)
    assert has("signup_refused", person=digest, reason="taken", **at)
    assert has("signed_up", user_id=User.objects.get(email="bob@example.com").pk)
    assert has("password_set", user_id=User.objects.get(email="bob@example.com").pk)
    assert hide(f"person={digest}") == f"person={digest}"
    for secret in (EMAIL, "bob@example.com", PASSWORD, "hunter2"):
        assert secret not in caplog.text, secret


def test_a_new_password_leaves_a_line_whoever_sets_it(client, operator, lines):
    client.force_login(operator)
    new = "a third horse battery"
    form = {"old_password": OPERATORS_PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302
    facts = [facts for event, facts in lines() if event == "password_set"][-1]
    assert facts["user_id"] == operator.pk
    operator.refresh_from_db()
    assert operator.check_password(new)
