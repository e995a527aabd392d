"""What PostgreSQL calls for each file of its log: ``archive PATH NAME``, and ``fetch NAME PATH``.

    archive_command = '... python -m zavora.backup.archive archive "%p" "%f"'
    restore_command = '... python -m zavora.backup.archive fetch "%f" "%p"'

It imports little, to start quickly. A file is there when it has its name: written aside, made
lasting, linked. The same file again is fine, another one under its name is refused, as PostgreSQL
asks of an archive.
"""

import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from zavora.backup.errors import BackupError, Damaged
from zavora.backup.sealing import CHUNK_BYTES, SealedWriter, open_sealed
from zavora.backup.store import Store, make_lasting, store_from
from zavora.backup.wal import is_archivable

GZIP: Final = 31  # zlib's word for gzip's format
# Log compresses by half and more at the quickest level; one that a timeout cut short, to nothing.
LEVEL: Final = 1
# A file that is not there is no error of ours: PostgreSQL asks for what may be.
NOT_THERE: Final = 1
FAILED: Final = 2


def archive_file(store: Store, source: Path, name: str) -> None:
    """Put a file of the log into the archive; again is fine. Raises BackupError."""
    if not is_archivable(name):
        raise BackupError(f"{name}: expected the name of a file of PostgreSQL's log")
    target = store.wal_path(name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        _require_same(store, source, name)
        return
    aside = target.with_name(f".{name}.{os.getpid()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, source.open("rb") as plain:
            writer = SealedWriter(file, store.keys.first, bound_name(name))
            packer = zlib.compressobj(LEVEL, wbits=GZIP)
            while data := plain.read(CHUNK_BYTES):
                writer.write(packer.compress(data))
            writer.write(packer.flush())
            writer.close()
        try:
            os.link(aside, target)
        except FileExistsError:
            _require_same(store, source, name)
    finally:
        aside.unlink(missing_ok=True)
    make_lasting(target.parent)
    make_lasting(store.wal)


def _require_same(store: Store, source: Path, name: str) -> None:
    with source.open("rb") as plain:
        for part in read_archived(store, name):
            if plain.read(len(part)) != part:
                raise BackupError(f"{name}: the archive has another file of this name")
        if plain.read(1):
            raise BackupError(f"{name}: the archive has another file of this name")


def bound_name(name: str) -> str:
    """Return the name that is bound into a sealed file of the log."""
    return f"wal/{name}"


def read_archived(store: Store, name: str) -> Iterator[bytes]:
    """Yield what a file of the archive holds. Raises FileNotFoundError, Damaged, BackupError."""
    with store.wal_path(name).open("rb") as file:
        yield from unpacked(open_sealed(file, store.keys, bound_name(name)), bound_name(name))


def unpacked(packed: IO[bytes] | io.BufferedReader, name: str) -> Iterator[bytes]:
    """Yield what was compressed. Raises Damaged where it is not whole."""
    unpacker = zlib.decompressobj(wbits=GZIP)
    try:
        while data := packed.read(CHUNK_BYTES):
            yield unpacker.decompress(data)
    except zlib.error as error:
        raise Damaged(f"{name}: {error}") from None
    if not unpacker.eof:
        raise Damaged(f"{name}: cut off")


def fetch_file(store: Store, name: str, target: Path) -> bool:
    """Bring a file of the archive back; return False where it is not there. Raises Damaged."""
    if not is_archivable(name) or not store.wal_path(name).exists():
        return False
    with target.open("wb") as file:
        for part in read_archived(store, name):
            file.write(part)
    return True


def main(arguments: list[str]) -> int:
    """Do what PostgreSQL asks and return the exit status that it understands."""
    try:
        store = store_from(os.environ)
        match arguments:
            case ["archive", source, name]:
                archive_file(store, Path(source), name)
            case ["fetch", name, target]:
                return 0 if fetch_file(store, name, Path(target)) else NOT_THERE
            case _:
                sys.stderr.write("expected: archive PATH NAME, or fetch NAME PATH\n")
                return FAILED
    except (BackupError, OSError) as error:
        sys.stderr.write(f"zavora.backup.archive: {error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
