"""What services refuse about reports and published liabilities."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, Final

from django.utils import timezone

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from tests.actors import SYSTEM, customer
from tests.rules.refusing import NOT_SUPERUSER, Call, Things, all_but, key

# Of a report that nobody asked for.
NO_ATTEMPT: Final = SimpleNamespace(report=SimpleNamespace(pk=0), number=1)


def _report(by: Actor, things: Things, **more: Any) -> object:
    asked = {
        "account_id": things.account, "kind": "statement", "format": "csv",
        "period_from": datetime(2025, 1, 1, tzinfo=UTC),
        "period_to": datetime(2025, 2, 1, tzinfo=UTC), **more,
    }  # fmt: skip
    return accounts.request_report(by=by, **asked)


REFUSED_REPORTS: Final[Mapping[str, tuple[Call, ...]]] = {
    "request_report": (
        lambda ann, bob: _report(customer(bob.user), ann),
        lambda ann, bob: _report(key(ann, "trade", "withdraw"), ann),
        lambda ann, bob: _report(key(ann, "read", only_account=bob.account_pk), ann),
        lambda ann, bob: _report(NOT_SUPERUSER, ann),
        lambda ann, bob: _report(customer(ann.user), ann, kind="daily"),
        lambda ann, bob: _report(customer(ann.user), ann, period_to=timezone.now()),
    ),
    "request_daily_report": (
        lambda ann, bob: accounts.request_daily_report(by=NOT_SUPERUSER, day=date(2025, 1, 1)),
        lambda ann, bob: accounts.request_daily_report(by=SYSTEM, day=date(2525, 1, 1)),
    ),
    "take_report": (lambda ann, bob: accounts.take_report(by=NOT_SUPERUSER),),
    "append_part": (
        lambda ann, bob: accounts.append_part(
            by=NOT_SUPERUSER, attempt=NO_ATTEMPT, body=b"more", progress=1
        ),
    ),
    "finish_report": (
        lambda ann, bob: accounts.finish_report(
            by=NOT_SUPERUSER, attempt=NO_ATTEMPT, digest="0" * 64
        ),
    ),
    "fail_report": (
        lambda ann, bob: accounts.fail_report(by=NOT_SUPERUSER, attempt=NO_ATTEMPT, note="no"),
    ),
    "note_status": (
        lambda ann, bob: accounts.note_status(by=NOT_SUPERUSER, troubles={"matching": "down"}),
        lambda ann, bob: accounts.note_status(by=customer(ann.user), troubles={}),
    ),
    "purge_reports": (lambda ann, bob: accounts.purge_reports(by=NOT_SUPERUSER),),
    "export_report": (
        lambda ann, bob: accounts.export_report(by=all_but(Permission.EXPORT_REPORT), report_id=1),
        lambda ann, bob: accounts.export_report(by=customer(ann.user), report_id=1),
        lambda ann, bob: accounts.export_report(by=SYSTEM, report_id=1),
    ),
    "publish_liabilities": (
        lambda ann, bob: accounts.publish_liabilities(by=NOT_SUPERUSER),
        lambda ann, bob: accounts.publish_liabilities(by=customer(ann.user)),
    ),
}
