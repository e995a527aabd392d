"""A running cluster from Python: where everything is, and what can be done to its parts.

    cluster = Cluster.running()
    cluster.kill("patroni-a"); cluster.kill("postgres-a")    # they come back by themselves
    cluster.hold("valkey-a"); cluster.release("valkey-a")    # stays down in between
    cluster.leader()                                         # the host with the primary: "b"

Processes go by the names of ``names()``; ``postgres-a`` is the PostgreSQL that ``patroni-a`` runs.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from deploy.local import state
from deploy.local.control import ControlError, ask
from deploy.local.hosts import HOSTS, cut, heal
from deploy.local.leftovers import postmaster
from deploy.local.readiness import PATRONI, members
from zavora.runner.home import PROJECT_DIR, Home
from zavora.runner.processes import ProcessIdentity, is_alive, signal_process

GONE_WAIT_S: Final = 10.0
HELD_WAIT_S: Final = 30.0
COMMAND_WAIT_S: Final = 300.0
POLL_S: Final = 0.02
POSTGRES: Final = tuple(f"postgres-{host}" for host in HOSTS)


class ClusterError(Exception):
    """The cluster is not up, or did not do it; the message says which."""


class Cluster:
    """A cluster that is up. ``description`` is what ``cluster.json`` says."""

    def __init__(self, home: Home, description: Mapping[str, Any]) -> None:
        self.home = home
        self.description = description

    @classmethod
    def running(cls, path: Path | None = None) -> Self:
        """Return the cluster of a home (of ZAVORA_CLUSTER_HOME). Raises ClusterError."""
        home = state.home_at(path) if path else state.home_from_environment()
        found = state.running_supervisor(home)
        if found is None or found.phase != "ready":
            how = found.phase if found else "down"
            raise ClusterError(f"the cluster of {home.path} is {how}: make cluster")
        return cls(home, state.read_json(state.description_file(home)))

    # --- where ------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """``https://...`` of the edge, without a slash at the end."""
        return str(self.description["base_url"])

    @property
    def authority(self) -> Path:
        """The certificate to trust."""
        return Path(self.description["authority"])

    @property
    def accounts(self) -> list[dict[str, str]]:
        """The trial's accounts: ``email``, ``account`` (its id) and ``token``."""
        return list(self.description["accounts"])

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which Zavora's processes run on the first host."""
        return dict(self.description["environment"])

    @property
    def alerts_file(self) -> Path:
        """Where each alert is kept that Alertmanager sent, a line of JSON each."""
        return Path(self.description["alerts"])

    def address(self, endpoint: str) -> str:
        """Return ``address:port`` of an endpoint, such as ``postgres-a`` or ``prometheus``."""
        try:
            return str(self.description["endpoints"][endpoint])
        except KeyError:
            known = ", ".join(self.description["endpoints"])
            raise ClusterError(f"no endpoint is called {endpoint}; there are {known}") from None

    def database_url(self, role: str = "run", *, host: str = "a") -> str:
        """Return the database's URL for ``run``, ``owner`` or ``superuser``, as a host names it."""
        return str(self.description["database_urls"][role][host])

    def redis_url(self, *, host: str = "a") -> str:
        """Return the URL of the queue's master, as a host names it."""
        return str(self.description["redis_urls"][host])

    def log_file(self, name: str) -> Path:
        """Return the log of a process; PostgreSQL's is in that of its Patroni."""
        name = name.replace("postgres-", "patroni-") if name in POSTGRES else name
        return Path(self.description["logs"]) / f"{name}.log"

    # --- how --------------------------------------------------------------------------------------

    def states(self) -> list[dict[str, Any]]:
        """Return of each process ``name``, ``pid`` (None: it does not run), ``is_held``, ``exits``.

        Raises ClusterError.
        """
        found = self._ask("states")
        for host in HOSTS:
            server = postmaster(self.home, host)
            of_patroni = next(one for one in found if one["name"] == f"patroni-{host}")
            found.append(
                {
                    **of_patroni,
                    "name": f"postgres-{host}",
                    "pid": server.pid if server else None,
                }
            )
        return found

    def names(self) -> list[str]:
        """Return the names of all processes."""
        return [one["name"] for one in self.states()]

    def identity(self, name: str) -> ProcessIdentity | None:
        """Return a process by pid and start, or None while it does not run."""
        if name in POSTGRES:
            return postmaster(self.home, name.removeprefix("postgres-"))
        entries = state.read_json(self.home.processes_file)
        if name not in entries:
            if name not in self.names():
                raise ClusterError(f"no process is called {name}; there are {self.names()}")
            return None
        found = ProcessIdentity(entries[name]["pid"], entries[name]["started"])
        return found if is_alive(found) else None

    def leader(self) -> str | None:
        """Return the host whose PostgreSQL is the primary, as Patroni has it."""
        found = members([self.address(name) for name in PATRONI])
        return next((one["name"] for one in found if one["role"] == "leader"), None)

    def wait_until(self, condition: Callable[[], Any], *, wait_s: float, what: str) -> Any:
        """Return the first true answer of ``condition``. Raises ClusterError after a while."""
        deadline = time.monotonic() + wait_s
        while not (answer := condition()):
            if time.monotonic() > deadline:
                raise ClusterError(f"{what}: not within {wait_s:.1f} s")
            time.sleep(POLL_S)
        return answer

    # --- what can be done to it -------------------------------------------------------------------

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> ProcessIdentity:
        """Send a process a signal; after SIGKILL wait until it is gone. It is started again.

        Returns who got it. Raises ClusterError where it does not run.
        """
        found = self.identity(name)
        if found is None:
            raise ClusterError(f"{name} does not run")
        signal_process(found, number)
        if number == signal.SIGKILL:
            self.wait_until(lambda: not is_alive(found), wait_s=GONE_WAIT_S, what=f"end of {name}")
        return found

    def hold(self, name: str, number: signal.Signals | None = None) -> None:
        """End a process, by its own stop signal or another, and keep it down until ``release``.

        Of a PostgreSQL hold its Patroni, which would start it again.
        """
        if name in POSTGRES:
            raise ClusterError(f"hold {name.replace('postgres', 'patroni')}: it runs {name}")
        found = self.identity(name)
        self._ask("hold", name=name, signal=int(number) if number else 0)
        if found is None:
            return
        # A paused process hears its stop signal when it goes on.
        signal_process(found, signal.SIGCONT)
        self.wait_until(lambda: not is_alive(found), wait_s=HELD_WAIT_S, what=f"end of {name}")

    def release(self, name: str) -> None:
        """Start a process again that was held."""
        self._ask("release", name=name)

    def lose_host(self, host: str) -> None:
        """Kill all that runs on a host, at once, and keep it down until ``regain_host``."""
        names = [one["name"] for one in self.states() if one["name"].endswith(f"-{host}")]
        for name in names:
            if name not in POSTGRES:
                self._ask("hold", name=name, signal=int(signal.SIGKILL))
        if server := postmaster(self.home, host):
            signal_process(server, signal.SIGKILL)
        self.wait_until(
            lambda: not any(self.identity(name) for name in names),
            wait_s=GONE_WAIT_S,
            what=f"end of all on host {host}",
        )

    def regain_host(self, host: str) -> None:
        """Start all again that runs on a host."""
        for one in self.states():
            if one["name"].endswith(f"-{host}") and one["name"] not in POSTGRES:
                self.release(one["name"])

    def cut(self, host: str, *others: str) -> None:
        """Cut the links between a host and others, of these two kinds only: both ways, in silence.

        Only where hosts are namespaces. Raises ClusterError elsewhere.
        """
        hosts = self.description["hosts"]
        cut(self._enter(host), [hosts[name]["address"] for name in others])

    def heal(self, host: str) -> None:
        """Take back what ``cut`` did to a host."""
        heal(self._enter(host))

    def run_on(self, host: str, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command in a host's network; return how it ended."""
        enter = self.description["hosts"][host]["enter"]
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=COMMAND_WAIT_S
        )

    def manage(
        self, *arguments: str, more: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a management command with the settings of the first host, and more of them.

        Returns how it ended.
        """
        return subprocess.run(
            [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments],
            env={**os.environ, **self.environment, **(more or {})},
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            timeout=COMMAND_WAIT_S,
        )

    def _enter(self, host: str) -> list[str]:
        enter = list(self.description["hosts"][host]["enter"])
        if not enter:
            raise ClusterError("links can be cut with ZAVORA_CLUSTER_HOSTS=namespaces only")
        return enter

    def _ask(self, do: str, **request: Any) -> list[dict[str, Any]]:
        try:
            return ask(state.control_socket(self.home), do, **request)
        except ControlError as error:
            raise ClusterError(str(error)) from None
