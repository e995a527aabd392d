"""Start the embedded servers for as long as a command, a test run or a supervisor needs them.

One process at a time owns the servers of a home: it holds ``run/owner.lock``. Other commands use
them, each holding ``run/users.lock`` shared, so that the owner does not stop them underneath.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from zavora.runner.embedded.discovery import (
    OWNER_URL_VARIABLE,
    ServerUrls,
    announce_servers,
    running_servers,
    server_owner,
    withdraw_servers,
)
from zavora.runner.embedded.postgres import prepare_postgres
from zavora.runner.embedded.valkey import prepare_valkey
from zavora.runner.home import Home, HomeError, owner_lock, wait_for_lock
from zavora.runner.processes import (
    ProcessRecord,
    ProcessSpec,
    end_processes,
    identify,
    private_opener,
    spawn,
)

READY_WAIT_S = 60.0
READY_POLL_S = 0.02
# How often a server may fail to start: the backends of a killed postmaster take a moment to end.
START_TRIES_MAX = 20
RETRY_S = 0.2
# How long to wait for an earlier owner that is about to stop.
OWNER_WAIT_S = 20.0
USERS_WAIT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What has to be started, and the URLs of everything once it runs."""

    specs: tuple[ProcessSpec, ...]
    urls: ServerUrls

    def environment(self) -> dict[str, str]:
        """Return the two variables by which programs that serve find the servers."""
        return {"DATABASE_URL": self.urls.database_url, "REDIS_URL": self.urls.redis_url}

    def owner_environment(self) -> dict[str, str]:
        """Return the variables for a program that changes tables."""
        return {**self.environment(), OWNER_URL_VARIABLE: self.urls.owner_database_url}


def plan_servers(home: Home) -> ServerPlan:
    """Prepare what DATABASE_URL and REDIS_URL do not name already. Hold the lock meanwhile.

    Raises ServerMissing or HomeError.
    """
    database_url = os.environ.get("DATABASE_URL", "")
    owner_url = os.environ.get(OWNER_URL_VARIABLE, "")
    redis_url = os.environ.get("REDIS_URL", "")
    specs = []
    if not database_url:
        postgres = prepare_postgres(home)
        database_url, owner_url = postgres.url, postgres.owner_url
        specs.append(postgres.spec())
    if not redis_url:
        valkey = prepare_valkey(home)
        redis_url = valkey.url
        specs.append(valkey.spec())
    return ServerPlan(tuple(specs), ServerUrls(database_url, redis_url, owner_url))


class RunningServers:
    """The servers of a home while this process owns them; they are not watched or restarted."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._record = ProcessRecord(home.processes_file)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._specs: dict[str, ProcessSpec] = {}
        self.urls: ServerUrls

    def start(self) -> None:
        """End an earlier owner's leftovers, start the servers and wait until they answer."""
        self._record.end_leftovers()
        plan = plan_servers(self._home)
        self.urls = plan.urls
        for spec in plan.specs:
            self.start_one(spec)
        for spec in plan.specs:
            self.wait_until_ready(spec.name)
        announce_servers(self._home, plan.urls, owner_pid=os.getpid())

    def start_one(self, spec: ProcessSpec) -> None:
        """Start a server without waiting for it; its log goes to the home's log folder."""
        with self._log(spec.name) as log:
            child = spawn(spec, stdout=log)
        self._record.add(spec, child.pid)
        self._children[spec.name] = child
        self._specs[spec.name] = spec

    def wait_until_ready(self, name: str) -> None:
        """Wait until the server answers, starting it again if it ends. Raises HomeError."""
        spec = self._specs[name]
        deadline = time.monotonic() + READY_WAIT_S
        tries = 1
        while not (spec.is_ready and spec.is_ready(self._children[name].pid)):
            if self._children[name].poll() is not None:
                if tries >= START_TRIES_MAX:
                    raise HomeError(f"{name} does not start; see {self._log_path(name)}")
                tries += 1
                time.sleep(RETRY_S)
                self.start_one(spec)
            if time.monotonic() > deadline:
                raise HomeError(f"{name} is not ready in time; see {self._log_path(name)}")
            time.sleep(READY_POLL_S)

    def pid(self, name: str) -> int:
        """Return the pid of "postgres" (the postmaster) or "valkey"."""
        return self._children[name].pid

    def restart(self, name: str) -> None:
        """Start a server again that has been killed, at the same address, and wait for it."""
        self.stop_one(name)
        self.start_one(self._specs[name])
        self.wait_until_ready(name)

    def stop_one(self, name: str) -> None:
        """Stop a server and wait until it has ended."""
        child, spec = self._children[name], self._specs[name]
        if child.poll() is None and (identity := identify(child.pid)):
            end_processes([identity], stop_signal=spec.stop_signal, grace_s=spec.stop_grace_s)
        child.wait()

    def stop(self) -> None:
        """Stop all servers, last started first."""
        withdraw_servers(self._home)
        for name in reversed(self._children):
            self.stop_one(name)
        self._children.clear()
        self._record.clear()

    def _log_path(self, name: str) -> str:
        return str(self._home.logs / f"{name}.log")

    def _log(self, name: str) -> IO[bytes]:
        return open(self._log_path(name), "ab", opener=private_opener)


@contextlib.contextmanager
def servers_for_command(home: Home, *, quiet: bool = False) -> Iterator[ServerUrls]:
    """Give a command the servers of ``home``: those that run, or our own until it has ended.

    Raises HomeError or ServerMissing. Everything it says goes to stderr.
    """
    home.prepare()
    with contextlib.ExitStack() as stack:
        urls = running_servers(home.path)
        if urls is None:
            found = lambda: running_servers(home.path) is not None  # noqa: E731
            owner = stack.enter_context(owner_lock(home, wait_s=OWNER_WAIT_S, give_up=found))
            if owner:
                urls = stack.enter_context(_own_servers(home, quiet=quiet)).urls
            elif (urls := running_servers(home.path)) is None:
                raise HomeError(f"another program holds {home.path} and does not finish")
        if server_owner(home.path) != os.getpid():
            users = wait_for_lock(home.run / "users.lock", exclusive=False, wait_s=OWNER_WAIT_S)
            if users is not None:
                stack.callback(os.close, users)
        yield urls


@contextlib.contextmanager
def _own_servers(home: Home, *, quiet: bool) -> Iterator[RunningServers]:
    servers = RunningServers(home)
    began = time.monotonic()
    try:
        servers.start()
        if not quiet:
            took_s = time.monotonic() - began
            _tell(f"started PostgreSQL and Valkey for this command, {took_s:.1f} s")
        yield servers
        # Other commands may have begun to use them meanwhile.
        users = wait_for_lock(home.run / "users.lock", exclusive=True, wait_s=0)
        if users is None:
            _tell("waiting for other commands that use PostgreSQL and Valkey")
            users = wait_for_lock(home.run / "users.lock", exclusive=True, wait_s=USERS_WAIT_S)
        withdraw_servers(home)
        if users is not None:
            os.close(users)
    finally:
        servers.stop()


def _tell(what: str) -> None:
    sys.stderr.write(f"({what})\n")
