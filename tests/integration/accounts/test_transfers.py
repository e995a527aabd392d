"""Transfers between accounts of one owner, and the names that owners give to accounts."""

from decimal import Decimal

import pytest
from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone

from accounts.access.actor import ActorKind
from accounts.models import Account, AuditRecord, Balance, LedgerEntry, LedgerTransaction, Transfer
from accounts.money.selectors import (
    TransfersAsked,
    count_transfers,
    get_balance,
    list_ledger,
    list_transfers,
)
from accounts.notices import BALANCES_CHANNEL, decode_balances
from accounts.redis_client import get_redis
from accounts.services import (
    create_account,
    ensure_user,
    rename_account,
    set_account_status,
    set_asset_active,
    transfer,
)
from matching.reconcile import find_breaks_everywhere
from tests.actors import SYSTEM, customer
from zavora.foundation.errors import (
    AccountFrozen,
    AccountNotFound,
    Conflict,
    Forbidden,
    InsufficientBalance,
    ValidationFailed,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(user):
    return create_account(by=customer(user), owner_id=user.pk, label="Second")


@pytest.fixture
def bobs(db):
    return ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()


def move(whose, payer, receiver, amount="30", *, by=None, asset="USD", key=None):
    return transfer(
        by=by or customer(whose),
        from_account=payer.public_id,
        to_account=receiver.public_id,
        asset=asset,
        amount=Decimal(amount),
        key=key,
    )


def available(account, asset="USD"):
    balance = get_balance(account.public_id, asset)
    return None if balance is None else balance.available


def breaks():
    with connection.cursor() as cursor:
        return [found.text() for found in find_breaks_everywhere(cursor)]


def state():
    """Return what a transfer may change, but the names of accounts."""
    tables = (Transfer, LedgerTransaction, LedgerEntry, AuditRecord, Balance)
    return [list(table.objects.order_by("pk").values_list()) for table in tables]


# --- what it does --------------------------------------------------------------------------------


def test_a_transfer_moves_money_at_once_by_two_entries_that_sum_to_zero(user, funded, second):
    record = move(user, funded, second, "30.00000001")

    assert (available(funded), available(second)) == (
        Decimal("69.99999999"),
        Decimal("30.00000001"),
    )
    taken, given = list_ledger(funded.public_id)[0], list_ledger(second.public_id)[0]
    assert (taken.amount, taken.balance_after) == (Decimal("-30.00000001"), Decimal("69.99999999"))
    assert (given.amount, given.balance_after) == (Decimal("30.00000001"), Decimal("30.00000001"))
    assert (taken.kind, given.kind) == ("transfer", "transfer")
    ledger = record.transaction
    assert ledger == taken.transaction == given.transaction
    assert (ledger.kind, ledger.reference) == ("transfer", str(record.public_id))
    assert ledger.entries.count() == 2
    assert (record.owner, record.created_by) == (user, user)
    assert breaks() == []


def test_a_transfer_is_on_record_with_both_accounts(user, funded, second):
    record = move(user, funded, second)

    act = AuditRecord.objects.get(act="transfer")
    assert (act.subject, act.user_id) == (f"account:{funded.public_id}", user.pk)

    def figures(payer, receiver):
        return {
            "from": {"available": payer, "locked": "0.00000000"},
            "to": {"available": receiver, "locked": "0.00000000"},
        }

    assert act.details == {
        "transfer": str(record.public_id), "to": str(second.public_id), "asset": "USD",
        "amount": "30", "was": figures("100.00000000", "0.00000000"),
        "now": figures("70.00000000", "30.00000000"),
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_sockets_are_told_of_both_balances_in_one_notice(user, funded, second):
    listener = get_redis().pubsub(ignore_subscribe_messages=True)
    listener.subscribe(BALANCES_CHANNEL)
    listener.get_message(timeout=5)  # that it listens

    move(user, funded, second)

    message = listener.get_message(timeout=5)
    listener.close()
    told = [
        (state.account_id, state.available, state.version, state.moved)
        for state in decode_balances(message["data"])
    ]
    assert told == [
        (funded.pk, "70.00000000", 2, "-30.00000000"),
        (second.pk, "30.00000000", 1, "30.00000000"),
    ]


def test_an_account_that_may_only_cancel_still_transfers(user, funded, second):
    set_account_status(by=SYSTEM, account_id=funded.public_id, status="cancel_only")
    move(user, funded, second)
    assert available(second) == 30


def test_the_exchange_itself_transfers_by_command(funded, second):
    assert move(None, funded, second, by=SYSTEM).created_by is None


# --- again ---------------------------------------------------------------------------------------


def test_a_repeat_with_the_same_key_returns_the_first_result(user, funded, second):
    first = move(user, funded, second, key="k")
    before = state()

    assert move(user, funded, second, key="k").pk == first.pk
    assert state() == before


def test_the_first_result_stands_also_for_an_account_that_was_frozen_since(user, funded, second):
    first = move(user, funded, second, key="k")
    set_account_status(by=SYSTEM, account_id=funded.public_id, status="frozen")

    assert move(user, funded, second, key="k").pk == first.pk


def test_a_key_with_other_content_is_a_conflict(user, funded, second):
    third = create_account(by=SYSTEM, owner_id=user.pk)
    move(user, funded, second, key="k")
    before = state()

    for payer, receiver, amount in ((funded, second, "31"), (funded, third, "30")):
        with pytest.raises(Conflict):
            move(user, payer, receiver, amount, key="k")
    assert state() == before
    move(user, second, funded, "1", key="k")  # a key is the paying account's


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "named"),
    [
        ({"amount": "100.00000001"}, InsufficientBalance, "required"),
        ({"amount": "0.000000001"}, ValidationFailed, "amount"),
        ({"amount": "0"}, ValidationFailed, "amount"),
        ({"amount": "-1"}, ValidationFailed, "amount"),
        ({"amount": "NaN"}, ValidationFailed, "amount"),
        ({"asset": "JPY"}, ValidationFailed, "asset"),
        ({"key": ""}, ValidationFailed, "key"),
        ({"key": "a\nb"}, ValidationFailed, "key"),
    ],
)
def test_what_cannot_be_moved_is_refused_by_name(user, funded, second, changes, error, named):
    before = state()
    with pytest.raises(error) as refused:
        move(user, funded, second, **changes)
    assert named in refused.value.details
    assert state() == before


def test_what_is_not_there_cannot_be_taken(user, funded, second):
    with pytest.raises(InsufficientBalance):
        move(user, second, funded, "1")
    assert available(second) is None  # nor was a row made for it


def test_an_account_transfers_nothing_to_itself(user, funded):
    with pytest.raises(ValidationFailed) as refused:
        move(user, funded, funded)
    assert "to_account" in refused.value.details


def test_accounts_of_others_are_not_found_on_either_side(user, funded, second, bobs):
    before = state()
    bob = bobs.owner
    for by, payer, receiver in (
        (customer(user), funded, bobs),
        (customer(user), bobs, funded),
        (customer(bob), funded, second),
        (customer(bob), funded, bobs),
    ):
        with pytest.raises(AccountNotFound):
            move(None, payer, receiver, by=by)
    assert state() == before


def test_not_even_the_exchange_moves_money_between_two_owners(funded, bobs):
    with pytest.raises(ValidationFailed) as refused:
        move(None, funded, bobs, by=SYSTEM)
    assert "to_account" in refused.value.details


@pytest.mark.parametrize("status", ["frozen", "closed"])
@pytest.mark.parametrize("side", [0, 1])
def test_neither_from_nor_to_a_frozen_account(user, funded, second, status, side):
    account = (funded, second)[side]
    set_account_status(by=SYSTEM, account_id=account.public_id, status=status)
    before = state()
    with pytest.raises(AccountFrozen, match=str(account.public_id)):
        move(user, funded, second)
    assert state() == before


def test_a_closed_asset_stays_where_it_is(user, funded, second):
    set_asset_active(by=SYSTEM, code="USD", is_active=False)
    with pytest.raises(ValidationFailed) as refused:
        move(user, funded, second)
    assert "asset" in refused.value.details


def test_a_balance_without_room_takes_nothing(user, funded, second, usd):
    Balance.objects.create(account=second, asset=usd, available=Decimal(10**20 - 30), locked=0)
    with pytest.raises(ValidationFailed) as refused:
        move(user, funded, second)
    assert "amount" in refused.value.details
    assert available(funded) == 100
    move(user, funded, second, "29.99999999")


def test_a_key_needs_the_scope_and_must_reach_both_accounts(user, funded, second):
    def key(*scopes, **more):
        return customer(user, kind=ActorKind.KEY, key_id=1, scopes=frozenset(scopes), **more)

    for by in (key("read", "withdraw"), key("trade", only_account=funded.pk)):
        with pytest.raises(Forbidden):
            move(None, funded, second, by=by)
    move(None, funded, second, by=key("trade"))


# --- lists ---------------------------------------------------------------------------------------


def test_transfers_are_listed_newest_first_and_filtered(user, funded, second, btc, bobs):
    third = create_account(by=SYSTEM, owner_id=user.pk)
    first = move(user, funded, second, "3", key="one")
    middle = timezone.now()
    then = [move(user, second, third, "2"), move(user, third, funded, "1")]
    all_of_them = [*reversed(then), first]

    def listed(**asked):
        return list_transfers(TransfersAsked(owner_id=user.pk, **asked))

    assert listed() == all_of_them
    assert listed(account=funded.pk) == [then[1], first]
    assert listed(from_account=second.pk) == [then[0]]
    assert listed(to_account=second.pk, asset="usd") == [first]
    assert listed(asset="BTC") == []
    assert listed(key="one") == [first]
    assert listed(end=middle) == [first]
    assert listed(start=middle) == [*reversed(then)]
    of_all = TransfersAsked(owner_id=user.pk)
    assert list_transfers(of_all, limit=2) == all_of_them[:2]
    assert list_transfers(of_all, cursor=all_of_them[1].pk) == all_of_them[2:]
    assert list_transfers(of_all, offset=1, limit=1) == all_of_them[1:2]
    assert count_transfers(of_all) == 3
    assert count_transfers(TransfersAsked(owner_id=bobs.owner_id)) == 0


# --- what the tables hold by themselves ----------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE {} SET amount = 1", "DELETE FROM {}"])
def test_transfers_are_append_only(user, funded, second, statement):
    move(user, funded, second)
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(statement.format("accounts_transfer"))


def test_transfers_refuse_to_be_emptied():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_transfer ENABLE TRIGGER transfer_no_truncate")
        with pytest.raises(DatabaseError, match="append-only: TRUNCATE"):
            cursor.execute("TRUNCATE accounts_transfer")


def test_reconcile_finds_a_transfer_that_the_ledger_tells_otherwise(user, funded, second):
    move(user, funded, second)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table is still in use
        cursor.execute("ALTER TABLE accounts_transfer DISABLE TRIGGER transfer_append_only")
        cursor.execute("UPDATE accounts_transfer SET amount = 31")
    (found,) = breaks()
    assert found.startswith("transfer is in the ledger: transfer ")
    assert "asset USD: expected -31 and 31, found -30 and 30" in found


def test_reconcile_finds_a_movement_that_is_no_transfer(user, funded, second):
    move(user, funded, second)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table is still in use
        cursor.execute("ALTER TABLE accounts_transfer DISABLE TRIGGER transfer_append_only")
        cursor.execute("DELETE FROM accounts_transfer")
    (found,) = breaks()
    assert found.startswith("ledger transaction is a transfer's: transaction ")
    assert found.endswith("expected a transfer, and two entries, found no transfer, and 2 entries")


# --- names ---------------------------------------------------------------------------------------


def test_an_owner_renames_an_account_on_record_with_before_and_after(user, second):
    renamed = rename_account(by=customer(user), account_id=second.public_id, label="  Söll & Cö ")

    assert renamed.label == Account.objects.get(pk=second.pk).label == "Söll & Cö"
    act = AuditRecord.objects.get(act="account.rename")
    assert (act.subject, act.user_id) == (f"account:{second.public_id}", user.pk)
    assert act.details == {"was": {"label": "Second"}, "now": {"label": "Söll & Cö"}}
    rename_account(by=customer(user), account_id=second.public_id, label="Söll & Cö")
    assert AuditRecord.objects.filter(act="account.rename").count() == 1  # it was called so already


@pytest.mark.parametrize("label", ["", "   ", "x" * 65, "two\nlines", "backwards\u202e"])
def test_a_name_that_cannot_be_shown_is_refused_by_name(user, second, label):
    with pytest.raises(ValidationFailed) as refused:
        rename_account(by=customer(user), account_id=second.public_id, label=label)
    assert refused.value.details == {"label": "expected 1 to 64 printable characters"}
    assert Account.objects.get(pk=second.pk).label == "Second"
