"""What has served its time goes, in batches, and what has not stays to the minute."""

from datetime import timedelta

import msgspec
import pytest
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from accounts import tasks
from accounts.models import ApiKey, Invitation, ProviderEvent, StatusSpan, WithdrawalAddress
from accounts.privacy.retention import BATCH_MAX, KINDS, STATUS_DAYS
from accounts.providers.messages import Message
from accounts.services import (
    add_address,
    apply_event,
    create_token,
    purge_kept,
    receive_event,
)
from tests.actors import SYSTEM
from tests.integration.accounts.test_races import run_together
from zavora.foundation.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def days(settings):
    settings.ZAVORA_KEEP_REVOKED_KEYS_DAYS = 30
    settings.ZAVORA_KEEP_REMOVED_ADDRESSES_DAYS = 40
    settings.ZAVORA_KEEP_PROVIDER_BODIES_DAYS = 50
    settings.ZAVORA_KEEP_DESK_LOG_DAYS = 60
    settings.ZAVORA_KEEP_INVITATIONS_DAYS = 20


def make_session(key, expires_at):
    Session.objects.create(session_key=key, session_data="", expire_date=expires_at)


def make_log_in(user, key):
    UserSession.objects.create(user=user, ip="192.0.2.1", user_agent="x", session_key=key)


def make_key(user, **more):
    row, _ = create_token(by=SYSTEM, user_id=user.pk, scopes=["read"])
    ApiKey.objects.filter(pk=row.pk).update(**more)


def make_address(account, number, removed_at):
    row = add_address(
        by=SYSTEM, account_id=account.public_id, asset="USD", address=f"iban-{number}"
    )
    WithdrawalAddress.objects.filter(pk=row.pk).update(removed_at=removed_at)


def make_invitation(account, number, expires_at):
    Invitation.objects.create(
        account=account, email=f"invited-{number}@example.com", role="viewer",
        token_digest=f"{number}", made_by=account.owner, expires_at=expires_at,
    )  # fmt: skip


def make_event(number, outcome, applied_at):
    ProviderEvent.objects.create(
        provider="bank", event_id=f"event-{number}", kind="deposit.seen", reference="in",
        body={"from": "somebody"}, outcome=outcome, applied_at=applied_at,
    )  # fmt: skip


def make_log(user, made_at):
    row = LogEntry.objects.create(user=user, object_repr=user.email, action_flag=2)
    LogEntry.objects.filter(pk=row.pk).update(action_time=made_at)


def test_each_kind_goes_after_its_time_and_not_before(account, usd):
    user = account.owner
    make_session("over", NOW - MINUTE)
    make_session("on", NOW + MINUTE)
    make_log_in(user, "on")
    make_log_in(user, "over")
    make_log_in(user, "gone")
    for days, sign in ((30, 1), (30, -1)):
        make_key(user, revoked_at=NOW - days * DAY - sign * MINUTE)
        make_key(user, expires_at=NOW - days * DAY - sign * MINUTE)
    make_key(user)
    for number, removed_at in enumerate((NOW - 40 * DAY - MINUTE, NOW - 40 * DAY + MINUTE, None)):
        make_address(account, number, removed_at)
    for number, sign in enumerate((1, -1)):
        make_invitation(account, number, NOW - 20 * DAY - sign * MINUTE)
    old, new = NOW - 50 * DAY - MINUTE, NOW - 50 * DAY + MINUTE
    for number, (outcome, at) in enumerate(
        [("applied", old), ("nothing", old), ("handled", old), ("unmatched", old),
         ("waiting", None), ("applied", new)]
    ):  # fmt: skip
        make_event(number, outcome, at)
    make_log(user, NOW - 60 * DAY - MINUTE)
    make_log(user, NOW - 60 * DAY + MINUTE)
    for sign in (1, -1):
        seen_at = NOW - STATUS_DAYS * DAY - sign * MINUTE
        StatusSpan.objects.create(component="watch", state="up", began_at=seen_at, seen_at=seen_at)

    gone = {kind: purge_kept(by=SYSTEM, kind=kind, now=NOW) for kind in KINDS}

    assert gone == {
        "sessions": 1, "log_ins": 2, "keys": 2, "addresses": 1, "invitations": 1,
        "provider_bodies": 3, "desk_log": 1, "status": 1,
    }  # fmt: skip
    assert Session.objects.get().session_key == UserSession.objects.get().session_key == "on"
    assert (ApiKey.objects.count(), WithdrawalAddress.objects.count()) == (3, 2)
    emptied = ProviderEvent.objects.filter(body={}).values_list("event_id", flat=True)
    assert sorted(emptied) == ["event-0", "event-1", "event-2"]
    assert LogEntry.objects.count() == 1
    assert Invitation.objects.get().email == "invited-1@example.com"
    assert not any(purge_kept(by=SYSTEM, kind=kind, now=NOW) for kind in KINDS)


def test_the_task_goes_on_until_nothing_is_left_and_two_do_not_meet(user):
    count = 2 * BATCH_MAX + 1
    Session.objects.bulk_create(
        Session(session_key=f"{number}", session_data="", expire_date=NOW - MINUTE)
        for number in range(count)
    )
    assert purge_kept(by=SYSTEM, kind="sessions") == BATCH_MAX
    for thread in run_together(tasks.purge, tasks.purge):
        assert thread.error is None
    assert not Session.objects.exists()


def test_one_kind_that_fails_stops_no_other(user):
    make_session("over", NOW - MINUTE)
    make_log(user, NOW - 100 * DAY)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_session RENAME TO django_session_away")
    try:
        with pytest.raises(RuntimeError, match="not everything"):
            tasks.purge()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_session_away RENAME TO django_session")
    assert not LogEntry.objects.exists()


def test_an_event_whose_body_went_is_still_known(account, usd):
    message = Message(
        id="event-1", kind="deposit.seen", reference="in-1", asset="USD", amount="5",
        account=account.public_id,
    )  # fmt: skip
    event = receive_event(by=SYSTEM, provider="bank", message=message)
    apply_event(by=SYSTEM, event_id=event.pk)
    other = msgspec.structs.replace(message, amount="6")
    with pytest.raises(Conflict):
        receive_event(by=SYSTEM, provider="bank", message=other)
    ProviderEvent.objects.update(applied_at=NOW - 100 * DAY)
    purge_kept(by=SYSTEM, kind="provider_bodies")

    again = receive_event(by=SYSTEM, provider="bank", message=message)

    assert (again.pk, again.outcome) == (event.pk, "applied")
    assert ProviderEvent.objects.count() == 1
