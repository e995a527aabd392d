"""The page of reports: of one's own accounts, whole days, refusals at their fields."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from accounts.models import Report
from tests.integration.reports.past import made


def form(account, **more):
    asked = {"account": account.public_id, "kind": "statement", "format": "csv"}
    return {**asked, "first": "2025-10-01", "last": "2025-10-31", **more}


def test_days_are_whole_and_the_last_one_is_in(account, client):
    client.force_login(account.owner)
    answer = client.post("/account/statements", form(account))

    assert (answer.status_code, answer["Location"]) == (302, "/account/statements")
    report = Report.objects.get()
    assert (report.account, report.asked_by) == (account, account.owner)
    assert report.period_from == datetime(2025, 10, 1, tzinfo=UTC)
    assert report.period_to == datetime(2025, 11, 1, tzinfo=UTC)
    page = client.get("/account/statements").content.decode()
    assert "2025-10-01 – 2025-10-31" in page
    assert "Pending" in page
    made(report)
    link = f"/api/v1/accounts/{account.public_id}/reports/{report.pk}/download"
    assert link in client.get("/account/statements").content.decode()


def test_a_refusal_stands_at_its_field(account, client):
    client.force_login(account.owner)
    tomorrow = timezone.now().date() + timedelta(days=1)
    answer = client.post(
        "/account/statements", form(account, first=tomorrow.isoformat(), last=tomorrow.isoformat())
    )

    assert answer.status_code == 400
    assert "at least 60 seconds ago" in answer.content.decode()
    assert not Report.objects.exists()
