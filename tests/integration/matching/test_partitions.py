"""Tables of months: what a partition refuses, which are read, how they leave and return."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench
from tests.integration.matching.partition_setup import (
    MONTHS,
    breaks,
    listed,
    name_of,
)
from tests.integration.months import PARENTS

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER = ("accounts_ledgertransaction", "accounts_ledgerentry")


# --- what a partition refuses -------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'fee'", "DELETE FROM {}"])
def test_no_partition_of_the_ledger_can_be_changed(years: Bench, statement: str) -> None:
    names = [part.name for part in listed() if part.table in LEDGER]
    assert len(names) > 2 * 8
    for name in names:
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(statement.format(name))


def test_no_partition_of_the_ledger_can_be_emptied(years: Bench) -> None:
    for part in listed():
        if part.table in LEDGER:
            trigger = part.table.replace("accounts_ledger", "ledger_") + "_no_truncate"
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {part.name} ENABLE TRIGGER {trigger}")
                with pytest.raises(DatabaseError, match="append-only: TRUNCATE"):
                    cursor.execute(f"TRUNCATE {part.name}")


def test_no_partition_takes_entries_that_do_not_sum_to_zero(years: Bench) -> None:
    parts = [part for part in listed() if part.table == "accounts_ledgerentry"]
    for part in parts:
        row = (
            f"INSERT INTO {part.name} (id, transaction_id, account_id, asset_id, kind, amount,"
            f" created_at) VALUES ({part.high - 1}, 1, 1, 1, 'trade', 5, now())"
        )
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="not to zero"):
            cursor.execute(row)
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match=r"partition|bounds"):
            cursor.execute(row.replace(str(part.high - 1), str(part.high)))


def test_a_trade_goes_into_the_month_of_its_id(years: Bench) -> None:
    parts = [part for part in listed() if part.table == "matching_trade" and part.low is not None]
    with connection.cursor() as cursor, transaction.atomic():
        for part in parts:
            for id_ in (part.low, part.high - 1):
                cursor.execute(
                    "INSERT INTO matching_trade SELECT %s, 1000 + row_number() OVER (),"
                    " run_sequence, price, quantity, amount, taker_side, maker_fee, taker_fee,"
                    " created_at, maker_account_id, maker_order_id, market_id + %s,"
                    " taker_account_id, taker_order_id FROM matching_trade LIMIT 1"
                    " RETURNING tableoid::regclass::text",
                    [id_, id_ % 1000],
                )
                assert cursor.fetchone() == (part.name,)
        transaction.set_rollback(True)


def test_a_number_that_two_months_hold_is_a_break(years: Bench) -> None:
    assert breaks() == []
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE matching_trade SET sequence = 2 WHERE sequence = 5",
        )
    assert any("trade sequence has no gap" in found for found in breaks())
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="_alone"):
        cursor.execute("UPDATE matching_trade SET sequence = 1 WHERE sequence = 3")


# --- making ahead ---------------------------------------------------------------------------------


def test_what_is_missing_ahead_is_made(months: None) -> None:
    from zavora.foundation.partitions.selectors import partitions_ahead
    from zavora.tasks import make_partitions

    make_partitions()
    assert partitions_ahead() == dict.fromkeys(sorted(PARENTS), 3)
    last = [part for part in listed() if part.table == "matching_trade"][-1].name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {last}")
    assert partitions_ahead()["matching_trade"] == 2
    make_partitions()
    make_partitions()
    assert partitions_ahead()["matching_trade"] == 3
    assert [part for part in listed() if part.table == "matching_trade"][-1].name == last


def test_days_of_events_go_as_tables(months: None, bench: Bench) -> None:
    from matching.models import Event
    from matching.orders.services import purge_events

    bench.market()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO matching_event (id, market_id, prev_sequence, sequence, payload, batch_at)"
            " SELECT zavora_first_id_of(now() - interval '2 days'), market_id, prev_sequence,"
            " sequence, payload, now() - interval '2 days' FROM matching_event LIMIT 1"
        )
    days = len([part for part in listed() if part.table == "matching_event"])
    assert purge_events(by=SYSTEM) > 0
    assert purge_events(by=SYSTEM) == 0
    assert len([part for part in listed() if part.table == "matching_event"]) < days
    assert Event.objects.count() == 1


# --- what is read ---------------------------------------------------------------------------------


def partitions_read(statement: str, parameters: Any = None) -> set[str]:
    def walk(node: dict[str, Any]) -> Iterator[str]:
        if "Relation Name" in node and node.get("Actual Loops", 1):
            yield node["Relation Name"]
        for child in node.get("Plans", []):
            yield from walk(child)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        (plan,) = cursor.fetchone()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return set(walk(plan[0]["Plan"]))


def plans_of(queries: CaptureQueriesContext) -> list[set[str]]:
    return [
        partitions_read(query["sql"])
        for query in list(queries)
        if query["sql"].startswith("SELECT")
    ]


def test_reads_by_id_and_of_the_newest_touch_few_partitions(years: Bench) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from matching.models import Market, Order, Trade
    from matching.orders.by_sequence import list_trades_before
    from matching.orders.selectors import list_account_trades

    market = Market.objects.get()
    years.time_us = int((timezone.now() - timedelta(days=1)).timestamp() * 1e6)
    for _ in range(3):
        years.apply(years.order(0, market.pk, "sell 0.2 @ 100"))
        years.apply(years.order(1, market.pk, "buy 0.2 @ 100"))
    with CaptureQueriesContext(connection) as by_id:
        assert Trade.objects.get(pk=Trade.objects.order_by("pk")[0].pk)
        assert Order.objects.get(pk=Order.objects.order_by("-pk")[0].pk)
    assert [len(read) for read in plans_of(by_id)[1::2]] == [1, 1]
    with CaptureQueriesContext(connection) as newest:
        assert len(list_trades_before(market.pk, before_sequence=None, limit=3)) == 3
        assert len(list_account_trades(years.accounts[0].pk, limit=3)) == 3
    of_market, *of_account = plans_of(newest)
    # From four weeks ago on: two months, and those that were made for later.
    assert len(of_market) <= 6
    oldest = name_of("matching_trade", MONTHS[0])
    # She was the maker of all; as a taker she has to be looked for everywhere.
    assert all(oldest not in read for read in (of_market, of_account[0]))


def test_orders_are_changed_in_their_own_partitions_alone(years: Bench) -> None:
    from matching.models import Order
    from matching.rows.orders import AMEND_ORDERS, SHIFT_ORDERS, UPDATE_ORDERS

    ids = "{" + str(Order.objects.order_by("pk")[0].pk) + "}"
    one, word, now = "{1}", "{new}", datetime.now(UTC)
    for statement, parameters in (
        (UPDATE_ORDERS, (now, ids, one, one, one, one, word, word, ids)),
        (AMEND_ORDERS, (ids, one, one, one, one, ids)),
        (SHIFT_ORDERS, (ids, one, "{" + now.isoformat() + "}", ids)),
    ):
        with transaction.atomic():
            assert partitions_read(statement, parameters) - {"matching_order"} == {
                name_of("matching_order", MONTHS[0])
            }
            transaction.set_rollback(True)
