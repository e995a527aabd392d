"""Statements tie to the ledger to the last unit, or nobody gets them."""

from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F

from accounts.models import Balance, LedgerEntry
from accounts.reports.selectors import list_entries, list_totals
from accounts.reports.services import fail_report, take_report
from tests.actors import SYSTEM
from tests.integration.reports.past import BEGIN, END, ask, file_of, made, read, tables_of
from zavora.reports.csv_files import as_csv, cell
from zavora.reports.statements import statement
from zavora.reports.tables import About, NotTied


def ledger_until(account, asset, end):
    """The ledger's own running total: what its last entry before a time says."""
    entries = LedgerEntry.objects.filter(account=account, asset__code=asset, created_at__lt=end)
    return entries.order_by("-pk").values_list("balance_after", flat=True).first()


def test_a_statement_ties_to_the_ledger(past):
    report = made(ask(past.ann))
    tables = tables_of(report)

    assert (report.state, report.progress, report.note) == ("done", 100, "")
    assert len(tables["Entries"]) == 1 + 4 * 3  # a withdrawal; of each fill base, quote and fee
    for row in tables["Balances"]:
        asset = row["asset"]
        entries = [one for one in tables["Entries"] if one["asset"] == asset]
        opening, closing = Decimal(row["opening"]), Decimal(row["closing"])
        assert opening == ledger_until(past.ann, asset, BEGIN)
        assert closing == ledger_until(past.ann, asset, END)
        assert opening + sum(Decimal(one["amount"]) for one in entries) == closing
        assert Decimal(entries[-1]["balance"]) == closing
        assert int(row["entries"]) == len(entries)
    # The worker's own running balance, entry by entry.
    kept = LedgerEntry.objects.in_bulk([int(one["entry"]) for one in tables["Entries"]])
    wrong = [
        one["entry"]
        for one in tables["Entries"]
        if Decimal(one["balance"]) != kept[int(one["entry"])].balance_after
    ]
    assert wrong == []


def test_entries_of_many_pages_are_all_there_once(within):
    within.trade_at_random(40, batch=20)
    about = About("Statement", BEGIN, END, within.bob.pk, "a", "", "")
    tables = read(b"".join(body for body, _ in as_csv(statement(about, page_rows=7))))
    of_period = LedgerEntry.objects.filter(
        account=within.bob, created_at__gte=BEGIN, created_at__lt=END
    )

    assert of_period.count() > 7 * 7
    found = [int(one["entry"]) for one in tables["Entries"]]
    assert found == list(of_period.order_by("pk").values_list("pk", flat=True))


def test_an_account_without_a_movement_has_a_statement(account):
    tables = tables_of(made(ask(account)))

    assert (tables["Balances"], tables["Entries"]) == ([], [])
    about = {row["about"]: row["value"] for row in tables["Statement of account"]}
    assert (about["owner"], about["account"]) == ("ann@example.com", str(account.public_id))


def test_a_statement_that_does_not_tie_is_not_handed_out(past):
    """A balance that is not its entries, by one unit: nobody is told that all is well."""
    balances = Balance.objects.filter(account=past.ann, asset__code="USD")
    for change in (Decimal("0.000001"), Decimal("-0.000002")):
        balances.update(available=F("available") + change)
        report = made(ask(past.ann))

        assert (report.state, report.size, file_of(report)) == ("failed", 0, b"")
        assert "does not agree with the ledger" in report.note


def test_an_entry_that_vanishes_meanwhile_is_noticed(past):
    """Entries are never deleted; here somebody who may switch the trigger off does it."""
    pieces = statement(About("Statement", BEGIN, END, past.ann.pk, "a", "", ""))
    for _ in range(5):  # the head and the balances are out, the entries are not read yet
        next(pieces)
    (last,) = list_entries(past.ann.pk, BEGIN, END, after_id=0, limit=100)[-1:]
    with connection.cursor() as cursor:
        trigger = "TRIGGER ledger_entry_append_only"
        cursor.execute(f"ALTER TABLE accounts_ledgerentry DISABLE {trigger}")
        cursor.execute("DELETE FROM accounts_ledgerentry WHERE id = %s", [last.id])
        cursor.execute(f"ALTER TABLE accounts_ledgerentry ENABLE {trigger}")

    with pytest.raises(NotTied, match="entries of"):
        list(pieces)
    assert any(one.total != one.balance for one in list_totals(past.ann.pk, BEGIN, END))


def test_formulas_in_what_people_wrote_are_texts(account):
    type(account).objects.filter(pk=account.pk).update(label='=HYPERLINK("http://x")')
    about = tables_of(made(ask(account)))["Statement of account"]

    assert {"about": "label", "value": '\'=HYPERLINK("http://x")'} in about


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("-1.50", "-1.50"),
        ("-1.50-1", "'-1.50-1"),
        ("+41 22", "'+41 22"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        (" =1", "' =1"),
        ("a;=1", "a;'=1"),
        ('a,"=1"', 'a,\'"=1"'),
        ("a\r\n=1", "a\r'\n'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("salary = rent + food", "salary = rent + food"),
        ("ann@example.com", "ann@example.com"),
        ("2025-10-01T00:00:00.000000Z", "2025-10-01T00:00:00.000000Z"),
    ],
)
def test_a_cell_begins_no_formula_wherever_it_is_parted(text, safe):
    assert cell(text) == safe


def test_a_failed_report_can_be_asked_for_again(account):
    first = ask(account)
    fail_report(by=SYSTEM, attempt=take_report(by=SYSTEM), note="no")
    second = made(ask(account))

    assert second.pk != first.pk
    assert (second.state, ask(account).pk) == ("done", second.pk)
