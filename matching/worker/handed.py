"""A market that another shard let go to this one, read from the tables before it is adopted."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import IsolationLevel

from matching.markets.handing import HandedOver
from matching.rows.handovers import list_shards_lately, read_handover
from matching.rows.markets import HANDED_MARKET, terms_of
from matching.worker.messages import read_counts, window_began_us
from matching.worker.rebuild import PART_MAX_MS, read_assets, read_market
from zavora.foundation.times import moment_of


def read_handed(
    connection: "psycopg.Connection[Any]",
    shard_id: int,
    handover_id: int,
    keep_lease: Callable[[], None],
) -> HandedOver | None:
    """Return a market that waits to be adopted, from the tables; None: it does not wait.

    Nobody changes it while it waits, so that no lock is needed. Raises InvariantBroken, NotExact
    and ZavoraError where it cannot be read.
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {PART_MAX_MS}")
            cursor.execute(HANDED_MARKET, (shard_id, handover_id))
            row = cursor.fetchone()
            stored = read_handover(cursor, handover_id, with_orders=False)
            if row is None or stored is None:
                return None
            handed = stored.handed
            handed.terms = terms_of(row, read_assets(cursor))
            read = read_market(cursor, handed.terms, keep_lease)
            handed.snapshot, handed.orders, handed.event_sequence = read
            began = moment_of(window_began_us(handed.released_us)).isoformat()
            shard_ids = list_shards_lately(cursor, handed.market_id, began)
            terms = {handed.market_id: handed.terms}
            counts = read_counts(cursor, shard_ids, terms, handed.released_us)
            handed.messages = counts.of_market(handed.market_id)
            return handed
    finally:
        connection.isolation_level = None
