"""Tables split by months of the past: what only an exchange of years would have."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

PARENTS = (
    "accounts_ledgertransaction", "accounts_ledgerentry", "matching_command", "matching_order",
    "matching_trade", "matching_event",
)  # fmt: skip
# The months from this one on, up to now and three more.
FIRST_MONTH = "2025-09-01"
# Takes the first month; psycopg and Django alike.
MAKE_SQL = """
DO $$
DECLARE
    spec record;
    low timestamptz;
    step interval;
BEGIN
    FOR spec IN SELECT * FROM zavora_partitioned() LOOP
        step := ('1 ' || spec.period)::interval;
        low := %s::timestamptz;
        IF spec.period = 'day' THEN
            low := greatest(low, date_trunc('day', now() - interval '3 days'));
        END IF;
        PERFORM zavora_make_partition_alone(spec.parent, spec.parent || '_first', NULL,
            zavora_first_id_of(low));
        EXECUTE format('ALTER TABLE %%I ATTACH PARTITION %%I FOR VALUES FROM (MINVALUE) TO (%%L)',
            spec.parent, spec.parent || '_first', zavora_first_id_of(low));
        WHILE low < now() + 3 * step LOOP
            PERFORM zavora_make_partition(spec.parent, zavora_first_id_of(low),
                zavora_first_id_of(low + step));
            low := low + step;
        END LOOP;
    END LOOP;
END $$
"""


def _drop_all() -> None:
    from zavora.foundation.partitions.selectors import list_partitions

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM zavora_archived")
        for partition in list_partitions(cursor):
            cursor.execute(f"DROP TABLE {partition.name}")


@contextmanager
def months_since(first: str = FIRST_MONTH) -> Iterator[None]:
    """Split all tables by months since ``first``; afterwards they are empty, and as they were."""
    _drop_all()
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(MAKE_SQL, [first])
    try:
        yield
    finally:
        _drop_all()
        with connection.cursor() as cursor:
            cursor.execute(MAKE_SQL, ["2090-01-01"])
