"""An exchange of a trial's own: started in a folder of its own, asked, and stopped again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx

PROJECT = Path(__file__).resolve().parent.parent
START_WAIT_S = 240
STOP_WAIT_S = 60
POLL_S = 0.5


Process = subprocess.Popen[bytes]


class TrialFailed(Exception):
    """The trial could not be carried through; the message says why."""


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], Any],
    *,
    timeout_s: float,
    what: str,
    processes: tuple[Process, ...] = (),
) -> Any:
    """Return the first true answer; fail after a time, or when one of the processes has ended."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if ended := [process for process in processes if process.poll() is not None]:
            program = " ".join(map(str, cast(list[str], ended[0].args)[:3]))
            raise TrialFailed(f"{what}: {program} ended with {ended[0].returncode}")
        if time.monotonic() > deadline:
            raise TrialFailed(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(POLL_S)
    return answer


@contextlib.contextmanager
def running(argv: list[str], *, env: dict[str, str], log: Path) -> Iterator[Process]:
    """Run a program with its output in a file; ask it to end at the end, and wait for that."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=env, cwd=PROJECT, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_healthy(url: str) -> bool:
    """Return whether the exchange says that all of it works."""
    try:
        return bool(httpx.get(f"{url}/api/v1/health").json().get("status") == "healthy")
    except (httpx.TransportError, ValueError):
        return False


def manage(env: dict[str, str], *arguments: str) -> str:
    """Run a management command on the trial's exchange; return the last line that it printed."""
    argv = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(argv, env=env, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TrialFailed(f"manage.py {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1]


@contextlib.contextmanager
def exchange_in(folder: Path) -> Iterator[tuple[str, dict[str, str], Process]]:
    """Run an exchange with the demo's traders; yield its address, its environment and itself."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, "ZAVORA_HOME": str(folder / "zavora"), "PORT": str(port)}
    say(f"Starting an exchange on {url}")
    argv = [sys.executable, "-m", "zavora.run", "--end-with-parent"]
    with running(argv, env=env, log=folder / "zavora.log") as process:
        wait_until(
            lambda: is_healthy(url),
            timeout_s=START_WAIT_S,
            what="the exchange",
            processes=(process,),
        )
        yield url, env, process


def say_ends_of(folder: Path, *names: str) -> None:
    """Print the ends of logs."""
    for name in names:
        if (folder / name).exists():
            say(f"--- end of {name}\n" + (folder / name).read_text(errors="replace")[-3000:])
