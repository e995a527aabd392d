"""The folder that holds all state of one exchange: databases, secrets, logs, what runs.

A marker file tells such a folder from any other, so that wiping it can never wipe something else.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import environ

PROJECT_DIR = Path(__file__).resolve().parents[2]
MARKER = ".zavora-home"
SERVERS_OWN = frozenset({"postgres", "postgres.new"})
# A Unix socket's path has room for 108 bytes on Linux and 104 on macOS, terminator included.
SOCKET_PATH_BYTES_MAX = 100
LOCK_POLL_S = 0.05


class HomeError(Exception):
    """The home cannot be used; the message says why, to a person."""


def load_environment() -> None:
    """Read ``.env`` into the environment, where set variables win (settings read it alike)."""
    file = PROJECT_DIR / ".env"
    if file.is_file():
        environ.Env.read_env(str(file))


def home_from_environment() -> Path:
    """Return ``$ZAVORA_HOME`` as an absolute path, by default ``.zavora`` in the project."""
    return Path(os.environ.get("ZAVORA_HOME") or PROJECT_DIR / ".zavora").resolve()


@dataclass(frozen=True, slots=True)
class Home:
    """Where things lie in ``path``, which the setting ``variable`` names."""

    path: Path
    variable: str = "ZAVORA_HOME"
    marker: str = MARKER

    @property
    def run(self) -> Path:
        """What is true only while something runs: records, locks, sockets."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.path / "logs"

    @property
    def servers_file(self) -> Path:
        """The URLs of the servers that run, readable by the owner only."""
        return self.run / "servers.json"

    @property
    def processes_file(self) -> Path:
        """Pid and start of every process that was started for this home."""
        return self.run / "processes.json"

    @property
    def is_ours(self) -> bool:
        """Whether the folder was made by ``prepare``."""
        return (self.path / self.marker).is_file()

    def prepare(self) -> None:
        """Make the folder and its parts, for the owner only; refuses a folder with other things."""
        strangers = {"secrets"}  # settings may have made a key before anything ran
        if self.path.exists() and not self.is_ours:
            if not self.path.is_dir():
                raise HomeError(f"{self.variable}={self.path} is not a folder")
            if {entry.name for entry in self.path.iterdir()} - strangers:
                raise HomeError(
                    f"{self.variable}={self.path} holds other things; name an empty folder"
                )
        try:
            for folder in (self.path, self.run, self.logs, self.path / "secrets"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            (self.path / self.marker).touch(mode=0o600)
            self._close_to_others()
        except PermissionError as error:
            raise HomeError(f"{self.variable}={self.path} cannot be written: {error}") from error

    def _close_to_others(self) -> None:
        """Take from group and others what an earlier version gave them on files and folders.

        Not PostgreSQL's own folder: it refuses to start on one that is open, and it is large.
        """
        for parent, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if name not in SERVERS_OWN]
            for name in (*folders, *files):
                path = Path(parent) / name
                # What another process removes meanwhile needs no correction, and what belongs to
                # another user is not ours to correct.
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    mode = path.lstat().st_mode
                    if mode & 0o077 and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                        path.chmod(stat.S_IMODE(mode) & 0o700)

    def socket_folder(self) -> Path:
        """Return a folder for Unix sockets, 0700 and ours, whose path is short enough."""
        longest = len(os.fsencode(self.run / ".s.PGSQL.00000"))
        if longest <= SOCKET_PATH_BYTES_MAX:
            return self.run
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"zavora-{os.getuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        # Somebody else may have made the folder first, to sit between us and the server.
        private = stat.S_ISDIR(state.st_mode) and not stat.S_IMODE(state.st_mode) & 0o077
        if state.st_uid != os.getuid() or not private:
            raise HomeError(f"{folder} is not a private folder of ours; remove it")
        return folder


def wait_for_lock(
    path: Path,
    *,
    exclusive: bool,
    wait_s: float,
    give_up: Callable[[], bool] = lambda: False,
) -> int | None:
    """Return a descriptor that holds an flock on ``path``, or None after ``wait_s`` seconds.

    The kernel drops the lock when the holder dies, however it dies. ``give_up`` ends the wait
    early. Close the descriptor to release.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline or give_up():
                os.close(descriptor)
                return None
            time.sleep(LOCK_POLL_S)
        else:
            return descriptor


@contextmanager
def owner_lock(
    home: Home, *, wait_s: float, give_up: Callable[[], bool] = lambda: False
) -> Iterator[bool]:
    """Hold the lock of whoever runs servers on ``home``; yields False if another one has it."""
    descriptor = wait_for_lock(
        home.run / "owner.lock", exclusive=True, wait_s=wait_s, give_up=give_up
    )
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)
