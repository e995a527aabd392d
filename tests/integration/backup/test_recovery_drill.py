"""Backups of a real exchange: brought back to between two trades, drilled, damaged, killed.

One exchange makes them all; the parts build upon each other in the order of this file.
"""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.exchange import Exchange, wait_until
from zavora.backup.checking import find_damage
from zavora.backup.commands import run_manage
from zavora.backup.drill import drill
from zavora.backup.errors import BackupError
from zavora.backup.programs import work_folder
from zavora.backup.recovery import BesideServer, Target, parse_target
from zavora.backup.restoring import restore
from zavora.backup.sealing import Keyring
from zavora.backup.store import SEALED, Store, store_from
from zavora.runner.home import PROJECT_DIR

pytestmark = [pytest.mark.trial, pytest.mark.timeout(1200)]

KEY = "a random text of the operator's own and long"
MARKET = "BTC/EUR"
TRADES = "SELECT count(*) FROM matching_trade"


def say(line: str) -> None:
    """Print a line: what `make recovery-drill` shows."""
    sys.stdout.write(f"{line}\n")


@dataclass
class World:
    """An exchange that archives, with two who trade, and the moment between two of their trades."""

    exchange: Exchange
    store: Store
    tokens: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    moment: str = ""
    trades_then: int = 0
    hash_then: str = ""
    epoch: int = 0

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(
            method, f"{self.exchange.base_url}/api/v1{path}", json=body, timeout=30,
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def sql(self, statement: str) -> Any:
        with psycopg.connect(self.exchange.database_url, autocommit=True) as asked:
            row = asked.execute(statement).fetchone()
        assert row is not None
        return row[0]

    def trade(self, times: int) -> None:
        for _ in range(times):
            for who, side in (("ann", "sell"), ("bob", "buy")):
                order = {
                    "user_id": self.accounts[who], "market": MARKET, "side": side,
                    "order_type": "Limit", "price": "50000", "quantity": "0.001",
                }  # fmt: skip
                self.ask(who, "POST", "/orders", order)

    def archive_all(self) -> None:
        """Wait until everything that was committed is in the archive."""
        name = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self.sql("SELECT pg_switch_wal()")
        wait_until(self.store.wal_path(name).exists, timeout_s=60, what=f"{name} in the archive")

    def hash_of(self, said: str) -> str:
        found = re.search(r"engine ([0-9a-f]{16}): agrees", said)
        assert found, said
        return found[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("backups")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ZAVORA_BACKUP_DIR", str(folder / "store"))
        environment.setenv("ZAVORA_BACKUP_KEY", KEY)
        environment.setenv("ZAVORA_BACKUP_WORK_DIR", str(folder))
        with Exchange(demo=True) as exchange:
            world = World(exchange, store_from(os.environ))
            _live(world)
            yield world


def _live(world: World) -> None:
    """Trade, back up, trade on, and pass the moment that everything is brought back to."""
    exchange = world.exchange
    for who in ("ann", "bob"):
        world.tokens[who] = exchange.create_token(
            f"{who}@backup.example", scopes="read,trade,withdraw"
        )
        world.accounts[who] = world.ask(who, "GET", "/accounts")[0]["id"]
        for asset, amount in (("BTC", "10"), ("EUR", "1000000")):
            exchange.manage(
                "deposit", "--email", f"{who}@backup.example", "--asset", asset, "--amount", amount
            )
    world.trade(3)
    say(exchange.manage("backup", "--full"))
    world.trade(2)
    exchange.manage("make_checkpoint")
    say(exchange.manage("backup", "--incremental"))
    world.trade(2)
    world.trades_then = world.sql(TRADES)
    world.hash_then = world.hash_of(exchange.manage("verify_journal"))
    world.moment = world.sql("SELECT clock_timestamp()").isoformat()
    world.trade(3)
    account = world.accounts["ann"]
    world.ask("ann", "POST", f"/accounts/{account}/withdraw", {"asset": "EUR", "amount": "12.5"})
    exchange.create_token("eve@backup.example")
    world.epoch = world.sql("SELECT max(epoch) FROM matching_shard")
    world.archive_all()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_it_is_brought_back_to_between_two_trades(world: World, tmp_path: Path) -> None:
    data, report = tmp_path / "restored", tmp_path / "report"
    began = time.monotonic()

    restored = restore(
        world.store, parse_target(world.moment), data, report=report, home=None, say=say
    )

    say(f"restored in {time.monotonic() - began:.1f} s: {restored.seconds}")
    assert [name.rpartition("-")[2] for name in restored.chain] == ["full", "incremental"]
    chain = world.store.chain(restored.chain[-1])
    with work_folder() as work:
        server = BesideServer(data, chain[-1], work)
        try:
            server.start({})
            server.wait_until_open(say)
            _prove_restored(world, server)
        finally:
            server.stop()
    # What was told beyond, and to whom.
    assert len(rows_of(report / "trades.csv")) == 3
    assert [row["kind"] for row in rows_of(report / "commands.csv")] == ["place"] * 6
    (withdrawal,) = [row for row in rows_of(report / "money.csv") if row["kind"] == "withdrawal"]
    assert (withdrawal["amount"], withdrawal["state"]) == ("12.5", "settled")
    assert withdrawal["state_restored"] == "unknown there"
    assert len(rows_of(report / "accounts.csv")) == 2
    assert "1 people are new" in restored.beyond
    # Who puts it into service archives its timeline from the start; nobody else does.
    assert (data / "pg_wal" / "archive_status" / "00000002.history.ready").exists()
    assert not world.store.wal_path("00000002.history").exists()
    assert oct(report.stat().st_mode)[-3:] == "700"


def _prove_restored(world: World, server: BesideServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as asked:
        assert asked.execute(TRADES).fetchone() == (world.trades_then,)
        shard = asked.execute(
            "SELECT epoch > %s, lease_expires_at > now() + interval '1 year', lease_owner"
            " FROM matching_shard", (world.epoch + 1_000_000,),
        ).fetchone()  # fmt: skip
        assert shard == (True, True, "restored")
    assert "everything adds up" in run_manage(server.url, "reconcile")
    assert world.hash_of(run_manage(server.url, "verify_journal")) == world.hash_then
    assert "the chain holds" in run_manage(server.url, "verify_audit")
    with pytest.raises(BackupError, match="held: this database was restored"):
        run_manage(server.url, "confirm_restore", "--check")
    said = run_manage(server.url, "confirm_restore", "--reason", "all of money.csv is posted")
    assert "1 shards may be taken" in said
    with psycopg.connect(server.url, autocommit=True) as asked:
        free = asked.execute("SELECT lease_expires_at < clock_timestamp() FROM matching_shard")
        assert free.fetchone() == (True,)
    with pytest.raises(BackupError, match="nothing is held"):
        run_manage(server.url, "confirm_restore", "--reason", "once more")


def test_the_drill_proves_the_newest_and_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What an exchange with replicas is set to: a server that is brought back beside has none.
    monkeypatch.setenv("ZAVORA_REQUIRE_SYNC_REPLICA", "1")
    before = set(Path(os.environ["ZAVORA_BACKUP_WORK_DIR"]).iterdir())

    done = drill(world.store, Target(), say=say)

    say(f"drill: {done.seconds}")
    assert done.failed == []
    assert len(done.chain) == 2
    assert world.store.status().restore_drill_success > world.store.status().backup_success > 0
    assert set(Path(os.environ["ZAVORA_BACKUP_WORK_DIR"]).iterdir()) == before


def test_a_target_that_is_not_in_the_archive_is_named(world: World, tmp_path: Path) -> None:
    data = tmp_path / "restored"
    for to, why in (
        ("2020-01-01T00:00:00Z", "no backup in .* ended before"),
        ("FFFF/FFFFFFFF", "the archive ends before the target"),
    ):
        with pytest.raises(BackupError, match=why):
            restore(world.store, parse_target(to), data, report=tmp_path / "r", home=None, say=say)
        assert not data.exists()
        assert not data.with_name("restored.restoring").exists()


def test_a_folder_with_anything_in_it_is_left_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")

    done = world.exchange.try_manage("restore", "--to", "latest", "--target-dir", str(tmp_path))

    assert done.returncode == 1
    assert "expected an empty folder" in done.stderr
    assert (tmp_path / "precious").read_text() == "x"
    running = world.exchange.try_manage("restore", "--to", "latest", "--home", "--replace")
    assert "stop the exchange first" in running.stderr


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def test_whatever_is_damaged_is_named(world: World, tmp_path: Path) -> None:
    copy = Store(tmp_path / "copy", world.store.keys)
    shutil.copytree(world.store.path, copy.path)
    full, incremental = copy.names()
    flip(copy.base / full / "base.tar.gz.sealed")
    cut = copy.base / incremental / "base.tar.gz.sealed"
    os.truncate(cut, cut.stat().st_size - 1)
    flip(copy.base / incremental / "backup_manifest.sealed")
    wal = [path for path in copy.wal_files() if not path.name.endswith((".history.sealed",))]
    changed, short, gone = wal[0], wal[1], wal[-2]
    flip(changed)
    os.truncate(short, short.stat().st_size // 2)
    gone.unlink()

    found = find_damage(copy, quick=False, say=say)

    expected = [
        f"base/{full}/base.tar.gz.sealed: changed",
        f"base/{incremental}/base.tar.gz.sealed: ",
        f"base/{incremental}/backup_manifest.sealed: changed",
        *(f"wal/{path.name.removesuffix(SEALED)}: " for path in (gone, changed, short)),
    ]
    assert len(found) == len(expected), found
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning)


def test_a_damaged_manifest_and_a_wrong_key_are_named(world: World, tmp_path: Path) -> None:
    copy = Store(tmp_path / "copy", world.store.keys)
    shutil.copytree(world.store.path, copy.path)
    full, incremental = copy.names()
    flip(copy.base / incremental / "manifest.json")

    assert [line[: line.index(":")] for line in find_damage(copy, quick=True, say=say)] == [
        f"base/{incremental}/manifest.json"
    ]
    with pytest.raises(BackupError, match=f"base/{incremental}/manifest.json"):
        restore(copy, Target(), tmp_path / "r", report=tmp_path / "p", home=None, say=say)

    shutil.rmtree(copy.path)
    shutil.copytree(world.store.path, copy.path)
    shutil.rmtree(copy.base / full)
    found = find_damage(copy, quick=True, say=say)
    assert found == [f"base/{full}: missing, and {incremental} stands upon it"]
    stranger = Store(world.store.path, Keyring(["somebody else's random text, as long"]))
    found = find_damage(stranger, quick=True, say=say)
    assert all("a key that is not ours" in line for line in found[:2])


def test_only_one_makes_a_backup_at_a_time(world: World) -> None:
    before = world.store.names()

    with world.store.held(exclusive=True):
        done = world.exchange.try_manage("backup", "--full")

    assert done.returncode == 1
    assert "is held by another backup" in done.stderr
    assert world.store.names() == before


def test_one_that_is_killed_leaves_no_half_backup(world: World) -> None:
    before = world.store.names()
    process = subprocess.Popen(
        [sys.executable, str(PROJECT_DIR / "manage.py"), "backup", "--full"],
        env=world.exchange.env, cwd=PROJECT_DIR, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(
            lambda: any(world.store.base.glob(".making-*/base.tar.gz.sealed")),
            timeout_s=60, what="a backup in the making",
        )  # fmt: skip
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert world.store.names() == before
    with world.store.held(exclusive=True):
        assert list(world.store.base.glob(".making-*")) == []
    assert find_damage(world.store, quick=True, say=say) == []


def test_pruning_keeps_what_is_needed_and_recovery_still_works(world: World) -> None:
    world.exchange.manage("backup", "--full")
    *old, newest = world.store.names()

    world.exchange.manage("backups", "--prune", "--keep-full", "1", "--keep-days", "0")

    assert world.store.names() == [newest]
    assert len(old) == 2
    first = world.store.segments()[0]
    assert first.number == world.store.read(newest).start_lsn >> 24
    assert find_damage(world.store, quick=True, say=say) == []
    listed = world.exchange.manage("backups")
    assert newest in listed
