"""Restore: bring a cluster to a moment, hold it, and tell what was acknowledged beyond.

It is made aside and gets its name at the end, so what was killed leaves nothing that could be
taken for a whole one. What was acknowledged beyond is read from the archive, too: the same backups
brought to its end, compared with what was restored.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from zavora.backup.commands import run_manage
from zavora.backup.errors import BackupError
from zavora.backup.programs import work_folder
from zavora.backup.recovery import (
    BesideServer,
    Target,
    mark_for_archive,
    recovered_server,
)
from zavora.backup.store import Store, write_lasting
from zavora.foundation.secrets import get_or_create_secret
from zavora.runner.embedded.postgres import OWNER, ROLES_MARK, RUN_USER
from zavora.runner.home import Home, owner_lock

Say = Callable[[str], None]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored: from which chain, to where in the log, and how long the steps took.

    ``beyond``: what the report says in short; empty where there is nothing beyond, or none.
    """

    target: str
    chain: list[str]
    lsn: str
    timeline: int
    seconds: dict[str, float]
    beyond: str = ""


def restore(
    store: Store, target: Target, data: Path, *, report: Path, home: Home | None, say: Say
) -> Restored:
    """Restore into ``data``, which is empty or not there, held, with a report. Raises BackupError.

    ``home``: whose server is to run on it; its passwords become those of the roles.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data}: expected an empty folder, or none")
    aside = data.with_name(f"{data.name}.restoring")
    if aside.exists():
        shutil.rmtree(aside)  # of a restore that was killed
    aside.mkdir(mode=0o700, parents=True)
    report.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with store.held(exclusive=False):
            restored = _restore_aside(store, target, aside, report=report, home=home, say=say)
            if target != Target():
                beyond = _tell_beyond(store, report, say=say)
                restored = msgspec.structs.replace(restored, beyond=beyond)
        if data.exists():
            data.rmdir()
        aside.rename(data)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    body = msgspec.json.format(msgspec.json.encode(restored), indent=1)
    write_lasting(report / "restored.json", body)
    return restored


def _restore_aside(
    store: Store, target: Target, aside: Path, *, report: Path, home: Home | None, say: Say
) -> Restored:
    with recovered_server(store, target, aside, say=say) as (server, recovered):
        _require_same_tables(recovered.chain[-1].migrations, server, say)
        say("holding shards and money")
        run_manage(server.url, "hold_restored", "--target", target.text)
        as_of = run_manage(server.url, "tell_beyond", "as_of")
        write_lasting(report / "as_of.json", as_of.encode())
        if home is not None:
            _take_passwords(server, home, aside)
        with psycopg.connect(server.url, autocommit=True) as asked:
            row = asked.execute(
                "SELECT pg_current_wal_flush_lsn()::text, pg_walfile_name(pg_current_wal_lsn())"
            ).fetchone()
    if row is None:
        raise BackupError("the restored server says nothing of itself")
    mark_for_archive(aside, row[1])
    return Restored(
        target=target.text, chain=[one.name for one in recovered.chain], lsn=row[0],
        timeline=int(row[1][:8], 16), seconds=recovered.seconds,
    )  # fmt: skip


def _require_same_tables(had: dict[str, str], server: BesideServer, say: Say) -> None:
    """Bring tables of an earlier version up to this one's: what is asked next expects them."""
    said = run_manage(server.url, "migrate", "--noinput")
    if "Applying" in said:
        say(f"tables were those of {', '.join(f'{app} {name}' for app, name in had.items())}")
        say("they were brought up to this version")


def _take_passwords(server: BesideServer, home: Home, data: Path) -> None:
    secrets = {OWNER: "postgres_password", RUN_USER: "postgres_run_password"}
    with psycopg.connect(server.url, autocommit=True) as asked:
        for role, secret in secrets.items():
            found = asked.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            if found:
                password = get_or_create_secret(home.path, secret)
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                asked.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    (data / ROLES_MARK).touch(mode=0o600)


def _tell_beyond(store: Store, report: Path, *, say: Say) -> str:
    """Bring the same backups to the end of the archive, and write what that has beyond."""
    say("reading what was acknowledged beyond, from the end of the archive")
    try:
        with (
            work_folder() as work,
            recovered_server(store, Target(), work / "latest", say=say) as (server, _),
        ):
            return run_manage(
                server.url, "tell_beyond", "write", "--since", str(report / "as_of.json"),
                "--to", str(report),
            ).strip()  # fmt: skip
    except BackupError as error:
        # What is restored is whole all the same; who restores must know what is not known.
        return f"NOT KNOWN: the end of the archive cannot be read: {error}"


@contextlib.contextmanager
def home_to_restore(home: Home, *, replaces: bool) -> Iterator[tuple[Path, Path | None]]:
    """Hold a stopped home; yield where its PostgreSQL's folder goes, and where the old one went.

    Only with ``replaces`` is an old one moved aside, at the end. Raises BackupError.
    """
    home.prepare()
    with owner_lock(home, wait_s=0) as is_owner:
        if not is_owner:
            raise BackupError(f"{home.path} is in use: stop the exchange first")
        data = home.path / "postgres"
        if not data.exists():
            yield data, None
            return
        if not replaces:
            raise BackupError(f"{data} is there: --replace moves it aside")
        fresh = data.with_name("postgres.restored")
        if fresh.exists():
            shutil.rmtree(fresh)
        old = data.with_name(f"postgres.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        yield fresh, old
        data.rename(old)
        fresh.rename(data)
