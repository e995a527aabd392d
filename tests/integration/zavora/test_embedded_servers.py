"""Embedded PostgreSQL and Valkey: real starts, kills and races, each on a home of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.exchange import wait_until
from zavora.runner.embedded import postgres, privileges
from zavora.runner.embedded.discovery import ServerUrls, running_servers
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.home import PROJECT_DIR, Home, HomeError, owner_lock
from zavora.runner.processes import ProcessIdentity, identify, is_alive

pytestmark = pytest.mark.timeout(60)

# A program that owns, or joins, the servers of a home, and says so.
PROGRAM = """
import os, sys
from pathlib import Path
from zavora.runner.embedded.discovery import server_owner
from zavora.runner.embedded.servers import servers_for_command
from zavora.runner.home import Home

home = Home(Path(sys.argv[1]))
with servers_for_command(home, quiet=True) as urls:
    kind = "owner" if server_owner(home.path) == os.getpid() else "guest"
    print(kind, urls.database_url, urls.redis_url, urls.owner_database_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_servers_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.prepare()
    yield home
    if home.run not in (sockets := home.socket_folder(), *sockets.parents):
        shutil.rmtree(sockets)


@pytest.fixture
def servers(home: Home) -> Iterator[RunningServers]:
    running = RunningServers(home)
    with owner_lock(home, wait_s=0):
        running.start()
        yield running
        running.stop()


def start_program(home: Home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_DIR,
    )


def first_line(program: subprocess.Popen[str]) -> tuple[str, ServerUrls]:
    assert program.stdout is not None
    kind, *urls = program.stdout.readline().split()
    return kind, ServerUrls(*urls)


def write_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id serial)")
        connection.execute("INSERT INTO kept DEFAULT VALUES")


def rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        answer = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert answer is not None
    return int(answer[0])


def test_data_is_there_after_a_stop_and_a_start(home: Home) -> None:
    for expected in (1, 2):
        servers = RunningServers(home)
        servers.start()
        write_row(servers.urls.owner_database_url)
        assert rows(servers.urls.owner_database_url) == expected
        assert running_servers(home.path) == servers.urls
        servers.stop()
        assert running_servers(home.path) is None


def test_passwords_are_asked_for(servers: RunningServers) -> None:
    url = servers.urls.owner_database_url
    password = url.split("zavora:")[1].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))
    without = redis.Redis.from_url("redis://" + servers.urls.redis_url.split("@")[1])
    with pytest.raises(redis.AuthenticationError):
        without.ping()


def test_passwords_are_not_on_any_command_line(servers: RunningServers) -> None:
    secrets = {
        servers.urls.owner_database_url.split("zavora:")[1].split("@")[0],
        servers.urls.redis_url.split(":")[2].split("@")[0],
    }
    listing = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout

    assert not any(secret in listing for secret in secrets)


def test_a_killed_postmaster_comes_back_with_every_committed_row(servers: RunningServers) -> None:
    url = servers.urls.owner_database_url
    write_row(url)
    os.kill(servers.pid("postgres"), signal.SIGKILL)

    servers.restart("postgres")

    assert rows(url) == 1


def test_a_killed_valkey_comes_back_at_the_same_address(servers: RunningServers) -> None:
    client = redis.Redis.from_url(servers.urls.redis_url)
    assert client.ping()
    os.kill(servers.pid("valkey"), signal.SIGKILL)

    servers.restart("valkey")

    assert redis.Redis.from_url(servers.urls.redis_url).ping()


def test_a_killed_owner_does_not_block_the_next_start(home: Home) -> None:
    owner = start_program(home)
    kind, urls = first_line(owner)
    assert kind == "owner"
    write_row(urls.owner_database_url)
    owner.kill()
    owner.wait()

    later = start_program(home)
    kind, urls = first_line(later)

    assert kind == "owner"
    assert rows(urls.owner_database_url) == 1
    later.communicate("")
    assert later.returncode == 0


def test_servers_that_outlived_their_owner_are_ended(home: Home) -> None:
    owner = start_program(home)
    first_line(owner)
    entries = json.loads(home.processes_file.read_text())
    leftovers = [ProcessIdentity(e["pid"], e["started"]) for e in entries.values()]
    assert len(leftovers) == 2
    for leftover in leftovers:  # a stopped process does not even hear that its parent died
        os.kill(leftover.pid, signal.SIGSTOP)
    owner.kill()
    owner.wait()

    later = start_program(home)
    kind, urls = first_line(later)

    assert kind == "owner"
    write_row(urls.owner_database_url)
    assert not any(is_alive(leftover) for leftover in leftovers)
    later.communicate("")


def test_two_that_start_at_once_share_one_pair_of_servers(home: Home) -> None:
    programs = [start_program(home) for _ in range(2)]

    answers = [first_line(program) for program in programs]

    assert sorted(kind for kind, _ in answers) == ["guest", "owner"]
    assert answers[0][1] == answers[1][1]
    write_row(answers[0][1].owner_database_url)
    for program in programs:
        assert program.stdin is not None
        program.stdin.close()
    assert [program.wait(timeout=20) for program in programs] == [0, 0]


def test_an_owner_waits_for_its_guests(home: Home) -> None:
    owner = start_program(home)
    assert first_line(owner)[0] == "owner"
    guest = start_program(home)
    kind, urls = first_line(guest)
    assert kind == "guest"

    assert owner.stdin is not None
    owner.stdin.close()  # its own work is done
    with pytest.raises(subprocess.TimeoutExpired):
        owner.wait(timeout=0.5)
    write_row(urls.owner_database_url)
    guest.communicate("")

    assert owner.wait(timeout=10) == 0
    assert running_servers(home.path) is None


def test_a_stale_lock_file_with_a_strangers_pid_is_no_obstacle(home: Home) -> None:
    servers = RunningServers(home)
    servers.start()
    servers.stop()
    # As after a crash, when the dead postmaster's pid was given to somebody else: to us.
    stale = f"{os.getpid()}\n{home.path / 'postgres'}\n1\n5432\n\n\n\nready   \n"
    (home.path / "postgres" / "postmaster.pid").write_text(stale)

    servers = RunningServers(home)
    servers.start()

    write_row(servers.urls.owner_database_url)
    assert identify(os.getpid()) is not None
    servers.stop()


def test_an_initdb_that_was_cut_short_is_repeated(home: Home) -> None:
    (home.path / "postgres.new").mkdir()
    (home.path / "postgres.new" / "PG_VERSION").write_text("18\n")

    servers = RunningServers(home)
    servers.start()

    write_row(servers.urls.owner_database_url)
    servers.stop()
    assert not (home.path / "postgres.new").exists()


def test_data_of_another_version_is_refused_in_words(home: Home) -> None:
    (home.path / "postgres").mkdir(mode=0o700)
    (home.path / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(HomeError, match=r"made by PostgreSQL 9\.6"):
        RunningServers(home).start()


def test_a_home_with_a_long_path_works(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 150))
    home.prepare()
    servers = RunningServers(home)
    servers.start()

    write_row(servers.urls.owner_database_url)

    servers.stop()
    shutil.rmtree(home.socket_folder())


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv"
)
def test_root_without_user_namespaces_runs_it_as_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "run_as_for", lambda program: privileges.SYSTEM_USER)
    servers = RunningServers(home)
    servers.start()

    assert Path(f"/proc/{servers.pid('postgres')}").stat().st_uid == privileges.NOBODY
    assert (home.path / "postgres").stat().st_uid == privileges.NOBODY
    write_row(servers.urls.owner_database_url)
    servers.stop()
    monkeypatch.undo()
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    # A later run that is allowed namespaces takes the same data.
    servers = RunningServers(home)
    servers.start()
    assert rows(servers.urls.owner_database_url) == 1
    servers.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="a user who is not root is what all others test")
def test_no_folder_is_opened_to_others_for_root(home: Home, servers: RunningServers) -> None:
    for folder in (home.path, home.path / "postgres", home.run, home.run / "pg"):
        if folder.exists():
            assert folder.stat().st_mode & 0o077 == 0
            assert folder.stat().st_uid == 0


@pytest.fixture
def home_of_nobody() -> Iterator[Home]:
    path = Path(tempfile.mkdtemp(prefix="zavora-nobody-"))
    os.chown(path, privileges.NOBODY, privileges.NOBODY)
    yield Home(path)
    shutil.rmtree(path)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv"
)
def test_an_ordinary_user_needs_no_rights(home_of_nobody: Home) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reachable = ["sh", "-c", 'test -x "$0" && test -r manage.py', sys.executable]
    if subprocess.run([*nobody, *reachable], cwd=PROJECT_DIR, check=False).returncode != 0:
        pytest.skip("other users cannot reach this checkout's Python")

    done = subprocess.run(
        [*nobody, sys.executable, "-c", PROGRAM, str(home_of_nobody.path)],
        input="",
        capture_output=True,
        text=True,
        cwd=PROJECT_DIR,
        check=True,
    )

    assert done.stdout.startswith("owner postgresql://")
    assert (home_of_nobody.path / "postgres").stat().st_uid == privileges.NOBODY


def test_servers_named_by_url_are_not_started(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    servers = RunningServers(home)

    servers.start()

    assert servers.urls == ServerUrls("postgresql://elsewhere/db", "redis://elsewhere/0")
    assert not home.processes_file.exists()
    assert not (home.path / "postgres").exists()
    servers.stop()


def test_only_the_server_that_is_not_named_is_started(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    servers = RunningServers(home)

    servers.start()

    assert redis.Redis.from_url(servers.urls.redis_url).ping()
    assert list(json.loads(home.processes_file.read_text())) == ["valkey"]
    servers.stop()


def test_nothing_is_left_running(home: Home) -> None:
    servers = RunningServers(home)
    servers.start()
    identities = [identify(servers.pid(name)) for name in ("postgres", "valkey")]
    servers.stop()

    for identity in identities:
        assert identity is not None
        wait_until(lambda i=identity: not is_alive(i), timeout_s=1, what="the end of a server")
    assert not home.processes_file.exists()
