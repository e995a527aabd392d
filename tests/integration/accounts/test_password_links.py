"""Links to a new password: made by an operator, used once by the person."""

import logging
import re

import pytest
from django.test import Client

from accounts.access.actor import Permission
from accounts.access.hashing import hashing_place
from accounts.models import AuditRecord, User
from accounts.services import (
    ensure_user,
    make_reset_link,
    reset_password,
    set_user_active,
    set_user_rights,
)
from tests.actors import SYSTEM, operator
from tests.admin_walk import fingerprint
from tests.integration.accounts.test_races import run_together
from zavora.foundation.errors import Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db

NEW = "staple battery correct"
DESK = operator(Permission.MAKE_RESET_LINK)


@pytest.fixture
def ann(db):
    return ensure_user(by=SYSTEM, email="ann@example.com", password="correct horse battery")


def address(user):
    return "/account/password/{}/{}".format(*make_reset_link(by=DESK, user_id=user.pk))


def use(client, path, password=NEW):
    """Follow a link as a browser would, and send the form."""
    page = client.get(path, follow=True)
    return client.post(
        page.request["PATH_INFO"], {"new_password1": password, "new_password2": password}
    )


def test_an_operator_hands_a_link_over_and_the_person_sets_the_password(client, ann):
    desk = ensure_user(by=SYSTEM, email="root@example.com", is_staff=True, is_superuser=True)
    person, elsewhere = Client(), Client()
    elsewhere.force_login(ann)
    client.force_login(desk)
    form = {"action": "make_link", "_selected_action": [ann.pk]}
    asked = client.post("/admin/accounts/user/", form).content.decode()
    assert 'name="reason"' in asked
    assert "/account/password/" not in asked
    answers = form | {"answered": "yes", "reason": "lost, known by voice"}
    page = client.post("/admin/accounts/user/", answers)
    assert "no-store" in page["Cache-Control"]
    link = re.search(r"http://testserver(/account/password/[^<]+)", page.content.decode())[1]
    assert elsewhere.get("/account").status_code == 200

    shown = person.get(link, follow=True)
    assert link.rsplit("/", 1)[1] not in shown.request["PATH_INFO"]  # not in any Referer
    answer = use(person, link)

    assert (answer.status_code, answer["Location"]) == (302, "/login")
    ann.refresh_from_db()
    assert ann.check_password(NEW)
    assert elsewhere.get("/account").status_code == 302  # every session has ended
    acts = AuditRecord.objects.filter(subject=f"user:{ann.pk}").order_by("pk")
    assert list(acts.values_list("act", "user_id")) == [
        ("user.create", None),
        ("user.reset_link", desk.pk),
        ("user.reset_password", ann.pk),
    ]
    assert acts[1].reason == "lost, known by voice"


def test_a_link_works_once(ann):
    path = address(ann)
    assert use(Client(), path).status_code == 302
    before = fingerprint()
    again = use(Client(), path, "another staple battery")
    assert "not valid any more" in again.content.decode()
    assert fingerprint() == before


def test_a_link_that_is_refused_leaves_a_line_without_it(ann, caplog):
    caplog.set_level(logging.INFO, logger="accounts.access.security_log")
    path = address(ann)
    forged = path[:-1] + ("a" if path[-1] != "a" else "b")
    Client().get(forged, REMOTE_ADDR="192.0.2.7")
    (line,) = [r.msg for r in caplog.records if r.name == "accounts.access.security_log"]
    facts = {name: line[name] for name in ("event", "reason", "user_id", "address", "level")}
    assert facts == {
        "event": "reset_link_refused",
        "reason": "not_valid",
        "user_id": ann.pk,
        "address": "192.0.2.7",
        "level": "warning",
    }
    assert forged.rsplit("/", 1)[1] not in caplog.text


def test_two_links_do_not_outlive_each_others_use(ann):
    first, second = address(ann), address(ann)
    assert use(Client(), second).status_code == 302
    assert "not valid any more" in use(Client(), first).content.decode()


@pytest.mark.parametrize(
    "change", ["shut out", "made staff", "logged in", "too old", "other user", "forged"]
)
def test_what_ends_a_link(ann, settings, change):
    reference, token = make_reset_link(by=DESK, user_id=ann.pk)
    path = f"/account/password/{reference}/{token}"
    if change == "shut out":
        set_user_active(by=SYSTEM, user_id=ann.pk, is_active=False)
    elif change == "made staff":
        set_user_rights(by=SYSTEM, user_id=ann.pk, is_staff=True, is_superuser=False)
    elif change == "logged in":  # who remembers the password needs no other
        Client().force_login(ann)
    elif change == "too old":
        settings.PASSWORD_RESET_TIMEOUT = -1
    elif change == "other user":
        bob = ensure_user(by=SYSTEM, email="bob@example.com")
        other, _ = make_reset_link(by=DESK, user_id=bob.pk)
        path = f"/account/password/{other}/{token}"
    else:
        path = path[:-1] + ("a" if path[-1] != "a" else "b")
    before = fingerprint()
    page = use(Client(), path)
    assert page.status_code == 200
    assert "not valid any more" in page.content.decode()
    assert fingerprint() == before
    with pytest.raises(Forbidden):
        reset_password(user_id=ann.pk, token=path.rsplit("/", 1)[1] + "x", password=NEW)


@pytest.mark.parametrize(
    "reference", ["x", "MQ", "%00", "A" * 300, "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_a_made_up_address_tells_nothing(client, ann, reference):
    page = client.get(f"/account/password/{reference}/abc-def")
    assert page.status_code == 200
    assert "not valid any more" in page.content.decode()


def test_a_weak_password_is_refused_and_the_link_still_works(ann):
    client, path = Client(), address(ann)
    page = use(client, path, "12345")
    assert page.status_code == 200
    ann.refresh_from_db()
    assert ann.check_password("correct horse battery")
    _, token = make_reset_link(by=DESK, user_id=ann.pk)
    with pytest.raises(ValidationFailed):
        reset_password(user_id=ann.pk, token=token, password="12345")
    assert use(client, path).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_of_two_uses_at_once_one_sets_the_password(ann):
    _, token = make_reset_link(by=DESK, user_id=ann.pk)
    passwords = ("first staple battery", "second staple battery")
    threads = run_together(
        *[
            lambda chosen=chosen: reset_password(user_id=ann.pk, token=token, password=chosen)
            for chosen in passwords
        ]
    )
    assert [type(thread.error) for thread in threads if thread.error] == [Forbidden]
    ann = User.objects.get(pk=ann.pk)
    winner = next(i for i, thread in enumerate(threads) if thread.error is None)
    assert ann.check_password(passwords[winner])
    assert AuditRecord.objects.filter(act="user.reset_password").count() == 1


def test_where_no_hash_can_be_computed_the_link_is_kept(ann, settings):
    client, path = Client(), address(ann)
    settings.ZAVORA_HASHES_MAX = 1
    with hashing_place():
        before = fingerprint()
        answer = use(client, path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
        assert fingerprint() == before
    assert use(client, path).status_code == 302
