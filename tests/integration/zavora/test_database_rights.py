"""What the role that serves may not do, tried as that role on a running exchange."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.exchange import Exchange
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.home import PROJECT_DIR, Home, owner_lock

HISTORY = (
    "accounts_auditlink",
    "accounts_auditrecord",
    "accounts_ledgerentry",
    "accounts_ledgertransaction",
    "accounts_note",
    "accounts_transfer",
    "accounts_liabilitysnapshot",
    "accounts_liabilitytree",
    "matching_checkpoint",
    "matching_checkpointpart",
    "matching_command",
    "matching_event",
    "matching_handover",
    "matching_orderamendment",
    "matching_preventedmatch",
    "matching_trade",
)
# Of each table a column that every row has.
COLUMNS = {
    "accounts_auditlink": "form = 2",
    "accounts_auditrecord": "reason = 'other'",
    "accounts_ledgerentry": "amount = amount + 1",
    "accounts_ledgertransaction": "reference = 'other'",
    "accounts_note": "text = 'other'",
    "accounts_transfer": "amount = amount + 1",
    "accounts_liabilitysnapshot": "taken_at = now()",
    "accounts_liabilitytree": "total = 0",
    "matching_checkpoint": "state_hash = 'other'",
    "matching_checkpointpart": "number = 9",
    "matching_command": "kind = 'other'",
    "matching_event": "batch_at = now() - interval '9 days'",
    "matching_handover": "state_hash = 'other'",
    "matching_orderamendment": "quantity = quantity * 2",
    "matching_preventedmatch": "price = price * 2",
    "matching_trade": "price = price * 2",
}


# Written with the owner's rights, by triggers.
OF_TRIGGERS = ("accounts_auditlink",)


@pytest.fixture
def run_role(exchange: Exchange) -> Iterator[psycopg.Connection]:
    """A connection as the processes of the exchange have it."""
    with psycopg.connect(exchange.env["DATABASE_URL"], autocommit=True) as connection:
        yield connection


def test_every_append_only_table_is_known() -> None:
    from zavora.database_rights import append_only_tables, tables_written_by_triggers

    assert append_only_tables() == sorted(HISTORY)
    assert tables_written_by_triggers() == list(OF_TRIGGERS)


@pytest.mark.parametrize("table", HISTORY)
def test_history_is_added_to_and_read_but_never_rewritten(
    run_role: psycopg.Connection, exchange: Exchange, table: str
) -> None:
    statements = (
        f"UPDATE {table} SET {COLUMNS[table]}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"DROP TABLE {table} CASCADE",
        f"CREATE TRIGGER quiet BEFORE INSERT ON {table} EXECUTE FUNCTION accounts_refuse_change()",
    )
    before = _rows(exchange, table)

    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_role.execute(statement)

    assert _rows(exchange, table) == before
    assert run_role.execute(f"SELECT has_table_privilege('{table}', 'INSERT')").fetchone() == (
        table not in OF_TRIGGERS,
    )


def test_history_in_a_partition_is_read_but_neither_added_to_nor_rewritten(
    run_role: psycopg.Connection, exchange: Exchange
) -> None:
    parts = run_role.execute(
        "SELECT p.parent, q.name FROM zavora_partitioned() p, zavora_partitions(p.parent) q"
    ).fetchall()
    assert len(parts) >= 6 * 4
    for table, name in parts:
        change = COLUMNS.get(table, "hold = hold + 1")
        for statement in (
            f"UPDATE {name} SET {change}",
            f"DELETE FROM {name}",
            f"TRUNCATE {name} CASCADE",
            f"INSERT INTO {name} SELECT * FROM {table} LIMIT 1",
            f"ALTER TABLE {table} DETACH PARTITION {name}",
            f"DROP TABLE {name}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run_role.execute(statement)
        run_role.execute(f"SELECT count(*) FROM {name}")
    for statement in (
        "CREATE TABLE matching_trade_209901 PARTITION OF matching_trade FOR VALUES FROM (1) TO (2)",
        "SELECT zavora_make_partition('matching_trade', 1, 2)",
        "DELETE FROM zavora_archived",
        "UPDATE zavora_archived_sum SET amount = 0",
        "INSERT INTO zavora_archived_trades VALUES ('x', 1, 1, 1, 1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_role.execute(statement)


def test_the_run_role_makes_the_months_that_the_calendar_asks_for(
    run_role: psycopg.Connection, exchange: Exchange
) -> None:
    made = "SELECT zavora_make_partitions(3)"
    assert run_role.execute(made).fetchall() == []
    with psycopg.connect(exchange.database_url, autocommit=True) as owner:
        last = owner.execute(
            "SELECT max(name) FROM zavora_partitions('matching_trade') WHERE name !~ 'first'"
        ).fetchone()
        owner.execute(f"DROP TABLE {last[0]}")
    assert run_role.execute(made).fetchall() == [last]
    # However many it asks for, a year is the most.
    assert len(run_role.execute("SELECT zavora_make_partitions(1000000)").fetchall()) == 6 * 9
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_role.execute(f"DELETE FROM {last[0]}")
    run_role.execute(f"SELECT count(*) FROM {last[0]}")


RECORD = (
    "INSERT INTO accounts_auditrecord (actor_kind, actor_name, address, request_id, act, subject,"
    " reason, details, created_at)"
    " VALUES ('system', 'run role', '', '', 'asset.open', 'asset:X', '', '{}', now()) RETURNING id"
)
# How somebody would write links of their own: by hand, or by the function that has the right.
TRIGGER = "CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION"
FORGING = (
    "INSERT INTO accounts_auditlink SELECT 0, 0, form, hash, hash FROM accounts_auditlink LIMIT 1",
    "INSERT INTO accounts_auditturn VALUES (1)",
    "DELETE FROM accounts_auditturn",
    f"{TRIGGER} accounts_audit_take_turn()",
    f"{TRIGGER} accounts_audit_await_turn()",
)


def test_a_record_of_the_run_role_is_chained_and_it_chains_nothing_itself(
    run_role: psycopg.Connection, exchange: Exchange
) -> None:
    run_role.execute("CREATE TEMP TABLE mine (record_id bigint, id bigint)")
    # Tables of the same names, of its own, do not get in between.
    run_role.execute("CREATE TEMP TABLE accounts_auditturn (record_id bigint)")
    run_role.execute("CREATE TEMP TABLE accounts_auditlink (LIKE public.accounts_auditlink)")
    made = run_role.execute(RECORD.replace("INTO ", "INTO public.")).fetchone()
    run_role.execute("DROP TABLE pg_temp.accounts_auditturn, pg_temp.accounts_auditlink")
    before = _rows(exchange, "accounts_auditlink")

    for statement in FORGING:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_role.execute(statement)

    link = "SELECT count(*) FROM accounts_auditlink WHERE record_id = %s"
    assert run_role.execute(link, made).fetchone() == (1,)
    assert _rows(exchange, "accounts_auditlink") == before
    exchange.manage("verify_audit")


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "COPY accounts_user TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "CREATE TABLE mine (id integer)",
        "CREATE ROLE other SUPERUSER",
        "ALTER ROLE zavora_run SUPERUSER",
        "SET ROLE zavora",
        "ALTER SYSTEM SET fsync = off",
        "DELETE FROM django_migrations",
        (
            "CREATE OR REPLACE FUNCTION accounts_refuse_change() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        ),
    ],
)
def test_the_run_role_is_no_superuser(run_role: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_role.execute(statement)


def test_the_owner_could_which_is_why_nothing_that_serves_is_the_owner(exchange: Exchange) -> None:
    with psycopg.connect(exchange.database_url) as owner:
        owner.execute("SET session_replication_role = replica")
        # A row of its own: what others wrote may be anything, and is theirs.
        owner.execute(
            "INSERT INTO accounts_ledgerentry"
            " (id, transaction_id, account_id, asset_id, kind, amount, created_at)"
            " VALUES (-1, -1, -1, -1, 'adjustment', 1, now())"
        )
        changed = owner.execute("UPDATE accounts_ledgerentry SET amount = 2 WHERE id = -1").rowcount
        owner.rollback()
    assert changed == 1
    for name in exchange.names():
        if name not in ("postgres", "valkey") and exchange.is_running(name):
            environ = Path(f"/proc/{exchange.pid(name)}/environ").read_bytes()
            assert exchange.database_url.encode() not in environ


def test_events_of_today_are_not_purged_whatever_is_asked(
    run_role: psycopg.Connection, exchange: Exchange
) -> None:
    assert _rows(exchange, "matching_event") > 0
    purge = "SELECT matching_purge_events(now() + interval '9 days', 1000000)"
    # A table of the same name that anybody may make does not get in between.
    with run_role.transaction(force_rollback=True):
        run_role.execute("CREATE TEMP TABLE matching_event (id bigint, batch_at timestamptz)")
        run_role.execute("INSERT INTO matching_event VALUES (1, now() - interval '9 days')")
        assert run_role.execute(purge).fetchone() == (0,)
    assert run_role.execute(purge).fetchone() == (0,)


def test_data_of_a_version_with_one_role_goes_on(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    with owner_lock(home, wait_s=0), _without_urls():
        servers = RunningServers(home)
        servers.start()
        with psycopg.connect(servers.urls.owner_database_url, autocommit=True) as owner:
            owner.execute("DROP ROLE zavora_run")
        servers.stop()
        (home.path / "postgres" / "zavora_roles").unlink()
        (home.path / "secrets" / "postgres_run_password").unlink()

        servers = RunningServers(home)
        servers.start()
        try:
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"],
                cwd=PROJECT_DIR,
                env={
                    **environment,
                    "ZAVORA_HOME": str(home.path),
                    "DATABASE_URL": servers.urls.database_url,
                    "REDIS_URL": servers.urls.redis_url,
                    "ZAVORA_OWNER_DATABASE_URL": servers.urls.owner_database_url,
                },
                check=True,
            )
            with psycopg.connect(servers.urls.database_url) as run:
                assert run.execute("SELECT count(*) FROM accounts_ledgerentry").fetchone() == (0,)
        finally:
            servers.stop()


def test_a_role_that_is_not_there_is_named(exchange: Exchange) -> None:
    url = exchange.env["DATABASE_URL"].replace("zavora_run:", "nobody_here:")
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput"],
        cwd=PROJECT_DIR,
        env={
            **exchange.env,
            "DATABASE_URL": url,
            "ZAVORA_OWNER_DATABASE_URL": exchange.database_url,
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "CREATE ROLE nobody_here LOGIN" in done.stderr


def _rows(exchange: Exchange, table: str) -> int:
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


class _without_urls:  # noqa: N801 (reads as a statement)
    """Let servers be the home's own, whatever the test run itself uses."""

    def __enter__(self) -> None:
        self._kept = {n: os.environ.pop(n, None) for n in ("DATABASE_URL", "REDIS_URL")}

    def __exit__(self, *_: object) -> None:
        os.environ.update({n: v for n, v in self._kept.items() if v is not None})
