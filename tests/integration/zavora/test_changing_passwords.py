"""The passwords of database and queue are changed while orders go on, as docs/guide.md says."""

import re
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.exchange import Exchange, wait_until
from tests.integration.matching.test_unavailable import Client
from zavora.runner.exchange import marketdata, matching_worker, web
from zavora.runner.home import PROJECT_DIR

pytestmark = pytest.mark.timeout(120)


def _with_login(url: str, user: str, password: str) -> str:
    """Return the URL for another user."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def _place(client: Client) -> None:
    status, answer, _ = client.place()
    assert status == 200, answer


def _open_again(exchange: Exchange) -> None:
    """Start web and market data anew, then hand the shard over, with the settings of now."""
    exchange.launch(matching_worker(exchange.env, shard=0, name="worker-next"))
    for spec in (
        marketdata(exchange.env),
        web(exchange.env, port=exchange.port, server="uvicorn"),
        matching_worker(exchange.env, shard=0),
    ):
        exchange.kill(spec.name)
        exchange.launch(spec)
    exchange.wait_until_healthy()


def _sessions_of(connection: psycopg.Connection, role: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _run(exchange: Exchange, *arguments: str, **settings: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_DIR,
        env=exchange.env | settings,
        check=True,
    )


def test_both_passwords_change_without_an_end() -> None:
    with (
        Exchange(demo=True) as exchange,
        psycopg.connect(exchange.database_url, autocommit=True) as owner,
        redis.Redis.from_url(exchange.redis_url) as queue,
    ):
        client = Client(exchange, "patient")
        _place(client)

        owner.execute("CREATE ROLE zavora_run_2 LOGIN PASSWORD 'another' IN ROLE zavora_run")
        exchange.env["DATABASE_URL"] = _with_login(
            exchange.env["DATABASE_URL"], "zavora_run_2", "another"
        )
        queue.execute_command("ACL", "SETUSER", "default", ">the-next-one")
        exchange.env["REDIS_URL"] = _with_login(exchange.redis_url, "", "the-next-one")
        _place(client)  # nothing has changed for who runs with the former ones

        _open_again(exchange)
        _place(client)
        wait_until(
            lambda: _sessions_of(owner, "zavora_run") == 0,
            timeout_s=10,
            what="the end of the former role's sessions",
        )
        _run(exchange, "migrate", "--noinput", ZAVORA_OWNER_DATABASE_URL=exchange.database_url)
        owner.execute("DROP OWNED BY zavora_run")
        owner.execute("DROP ROLE zavora_run")
        former = re.search(r":([^:@/]+)@", exchange.redis_url)
        assert former is not None
        queue.execute_command("ACL", "SETUSER", "default", f"<{former[1]}")

        _open_again(exchange)
        _place(client)
        _run(exchange, "reconcile")
        _run(exchange, "verify_journal")
