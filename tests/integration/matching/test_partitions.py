"""Tables of months: what a partition refuses, which are read, how they leave and return."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench
from tests.integration.months import PARENTS, months_since

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER = ("accounts_ledgertransaction", "accounts_ledgerentry")


def _months_ago(count: int) -> tuple[int, int]:
    now = datetime.now(UTC)
    month = now.year * 12 + now.month - 1 - count
    return month // 12, month % 12 + 1


MONTHS = [_months_ago(count) for count in (5, 4, 3)]
FIRST, SECOND, THIRD = (f"{year}{month:02}" for year, month in MONTHS)
ARCHIVED = [table for table in PARENTS if table != "matching_event"]


@pytest.fixture
def months(transactional_db: None) -> Iterator[None]:
    with months_since(f"{FIRST[:4]}-{FIRST[4:]}-01"):
        yield


@pytest.fixture
def years(months: None, bench: Bench) -> Bench:
    """An exchange that traded in three months, and has nothing open of the first two."""
    market = bench.market()
    for year, month in MONTHS:
        bench.time_us = int(datetime(year, month, 9, tzinfo=UTC).timestamp() * 1e6)
        for _ in range(3):
            bench.apply(bench.order(0, market, "sell 0.2 @ 100"))
            bench.apply(bench.order(1, market, "buy 0.2 @ 100"))
    bench.apply(bench.order(1, market, "buy 1 @ 90"))
    return bench


def name_of(table: str, month: tuple[int, int]) -> str:
    return f"{table}_{month[0]}{month[1]:02}"


def rows_of(table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        return cursor.fetchall()


def partitions(*arguments: object) -> str:
    from io import StringIO

    out = StringIO()
    call_command("partitions", *map(str, arguments), stdout=out)
    return out.getvalue()


def breaks() -> list[str]:
    from matching.reconcile import reconcile

    return [found.text() for found in reconcile()]


def listed() -> list[Any]:
    from zavora.foundation.partitions.selectors import list_partitions

    with connection.cursor() as cursor:
        return list_partitions(cursor)


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


# --- leaving and coming back ----------------------------------------------------------------------


def test_only_the_oldest_month_leaves_when_it_is_over(years: Bench) -> None:
    for name, why in (
        (f"matching_trade_{FIRST}", "is not the oldest"),
        ("matching_event_first", "go by themselves"),
        ("matching_trade_1999", "there is no partition"),
    ):
        with pytest.raises(CommandError, match=why):
            partitions("detach", name)
    with pytest.raises(CommandError, match="is attached"):
        partitions("archive", f"matching_trade_{FIRST}", "--folder", "/tmp")


def test_orders_that_are_open_keep_their_month(years: Bench) -> None:
    for name in ("first", FIRST, SECOND):
        partitions("detach", f"matching_order_{name}")
    with pytest.raises(CommandError, match="is open, or was changed"):
        partitions("detach", f"matching_order_{THIRD}")


def test_months_leave_for_archives_and_come_back_as_they_were(years: Bench, tmp_path: Path) -> None:
    before = {table: rows_of(table) for table in ARCHIVED}
    names = [f"{table}_{name}" for name in ("first", FIRST) for table in ARCHIVED]
    for name in names:
        partitions("detach", name)
    assert breaks() == []
    for name in names:
        partitions("archive", name, "--folder", tmp_path, "--drop")
        assert breaks() == []
    assert rows_of("matching_trade") == [row for row in before["matching_trade"] if row[1] > 3]
    assert partitions("verify", "--folder", tmp_path).count("as they were") == len(names)

    for name in reversed(names):
        partitions("attach", name, "--folder", tmp_path)
    assert {table: rows_of(table) for table in ARCHIVED} == before
    assert breaks() == []
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(f"DELETE FROM accounts_ledgerentry_{FIRST}")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_an_archive_that_was_changed_is_found_and_not_brought_back(
    years: Bench, tmp_path: Path
) -> None:
    for name in ("first", FIRST):
        partitions("detach", f"accounts_ledgerentry_{name}")
        partitions("archive", f"accounts_ledgerentry_{name}", "--folder", tmp_path, "--drop")
    file, manifest = (
        tmp_path / f"accounts_ledgerentry_{FIRST}.{end}" for end in ("parquet", "json")
    )
    kept = file.read_bytes(), manifest.read_text()

    damage(file)
    with pytest.raises(CommandError, match="1 archives are not"):
        partitions("verify", "--folder", tmp_path)
    with pytest.raises(CommandError, match="SHA-256"):
        partitions("attach", f"accounts_ledgerentry_{FIRST}", "--folder", tmp_path)
    file.unlink()
    with pytest.raises(CommandError, match="cannot be read"):
        partitions("attach", f"accounts_ledgerentry_{FIRST}", "--folder", tmp_path)
    file.write_bytes(kept[0])

    words = json.loads(kept[1])
    manifest.write_text(json.dumps(words | {"rows": words["rows"] + 1}))
    with pytest.raises(CommandError, match="other rows"):
        partitions("attach", f"accounts_ledgerentry_{FIRST}", "--folder", tmp_path)
    manifest.write_text(kept[1])

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE zavora_archived_sum SET amount = amount + 1"
            f" WHERE name = 'accounts_ledgerentry_{FIRST}' AND amount > 0"
        )
    with pytest.raises(CommandError, match="carries forward"):
        partitions("attach", f"accounts_ledgerentry_{FIRST}", "--folder", tmp_path)
    # What is carried forward is part of what must add up.
    assert any("balance is the sum of its entries" in found for found in breaks())


def test_nothing_is_dropped_while_something_does_not_add_up(years: Bench, tmp_path: Path) -> None:
    partitions("detach", "accounts_ledgerentry_first")
    partitions("detach", f"accounts_ledgerentry_{FIRST}")
    with pytest.raises(CommandError, match="is not archived"):
        partitions("archive", f"accounts_ledgerentry_{FIRST}", "--folder", tmp_path)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_balance SET available = available + 1")
    with pytest.raises(CommandError, match="not dropped"):
        partitions("archive", "accounts_ledgerentry_first", "--folder", tmp_path, "--drop")
    assert rows_of("accounts_ledgerentry_first") == []


def test_sums_of_archives_are_exact(years: Bench, tmp_path: Path) -> None:
    entries = rows_of(f"accounts_ledgerentry_{FIRST}")
    for name in ("first", FIRST):
        partitions("detach", f"accounts_ledgerentry_{name}")
        partitions("archive", f"accounts_ledgerentry_{name}", "--folder", tmp_path, "--drop")
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, asset_id, amount FROM zavora_archived_sum")
        kept = {(account, asset): amount for account, asset, amount in cursor.fetchall()}
    summed: dict[tuple[int, int], Decimal] = {}
    for _, _, amount, _, _, account, asset, _ in entries:
        summed[account, asset] = summed.get((account, asset), Decimal(0)) + amount
    assert kept == summed
    assert sum(kept.values()) == 0


def test_a_journal_is_verified_across_its_archive(years: Bench, tmp_path: Path) -> None:
    from io import StringIO

    def verified(*arguments: object) -> str:
        out = StringIO()
        call_command("verify_journal", *map(str, arguments), stdout=out)
        return out.getvalue()

    for name in ("first", FIRST, SECOND):
        for table in ARCHIVED:
            partitions("detach", f"{table}_{name}")
    assert "agrees with the tables" in verified()
    for name in ("first", FIRST):
        for table in ARCHIVED:
            partitions("archive", f"{table}_{name}", "--folder", tmp_path, "--drop")
    with pytest.raises(CommandError, match="differ"):
        verified()

    whole = verified("--archive", tmp_path)
    # Six orders and three trades of each of two months are in no table.
    assert "18 archived rows replayed alone" in whole
    assert "20 commands" in whole
    assert "agrees with the tables" in whole

    damage(tmp_path / f"matching_command_{FIRST}.parquet")
    with pytest.raises(CommandError, match="differ"):
        verified("--archive", tmp_path)


def let_go(folder: Path, *names: str) -> None:
    for name in names:
        for table in ARCHIVED:
            partitions("detach", f"{table}_{name}")
            partitions("archive", f"{table}_{name}", "--folder", folder, "--drop")


def test_reports_and_lists_say_what_is_in_archives(
    years: Bench, tmp_path: Path, client: Any
) -> None:
    from accounts.reports.selectors import list_sides, list_totals
    from accounts.services import create_token, request_report
    from tests.actors import customer
    from zavora.foundation.errors import ValidationFailed

    account = years.accounts[0]
    second = datetime(*MONTHS[1], 1, tzinfo=UTC)
    third = datetime(*MONTHS[2], 1, tzinfo=UTC)
    now = datetime.now(UTC)
    _, token = create_token(by=SYSTEM, user_id=account.owner_id, scopes=["read"])
    paths = [f"/api/v1/accounts/{account.public_id}/{what}" for what in ("orders", "trades")]
    paths.append(f"/api/v1/accounts/{account.public_id}/ledger")

    def since(path: str) -> Any:
        reply = client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 200
        return reply.headers.get("Zavora-History-Since")

    def ask(begin: datetime, kind: str = "statement") -> Any:
        return request_report(
            by=customer(account.owner), account_id=account.public_id, kind=kind, format="csv",
            period_from=begin, period_to=third,
        )  # fmt: skip

    before = list_totals(account.pk, third, now), list_sides(third)
    assert [since(path) for path in paths] == [None] * 3
    let_go(tmp_path, "first", FIRST)
    assert (list_totals(account.pk, third, now), list_sides(third)) == before
    assert [since(path) for path in paths] == [second.strftime("%Y-%m-%dT00:00:00.000000Z")] * 3
    with pytest.raises(ValidationFailed, match="in an archive"):
        ask(datetime(*MONTHS[0], 5, tzinfo=UTC))
    assert ask(second).pk

    type(account).objects.filter(pk=account.pk).update(created_at="2020-01-01T00:00:00Z")
    with pytest.raises(ValidationFailed, match="gains need all trades"):
        ask(second, "trades")
