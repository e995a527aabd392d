"""Prove what is in the store, so that whatever is damaged is found before it is needed.

Each file by its hash, each backup by ``pg_verifybackup``, and the archive without a gap.
"""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, cast

from zavora.backup.archive import read_archived, unpacked
from zavora.backup.errors import BackupError, Damaged
from zavora.backup.programs import programs_for, require_room, run_program, work_folder
from zavora.backup.sealing import open_sealed
from zavora.backup.store import (
    BASE_FILE,
    PG_MANIFEST_FILE,
    SEALED,
    Manifest,
    Store,
    sha256_of,
)
from zavora.backup.wal import SEGMENT_BYTES, Segment, missing_segments, number_at, segment_of
from zavora.runner.embedded.binaries import PostgresPrograms

MISSING_TOLD_MAX: Final = 20


def prove(store: Store, sealed: Path, backup: str, target: Path, programs: PostgresPrograms) -> int:
    """Open a sealed base backup into ``target`` and verify it; return its size in bytes.

    Raises Damaged or BackupError.
    """
    size = unpack(store, sealed, backup, target)
    run_program(
        [programs.folder / "pg_verifybackup", "--quiet", target],
        what=f"base/{backup}/{BASE_FILE}",
    )
    return size


def unpack(store: Store, sealed: Path, backup: str, target: Path) -> int:
    """Open a sealed base backup into ``target``; return its size in bytes. Raises Damaged."""
    name = store.file_name(backup, BASE_FILE)
    target.mkdir(mode=0o700)
    size = 0
    try:
        with sealed.open("rb") as file:
            plain = _Stream(unpacked(open_sealed(file, store.keys, name), name))
            with tarfile.open(fileobj=cast("IO[bytes]", plain), mode="r|") as tar:
                for member in tar:
                    size += member.size
                    tar.extract(member, target, filter="data")
            plain.finish()
    except OSError as error:
        raise Damaged(f"{name}: {error}") from None
    except tarfile.TarError as error:
        raise Damaged(f"{name}: {error}") from None
    for folder in (target, *target.rglob("*")):
        # As initdb makes them: the server refuses anything that is open to others.
        folder.chmod(0o700 if folder.is_dir() else 0o600)
    return size


class _Stream:
    """Parts as a file that ``tarfile`` can read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._left = b""

    def read(self, size: int) -> bytes:
        while len(self._left) < size and (part := next(self._parts, None)) is not None:
            self._left += part
        data, self._left = self._left[:size], self._left[size:]
        return data

    def finish(self) -> None:
        """Read what stands behind the last member: only the end proves that nothing is cut off."""
        for _ in self._parts:
            pass


def opened_manifest(store: Store, backup: Manifest) -> bytes:
    """Return PostgreSQL's own manifest of a backup. Raises Damaged."""
    name = store.file_name(backup.name, PG_MANIFEST_FILE)
    path = store.base / backup.name / PG_MANIFEST_FILE
    try:
        with path.open("rb") as file:
            return b"".join(unpacked(open_sealed(file, store.keys, name), name))
    except OSError as error:
        raise Damaged(f"{name}: {error}") from None


def find_damage(store: Store, *, quick: bool, say: Callable[[str], None]) -> list[str]:
    """Return a line for each thing that is wrong in the store; [] if all is well.

    ``quick``: hashes and names alone; else all is opened, and PostgreSQL verifies each backup.
    """
    found: list[str] = []
    whole: list[Manifest] = []
    for name in store.names():
        try:
            manifest = store.read(name)
        except BackupError as error:
            found.append(str(error))
            continue
        wrong = [*_wrong_files(store, manifest), *_wrong_chain(store, manifest)]
        if not wrong and not quick:
            wrong = _wrong_contents(store, manifest)
        found += wrong
        whole.append(manifest)
        say(f"{name}: {'damaged' if wrong else 'good'}")
    return found + _wrong_log(store, whole, quick=quick, say=say)


def _wrong_files(store: Store, backup: Manifest) -> list[str]:
    wrong = []
    for stored in backup.files:
        path = store.base / backup.name / stored.name
        name = store.file_name(backup.name, stored.name)
        if not path.is_file():
            wrong.append(f"{name}: missing")
        elif path.stat().st_size != stored.size:
            wrong.append(f"{name}: {path.stat().st_size} bytes, expected {stored.size}")
        elif sha256_of(path) != stored.sha256:
            wrong.append(f"{name}: changed")
    return wrong


def _wrong_chain(store: Store, backup: Manifest) -> list[str]:
    if backup.parent is None or backup.parent in store.names():
        return []
    return [f"base/{backup.parent}: missing, and {backup.name} stands upon it"]


def _wrong_contents(store: Store, backup: Manifest) -> list[str]:
    try:
        with work_folder() as work:
            require_room(work, backup.plain_bytes, what="a backup's proof")
            sealed = store.base / backup.name / BASE_FILE
            prove(store, sealed, backup.name, work / "plain", programs_for(backup.major))
            opened_manifest(store, backup)
    except BackupError as error:
        return [str(error)]
    return []


def _wrong_log(
    store: Store, backups: list[Manifest], *, quick: bool, say: Callable[[str], None]
) -> list[str]:
    segments = set(store.segments())
    needed = {
        Segment(backup.timeline, number)
        for backup in backups
        for number in range(backup.start_lsn // SEGMENT_BYTES, number_at(backup.end_lsn))
    }
    # A server without an archive has backups all the same, each good for its own end.
    missing = missing_segments(segments | needed) if segments else []
    missing = sorted({*missing, *(needed - segments if segments else ())})
    wrong = [f"wal/{segment.name}: missing" for segment in missing[:MISSING_TOLD_MAX]]
    if len(missing) > MISSING_TOLD_MAX:
        wrong.append(f"wal: {len(missing) - MISSING_TOLD_MAX} more are missing")
    if not quick:
        for path in store.wal_files():
            name = path.name.removesuffix(SEALED)
            wrong += _wrong_wal(store, name)
    say(f"log: {len(segments)} segments, {len(missing)} missing")
    return wrong


def _wrong_wal(store: Store, name: str) -> list[str]:
    try:
        size = sum(len(part) for part in read_archived(store, name))
    except BackupError as error:
        return [str(error)]
    if segment_of(name) is not None and size != SEGMENT_BYTES:
        return [f"wal/{name}: {size} bytes, expected {SEGMENT_BYTES}"]
    return []
