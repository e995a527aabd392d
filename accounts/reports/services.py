"""What is done about reports: asked for, taken up, written part by part, finished, thrown away.

The tables hold the truth: whoever makes reports looks for what is open, holds it by a lease and
writes each part in a transaction that asks whether the attempt is still theirs. One who dies leaves
nothing that has to be undone; the report is taken up again from its beginning, and as its period
has ended, it comes out the same (docs/adr/0025-reports.md).
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.access.callers import SCOPE_READ
from accounts.access.rights import is_privileged, require_reach
from accounts.audit import record_act
from accounts.models import Account, Report, ReportPart
from accounts.people.locks import lock_user
from accounts.people.selectors import get_account
from zavora.foundation.errors import (
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from zavora.foundation.partitions.selectors import kept_since
from zavora.foundation.setting_values import SettingValue

# An entry is in the tables this long after its time at the latest: a batch that takes longer has
# lost its lease. So a period that ended before that never changes any more.
SETTLED_AFTER: Final = timedelta(seconds=60)
PERIOD_MAX: Final = timedelta(days=367)
# Reports of one person that wait or are being made, and how many they may ask for in a day.
OPEN_MAX: Final = 3
OF_A_DAY_MAX: Final = 50
RETRY_AFTER_S: Final = 30
# What all files of a person may take together before they can ask for another one.
KEPT_BYTES_MAX: Final = 1_073_741_824
# Whoever makes a report renews this with each part.
LEASE: Final = timedelta(seconds=60)
# A report that ended the process so often is not tried again.
ATTEMPTS_MAX: Final = 3
NOTE_LENGTH_MAX: Final = 200
PURGE_MAX: Final = 500
EXPORTS_DAYS: Final = SettingValue("ZAVORA_KEEP_EXPORTS_DAYS")
_REPORTS_DAYS: Final = SettingValue("ZAVORA_REPORTS_KEPT_DAYS")
KINDS_OF_ACCOUNTS: Final = (Report.Kind.STATEMENT, Report.Kind.TRADES)
OPEN_STATES: Final = (Report.State.PENDING, Report.State.MAKING)

log = structlog.get_logger(__name__)


class AttemptLost(Exception):
    """Somebody else makes this report now, or it is gone; whatever was to be written was not."""


class Attempt(msgspec.Struct):
    """A report that is being made, by whoever holds this. The figures grow with each part."""

    report: Report
    number: int
    parts: int = 0
    size: int = 0


@transaction.atomic(durable=True)
def request_report(
    *,
    by: Actor,
    account_id: UUID,
    kind: str,
    format: str,  # noqa: A002 - the word of the API
    period_from: datetime,
    period_to: datetime | None = None,
) -> Report:
    """Ask for a report about an account that one reaches; without ``period_to`` until a minute ago.

    The same again gives the same report, unless that failed. Raises Forbidden (without the scope),
    AccountNotFound (for somebody else's, too), ValidationFailed or RateLimited; then nothing was
    written.
    """
    by.require_scope(SCOPE_READ)
    now = timezone.now()
    period_to = period_to or (now - SETTLED_AFTER).replace(microsecond=0)
    _check_words(kind, format)
    _check_period(period_from, period_to, now)
    account = get_account(account_id)
    require_reach(by, account, SCOPE_READ, what="ask for reports of others")
    _check_kept(account, kind, period_from)
    if account.owner_id is not None:
        # Of two requests at once one waits here, and then finds the other's row.
        lock_user(account.owner_id)
    asked = Report.objects.filter(
        account=account, kind=kind, format=format, period_from=period_from, period_to=period_to
    )
    earlier = asked.exclude(state=Report.State.FAILED).first()
    if earlier is not None:
        return earlier
    _check_counts(account, now)
    report = Report.objects.create(
        account=account, asked_by_id=by.user_id, kind=kind, format=format,
        period_from=period_from, period_to=period_to, created_at=now,
    )  # fmt: skip
    record_act(
        by, "report.request", f"account:{account.public_id}", report=str(report.pk), kind=kind,
        format=format, period_from=period_from.isoformat(), period_to=period_to.isoformat(),
    )  # fmt: skip
    return report


@transaction.atomic(durable=True)
def request_daily_report(*, by: Actor, day: date) -> Report:
    """Ask for the report of the whole exchange about a day (UTC) that has ended; again is fine.

    Raises Forbidden for everybody but the exchange itself and superusers, or ValidationFailed.
    """
    by.require_everything("make reports of the whole exchange")
    begin = datetime.combine(day, time.min, UTC)
    end = begin + timedelta(days=1)
    _check_period(begin, end, timezone.now())
    report, made = Report.objects.exclude(state=Report.State.FAILED).get_or_create(
        account=None, kind=Report.Kind.DAILY, format=Report.Format.CSV,
        period_from=begin, period_to=end,
    )  # fmt: skip
    if made:
        record_act(by, "report.request", f"report:{report.pk}", day=day.isoformat())
    return report


@transaction.atomic(durable=True)
def take_report(*, by: Actor) -> Attempt | None:
    """Take up the oldest report that nobody is making; None where there is none.

    What an earlier attempt left of it is thrown away. One that ended so many attempts that it is
    not tried again fails, and None is returned, too. Raises Forbidden.
    """
    by.require_everything("make reports")
    now = timezone.now()
    is_left = Q(state=Report.State.MAKING, lease_until__lt=now)
    rows = Report.objects.select_for_update(skip_locked=True, of=("self",))
    report = rows.filter(Q(state=Report.State.PENDING) | is_left).order_by("pk").first()
    if report is None:
        return None
    report.parts.all().delete()
    report.attempt += 1
    report.progress = report.size = 0
    if report.attempt > ATTEMPTS_MAX:
        _end(report, Report.State.FAILED, "it could not be made; an operator is told")
        log.critical("report_given_up", report=report.pk, attempts=ATTEMPTS_MAX)
        return None
    report.state = Report.State.MAKING
    report.lease_until = now + LEASE
    report.save(update_fields=["state", "attempt", "progress", "size", "lease_until"])
    return Attempt(report, report.attempt)


@transaction.atomic(durable=True)
def append_part(*, by: Actor, attempt: Attempt, body: bytes, progress: int) -> None:
    """Write the next part of a file, say how far it is (per cent) and renew the lease.

    Raises Forbidden, or AttemptLost where the report is another's by now.
    """
    by.require_everything("make reports")
    changed = _mine(attempt).update(
        progress=min(progress, 99), size=F("size") + len(body), lease_until=timezone.now() + LEASE
    )
    if not changed:
        raise AttemptLost
    if body:
        ReportPart.objects.create(report=attempt.report, number=attempt.parts, body=body)
        attempt.parts += 1
        attempt.size += len(body)


@transaction.atomic(durable=True)
def finish_report(*, by: Actor, attempt: Attempt, digest: str) -> Report:
    """Hand out a file that is whole. Raises Forbidden or AttemptLost."""
    by.require_everything("make reports")
    report = _lock_mine(attempt)
    report.digest = digest
    _end(report, Report.State.DONE, "")
    return report


@transaction.atomic(durable=True)
def fail_report(*, by: Actor, attempt: Attempt, note: str) -> Report:
    """Give a report up, with a reason that its owner reads. Raises Forbidden or AttemptLost."""
    by.require_everything("make reports")
    report = _lock_mine(attempt)
    report.parts.all().delete()
    report.size = 0
    _end(report, Report.State.FAILED, note[:NOTE_LENGTH_MAX])
    return report


@transaction.atomic(durable=True)
def purge_reports(*, by: Actor) -> int:
    """Throw away reports that are past their time, at most ``PURGE_MAX``; return how many.

    Raises Forbidden.
    """
    by.require_everything("throw reports away")
    late = Report.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
    keys = list(late.values_list("pk", flat=True)[:PURGE_MAX])
    Report.objects.filter(pk__in=keys).delete()
    return len(keys)


@transaction.atomic(durable=True)
def export_report(*, by: Actor, report_id: int) -> Report:
    """Return a report of the whole exchange, or of a person, for an operator to hand over.

    On record. Raises Forbidden (without the permission for its kind; for a staff member's data for
    who is no superuser; and for reports of accounts, which are their owners'), NotFound, or
    Conflict where it is not made yet.
    """
    if not by.may(Permission.EXPORT_PERSON):
        by.require(Permission.EXPORT_REPORT)
    report = Report.objects.select_related("person").filter(pk=report_id).first()
    if report is None:
        raise NotFound("no such report")
    if report.kind == Report.Kind.PERSONAL:
        by.require(Permission.EXPORT_PERSON)
        by.require_over(is_privileged=is_privileged(report.person), what="export data")
        about = f"user:{report.person_id}"
    elif report.kind == Report.Kind.DAILY:
        by.require(Permission.EXPORT_REPORT)
        about = f"report:{report.pk}"
    else:
        raise Forbidden("reports of accounts are their owners' to download")
    if report.state != Report.State.DONE:
        raise Conflict(f"the report is {report.state}")
    record_act(
        by, "report.export", about, kind=report.kind, digest=report.digest, report=str(report.pk)
    )
    return report


def _check_words(kind: str, report_format: str) -> None:
    wrong = {}
    if kind not in KINDS_OF_ACCOUNTS:
        wrong["kind"] = "expected one of " + ", ".join(KINDS_OF_ACCOUNTS)
    if report_format not in Report.Format.values:
        wrong["format"] = "expected one of " + ", ".join(Report.Format.values)
    if wrong:
        raise ValidationFailed("there is no such report", **wrong)


def _check_period(begin: datetime, end: datetime, now: datetime) -> None:
    seconds = int(SETTLED_AFTER.total_seconds())
    wrong = {}
    if end > now - SETTLED_AFTER:
        wrong["to"] = f"expected a time at least {seconds} seconds ago"
    if begin >= end:
        wrong["from"] = "expected a time before the end of the period"
    elif end - begin > PERIOD_MAX:
        wrong["from"] = f"expected a period of at most {PERIOD_MAX.days} days"
    if wrong:
        raise ValidationFailed("the period is not as expected", **wrong)


def _check_kept(account: Account, kind: str, begin: datetime) -> None:
    """Refuse what would show less than there was, as months have left for archives."""
    with connection.cursor() as cursor:
        since = kept_since(cursor)
    if since is None:
        return
    if begin < since:
        raise ValidationFailed(
            "what was before is in an archive", **{"from": f"expected {since.isoformat()} or later"}
        )
    if kind == Report.Kind.TRADES and account.created_at < since:
        raise ValidationFailed(
            "gains need all trades, and those of before are in an archive",
            kind=f"expected statement: the account is older than {since.isoformat()}",
        )


def _check_counts(account: Account, now: datetime) -> None:
    of_owner = Report.objects.filter(account__owner=account.owner_id)
    if of_owner.filter(state__in=OPEN_STATES).count() >= OPEN_MAX:
        raise RateLimited(
            f"at most {OPEN_MAX} reports are made for a person at once",
            retry_after=RETRY_AFTER_S, limit=OPEN_MAX,
        )  # fmt: skip
    if of_owner.filter(created_at__gt=now - timedelta(days=1)).count() >= OF_A_DAY_MAX:
        raise RateLimited(
            f"at most {OF_A_DAY_MAX} reports are made for a person in a day",
            retry_after=3_600, limit=OF_A_DAY_MAX,
        )  # fmt: skip
    if (of_owner.aggregate(size=Sum("size"))["size"] or 0) >= KEPT_BYTES_MAX:
        raise RateLimited(
            f"the reports that are kept for a person take {KEPT_BYTES_MAX:,} bytes together",
            retry_after=86_400, limit=KEPT_BYTES_MAX,
        )  # fmt: skip


def _mine(attempt: Attempt) -> QuerySet[Report]:
    """Return the row of an attempt, as long as it is the attempt's."""
    return Report.objects.filter(
        pk=attempt.report.pk, state=Report.State.MAKING, attempt=attempt.number
    )


def _lock_mine(attempt: Attempt) -> Report:
    report = _mine(attempt).select_for_update().first()
    if report is None:
        raise AttemptLost
    return report


def _end(report: Report, state: str, note: str) -> None:
    now = timezone.now()
    report.state, report.note, report.finished_at, report.lease_until = state, note, now, None
    report.progress = 100 if state == Report.State.DONE else report.progress
    days = EXPORTS_DAYS if report.kind == Report.Kind.PERSONAL else _REPORTS_DAYS
    report.expires_at = now + timedelta(days=days.value)
    report.save()
