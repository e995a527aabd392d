"""Rows that have served their time go, the others stay."""

from datetime import timedelta

import pytest

from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)


def test_purging_takes_old_rows_only(bench: Bench) -> None:
    from django.utils import timezone

    from matching.models import Event, OrderKey
    from matching.orders import services

    market = bench.market()
    bench.apply(bench.order(0, market, "buy 1 @ 100", key="order:a"))
    bench.apply(bench.order(0, market, "buy 1 @ 100", key="order:b"))
    now = timezone.now()
    Event.objects.update(batch_at=now)
    OrderKey.objects.update(created_at=now)
    Event.objects.filter(sequence__lte=2).update(batch_at=now - timedelta(days=2))
    OrderKey.objects.filter(key="order:a").update(created_at=now - timedelta(days=31))

    assert (services.purge_events(by=SYSTEM), services.purge_order_keys(by=SYSTEM)) == (2, 1)
    assert (services.purge_events(by=SYSTEM), services.purge_order_keys(by=SYSTEM)) == (0, 0)
    assert list(Event.objects.values_list("sequence", flat=True)) == [3]
    assert list(OrderKey.objects.values_list("key", flat=True)) == ["order:b"]


def test_rows_that_cannot_be_purged_stop_no_others(bench: Bench) -> None:
    from django.db import connection
    from django.utils import timezone

    from matching.models import OrderKey
    from matching.tasks import purge

    market = bench.market()
    bench.apply(bench.order(0, market, "buy 1 @ 100", key="order:a"))
    OrderKey.objects.update(created_at=timezone.now() - timedelta(days=31))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_event RENAME TO matching_event_away")
    try:
        with pytest.raises(RuntimeError, match="not everything"):
            purge()
        assert not OrderKey.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE matching_event_away RENAME TO matching_event")
