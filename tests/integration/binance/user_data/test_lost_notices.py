"""A notice that never came: whoever follows the account is told within a bound, by either API."""

import asyncio
import subprocess
import sys
import time
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from marketdata.feed.account_streams import LATE_MAX_S
from marketdata.feed.feed import COMPARE_PERIOD_S
from tests.exchange import Exchange
from tests.integration.binance.user_data.conftest import Bot
from tests.integration.socket.conftest import Client
from zavora.runner.home import PROJECT_DIR

# What the machine may add to it.
SLACK_S = 10.0


def _deposit_in_silence(exchange: Exchange, account: str) -> None:
    """Credit an account by a process that cannot reach the queue: its notice is lost."""
    env = {**exchange.env, "REDIS_URL": "redis://127.0.0.1:1/0"}
    command = ("deposit", "--account", account, "--asset", "EUR", "--amount", "2.5")
    done = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "manage.py"), *command],
        env=env,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "notice_lost" in done.stdout + done.stderr


def _version(tables: psycopg.Connection[Any], account: str) -> int:
    row = tables.execute(
        "SELECT b.version FROM accounts_balance b JOIN accounts_account a ON a.id = b.account_id"
        " JOIN accounts_asset s ON s.id = b.asset_id WHERE a.public_id = %s AND s.code = 'EUR'",
        (account,),
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_lost_last_notice_of_a_quiet_account_is_told_within_its_bound(
    exchange: Exchange, alice: Bot, bob: Bot, tables: psycopg.Connection[Any]
) -> None:
    token = await asyncio.to_thread(exchange.create_token, "stream-0@example.com", scopes="read")
    pages = [Client(await connect(f"{exchange.ws_url}/ws")) for _ in range(2)]
    for page, channel in zip(pages, ("balances", "orders"), strict=True):
        await page.call("authenticate", token=token)
        assert "result" in await page.call("subscribe", channel=channel)
    bot = await alice.subscribe()
    untouched = await bob.subscribe()

    before = _version(tables, alice.account)
    await asyncio.to_thread(_deposit_in_silence, exchange, alice.account)
    committed_at = time.monotonic()
    assert _version(tables, alice.account) == before + 1

    codes = await asyncio.gather(pages[0].closed_with(timeout_s=60), bot.closed_with(timeout_s=60))
    taken_s = time.monotonic() - committed_at
    assert codes == [4008, 1013]
    assert taken_s < COMPARE_PERIOD_S + LATE_MAX_S + SLACK_S
    # Nobody was told of the balance: the end of the connection is what told of it.
    assert pages[0].of("balances") == []
    assert bot.of("balanceUpdate") == []
    # Who follows orders, or an account whose notices all came, is not disturbed.
    assert "result" in await pages[1].call("ping")
    await pages[1].end()
    assert (await untouched.call("time"))["status"] == 200
    await untouched.end()
