"""What tests on the real database share."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.db import connection
from django.test import TransactionTestCase

from tests.exchange import NotInTime, wait_until
from zavora.foundation import lasting

# Look-ups in threads end a moment after the test that began them.
QUIET_WAIT_S: Final = 10.0
BUSY: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let the test database be emptied between tests: TRUNCATE alone, nothing else, is allowed."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, trigger in (
            ("ledgertransaction", "ledger_transaction"),
            ("ledgerentry", "ledger_entry"),
            ("auditrecord", "audit_record"),
            ("auditlink", "audit_link"),
            ("transfer", "transfer"),
            ("note", "note"),
        ):
            cursor.execute(f"ALTER TABLE accounts_{table} DISABLE TRIGGER {trigger}_no_truncate")
    empty = TransactionTestCase._fixture_teardown

    def empty_once_quiet(self: TransactionTestCase) -> None:
        # Emptying takes the tables in another order than a look-up does: they could deadlock.
        with contextlib.suppress(NotInTime):
            wait_until(_is_quiet, timeout_s=QUIET_WAIT_S, what="the end of all look-ups")
        empty(self)

    TransactionTestCase._fixture_teardown = empty_once_quiet
    yield
    TransactionTestCase._fixture_teardown = empty
    lasting.close()


def _is_quiet() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BUSY)
        return cursor.fetchone() == (0,)
