"""The operators' pages: everything can be looked at, and changes go through services."""

from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from accounts.models import Account, Asset, Deposit, LedgerEntry, LedgerTransaction, User
from accounts.money.selectors import get_balance
from accounts.services import create_account, deposit, ensure_user, request_withdrawal
from matching.models import Command, Trade
from tests.actors import SYSTEM
from tests.admin_walk import Browser
from tests.approving import approve_by_two

pytestmark = pytest.mark.django_db

OURS = ("accounts", "matching", "marketdata")
# Written by workers and services only: nobody adds, changes or deletes a row by hand.
LOOK_ONLY = (
    "accounts.Balance",
    "accounts.LedgerEntry",
    "matching.Order",
    "matching.OrderConditions",
    "matching.OrderAmendment",
    "matching.PreventedMatch",
    "matching.TrailMark",
    "matching.OrderList",
    "matching.Protection",
    "matching.OrderKey",
    "matching.Trade",
    "matching.Checkpoint",
    "matching.CheckpointPart",
    "matching.Command",
    "matching.Event",
    "matching.MarketState",
    "matching.Shard",
    "marketdata.Candle",
    "marketdata.CandleProgress",
    "marketdata.AlertProgress",
    "marketdata.PriceAlert",
)


@pytest.fixture
def operator(client):
    client.force_login(superuser())
    return client


def superuser():
    return ensure_user(by=SYSTEM, email="op@example.com", is_staff=True, is_superuser=True)


def url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def all_models():
    return [model for app in OURS for model in apps.get_app_config(app).get_models()]


def test_every_table_has_a_page(funded):
    operator = Browser()
    operator.force_login(superuser())
    for model in all_models():
        assert model in admin.site._registry, model
        assert operator.get(url(model, "changelist")).status_code == 200
        for term in ("7", str(2**63 - 1), str(2**63), "'; ä", "@", "%", "x" * 300):
            assert operator.get(url(model, "changelist"), {"q": term}).status_code == 200, term
        row = model.objects.first()
        if row is not None:
            assert operator.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("name", LOOK_ONLY)
def test_what_workers_write_is_read_only_even_for_superusers(operator, funded, name):
    model = apps.get_model(name)
    assert operator.get(url(model, "add")).status_code == 403
    row = model.objects.first()
    if row is not None:
        assert operator.post(url(model, "change", row.pk), {}).status_code == 403
        assert operator.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_nothing_can_be_deleted(operator, funded):
    for model in all_models():
        row = model.objects.first()
        if row is not None:
            answer = operator.post(url(model, "delete", row.pk), {"post": "yes"})
            assert answer.status_code == 403, model


@pytest.mark.parametrize("model", [LedgerEntry, Deposit, Account])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    operator, funded, django_assert_max_num_queries, model
):
    for index in range(15):
        account = create_account(by=SYSTEM, owner_id=funded.owner_id, label=str(index))
        deposit(
            by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(1), source="bank"
        )
    with django_assert_max_num_queries(9):
        answer = operator.get(url(model, "changelist"))
    assert answer.content.count(b'class="action-select"') + answer.content.count(b"<tr>") > 15


def test_an_operator_credits_a_deposit_once_per_form(operator, account, usd):
    form = {"account": str(account.public_id), "asset": "USD", "amount": "12.5", "key": "k"}
    form |= {"external_reference": "wire-1", "reason": "seen at the bank", "confirmed": "yes"}
    for _ in range(2):
        assert operator.post(url(Deposit, "add"), form).status_code == 302
    assert get_balance(account.public_id, "USD").available == Decimal("12.5")
    assert Deposit.objects.get().source == "operator"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "NaN"},
        {"amount": "0"},
        {"asset": "XXX"},
        {"account": "nobody"},
        {"external_reference": " "},
        {"reason": ""},
    ],
)
@pytest.mark.parametrize("answered", [{}, {"confirmed": "yes"}])
def test_refusals_are_shown_at_their_field(operator, account, usd, wrong, answered):
    form = {"account": str(account.public_id), "asset": "USD", "amount": "1", "key": "k"}
    form |= {"external_reference": "wire-1", "reason": "seen at the bank", **answered}
    answer = operator.post(url(Deposit, "add"), form | wrong)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == list(wrong)
    assert not Deposit.objects.exists()


def test_a_correction_stands_in_the_ledger(operator, funded):
    form = {
        "account": str(funded.public_id),
        "asset": "USD",
        "amount": "-100.5",
        "reason": "typo",
        "confirmed": "yes",
    }
    answer = operator.post(url(LedgerTransaction, "add"), form)
    assert "not enough USD" in str(answer.context["form"].errors)

    assert operator.post(url(LedgerTransaction, "add"), form | {"amount": "-1"}).status_code == 302
    assert get_balance(funded.public_id, "USD").available == 99
    assert LedgerTransaction.objects.get(kind="adjustment").reference == "typo"


def test_assets_and_accounts_are_added_by_services(operator, user):
    form = {"code": "JPY", "name": "Yen", "scale": "0", "reason": "for the test"}
    assert operator.post(url(Asset, "add"), form).status_code == 302
    assert operator.post(url(Asset, "add"), form | {"scale": "2"}).status_code == 200  # conflict
    assert Asset.objects.get().scale == 0

    operator.post(url(Account, "add"), {"email": user.email, "label": "Third", "reason": "asked"})
    assert user.accounts.filter(label="Third").exists()


def test_pending_withdrawals_are_decided_by_operators(operator, funded, settings):
    from accounts.models import Withdrawal

    settings.ZAVORA_FAUCET = False
    pending = [
        request_withdrawal(
            by=SYSTEM,
            account_id=funded.public_id,
            asset="USD",
            amount=Decimal(30),
            address="somewhere",
        )
        for _ in range(2)
    ]
    approve_by_two(pending[0])
    for action, record in zip(("settle", "cancel"), pending, strict=True):
        operator.post(
            url(Withdrawal, "changelist"),
            {
                "action": action, "_selected_action": [record.pk], "answered": "yes",
                "reason": "seen at the bank",
            },
        )  # fmt: skip
    states = Withdrawal.objects.order_by("pk").values_list("state", flat=True)
    assert sorted(states) == ["cancelled", "settled"]
    balance = get_balance(funded.public_id, "USD")
    assert (balance.available, balance.locked) == (70, 0)


def test_staff_without_rights_can_neither_look_nor_act(client, funded):
    client.force_login(ensure_user(by=SYSTEM, email="staff@example.com", is_staff=True))
    for model in (Deposit, LedgerEntry, Command, Trade, User):
        assert client.get(url(model, "changelist")).status_code == 403
        assert client.get(url(model, "add")).status_code == 403
    client.force_login(ensure_user(by=SYSTEM, email="ann@example.com"))
    assert client.get(url(Deposit, "changelist")).status_code == 302


def test_staff_that_may_edit_users_cannot_make_itself_superuser(client):
    from django.contrib.auth.models import Permission

    staff = ensure_user(by=SYSTEM, email="staff@example.com", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client.force_login(staff)

    rights = {"is_staff": "on", "reason": "for the test"}
    client.post(url(User, "change", staff.pk), {"is_superuser": "on", **rights})
    client.post(
        url(User, "add"), {"email": "evil@example.com", "password": "correct horse", **rights}
    )
    staff.refresh_from_db()
    assert not staff.is_superuser
    assert not User.objects.filter(email="evil@example.com").exists()
