"""What tests on the real database share."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from zavora import lasting


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let the test database be emptied between tests: TRUNCATE alone, nothing else, is allowed."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, trigger in (
            ("ledgertransaction", "ledger_transaction"),
            ("ledgerentry", "ledger_entry"),
            ("auditrecord", "audit_record"),
        ):
            cursor.execute(f"ALTER TABLE accounts_{table} DISABLE TRIGGER {trigger}_no_truncate")
    yield
    lasting.close()
