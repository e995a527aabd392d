"""``make run`` as people meet it: one program that starts everything, restarts it, and ends it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exchange import wait_until
from zavora.runner.embedded.valkey import free_port
from zavora.runner.home import PROJECT_DIR, Home
from zavora.runner.processes import ProcessIdentity, is_alive
from zavora.runner.run import is_up

pytestmark = pytest.mark.timeout(240)
READY_WAIT_S = 90.0
STOP_WAIT_S = 10.0


class Run:
    """A ``python -m zavora.run`` whose output is read as it comes."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = Home(home), port
        env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zavora.run"],
            env={
                **env,
                "ZAVORA_HOME": str(home),
                "PORT": str(port),
                "ZAVORA_DEMO": "0",
            },
            cwd=PROJECT_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_until_ready(self) -> None:
        ready = f"Zavora is ready on http://127.0.0.1:{self.port}"
        wait_until(
            lambda: ready in self.lines or self.process.poll() is not None,
            timeout_s=READY_WAIT_S,
            what="the ready line",
        )
        assert ready in self.lines, self.text

    def children(self) -> dict[str, ProcessIdentity]:
        entries = json.loads(self.home.processes_file.read_text())
        return {name: ProcessIdentity(e["pid"], e["started"]) for name, e in entries.items()}

    def end(self, number: signal.Signals) -> float:
        """Send a signal to the program and return how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=STOP_WAIT_S + 5)
        self._reader.join(timeout=5)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run in a home where an earlier version left files that others may read."""
    home = Home(tmp_path_factory.mktemp("running") / "home")
    home.prepare()
    (home.logs / "web.log").touch()
    (home.logs / "web.log").chmod(0o644)
    (home.path / "static").mkdir()
    (home.path / "static").chmod(0o755)
    umask = os.umask(0o022)
    try:
        run = Run(home.path, free_port())
    finally:
        os.umask(umask)
    try:
        run.wait_until_ready()
        yield run
    finally:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(home: Path, port: int) -> Run:
        runs.append(Run(home, port))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)


def test_what_dies_comes_back_at_the_same_address(running: Run) -> None:
    before = running.children()
    killed = ("postgres", "valkey", "web")

    for name in killed:
        os.kill(before[name].pid, signal.SIGKILL)

    wait_until(
        lambda: all(running.children()[name] != before[name] for name in killed),
        timeout_s=15,
        what="new processes in the place of the killed ones",
    )
    wait_until(lambda: is_up("127.0.0.1", running.port), timeout_s=60, what="health")


def test_one_home_has_one_exchange_and_says_so(running: Run, start) -> None:
    second = start(running.home.path, free_port())
    assert second.process.wait(timeout=30) == 1
    reset = run_program("-m", "zavora.reset", home=running.home)

    wait_until(lambda: "cannot start" in second.text, timeout_s=5, what="its words")
    assert f"in use by process {running.process.pid}" in second.text
    assert reset.returncode == 1
    assert f"in use by process {running.process.pid}" in reset.stderr
    assert is_up("127.0.0.1", running.port)


def test_commands_find_the_running_servers(running: Run) -> None:
    command = ("create_token", "--email", "e@example.org", "--scopes", "read")
    done = run_program("manage.py", *command, home=running.home)

    assert done.returncode == 0, done.stderr
    assert "started PostgreSQL" not in done.stderr
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    token = done.stdout.splitlines()[-1]
    connection.request("GET", "/api/v1/accounts", headers={"Authorization": f"Bearer {token}"})
    assert connection.getresponse().status == 200


def test_everything_in_a_home_is_its_owners_alone(running: Run) -> None:
    home = running.home
    token = run_program(
        "manage.py", "create_token", "--email", "e@example.org", "--scopes", "read", home=home
    )
    assert token.returncode == 0, token.stderr
    schedule = "celerybeat-schedule*"  # written by the last process to start
    wait_until(lambda: list(home.run.glob(schedule)), timeout_s=60, what="the clock's file")
    collected = run_program("manage.py", "collectstatic", "--noinput", home=home)
    assert collected.returncode == 0, collected.stderr

    seen = list(_entries(home.path))
    assert len(seen) > 100  # the walk went into PostgreSQL's folder, too
    assert [(str(path), oct(mode)) for path, mode in seen if mode & 0o077] == []


def _entries(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield every file, folder and socket with its mode; what goes meanwhile is left out."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                path = Path(parent) / name
                yield path, path.lstat().st_mode


def test_a_port_in_use_is_named(start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        run = start(tmp_path / "home", port)
        assert run.process.wait(timeout=30) == 1

    run._reader.join(timeout=5)
    assert f"port {port} is in use" in run.text
    assert "PORT=" in run.text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends leftovers")
def test_a_killed_supervisor_does_not_block_the_next_start(running: Run, start) -> None:
    """The last of this file: it ends what the others share."""
    earlier = running.children()

    running.process.kill()
    running.process.wait(timeout=STOP_WAIT_S)
    second = start(running.home.path, running.port)
    second.wait_until_ready()

    assert not any(is_alive(child) for child in earlier.values())
    later = second.children()
    assert second.end(signal.SIGINT) < STOP_WAIT_S
    assert second.process.returncode == 0
    assert second.lines[-1] == "Zavora has stopped"
    assert not any(is_alive(child) for child in later.values())


def run_program(*arguments: str, home: Home) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**env, "ZAVORA_HOME": str(home.path)},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
