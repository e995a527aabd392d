"""A PostgreSQL of our own: made once, run in the foreground, reached by a Unix socket.

Nothing is switched off that keeps commits safe: fsync, full_page_writes and synchronous_commit
are on, as the matching worker demands. Two roles use it: the owner of the tables migrates them, and
everything that serves runs as ``RUN_USER``, which may not rewrite what is append-only
(``zavora.database_rights`` grants).
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from zavora.foundation.secrets import get_or_create_secret
from zavora.runner.embedded.archiving import (
    archive_environment,
    archive_settings,
    is_archiving,
    missing_for_archiving,
)
from zavora.runner.embedded.binaries import PostgresPrograms, find_postgres
from zavora.runner.embedded.privileges import RunAs, own, run_as_for
from zavora.runner.home import Home, HomeError
from zavora.runner.processes import ProcessSpec, Stage, end_processes, identify

OWNER = DATABASE = "zavora"
RUN_USER = "zavora_run"
# Says, inside the data folder, that RUN_USER was made there: it comes and goes with the data.
ROLES_MARK = "zavora_roles"
PORT = 5432  # only part of the socket's name: no TCP port is opened
# How long a server may take to write what it has to when it is asked to stop.
STOP_GRACE_S = 3.0
LEFTOVER_GRACE_S = 10.0
BUFFERS_MB_MIN = 128
BUFFERS_MB_MAX = 1024

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    # The log is written while a batch is, so that its commit waits for little more than a flush.
    "wal_writer_delay": "10ms",
    "wal_writer_flush_after": "256kB",
    # Checkpoints are rare and slow, so that commits do not wait for them.
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    # What a statement carries (password hashes, sealed secrets, addresses) stays out of the log:
    # no text of failed statements, no parameters, and no DETAIL or CONTEXT, which quote rows.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """The PostgreSQL of one home. Make it with ``prepare_postgres``."""

    programs: PostgresPrograms
    run_as: RunAs
    data: Path
    sockets: Path
    owner_password: str
    run_password: str

    @property
    def url(self) -> str:
        """Where it answers to those who serve; understood by libpq and by Django's settings."""
        return self._url(RUN_USER, self.run_password)

    @property
    def owner_url(self) -> str:
        """Where it answers to the owner of the tables."""
        return self._url(OWNER, self.owner_password)

    def _url(self, user: str, password: str) -> str:
        return (
            f"postgresql://{user}:{quote(password)}@:{PORT}/{DATABASE}"
            f"?host={quote(str(self.sockets), safe='')}"
        )

    def spec(self) -> ProcessSpec:
        """Return how to run the server; INT makes it drop its clients and stop."""
        settings = {
            **SETTINGS,
            **archive_settings(self.programs.major),
            "shared_buffers": f"{_buffers_mb()}MB",
            "unix_socket_directories": f'"{self.sockets}"',
        }
        argv = [*self.run_as.prefix, str(self.programs.folder / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return ProcessSpec(
            name="postgres",
            argv=tuple(argv),
            env={**_environment(), **(archive_environment() if is_archiving() else {})},
            cwd=self.data,
            stop_signal=signal.SIGINT,
            stop_grace_s=STOP_GRACE_S,
            before_start=self.clear_stale_lock,
            stage=Stage.SERVER,
            is_ready=self.is_ready,
        )

    def is_ready(self, pid: int) -> bool:
        """Return whether the server with ``pid`` takes connections (as pg_ctl finds out)."""
        lines = self._lock_lines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].startswith("ready")

    def clear_stale_lock(self) -> None:
        """Make way for a start: end a server left on our data, drop a dead one's lock file.

        A postmaster that was killed leaves postmaster.pid, and the next refuses to start if any
        process has that pid by now, be it a zombie or a stranger.
        """
        lines = self._lock_lines()
        if not lines or not lines[0].isdigit():
            return
        identity = identify(int(lines[0]))
        if identity is not None and self._is_on_our_data(identity.pid):
            end_processes([identity], stop_signal=signal.SIGINT, grace_s=LEFTOVER_GRACE_S)
        else:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _is_on_our_data(self, pid: int) -> bool:
        try:
            words = psutil.Process(pid).cmdline()
        except psutil.Error:
            return False
        return bool(words) and Path(words[0]).name == "postgres" and str(self.data) in words


def prepare_postgres(home: Home) -> Postgres:
    """Return the home's server, its data folder made if this is the first time.

    Call it while holding the home's lock. Raises ServerMissing or HomeError.
    """
    if missing := missing_for_archiving():
        raise HomeError(missing)
    programs = find_postgres()
    server = Postgres(
        programs=programs,
        run_as=run_as_for(programs.folder / "postgres"),
        data=home.path / "postgres",
        sockets=home.socket_folder() / "pg",
        owner_password=get_or_create_secret(home.path, "postgres_password"),
        run_password=get_or_create_secret(home.path, "postgres_run_password"),
    )
    server.sockets.mkdir(mode=0o700, exist_ok=True)
    own(server.sockets, server.run_as)
    if server.data.exists():
        _check_version(server)
        own(server.data, server.run_as)
        if not (server.data / ROLES_MARK).exists():  # the data is of a version with one role
            server.clear_stale_lock()
            _make_run_role(server, server.data)
    else:
        _make_data(server)
    return server


def _check_version(server: Postgres) -> None:
    version = (server.data / "PG_VERSION").read_text().strip()
    if version != str(server.programs.major):
        raise HomeError(
            f"{server.data} was made by PostgreSQL {version}, but the one found here is "
            f"{server.programs.major}; dump and restore it, or `make reset`"
        )


def _make_data(server: Postgres) -> None:
    """Run initdb and make the database, aside, so that a half-made folder is never used."""
    fresh = server.data.with_name("postgres.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    own(fresh, server.run_as)
    password_file = fresh.with_name("postgres.password")
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if server.programs.major >= 17
        else ["--locale=C"]
    )
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(server.owner_password)
        if server.run_as.owner_uid > 0:
            os.chown(password_file, server.run_as.owner_uid, -1)
        _run(
            server,
            ["initdb", "--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={OWNER}"],
            ["--encoding=UTF8", *locale, "--no-instructions", "-D", str(fresh)],
        )
    finally:
        password_file.unlink(missing_ok=True)
    _run_single(server, fresh, f"CREATE DATABASE {DATABASE}")
    _make_run_role(server, fresh)
    fresh.rename(server.data)


def _make_run_role(server: Postgres, data: Path) -> None:
    """Make the role that serves, or give it its password; what it may do is granted later."""
    role = f"ROLE {RUN_USER} LOGIN PASSWORD '{server.run_password}'"
    exists = f"EXISTS (SELECT FROM pg_roles WHERE rolname = '{RUN_USER}')"
    _run_single(
        server,
        data,
        f"DO $$ BEGIN IF {exists} THEN ALTER {role}; ELSE CREATE {role}; END IF; END $$",
    )
    mark = data / ROLES_MARK
    mark.touch(mode=0o600)
    if server.run_as.owner_uid > 0:
        os.chown(mark, server.run_as.owner_uid, -1)


def _run_single(server: Postgres, data: Path, statement: str) -> None:
    """Run one statement as superuser on data that no server uses."""
    _run(
        server,
        ["postgres", "--single", "-D", str(data), "-c", "listen_addresses=", "postgres"],
        [],
        stdin=f"{statement}\n",
    )


def _run(server: Postgres, command: list[str], options: list[str], *, stdin: str = "") -> None:
    program = str(server.programs.folder / command[0])
    done = subprocess.run(
        [*server.run_as.prefix, program, *command[1:], *options],
        input=stdin,
        env=_environment(),
        cwd=server.data.parent,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise HomeError(f"{command[0]} failed:\n{done.stdout}")


def _environment() -> dict[str, str]:
    # PG* variables of the caller are about other servers.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _buffers_mb() -> int:
    """Return an eighth of the machine's memory, within bounds that suit small and large ones."""
    memory_mb = psutil.virtual_memory().total >> 20
    return max(BUFFERS_MB_MIN, min(BUFFERS_MB_MAX, memory_mb // 8))
