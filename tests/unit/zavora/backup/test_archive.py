"""The archive as PostgreSQL asks for it: the same again is fine, another of the name is refused."""

import os
from pathlib import Path

import pytest

from zavora.backup.archive import archive_file, fetch_file, main
from zavora.backup.errors import BackupError, Damaged
from zavora.backup.sealing import Keyring
from zavora.backup.store import Store

NAME = "00000001000000000000000A"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", Keyring(["k" * 40]))
    store.prepare()
    return store


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(os.urandom(100_000) + bytes(3_000_000))
    return path


def test_a_segment_comes_back_as_it_went(store: Store, segment: Path, tmp_path: Path) -> None:
    archive_file(store, segment, NAME)

    assert fetch_file(store, NAME, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == segment.read_bytes()
    assert store.wal_path(NAME).stat().st_size < 200_000
    assert [path.name for path in store.wal_path(NAME).parent.iterdir()] == [f"{NAME}.sealed"]


def test_the_same_again_is_fine_and_another_is_refused(store: Store, segment: Path) -> None:
    archive_file(store, segment, NAME)
    before = store.wal_path(NAME).read_bytes()

    archive_file(store, segment, NAME)
    for other in (segment.read_bytes()[:-1], segment.read_bytes() + b"x", b"x"):
        segment.write_bytes(other)
        with pytest.raises(BackupError, match=f"{NAME}: the archive has another file"):
            archive_file(store, segment, NAME)

    assert store.wal_path(NAME).read_bytes() == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "base", "", "00000001"])
def test_other_names_are_refused(store: Store, segment: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match="name of a file"):
        archive_file(store, segment, name)
    assert not fetch_file(store, name, tmp_path / "back")


def test_histories_have_a_folder_of_their_own(store: Store, tmp_path: Path) -> None:
    history = tmp_path / "00000002.history"
    history.write_text("1\t0/3000148\tat the target\n")

    archive_file(store, history, history.name)

    assert store.segments() == []
    assert fetch_file(store, history.name, tmp_path / "back")
    assert (tmp_path / "back").read_text() == history.read_text()


def test_a_damaged_segment_is_not_handed_out(store: Store, segment: Path, tmp_path: Path) -> None:
    archive_file(store, segment, NAME)
    path = store.wal_path(NAME)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)

    with pytest.raises(Damaged, match=f"wal/{NAME}"):
        fetch_file(store, NAME, tmp_path / "back")


def test_exit_statuses_are_those_that_postgresql_understands(
    store: Store, segment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAVORA_BACKUP_DIR", str(store.path))
    monkeypatch.setenv("ZAVORA_BACKUP_KEY", "k" * 40)

    assert main(["archive", str(segment), NAME]) == 0
    assert main(["fetch", NAME, str(tmp_path / "back")]) == 0
    assert main(["fetch", NAME.replace("A", "B"), str(tmp_path / "back")]) == 1
    assert main(["fetch"]) == 2
    monkeypatch.setenv("ZAVORA_BACKUP_KEY", "x" * 40)
    assert main(["fetch", NAME, str(tmp_path / "back")]) == 2
