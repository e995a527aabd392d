"""Two at once: a report is made by one of them and asked for once, and limits are not passed."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.models import AuditRecord, Report
from accounts.people.locks import lock_user
from accounts.reports.services import OPEN_MAX, take_report
from accounts.services import ensure_user
from tests.actors import SYSTEM
from tests.integration.accounts.test_races import (
    WAIT_S,
    Thread,
    run_together,
    wait_until_blocked,
)
from tests.integration.reports.past import BEGIN, END, ask
from zavora.foundation.errors import RateLimited

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann():
    return ensure_user(by=SYSTEM, email="ann@example.com").accounts.get()


def test_without_the_lock_both_would_make_it(ann):
    """The control: read, then write, as a careless worker would; both hold the first attempt."""
    ask(ann)
    both_have_read = threading.Barrier(2, timeout=WAIT_S)

    def careless():
        with transaction.atomic():
            report = Report.objects.get(state="pending")
            both_have_read.wait()
            report.attempt, report.state = report.attempt + 1, "making"
            report.save()
            return report.attempt

    assert [thread.result for thread in run_together(careless, careless)] == [1, 1]


def test_one_of_four_workers_makes_it(ann):
    report = ask(ann)
    with transaction.atomic():
        Report.objects.select_for_update().get(pk=report.pk)
        (other,) = run_together(lambda: take_report(by=SYSTEM))
        assert (other.result, other.error) == (None, None)  # it does not wait

    threads = run_together(*[lambda: take_report(by=SYSTEM)] * 4)
    assert [thread.error for thread in threads] == [None] * 4
    taken = [thread.result for thread in threads if thread.result is not None]
    assert [(attempt.report.pk, attempt.number) for attempt in taken] == [(report.pk, 1)]


def test_asked_for_twice_at_once_it_is_one_report(ann):
    with transaction.atomic():
        lock_user(ann.owner_id)
        threads = [Thread(lambda: ask(ann)) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until_blocked(2)
    for thread in threads:
        thread.join(WAIT_S)

    assert len({thread.result.pk for thread in threads}) == 1
    assert AuditRecord.objects.filter(act="report.request").count() == 1


def test_the_last_place_goes_to_one_of_two(ann):
    for day in range(OPEN_MAX - 1):
        ask(ann, period_from=BEGIN + timedelta(days=day))
    threads = run_together(
        lambda: ask(ann, period_from=END - timedelta(days=1)),
        lambda: ask(ann, period_from=END - timedelta(days=2)),
    )

    assert [type(thread.error) for thread in threads if thread.error] == [RateLimited]
    assert Report.objects.count() == OPEN_MAX
