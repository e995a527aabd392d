"""One exchange of ``benchmarks.partitions`` as its own process sees it, through Django."""

import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

from benchmarks import venue

READS = ("a trade by id", "a market's newest 50", "an account's newest 50")


class Place:
    """Sets an exchange up, reads from it, and moves its months."""

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        django.setup()
        from django.db import connection  # noqa: PLC0415  (needs Django set up)

        self._connection = connection

    def open(self) -> venue.Venue:
        """Open markets and accounts."""
        markets = venue.open_markets(shard_id=0)
        traders = venue.open_accounts()
        venue.fund(traders, markets)
        return venue.Venue(markets, traders)

    def read(self, step: tuple[int, int], trades: int, count: int) -> dict[str, float]:
        """Return the medians of ``READS`` in microseconds, each time of another row."""
        from matching.models import Trade  # noqa: PLC0415  (needs Django set up)
        from matching.orders.by_sequence import list_trades_before  # noqa: PLC0415
        from matching.orders.selectors import list_account_trades  # noqa: PLC0415

        low, width = step
        chosen = random.Random(1)

        def by_id(_: int) -> Any:
            return Trade.objects.get(pk=low + chosen.randrange(trades) * width)

        def of_market(number: int) -> Any:
            return list_trades_before(1_000_001 + number % 20, before_sequence=None, limit=50)

        def of_account(number: int) -> Any:
            return list_account_trades(number % 200, limit=50)

        reads = zip(READS, (by_id, of_market, of_account), strict=True)
        return {name: _median_us(read, count) for name, read in reads}

    # --- months -----------------------------------------------------------------------------------

    def oldest(self, table: str) -> str:
        """Return the oldest partition of a table that holds rows, those before it detached."""
        from zavora.foundation.partitions.selectors import list_partitions  # noqa: PLC0415

        with self._connection.cursor() as cursor:
            first, second, *_ = [p for p in list_partitions(cursor) if p.table == table]
        self.detach(first.name, "")
        return second.name

    def detach(self, name: str, _: str) -> None:
        """Take it off its table."""
        from zavora.foundation.partitions import moving  # noqa: PLC0415

        moving.detach(self._connection, name)

    def attach(self, name: str, _: str) -> None:
        """Give it back."""
        from zavora.foundation.partitions import moving  # noqa: PLC0415

        moving.attach(self._connection, name)

    def archive(self, name: str, folder: str) -> None:
        """Write it, and what was before it, to files."""
        from zavora.foundation.partitions import archive  # noqa: PLC0415

        first = name.rpartition("_")[0] + "_first"
        archive.archive(self._connection, first, Path(folder))
        archive.drop(self._connection, first, Path(folder))
        archive.archive(self._connection, name, Path(folder))

    def drop(self, name: str, folder: str) -> None:
        """Drop it."""
        from zavora.foundation.partitions import archive  # noqa: PLC0415

        archive.drop(self._connection, name, Path(folder))

    def restore(self, name: str, folder: str) -> None:
        """Bring it back from its file."""
        from zavora.foundation.partitions import archive  # noqa: PLC0415

        archive.restore(self._connection, name, Path(folder))


def _median_us(read: Callable[[int], Any], count: int) -> float:
    for number in range(count // 4):
        read(number)
    times = []
    for number in range(count):
        began = time.perf_counter()
        read(number)
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e6, 1)
