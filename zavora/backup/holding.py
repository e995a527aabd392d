"""Hold an exchange whose database was brought back, tell what is beyond, release it."""

import csv
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from accounts.access.actor import Actor
from accounts.money.beyond import (
    MoneyAsOf,
    MoneyBeyond,
    count_users_beyond,
    list_accounts_beyond,
    list_money_beyond,
    list_public_ids,
    money_as_of,
)
from accounts.money.restored import hold_money, is_held, release_money
from matching.orders.beyond import (
    CommandBeyond,
    MatchingAsOf,
    TradeBeyond,
    get_journal_positions,
    list_commands_beyond,
    list_trades_beyond,
    matching_as_of,
)
from matching.worker.restored import hold_shards, release_shards
from zavora.backup.making import Contents
from zavora.backup.store import write_lasting

# Rows that the life before made later had such numbers: they are not given again.
SEQUENCE_STEP: Final = 1_000_000
_SEQUENCE_MAX_MIN: Final = (1 << 31) - 1


class AsOf(msgspec.Struct, frozen=True):
    """What a record that was brought back knows, as far as a later one is to be compared."""

    matching: MatchingAsOf
    money: MoneyAsOf


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """How much a later record has beyond it."""

    commands: int
    trades: int
    money: int
    payouts: int
    accounts: int
    new_accounts: list[str]
    new_users: int


@transaction.atomic(durable=True)
def hold_exchange(*, by: Actor, target: str) -> int:
    """Hold shards and money of a database that was brought back; return how many shards.

    Numbers that tables draw go on above all that the life before can have drawn. As the owner of
    the tables; before anything else starts. Again makes one more epoch, which harms nobody.
    """
    shards = hold_shards(by=by)
    hold_money(by=by, target=target, shards=shards, held_at=datetime.now(UTC).isoformat())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, last_value + %s)"
            " FROM pg_sequences WHERE schemaname = current_schema() AND NOT cycle"
            " AND last_value IS NOT NULL AND max_value >= %s AND max_value - last_value > %s",
            [SEQUENCE_STEP, _SEQUENCE_MAX_MIN, SEQUENCE_STEP],
        )
    return shards


@transaction.atomic(durable=True)
def release_exchange(*, by: Actor, reason: str) -> int:
    """Let workers take the shards and money leave again; return how many shards.

    Raises Forbidden, ValidationFailed without a reason, or Conflict where nothing is held.
    """
    release_money(by=by, reason=reason)
    return release_shards(by=by)


def is_exchange_held() -> bool:
    """Return whether the exchange waits for somebody to confirm what was restored."""
    return is_held()


def read_as_of() -> AsOf:
    """Return how far this record has come."""
    return AsOf(matching_as_of(), money_as_of())


def read_contents() -> Contents:
    """Return what a backup says of the tables."""
    applied: Any = MigrationRecorder(connection).applied_migrations()
    newest: dict[str, str] = {}
    for app, name in sorted(applied):
        newest[app] = name
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_database(), tableowner FROM pg_tables"
            " WHERE schemaname = current_schema() AND tablename = %s",
            [MigrationRecorder.Migration._meta.db_table],
        )
        database, owner = cursor.fetchone()
    return Contents(database, owner, newest, get_journal_positions())


def write_beyond(since: AsOf, folder: Path) -> Beyond:
    """Write into ``folder`` what this record has beyond ``since``, and return how much that is.

    commands.csv, trades.csv, money.csv, accounts.csv (whom to tell) and summary.json, for the owner
    only.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    touched: Counter[int] = Counter()
    by_money: Counter[str] = Counter()
    payouts = 0

    def commands() -> Iterable[CommandBeyond]:
        for one in list_commands_beyond(since.matching):
            if one.account_id is not None:
                touched[one.account_id] += 1
            yield one

    def trades() -> Iterable[TradeBeyond]:
        for one in list_trades_beyond(since.matching):
            touched.update((one.maker_account_id, one.taker_account_id))
            yield one

    def money() -> Iterable[MoneyBeyond]:
        nonlocal payouts
        for one in list_money_beyond(since.money):
            payouts += one.kind == "payout"
            if one.account:
                by_money[one.account] += 1
            yield one

    count_commands = _write(folder / "commands.csv", CommandBeyond, commands())
    count_trades = _write(folder / "trades.csv", TradeBeyond, trades())
    count_money = _write(folder / "money.csv", MoneyBeyond, money())
    told = _write_accounts(folder / "accounts.csv", touched, by_money)
    beyond = Beyond(
        commands=count_commands, trades=count_trades, money=count_money, payouts=payouts,
        accounts=told, new_accounts=list_accounts_beyond(since.money),
        new_users=count_users_beyond(since.money),
    )  # fmt: skip
    write_lasting(
        folder / "summary.json", msgspec.json.format(msgspec.json.encode(beyond), indent=1)
    )
    return beyond


def _write(path: Path, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> int:
    write_lasting(path, b"")
    count = 0
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(kind.__struct_fields__)
        for row in rows:
            table.writerow(msgspec.structs.astuple(row))
            count += 1
    return count


def _write_accounts(path: Path, touched: Counter[int], by_money: Counter[str]) -> int:
    """Write whom to tell: internal and public id, how many commands and trades, how much money."""
    public = list_public_ids(sorted(touched))
    numbers = {public[pk]: pk for pk in touched if pk in public}
    write_lasting(path, b"")
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("account", "account_id", "commands_and_trades", "money"))
        everybody = sorted({*numbers, *by_money})
        for name in everybody:
            pk = numbers.get(name)
            table.writerow((name, pk or "", touched[pk] if pk else 0, by_money[name]))
    return len(everybody)
