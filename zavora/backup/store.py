"""Where backups lie: a folder with base backups, the WAL archive, a lock and the last successes.

    base/20261130T113245123Z-full/   base.tar.gz.sealed backup_manifest.sealed
                                     manifest.json manifest.mac
    base/.making-...                 one that is being made, or was when its maker was killed
    wal/0000000100000000/            the archive, a folder for 4 GiB of log
    lock  status.json

A backup is there when its folder has its name: it is made aside, made lasting, then renamed.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from zavora.backup.errors import BackupError, Damaged
from zavora.backup.sealing import Keyring, keys_from
from zavora.backup.wal import Segment, segment_of
from zavora.runner.embedded.archiving import DIR_VARIABLE

WORK_VARIABLE: Final = "ZAVORA_BACKUP_WORK_DIR"
BASE_FILE: Final = "base.tar.gz.sealed"
PG_MANIFEST_FILE: Final = "backup_manifest.sealed"
MANIFEST_FILE: Final = "manifest.json"
MAC_FILE: Final = "manifest.mac"
SEALED: Final = ".sealed"
MAKING: Final = ".making-"
Kind = Literal["full", "incremental"]


class StoredFile(msgspec.Struct, frozen=True):
    """A file of a backup as it lies in the store."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is.

    ``journal``: how far each shard was, at the least; ``migrations``: the newest of each app;
    places in the log are numbers (``wal.lsn_of``).
    """

    name: str
    kind: Kind
    parent: str | None
    system_identifier: str
    server_version: str
    major: int
    timeline: int
    start_lsn: int
    end_lsn: int
    began_at: datetime
    finished_at: datetime
    database: str
    owner: str
    plain_bytes: int
    migrations: dict[str, str]
    journal: dict[str, int]
    files: list[StoredFile]
    format: int = 1


class Status(msgspec.Struct, kw_only=True):
    """When what succeeded last, in seconds since 1970; 0: never."""

    backup_success: float = 0.0
    restore_drill_success: float = 0.0


class Store:
    """The folder of backups of one database cluster, with the keys that open it."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        self.path = path
        self.keys = keys

    @property
    def base(self) -> Path:
        """Where the base backups are."""
        return self.path / "base"

    @property
    def wal(self) -> Path:
        """Where the archive is."""
        return self.path / "wal"

    def prepare(self) -> None:
        """Make the folder and its parts, for the owner only. Raises BackupError."""
        try:
            for folder in (self.path, self.base, self.wal):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BackupError(f"{DIR_VARIABLE}={self.path} cannot be written: {error}") from None

    @contextlib.contextmanager
    def held(self, *, exclusive: bool) -> Iterator[None]:
        """Hold the store, so that nothing is taken out while it is read, and only one makes.

        The kernel drops the lock when its holder dies. Raises BackupError where it is held.
        """
        self.prepare()
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(
                    f"{self.path} is held by another backup, restore or clean-up; try again later"
                ) from None
            if exclusive:
                self._clear_unfinished()
            yield
        finally:
            os.close(descriptor)

    def _clear_unfinished(self) -> None:
        for folder in self.base.glob(f"{MAKING}*"):
            shutil.rmtree(folder)

    # --- base backups -----------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of all backups, the oldest first."""
        if not self.base.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.base.iterdir()
            if entry.is_dir() and not entry.name.startswith(".")
        )

    def read(self, name: str) -> Manifest:
        """Return what a backup says of itself. Raises Damaged where that is not what was sealed."""
        folder = self.base / name
        what = f"base/{name}/{MANIFEST_FILE}"
        try:
            body = (folder / MANIFEST_FILE).read_bytes()
            mac = (folder / MAC_FILE).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Damaged(f"{what}: {error}") from None
        if not self.keys.check_mac(body, mac):
            raise Damaged(f"{what}: changed, or sealed by a key that is not ours")
        manifest = msgspec.json.decode(body, type=Manifest)
        if manifest.name != name:
            raise Damaged(f"{what}: it is of {manifest.name}")
        return manifest

    def manifests(self) -> list[Manifest]:
        """Return all backups, the oldest first. Raises Damaged for the first that is not whole."""
        return [self.read(name) for name in self.names()]

    def chain(self, name: str) -> list[Manifest]:
        """Return a full backup and what was taken upon it, up to ``name``. Raises Damaged."""
        chain = [self.read(name)]
        while (parent := chain[0].parent) is not None:
            if parent not in self.names():
                raise Damaged(f"base/{parent}: missing, and {chain[0].name} stands upon it")
            chain.insert(0, self.read(parent))
        return chain

    def write_manifest(self, folder: Path, manifest: Manifest) -> None:
        """Write what a backup says of itself into the folder that it is made in."""
        body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_lasting(folder / MANIFEST_FILE, body)
        write_lasting(folder / MAC_FILE, f"{self.keys.first.mac(body)}\n".encode())

    def file_name(self, backup: str, file: str) -> str:
        """Return the name that is bound into a sealed file of a backup."""
        return f"base/{backup}/{file}"

    # --- the archive ------------------------------------------------------------------------------

    def wal_path(self, name: str) -> Path:
        """Return where a file of the log lies, or would."""
        folder = self.wal / (name[:16] if segment_of(name[:24]) else "timelines")
        return folder / f"{name}{SEALED}"

    def wal_files(self) -> list[Path]:
        """Return all files of the archive, sorted by name."""
        return sorted(self.wal.glob(f"*/*{SEALED}"), key=lambda path: path.name)

    def segments(self) -> list[Segment]:
        """Return the whole segments in the archive, sorted."""
        found = (segment_of(path.name.removesuffix(SEALED)) for path in self.wal_files())
        return sorted(segment for segment in found if segment is not None)

    # --- what succeeded ---------------------------------------------------------------------------

    def status(self) -> Status:
        """Return when what succeeded last."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.path / "status.json").read_bytes(), type=Status)
        return Status()

    def note_success(self, what: Literal["backup_success", "restore_drill_success"]) -> None:
        """Note that something has just succeeded."""
        status = self.status()
        setattr(status, what, datetime.now(UTC).timestamp())
        aside = self.path / f".status.{os.getpid()}"
        write_lasting(aside, msgspec.json.encode(status))
        aside.rename(self.path / "status.json")


def store_from(environment: Mapping[str, str]) -> Store:
    """Return the store that the environment names. Raises BackupError."""
    path = environment.get(DIR_VARIABLE, "")
    if not path:
        raise BackupError(f"{DIR_VARIABLE}: expected a folder for backups")
    return Store(Path(path).resolve(), keys_from(environment))


def write_lasting(path: Path, body: bytes) -> None:
    """Write a file for its owner only, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def make_lasting(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
