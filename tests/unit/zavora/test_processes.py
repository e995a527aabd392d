"""Processes are known by pid and start, end with their starter, and nobody else is touched."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange import wait_until
from zavora.runner.processes import (
    ProcessIdentity,
    ProcessRecord,
    ProcessSpec,
    end_processes,
    identify,
    is_alive,
    spawn,
)

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"  # noqa: E501
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")


def python(code: str, *arguments: str, name: str = "child") -> ProcessSpec:
    return ProcessSpec(name=name, argv=(sys.executable, "-c", code, *arguments), env=os.environ)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = spawn(python(SLEEP))
    yield child
    child.kill()
    child.wait()


def test_a_live_process_is_identified(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identify(sleeper.pid)

    assert identity is not None
    assert identity.pid == sleeper.pid
    assert is_alive(identity)


def test_what_a_child_writes_is_its_owners_alone(tmp_path: Path) -> None:
    written = tmp_path / "written"
    before = os.umask(0o022)
    try:
        child = spawn(python("import sys; open(sys.argv[1], 'w').close()", str(written)))
    finally:
        os.umask(before)
    assert child.wait(timeout=20) == 0
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_zombie_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identify(sleeper.pid)
    assert identity is not None
    sleeper.kill()  # not waited for: the kernel keeps the pid as a zombie's

    wait_until(lambda: not is_alive(identity), timeout_s=5, what="the end of the child")

    os.kill(sleeper.pid, 0)  # the pid itself is still taken
    assert identify(sleeper.pid) is None


def test_a_later_process_with_the_same_pid_is_another_one(
    sleeper: subprocess.Popen[bytes],
) -> None:
    now = identify(sleeper.pid)
    assert now is not None
    earlier = ProcessIdentity(now.pid, now.started + "0")

    assert not is_alive(earlier)
    assert end_processes([earlier], stop_signal=signal.SIGKILL, grace_s=1) == []
    assert is_alive(now)


def test_a_process_deaf_to_its_stop_signal_is_killed() -> None:
    child = spawn(python(DEAF), stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"deaf\n"
    identity = identify(child.pid)
    assert identity is not None

    remaining = end_processes([identity], stop_signal=signal.SIGTERM, grace_s=0.2)

    assert remaining == []
    assert child.wait() == -signal.SIGKILL


def test_leftovers_on_record_are_ended_and_strangers_with_their_pid_are_not(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    file = tmp_path / "processes.json"
    leftover = spawn(python(SLEEP, name="leftover"))
    ProcessRecord(file).add(python(SLEEP, name="leftover"), leftover.pid)
    entries = json.loads(file.read_text())
    stranger = identify(sleeper.pid)
    assert stranger is not None
    # On record is a process of long ago whose pid the stranger has by now.
    entries["recycled"] = {**entries["leftover"], "pid": stranger.pid, "started": "0:1"}
    file.write_text(json.dumps(entries))

    ended = ProcessRecord(file).end_leftovers()

    assert ended == ["leftover"]
    assert leftover.wait() == -signal.SIGTERM
    assert is_alive(stranger)
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "{", '{"web": '])
def test_a_torn_record_is_no_obstacle(tmp_path: Path, content: str) -> None:
    file = tmp_path / "processes.json"
    file.write_text(content)

    assert ProcessRecord(file).end_leftovers() == []


def test_the_record_is_readable_by_its_owner_only(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    file = tmp_path / "processes.json"
    ProcessRecord(file).add(python(SLEEP), sleeper.pid)

    assert file.stat().st_mode & 0o777 == 0o600


@needs_linux
def test_children_end_when_their_starter_is_killed() -> None:
    starter = (
        "import os, sys, time; sys.path.insert(0, os.getcwd())\n"
        "from zavora.runner.processes import ProcessSpec, spawn\n"
        f"child = spawn(ProcessSpec('child', (sys.executable, '-c', {SLEEP!r}), os.environ))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = identify(int(parent.stdout.readline()))
    assert child is not None

    parent.kill()
    parent.wait()

    wait_until(lambda: not is_alive(child), timeout_s=5, what="the end of the orphan")


def test_only_the_main_thread_may_start_processes() -> None:
    errors = []

    def start() -> None:
        try:
            spawn(python(SLEEP)).kill()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert len(errors) == 1


def test_a_child_has_a_session_of_its_own(sleeper: subprocess.Popen[bytes]) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid
    assert os.getpgid(sleeper.pid) != os.getpgid(0)
