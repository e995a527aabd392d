"""Into which home something is restored: a stopped one, and nothing of the old is deleted."""

from pathlib import Path

import pytest

from zavora.backup.errors import BackupError
from zavora.backup.recovery import Target, parse_target
from zavora.backup.restoring import home_to_restore
from zavora.runner.home import Home, owner_lock


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    (home.path / "postgres").mkdir()
    (home.path / "postgres" / "old").touch()
    return home


def test_the_old_folder_is_moved_aside_once_the_new_one_is_whole(home: Home) -> None:
    with home_to_restore(home, replaces=True) as (data, old):
        assert (home.path / "postgres" / "old").exists()
        data.mkdir()
        (data / "new").touch()

    assert old is not None
    assert (old / "old").exists()
    assert [path.name for path in (home.path / "postgres").iterdir()] == ["new"]


def test_where_restoring_fails_the_old_folder_stays(home: Home) -> None:
    with pytest.raises(BackupError, match="no room"), home_to_restore(home, replaces=True):
        raise BackupError("no room")

    assert (home.path / "postgres" / "old").exists()


def test_neither_a_home_in_use_nor_a_full_one_is_touched(home: Home) -> None:
    with (
        owner_lock(home, wait_s=0),
        pytest.raises(BackupError, match="stop the exchange first"),
        home_to_restore(home, replaces=True),
    ):
        pass
    with pytest.raises(BackupError, match="--replace"), home_to_restore(home, replaces=False):
        pass

    assert (home.path / "postgres" / "old").exists()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-30T12:00:00", "0/xyz", "/"])
def test_a_target_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match="--to"):
        parse_target(text)


def test_targets_are_read_as_they_are_told() -> None:
    for text in ("latest", "1/3000148", "2026-11-30T12:00:00+00:00"):
        assert parse_target(text).text == text
    assert parse_target("latest") == Target()
