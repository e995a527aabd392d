"""Web processes of a trial's own in the place of the cluster's, at the same addresses."""

import contextlib
import functools
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from deploy.local.cluster import Cluster
from deploy.local.plan import WEBS, host_of
from deploy.local.readiness import fetch
from tests.cluster.trials import wait_for
from zavora.runner.home import PROJECT_DIR

READY_WAIT_S: Final = 60.0
END_WAIT_S: Final = 15.0


@contextlib.contextmanager
def other_webs(cluster: Cluster, arguments: Sequence[str]) -> Iterator[list[Path]]:
    """Run all web processes with more arguments; yield their logs.

    Their settings are those of the cluster's own, which are held meanwhile.
    """
    children: list[subprocess.Popen[bytes]] = []
    logs = [Path(cluster.description["logs"]) / f"other-{name}.log" for name in WEBS]
    with contextlib.ExitStack() as stack:
        for name, log in zip(WEBS, logs, strict=True):
            found = cluster.identity(name)
            assert found is not None, f"{name} does not run"
            process = psutil.Process(found.pid)
            command, variables = process.cmdline(), process.environ()
            cluster.hold(name)
            stack.callback(cluster.release, name)
            enter = cluster.description["hosts"][host_of(name)]["enter"]
            output = stack.enter_context(log.open("wb"))
            children.append(
                subprocess.Popen(
                    [*enter, *command, *arguments],
                    env=variables,
                    cwd=PROJECT_DIR,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
        try:
            for name in WEBS:
                wait_for(
                    functools.partial(_is_ready, cluster, name),
                    wait_s=READY_WAIT_S,
                    what=f"another {name}",
                )
            yield logs
        finally:
            _end(children)


def _is_ready(cluster: Cluster, name: str) -> bool:
    try:
        return fetch(cluster.address(name), "/health/ready")[0] == 200
    except OSError:
        return False


def _end(children: Sequence["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + END_WAIT_S
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
