"""Tasks of the whole exchange: a sign of life, room for rows to come, and reports.

Beat schedules the sign of life and a worker gives it, so both are seen to work.
"""

from datetime import timedelta
from typing import Final

import structlog
from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts import services
from accounts.access.actor import Actor
from accounts.redis_client import get_redis
from accounts.reports.selectors import days_without_report
from accounts.reports.services import PURGE_MAX, SETTLED_AFTER
from marketdata.health import get_health, troubles_of
from matching.markets.selectors import list_market_phases
from zavora.foundation import kept_figures
from zavora.foundation.metrics import PARTITIONS_AHEAD
from zavora.foundation.partitions import making as making_of_partitions
from zavora.foundation.partitions.selectors import partitions_ahead
from zavora.foundation.queue import CELERY_KEY, CELERY_LIFE_MS
from zavora.foundation.versions import VERSION
from zavora.portfolio.keeping import keep
from zavora.reports import making

log = structlog.get_logger(__name__)

BY: Final = Actor.system("zavora.reports")


@shared_task(name="zavora.show_life")
def show_life() -> None:
    """Renew the key that the health check looks for; it tells of which version celery is."""
    get_redis().set(CELERY_KEY, VERSION, px=CELERY_LIFE_MS)


@shared_task(name="zavora.note_status")
def note_status() -> None:
    """Look at every part, and note what is not as it should be."""
    troubles = troubles_of(get_health(), list_market_phases())
    services.note_status(by=Actor.system("zavora.note_status"), troubles=troubles)


@shared_task(name="zavora.make_partitions")
def make_partitions() -> None:
    """Make the months of tables that are to come, and tell how many there are."""
    made = making_of_partitions.make_partitions(connection)
    if made:
        log.info("partitions_made", names=made)
    for table, count in partitions_ahead().items():
        kept_figures.tell(PARTITIONS_AHEAD, count, table)


@shared_task(name="zavora.make_reports")
def make_reports() -> None:
    """Make what was asked for. The worker has one thread, so it shows its life in between."""
    making.make_reports(after_part=show_life)


@shared_task(name="zavora.ask_daily_report")
def ask_daily_report() -> None:
    """Ask for the report of yesterday, once it has settled, and of days that were missed."""
    newest = (timezone.now() - SETTLED_AFTER - timedelta(days=1)).date()
    for day in days_without_report(newest):
        services.request_daily_report(by=BY, day=day)


@shared_task(name="zavora.purge_reports")
def purge_reports() -> None:
    """Throw away what is past its time, some at once, until nothing is."""
    while services.purge_reports(by=BY) == PURGE_MAX:
        show_life()


@shared_task(name="zavora.keep_portfolios")
def keep_portfolios() -> None:
    """Count the portfolios forward that somebody looks at; may run twice."""
    keep(after_page=show_life)
