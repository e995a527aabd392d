"""Bring a cluster up and down, from outside of its supervisor."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from deploy.local import state
from deploy.local.cluster import Cluster, ClusterError
from deploy.local.leftovers import end_leftovers, find_strays, remove_traces
from zavora.runner.home import PROJECT_DIR, Home, HomeError, owner_lock
from zavora.runner.processes import end_processes, is_alive

UP_WAIT_S: Final = 600.0
# A stop has as long as the most patient process of each stage.
STOP_WAIT_S: Final = 60.0
LOCK_WAIT_S: Final = 5.0
POLL_S: Final = 0.05


def bring_up(
    home: Home, *, say: Callable[[str], None], settings: Mapping[str, str] | None = None
) -> Cluster:
    """Start the cluster of a home in the background; return it once all of it is ready.

    Says how far it is. Where it is up already that is all it says. Raises ClusterError.
    """
    home.prepare()
    found = state.running_supervisor(home)
    if found is not None and found.phase == "ready":
        say(f"the cluster of {home.path} is up already")
        return Cluster.running(home.path)
    if found is None:
        process = _start_supervisor(home, {**os.environ, **(settings or {})})
    else:
        say(f"the cluster of {home.path} is {found.phase} already")
        process = None
    try:
        _follow(home, process, say)
    except BaseException:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait()
        raise
    return Cluster.running(home.path)


def bring_down(home: Home) -> list[str]:
    """Stop the cluster of a home, whatever became of its supervisor; return what was left by it.

    Raises ClusterError where something lives on.
    """
    if not home.is_ours:
        return []
    found = state.running_supervisor(home)
    if found is not None:
        end_processes([found.identity], stop_signal=signal.SIGTERM, grace_s=STOP_WAIT_S)
    with owner_lock(home, wait_s=LOCK_WAIT_S) as is_owner:
        if not is_owner:
            raise ClusterError(f"{home.path} is in use by another program")
        left = end_leftovers(home)
        remove_traces(home)
        if strays := find_strays(home):
            raise ClusterError(f"these live on: {[one.pid for one in strays]}")
    return left


def wipe(home: Home) -> None:
    """Stop the cluster of a home and delete all of its state. Raises HomeError or ClusterError."""
    if not home.path.exists():
        return
    if not home.is_ours:
        raise HomeError(f"{home.path} was not made by make cluster: nothing was deleted")
    bring_down(home)
    shutil.rmtree(home.path)


def _start_supervisor(home: Home, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    settings = {**settings, state.VARIABLE: str(home.path)}
    with (home.logs / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervise"],
            env=settings,
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _follow(
    home: Home, process: subprocess.Popen[bytes] | None, say: Callable[[str], None]
) -> None:
    """Say what the supervisor says of its progress, until it is ready. Raises ClusterError."""
    said, deadline = 0, time.monotonic() + UP_WAIT_S
    while True:
        # The process may have ended before it told anything, and what is told may be of another.
        has_ended = process is not None and process.poll() is not None
        found = state.read_supervising(home)
        is_of_now = found is not None and (process is None or found.pid == process.pid)
        if is_of_now and found is not None:
            lines = state.progress_file(home).read_text().splitlines()
            for line in lines[said:]:
                say(line)
            said = len(lines)
            if found.phase == "ready":
                return
            if found.phase == "failed":
                raise ClusterError(found.message)
            has_ended = has_ended or not is_alive(found.identity)
        if has_ended:
            raise ClusterError(f"the supervisor ended; see {home.logs / 'supervisor.log'}")
        if time.monotonic() > deadline:
            raise ClusterError(f"not ready within {UP_WAIT_S:.0f} s")
        time.sleep(POLL_S)
