"""Files of all that is known of a person: asked for by them, or by an operator in their name."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.rights import is_privileged
from accounts.approval_rows import moment
from accounts.audit import checked_reason, record_act
from accounts.models import Report, User
from accounts.people.locks import lock_user
from accounts.reports.services import OPEN_STATES
from zavora.foundation.errors import Conflict, Forbidden, NotFound, RateLimited

OF_A_DAY_MAX: Final = 3
LISTED_MAX: Final = 10
_PERSONAL: Final = {"kind": Report.Kind.PERSONAL, "format": Report.Format.ZIP}


@transaction.atomic(durable=True)
def request_own_data(*, by: Actor, now: datetime | None = None) -> Report:
    """Ask for all that is known of oneself; while that is being made the same again is the same.

    Raises Forbidden for all who are at no session, NotFound for who is shut out, or RateLimited
    after ``OF_A_DAY_MAX`` in a day.
    """
    if by.user_id is None or by.kind is not ActorKind.USER:
        raise Forbidden("only people at a session ask for what is known of them")
    return _request(by, lock_user(by.user_id), moment(now))


@transaction.atomic(durable=True)
def request_data_of(*, by: Actor, user_id: int, reason: str, now: datetime | None = None) -> Report:
    """Ask in somebody's name for all that is known of them: they find the file at their pages.

    Raises Forbidden (about staff for who is no superuser), NotFound, ValidationFailed without a
    reason, or RateLimited.
    """
    by.require(Permission.EXPORT_PERSON)
    reason = checked_reason(reason)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="export data")
    return _request(by, user, moment(now), reason=reason)


def _request(by: Actor, user: User, now: datetime, *, reason: str = "") -> Report:
    if not user.is_active:
        raise NotFound("the user is shut out")
    of_person = Report.objects.filter(person=user, **_PERSONAL)
    waiting = of_person.filter(state__in=OPEN_STATES).first()
    if waiting is not None:
        return waiting
    if of_person.filter(created_at__gt=now - timedelta(days=1)).count() >= OF_A_DAY_MAX:
        raise RateLimited(
            f"at most {OF_A_DAY_MAX} files of a person's data are made in a day",
            retry_after=3_600, limit=OF_A_DAY_MAX,
        )  # fmt: skip
    report = Report.objects.create(
        person=user, asked_by_id=by.user_id, created_at=now, period_to=now,
        period_from=min(user.created_at, now - timedelta(seconds=1)), **_PERSONAL,
    )  # fmt: skip
    record_act(
        by, "report.request", f"user:{user.pk}", reason=reason, report=str(report.pk),
        kind=str(Report.Kind.PERSONAL),
    )  # fmt: skip
    return report


def list_exports(user_id: int) -> list[Report]:
    """Return the newest files of a person's data, with those that are being made."""
    reports = Report.objects.filter(person=user_id, **_PERSONAL)
    return list(reports.order_by("-pk")[:LISTED_MAX])


def get_own_export(user_id: int, report_id: int) -> Report:
    """Return a finished file of a person; raise NotFound, or Conflict where it is none yet."""
    report = Report.objects.filter(pk=report_id, person=user_id, **_PERSONAL).first()
    if report is None:
        raise NotFound("There is no such file.")
    if report.state != Report.State.DONE:
        raise Conflict(f"The file is {report.state}.", state=report.state)
    return report
