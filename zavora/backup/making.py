"""Take a base backup: streamed from the server, packed and sealed as it comes, then proved.

``pg_basebackup`` writes one tar to us, with the log that it needs to be whole, so nothing that is
not sealed touches the store. What was sealed is then opened again into a folder that goes, for
``pg_verifybackup``; only a backup that passed gets its name.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec

from zavora.backup.archive import GZIP, LEVEL
from zavora.backup.checking import opened_manifest, prove
from zavora.backup.errors import BackupError
from zavora.backup.programs import (
    MAJOR_OF_INCREMENTALS,
    Connection,
    programs_for,
    require_room,
    work_folder,
)
from zavora.backup.sealing import CHUNK_BYTES, SealedWriter
from zavora.backup.store import (
    BASE_FILE,
    MAKING,
    PG_MANIFEST_FILE,
    Kind,
    Manifest,
    Store,
    StoredFile,
    make_lasting,
)
from zavora.backup.wal import SEGMENT_BYTES, lsn_of

Choice = Literal["full", "incremental", "auto"]
Say = Callable[[str], None]
# With "auto" a full backup is taken when the last one is older; so much log and so many
# incrementals a recovery has to go through at most.
FULL_EVERY_DAYS: Final = 7
PROGRESS_EVERY_S: Final = 5.0
_MIB: Final = 1 << 20


class Server(msgspec.Struct, frozen=True):
    """What a running server says of itself before a backup."""

    system_identifier: str
    version: str
    major: int
    timeline: int
    size: int
    summarizes: bool


class Contents(msgspec.Struct, frozen=True):
    """What the tables say: whose they are, the newest migrations, how far each journal is."""

    database: str
    owner: str
    migrations: dict[str, str]
    journal: dict[str, int]


def make_backup(
    store: Store, connection: Connection, *, choice: Choice, contents: Contents, say: Say
) -> Manifest:
    """Take a backup, prove it and return what it says of itself. Raises BackupError.

    ``contents`` was read before, so the backup surely has it. One at a time.
    """
    with store.held(exclusive=True):
        server = ask_server(connection)
        programs = programs_for(server.major)
        parent = choose_parent(store.manifests(), server, choice=choice, now=datetime.now(UTC))
        kind: Kind = "full" if parent is None else "incremental"
        began = datetime.now(UTC)
        name = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03d}Z-{kind}"
        # It may not compress at all. Another database of the cluster counts, too.
        require_room(store.path, server.size, what="a backup")
        say(f"{name}: {server.size // _MIB} MiB of PostgreSQL {server.version}")
        folder = store.base / f"{MAKING}{name}"
        folder.mkdir(mode=0o700)
        try:
            with work_folder() as work:
                require_room(work, server.size, what="its proof")
                command: list[str | Path] = [programs.folder / "pg_basebackup"]
                if parent is not None:
                    old = work / "parent_manifest"
                    old.write_bytes(opened_manifest(store, parent))
                    command += ["--incremental", old]
                taking = _Taking(store, folder, name, say)
                files = [taking.take(connection, command)]
                plain = work / "plain"
                plain_bytes = prove(store, folder / BASE_FILE, name, plain, programs)
                say(f"{name}: opened again and verified")
                ranges = _ranges(plain / "backup_manifest")
                files.append(taking.seal(plain / "backup_manifest", PG_MANIFEST_FILE))
            manifest = Manifest(
                name=name, kind=kind, parent=parent.name if parent else None,
                system_identifier=server.system_identifier, server_version=server.version,
                major=server.major, timeline=ranges[0], start_lsn=ranges[1], end_lsn=ranges[2],
                began_at=began, finished_at=datetime.now(UTC), database=contents.database,
                owner=contents.owner, plain_bytes=plain_bytes, migrations=contents.migrations,
                journal=contents.journal, files=files,
            )  # fmt: skip
            store.write_manifest(folder, manifest)
            make_lasting(folder)
            folder.rename(store.base / name)
            make_lasting(store.base)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        store.note_success("backup_success")
        return manifest


def ask_server(connection: Connection) -> Server:
    """Return what the server says of itself. Raises BackupError."""
    with connection.open() as asked:
        row = asked.execute(
            "SELECT s.system_identifier::text, current_setting('server_version'),"
            " current_setting('server_version_num')::int / 10000,"
            " (SELECT timeline_id FROM pg_control_checkpoint()),"
            " (SELECT sum(pg_database_size(oid)) FROM pg_database)::bigint,"
            " coalesce(current_setting('summarize_wal', true), 'off') = 'on',"
            " (SELECT bytes_per_wal_segment FROM pg_control_init())"
            " FROM pg_control_system() s"
        ).fetchone()
    if row is None:
        raise BackupError("the server says nothing of itself")
    system, version, major, timeline, size, summarizes, segment_bytes = row
    if segment_bytes != SEGMENT_BYTES:
        raise BackupError(
            f"the server's log comes in files of {segment_bytes} bytes: expected {SEGMENT_BYTES}"
        )
    return Server(
        str(system), str(version).split()[0], int(str(major)), int(str(timeline)), int(str(size)),
        bool(summarizes),
    )  # fmt: skip


def choose_parent(
    backups: list[Manifest], server: Server, *, choice: Choice, now: datetime
) -> Manifest | None:
    """Return the backup to stand upon, or None for a full one.

    Raises BackupError where the store is of another cluster, or no incremental one is possible.
    """
    strangers = {one.system_identifier for one in backups} - {server.system_identifier}
    if strangers:
        raise BackupError(
            f"the folder holds backups of the cluster {', '.join(sorted(strangers))}, and this is"
            f" {server.system_identifier}: name a folder of its own"
        )
    if choice == "full":
        return None
    why = ""
    if server.major < MAJOR_OF_INCREMENTALS:
        why = f"PostgreSQL {server.major} takes none: expected {MAJOR_OF_INCREMENTALS} or newer"
    elif not server.summarizes:
        why = "the server's summarize_wal is off"
    elif not backups:
        why = "there is no full backup yet"
    elif backups[-1].timeline != server.timeline:
        why = "the server was recovered since the last backup"
    if why:
        if choice == "incremental":
            raise BackupError(f"no incremental backup: {why}")
        return None
    fulls = [one for one in backups if one.kind == "full"]
    if choice == "auto" and (now - fulls[-1].finished_at).days >= FULL_EVERY_DAYS:
        return None
    return backups[-1]


class _Taking:
    """Writes the files of one backup into the folder that it is made in."""

    def __init__(self, store: Store, folder: Path, name: str, say: Say) -> None:
        self._store = store
        self._folder = folder
        self._name = name
        self._say = say

    def take(self, connection: Connection, command: list[str | Path]) -> StoredFile:
        """Let ``pg_basebackup`` send everything, and seal it. Raises BackupError."""
        options = [
            "--dbname", connection.conninfo, "--no-password", "--pgdata", "-", "--format", "tar",
            "--wal-method", "fetch", "--checkpoint", "fast", "--manifest-checksums", "SHA256",
            "--label", self._name,
        ]  # fmt: skip
        with tempfile.TemporaryFile() as errors:
            asked = subprocess.Popen(
                [*map(str, command), *options],
                env=connection.environment(), stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
            try:
                assert asked.stdout is not None
                stored = self._seal_stream(asked.stdout, BASE_FILE)
            except BaseException:
                asked.kill()
                raise
            finally:
                code = asked.wait()
            if code != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip()
                raise BackupError(f"pg_basebackup: {said}")
        return stored

    def seal(self, plain: Path, name: str) -> StoredFile:
        """Seal a file."""
        with plain.open("rb") as file:
            return self._seal_stream(file, name)

    def _seal_stream(self, source: IO[bytes], name: str) -> StoredFile:
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        told = time.monotonic()
        taken = 0
        with os.fdopen(descriptor, "wb") as file:
            bound = self._store.file_name(self._name, name)
            writer = SealedWriter(file, self._store.keys.first, bound)
            packer = zlib.compressobj(LEVEL, wbits=GZIP)
            while data := source.read(CHUNK_BYTES):
                writer.write(packer.compress(data))
                taken += len(data)
                if time.monotonic() - told > PROGRESS_EVERY_S:
                    told = time.monotonic()
                    self._say(f"{self._name}: {taken // _MIB} MiB")
            writer.write(packer.flush())
            writer.close()
        return StoredFile(name, writer.size, writer.sha256)


def _ranges(manifest: Path) -> tuple[int, int, int]:
    """Return timeline, first and last place of the log that a backup needs."""
    told: Mapping[str, Any] = json.loads(manifest.read_text())
    ranges = told["WAL-Ranges"]
    last = ranges[-1]
    return int(last["Timeline"]), lsn_of(ranges[0]["Start-LSN"]), lsn_of(last["End-LSN"])
