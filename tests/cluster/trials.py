"""What the trials on a local cluster have in common: a cluster of their own, and their figures.

A trial brings up its own cluster in a folder of its own and wipes it at the end, however it ends.
``ZAVORA_TRIAL_HOME`` names one that is up already instead, which is left as it is.
"""

import contextlib
import os
import random
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from deploy.local import state
from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.life import bring_up, wipe
from deploy.local.missing import Missing, find_programs

PATIENCE: Final = float(os.environ.get("ZAVORA_TRIAL_PATIENCE") or "0")
STRETCH_MAX: Final = 3.0
POLL_S: Final = 0.02
Answer = TypeVar("Answer")


def say(line: str) -> None:
    """Print a line with the time and how busy the machine is."""
    load = os.getloadavg()[0]
    print(f"{time.strftime('%H:%M:%S')} load {load:5.2f}  {line}", flush=True)  # noqa: T201


def stretch() -> float:
    """Return by how much the required times are stretched now.

    They are for a machine that has nothing else to do. Where more wants to run than there are
    processors, what has to start or to recover takes as many times longer; timers do not, so there
    is a limit. ``ZAVORA_TRIAL_PATIENCE`` says it by hand.
    """
    return PATIENCE or min(STRETCH_MAX, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def seed_of(variable: str) -> int:
    """Return the seed that a variable gives, else one by chance, which the trial prints."""
    return int(os.environ.get(variable) or random.SystemRandom().randrange(10**6))


@contextlib.contextmanager
def cluster_for_trial(**settings: str) -> Iterator[Cluster]:
    """Yield a whole cluster. Skips the test where this machine cannot have one (fails in CI)."""
    if path := os.environ.get("ZAVORA_TRIAL_HOME"):
        yield Cluster.running(Path(path))
        return
    hosts = settings.get("ZAVORA_CLUSTER_HOSTS") or os.environ.get("ZAVORA_CLUSTER_HOSTS")
    with _skipping():
        find_programs(with_namespaces=hosts == "namespaces")
    folder = Path(tempfile.mkdtemp(prefix="zavora-trial-"))
    home = state.home_at(folder / "cluster")
    try:
        yield bring_up(home, say=say, settings=settings)
    finally:
        try:
            wipe(home)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except Missing as error:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def trust(cluster: Cluster) -> ssl.SSLContext:
    """Return what trusts the cluster's own authority, and nobody else."""
    return ssl.create_default_context(cafile=str(cluster.authority))


def server_url(cluster: Cluster, *hosts: str, role: str = "superuser") -> str:
    """Return the URL of the PostgreSQL of a host itself; of several: of whichever is primary."""
    parts = urlsplit(cluster.database_url(role))
    user = parts.netloc.rpartition("@")[0]
    places = ",".join(cluster.address(f"postgres-{host}") for host in hosts or HOSTS)
    wanted = "" if len(hosts) == 1 else "target_session_attrs=read-write"
    return urlunsplit(parts._replace(netloc=f"{user}@{places}", query=wanted))


def ask_server(url: str, statement: str, *arguments: Any) -> list[tuple[Any, ...]] | None:
    """Return what a query says; None where the server cannot be asked."""
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=2, options="-c statement_timeout=5000"
        ) as connection:
            return connection.execute(statement, arguments).fetchall()
    except psycopg.Error:
        return None


def wait_for(condition: Callable[[], Answer], *, wait_s: float, what: str) -> Answer:
    """Return the first true answer. Fails where there is none in time."""
    deadline = time.monotonic() + wait_s * max(1.0, PATIENCE)
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {wait_s:.0f} s")
        time.sleep(POLL_S)
    return answer
