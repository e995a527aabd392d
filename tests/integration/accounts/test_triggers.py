"""The tables refuse by themselves what no service would ask of them."""

from decimal import Decimal

import pytest
from django.db import connection
from django.db.utils import DatabaseError, IntegrityError
from psycopg.errors import CheckViolation

from accounts.models import Account, AuditRecord, Balance, LedgerEntry, LedgerTransaction

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("statement", ["UPDATE {} SET act = 'x'", "DELETE FROM {}"])
def test_the_record_of_acts_is_append_only(funded, statement):
    assert AuditRecord.objects.exists()
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(statement.format("accounts_auditrecord"))


def test_the_record_of_acts_refuses_to_be_emptied():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditrecord ENABLE TRIGGER audit_record_no_truncate")
        with pytest.raises(DatabaseError, match="append-only: TRUNCATE"):
            cursor.execute("TRUNCATE accounts_auditrecord")


@pytest.mark.parametrize("table", ["accounts_ledgertransaction", "accounts_ledgerentry"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET kind = 'fee'", "UPDATE {} SET kind = 'fee' WHERE false", "DELETE FROM {}"],
)
def test_the_ledger_is_append_only(funded, table, statement):
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(statement.format(table))


@pytest.mark.parametrize("name", ["transaction", "entry"])
def test_the_ledger_refuses_to_be_emptied(name):
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE accounts_ledger{name} ENABLE TRIGGER ledger_{name}_no_truncate"
        )
        with pytest.raises(DatabaseError, match="append-only: TRUNCATE"):
            cursor.execute(f"TRUNCATE accounts_ledger{name} CASCADE")


def entries_of(transaction_id, amounts, account_id, asset_id):
    return [
        LedgerEntry(
            transaction_id=transaction_id,
            account_id=account_id,
            asset_id=asset_id,
            kind="trade",
            amount=amount,
        )
        for amount in amounts
    ]


def test_entries_must_sum_to_zero_per_transaction(funded, usd):
    one, two = (LedgerTransaction.objects.create(kind="trade", reference=r) for r in "ab")
    # Together they sum to zero, each on its own they do not.
    entries = entries_of(one.pk, [1], funded.pk, usd.pk) + entries_of(
        two.pk, [-1], funded.pk, usd.pk
    )
    with pytest.raises(IntegrityError, match="not to zero"):
        LedgerEntry.objects.bulk_create(entries)


def test_entries_must_sum_to_zero_per_asset(funded, usd, btc):
    record = LedgerTransaction.objects.create(kind="trade", reference="a")
    entries = entries_of(record.pk, [1], funded.pk, usd.pk) + entries_of(
        record.pk, [-1], funded.pk, btc.pk
    )
    with pytest.raises(IntegrityError, match="not to zero"):
        LedgerEntry.objects.bulk_create(entries)


def copy_entries(lines):
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY accounts_ledgerentry (id, transaction_id, account_id, asset_id, kind, amount,"
            " created_at) FROM STDIN"
        ) as copy,
    ):
        copy.write("".join(lines))


def test_a_copy_of_thousands_is_checked_as_a_whole(funded, usd):
    def lines(first):
        return [
            f"{entry}\t{entry // 2}\t{funded.pk}\t{usd.pk}\ttrade"
            f"\t{(-1) ** entry * 125}e-8\t2026-01-01\n"
            for entry in range(first, first + 10_000)
        ]

    copy_entries(lines(0))
    assert LedgerEntry.objects.filter(pk__lt=10_000).count() == 10_000

    bad = lines(10_000)
    bad[7777] = bad[7777].replace("125e-8", "126e-8")
    with pytest.raises(CheckViolation, match=r"transaction 8888 .* not to zero"):
        copy_entries(bad)


@pytest.mark.parametrize("amount", ["NaN", "0"])
def test_entries_are_finite_and_not_zero(funded, usd, amount):
    with pytest.raises(CheckViolation, match="ledger_entry_amount_finite"):
        copy_entries([f"1\t1\t{funded.pk}\t{usd.pk}\ttrade\t{amount}\t2026-01-01\n"])


@pytest.mark.parametrize("field", ["available", "locked"])
@pytest.mark.parametrize("amount", ["NaN", "-0.00000001"])
def test_balances_are_neither_negative_nor_nan(funded, field, amount):
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match=f"balance_{field}_not_negative"),
    ):
        cursor.execute(f"UPDATE accounts_balance SET {field} = %s::numeric", [amount])


def test_an_account_has_one_balance_of_an_asset(funded, usd):
    with pytest.raises(IntegrityError, match="balance_account_asset"):
        Balance.objects.create(account=funded, asset=usd, available=Decimal(1))


def test_there_is_one_outside(funded):
    with pytest.raises(IntegrityError, match="account_system_unique"):
        Account.objects.create(kind="outside")
