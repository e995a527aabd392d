"""Reading the newest rows month by month is the same as reading them all, with less to look at."""

from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.models import Trade
from zavora.foundation.partitions.newest import newest_rows
from zavora.foundation.time_ids import first_id_of
from zavora.foundation.times import now_ms

DAY_MS = 86_400_000
MARKET = 1_000_001
_INSERT = """
INSERT INTO matching_trade (id, market_id, sequence, run_sequence, price, quantity, amount,
    taker_side, maker_order_id, taker_order_id, maker_account_id, taker_account_id, maker_fee,
    taker_fee, created_at)
VALUES (%s, %s, %s, %s, 100, 1, 100, 'buy', 1, 2, 1, 2, 0, 0, zavora_time_of(%s))
"""


def _trades_of(days: list[int]) -> list[int]:
    """Write a trade of each of so many days ago; return their ids, the highest first."""
    ids = [first_id_of(now_ms() - day * DAY_MS) - number for number, day in enumerate(days)]
    with connection.cursor() as cursor:
        cursor.executemany(
            _INSERT, [(id_, MARKET, n, n, id_) for n, id_ in enumerate(sorted(ids), start=1)]
        )
    return sorted(ids, reverse=True)


def _found(below: int | None, limit: int) -> list[int]:
    rows = Trade.objects.filter(market_id=MARKET)
    return [row.pk for row in newest_rows(rows, below=below, limit=limit)]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_reading_all_of_them_finds(seed: int) -> None:
    random = Random(seed)
    ids = _trades_of([random.randrange(120) for _ in range(60)])
    for below in (None, *random.sample(ids, 10), ids[-1], ids[0] + 1):
        for limit in (1, 7, 59, 60, 61):
            expected = [id_ for id_ in ids if below is None or id_ < below][:limit]
            assert _found(below, limit) == expected


@pytest.mark.django_db
def test_older_months_are_asked_only_where_rows_are_missing() -> None:
    ids = _trades_of([1, 2, 3, 40, 41])
    with CaptureQueriesContext(connection) as asked:
        assert _found(None, 3) == ids[:3]
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        assert _found(None, 4) == ids[:4]
    assert len(asked) == 2
    with CaptureQueriesContext(connection) as asked:
        assert _found(ids[2], 2) == ids[3:]
    assert len(asked) == 2
