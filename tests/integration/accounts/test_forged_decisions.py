"""Forged decisions: posted to the operators' pages, from another site, by the API."""

import json

import pytest
from django.test import Client

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, SCOPE_WITHDRAW
from accounts.models import Approval, Withdrawal
from accounts.services import create_token
from tests.actors import SYSTEM
from tests.admin_walk import fingerprint
from tests.integration.accounts.test_approvals import LIST, WHY, ask, staff, superuser

pytestmark = pytest.mark.django_db

APPROVALS = "/admin/accounts/approval/"


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


@pytest.fixture
def record(funded):
    return ask(funded)


def rows():
    return Approval.objects.values().get(), Withdrawal.objects.values().get()


def forge(browser, path, action, row_id):
    body = {"action": action, "_selected_action": [row_id], "answered": "yes", "reason": WHY}
    return browser.post(path, body | {"select_across": "1"}, follow=True)


def test_of_the_asker_and_of_who_may_not_they_change_nothing(client, funded, record):
    """The action is not offered to them: it is posted all the same, and to the other list."""
    owner = funded.owner
    looks = ("view_withdrawal", "view_approval")
    mere = staff("mere", *looks, "change_withdrawal")
    of_another_kind = staff("other", *looks, "approve_adjustments")
    before = rows()
    for user, is_staff in ((owner, False), (mere, True), (of_another_kind, True), (owner, True)):
        type(owner).objects.filter(pk=user.pk).update(is_staff=is_staff, is_superuser=user == owner)
        client.force_login(user)
        for path, row_id in ((LIST, record.pk), (APPROVALS, record.approval_id)):
            for action in ("approve", "refuse"):
                forge(client, path, action, row_id)
                assert rows() == before, (user, action)


def test_from_another_site_in_the_name_of_one_who_may_they_change_nothing(record):
    """The control is the same post with the token of the page: that one counts."""
    boss = superuser("boss")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(type(record.account.owner).objects.get(pk=boss.user_id))
    page = browser.get(LIST)
    before = rows()
    for path, row_id in ((LIST, record.pk), (APPROVALS, record.approval_id)):
        for action in ("approve", "refuse"):
            assert forge(browser, path, action, row_id).status_code == 403
    assert rows() == before
    body = {"action": "approve", "_selected_action": [record.pk], "answered": "yes"}
    token = {"csrfmiddlewaretoken": str(page.context["csrf_token"])}
    assert browser.post(LIST, body | token | {"reason": WHY}).status_code == 302
    assert Approval.objects.get().first_approver_id == boss.user_id


def test_by_the_api_nobody_decides_whatever_the_token_may(client, funded, record):
    """There is no route to decide by, and no field by which to ask for what is decided already."""
    who = [funded.owner, staff("desk", "approve_withdrawals", "approve_adjustments")]
    for user in who:
        scopes = (SCOPE_READ, SCOPE_TRADE, SCOPE_WITHDRAW)
        _, token = create_token(by=SYSTEM, user_id=user.pk, scopes=scopes)
        before = fingerprint()
        own = f"/api/v1/accounts/{funded.public_id}"
        one = f"{own}/withdrawals/{record.pk}"
        decided = {"state": "Approved", "stage": "Approved", "approvals_given": 2}
        asked = {"asset": "USD", "amount": "1", "address": "far"}
        wanted = [
            *((method, one, decided) for method in ("PUT", "PATCH", "POST")),
            *(("POST", f"{one}/{verb}", {}) for verb in ("approve", "refuse", "settle")),
            ("POST", f"/api/v1/approvals/{record.approval_id}/approve", {"reason": WHY}),
            *(("POST", f"{own}/withdraw", {**asked, name: decided[name]}) for name in decided),
        ]
        for method, path, body in wanted:
            answer = client.generic(
                method, path, json.dumps(body), "application/json",
                HTTP_AUTHORIZATION=f"Bearer {token}",
            )  # fmt: skip
            assert answer.status_code in (404, 405, 422), (method, path, answer.content)
        assert fingerprint() == before
