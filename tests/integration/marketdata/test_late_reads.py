"""When a replica is not even asked."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from zavora.foundation.growth_settings import REPLICA
from zavora.foundation.late_reads import counts, is_past, read_past

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_replica() -> Iterator[None]:
    """A replica's URL that leads to the primary."""
    connections.settings[REPLICA] = dict(connections.settings["default"])
    assert settings.DATABASES[REPLICA]["NAME"]
    try:
        yield
    finally:
        del connections.settings[REPLICA]


def whose(*, using: str) -> str:
    return using


def test_inside_a_transaction_the_primary_answers_and_nobody_else_is_asked(no_replica) -> None:
    before = counts()
    with transaction.atomic():
        assert read_past(whose) == "default"
    assert counts() == before


def test_without_one_nothing_is_counted() -> None:
    before = counts()
    assert read_past(whose) == "default"
    assert counts() == before


def test_what_may_still_change_is_not_past() -> None:
    now = timezone.now()
    assert is_past(now - timedelta(seconds=2 * settings.ZAVORA_REPLICA_LAG_S + 1))
    assert not is_past(now - timedelta(seconds=settings.ZAVORA_REPLICA_LAG_S))
    assert not is_past(now)
    assert not is_past(None)
