"""A home is private, tells itself from other folders, and has one owner."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from zavora.runner.embedded.discovery import (
    ServerUrls,
    announce_servers,
    running_servers,
    server_owner,
    withdraw_servers,
)
from zavora.runner.home import SOCKET_PATH_BYTES_MAX, Home, HomeError, owner_lock
from zavora.runner.reset import wipe

URLS = ServerUrls("postgresql://u:secret@:5432/d", "redis://:secret@127.0.0.1:1/0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def test_a_home_is_for_its_owner_only(home: Home) -> None:
    for folder in (home.path, home.run, home.logs, home.path / "secrets"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_preparing_again_changes_nothing(home: Home) -> None:
    (home.path / "postgres").mkdir()

    home.prepare()

    assert (home.path / "postgres").is_dir()


def test_a_folder_with_other_things_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("words")

    with pytest.raises(HomeError, match="holds other things"):
        Home(tmp_path).prepare()
    with pytest.raises(HomeError, match="not made by Zavora"):
        wipe(Home(tmp_path))

    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_holds_only_a_key_of_ours_becomes_a_home(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()

    Home(tmp_path).prepare()

    assert Home(tmp_path).is_ours


def test_wiping_deletes_the_home(home: Home) -> None:
    wipe(home)

    assert not home.path.exists()


def test_a_home_in_use_is_not_wiped(home: Home) -> None:
    with owner_lock(home, wait_s=0) as is_owner:
        assert is_owner
        with pytest.raises(HomeError, match="is in use"):
            wipe(home)

    assert home.is_ours


def test_there_is_one_owner_at_a_time(home: Home) -> None:
    with owner_lock(home, wait_s=0) as first, owner_lock(home, wait_s=0) as second:
        assert (first, second) == (True, False)
    with owner_lock(home, wait_s=0) as third:
        assert third


def test_every_file_that_the_home_is_given_is_its_owners_alone(home: Home) -> None:
    before = os.umask(0)
    try:
        with owner_lock(home, wait_s=0):
            files = [path for path in home.path.rglob("*") if path.is_file()]
    finally:
        os.umask(before)
    assert home.run / "owner.lock" in files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_sockets_of_a_long_home_lie_in_a_short_private_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 120))
    home.prepare()

    folder = home.socket_folder()

    assert len(os.fsencode(folder / "pg" / ".s.PGSQL.5432")) < SOCKET_PATH_BYTES_MAX
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert home.socket_folder() == folder
    folder.rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 120))
    home.prepare()
    folder = home.socket_folder()
    folder.chmod(0o755)

    with pytest.raises(HomeError, match="not a private folder"):
        home.socket_folder()

    folder.rmdir()


def test_a_short_home_has_its_sockets_inside() -> None:
    with tempfile.TemporaryDirectory(prefix="z-") as folder:
        home = Home(Path(folder))
        home.prepare()

        assert home.socket_folder() == home.run


def test_servers_are_found_while_their_owner_lives(home: Home) -> None:
    assert running_servers(home.path) is None

    announce_servers(home, URLS, owner_pid=os.getpid())

    assert running_servers(home.path) == URLS
    assert server_owner(home.path) == os.getpid()
    assert home.servers_file.stat().st_mode & 0o777 == 0o600
    withdraw_servers(home)
    assert running_servers(home.path) is None


def test_servers_of_a_dead_owner_are_not_found(home: Home) -> None:
    announce_servers(home, URLS, owner_pid=os.getpid())
    text = home.servers_file.read_text()
    # The same pid, but another start: the owner is gone and its pid was given to us.
    home.servers_file.write_text(text.replace('"started": "', '"started": "9'))

    assert running_servers(home.path) is None
    assert server_owner(home.path) is None


def test_what_an_earlier_version_left_open_is_closed_to_others(home: Home) -> None:
    log, folder = home.logs / "web.log", home.path / "static"
    folder.mkdir()
    servers_own = home.path / "postgres"
    servers_own.mkdir()
    for path, mode in ((log, 0o664), (folder / "app.js", 0o644), (servers_own / "x", 0o640)):
        path.touch()
        path.chmod(mode)
    folder.chmod(0o755)

    home.prepare()

    modes = [path.stat().st_mode & 0o777 for path in (log, folder, folder / "app.js")]
    assert modes == [0o600, 0o700, 0o600]
    assert (servers_own / "x").stat().st_mode & 0o777 == 0o640
