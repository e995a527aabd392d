"""What one operator asks for and a second has done: adjustments, credits, higher thresholds."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection

from accounts.access.actor import Permission
from accounts.models import Approval, Deposit, LedgerTransaction
from accounts.services import (
    adjust_balance,
    approve,
    credit_deposit,
    ensure_user,
    refuse,
    submit_adjustment,
    submit_credit,
    submit_threshold,
)
from tests.actors import SYSTEM, operator
from tests.admin_walk import fingerprint
from tests.approving import approve_up_to, approver
from tests.integration.accounts.test_approvals import (
    WHY,
    ask,
    assert_adds_up,
    figures,
    last_record,
)
from zavora.foundation.errors import Conflict, Forbidden

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


@pytest.fixture
def alone_max(settings):
    settings.ZAVORA_ADJUST_ALONE_MAX = Decimal(5)


CREDIT = {"asset": "USD", "external_reference": "wire-1", "reason": "seen at the bank"}


def asker(name="asker"):
    return approver(
        name, Permission.ADJUST_BALANCE, Permission.CREDIT_DEPOSIT, Permission.APPROVE_ADJUSTMENT,
        Permission.CHANGE_THRESHOLD,
    )  # fmt: skip


@pytest.mark.parametrize("amount", ["5", "-5"])
def test_up_to_the_limit_one_operator_adjusts(funded, alone_max, amount):
    done = submit_adjustment(
        by=asker(), account_id=funded.public_id, asset="USD", amount=Decimal(amount), reason="typo"
    )
    assert isinstance(done, LedgerTransaction)


def test_above_it_one_operator_does_not_by_any_service(funded, alone_max):
    for amount in (Decimal("5.00000001"), Decimal("-5.00000001")):
        before = fingerprint()
        with pytest.raises(Forbidden, match="second person"):
            adjust_balance(
                by=operator(*Permission), account_id=funded.public_id, asset="USD", amount=amount,
                reason="typo",
            )  # fmt: skip
        with pytest.raises(Forbidden, match="second person"):
            credit_deposit(
                by=operator(*Permission), account_id=funded.public_id, amount=abs(amount), **CREDIT
            )
        assert fingerprint() == before


@pytest.mark.parametrize("kind", ["adjustment", "credit"])
def test_a_second_person_has_it_done_once(funded, alone_max, kind):
    by, amount = asker(), Decimal("7.5")
    if kind == "credit":
        waits = submit_credit(by=by, account_id=funded.public_id, amount=amount, **CREDIT)
    else:
        waits = submit_adjustment(
            by=by, account_id=funded.public_id, asset="USD", amount=amount, reason="miscounted"
        )
    assert (waits.kind, waits.state, figures(funded)) == (kind, "requested", (100, 0))
    with pytest.raises(Forbidden, match="nobody decides"):
        approve(by=by, approval_id=waits.pk, reason=WHY)
    with pytest.raises(Forbidden, match="permission"):
        approve(
            by=approver("other", Permission.APPROVE_WITHDRAWAL), approval_id=waits.pk, reason=WHY
        )

    second = approver("second")
    assert approve(by=second, approval_id=waits.pk, reason=WHY).state == "approved"
    assert figures(funded) == (Decimal("107.5"), 0)
    with pytest.raises(Conflict, match="approved already"):
        approve(by=approver("third"), approval_id=waits.pk, reason=WHY)
    act = last_record("deposit.credit" if kind == "credit" else "balance.adjust")
    assert (act.user_id, act.details["requester"], act.details["approval"]) == (
        second.user_id, by.user_id, str(waits.pk),
    )  # fmt: skip
    assert_adds_up()


def test_the_same_is_asked_for_once_at_a_time(funded, alone_max):
    asked = {"account_id": funded.public_id, "asset": "USD", "amount": Decimal(9)}
    first = submit_adjustment(by=asker(), reason="typo", **asked)
    before = fingerprint()
    with pytest.raises(Conflict, match="waits already"):
        submit_adjustment(by=asker(), reason="typo", **asked)
    assert fingerprint() == before
    refuse(by=approver("second"), approval_id=first.pk, reason="no")
    assert figures(funded) == (100, 0)
    assert submit_adjustment(by=asker(), reason="typo", **asked).state == "requested"


def test_what_cannot_be_done_any_more_has_failed_and_moved_nothing(funded, alone_max):
    waits = submit_adjustment(
        by=asker(), account_id=funded.public_id, asset="USD", amount=Decimal(-95), reason="typo"
    )
    ask(funded, 50)
    failed = approve(by=approver("second"), approval_id=waits.pk, reason=WHY)
    assert (failed.state, failed.outcome) == ("failed", "not enough USD available")
    assert figures(funded) == (50, 50)
    assert last_record("approval.fail").details["now"]["state"] == "failed"
    assert not LedgerTransaction.objects.filter(kind="adjustment").exists()
    assert_adds_up()


def test_a_credit_that_came_meanwhile_is_not_credited_again(funded, alone_max):
    by = asker()
    waits = submit_credit(by=by, account_id=funded.public_id, amount=Decimal(9), **CREDIT)
    credit_deposit(by=SYSTEM, account_id=funded.public_id, amount=Decimal(4), **CREDIT)
    assert approve(by=approver("second"), approval_id=waits.pk, reason=WHY).state == "failed"
    assert Deposit.objects.filter(source="operator").count() == 1
    assert figures(funded) == (104, 0)


def test_the_form_of_an_adjustment_asks_for_a_second_person(client, funded, alone_max):
    boss = ensure_user(by=SYSTEM, email="b@desk.example", is_staff=True, is_superuser=True)
    client.force_login(boss)
    form = {"account": str(funded.public_id), "asset": "USD", "amount": "9", "reason": "typo"}
    question = client.post("/admin/accounts/ledgertransaction/add/", form).content.decode()
    assert "Second person" in question
    assert not Approval.objects.exists()
    told = client.post(
        "/admin/accounts/ledgertransaction/add/", form | {"confirmed": "yes"}, follow=True
    )
    assert "waits for a second person" in told.content.decode()
    assert Approval.objects.get().requester == boss
    assert figures(funded) == (100, 0)


def test_a_lower_threshold_holds_at_once_and_a_higher_one_takes_two(funded, usd):
    approve_up_to(50)
    by = asker()
    submit_threshold(by=by, code="USD", amount=Decimal(20), reason="too much at once")
    waits = submit_threshold(by=by, code="USD", amount=Decimal(10**6), reason="for a friend")
    usd.refresh_from_db()
    assert (usd.withdrawal_auto_max, waits.state) == (20, "requested")
    with pytest.raises(Forbidden, match="nobody decides"):
        approve(by=by, approval_id=waits.pk, reason=WHY)
    approve(by=approver("risk", Permission.CHANGE_THRESHOLD), approval_id=waits.pk, reason=WHY)
    usd.refresh_from_db()
    assert usd.withdrawal_auto_max == 10**6
    last = last_record("asset.threshold").details
    assert last["was"] == {"withdrawal_auto_max": "20"}
    assert last["now"] == {"withdrawal_auto_max": "1000000"}


class Broken(DatabaseError):
    """What happens right after the decision was written."""


def test_a_decision_and_its_effect_are_there_together_or_not_at_all(funded, alone_max):
    waits = submit_adjustment(
        by=asker(), account_id=funded.public_id, asset="USD", amount=Decimal(9), reason="typo"
    )
    by = approver("second")

    def break_it(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith('UPDATE "accounts_approval"'):
            raise Broken
        return result

    before = fingerprint()
    with connection.execute_wrapper(break_it), pytest.raises(Broken):
        approve(by=by, approval_id=waits.pk, reason=f"{uuid4()}")
    assert fingerprint() == before
