"""After a recovery to an earlier moment nothing leaves until somebody confirms the record."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import Approval, AuditRecord
from accounts.money.restored import SUBJECT, hold_money, is_held, release_money
from accounts.services import (
    cancel_own_withdrawal,
    deposit,
    expire_approval,
    fail_withdrawal,
    request_withdrawal,
    settle_withdrawal,
    take_payout,
)
from tests.actors import SYSTEM, operator
from tests.approving import approve_by_two, approve_up_to, approver
from tests.providers import PROVIDER, ask_for_payout
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


def ask(account):
    return request_withdrawal(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(10), address="far"
    )


def test_nothing_new_is_asked_for_or_approved(funded):
    waiting = ask(funded)
    hold_money(by=SYSTEM, target="0/3000148")

    with pytest.raises(Conflict, match="the record was restored"):
        ask(funded)
    with pytest.raises(Conflict, match="the record was restored"):
        approve_by_two(waiting)
    with pytest.raises(Conflict, match="the record was restored"):
        cancel_own_withdrawal(by=SYSTEM, account_id=funded.public_id, withdrawal_id=waiting.pk)

    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert Approval.objects.get(pk=waiting.approval_id).approvers_given == 0
    assert funded.withdrawals.count() == 1

    release_money(by=SYSTEM, reason="all posted")
    approve_by_two(waiting)
    waiting.refresh_from_db()
    assert waiting.state == "approved"


def test_the_clock_gives_nothing_back_that_may_have_been_paid(funded):
    waiting = ask(funded)
    late = timezone.now() + timedelta(days=30)
    hold_money(by=SYSTEM, target="0/3000148")

    assert expire_approval(by=SYSTEM, approval_id=waiting.approval_id, now=late).state == (
        "requested"
    )
    waiting.refresh_from_db()
    assert waiting.state == "pending"

    release_money(by=SYSTEM, reason="all posted")
    assert expire_approval(by=SYSTEM, approval_id=waiting.approval_id, now=late).state == "expired"


def test_no_payout_is_sent_and_it_is_after_the_release(funded):
    approve_up_to(10)
    payout = ask_for_payout(funded, 10)
    hold_money(by=SYSTEM, target="0/3000148")

    assert take_payout(by=PROVIDER, payout_id=payout.pk) is None
    payout.refresh_from_db()
    assert (payout.state, payout.attempts) == ("waiting", 0)

    release_money(by=SYSTEM, reason="all posted")
    later = timezone.now() + timedelta(minutes=2)
    assert take_payout(by=PROVIDER, payout_id=payout.pk, now=later) is not None


def test_operators_go_on_correcting(funded):
    approve_up_to(10)
    paid, unpaid = ask(funded), ask(funded)
    hold_money(by=SYSTEM, target="0/3000148")
    desk = operator(
        Permission.DECIDE_WITHDRAWAL, user_id=approver("desk", Permission.DECIDE_WITHDRAWAL).user_id
    )

    assert settle_withdrawal(by=desk, withdrawal_id=paid.pk).state == "settled"
    assert fail_withdrawal(by=desk, withdrawal_id=unpaid.pk, reason="never sent").state == "failed"
    deposit(by=SYSTEM, account_id=funded.public_id, asset="USD", amount=Decimal(1), source="bank")


def test_who_may_and_what_is_on_record(funded):
    desk = operator(Permission.DECIDE_WITHDRAWAL)
    with pytest.raises(Forbidden):
        hold_money(by=desk, target="x")
    with pytest.raises(Conflict, match="nothing is held"):
        release_money(by=SYSTEM, reason="why not")
    assert not is_held()

    hold_money(by=SYSTEM, target="0/3000148")
    hold_money(by=SYSTEM, target="0/3000148")
    with pytest.raises(Forbidden):
        release_money(by=desk, reason="it is fine")
    with pytest.raises(ValidationFailed):
        release_money(by=SYSTEM, reason=" ")
    assert is_held()

    release_money(by=SYSTEM, reason="all posted")
    acts = AuditRecord.objects.filter(subject=SUBJECT).order_by("pk")
    assert list(acts.values_list("act", "reason")) == [
        ("database.hold", ""), ("database.hold", ""), ("database.release", "all posted"),
    ]  # fmt: skip
