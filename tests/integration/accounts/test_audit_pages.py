"""Records leave the house whole, as a command and from the page, and are readable on the page."""

import csv
import io
import json
import tracemalloc
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from accounts.access.actor import Actor
from accounts.access.actor import Permission as Right
from accounts.admin.records import DOWNLOAD_MAX
from accounts.audit import ACTS, record_act
from accounts.chain.exporting import BATCH_MAX, COLUMNS
from accounts.chain.texts import BEFORE_ALL, link_hash
from accounts.chain.texts import COLUMNS as HASHED
from accounts.models import AuditLink, AuditRecord
from accounts.services import ensure_user, set_account_status
from tests.actors import SYSTEM, customer, operator
from tests.desk_rows import end_here
from tests.integration.accounts.audit_trail import WITHOUT_BEFORE, act, acts, superuser
from tests.integration.accounts.test_admin_pages import page_of, plain
from tests.integration.accounts.test_records import EVERY_OWN_ACT, OPERATORS_ACTS
from zavora.foundation.times import microseconds_of

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/auditrecord/"
FILL = (
    "INSERT INTO accounts_auditrecord (actor_kind, actor_name, address, request_id, act, subject,"
    " reason, details, created_at) SELECT 'system', 'x', '', '', 'asset.open', 'asset:' || n, '',"
    " '{{}}', now() FROM generate_series(1, {count}) n"
)


def fill(count):
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(count=count))
    end_here()


def exported(*arguments):
    out = StringIO()
    call_command("export_audit", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def reader(client):
    """A browser of somebody who may look at records, and at nothing else."""
    user = ensure_user(by=SYSTEM, email="reader@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_auditrecord"))
    client.force_login(user)
    return client


# --- taken away ----------------------------------------------------------------------------------


def test_an_export_can_be_hashed_anew_by_anybody():
    acts(3)
    act('"é\n', figure=1.50, none=None)

    lines = [json.loads(line) for line in exported().splitlines()]

    assert [line["position"] for line in lines] == [1, 2, 3, 4]
    before = BEFORE_ALL
    for line, row in zip(lines, AuditRecord.objects.order_by("link__position"), strict=True):
        assert list(line) == [*(name for name in COLUMNS if name != "details"), "details"]
        assert (line["details"], line["subject"]) == (row.details, row.subject)
        moment = datetime.fromisoformat(line["created_at"])
        assert moment == row.created_at
        with connection.cursor() as cursor:
            cursor.execute("SELECT details::text FROM accounts_auditrecord WHERE id=%s", [row.pk])
            (details,) = cursor.fetchone()
        texts = {**line, "details": details, "created_at": microseconds_of(moment)}
        columns = [None if texts[name] is None else str(texts[name]) for name in HASHED]
        assert line["previous"] == before.hex()
        before = link_hash(before, line["position"], columns)
        assert line["hash"] == before.hex()


def test_an_export_holds_what_was_made_in_a_time_and_nothing_else():
    start = datetime(2026, 11, 29, tzinfo=UTC)
    for hour in range(5):
        act(str(hour))
    with superuser() as cursor:
        for hour in range(5):
            cursor.execute(
                "UPDATE accounts_auditrecord SET created_at = %s WHERE subject = %s",
                [start + timedelta(hours=hour), f"asset:{hour}"],
            )

    def hours(*arguments):
        rows = csv.DictReader(io.StringIO(exported("--format", "csv", *arguments), newline=""))
        return [row["subject"].removeprefix("asset:") for row in rows]

    assert hours() == ["0", "1", "2", "3", "4"]
    assert hours("--since", "2026-11-29T01:00", "--until", "2026-11-29T03:00Z") == ["1", "2"]
    assert hours("--since", "2026-11-29T05:00+02:00") == ["3", "4"]
    assert hours("--until", "2026-11-29") == []
    with pytest.raises(CommandError, match="--until: expected a time after --since"):
        hours("--since", "2026-11-29", "--until", "2026-11-29")
    with pytest.raises(CommandError, match="--since: expected a date or a time"):
        hours("--since", "yesterday")


def test_a_csv_has_what_no_spreadsheet_takes_for_a_formula():
    mallory = Actor.system('=HYPERLINK("http://far")')
    record_act(mallory, "asset.open", "asset:USD", reason="+1, and\nmore")
    end_here()

    (row,) = csv.DictReader(io.StringIO(exported("--format", "csv"), newline=""))

    assert list(row) == list(COLUMNS)
    assert row["actor_name"] == '\'=HYPERLINK("http://far")'
    assert row["reason"] == "'+1, and\nmore"
    assert (row["position"], row["user_id"]) == ("1", "")


def test_what_is_not_chained_is_exported_after_the_rest():
    acts(2)
    with superuser() as cursor:
        cursor.execute(FILL.format(count=1))
    rows = [json.loads(line) for line in exported().splitlines()]
    assert [row["position"] for row in rows] == [1, 2, None]
    assert rows[2]["hash"] is None


def test_an_export_of_any_length_takes_the_memory_of_a_batch():
    class Nothing(StringIO):
        lines = 0

        def write(self, text):
            self.lines += text.count("\n")
            return len(text)

    def peak(count):
        fill(count)
        out = Nothing()
        tracemalloc.start()
        call_command("export_audit", stdout=out)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, out.lines

    first, lines = peak(BATCH_MAX)
    assert lines == BATCH_MAX
    whole, lines = peak(2 * BATCH_MAX)
    assert lines == 3 * BATCH_MAX
    assert whole < 1.5 * first


# --- the page ------------------------------------------------------------------------------------


def test_the_page_gives_what_is_listed_to_who_may_look(reader, client):
    acts(3)
    act("B", was={}, now={})
    page = reader.get(LIST, {"q": "asset:A2"}).content.decode()
    for form in ("csv", "jsonl"):
        assert f'href="{LIST}export.{form}?q=asset%3AA2"' in page

    found = reader.get(f"{LIST}export.jsonl", {"q": "asset:A2"})
    assert found.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert [json.loads(line)["subject"] for line in found.content.splitlines()] == ["asset:A2"]
    whole = reader.get(f"{LIST}export.csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(whole, newline="")))
    assert len(rows) == AuditRecord.objects.count()
    refused = reader.get(f"{LIST}export.csv", {"created_at__gte": "nonsense"})
    assert (refused.status_code, refused.headers["Location"]) == (
        302, f"{LIST}?created_at__gte=nonsense",
    )  # fmt: skip

    user = ensure_user(by=SYSTEM, email="other@example.com", is_staff=True)
    client.force_login(user)
    assert client.get(f"{LIST}export.csv").status_code == 403
    client.logout()
    assert client.get(f"{LIST}export.csv").status_code == 302


def test_the_page_gives_so_many_and_then_leads_to_the_command(reader):
    with superuser() as cursor:  # as they are not looked at, they need no links
        cursor.execute(FILL.format(count=DOWNLOAD_MAX + 1))
    answer = reader.get(f"{LIST}export.csv", follow=True)
    assert answer.redirect_chain == [(f"{LIST}?", 302)]
    assert "manage.py export_audit" in answer.content.decode()
    some = reader.get(f"{LIST}export.csv", {"q": "asset:7"})
    assert some.content.count(b"\r\n") == 2


def test_the_page_shows_where_a_record_stands_and_that_one_stands_nowhere(reader):
    ann = ensure_user(by=SYSTEM, email="ann@example.com").accounts.get()
    desk = Group.objects.create(name="Support")
    clerk = ensure_user(by=SYSTEM, email="clerk@example.com", is_staff=True)
    clerk.groups.add(desk, Group.objects.create(name="Risk"))
    by = operator(Right.CHANGE_ACCOUNT, user_id=clerk.pk)
    set_account_status(by=by, account_id=ann.public_id, status="frozen")
    end_here()
    record = AuditRecord.objects.get(act="account.status")
    assert record.role == "Risk, Support"

    shown = plain(page_of(reader, AuditRecord, record))

    assert "Name Before After status active frozen" in shown
    assert f"Position {record.link.pk}" in shown
    assert "Risk, Support" in shown
    with superuser() as cursor:
        cursor.execute("DELETE FROM accounts_auditlink WHERE record_id = %s", [record.pk])
    assert "not chained" in plain(page_of(reader, AuditRecord, record))
    assert "not chained" in plain(page_of(reader, AuditRecord))


def test_records_of_before_names_stood_beside_figures_are_readable(reader):
    old = record_act(SYSTEM, "account.status", "account:1", was="active", status="frozen")
    assert "Name Before After active frozen" in plain(page_of(reader, AuditRecord, old))


def test_the_page_of_the_chain_names_a_record_that_is_gone(client):
    acts(2)
    client.force_login(
        ensure_user(by=SYSTEM, email="root@example.com", is_staff=True, is_superuser=True)
    )
    link = AuditLink.objects.get(position=1)
    with superuser() as cursor:
        cursor.execute("DELETE FROM accounts_auditrecord WHERE id = %s", [link.record_id])
    assert str(link.record_id) in plain(page_of(client, AuditLink))
    assert bytes(link.hash).hex() in plain(page_of(client, AuditLink, link))


# --- what records say ----------------------------------------------------------------------------

# Carried out by a worker; their records are looked at with one (test_records_of_operators.py).
OF_MARKETS = {"market.change", "market.create", "market.move", "market.phase"}
OF_ASSETS = {"asset.open"}  # as its closing
# What takes two accounts or persons, a device, a worker or the clock is looked at where it is done.
ELSEWHERE = {
    "account.cancel_orders", "address.remove", "approval.approve", "approval.expire",
    "approval.fail", "approval.refuse", "approval.request", "database.hold", "database.release",
    "fees.remove_tier", "fees.review",
    "key.reseal", "liabilities.publish", "member.accept", "member.decline", "member.leave",
    "member.remove", "member.role", "member.withdraw", "note.add", "partition.archive",
    "partition.attach", "partition.detach", "report.export", "transfer",
    "user.add_factor", "user.change_email", "user.confirm_email", "user.erase",
    "user.remove_factor", "user.renew_recovery_codes", "user.reset_factors",
    "withdrawal.approve", "withdrawal.fail", "withdrawal.refuse",
}  # fmt: skip
# What a provider does, where its webhooks and answers are tried (test_webhooks.py).
OF_PROVIDERS = {"deposit.reject", "deposit.seen", "payout.dead", "provider.unclear"}


@pytest.fixture
def ann(lasting_things, settings):
    # Her rows stay until the module's end: tests that count all records come before.
    settings.ZAVORA_FAUCET = True
    return deepcopy(lasting_things["ann"])


def test_every_act_is_either_of_a_change_or_of_what_had_nothing_before_it():
    named = {name.split()[0] for name in EVERY_OWN_ACT | OPERATORS_ACTS}
    assert named | OF_MARKETS | OF_ASSETS | ELSEWHERE | OF_PROVIDERS | {"user.let_in"} == set(ACTS)


@pytest.mark.parametrize("name", EVERY_OWN_ACT | OPERATORS_ACTS)
def test_what_changes_something_says_what_was_and_what_is_now(ann, name):
    by = customer(ann.user) if name in EVERY_OWN_ACT else SYSTEM
    known = set(AuditRecord.objects.values_list("pk", flat=True))

    (OPERATORS_ACTS | EVERY_OWN_ACT)[name](by, ann)

    (record,) = AuditRecord.objects.exclude(pk__in=known)
    if record.act in WITHOUT_BEFORE:
        assert "was" not in record.details
    else:
        assert record.details["was"] != record.details["now"]
        assert isinstance(record.details["was"], dict)
        assert isinstance(record.details["now"], dict)
