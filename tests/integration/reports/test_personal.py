"""All that is known of a person: what is in the file, whose it is, and who may have it made."""

import io
import json
import zipfile

import pytest
from django.test import Client
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import AuditRecord, LedgerEntry, Note, Report, User
from accounts.reports.personal import ROWS_MAX, list_own_accounts, list_sections
from accounts.services import (
    create_token,
    export_report,
    request_data_of,
    request_own_data,
    request_report,
    save_preferences,
)
from matching.models import Order, Trade
from tests.actors import SYSTEM, customer, operator
from tests.approving import approver
from tests.factors import add_app, confirm
from tests.integration.reports.past import BEGIN, END, file_of, made
from zavora.foundation.errors import Conflict, Forbidden, RateLimited
from zavora.reports.personal import personal_file

SECRETS = ("password", "secret", "lookup", "argon2", "session_key", "used_step")


def lines_of(report):
    """Return what stands in each file of the archive."""
    with zipfile.ZipFile(io.BytesIO(file_of(report))) as archive:
        assert archive.testzip() is None
        return {
            name.removesuffix(".jsonl"): [
                json.loads(line) for line in archive.read(name).decode().splitlines()
            ]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }


def test_all_of_a_person_is_in_it_and_nothing_of_others(past):
    ann, bob = past.ann, past.bob
    add_app(ann.owner)
    create_token(by=SYSTEM, user_id=ann.owner_id, scopes=["read"], label="bot")
    Note.objects.create(user=ann.owner, author=ann.owner, text="what the desk thinks")
    save_preferences(by=customer(ann.owner), document={"favourites": ["BTC/USD"]})
    save_preferences(by=customer(bob.owner), document={"layouts": [{"name": "of bob"}]})
    report = made(request_own_data(by=customer(ann.owner)))

    assert (report.state, report.progress, report.note) == ("done", 100, "")
    found = lines_of(report)
    assert found["profile"][0]["email"] == "ann@example.com"
    assert found["accounts"][0]["public_id"] == str(ann.public_id)
    assert {row["asset"]: row["available"] for row in found["balances"]} == {
        balance.asset.code: f"{balance.available}" for balance in ann.balances.all()
    }
    entries = LedgerEntry.objects.filter(account=ann).order_by("pk")
    assert [row["id"] for row in found["ledger_entries"]] == [one.pk for one in entries]
    orders = Order.objects.filter(account=ann).order_by("-pk")
    assert [row["id"] for row in found["orders"]] == [one.pk for one in orders]
    fills = Trade.objects.filter(maker_account=ann) | Trade.objects.filter(taker_account=ann)
    assert [row["trade_id"] for row in found["fills"]] == sorted(one.pk for one in fills)
    assert (len(found["keys"]), found["second_factors"][0]["type"]) == (1, "totp")
    (chosen,) = found["preferences"]
    assert (chosen["version"], chosen["document"]["favourites"]) == (1, ["BTC/USD"])
    assert {row["act"] for row in found["records"]} >= {"key.create", "user.add_factor"}
    text = json.dumps(found)
    assert not [word for word in SECRETS if f'"{word}' in text]
    assert "what the desk thinks" not in text
    for other in (bob.owner.email, str(bob.public_id), "of bob"):
        assert other not in text


def test_it_is_made_page_by_page(past):
    past.trade_at_random(400, batch=400)
    accounts = list_own_accounts(past.ann.owner_id)
    (ledger,) = (
        one for one in list_sections(past.ann.owner_id, accounts) if one.name == "ledger_entries"
    )
    pages = [len(page) for page in ledger.pages()]
    assert (len(pages) > 1, max(pages)) == (True, ROWS_MAX)
    assert sum(pages) == LedgerEntry.objects.filter(account=past.ann).count()
    # What was written is given away before the next page is read.
    parts = [len(body) for body, _ in personal_file(past.ann.owner_id, timezone.now())]
    assert sum(one > 0 for one in parts) > len(pages)


def test_a_person_asks_at_their_page_and_downloads_what_is_theirs(account):
    ann, user = Client(), account.owner
    ann.force_login(user)
    asked = ann.post("/account/data")
    assert (asked.status_code, asked["Location"]) == (
        302,
        "/account/confirm?next=%2Faccount%2Fdata",
    )
    assert not Report.objects.exists()
    confirm(ann, user)
    assert ann.post("/account/data")["Location"] == "/account/data"
    report = Report.objects.get()
    path = f"/account/data/{report.pk}/download"
    assert ann.get(path)["Location"] == "/account/data"  # it is not made yet
    made(report)
    assert path in ann.get("/account/data").content.decode()

    answer = ann.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer["Content-Length"] == str(report.size or len(file_of(report)))
    assert answer.read_part(0) == file_of(report)[: len(answer.read_part(0))]
    session = ann.session
    del session["account_authentication_methods"]
    session.save()
    assert ann.get(path)["Location"].startswith("/account/confirm")

    bob = Client()
    other = User.objects.create_user("bob@example.com")
    bob.force_login(other)
    confirm(bob, other)
    assert bob.get(path)["Location"] == "/account/data"


def test_few_files_are_made_of_one_person(account):
    by = customer(account.owner)
    first = request_own_data(by=by)
    assert request_own_data(by=by).pk == first.pk
    for _ in range(2):
        made(Report.objects.latest("pk"))
        request_own_data(by=by)
    made(Report.objects.latest("pk"))
    with pytest.raises(RateLimited):
        request_own_data(by=by)


def test_it_is_kept_for_its_own_time(account, settings):
    settings.ZAVORA_KEEP_EXPORTS_DAYS = 2
    report = made(request_own_data(by=customer(account.owner)))
    assert (report.expires_at - report.finished_at).days == 2


def test_an_operator_has_it_made_and_hands_it_over_on_record(account):
    clerk = approver("clerk", Permission.EXPORT_PERSON)
    report = made(request_data_of(by=clerk, user_id=account.owner_id, reason="by letter"))
    assert (report.person_id, report.asked_by_id) == (account.owner_id, clerk.user_id)

    assert export_report(by=clerk, report_id=report.pk) == report

    asked, exported = AuditRecord.objects.filter(act__startswith="report.").order_by("pk")
    assert (asked.subject, asked.reason) == (f"user:{account.owner_id}", "by letter")
    assert (exported.act, exported.subject) == ("report.export", f"user:{account.owner_id}")
    for refused in (operator(Permission.EXPORT_REPORT), customer(account.owner)):
        with pytest.raises(Forbidden):
            export_report(by=refused, report_id=report.pk)
    period = {"period_from": BEGIN, "period_to": END}
    statement = request_report(
        by=SYSTEM, account_id=account.public_id, kind="statement", format="csv", **period
    )
    with pytest.raises(Forbidden):
        export_report(by=clerk, report_id=statement.pk)
    daily = Report.objects.create(kind="daily", format="csv", **period)
    with pytest.raises(Forbidden):  # neither permission is worth the other
        export_report(by=clerk, report_id=daily.pk)
    with pytest.raises(Conflict):
        export_report(by=operator(Permission.EXPORT_REPORT), report_id=daily.pk)
