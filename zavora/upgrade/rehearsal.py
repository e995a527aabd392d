"""Migrations applied to an empty copy of the tables, on a server of its own, and watched there.

What a statement locks, rewrites or reads whole is asked of PostgreSQL after the statement, before
its transaction ends: ``pg_locks`` of the own session, the files of tables, the scans of this
transaction. Text is not looked at: an ALTER TABLE that is harmless and one that is not differ in
what is there already.

The copy is taken by ``pg_dump``, which locks nobody out. Besides tables it has the rows that
migrations stand on: which of them are applied, and roles.
"""

import contextlib
import dataclasses
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import environ
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from zavora.backup.programs import Connection, clean_environment
from zavora.runner.embedded.binaries import PostgresPrograms, ServerMissing, find_postgres
from zavora.runner.embedded.postgres import prepare_postgres
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.home import Home, HomeError, owner_lock
from zavora.upgrade.errors import CheckFailed
from zavora.upgrade.observing import Observed, Observer

ALIAS: Final = "rehearsal"
# Nobody may be kept waiting by the dump either.
DUMP_LOCK_WAIT: Final = "2s"
_ROWS_OF: Final = (
    *("django_migrations", "django_content_type"),
    *("auth_permission", "auth_group", "auth_group_permissions"),
)
_NO_OTHERS: Final = ("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")


def rehearse(live_url: str, plan: list[Migration], *, major: int) -> list[Observed]:
    """Apply migrations to a copy of a database's tables, in order; return what each did.

    The first that fails is the last. Raises CheckFailed where there can be no copy.
    """
    with _copy(live_url, major=major) as connection:
        executor = MigrationExecutor(connection)
        observer = Observer(connection)
        found: list[Observed] = []
        known = executor.loader.graph.nodes
        state = executor.loader.project_state(
            [node for node in executor.loader.applied_migrations if node in known]
        )
        for migration in plan:
            with observer.watching(migration) as observed:
                state = executor.apply_migration(state, migration)
            found.append(observed)
            if observed.failure:
                break
        return found


@contextlib.contextmanager
def _copy(live_url: str, *, major: int) -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection to a copy of a database's tables. Raises CheckFailed."""
    programs = _programs(major)
    with tempfile.TemporaryDirectory(prefix="zavora-upgrade-") as path:
        home = Home(Path(path) / "home")
        home.prepare()
        with owner_lock(home, wait_s=0), _server(home) as url:
            _restore(programs, live_url, url, Path(path))
            connections.settings[ALIAS] = connections.configure_settings(
                {"default": {}, ALIAS: environ.Env.db_url_config(url)}
            )[ALIAS]
            connection = connections[ALIAS]
            try:
                yield connection
            finally:
                connection.close()
                del connections[ALIAS]
                del connections.settings[ALIAS]


def _programs(major: int) -> PostgresPrograms:
    try:
        found = find_postgres()
    except ServerMissing as error:
        raise CheckFailed(str(error)) from None
    if found.major < major or not (found.folder / "pg_dump").is_file():
        raise CheckFailed(
            f"{found.folder} has PostgreSQL {found.major}, and what is rehearsed needs programs of"
            f" {major}, pg_dump among them; name a folder with them by ZAVORA_POSTGRES_BIN"
        )
    return found


@contextlib.contextmanager
def _server(home: Home) -> Iterator[str]:
    """Run a PostgreSQL in a home; yield its owner's URL. Raises CheckFailed."""
    servers = RunningServers(home)
    try:
        planned = prepare_postgres(home)
        spec = planned.spec()
        # Nothing here is worth keeping, and nothing of it belongs into an archive.
        more = ("-c", "archive_mode=off", "-c", "fsync=off", "-c", "shared_buffers=64MB")
        servers.start_one(dataclasses.replace(spec, argv=(*spec.argv, *more)))
        servers.wait_until_ready(spec.name)
        yield planned.owner_url
    except (HomeError, ServerMissing) as error:
        raise CheckFailed(f"no server to rehearse on: {error}") from None
    finally:
        servers.stop()


def _restore(programs: PostgresPrograms, source: str, target: str, folder: Path) -> None:
    """Copy all tables, and the rows of a few."""
    rows = [f"--table={table}" for table in _ROWS_OF]
    for name, options in (("schema", ["--schema-only"]), ("rows", ["--data-only", *rows])):
        file = str(folder / f"{name}.dump")
        dump = ["--format=custom", f"--file={file}", f"--lock-wait-timeout={DUMP_LOCK_WAIT}"]
        _run(programs, "pg_dump", source, [*_NO_OTHERS, *dump, *options])
        _run(programs, "pg_restore", target, ["--no-owner", "--exit-on-error", file])


def _run(programs: PostgresPrograms, name: str, url: str, options: list[str]) -> None:
    place = Connection(url)
    done = subprocess.run(
        [str(programs.folder / name), f"--dbname={place.conninfo}", *options],
        env=clean_environment(place.environment()),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CheckFailed(f"{name}: {done.stderr.strip()}")
