"""Operators work off what a provider did not pay, and what it told and nobody could apply."""

import pytest

from accounts.models import AuditRecord, Payout, ProviderEvent
from accounts.money.selectors import get_balance
from accounts.services import ensure_user
from tests.actors import SYSTEM
from tests.approving import approve_up_to
from tests.providers import dead_payout, unmatched_event

pytestmark = pytest.mark.django_db
PAYOUTS = "/admin/accounts/payout/"
EVENTS = "/admin/accounts/providerevent/"


@pytest.fixture
def boss(client):
    rights = {"is_staff": True, "is_superuser": True}
    client.force_login(ensure_user(by=SYSTEM, email="boss@desk.example", **rights))
    return client


@pytest.fixture
def dead(funded):
    approve_up_to(100)
    return dead_payout(funded, 60)


def act(boss, action, row, **form):
    body = {"action": action, "_selected_action": [row.pk], **form}
    return boss.post(EVENTS if isinstance(row, ProviderEvent) else PAYOUTS, body, follow=True)


def test_a_dead_letter_is_found_by_what_names_it(boss, dead, funded):
    for asked in (
        "?state__exact=dead", f"?q={dead.public_id}", f"?q={dead.withdrawal_id}",
        f"?q={funded.owner.email}",
    ):  # fmt: skip
        page = boss.get(PAYOUTS + asked).content.decode()
        assert str(dead.public_id) in page
        assert "60.00 USD" in page
    page = boss.get(f"{PAYOUTS}{dead.pk}/change/").content.decode()
    assert "refused: " in page
    assert str(dead.public_id) not in boss.get(f"{PAYOUTS}?state__exact=sent").content.decode()


def test_it_is_sent_again(boss, dead):
    act(boss, "retry", dead, answered="yes", reason="the address is mended")
    dead.refresh_from_db()
    assert (dead.state, dead.failures) == ("waiting", 0)
    record = AuditRecord.objects.get(act="payout.retry")
    assert record.reason == "the address is mended"
    assert (record.details["was"]["state"], record.details["now"]["state"]) == ("dead", "waiting")


def test_it_is_given_up_with_a_reason_and_by_who_asked_the_provider(boss, dead, funded):
    Payout.objects.update(is_in_doubt=True)
    page = act(boss, "give_up", dead).content.decode()
    assert "yes: the provider may have it" in page
    for form in ({"reason": " "}, {"reason": "no use"}):
        page = act(boss, "give_up", dead, answered="yes", **form).content.decode()
        assert get_balance(funded.public_id, "USD").locked == 60
    assert "have it made void" in page
    page = act(boss, "give_up", dead, answered="yes", reason="no use", is_void="on")
    assert "is given back" in page.content.decode()
    balance = get_balance(funded.public_id, "USD")
    assert (balance.available, balance.locked) == (100, 0)
    record = AuditRecord.objects.get(act="withdrawal.fail")
    assert (record.reason, record.details["is_void"]) == ("no use", True)


def test_an_event_is_marked_as_handled(boss, funded):
    event = unmatched_event(funded)
    assert f"in-{funded.pk}" in boss.get(f"{EVENTS}?outcome__exact=unmatched").content.decode()
    act(boss, "handle", event, answered="yes", reason="paid back")
    event.refresh_from_db()
    assert (event.outcome, event.note) == ("handled", "paid back")
