"""A provider's webhook: who is believed, what is done about it, and how little a stranger can."""

import json
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import Account, AuditRecord, Deposit, Payout, ProviderEvent, Withdrawal
from accounts.money.provider_events import LEFT_BEHIND
from accounts.money.selectors import get_balance
from accounts.providers.messages import BODY_BYTES_MAX, read_message
from accounts.providers.signing import AHEAD_S, SIGNATURE_HEADER, TIMESTAMP_HEADER, WINDOW_S
from accounts.services import credit_deposit, ensure_user, handle_event, receive_event
from accounts.tasks import apply_provider_events
from tests.actors import SYSTEM, operator
from tests.admin_walk import fingerprint
from tests.approving import approve_up_to
from tests.limits import forget_limits
from tests.provider_words import OLD_SECRET, OUR_SECRET, THEIR_SECRET, headers_of
from tests.providers import (
    NAME,
    PROVIDER,
    SETTINGS,
    WEBHOOK,
    dead_payout,
    deposit_of,
    event_of,
    post,
    sent_payout,
    unmatched_event,
)
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider(settings):
    for name, value in SETTINGS.items():
        setattr(settings, name, value)


def send(client, body, headers, **more):
    return client.post(WEBHOOK, body, content_type="application/json", headers=headers, **more)


def outcome_of(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]["outcome"]


def available(account):
    balance = get_balance(account.public_id, "USD")
    return (balance.available, balance.locked)


# --- who is believed ------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [THEIR_SECRET, OLD_SECRET])
def test_who_signs_with_a_secret_of_the_settings_is_believed(client, funded, secret):
    body = json.dumps(deposit_of("confirmed", "in-1", funded, 7)).encode()
    answer = send(client, body, headers_of(body, secret=secret))
    assert outcome_of(answer) == "applied"
    assert answer["Cache-Control"] == "no-store"
    assert available(funded) == (107, 0)
    record = AuditRecord.objects.get(act="deposit.gateway", details__external_reference="in-1")
    assert (record.actor_name, record.address) == (f"provider:{NAME}", "127.0.0.1")
    assert record.details["was"] == {"available": "100.00000000", "locked": "0.00000000"}
    assert record.details["now"] == {"available": "107.00000000", "locked": "0.00000000"}


def wrong_headers(body):
    right = headers_of(body)
    return {
        "nothing": {},
        "no signature": {TIMESTAMP_HEADER: right[TIMESTAMP_HEADER]},
        "no time": {SIGNATURE_HEADER: right[SIGNATURE_HEADER]},
        "another time": {**right, TIMESTAMP_HEADER: str(int(right[TIMESTAMP_HEADER]) - 1)},
        "no number": {**right, TIMESTAMP_HEADER: "now"},
        "our own secret": headers_of(body, secret=OUR_SECRET),
        "somebody's secret": headers_of(body, secret="s" * 32),
        "too old": headers_of(body, age_s=WINDOW_S + 2),
        "too early": headers_of(body, age_s=-AHEAD_S - 5),
        "another body": headers_of(body + b" "),
        "cut": {**right, SIGNATURE_HEADER: right[SIGNATURE_HEADER][:32]},
        "beyond ASCII": {**right, SIGNATURE_HEADER: "\u0663" * 64},
    }


@pytest.mark.parametrize("wrong", wrong_headers(b"{}"))
def test_nobody_else_is(client, funded, wrong):
    client.force_login(ensure_user(by=SYSTEM, email="a@example.com", is_superuser=True))
    body = json.dumps(deposit_of("confirmed", "in-1", funded, 7)).encode()
    before = fingerprint()
    answer = send(client, body, wrong_headers(body)[wrong])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert fingerprint() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"ZAVORA_PROVIDER": "manual"},
        {"ZAVORA_PROVIDER_WEBHOOK_SECRETS": []},
        {"ZAVORA_PROVIDER_URL": "http://bank.example", "DEBUG": False},
    ],
)
def test_without_a_provider_that_may_be_used_nobody_is(client, funded, settings, changed):
    for name, value in changed.items():
        setattr(settings, name, value)
    answer = post(client, deposit_of("confirmed", "in-1", funded, 7))
    assert answer.status_code == 401
    assert not ProviderEvent.objects.exists()


def test_only_a_post_is_answered(client):
    answer = client.get(WEBHOOK)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


# --- how little a stranger can --------------------------------------------------------------------


def test_a_body_is_bounded(client, funded):
    event = deposit_of(
        "confirmed",
        "in-1",
        funded,
        7,
    )
    body = json.dumps({**event, "more": "x" * BODY_BYTES_MAX}).encode()
    before = fingerprint()
    answer = send(client, body, headers_of(body))
    assert answer.status_code == 413
    answer = send(client, body, headers_of(body), CONTENT_LENGTH=str(10**9))
    assert answer.status_code == 413
    assert fingerprint() == before


def test_so_many_a_minute_and_no_more_come_from_an_address(client, funded, settings):
    settings.ZAVORA_PROVIDER_WEBHOOKS_PER_MINUTE = 3
    forget_limits()
    event = deposit_of("confirmed", "in-1", funded, 7)
    found = [post(client, event, how="forged") for _ in range(8)]
    # A minute of the clock may end in between.
    assert {answer.status_code for answer in found[:3]} == {401}
    refused = [answer for answer in found if answer.status_code == 429]
    assert refused
    assert int(refused[0]["Retry-After"]) <= 60
    body = json.dumps(event).encode()
    elsewhere = send(client, body, headers_of(body), REMOTE_ADDR="192.0.2.7")
    assert outcome_of(elsewhere) == "applied"
    forget_limits()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"reference": "a\nb"}, "reference"),
        ({"reference": "\u0000"}, "reference"),
        ({"type": "deposit.made"}, "body"),
        ({"amount": 7}, "body"),
        ({"amount": "\u0000"}, "amount"),
        ({"asset": "U\u0000"}, "asset"),
        ({"account": None}, "account"),
        ({"account": "me"}, "body"),
    ],
)
def test_what_is_no_event_is_refused_by_name(client, funded, changed, field):
    before = fingerprint()
    answer = post(client, {**deposit_of("confirmed", "in-1", funded, 7), **changed})
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]
    assert fingerprint() == before


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 9_000, b"null", b'{"id": "\\ud800"}'])
def test_what_is_no_json_is_refused(client, body):
    assert send(client, body, headers_of(body)).status_code == 422


# --- what is done about it ------------------------------------------------------------------------


def test_the_same_again_is_the_same_and_other_content_is_refused(client, funded):
    event = deposit_of("confirmed", "in-1", funded, 7)
    assert [outcome_of(post(client, event)) for _ in range(3)] == ["applied"] * 3
    assert post(client, {**event, "amount": "8"}).status_code == 409
    # The provider's reference decides, whatever the event is called.
    again = {**event, "id": uuid4().hex}
    assert outcome_of(post(client, again)) == "nothing"
    assert available(funded) == (107, 0)
    assert Deposit.objects.filter(external_reference="in-1").count() == 1


def test_a_deposit_is_seen_first_and_credited_when_it_is_confirmed(client, funded):
    assert outcome_of(post(client, deposit_of("seen", "in-1", funded, 7))) == "applied"
    assert Deposit.objects.get(external_reference="in-1").state == "pending"
    assert available(funded) == (100, 0)
    assert outcome_of(post(client, deposit_of("confirmed", "in-1", funded, 7))) == "applied"
    assert outcome_of(post(client, deposit_of("seen", "in-1", funded, 7))) == "nothing"
    assert Deposit.objects.get(external_reference="in-1").state == "credited"
    assert available(funded) == (107, 0)


def test_each_step_of_a_deposit_and_a_dead_letter_say_what_was_and_what_is(client, funded):
    for kind, number in (("seen", 1), ("rejected", 1), ("rejected", 2)):
        post(
            client,
            deposit_of(
                kind,
                f"in-{number}",
                funded,
                7,
            ),
        )
    approve_up_to(100)
    dead_payout(funded, 30)
    found = AuditRecord.objects.filter(act__in=("deposit.seen", "deposit.reject", "payout.dead"))
    states = [
        (row.act, row.details["was"]["state"], row.details["now"]["state"])
        for row in found.order_by("pk")
    ]
    assert states == [
        ("deposit.seen", None, "pending"),
        ("deposit.reject", "pending", "rejected"),
        ("deposit.reject", None, "rejected"),
        ("payout.dead", "sending", "dead"),
    ]


def test_what_was_rejected_is_not_credited_by_itself(client, funded):
    assert outcome_of(post(client, deposit_of("rejected", "in-1", funded, 7))) == "applied"
    assert outcome_of(post(client, deposit_of("seen", "in-1", funded, 7))) == "nothing"
    assert outcome_of(post(client, deposit_of("confirmed", "in-1", funded, 7))) == "contradicts"
    assert available(funded) == (100, 0)


def test_a_frozen_account_gets_what_is_there(client, funded):
    Account.objects.filter(pk=funded.pk).update(status="frozen")
    assert outcome_of(post(client, deposit_of("confirmed", "in-1", funded, 7))) == "applied"
    assert available(funded) == (107, 0)


def test_what_an_operator_credited_is_not_credited_again(client, funded):
    credit_deposit(
        by=SYSTEM, account_id=funded.public_id, asset="USD", amount=Decimal(7),
        external_reference="in-1", reason="the webhook is late",
    )  # fmt: skip
    assert outcome_of(post(client, deposit_of("confirmed", "in-1", funded, 7))) == "contradicts"
    assert available(funded) == (107, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"account": str(uuid4())},
        {"asset": "SAND"},
        {"amount": "0.000000001"},
        {"amount": "-7"},
        {"amount": "NaN"},
        {"type": "withdrawal.paid"},
        {"type": "withdrawal.paid", "reference": str(uuid4())},
    ],
)
def test_what_is_of_nobody_is_left_to_operators(client, funded, changed):
    event = {**deposit_of("confirmed", "in-1", funded, 7), **changed}
    assert outcome_of(post(client, event)) == "unmatched"
    assert available(funded) == (100, 0)
    found = ProviderEvent.objects.get()
    assert found.note
    record = AuditRecord.objects.get(act="provider.unclear")
    assert (record.details["was"], record.details["now"]) == (
        {"outcome": "waiting"}, {"outcome": "unmatched"},
    )  # fmt: skip


def test_a_withdrawal_is_settled_or_given_back_as_the_provider_says(client, funded):
    approve_up_to(100)
    paid, failed = sent_payout(funded, 30), sent_payout(funded, 20)
    assert available(funded) == (50, 50)
    event = event_of("withdrawal.paid", paid.public_id, 30, provider_reference="tx-1")
    assert outcome_of(post(client, event)) == "applied"
    event = event_of("withdrawal.failed", failed.public_id, "20.00", reason="no such iban")
    assert outcome_of(post(client, event)) == "applied"
    assert available(funded) == (70, 0)
    states = Withdrawal.objects.order_by("pk").values_list("state", "why", "decided_by")
    assert list(states) == [
        ("settled", "", f"system:provider:{NAME}"),
        ("failed", "no such iban", f"system:provider:{NAME}"),
    ]
    assert Payout.objects.get(pk=paid.pk).provider_reference == "tx-1"
    for kind, payout in (("failed", paid), ("paid", failed)):
        event = event_of(f"withdrawal.{kind}", payout.public_id, payout.withdrawal.amount)
        assert outcome_of(post(client, event)) == "contradicts"
    assert available(funded) == (70, 0)


def test_what_was_received_and_not_applied_is_applied_by_the_clockwork(funded):
    message = read_message(json.dumps(deposit_of("confirmed", "in-1", funded, 7)).encode())
    event = receive_event(by=PROVIDER, provider=NAME, message=message)
    apply_provider_events()
    assert available(funded) == (100, 0)  # whoever received it may still be at it
    ProviderEvent.objects.update(received_at=timezone.now() - LEFT_BEHIND - timedelta(seconds=1))
    for _ in range(2):
        apply_provider_events()
    assert available(funded) == (107, 0)
    event.refresh_from_db()
    assert event.outcome == "applied"
    assert AuditRecord.objects.filter(actor_name=f"provider:{NAME}").count() == 1


def test_operators_say_what_they_did_about_an_event(funded):
    event = unmatched_event(funded)
    for by, reason, refusal in (
        (operator(), "paid back", Forbidden),
        (SYSTEM, " ", ValidationFailed),
    ):
        with pytest.raises(refusal):
            handle_event(by=by, event_id=event.pk, reason=reason)
    by = operator(Permission.DECIDE_WITHDRAWAL)
    handled = handle_event(by=by, event_id=event.pk, reason="paid back")
    assert (handled.outcome, handled.note) == ("handled", "paid back")
    with pytest.raises(Conflict):
        handle_event(by=by, event_id=event.pk, reason="paid back")
