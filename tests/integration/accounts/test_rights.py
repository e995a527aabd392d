"""What operators do, by the services: who may, on whose things, and what is written down."""

from copy import deepcopy
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.models import AuditRecord, Deposit
from accounts.money.selectors import get_balance
from accounts.services import (
    add_note,
    adjust_balance,
    cancel_withdrawal,
    create_account,
    create_api_key,
    create_asset,
    create_token,
    create_user,
    credit_deposit,
    deposit,
    ensure_user,
    fail_withdrawal,
    make_reset_link,
    rename_key,
    revoke_key,
    save_group,
    set_account_fees,
    set_account_status,
    set_asset_active,
    set_user_active,
    set_user_rights,
    set_verification_level,
    set_withdrawal_limit,
    settle_withdrawal,
    submit_threshold,
)
from matching.fees.services import set_fee_tier
from matching.moving import move_market
from matching.services import (
    cancel_orders,
    change_market,
    create_market,
    freeze_account,
    set_market_phase,
)
from tests.actors import SYSTEM, customer, operator
from tests.admin_walk import Watch
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db

CREDIT = {"asset": "USD", "amount": Decimal(5), "external_reference": "wire-1", "reason": "seen"}
MOVED = {"asset": "USD", "amount": Decimal(5)}
MARKET = {"tick_size": Decimal(1), "lot_size": Decimal(1)}
KEY = {"scopes": ["read"]}

# By the permission that it takes: what is done, and whether it touches a person's things.
ACTS = {
    "deposit.credit": (
        Permission.CREDIT_DEPOSIT,
        lambda by, to: credit_deposit(by=by, account_id=to.account, **CREDIT),
    ),
    "balance.adjust": (
        Permission.ADJUST_BALANCE,
        lambda by, to: adjust_balance(by=by, account_id=to.account, reason="typo", **MOVED),
    ),
    "withdrawal.settle": (
        Permission.DECIDE_WITHDRAWAL,
        lambda by, to: settle_withdrawal(by=by, withdrawal_id=to.withdrawal),
    ),
    "withdrawal.cancel": (
        Permission.DECIDE_WITHDRAWAL,
        lambda by, to: cancel_withdrawal(by=by, withdrawal_id=to.withdrawal),
    ),
    "withdrawal.fail": (
        Permission.DECIDE_WITHDRAWAL,
        lambda by, to: fail_withdrawal(by=by, withdrawal_id=to.withdrawal, reason="came back"),
    ),
    "limit.set": (
        Permission.CHANGE_LIMIT,
        lambda by, to: set_withdrawal_limit(
            by=by, account_id=to.account, asset="USD", per_day=Decimal(5), reason="new here"
        ),
    ),
    "user.level": (
        Permission.CHANGE_LEVEL,
        lambda by, to: set_verification_level(
            by=by, user_id=to.user.pk, level=2, reason="passport seen"
        ),
    ),
    "user.shut_out": (
        Permission.CHANGE_USER,
        lambda by, to: set_user_active(by=by, user_id=to.user.pk, is_active=False),
    ),
    "user.reset_link": (
        Permission.MAKE_RESET_LINK,
        lambda by, to: make_reset_link(by=by, user_id=to.user.pk),
    ),
    "account.open": (
        Permission.ADD_ACCOUNT,
        lambda by, to: create_account(by=by, owner_id=to.user.pk),
    ),
    "account.status": (
        Permission.CHANGE_ACCOUNT,
        lambda by, to: set_account_status(by=by, account_id=to.account, status="frozen"),
    ),
    "fees.account": (
        Permission.CHANGE_FEES,
        lambda by, to: set_account_fees(
            by=by, account_id=to.account, maker_ppm=1, taker_ppm=2, reason="seen"
        ),
    ),
    "key.create": (
        Permission.ADD_KEY,
        lambda by, to: create_token(by=by, user_id=to.user.pk, **KEY),
    ),
    "key.change": (
        Permission.REVOKE_KEY,
        lambda by, to: rename_key(by=by, key_id=to.key, label="new"),
    ),
    "key.revoke": (Permission.REVOKE_KEY, lambda by, to: revoke_key(by=by, key_id=to.key)),
}
# The same of what belongs to nobody.
COMMON_ACTS = {
    "user.create": (
        Permission.ADD_USER,
        lambda by, to: create_user(by=by, email="new@example.com"),
    ),
    "fees.tier": (
        Permission.CHANGE_FEES,
        lambda by, to: set_fee_tier(
            by=by, level=1, min_volume=Decimal(1), maker_ppm=1, taker_ppm=2, reason="seen"
        ),
    ),
    "asset.create": (
        Permission.ADD_ASSET,
        lambda by, to: create_asset(by=by, code="JPY", name="Yen", scale=0),
    ),
    "asset.threshold": (
        Permission.CHANGE_THRESHOLD,
        lambda by, to: submit_threshold(
            by=by, code="USD", amount=Decimal(1), reason="too much at once"
        ),
    ),
    "asset.close": (
        Permission.CHANGE_ASSET,
        lambda by, to: set_asset_active(by=by, code="USD", is_active=False),
    ),
}
# Refused before anything is looked at, so they need no market and no worker here.
OTHERS = {
    "gateway": lambda by, to: deposit(by=by, account_id=to.account, source="bank", **MOVED),
    "signing key": lambda by, to: create_api_key(
        by=by, user_id=to.user.pk, account_id=to.account, kind="hmac", **KEY
    ),
    "create_market": lambda by, to: create_market(by=by, base="USD", quote="EUR", **MARKET),
    "change_market": lambda by, to: change_market(by=by, symbol="USD/EUR", band_ppm=1),
    "set_market_phase": lambda by, to: set_market_phase(by=by, symbol="USD/EUR", phase="halted"),
    "move_market": lambda by, to: move_market(by=by, symbol="USD/EUR", to_shard=1),
    "freeze_account": lambda by, to: freeze_account(by=by, account_id=to.account),
    "cancel_orders": lambda by, to: cancel_orders(by=by, account_id=to.account),
    "add_note": lambda by, to: add_note(by=by, user_id=to.user.pk, text="called"),
    "ensure_user": lambda by, to: ensure_user(by=by, email="new@example.com", is_staff=True),
    "set_user_rights": lambda by, to: set_user_rights(
        by=by, user_id=to.user.pk, is_staff=True, is_superuser=True
    ),
    "save_group": lambda by, to: save_group(by=by, name="Friends", permissions=[]),
}


@pytest.fixture
def ann(lasting_things, settings):
    settings.ZAVORA_FAUCET = False
    return deepcopy(lasting_things["ann"])


@pytest.fixture
def boss(lasting_things, settings):
    settings.ZAVORA_FAUCET = False
    return deepcopy(lasting_things["boss"])


EVERY_ACT = {name: act for name, (_, act) in (ACTS | COMMON_ACTS).items()} | OTHERS


@pytest.mark.parametrize("name", EVERY_ACT)
def test_nobody_acts_without_the_permission(ann, boss, name):
    act = EVERY_ACT[name]
    needed = (ACTS | COMMON_ACTS).get(name, (None,))[0]
    others = [permission for permission in Permission if permission is not needed]
    actors = [
        operator(),
        customer(boss.user),  # staff by the customers' doors
        customer(boss.user, kind=ActorKind.KEY, key_id=1),
        *([operator(*others)] if needed is not None else []),
    ]
    if name not in ("account.open", "key.change", "key.create", "key.revoke", "signing key"):
        actors.append(customer(ann.user))  # what is one's own: only by the services for customers
    with Watch() as watch:
        for actor in actors:
            with pytest.raises((Forbidden, NotFound)):
                act(actor, ann)
    assert not watch.has_changed


@pytest.mark.parametrize("name", ACTS | COMMON_ACTS)
def test_with_the_permission_it_is_done_and_on_record(ann, name):
    permission, act = (ACTS | COMMON_ACTS)[name]
    known = set(AuditRecord.objects.values_list("pk", flat=True))
    by = operator(permission, address="192.0.2.1")

    act(by, ann)

    (record,) = AuditRecord.objects.exclude(pk__in=known)
    assert (record.act, record.actor_kind, record.actor_name) == (
        name, "operator", f"user:{by.user_id}",
    )  # fmt: skip
    assert (record.user_id, record.address, record.request_id) == (
        by.user_id, "192.0.2.1", "request-of-the-desk",
    )  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_what_is_staffs_takes_a_superuser(boss, name):
    _, act = ACTS[name]
    with Watch() as watch:
        for user_id in (999_999, boss.user.pk):  # not even on themselves
            with pytest.raises(Forbidden, match="only a superuser"):
                act(operator(*Permission, user_id=user_id), boss)
    assert not watch.has_changed

    root = Actor.operator(user_id=1, name="root@example.com", permissions=(), is_superuser=True)
    with Watch() as watch:
        act(root, boss)
    assert watch.has_changed


def test_only_superusers_make_staff(ann):
    with pytest.raises(Forbidden):
        create_user(by=operator(*Permission), email="friend@example.com", is_staff=True)
    with pytest.raises(Forbidden):
        save_group(by=operator(*Permission), name="Friends", permissions=[])
    assert not Group.objects.filter(name="Friends").exists()


def test_a_record_and_its_effect_are_there_together_or_not_at_all(ann):
    """A credit that fails after its checks leaves neither; a repeated one leaves one of each."""
    by = operator(Permission.CREDIT_DEPOSIT)
    first = credit_deposit(by=by, account_id=ann.account, key="k", **CREDIT)

    with Watch() as watch:
        assert credit_deposit(by=by, account_id=ann.account, key="k", **CREDIT).pk == first.pk
        with pytest.raises(Conflict):
            credit_deposit(by=by, account_id=ann.account, **(CREDIT | {"amount": Decimal(6)}))
        too_much = {"amount": Decimal(10**20 - 1), "external_reference": "wire-2"}
        with pytest.raises(ValidationFailed):
            credit_deposit(by=by, account_id=ann.account, **(CREDIT | too_much))
    assert not watch.has_changed


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"external_reference": ""}, "external_reference"),
        ({"external_reference": "  "}, "external_reference"),
        ({"external_reference": "x" * 129}, "external_reference"),
        ({"external_reference": "a\nb"}, "external_reference"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"asset": "XXX"}, "asset"),
    ],
)
def test_a_credit_says_what_is_missing(ann, wrong, field):
    with Watch() as watch, pytest.raises(ValidationFailed) as refusal:
        credit_deposit(by=SYSTEM, account_id=ann.account, **(CREDIT | wrong))
    assert field in refusal.value.details
    assert not watch.has_changed


def test_no_other_service_credits_in_the_operators_name(ann):
    with pytest.raises(ValidationFailed):
        deposit(by=SYSTEM, account_id=ann.account, source="operator", **MOVED)
    assert not Deposit.objects.filter(source="operator").exists()


@pytest.mark.parametrize("is_superuser", [False, True])
def test_nobody_credits_in_a_gateways_name(ann, is_superuser):
    """It would leave no reason and no record: what an operator saw come in has its own service."""
    by = Actor.operator(
        user_id=1, name="root@example.com", permissions=Permission, is_superuser=is_superuser
    )
    with Watch() as watch, pytest.raises(Forbidden, match="only the exchange itself"):
        deposit(by=by, account_id=ann.account, source="bank", **MOVED)
    assert not watch.has_changed


def test_a_credit_of_before_references_is_still_found_by_its_key(ann):
    """The command and the demo repeat keys that an earlier version wrote without a reference."""
    record = credit_deposit(by=SYSTEM, account_id=ann.account, key="demo:USD", **CREDIT)
    Deposit.objects.filter(pk=record.pk).update(external_reference=None)
    before = get_balance(ann.account, "USD").available

    again = credit_deposit(by=SYSTEM, account_id=ann.account, key="demo:USD", **CREDIT)

    assert again.pk == record.pk
    assert get_balance(ann.account, "USD").available == before
