"""Two pairs of eyes: who asks decides nothing, nobody decides twice, and time ends what waits."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.models import Approval, AuditRecord, Withdrawal
from accounts.money.selectors import get_balance
from accounts.services import (
    approve,
    cancel_own_withdrawal,
    cancel_withdrawal,
    ensure_user,
    expire_approval,
    fail_withdrawal,
    refuse,
    request_withdrawal,
    settle_withdrawal,
)
from accounts.tasks import expire_approvals
from matching.reconcile import find_breaks_everywhere
from tests.actors import SYSTEM, customer, operator
from tests.admin_walk import fingerprint
from tests.approving import approve_by_two, approve_up_to, approver
from tests.desk_roles import DESK_ROLES
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db

WHY = "as it should be"
ODD = Decimal("10.00000001")
LIST = "/admin/accounts/withdrawal/"


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


def ask(account, amount=ODD, by=None):
    return request_withdrawal(
        by=by or customer(account.owner), account_id=account.public_id, asset="USD",
        amount=Decimal(amount), address="somewhere",
    )  # fmt: skip


def figures(account):
    balance = get_balance(account.public_id, "USD")
    return (balance.available, balance.locked)


def assert_adds_up():
    with connection.cursor() as cursor:
        assert find_breaks_everywhere(cursor) == []


def state_of(record):
    return type(record).objects.values_list("state", flat=True).get(pk=record.pk)


def last_record(act):
    return AuditRecord.objects.filter(act=act).order_by("-pk").first()


def superuser(name):
    user = ensure_user(by=SYSTEM, email=f"{name}@desk.example", is_staff=True, is_superuser=True)
    return Actor.operator(user_id=user.pk, name=user.email, permissions=(), is_superuser=True)


# --- withdrawals ----------------------------------------------------------------------------------


def test_two_persons_approve_then_it_is_paid_out(funded):
    record = ask(funded)
    first, second = approver("first", address="192.0.2.1"), approver("second")
    assert record.state == "pending"

    one = approve(by=first, approval_id=record.approval_id, reason=WHY)
    assert (one.state, one.approvers_given, state_of(record)) == ("requested", 1, "pending")
    with pytest.raises(Conflict, match="not approved"):
        settle_withdrawal(by=SYSTEM, withdrawal_id=record.pk)
    both = approve(by=second, approval_id=record.approval_id, reason=WHY)
    assert (both.state, both.approvers_given, state_of(record)) == ("approved", 2, "approved")
    assert figures(funded) == (100 - ODD, ODD)

    settle_withdrawal(by=approver("payer", Permission.DECIDE_WITHDRAWAL), withdrawal_id=record.pk)
    assert figures(funded) == (100 - ODD, 0)
    assert_adds_up()


def test_each_step_is_on_record_with_before_and_after(funded):
    record = ask(funded)
    first, second = approver("first", address="192.0.2.1"), approver("second")
    for by in (first, second):
        approve(by=by, approval_id=record.approval_id, reason=WHY)

    steps = AuditRecord.objects.filter(act="approval.approve").order_by("pk")
    assert [(row.user_id, row.reason, row.details["was"], row.details["now"]) for row in steps] == [
        (
            first.user_id, WHY, {"state": "requested", "approvers": []},
            {"state": "requested", "approvers": [first.user_id]},
        ),
        (
            second.user_id, WHY, {"state": "requested", "approvers": [first.user_id]},
            {"state": "approved", "approvers": [first.user_id, second.user_id]},
        ),
    ]  # fmt: skip
    done = last_record("withdrawal.approve")
    was, now = done.details["was"], done.details["now"]
    assert (done.subject, was["state"], now["state"]) == (
        f"account:{funded.public_id}", "pending", "approved",
    )  # fmt: skip
    record.refresh_from_db()
    assert record.decided_by == f"user:{second.user_id}"


def test_nobody_approves_twice_not_even_a_superuser(funded):
    record = ask(funded)
    boss = superuser("boss")
    approve(by=boss, approval_id=record.approval_id, reason=WHY)
    before = fingerprint()
    for again in (boss, operator(*Permission, user_id=boss.user_id)):
        with pytest.raises(Forbidden, match="another person"):
            approve(by=again, approval_id=record.approval_id, reason=WHY)
    assert fingerprint() == before


@pytest.mark.parametrize("asker", ["owner", "superuser for the owner"])
def test_the_asker_approves_nothing_whatever_their_rights(funded, asker):
    owner = operator(*Permission, user_id=funded.owner_id)
    boss = superuser("boss")
    record = ask(funded, by=boss if asker != "owner" else None)
    mighty = Actor.operator(
        user_id=funded.owner_id, name="ann", permissions=Permission, is_superuser=True
    )
    before = fingerprint()
    for by in (owner, mighty, *([boss] if asker != "owner" else [])):
        for decide in (approve, refuse):
            with pytest.raises(Forbidden, match="nobody decides"):
                decide(by=by, approval_id=record.approval_id, reason=WHY)
    assert fingerprint() == before
    approve_by_two(record)
    assert state_of(record) == "approved"


@pytest.mark.parametrize(
    "change",
    [
        {"first_approver": "requester"},
        {"first_approver": "first", "second_approver": "first"},
        {"second_approver": "first"},
        {"first_approver": "first", "second_approver": "requester"},
        {"refused_by": "requester"},
        {"state": "approved"},
        {"first_approver": "first", "state": "approved"},
    ],
)
def test_the_table_refuses_what_no_service_would_write(funded, change):
    record = ask(funded)
    people = {"requester": funded.owner_id, "first": approver("first").user_id}
    fields = {
        name if name == "state" else f"{name}_id": people.get(who, who)
        for name, who in change.items()
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=record.approval_id).update(**fields)


def test_up_to_the_threshold_nobody_is_asked_and_above_it_two_are(funded):
    approve_up_to(10)
    assert ask(funded, 10).state == "approved"
    above = ask(funded, ODD)
    assert (above.state, above.approval.approvers_needed) == ("pending", 2)


@pytest.mark.parametrize("approvals", [0, 1])
def test_a_refusal_gives_the_hold_back_to_the_unit_and_says_why(funded, approvals):
    record = ask(funded)
    for name in ("first", "second")[:approvals]:
        approve(by=approver(name), approval_id=record.approval_id, reason=WHY)
    refuse(by=approver("first"), approval_id=record.approval_id, reason="the address is a mixer's")

    record.refresh_from_db()
    assert (record.state, record.why) == ("refused", "the address is a mixer's")
    assert figures(funded) == (100, 0)
    assert_adds_up()
    before = fingerprint()
    for late in (
        lambda: approve(by=approver("third"), approval_id=record.approval_id, reason=WHY),
        lambda: cancel_withdrawal(by=SYSTEM, withdrawal_id=record.pk),
        lambda: settle_withdrawal(by=SYSTEM, withdrawal_id=record.pk),
    ):
        approver("third")
        before = fingerprint()
        with pytest.raises(Conflict):
            late()
        assert fingerprint() == before


def test_a_cancel_gives_the_hold_back_and_ends_the_approval(funded):
    record = ask(funded)
    approve(by=approver("first"), approval_id=record.approval_id, reason=WHY)
    for _ in range(2):
        cancel_own_withdrawal(
            by=customer(funded.owner), account_id=funded.public_id, withdrawal_id=record.pk
        )
    assert (state_of(record), figures(funded)) == ("cancelled", (100, 0))
    assert Approval.objects.get(pk=record.approval_id).state == "cancelled"
    with pytest.raises(Conflict, match="cancelled already"):
        approve(by=approver("second"), approval_id=record.approval_id, reason=WHY)
    assert_adds_up()


def test_a_failure_gives_the_hold_back_to_the_unit(funded):
    record = ask(funded)
    approve_by_two(record)
    for _ in range(2):
        fail_withdrawal(by=SYSTEM, withdrawal_id=record.pk, reason="the chain is down")
    record.refresh_from_db()
    assert (record.state, record.why, figures(funded)) == ("failed", "the chain is down", (100, 0))
    assert_adds_up()


def test_what_nobody_decides_expires_by_the_clock_under_the_lock(funded, settings):
    settings.ZAVORA_APPROVAL_HOURS = 2
    record = ask(funded)
    over = record.created_at + timedelta(hours=2)
    before_it = over - timedelta(microseconds=1)
    with pytest.raises(Conflict, match="not over yet"):
        expire_approval(by=SYSTEM, approval_id=record.approval_id, now=before_it)
    # The clockwork has done nothing yet, and still it is too late.
    for decide in (approve, refuse):
        with pytest.raises(Conflict, match="time is over"):
            decide(by=approver("first"), approval_id=record.approval_id, reason=WHY, now=over)

    for _ in range(2):
        expire_approval(by=SYSTEM, approval_id=record.approval_id, now=over)
    assert (state_of(record), figures(funded)) == ("refused", (100, 0))
    assert Approval.objects.get(pk=record.approval_id).state == "expired"
    assert AuditRecord.objects.filter(act="approval.expire").count() == 1
    assert_adds_up()


def test_the_clockwork_ends_what_is_over_and_nothing_else(funded):
    old, young = ask(funded, 1), ask(funded, 2)
    Approval.objects.filter(pk=old.approval_id).update(expires_at=timezone.now())
    for _ in range(2):
        expire_approvals()
    assert (state_of(old), state_of(young)) == ("refused", "pending")
    assert figures(funded) == (98, 2)


# --- by the operators' pages -------------------------------------------------------------------


def post(client, by_user, action, row, **more):
    client.force_login(by_user)
    body = {"action": action, "_selected_action": [row.pk], "answered": "yes", "reason": WHY}
    return client.post(LIST, body | more, follow=True)


def staff(name, *permissions):
    from django.contrib.auth.models import Permission as Row

    user = ensure_user(by=SYSTEM, email=f"{name}@desk.example", is_staff=True)
    user.user_permissions.set(Row.objects.filter(codename__in=permissions))
    return user


def test_the_pages_show_what_waits_ask_for_a_reason_and_take_two_persons(client, funded):
    record = ask(funded)
    rights = ("view_withdrawal", "approve_withdrawals")
    first, second = staff("first", *rights), staff("second", *rights)
    asked = post(client, first, "approve", record, answered="", reason="")
    page = asked.content.decode()
    # "answered" is there and the reason is not: the page says so, with what it is about.
    assert "This field is required" in page
    assert "ann@example.com" in page
    assert "10.00000001 USD" in page
    assert "0 of 2" in page
    assert Approval.objects.get().approvers_given == 0

    for _ in range(2):
        text = post(client, first, "approve", record).content.decode()
    assert "this takes another person" in text
    assert (Approval.objects.get().approvers_given, state_of(record)) == (1, "pending")
    assert "1 of 2" in client.get(LIST, {"state__exact": "pending"}).content.decode()
    post(client, second, "approve", record)
    assert state_of(record) == "approved"


def test_the_list_of_those_that_wait_begins_with_the_oldest(client, funded):
    rows = [ask(funded, amount) for amount in (1, 2, 3)]
    boss = ensure_user(by=SYSTEM, email="b@desk.example", is_staff=True, is_superuser=True)
    client.force_login(boss)
    for path, state in ((LIST, "pending"), ("/admin/accounts/approval/", "requested")):
        page = client.get(path, {"state__exact": state})
        keys = [row.pk for row in page.context["cl"].result_list]
        assert keys == sorted(keys)
        assert len(keys) == len(rows)


# --- staff's own, roles, what was there before ----------------------------------------------------


def test_what_is_staffs_takes_a_superuser(funded):
    type(funded.owner).objects.filter(pk=funded.owner_id).update(is_staff=True)
    record = ask(funded)
    by = approver("first")
    before = fingerprint()
    with pytest.raises(Forbidden, match="only a superuser"):
        approve(by=by, approval_id=record.approval_id, reason=WHY)
    assert fingerprint() == before
    for name in ("one", "two"):
        approve(by=superuser(name), approval_id=record.approval_id, reason=WHY)
    assert state_of(record) == "approved"


def test_roles_are_made_once_and_what_operators_changed_stays(db):
    make_roles = import_module("accounts.migrations.0014_approvals").make_roles
    Group.objects.all().delete()
    make_roles(apps, SimpleNamespace(connection=connection))
    assert set(Group.objects.values_list("name", flat=True)) == {
        "support", "treasury", "risk", "admin",
    }  # fmt: skip
    treasury, support = Group.objects.get(name="treasury"), Group.objects.get(name="support")
    rights = {f"accounts.{one.codename}" for one in treasury.permissions.all()}
    assert Permission.APPROVE_WITHDRAWAL in rights
    assert Permission.CHANGE_THRESHOLD not in rights
    assert not {
        Permission.APPROVE_WITHDRAWAL, Permission.ADJUST_BALANCE, Permission.CREDIT_DEPOSIT,
    } & {f"accounts.{one.codename}" for one in support.permissions.all()}  # fmt: skip
    support.permissions.clear()
    make_roles(apps, SimpleNamespace(connection=connection))
    assert not support.permissions.exists()


def test_migrations_give_each_role_what_the_table_of_the_desk_says(db):
    Group.objects.all().delete()
    for name, step in (
        ("accounts.migrations.0014_approvals", "make_roles"),
        ("accounts.migrations.0018_notes", "widen_roles"),
        ("accounts.migrations.0019_providers", "let_groups_look"),
        ("accounts.migrations.0020_members", "let_groups_look"),
        ("accounts.migrations.0021_privacy", "widen_roles"),
        ("matching.migrations.0014_calendars", "widen_roles"),
    ):
        migration = import_module(name)
        getattr(migration, step)(apps, SimpleNamespace(connection=connection))
    given = {
        group.name: {
            f"{one.content_type.app_label}.{one.codename}"
            for one in group.permissions.select_related("content_type")
        }
        for group in Group.objects.all()
    }
    assert given == DESK_ROLES
    assert {str(one) for one in Permission} <= given["admin"]


def test_what_waited_before_there_were_approvals_takes_two_persons(funded):
    record = ask(funded)
    approval_id = record.approval_id
    Withdrawal.objects.filter(pk=record.pk).update(approval=None)
    Approval.objects.filter(pk=approval_id).delete()
    migration = import_module("accounts.migrations.0014_approvals")
    for _ in range(2):
        migration.ask_for_those_that_wait(apps, SimpleNamespace(connection=connection))
    record.refresh_from_db()
    assert (Approval.objects.count(), record.approval.about) == (1, funded.owner)
    approve_by_two(record)
    assert state_of(record) == "approved"


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\nb"])
def test_a_decision_needs_a_reason(funded, reason):
    record = ask(funded)
    by = approver("first")
    before = fingerprint()
    for decide in (approve, refuse):
        with pytest.raises(ValidationFailed) as refusal:
            decide(by=by, approval_id=record.approval_id, reason=reason)
        assert "reason" in refusal.value.details
    assert fingerprint() == before
