"""Deposits, withdrawals and adjustments: what they write, and what they refuse to."""

from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import (
    Account,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Withdrawal,
)
from accounts.money.selectors import get_balance, list_ledger
from accounts.notices import BALANCES_CHANNEL, BalanceState, decode_balances
from accounts.redis_client import get_redis
from accounts.services import (
    adjust_balance,
    cancel_withdrawal,
    create_asset,
    credit_deposit,
    deposit,
    ensure_user,
    request_withdrawal,
    set_account_status,
    set_asset_active,
    settle_withdrawal,
)
from matching.reconcile import find_breaks_everywhere
from tests.actors import SYSTEM
from tests.approving import approve_by_two
from zavora.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    Conflict,
    Forbidden,
    InsufficientBalance,
    NotFound,
    ValidationFailed,
)

pytestmark = pytest.mark.django_db


def figures(account, asset="USD"):
    balance = get_balance(account.public_id, asset)
    return (balance.available, balance.locked, balance.version)


def rows():
    """Everything a money service may write, to show that a refusal wrote nothing."""
    return (
        list(Balance.objects.order_by("pk").values_list("pk", "available", "locked", "version")),
        LedgerTransaction.objects.count(),
        LedgerEntry.objects.count(),
        list(Deposit.objects.order_by("pk").values_list("pk", "state")),
        list(Withdrawal.objects.order_by("pk").values_list("pk", "state")),
    )


def assert_adds_up():
    with connection.cursor() as cursor:
        assert find_breaks_everywhere(cursor) == []


def give(account, amount, **more):
    arguments = {"asset": "USD", "source": "bank"} | more
    return deposit(by=SYSTEM, account_id=account.public_id, amount=Decimal(amount), **arguments)


def credit(account, amount, **more):
    arguments = {"asset": "USD", "external_reference": "wire-1", "reason": "seen at the bank"}
    arguments |= {"by": SYSTEM} | more
    return credit_deposit(account_id=account.public_id, amount=Decimal(amount), **arguments)


def take(account, amount, **more):
    arguments = {"asset": "USD"} | more
    return request_withdrawal(
        by=SYSTEM, account_id=account.public_id, amount=Decimal(amount), **arguments
    )


def test_deposit_credits_the_account_against_the_outside(account, usd):
    record = give(account, "12.50000001", asset="usd")

    assert figures(account) == (Decimal("12.50000001"), 0, 1)
    entries = LedgerEntry.objects.filter(transaction=record.transaction).order_by("-amount")
    assert [(e.account.kind, e.kind, e.amount, e.balance_after) for e in entries] == [
        ("customer", "deposit", Decimal("12.50000001"), Decimal("12.50000001")),
        ("outside", "deposit", Decimal("-12.50000001"), None),
    ]
    assert record.transaction.reference == str(record.pk)
    assert record.state == "credited"
    assert_adds_up()


def test_second_deposit_adds_and_tells_the_total_after_it(account, usd):
    give(account, 1)
    give(account, 2)

    assert figures(account) == (3, 0, 2)
    assert [entry.balance_after for entry in list_ledger(account.public_id)] == [3, 1]


def test_deposit_with_a_known_key_is_the_first_deposit(account, usd):
    first = give(account, "5", key="k")
    before = rows()

    assert give(account, "5.00", key="k").pk == first.pk
    assert rows() == before


@pytest.mark.parametrize(
    "other", [{"amount": "6"}, {"asset": "BTC"}, {"source": "faucet"}, {"external_reference": "x"}]
)
def test_deposit_with_a_known_key_and_other_content_conflicts(account, usd, btc, settings, other):
    settings.ZAVORA_FAUCET = True
    give(account, "5", key="k")
    before = rows()

    with pytest.raises(Conflict):
        give(account, **({"amount": "5", "key": "k"} | other))
    assert rows() == before


def test_the_same_key_on_another_account_is_another_deposit(account, usd):
    other = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()
    assert give(account, 5, key="k").pk != give(other, 5, key="k").pk


def test_external_reference_is_credited_once(account, usd):
    other = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()
    first = give(account, 5, source="bank", external_reference="wire-1")
    before = rows()

    assert give(account, 5, source="bank", external_reference="wire-1").pk == first.pk
    with pytest.raises(Conflict):
        give(other, 5, source="bank", external_reference="wire-1")
    assert rows() == before


@pytest.mark.parametrize(
    "amount",
    ["0", "-1", "0.000000001", "1e20", "NaN", "Infinity", "-Infinity", "sNaN", "1e-30", "1e40"],
)
def test_amounts_that_no_balance_can_hold_are_refused(funded, amount):
    before = rows()
    for move in (give, take):
        with pytest.raises(ValidationFailed) as refusal:
            move(funded, amount)
        assert "amount" in refusal.value.details
    assert rows() == before


def test_scale_of_the_asset_decides_which_amounts_fit(account):
    create_asset(by=SYSTEM, code="JPY", name="Yen", scale=0)
    create_asset(by=SYSTEM, code="WEI", name="Fine", scale=18)

    give(account, "1.0", asset="JPY")
    give(account, "0.000000000000000001", asset="WEI")
    with pytest.raises(ValidationFailed):
        give(account, "0.5", asset="JPY")
    assert figures(account, "JPY") == (1, 0, 1)
    assert figures(account, "WEI") == (Decimal("1e-18"), 0, 1)


def test_total_stays_below_what_the_tables_hold(account, usd, settings):
    give(account, 10**20 - 1)
    settings.ZAVORA_FAUCET = False
    take(account, 10**19, address="somewhere")
    before = rows()

    with pytest.raises(ValidationFailed):
        give(account, 1)
    assert rows() == before
    assert_adds_up()


def test_unknown_account_and_asset_are_refused(account, usd):
    system = Account.objects.create(kind="outside")
    set_asset_active(
        by=SYSTEM,
        code=create_asset(by=SYSTEM, code="OLD", name="Old", scale=2).code,
        is_active=False,
    )

    with pytest.raises(AccountNotFound):
        give(system, 1)
    for code in ("XYZ", "OLD", "", "usd;"):
        with pytest.raises(ValidationFailed) as refusal:
            give(account, 1, asset=code)
        assert "asset" in refusal.value.details
    assert Deposit.objects.count() == 0


def test_faucet_gives_only_where_it_is_on_and_up_to_its_limit(account, usd, settings):
    settings.ZAVORA_FAUCET = False
    with pytest.raises(Forbidden):
        give(account, 1, source="faucet")
    settings.ZAVORA_FAUCET = True
    settings.ZAVORA_FAUCET_AMOUNT_MAX = "10"
    with pytest.raises(ValidationFailed):
        give(account, "10.00000001", source="faucet")
    give(account, 10, source="faucet")

    assert figures(account) == (10, 0, 1)


@pytest.mark.parametrize("status", ["frozen", "closed"])
def test_frozen_account_takes_an_operators_deposit_only(funded, settings, status):
    settings.ZAVORA_FAUCET = True
    take(funded, 1, key="before")
    set_account_status(by=SYSTEM, account_id=funded.public_id, status=status)
    before = rows()

    with pytest.raises(AccountFrozen):
        take(funded, 1)
    with pytest.raises(AccountFrozen):
        give(funded, 1, source="faucet")
    assert take(funded, 1, key="before").state == "settled"  # the first result, again
    assert rows() == before
    with pytest.raises(AccountFrozen):
        give(funded, 1, source="bank")
    credit(funded, 1)
    assert figures(funded)[0] == 100


def test_withdrawal_holds_then_settles_at_once(funded):
    record = take(funded, "30.5", address="somewhere")

    assert record.state == "settled"
    assert figures(funded) == (Decimal("69.5"), 0, 3)  # a deposit, a hold, a settlement
    entries = LedgerEntry.objects.filter(transaction=record.transaction).order_by("amount")
    assert [(e.account.kind, e.amount, e.balance_after) for e in entries] == [
        ("customer", Decimal("-30.5"), Decimal("69.5")),
        ("outside", Decimal("30.5"), None),
    ]
    assert_adds_up()


def test_pending_withdrawal_holds_until_it_is_settled_or_cancelled(funded, settings):
    settings.ZAVORA_FAUCET = False
    first = take(funded, 60, address="somewhere")
    second = take(funded, 40, address="somewhere")
    assert figures(funded)[:2] == (0, 100)
    assert_adds_up()
    with pytest.raises(InsufficientBalance):
        take(funded, "0.00000001", address="somewhere")

    approve_by_two(first)
    assert settle_withdrawal(by=SYSTEM, withdrawal_id=first.pk).state == "settled"
    assert cancel_withdrawal(by=SYSTEM, withdrawal_id=second.pk).state == "cancelled"
    assert figures(funded)[:2] == (40, 0)

    before = rows()
    assert settle_withdrawal(by=SYSTEM, withdrawal_id=first.pk).state == "settled"
    assert cancel_withdrawal(by=SYSTEM, withdrawal_id=second.pk).state == "cancelled"
    with pytest.raises(Conflict):
        cancel_withdrawal(by=SYSTEM, withdrawal_id=first.pk)
    with pytest.raises(Conflict):
        settle_withdrawal(by=SYSTEM, withdrawal_id=second.pk)
    with pytest.raises(NotFound):
        settle_withdrawal(by=SYSTEM, withdrawal_id=1)
    assert rows() == before
    assert_adds_up()


def test_withdrawal_beyond_what_is_available_writes_nothing(funded):
    before = rows()
    with pytest.raises(InsufficientBalance) as refusal:
        take(funded, "100.00000001")
    assert refusal.value.details == {"asset": "USD", "required": "100.00000001"}
    assert rows() == before


def test_withdrawal_is_idempotent_on_its_key(funded, btc):
    first = take(funded, 10, key="k", address="a")
    before = rows()

    assert take(funded, "10.0", key="k", address="a").pk == first.pk
    for other in ({"amount": 11}, {"address": "b"}, {"asset": "BTC"}):
        with pytest.raises(Conflict):
            take(funded, **({"amount": 10, "key": "k", "address": "a"} | other))
    assert rows() == before


@pytest.mark.parametrize("key", ["", "x" * 129, "a\nb", "\x00"])
def test_unusable_keys_are_refused(funded, key):
    before = rows()
    for move in (give, take):
        with pytest.raises(ValidationFailed):
            move(funded, 1, key=key)
    assert rows() == before


def test_adjustment_corrects_both_ways_but_not_below_zero(funded):
    def adjust(amount, reason="miscounted"):
        return adjust_balance(
            by=SYSTEM,
            account_id=funded.public_id,
            asset="USD",
            amount=Decimal(amount),
            reason=reason,
        )

    adjust("-0.5")
    adjust("1.5")
    assert figures(funded) == (101, 0, 3)
    before = rows()
    for amount, error in (
        ("-101.00000001", InsufficientBalance),
        ("0", ValidationFailed),
        ("NaN", ValidationFailed),
        ("0.000000001", ValidationFailed),
    ):
        with pytest.raises(error):
            adjust(amount)
    with pytest.raises(ValidationFailed):
        adjust("1", reason="  ")
    assert rows() == before
    kinds = LedgerTransaction.objects.filter(reference="miscounted").values_list("kind", flat=True)
    assert list(kinds) == ["adjustment", "adjustment"]
    assert_adds_up()


@pytest.mark.django_db(transaction=True)
def test_balances_are_announced_after_the_commit(funded, usd):
    with get_redis().pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(BALANCES_CHANNEL)
        subscription.get_message(timeout=1)
        take(funded, 25)
        message = subscription.get_message(timeout=1)

    balance = get_balance(funded.public_id, "USD")
    held, state = decode_balances(message["data"])
    assert (held.available, held.locked, held.version) == ("75.00000000", "25.00000000", 2)
    assert held.moved == ""
    assert state == BalanceState(
        account_id=funded.pk,
        asset_id=usd.pk,
        available="75.00000000",
        locked="0.00000000",
        version=3,
        updated_us=int(balance.updated_at.timestamp()) * 1_000_000 + balance.updated_at.microsecond,
        moved="-25.00000000",
    )
