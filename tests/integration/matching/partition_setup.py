"""An exchange that traded months ago, and what is asked of its tables of months."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection

from tests.integration.matching.conftest import Bench
from tests.integration.months import PARENTS


def _months_ago(count: int) -> tuple[int, int]:
    now = datetime.now(UTC)
    month = now.year * 12 + now.month - 1 - count
    return month // 12, month % 12 + 1


MONTHS = [_months_ago(count) for count in (5, 4, 3)]
FIRST, SECOND, THIRD = (f"{year}{month:02}" for year, month in MONTHS)
ARCHIVED = [table for table in PARENTS if table != "matching_event"]


def trade_in_months(bench: Bench) -> Bench:
    """Trade in three months, and leave nothing open of the first two."""
    market = bench.market()
    for year, month in MONTHS:
        bench.time_us = int(datetime(year, month, 9, tzinfo=UTC).timestamp() * 1e6)
        for _ in range(3):
            bench.apply(bench.order(0, market, "sell 0.2 @ 100"))
            bench.apply(bench.order(1, market, "buy 0.2 @ 100"))
    bench.apply(bench.order(1, market, "buy 1 @ 90"))
    return bench


def name_of(table: str, month: tuple[int, int]) -> str:
    return f"{table}_{month[0]}{month[1]:02}"


def rows_of(table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        return cursor.fetchall()


def partitions(*arguments: object) -> str:
    out = StringIO()
    call_command("partitions", *map(str, arguments), stdout=out)
    return out.getvalue()


def breaks() -> list[str]:
    from matching.reconcile import reconcile

    return [found.text() for found in reconcile()]


def listed() -> list[Any]:
    from zavora.foundation.partitions.selectors import list_partitions

    with connection.cursor() as cursor:
        return list_partitions(cursor)


def let_go(folder: Path, *names: str) -> None:
    for name in names:
        for table in ARCHIVED:
            partitions("detach", f"{table}_{name}")
            partitions("archive", f"{table}_{name}", "--folder", folder, "--drop")
