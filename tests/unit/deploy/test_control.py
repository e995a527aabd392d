"""Processes are held and released by name, and a supervisor that restarts them stays at it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.control import ControlError, ask
from zavora.runner.home import PROJECT_DIR

PROGRAM = """
import os, sys
from pathlib import Path
from deploy.local.control import ControlServer
from zavora.runner.home import Home
from zavora.runner.processes import ProcessSpec
from zavora.runner.supervisor import StopRequested, Supervisor

home = Home(Path(sys.argv[1]))
home.prepare()
with Supervisor(home, show=print) as supervisor:
    for name in ("one", "two"):
        supervisor.start(ProcessSpec(name, ("sleep", "600"), os.environ, stop_grace_s=1.0))
    control = ControlServer(supervisor, Path(sys.argv[2]))
    supervisor.run_forever()
"""
WAIT_S = 10.0


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Path]:
    socket = tmp_path / "control.sock"
    arguments = (sys.executable, "-c", PROGRAM, str(tmp_path / "home"), str(socket))
    process = subprocess.Popen(arguments, cwd=PROJECT_DIR)
    until(socket.exists)
    yield socket
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=WAIT_S)


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (answer := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)
    return answer


def pid(control: Path, name: str) -> int | None:
    return next(one["pid"] for one in ask(control, "states") if one["name"] == name)


def test_what_dies_comes_back_and_what_is_held_does_not(control: Path) -> None:
    first, other = pid(control, "one"), pid(control, "two")
    assert first
    os.kill(first, signal.SIGKILL)
    second = until(lambda: (now := pid(control, "one")) not in (first, None) and now)

    ask(control, "hold", name="one")
    until(lambda: pid(control, "one") is None)
    held = next(one for one in ask(control, "states") if one["name"] == "one")
    assert held["is_held"] is True
    assert held["exit_code"] == -signal.SIGTERM

    ask(control, "release", name="one")
    third = until(lambda: pid(control, "one"))
    assert third not in (first, second)
    assert pid(control, "two") == other


def test_hold_ends_by_the_signal_that_is_named(control: Path) -> None:
    ask(control, "hold", name="two", signal=int(signal.SIGKILL))

    until(lambda: pid(control, "two") is None)
    held = next(one for one in ask(control, "states") if one["name"] == "two")
    assert held["exit_code"] == -signal.SIGKILL


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"do": "hold", "name": "three"}, "no process is called three"),
        ({"do": "explode", "name": "one"}, "expected hold, release or states, not explode"),
        ({"do": "hold", "name": "one", "signal": 9999}, "9999 is not a valid Signals"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    control: Path, request_: dict[str, Any], why: str
) -> None:
    before = ask(control, "states")

    with pytest.raises(ControlError, match=why):
        ask(control, **request_)
    assert ask(control, "states") == before


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="does not answer"):
        ask(tmp_path / "nothing.sock", "states")
