"""An exchange of before its tables were split becomes one with the same tables as a new one."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.conf import settings

from zavora.runner.embedded.binaries import find_postgres

PROJECT = Path(settings.BASE_DIR)
BEFORE = (("accounts", "0023"), ("matching", "0017"))
TABLES = (
    "accounts_ledgertransaction", "accounts_ledgerentry", "matching_command", "matching_order",
    "matching_trade", "matching_event",
)  # fmt: skip
FILL = (
    (
        "INSERT INTO accounts_ledgertransaction (id, kind, reference, created_at)"
        " SELECT n, 'trade', n, now() FROM generate_series(1, 1000) n"
    ),
    (
        "INSERT INTO accounts_ledgerentry (id, transaction_id, account_id, asset_id, kind, amount,"
        " created_at) SELECT 2 * n + side, n, 1, 1, 'trade', 1 - 2 * side, now()"
        " FROM generate_series(1, 1000) n, generate_series(0, 1) side"
    ),
    (
        "INSERT INTO matching_trade (id, market_id, sequence, run_sequence, price, quantity,"
        " amount, taker_side, maker_order_id, taker_order_id, maker_account_id,"
        " taker_account_id, maker_fee, taker_fee, created_at)"
        " SELECT n, 1, n, n, 1, 1, 1, 'buy', 1, 1, 1, 1, 0, 0, now()"
        " FROM generate_series(1, 1000) n"
    ),
    (
        "INSERT INTO matching_event (market_id, prev_sequence, sequence, payload, batch_at)"
        " SELECT 1, n - 1, n, '', now() FROM generate_series(1, 1000) n"
    ),
)
FIRST_BOUNDS = (
    "ALTER TABLE {0} ADD CONSTRAINT {0}_first_bounds CHECK (id < {1}) NOT VALID",
    "ALTER TABLE {0} VALIDATE CONSTRAINT {0}_first_bounds",
)


def url_of(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def migrate(name: str, *target: str, is_refused: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0", *target],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url_of(name)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == is_refused, done.stderr
    return done.stderr


def schema_of(name: str) -> list[str]:
    """Return what pg_dump says of a database's schema, but for what it makes up itself."""
    program = find_postgres().folder / "pg_dump"
    done = subprocess.run(
        [program, "--schema-only", "--no-owner", url_of(name)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "restrict" not in line]


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)) as connection:
        yield connection


def drop(server: psycopg.Connection, *names: str) -> None:
    for name in names:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def former(server: psycopg.Connection) -> Iterator[str]:
    """A database of before, with rows."""
    drop(server, "split_former", "split_fresh")
    server.execute("CREATE DATABASE split_former")
    server.execute("CREATE DATABASE split_fresh")
    for app, number in BEFORE:
        migrate("split_former", app, number)
    with psycopg.connect(url_of("split_former")) as connection:
        for statement in FILL:
            connection.execute(statement)
    migrate("split_fresh")
    yield "split_former"
    drop(server, "split_former", "split_fresh")


@pytest.fixture
def exchange_of_before(server: psycopg.Connection, former: str) -> Iterator[str]:
    drop(server, "split_trial")
    server.execute(f"CREATE DATABASE split_trial TEMPLATE {former}")
    yield "split_trial"
    drop(server, "split_trial")


def counts(name: str) -> list[int]:
    with psycopg.connect(url_of(name)) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES
        ]


def sizes(name: str) -> dict[str, int]:
    """Return by which file each table is kept: another one where it was rewritten."""
    with psycopg.connect(url_of(name)) as connection:
        rows = connection.execute("SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r'")
        return dict(rows.fetchall())


def test_a_new_exchange_and_one_of_before_have_the_same_tables(exchange_of_before: str) -> None:
    before, files = counts(exchange_of_before), sizes(exchange_of_before)
    migrate(exchange_of_before)
    assert schema_of(exchange_of_before) == schema_of("split_fresh")
    assert counts(exchange_of_before) == before
    assert sum(before) == 5_000
    after = sizes(exchange_of_before)
    assert {table: after[f"{table}_first"] for table in TABLES} == {
        table: files[table] for table in TABLES
    }


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_a_migration_that_was_interrupted_goes_on(exchange_of_before: str, steps: int) -> None:
    migrate(exchange_of_before, "accounts", "0024")
    with psycopg.connect(url_of(exchange_of_before), autocommit=True) as connection:
        high = connection.execute(
            "SELECT zavora_first_id_of((date_trunc('month', now() AT TIME ZONE 'UTC')"
            " + interval '2 months') AT TIME ZONE 'UTC')"
        ).fetchone()[0]
        # As far as it came: bounds of one table, its rows looked at, and those before it split.
        months = [table for table in TABLES if table != "matching_event"]
        done, rest = divmod(steps, 3)
        for table in months[: done + 1]:
            is_last = table == months[min(done, len(months) - 1)]
            for statement in FIRST_BOUNDS[: rest if is_last else 2]:
                connection.execute(statement.format(table, high))
            if not is_last:
                if table == "accounts_ledgertransaction":
                    connection.execute(
                        "ALTER TABLE accounts_deposit DROP CONSTRAINT "
                        + _key(connection, "accounts_deposit")
                    )
                    for name in ("accounts_withdrawal", "accounts_transfer"):
                        key = _key(connection, name)
                        connection.execute(f"ALTER TABLE {name} DROP CONSTRAINT {key}")
                connection.execute(f"SELECT zavora_split_table('{table}', {high})")
    migrate(exchange_of_before)
    assert schema_of(exchange_of_before) == schema_of("split_fresh")
    assert sum(counts(exchange_of_before)) == 5_000


def _key(connection: psycopg.Connection, table: str) -> str:
    row = connection.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass"
        " AND confrelid = 'accounts_ledgertransaction'::regclass",
        [table],
    ).fetchone()
    return row[0]


def test_bounds_of_an_interruption_long_ago_are_made_anew(exchange_of_before: str) -> None:
    migrate(exchange_of_before, "accounts", "0024")
    with psycopg.connect(url_of(exchange_of_before), autocommit=True) as connection:
        high = connection.execute("SELECT zavora_first_id_of(now() + interval '1 day')").fetchone()[
            0
        ]
        for statement in FIRST_BOUNDS:
            connection.execute(statement.format("accounts_ledgertransaction", high))
    migrate(exchange_of_before)
    assert schema_of(exchange_of_before) == schema_of("split_fresh")


def test_batches_are_not_kept_waiting_while_tables_are_split(exchange_of_before: str) -> None:
    """One session inserts all the time; another reads for long, which splitting waits for."""
    longest, stop = [0.0], threading.Event()

    def insert() -> None:
        import time

        with psycopg.connect(url_of(exchange_of_before), autocommit=True) as connection:
            number = 10_000
            while not stop.is_set():
                started = time.perf_counter()
                connection.execute(
                    "INSERT INTO accounts_ledgertransaction (id, kind, reference, created_at)"
                    " VALUES (%s, 'trade', '', now())",
                    [number],
                )
                longest[0] = max(longest[0], time.perf_counter() - started)
                number += 1

    thread = threading.Thread(target=insert)
    thread.start()
    reader = psycopg.connect(url_of(exchange_of_before))
    try:
        reader.execute("SELECT count(*) FROM accounts_ledgertransaction")
        threading.Timer(3.0, reader.rollback).start()
        migrate(exchange_of_before)
    finally:
        stop.set()
        thread.join()
        reader.close()
    # The wait for a lock is 0.15 s; the rest is what the machine is busy with.
    assert longest[0] < 1.0
    assert schema_of(exchange_of_before) == schema_of("split_fresh")


def test_migrating_makes_the_months_that_nobody_made_meanwhile(exchange_of_before: str) -> None:
    migrate(exchange_of_before)
    ahead = (
        "SELECT name FROM zavora_partitions('matching_trade') WHERE low > zavora_first_id_of(now())"
    )
    with psycopg.connect(url_of(exchange_of_before), autocommit=True) as connection:
        made = [name for (name,) in connection.execute(ahead).fetchall()]
        for name in made:
            connection.execute(f"DROP TABLE {name}")
        migrate(exchange_of_before)
        assert [name for (name,) in connection.execute(ahead).fetchall()] == made
    assert len(made) >= 3
