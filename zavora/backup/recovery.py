"""Bring a cluster back beside: open a chain, combine it, let PostgreSQL replay the log to a target.

The server that does it listens on a Unix socket in a private folder alone, archives nothing, waits
for no replica, and ends with its block.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import psycopg

from zavora.backup.checking import unpack
from zavora.backup.errors import BackupError
from zavora.backup.programs import (
    MAJOR_OF_INCREMENTALS,
    clean_environment,
    programs_for,
    require_room,
    run_program,
    work_folder,
)
from zavora.backup.store import BASE_FILE, Manifest, Store
from zavora.backup.wal import lsn_of, segment_of
from zavora.runner.embedded.archiving import archive_environment, command_line
from zavora.runner.embedded.binaries import PostgresPrograms
from zavora.runner.embedded.privileges import own, run_as_for
from zavora.runner.processes import ProcessSpec, end_processes, identify, private_opener, spawn

LATEST: Final = "latest"
_PORT: Final = 5432  # only part of the socket's name
_POLL_S: Final = 0.05
_STOP_GRACE_S: Final = 60.0
_LOG_TOLD_LINES: Final = 8
PROGRESS_EVERY_S: Final = 5.0


class Target(msgspec.Struct, frozen=True):
    """To where a cluster is brought: a moment, a place in the log, or the end of the archive."""

    time: datetime | None = None
    lsn: int | None = None

    @property
    def text(self) -> str:
        """Say it, as ``parse_target`` reads it."""
        if self.time is not None:
            return self.time.isoformat()
        return LATEST if self.lsn is None else f"{self.lsn >> 32:X}/{self.lsn & 0xFFFFFFFF:X}"

    def settings(self) -> dict[str, str]:
        """Return what PostgreSQL is told."""
        if self.time is not None:
            return {"recovery_target_time": self.time.astimezone(UTC).isoformat(sep=" ")}
        return {} if self.lsn is None else {"recovery_target_lsn": self.text}

    def is_after(self, backup: Manifest) -> bool:
        """Return whether a backup can be brought there: it ended before."""
        if self.time is not None:
            return backup.finished_at <= self.time
        return self.lsn is None or backup.end_lsn <= self.lsn


def parse_target(text: str) -> Target:
    """Return the target that a person named. Raises BackupError."""
    if text == LATEST:
        return Target()
    if "/" in text:
        with contextlib.suppress(ValueError):
            return Target(lsn=lsn_of(text))
    else:
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return Target(time=moment)
    raise BackupError(
        f"--to {text}: expected a time with its zone (2026-11-30T12:00:00Z), a place in the log"
        f" (0/3000148) or {LATEST}"
    )


def choose_chain(store: Store, target: Target) -> list[Manifest]:
    """Return the newest chain that ended before the target. Raises BackupError or Damaged."""
    usable = [one for one in store.manifests() if target.is_after(one)]
    if not usable:
        raise BackupError(f"no backup in {store.path} ended before {target.text}")
    return store.chain(usable[-1].name)


class Recovered(msgspec.Struct, frozen=True):
    """A cluster that was brought back: where it lies, from which chain, how long the steps took."""

    data: Path
    chain: list[Manifest]
    seconds: dict[str, float]


def lay_out(store: Store, chain: list[Manifest], data: Path, *, say: Callable[[str], None]) -> None:
    """Open a chain and combine it in the empty folder ``data``. Raises BackupError or Damaged."""
    programs = programs_for(chain[-1].major)
    largest = max(one.plain_bytes for one in chain)
    require_room(data.parent, largest, what="the cluster")
    with work_folder() as work:
        require_room(work, sum(one.plain_bytes for one in chain), what="the opened backups")
        folders = []
        for one in chain:
            say(f"opening {one.name}")
            folders.append(work / one.name)
            unpack(store, store.base / one.name / BASE_FILE, one.name, folders[-1])
        if len(folders) == 1:
            _verify(programs, folders[0])
            shutil.copytree(folders[0], data, symlinks=True, dirs_exist_ok=True)
        else:
            for folder in folders:
                _verify(programs, folder)
            run_program(
                [programs.folder / "pg_combinebackup", "--output", data, *folders],
                what="pg_combinebackup",
            )
            _verify(programs, data)
    data.chmod(0o700)


def _verify(programs: PostgresPrograms, folder: Path) -> None:
    run_program(
        [programs.folder / "pg_verifybackup", "--quiet", folder], what=f"base/{folder.name}"
    )


class BesideServer:
    """A PostgreSQL on a recovered folder, for as long as somebody needs it."""

    def __init__(self, data: Path, backup: Manifest, folder: Path) -> None:
        self.data = data
        self._backup = backup
        self._programs = programs_for(backup.major)
        self._run_as = run_as_for(self._programs.folder / "postgres")
        self._folder = folder
        # A socket's path has room for 107 bytes.
        self._sockets = Path(tempfile.mkdtemp(prefix="zv-"))
        self._log = folder / "postgres.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, as the owner of the tables."""
        place = quote(str(self._sockets), safe="")
        return (
            f"postgresql://{quote(self._backup.owner)}@:{_PORT}/{quote(self._backup.database)}"
            f"?host={place}"
        )

    def start(self, settings: dict[str, str]) -> None:
        """Start it; call it in the main thread."""
        own(self.data, self._run_as)
        own(self._sockets, self._run_as)
        # The cluster's own files of settings may be elsewhere, and are about another machine.
        rules, config = self._folder / "hba.conf", self._folder / "postgresql.conf"
        rules.write_text("local all all trust\n")
        config.write_text("")
        own(self._folder, self._run_as)
        words = {
            "config_file": str(config), "hba_file": str(rules), "ident_file": str(config),
            "listen_addresses": "", "port": str(_PORT),
            "unix_socket_directories": f'"{self._sockets}"', "unix_socket_permissions": "0700",
            "archive_mode": "off", "summarize_wal": "off", "synchronous_standby_names": "",
            "primary_conninfo": "", "primary_slot_name": "", "shared_preload_libraries": "",
            "hot_standby": "off", "ssl": "off", "logging_collector": "off", "jit": "off",
            "timezone": "UTC", "log_timezone": "UTC", "max_connections": "50",
            "max_wal_size": "4GB",
            "wal_keep_size": "4GB",  # what it fills is still to be archived, by the next server
            "recovery_target_action": "promote",
            "restore_command": command_line("fetch", '"%f" "%p"'),
            **settings,
        }  # fmt: skip
        argv = [*self._run_as.prefix, str(self._programs.folder / "postgres"), "-D", str(self.data)]
        for name, word in words.items():
            if self._knows(name):
                argv += ["-c", f"{name}={word}"]
        spec = ProcessSpec(
            name="restored", argv=tuple(argv), cwd=self.data, stop_signal=signal.SIGINT,
            env=clean_environment(archive_environment()), stop_grace_s=_STOP_GRACE_S,
        )  # fmt: skip
        with open(self._log, "ab", opener=private_opener) as log:
            self._child = spawn(spec, stdout=log)

    def _knows(self, name: str) -> bool:
        return name != "summarize_wal" or self._programs.major >= MAJOR_OF_INCREMENTALS

    def wait_until_open(self, say: Callable[[str], None]) -> None:
        """Wait until the target is reached and the server takes writes. Raises BackupError."""
        told = time.monotonic()
        while True:
            if self._child is None or self._child.poll() is not None:
                raise BackupError(f"the recovery ended: {self._last_words()}")
            if self._is_open():
                return
            if time.monotonic() - told > PROGRESS_EVERY_S:
                told = time.monotonic()
                say("replaying the log")
            time.sleep(_POLL_S)

    def _is_open(self) -> bool:
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as asked:
                row = asked.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and not row[0]

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        text = "\n".join(lines[-_LOG_TOLD_LINES:])
        if "before configured recovery target was reached" in text:
            return (
                "the archive ends before the target: nothing that was committed later is in it."
                f" Name an earlier one, or {LATEST}.\n{text}"
            )
        return text

    def stop(self) -> None:
        """Stop it and take its folder of sockets away."""
        child = self._child
        if child is not None:
            if child.poll() is None and (identity := identify(child.pid)):
                end_processes([identity], stop_signal=signal.SIGINT, grace_s=_STOP_GRACE_S)
            child.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)


@contextlib.contextmanager
def recovered_server(
    store: Store, target: Target, data: Path, *, say: Callable[[str], None]
) -> Iterator[tuple[BesideServer, Recovered]]:
    """Bring the cluster to ``target`` in the empty folder ``data``; yield its server, open.

    Raises BackupError or Damaged.
    """
    began = time.monotonic()
    chain = choose_chain(store, target)
    lay_out(store, chain, data, say=say)
    laid = time.monotonic()
    (data / "recovery.signal").touch(mode=0o600)
    (data / "standby.signal").unlink(missing_ok=True)
    with work_folder() as work:
        server = BesideServer(data, chain[-1], work)
        try:
            server.start(target.settings())
            server.wait_until_open(say)
            took = {"lay out": laid - began, "replay": time.monotonic() - laid}
            say(f"recovered to {target.text}: {took['lay out']:.1f} s + {took['replay']:.1f} s")
            yield server, Recovered(data, chain, took)
        finally:
            server.stop()


def mark_for_archive(data: Path, current: str) -> None:
    """Let the server that will run on a recovered folder archive its new timeline from the start.

    ``current`` is the file of the log that is being written. The server that recovered archives
    nothing, so it left no word of the timeline's history and of files that it filled. One that only
    somebody looks at never gets into the archive, where later recoveries would follow it.
    """
    log = data / "pg_wal"
    timeline = current[:8]
    done = [path for path in log.glob(f"{timeline}*") if path.name == f"{timeline}.history"]
    done += [
        path for path in log.glob(f"{timeline}*") if segment_of(path.name) and path.name < current
    ]
    for path in done:
        mark = log / "archive_status" / f"{path.name}.ready"
        mark.touch(mode=0o600)
        os.chown(mark, data.stat().st_uid, -1)
