"""Reports are asked for by their owners, made once, taken up again, kept for a while."""

import hashlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import psutil
import pytest
import typst
from django.db import connection
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import AuditRecord, LedgerEntry, Report, ReportPart
from accounts.reports.selectors import days_without_report, get_finished_report
from accounts.reports.services import (
    ATTEMPTS_MAX,
    KEPT_BYTES_MAX,
    OPEN_MAX,
    AttemptLost,
    append_part,
    finish_report,
    request_daily_report,
    request_report,
    take_report,
)
from accounts.services import ensure_user, export_report, purge_reports
from tests.actors import SYSTEM, customer, operator
from tests.integration.reports.past import BEGIN, END, ask, file_of, made, tables_of
from zavora import tasks
from zavora.foundation.errors import (
    AccountNotFound,
    Conflict,
    Forbidden,
    RateLimited,
    ValidationFailed,
)
from zavora.reports.making import Limits, make_reports
from zavora.reports.pdf_files import as_pdf
from zavora.reports.tables import About, Rows, Table, TooLong

DAY = timedelta(days=1)


def request(by, account, **more):
    asked = {"kind": "statement", "format": "csv", "period_from": BEGIN, "period_to": END, **more}
    return request_report(by=by, account_id=account.public_id, **asked)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"period_to": BEGIN}, "from"),
        ({"period_from": BEGIN - timedelta(days=400)}, "from"),
        ({"period_to": timezone.now() + DAY, "period_from": timezone.now()}, "to"),
        ({"kind": "daily"}, "kind"),
        ({"format": "xls"}, "format"),
    ],
)
def test_what_is_wrong_is_named(account, more, field):
    with pytest.raises(ValidationFailed) as refused:
        request(customer(account.owner), account, **more)

    assert list(refused.value.details) == [field]
    assert not Report.objects.exists()


def test_a_period_has_settled_before_it_is_reported(account):
    """Whatever is on its way when it is asked for is of a later period."""
    report = request(
        customer(account.owner), account, period_to=None, period_from=timezone.now() - DAY
    )

    assert timedelta(seconds=60) <= timezone.now() - report.period_to < timedelta(seconds=70)


def test_reports_are_their_owners_alone(account):
    other = ensure_user(by=SYSTEM, email="other@example.com")
    with pytest.raises(AccountNotFound):
        request(customer(other), account)
    with pytest.raises(Forbidden):
        request(customer(account.owner, scopes=frozenset({"trade"})), account)
    with pytest.raises(Forbidden):
        request(operator(), account)
    assert not Report.objects.exists()


def test_the_same_again_is_the_same_report(account):
    first = request(customer(account.owner), account)

    assert request(customer(account.owner), account).pk == first.pk
    assert made(first).state == "done"
    assert request(customer(account.owner), account).pk == first.pk
    assert AuditRecord.objects.filter(act="report.request").count() == 1


def test_a_person_has_few_reports_open(account):
    by = customer(account.owner)
    for number in range(OPEN_MAX):
        request(by, account, period_from=BEGIN + number * DAY)
    with pytest.raises(RateLimited):
        request(by, account, period_from=BEGIN + OPEN_MAX * DAY)
    make_reports()

    assert request(by, account, period_from=BEGIN + OPEN_MAX * DAY).state == "pending"


def test_what_is_kept_for_a_person_is_bounded(account):
    report = made(ask(account))
    Report.objects.update(size=KEPT_BYTES_MAX)
    with pytest.raises(RateLimited, match="bytes together"):
        ask(account, period_from=BEGIN + DAY)

    report.delete()
    assert ask(account, period_from=BEGIN + DAY).state == "pending"


def test_a_worker_that_dies_is_followed_by_another(account):
    """The first attempt wrote a part and is never heard of again; then it comes back, too late."""
    report = ask(account)
    first = take_report(by=SYSTEM)
    append_part(by=SYSTEM, attempt=first, body=b"half", progress=40)
    assert take_report(by=SYSTEM) is None  # it is being made
    Report.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert made(report).state == "done"
    assert b"half" not in file_of(report)
    whole = file_of(report)
    with pytest.raises(AttemptLost):
        append_part(by=SYSTEM, attempt=first, body=b"late", progress=50)
    with pytest.raises(AttemptLost):
        finish_report(by=SYSTEM, attempt=first, digest="")
    assert file_of(report) == whole


def test_two_workers_never_make_one_report(account):
    """The lease ran out while the first one still writes: it is told with its next part."""
    ask(account)
    first = take_report(by=SYSTEM)
    Report.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = take_report(by=SYSTEM)
    append_part(by=SYSTEM, attempt=second, body=b"ours", progress=1)
    with pytest.raises(AttemptLost):
        append_part(by=SYSTEM, attempt=first, body=b"theirs", progress=1)

    assert [bytes(part.body) for part in ReportPart.objects.all()] == [b"ours"]


def test_a_report_that_ends_its_worker_is_given_up(account):
    report = ask(account)
    for _ in range(ATTEMPTS_MAX):
        assert take_report(by=SYSTEM) is not None
        Report.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert make_reports() == 0
    report.refresh_from_db()

    assert (report.state, report.parts.count()) == ("failed", 0)


KILLED = """
import os, signal, django
django.setup()
from zavora.reports.making import Limits, make_reports
make_reports(after_part=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_left_is_made_again():
    """Killed by the system between its last part and the end; nobody touches what it holds."""
    report = ask(ensure_user(by=SYSTEM, email="ann@example.com").accounts.get())
    url = urlsplit(os.environ["DATABASE_URL"])
    url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], env={**os.environ, "DATABASE_URL": url}, check=False
    )
    report.refresh_from_db()

    assert killed.returncode == -signal.SIGKILL
    assert (report.state, report.attempt, report.parts.count()) == ("making", 1, 1)
    assert make_reports() == 0  # for as long as it might be alive
    Report.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert made(report).state == "done"
    assert (report.attempt, report.size) == (2, len(file_of(report)))
    assert hashlib.sha256(file_of(report)).hexdigest() == report.digest


@pytest.mark.parametrize(
    ("limits", "note"),
    [(Limits(file_bytes_max=10), "too large"), (Limits(making_s_max=-1), "too long")],
)
def test_what_is_too_large_or_takes_too_long_fails(account, limits, note):
    report = ask(account)
    assert make_reports(limits=limits) == 0
    report.refresh_from_db()

    assert (report.state, report.size, file_of(report)) == ("failed", 0, b"")
    assert note in report.note


def test_made_again_it_is_the_same_file(account):
    first = made(ask(account))
    digest = first.digest
    Report.objects.all().delete()

    assert made(ask(account)).digest == digest


def test_reports_are_thrown_away_after_their_time(account, settings):
    settings.ZAVORA_REPORTS_KEPT_DAYS = 5
    report = made(ask(account))
    assert timedelta(days=4.9) < report.expires_at - timezone.now() <= timedelta(days=5)
    assert purge_reports(by=SYSTEM) == 0
    Report.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    tasks.purge_reports()
    assert not ReportPart.objects.exists()


def test_a_report_in_the_making_has_no_file(account):
    report = ask(account)
    take_report(by=SYSTEM)
    with pytest.raises(Conflict):
        get_finished_report(account.public_id, report.pk)

    report.refresh_from_db()
    assert report.state == "making"


# --- the whole exchange --------------------------------------------------------------------------


def test_the_day_of_the_exchange_adds_up(past):
    report = made(request_daily_report(by=SYSTEM, day=BEGIN.date()))
    assert request_daily_report(by=SYSTEM, day=BEGIN.date()).pk == report.pk
    tables = tables_of(report)

    (market,) = tables["Markets"]
    assert (market["trades"], market["volume"]) == ("4", "2.30000000")
    until = LedgerEntry.objects.filter(created_at__lt=BEGIN + DAY)
    for row in tables["Liabilities and assets held"]:
        entries = until.filter(asset__code=row["asset"])
        customers = entries.filter(account__kind="customer").values_list("amount", flat=True)
        assert Decimal(row["owed to customers"]) == sum(customers)
        assert Decimal(row["difference"]) == 0
    # Both people came later than this day of last year.
    assert tables["Accounts by their present status"] == []
    assert tables["Withdrawals that wait"] == []


def test_days_that_were_missed_are_made_up_for(db):
    today = datetime.now(UTC).date()
    assert days_without_report(today) == [today]
    request_daily_report(by=SYSTEM, day=today - 4 * DAY)
    tasks.ask_daily_report()
    tasks.ask_daily_report()

    days = Report.objects.order_by("period_from").values_list("period_from", flat=True)
    ended = (timezone.now() - timedelta(seconds=60) - DAY).date()
    expected = [ended - number * DAY for number in range((ended - today).days + 4, -1, -1)]
    assert [day.date() for day in days] == expected
    far = days_without_report(today + 400 * DAY)
    assert (len(far), far[-1]) == (31, today + 400 * DAY)


def test_operators_download_the_day_of_the_exchange_and_no_statement(account):
    by = operator(Permission.EXPORT_REPORT)
    day, statement = request_daily_report(by=SYSTEM, day=BEGIN.date()), ask(account)
    with pytest.raises(Conflict):
        export_report(by=by, report_id=day.pk)
    make_reports()

    assert export_report(by=by, report_id=day.pk).pk == day.pk
    assert AuditRecord.objects.filter(act="report.export").count() == 1
    with pytest.raises(Forbidden):
        export_report(by=by, report_id=statement.pk)
    with pytest.raises(Forbidden):
        export_report(by=operator(), report_id=day.pk)


# --- PDF -----------------------------------------------------------------------------------------

MARKUP = '#panic("injected") *bold* $x$ #read("/etc/passwd") `code`'


def test_what_people_wrote_is_no_markup_of_a_pdf(account):
    """The same text as source does what it says; as a label it is a label."""
    with pytest.raises(typst.TypstError, match="injected"):
        typst.compile(MARKUP.encode())
    type(account).objects.filter(pk=account.pk).update(label=MARKUP)

    report = made(ask(account, format="pdf"))
    assert (report.state, report.note) == ("done", "")
    assert file_of(report).startswith(b"%PDF-")


def rows_of(number):
    about = About("Statement", BEGIN, END)
    return iter((Table("Entries", ("time",)), Rows([("now",)] * number, 50))), about


def test_a_pdf_is_bounded_and_says_what_to_ask_for():
    with pytest.raises(TooLong, match="at most 40,000 rows of these; ask for CSV"):
        list(as_pdf(*rows_of(40_001)))


def test_whoever_waits_for_a_pdf_is_heard_meanwhile():
    """Else the lease ends, and the worker's sign of life, before a long document is set."""
    parts = list(as_pdf(*rows_of(500), heard_every_s=0.01))

    assert len([body for body, progress in parts if (body, progress) == (b"", 50)]) > 3
    assert b"".join(body for body, _ in parts).startswith(b"%PDF-")


def test_a_pdf_that_takes_too_long_leaves_no_process():
    before = psutil.Process().children()
    with pytest.raises(TooLong, match="took too long"):
        list(as_pdf(*rows_of(1), setting_s_max=-1, heard_every_s=0.01))

    assert psutil.Process().children() == before
