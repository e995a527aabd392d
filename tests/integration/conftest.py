"""What tests on the real database share."""

import contextlib
from collections.abc import Iterator
from typing import Final

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase

from tests.exchange import NotInTime, wait_until
from zavora.foundation import lasting

# Look-ups in threads end a moment after the test that began them.
QUIET_WAIT_S: Final = 10.0
BUSY: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""
# What belongs to the tables themselves, and is the same for every test.
KEPT: Final = frozenset({"django_content_type", "django_migrations", "auth_permission"})


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> Iterator[None]:
    """Test on the database of the run's own servers, whose tables are made and empty.

    It is emptied between tests by deleting rows where there are some: Django truncates all tables
    and makes the permissions anew, which took longer than most tests.
    """
    empty = TransactionTestCase._fixture_teardown

    def empty_once_quiet(self: TransactionTestCase) -> None:
        # Emptying takes the tables in another order than a look-up does: they could deadlock.
        with contextlib.suppress(NotInTime):
            wait_until(_is_quiet, timeout_s=QUIET_WAIT_S, what="the end of all look-ups")
        _empty()

    TransactionTestCase._fixture_teardown = empty_once_quiet
    yield
    TransactionTestCase._fixture_teardown = empty
    lasting.close()


def _empty() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        names = set(connection.introspection.table_names(cursor)) - KEPT
        cursor.execute(
            " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in names)
        )
        filled = [name for (name,) in cursor.fetchall()]
        # No trigger keeps rows from being deleted here, and no key asks for an order.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in filled:
            cursor.execute(f"DELETE FROM {name}")


def _is_quiet() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BUSY)
        return cursor.fetchone() == (0,)
