"""The supervisor restarts what dies, stops in order and in time, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exchange import wait_until
from zavora.runner.home import PROJECT_DIR, Home
from zavora.runner.processes import ProcessIdentity, ProcessSpec, identify, is_alive
from zavora.runner.supervisor import StartFailed, Supervisor

# A supervisor in a process of its own: signals are for the whole process.
PROGRAM = """
import json, os, sys
from pathlib import Path
from zavora.runner.home import Home
from zavora.runner.processes import ProcessSpec, Stage
from zavora.runner.supervisor import StartFailed, StopRequested, Supervisor

home, scripts = Home(Path(sys.argv[1])), json.loads(sys.argv[2])
show = lambda line: print(line, flush=True)
with Supervisor(home, show=show, shows_all_logs=True) as supervisor:
    for number, (name, code) in enumerate(scripts.items()):
        argv = (sys.executable, "-u", "-c", code)
        spec = ProcessSpec(name, argv, os.environ, stop_grace_s=1.0, stage=Stage(1 + number % 3))
        supervisor.start(spec)
    show("started")
    supervisor.run_forever()
show("stopped")
"""
STOP_TOTAL_S = 5.0  # three stages with a second each, and some for the machine
# Says hello, waits, and says bye when it is asked to stop.
POLITE = """
import signal, sys, time
def stop(*_):
    print("bye"); sys.exit(0)
signal.signal(signal.SIGTERM, stop); print("hello")
while True: time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('hello'); time.sleep(60)"  # noqa: E501


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def supervise(home: Home) -> Iterator[Callable[[dict[str, str]], subprocess.Popen[str]]]:
    running = []

    def start(scripts: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home.path), json.dumps(scripts)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=PROJECT_DIR,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str, *, times: int = 1) -> list[str]:
    """Return the lines up to the one in which ``text`` has appeared so often."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if sum(text in seen for seen in lines) == times:
            return lines
    raise AssertionError(f"{text!r} did not appear in {lines}")


def children_of(home: Home) -> dict[str, ProcessIdentity]:
    entries = json.loads(home.processes_file.read_text())
    return {name: ProcessIdentity(e["pid"], e["started"]) for name, e in entries.items()}


def test_what_dies_is_started_again_with_growing_pauses(supervise) -> None:
    supervisor = supervise({"mayfly": "import sys; sys.exit(3)"})

    lines = read_until(supervisor, "starting again", times=4)

    pauses = [line.rpartition(" in ")[2] for line in lines if "starting again" in line]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s", "1.6 s"]
    assert any("ended with code 3" in line for line in lines)


def test_one_that_cannot_be_started_again_is_tried_later_and_the_others_run_on(
    home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable}\nprint('hello from the program')\n")
    program.chmod(0o700)
    away = tmp_path / "away"
    lines: list[str] = []

    def seen(supervisor: Supervisor, text: str, since: int = 0) -> int:
        """Let the supervisor work until a line has a text; return how many there are by then."""
        deadline = time.monotonic() + 20
        while not any(text in line for line in lines[since:]):
            assert time.monotonic() < deadline, lines
            supervisor.tick(timeout_s=0.02)
        return len(lines)

    with Supervisor(home, show=lines.append, shows_all_logs=True) as supervisor:
        env = dict(os.environ)
        supervisor.start(ProcessSpec("program", (str(program),), env, stop_grace_s=1.0))
        supervisor.start(
            ProcessSpec("mayfly", (sys.executable, "-c", "print('mayfly')"), env, stop_grace_s=1.0)
        )
        seen(supervisor, "hello from the program")
        program.rename(away)
        count = seen(supervisor, "trying again in")
        count = seen(supervisor, "mayfly", count)
        away.rename(program)
        seen(supervisor, "hello from the program", count)


def test_a_killed_process_comes_back_as_another_one(supervise, home: Home) -> None:
    supervisor = supervise({"polite": POLITE})
    read_until(supervisor, "hello")
    first = children_of(home)["polite"]

    os.kill(first.pid, signal.SIGKILL)

    lines = read_until(supervisor, "hello")
    assert any("killed by signal 9" in line for line in lines)
    assert not is_alive(first)
    assert is_alive(children_of(home)["polite"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_in_reverse_order(supervise, home: Home, number) -> None:
    supervisor = supervise({"first": POLITE, "second": POLITE, "third": POLITE})
    read_until(supervisor, "hello", times=3)

    supervisor.send_signal(number)
    output, _ = supervisor.communicate(timeout=STOP_TOTAL_S)

    said = [line.split("|")[0].strip() for line in output.splitlines() if "bye" in line]
    assert said == ["third", "second", "first"]
    assert output.splitlines()[-1] == "stopped"
    assert supervisor.returncode == 0
    assert not home.processes_file.exists()


def test_the_deaf_are_killed_in_time(supervise, home: Home) -> None:
    supervisor = supervise({f"deaf-{number}": DEAF for number in range(12)})
    read_until(supervisor, "hello", times=12)
    children = children_of(home)
    began = time.monotonic()

    supervisor.terminate()
    supervisor.communicate(timeout=STOP_TOTAL_S + 1)

    assert time.monotonic() - began < STOP_TOTAL_S + 1
    assert not any(is_alive(child) for child in children.values())


def test_a_second_signal_hurries(supervise) -> None:
    supervisor = supervise({"deaf": DEAF.replace("60", "600"), "deaf-too": DEAF})
    read_until(supervisor, "hello", times=2)
    began = time.monotonic()

    supervisor.terminate()
    read_until(supervisor, "does not stop")
    supervisor.terminate()
    supervisor.communicate(timeout=STOP_TOTAL_S)

    assert time.monotonic() - began < 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_children_end_with_a_killed_supervisor(supervise, home: Home) -> None:
    supervisor = supervise({"one": POLITE, "two": POLITE})
    read_until(supervisor, "hello", times=2)
    children = children_of(home)

    supervisor.kill()
    supervisor.wait()

    for name, child in children.items():
        wait_until(lambda child=child: not is_alive(child), timeout_s=5, what=f"the end of {name}")


def test_the_next_supervisor_ends_what_a_killed_one_left(supervise, home: Home) -> None:
    earlier = supervise({"deaf": DEAF})
    read_until(earlier, "hello")
    leftover = children_of(home)["deaf"]
    earlier.kill()  # the child hears of it, but it is deaf
    earlier.wait()
    assert is_alive(leftover)

    later = supervise({"polite": POLITE})
    lines = read_until(later, "hello")

    assert "ended deaf, left by an earlier run" in lines
    assert not is_alive(leftover)


def test_what_a_process_left_in_its_group_ends_with_it(supervise, home: Home) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('grandchild', child.pid); time.sleep(60)"
    )
    supervisor = supervise({"parent": parent})
    line = read_until(supervisor, "grandchild")[-1]
    grandchild = identify(int(line.split()[-1]))
    assert grandchild is not None

    os.kill(children_of(home)["parent"].pid, signal.SIGKILL)

    wait_until(lambda: not is_alive(grandchild), timeout_s=5, what="the end of the grandchild")


def test_output_that_nobody_reads_is_dropped_not_waited_for() -> None:
    talker = "from zavora.runner.run import say\nfor n in range(20_000): say('x' * 100)"
    process = subprocess.Popen(
        [sys.executable, "-c", talker], stdout=subprocess.PIPE, cwd=PROJECT_DIR
    )

    assert process.wait(timeout=60) == 0  # 2 MB into a pipe that holds 64 KB
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    assert 0 < len(lines) < 20_000
    assert set(lines) == {b"x" * 100}


def test_a_step_that_fails_says_its_last_words(home: Home, monkeypatch) -> None:
    code = "import sys; print('no such table'); sys.exit(2)"
    spec = ProcessSpec("migrate", (sys.executable, "-c", code), os.environ)

    with (
        keeping_signal_handlers(),
        Supervisor(home, show=lambda _: None) as supervisor,
        pytest.raises(StartFailed, match=r"(?s)migrate failed.*no such table"),
    ):
        supervisor.run_to_end(spec, wait_s=10)


def test_a_step_that_works_returns_its_last_lines(home: Home) -> None:
    spec = ProcessSpec("demo", (sys.executable, "-c", "print('a'); print('b')"), os.environ)

    with keeping_signal_handlers(), Supervisor(home, show=lambda _: None) as supervisor:
        assert supervisor.run_to_end(spec, wait_s=10) == ["a", "b"]


def test_a_process_that_never_becomes_ready_is_named(home: Home) -> None:
    spec = ProcessSpec(
        "server",
        (sys.executable, "-c", "import time; time.sleep(60)"),
        os.environ,
        is_ready=lambda pid: False,
    )

    with keeping_signal_handlers(), Supervisor(home, show=lambda _: None) as supervisor:
        supervisor.start(spec)
        with pytest.raises(StartFailed, match="server is not ready"):
            supervisor.wait_until_ready(["server"], wait_s=0.3)


class keeping_signal_handlers:  # noqa: N801
    """Put this process's signal handlers back after a supervisor ran in it."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def __enter__(self) -> None:
        self._handlers = {number: signal.getsignal(number) for number in self.NUMBERS}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
