"""Months leave their tables, for archives or not, and come back; nothing is lost from sight."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench
from tests.integration.matching.partition_setup import (
    ARCHIVED,
    FIRST,
    MONTHS,
    SECOND,
    THIRD,
    breaks,
    let_go,
    partitions,
    rows_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
