"""PostgreSQL's programs for backups, of the server's own version, and folders to work in."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from zavora.backup.errors import BackupError
from zavora.backup.store import WORK_VARIABLE
from zavora.runner.embedded.binaries import PostgresPrograms, ServerMissing, find_postgres

URL_VARIABLE: Final = "ZAVORA_BACKUP_DATABASE_URL"
MAJOR_OF_INCREMENTALS: Final = 17
_WORK_PREFIX: Final = "zavora-backup-"
# Free beyond what is asked for: the server's own files need some room, too.
SPARE_BYTES: Final = 256 << 20


def programs_for(major: int | None = None) -> PostgresPrograms:
    """Return the programs of the server's version. Raises BackupError that says which is needed."""
    try:
        found = find_postgres()
    except ServerMissing as error:
        raise BackupError(str(error)) from None
    if major not in (None, found.major):
        raise BackupError(
            f"the server is PostgreSQL {major}, and {found.folder} has the programs of"
            f" {found.major}; name a folder with pg_basebackup and pg_verifybackup of {major} by"
            " ZAVORA_POSTGRES_BIN"
        )
    return found


class Connection:
    """How a server is reached by libpq's programs: the password goes by the environment."""

    def __init__(self, url: str) -> None:
        words = conninfo_to_dict(url)
        self._password = str(words.pop("password", ""))
        self._words = words
        self._url = url

    @property
    def conninfo(self) -> str:
        """For the command line: without the password."""
        return make_conninfo("", **{name: str(word) for name, word in self._words.items()})

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that connects."""
        return clean_environment({"PGPASSWORD": self._password} if self._password else {})

    def open(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Connect. Raises BackupError."""
        try:
            return psycopg.connect(self._url, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            raise BackupError(f"the database cannot be reached: {error}") from None


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without what is said to libpq about other servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", **more}


def run_program(command: Sequence[str | Path], *, what: str) -> str:
    """Run a program to its end and return what it said. Raises BackupError."""
    done = subprocess.run(
        [str(word) for word in command], env=clean_environment({}), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0:
        raise BackupError(f"{what}: {done.stdout.strip()}")
    return done.stdout


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a private folder for what is not sealed; it goes with the block.

    Those of processes that were killed are found by their free locks, and go now.
    """
    parent = Path(os.environ.get(WORK_VARIABLE) or tempfile.gettempdir())
    if not parent.is_dir():
        raise BackupError(f"{WORK_VARIABLE}={parent}: expected a folder")
    for left in parent.glob(f"{_WORK_PREFIX}*"):
        if left.is_dir() and left.stat().st_uid == os.getuid() and _is_free(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=parent))
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _is_free(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR)
    except OSError:  # just being made
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def require_room(folder: Path, needed: int, *, what: str) -> None:
    """Raise BackupError where a folder's disk has less room than is needed."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise BackupError(
            f"{folder} has {free >> 20} MiB free, and {what} takes up to"
            f" {(needed + SPARE_BYTES) >> 20} MiB"
        )
