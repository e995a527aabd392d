"""``manage.py check_upgrade`` and ``migrate`` on databases that are in use."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations import Migration
from msgspec.msgpack import encode

from accounts.redis_client import get_redis
from matching import wire
from tests.exchange import Exchange, wait_until
from zavora.foundation.partitions.locking import LockNotTaken
from zavora.foundation.queue import web_version_name
from zavora.foundation.versions import VERSION
from zavora.upgrade.patience import Patience

PROJECT = Path(settings.BASE_DIR)
BEFORE = (("accounts", "0023"), ("matching", "0018"), ("admin",), ("sessions",))

FOREIGN = (
    "SET session_replication_role = replica",
    (
        "INSERT INTO matching_shard (id, epoch, lease_owner, lease_expires_at, last_batch_at,"
        " last_stream_id, journal_sequence, last_id) VALUES (0, 1, '', now(), now(), '0-0', 1, 1)"
    ),
    (
        "INSERT INTO matching_command (id, shard_id, sequence, stream_id, kind, body,"
        " request_id, batch_at, reached_engine, outcome, reason)"
        " VALUES (1, 0, 1, '1-0', 'later', '', '', now(), false, 'applied', '')"
    ),
    (
        "INSERT INTO matching_event (market_id, prev_sequence, sequence, payload, batch_at)"
        " VALUES (1, 0, 1, 'later', now())"
    ),
)


def url_of(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def manage(name: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url_of(name), "REDIS_URL": settings.REDIS_URL},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def said_by(name: str, *words: str, status: int = 0) -> str:
    found, said = manage(name, *words)
    assert found == status, said
    return said


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)) as connection:
        yield connection


@pytest.fixture(scope="module")
def template(server: psycopg.Connection) -> Iterator[str]:
    """A database of before tables were split."""
    server.execute("DROP DATABASE IF EXISTS upgrade_template WITH (FORCE)")
    server.execute("CREATE DATABASE upgrade_template")
    for target in BEFORE:
        said_by("upgrade_template", "migrate", *target, "-v0")
    yield "upgrade_template"
    server.execute("DROP DATABASE upgrade_template WITH (FORCE)")


@pytest.fixture
def former(server: psycopg.Connection, template: str) -> Iterator[str]:
    server.execute("DROP DATABASE IF EXISTS upgrade_former WITH (FORCE)")
    server.execute(f"CREATE DATABASE upgrade_former TEMPLATE {template}")
    yield "upgrade_former"
    server.execute("DROP DATABASE upgrade_former WITH (FORCE)")


@pytest.fixture
def session(former: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(url_of(former))) as connection:
        yield connection


@pytest.fixture
def queue() -> Iterator[redis.Redis]:
    found = get_redis()
    found.flushdb()
    yield found
    found.flushdb()


def test_each_migration_is_told_with_what_it_locks(former: str, queue: redis.Redis) -> None:
    queue.set(wire.heartbeat_name(0), "host-1-a 0.0.9", px=60_000)
    queue.set(wire.standby_name(0), wire.sign_of_life("host-2-a"), px=60_000)
    queue.set(web_version_name("x"), VERSION, px=60_000)
    lines = said_by(former, "check_upgrade").splitlines()
    assert lines[:3] == [
        "runs: the worker of shard 0, version 0.0.9",
        f"runs: the standby of shard 0, version {VERSION}",
        f"runs: a web process, version {VERSION}",
    ]
    place = lines.index("matching.0019_partitions: expand")
    assert lines[place + 1].startswith("  locks matching_command: ACCESS EXCLUSIVE (")
    assert lines[-1].startswith(f"check_upgrade: ready (to version {VERSION}, ")


def test_it_is_checked_as_the_owner_of_the_tables_while_it_runs(exchange: Exchange) -> None:
    """The role that serves may not read all of them; and each process tells its version."""
    row = ("admin", "0003_logentry_add_action_flag_choices")  # words alone, the last of its app
    with psycopg.connect(exchange.database_url, autocommit=True) as owner:
        owner.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", row)
        try:
            said = exchange.manage("check_upgrade")
        finally:
            exchange.manage("migrate", "-v0")
        assert owner.execute(
            "SELECT count(*) FROM django_migrations WHERE app = %s AND name = %s", row
        ).fetchone() == (1,)
    assert f"runs: the worker of shard 0, version {VERSION}" in said
    assert f"runs: market data, version {VERSION}" in said
    assert f"runs: a web process, version {VERSION}" in said
    assert "admin.0003_logentry_add_action_flag_choices: expand" in said
    assert f"check_upgrade: ready (to version {VERSION}, 1 migrations)" in said


def test_a_transaction_that_holds_a_table_is_in_the_way(
    former: str, session: psycopg.Connection
) -> None:
    session.execute("SELECT count(*) FROM matching_order")
    said = said_by(former, "check_upgrade", status=1)
    who = f"session {session.info.backend_pid} ("
    (line,) = [line for line in said.splitlines() if line.startswith("first: ")]
    assert line.startswith(f"first: {who}")
    assert "holds matching_order for seconds" in line


def test_what_another_version_wrote_is_told(former: str, queue: redis.Redis) -> None:
    queue.xadd(wire.stream_name(0), {wire.FIELD_BODY: encode(["later", 1])})
    with psycopg.connect(url_of(former)) as connection:
        for statement in FOREIGN:
            connection.execute(statement)
    said = said_by(former, "check_upgrade", status=1)
    assert f"first: 1 commands in the queue of shard 0 cannot be read by {VERSION}" in said
    assert "first: the journal of shard 0 has kinds that" in said
    assert said.count("know: later") == 1
    assert f"first: 1 of the latest events cannot be read by {VERSION}" in said


def test_a_database_of_a_newer_version_is_told(former: str, session: psycopg.Connection) -> None:
    session.execute(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('matching', '0999_later', now())"
    )
    session.commit()
    said = said_by(former, "check_upgrade", status=1)
    assert "first: the database is of a newer version: matching.0999_later are applied" in said


def test_only_what_is_to_be_applied_can_be_accepted(former: str) -> None:
    said = said_by(former, "check_upgrade", "--accept", "matching.0001_initial", status=1)
    assert "--accept matching.0001_initial: expected one of the migrations to apply" in said
    said_by(former, "check_upgrade", "--accept", "matching.0019_partitions")


def test_migrate_lets_writers_pass_while_it_waits(former: str, session: psycopg.Connection) -> None:
    """A session holds a table that a migration wants; whoever comes later must not wait for both.

    The control: an ALTER TABLE without a bound makes them wait.
    """
    session.execute("LOCK matching_market IN ROW EXCLUSIVE MODE")
    write = "SET statement_timeout = '1s'; UPDATE matching_market SET symbol = symbol"
    with psycopg.connect(url_of(former), autocommit=True) as writer:
        with in_thread(former, "ALTER TABLE matching_market ADD control int") as control:
            wait_until_waiting(writer)
            with pytest.raises(psycopg.errors.QueryCanceled):
                writer.execute(write)
            session.rollback()
            control.join()

        session.execute("LOCK matching_market IN ROW EXCLUSIVE MODE")
        told: list[tuple[int, str]] = []
        migrating = threading.Thread(target=lambda: told.append(manage(former, "migrate", "-v0")))
        migrating.start()
        # Once it has begun to try.
        for _ in range(20):
            wait_until_waiting(writer)
            writer.execute(write)
        session.rollback()
        migrating.join()
    assert told[0][0] == 0, told


@contextmanager
def in_thread(name: str, statement: str) -> Iterator[threading.Thread]:
    def run() -> None:
        with psycopg.connect(url_of(name)) as connection:
            connection.execute(statement)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()


def wait_until_waiting(looker: psycopg.Connection) -> None:
    """Wait until somebody waits for a table."""
    asked = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
        " AND relation = 'matching_market'::regclass"
    )
    wait_until(
        lambda: looker.execute(asked).fetchone() != (0,), timeout_s=60, what="somebody who waits"
    )


@pytest.mark.django_db(transaction=True)
def test_migrate_gives_up_in_the_end_and_says_who_is_in_the_way() -> None:
    lock = "LOCK matching_order IN ACCESS EXCLUSIVE MODE"
    patience = Patience(connection, [].append, tries_max=3)

    def apply(_: bool) -> None:
        patience.before(Migration("0001_any", "matching"))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(lock)

    with psycopg.connect(os.environ["DATABASE_URL"], application_name="long") as holder:
        holder.execute("SELECT count(*) FROM matching_order")
        with pytest.raises(LockNotTaken, match="in 3 tries") as raised:
            patience.run(apply)
        assert f"session {holder.info.backend_pid} (" in str(raised.value)
        assert "holds matching_order" in str(raised.value)
        holder.rollback()
        patience.run(apply)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() != ("150ms",)
