"""Each kind of break is found and named. The rows are broken with the triggers switched off."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from accounts.models import Account, Balance
from accounts.services import create_asset, deposit, request_withdrawal
from matching.commands.place import PlaceOrder
from matching.reconcile import find_breaks_everywhere, reconcile
from matching.services import new_market_command
from matching.worker.offline import OfflineShard
from tests.actors import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER = ("accounts_ledgerentry", "accounts_ledgertransaction")


@pytest.fixture
def traded(funded):
    """An exchange with a market, a trade with fees, an order at rest and a pending withdrawal."""
    from accounts.services import ensure_user

    create_asset(by=SYSTEM, code="BTC", name="Bitcoin", scale=8)
    other = ensure_user(by=SYSTEM, email="other@example.com").accounts.get()
    deposit(by=SYSTEM, account_id=other.public_id, asset="BTC", amount=Decimal(2), source="bank")
    with OfflineShard(0) as shard:
        market = new_market_command(
            by=SYSTEM,
            base="BTC",
            quote="USD",
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.001"),
            maker_fee_ppm=1000,
            taker_fee_ppm=2000,
        )
        replies = shard.apply(
            [
                market,
                place(market, other, "sell", "50.00", "1.000"),
                place(market, funded, "buy", "50.00", "0.500"),
                place(market, funded, "buy", "40.00", "1.000"),
            ],
            time_us=1_800_000_000_000_000,
        )
    assert [reply.code for reply in replies] == [""] * 4
    with override_settings(ZAVORA_FAUCET=False):
        request_withdrawal(
            by=SYSTEM,
            account_id=funded.public_id,
            asset="USD",
            amount=Decimal(5),
            address="somewhere",
        )
    assert reconcile() == []
    return funded


def place(market, account, side, price, quantity):
    return PlaceOrder(
        account_id=account.pk,
        market_id=market.market_id,
        side=side,
        order_type="limit",
        time_in_force="gtc",
        post_only=False,
        price=price,
        quantity=quantity,
        quote_quantity=None,
        client_order_id=None,
        key=None,
        deadline_ms=1_800_000_100_000,
    )


def break_rows(*statements):
    """Run statements as nobody may: without triggers and without constraints."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


ENTRY = (
    "INSERT INTO accounts_ledgerentry (id, transaction_id, account_id, asset_id, kind, amount,"
    " created_at) SELECT {id}, {transaction}, account_id, asset_id, kind, {amount}, created_at"
    " FROM accounts_ledgerentry WHERE kind = '{kind}' AND balance_after IS NULL LIMIT 1"
)

BREAKS = [
    (
        (
            "UPDATE accounts_ledgerentry SET amount = amount + 1 WHERE kind = 'deposit'"
            " AND balance_after IS NOT NULL"
        ),
        {
            "ledger transaction sums to zero",
            "ledger sums to zero per asset",
            "balance is the sum of its entries",
            "deposit is in the ledger",
        },
    ),
    (
        ENTRY.format(id=1, transaction=77, amount=5, kind="deposit"),
        {
            "ledger transaction sums to zero",
            "ledger sums to zero per asset",
            "ledger entry has its transaction",
        },
    ),
    (
        (
            "INSERT INTO accounts_ledgertransaction (id, kind, reference, created_at)"
            " VALUES (7, 'trade', '7', now())"
        ),
        {"ledger transaction has entries", "ledger transaction has its trade"},
    ),
    (
        "UPDATE accounts_balance SET available = available + 0.00000001 WHERE locked > 0",
        {"balance is the sum of its entries"},
    ),
    (
        (
            "UPDATE accounts_balance SET available = available - 1, locked = locked + 1"
            " WHERE locked > 0"
        ),
        {"locked is what open orders and pending withdrawals hold"},
    ),
    (
        "DELETE FROM accounts_balance WHERE locked > 0",
        {
            "balance is the sum of its entries",
            "locked is what open orders and pending withdrawals hold",
        },
    ),
    (
        "UPDATE accounts_withdrawal SET state = 'settled'",
        {
            "locked is what open orders and pending withdrawals hold",
            "withdrawal is in the ledger",
        },
    ),
    (
        "UPDATE accounts_deposit SET amount = amount + 1",
        {"deposit is in the ledger"},
    ),
    (
        "UPDATE matching_order SET hold = hold + 1 WHERE status = 'new'",
        {
            "locked is what open orders and pending withdrawals hold",
            "order holds what remains of it",
        },
    ),
    (
        "UPDATE matching_order SET hold = 1 WHERE status = 'filled'",
        {"order holds what remains of it"},
    ),
    (
        (
            "UPDATE matching_order SET filled_quantity = filled_quantity + 0.001"
            " WHERE status = 'filled'"
        ),
        {"order's fills are its trades"},
    ),
    (
        "DELETE FROM matching_order WHERE status = 'filled'",
        {"order's fills are its trades"},
    ),
    (
        "UPDATE matching_trade SET amount = amount + 1",
        {"trade is in the ledger", "order's fills are its trades"},
    ),
    (
        "UPDATE matching_trade SET taker_fee = 0",
        {"trade is in the ledger"},
    ),
    (
        "UPDATE matching_trade SET sequence = 2",
        {"trade sequence has no gap"},
    ),
    (
        "DELETE FROM matching_trade",
        {
            "ledger transaction has its trade",
            "order's fills are its trades",
            "trade sequence has no gap",
        },
    ),
    (
        "UPDATE matching_marketstate SET trade_sequence = 5",
        {"trade sequence has no gap"},
    ),
]


@pytest.mark.parametrize(("statement", "checks"), BREAKS)
def test_each_kind_of_break_is_found_and_named(traded, statement, checks):
    break_rows(statement)

    assert {found.check for found in reconcile()} == checks


def test_figures_that_no_constraint_would_let_in_are_found(traded):
    break_rows(
        "ALTER TABLE accounts_balance DROP CONSTRAINT balance_available_not_negative",
        "ALTER TABLE accounts_ledgerentry DROP CONSTRAINT ledger_entry_amount_finite",
    )
    try:
        for amount in ("'NaN'", "-1"):
            break_rows(f"UPDATE accounts_balance SET available = {amount} WHERE locked > 0")
            assert "balance is possible" in {found.check for found in reconcile()}
        break_rows("UPDATE accounts_ledgerentry SET amount = 'NaN' WHERE kind = 'fee'")
        assert "ledger entry is possible" in {found.check for found in reconcile()}
    finally:
        break_rows(
            "DELETE FROM accounts_balance",
            "DELETE FROM accounts_ledgerentry",
            "ALTER TABLE accounts_balance ADD CONSTRAINT balance_available_not_negative"
            " CHECK (available >= 0 AND available < 1e20)",
            "ALTER TABLE accounts_ledgerentry ADD CONSTRAINT ledger_entry_amount_finite"
            " CHECK (amount > -1e20 AND amount < 1e20 AND amount <> 0)",
        )


def test_a_report_says_where_and_what(traded):
    break_rows("UPDATE accounts_balance SET available = available + 1.5 WHERE locked > 0")

    (found,) = [b for b in reconcile() if b.where.get("asset") == "USD"]
    balance = Balance.objects.get(account=traded, asset__code="USD")
    total = f"{balance.available + balance.locked:f}".rstrip("0").rstrip(".")
    expected = f"{balance.available + balance.locked - Decimal('1.5'):f}".rstrip("0").rstrip(".")
    assert found.text() == (
        f"balance is the sum of its entries: account {traded.public_id}, asset USD:"
        f" expected {expected}, found {total}"
    )


def test_the_command_tells_by_its_exit_status(traded, capsys):
    call_command("reconcile")
    assert "everything adds up" in capsys.readouterr().out

    break_rows("UPDATE matching_marketstate SET trade_sequence = 5")
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", "--json")
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [found["where"] for found in report["breaks"]] == [{"market": "BTC/USD"}]


def test_reconcile_sees_one_snapshot_and_changes_nothing(traded):
    """What commits between its questions is not half seen."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            cursor.execute("SELECT count(*) FROM accounts_deposit")
            script = (
                "import django; django.setup()\n"
                "from decimal import Decimal; from uuid import UUID\n"
                "from accounts.services import deposit\n"
                "from tests.actors import SYSTEM\n"
                f"deposit(by=SYSTEM, account_id=UUID('{traded.public_id}'), asset='USD',"
                " amount=Decimal(1), source='bank')\n"
            )
            name = connection.settings_dict["NAME"]
            url = _url(name)
            subprocess.run(
                [sys.executable, "-c", script],
                check=True,
                env={**_environment(), "DATABASE_URL": url},
                timeout=60,
            )
            assert find_breaks_everywhere(cursor) == []
        finally:
            cursor.execute("ROLLBACK")
    assert reconcile() == []


def _environment():
    import os

    return dict(os.environ)


def _url(name):
    import os
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name}"))


def test_outside_and_fee_accounts_have_entries_but_no_balances(traded):
    for kind in ("outside", "fees"):
        system = Account.objects.get(kind=kind)
        assert not Balance.objects.filter(account=system).exists()
    system = Account.objects.get(kind="fees")
    break_rows(
        "INSERT INTO accounts_balance (account_id, asset_id, available, locked, version,"
        f" updated_at) SELECT {system.pk}, id, 0, 0, 0, '{timezone.now().isoformat()}'"
        " FROM accounts_asset WHERE code = 'USD'"
    )
    assert {found.check for found in reconcile()} == {"balance is possible"}


def test_a_check_that_cannot_be_made_is_a_break_and_stops_no_other(traded):
    break_rows("UPDATE accounts_balance SET available = available + 1 WHERE available > 0")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_trade RENAME TO matching_trade_away")
    try:
        found = reconcile()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE matching_trade_away RENAME TO matching_trade")
    unmade = {one.where["check"] for one in found if one.check == "check can be made"}
    assert unmade == {
        "orders not their trades",
        "trades not in ledger",
        "ledger without trade",
        "sequences with gaps",
    }
    assert "balance is the sum of its entries" in {one.check for one in found}
