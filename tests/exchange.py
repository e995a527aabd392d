"""A whole exchange of real processes, for tests and benchmarks that kill its parts.

    with Exchange(demo=True) as exchange:
        httpx.get(f"{exchange.base_url}/api/v1/markets")
        exchange.kill("worker-0")            # SIGKILL; nothing is restarted by itself
        exchange.restart("worker-0")
        exchange.wait_until_healthy()
        exchange.manage("reconcile")         # the command's stdout; raises if it fails

Processes go by name: ``postgres``, ``valkey``, ``web``, ``worker-N`` for shard N,
``worker-N-standby`` after ``start_standby(N)``, ``marketdata``, and on demand ``celery``, ``beat``
and ``traders``. They are started as ``make run`` starts them, from the same list, with a home, a
port, a PostgreSQL and a Valkey of their own, and all end with ``stop`` (or with this process).
Unlike ``make run`` nothing restarts what dies: that is for the test to do, or not to do.

Start and restart processes from the main thread only (the kernel ends a child with the thread that
made it); everything else may be called from any thread.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.commands import CommandLine
from tests.own_markets import OwnMarket
from tests.states import copy_state, keep_state, kept_state
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE, TABLE_COMMANDS
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import (
    HOST,
    celery_beat,
    celery_worker,
    child_environment,
    demo_traders,
    marketdata,
    matching_worker,
    web,
)
from zavora.runner.home import PROJECT_DIR, Home, owner_lock
from zavora.runner.processes import (
    ProcessRecord,
    ProcessSpec,
    end_processes,
    identify,
    private_opener,
    spawn,
)

SERVERS = ("postgres", "valkey")
# Settings that a test exchange has unless ``extra_env`` says otherwise: no limit gets in the way.
DEFAULT_ENV = {
    "DEBUG": "1",
    "ZAVORA_FAUCET": "1",
    **{f"ZAVORA_RATE_LIMIT_{who}_PER_MINUTE": "0" for who in ("IP", "KEY", "ACCOUNT")},
    **{f"ZAVORA_{what}_PER_HOUR": "0" for what in ("SIGN_UPS", "NEW_KEYS", "WITHDRAWALS")},
    "ZAVORA_COMPAT_WEIGHT_PER_MINUTE": "100000000",
    "ZAVORA_COMPAT_ORDERS_PER_10S": "100000000",
    "ZAVORA_COMPAT_ORDERS_PER_DAY": "1000000000",
    "LOG_LEVEL": "INFO",
}
COMMAND_TIMEOUT_S = 300.0
HEALTHY_WAIT_S = 60.0
POLL_S = 0.02


class CommandFailed(AssertionError):
    """A management command ended with another exit code than 0; the message has its output."""


class NotInTime(AssertionError):
    """A condition did not come true in the time given; the message says which."""


def wait_until(condition: Callable[[], Any], *, timeout_s: float, what: str) -> Any:
    """Return the first true answer of ``condition``, asked again and again. Raises NotInTime."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {timeout_s:.1f} s")
        time.sleep(POLL_S)
    return answer


def end_group(pid: int) -> None:
    """End what a process that has died left in its group, as the supervisor does.

    Granian's worker would go on serving without its parent.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Exchange:
    """A running exchange. ``start`` it or use it as a context manager; see the module."""

    def __init__(
        self,
        home: Path | None = None,
        *,
        port: int | None = None,
        shards: Sequence[int] = (0,),
        demo: bool = False,
        demo_options: Sequence[str] = ("--no-history",),
        traders: bool = False,
        celery: bool = False,
        processes: Sequence[str] | None = None,
        web_server: str = "uvicorn",
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        """Describe an exchange; nothing is started yet.

        ``home``: kept after ``stop``; without one a temporary folder is used and deleted.
        ``demo``: load the demo markets and accounts (with ``demo_options``) before anything trades.
        ``processes``: only these of ``web``, ``worker-N`` and ``marketdata`` (default: all).
        """
        self._is_temporary = home is None
        self.home = Home((home or Path(tempfile.mkdtemp(prefix="zavora-test-"))).resolve())
        self.port = port or free_port()
        self.shards = tuple(shards)
        self._demo = demo
        self._demo_options = tuple(demo_options)
        self._traders = traders
        self._celery = celery
        self._wanted = tuple(processes) if processes is not None else None
        self._web_server = web_server
        self._extra_env = dict(extra_env or {})
        self._servers: RunningServers | None = None
        self._stack = contextlib.ExitStack()
        self._specs: dict[str, ProcessSpec] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._record = ProcessRecord(self.home.run / "test-processes.json")
        self._commands: CommandLine | None = None
        self.env: dict[str, str] = {}

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """``ws://127.0.0.1:PORT``, without a slash at the end."""
        return f"ws://{HOST}:{self.port}"

    @property
    def database_url(self) -> str:
        """The PostgreSQL of this exchange as its owner reaches it, for psycopg."""
        return self._running_servers().urls.owner_database_url

    @property
    def redis_url(self) -> str:
        """The Valkey of this exchange, for redis-py."""
        return self._running_servers().urls.redis_url

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> Self:
        """Start servers, make the tables, load the demo, start the processes, wait for health."""
        try:
            self._start_with_tables()
            for spec in self._application_specs():
                self._specs[spec.name] = spec
                self._launch(spec)
            if "web" in self._children:
                self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_with_tables(self) -> None:
        """Start the servers; tables are filled once, then copied to whoever begins the same way."""
        filling: list[tuple[str, Sequence[str]]] = [("tables", ("migrate", "--noinput"))]
        if self._demo:
            name = "-".join(["demo", *self._demo_options])
            filling.append((name, ("load_demo", *self._demo_options)))
        if self._is_temporary:
            self.home.prepare()
            self._start_filled(filling)
            return
        self.start_servers()
        for _, command in filling:
            self.manage(*command)

    def _start_filled(self, filling: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Start the servers upon the kept state after the last of these commands.

        Whoever needs it first makes it, from the state before, and keeps it for the others.
        """
        *before, (name, command) = filling
        with kept_state(name) as state:
            if not state.exists():
                if before:
                    self._start_filled(before)
                else:
                    self.start_servers()
                self.manage(*command)
                self._running_servers().stop_one("postgres")
                keep_state(self.home.path, state)
                self._running_servers().restart("postgres")
                return
        copy_state(state, self.home.path)
        self.start_servers()

    def start_servers(self) -> None:
        """Start PostgreSQL and Valkey only; ``manage`` and ``launch`` work from then on."""
        self.home.prepare()
        if not self._stack.enter_context(owner_lock(self.home, wait_s=0)):
            raise AssertionError(f"{self.home.path} is in use")
        own = {name: os.environ.pop(name, None) for name in ("DATABASE_URL", "REDIS_URL")}
        try:
            self._servers = RunningServers(self.home)
            self._servers.start()
        finally:
            os.environ.update({name: value for name, value in own.items() if value is not None})
        urls = {
            "DATABASE_URL": self._running_servers().urls.database_url,
            "REDIS_URL": self.redis_url,
        }
        self.env = {
            **child_environment(self.home, port=self.port, servers=urls),
            **DEFAULT_ENV,
            "ZAVORA_SHARDS": ",".join(str(shard) for shard in self.shards),
            **self._extra_env,
        }

    def stop(self) -> None:
        """End every process, then the servers; delete a temporary home. Safe to call twice."""
        if self._commands is not None:
            self._commands.close()
            self._commands = None
        for name in reversed(self._children):
            self._end(name)
        self._children.clear()
        if self._servers is not None:
            self._servers.stop()
            self._servers = None
        self._stack.close()
        sockets = self.home.socket_folder() if self.home.is_ours else None
        if self._is_temporary and self.home.path.exists():
            shutil.rmtree(self.home.path)
        if sockets is not None and sockets.exists() and self.home.path not in sockets.parents:
            shutil.rmtree(sockets)

    # --- processes --------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of all processes, in the order of starting."""
        return [*SERVERS, *self._children]

    def pid(self, name: str) -> int:
        """Return the pid of a process (of ``postgres``: the postmaster's)."""
        if name in SERVERS:
            return self._running_servers().pid(name)
        return self._children[name].pid

    def is_running(self, name: str) -> bool:
        """Return whether the process lives (a stopped one does)."""
        return identify(self.pid(name)) is not None

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP and SIGCONT to pause and go on, SIGTERM to ask for the end."""
        os.kill(self.pid(name), number)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a process by a signal and wait until it is gone. It stays gone until ``restart``."""
        pid = self.pid(name)
        os.kill(pid, number)
        self.wait_for_exit(name)
        if name not in SERVERS:
            end_group(pid)

    def wait_for_exit(self, name: str, *, timeout_s: float = 15.0) -> None:
        """Wait until a process has ended."""
        pid = self.pid(name)
        wait_until(lambda: identify(pid) is None, timeout_s=timeout_s, what=f"the end of {name}")

    def restart(self, name: str) -> None:
        """Start a process again (after ending it, if it runs), at the same address.

        For PostgreSQL and Valkey this waits until they answer; for others it does not.
        """
        if name in SERVERS:
            self._running_servers().restart(name)
            return
        self._end(name)
        self._launch(self._specs[name])

    def start_standby(self, shard: int = 0) -> str:
        """Start a second worker for a shard; returns its name."""
        name = f"worker-{shard}-standby"
        return self.launch(matching_worker(self.env, shard=shard, name=name))

    def start_celery(self) -> None:
        """Start the celery worker and beat."""
        self.launch(celery_worker(self.env))
        self.launch(celery_beat(self.env, home=self.home))

    def start_traders(self) -> None:
        """Start the demo traders."""
        self.launch(demo_traders(self.env))

    def launch(self, spec: ProcessSpec) -> str:
        """Start any other process under its own name; returns the name."""
        self._specs[spec.name] = spec
        self._launch(spec)
        return spec.name

    # --- asking -----------------------------------------------------------------------------------

    def manage(self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Run a management command on this exchange and return its stdout. Raises CommandFailed."""
        done = self.try_manage(*arguments, timeout_s=timeout_s)
        if done.returncode != 0:
            raise CommandFailed(
                f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n"
                f"{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def try_manage(
        self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a management command and return how it ended, whatever that is."""
        if arguments[0] not in TABLE_COMMANDS:
            if self._commands is None:
                self._commands = CommandLine(self.env)
            return self._commands.run(arguments, timeout_s=timeout_s)
        return subprocess.run(
            [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments],
            env={**self.env, OWNER_URL_VARIABLE: self.database_url},
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def create_market(self, name: OwnMarket, *options: str) -> None:
        """Make a market and wait until the servers tell of it."""
        assert isinstance(name, OwnMarket), f"{name}: a market of a name in tests/own_markets.py"
        self.manage("create_market", name, *options)
        self.wait_until_listed(name)

    def wait_until_listed(self, *markets: str) -> None:
        """Wait until the servers tell of markets that were made: they hear of them by the feed."""
        wait_until(
            lambda: set(markets) <= {one["symbol"] for one in self.read("/markets")["data"]},
            timeout_s=10,
            what=f"a list with {', '.join(markets)}",
        )

    def create_token(self, email: str, *, scopes: str = "read,trade") -> str:
        """Return a bearer token of a person, who is made if need be."""
        answer = self.manage("create_token", "--email", email, "--scopes", scopes)
        return answer.strip().splitlines()[-1]

    def health(self) -> dict[str, Any] | None:
        """Return what ``/api/v1/health`` says, or None if nothing answers."""
        try:
            return self.read("/health")
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def read(self, path: str) -> Any:
        """Return what anybody is told at a path of v1."""
        with contextlib.closing(http.client.HTTPConnection(HOST, self.port, timeout=2)) as asked:
            asked.request("GET", f"/api/v1{path}")
            return json.load(asked.getresponse())

    def wait_until_healthy(self, *, timeout_s: float = HEALTHY_WAIT_S) -> None:
        """Wait until the exchange says that all of it works. Raises NotInTime with the logs."""
        try:
            wait_until(
                lambda: (self.health() or {}).get("status") == "healthy",
                timeout_s=timeout_s,
                what="a healthy exchange",
            )
        except NotInTime as error:
            logs = "\n".join(f"--- {name}\n{self.log(name)[-2000:]}" for name in self._children)
            raise NotInTime(f"{error}; health is {self.health()}\n{logs}") from None

    def log(self, name: str) -> str:
        """Return what a process has written so far."""
        file = self.home.logs / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    # --- inside -----------------------------------------------------------------------------------

    def _application_specs(self) -> list[ProcessSpec]:
        specs = [
            *(matching_worker(self.env, shard=shard) for shard in self.shards),
            marketdata(self.env),
            web(self.env, port=self.port, server=self._web_server),
        ]
        specs = [s for s in specs if self._wanted is None or s.name in self._wanted]
        if self._celery:
            specs += [celery_worker(self.env), celery_beat(self.env, home=self.home)]
        if self._traders:
            specs.append(demo_traders(self.env))
        return specs

    def _running_servers(self) -> RunningServers:
        if self._servers is None:
            raise AssertionError("the exchange is not started")
        return self._servers

    def _launch(self, spec: ProcessSpec) -> None:
        file = self.home.logs / f"{spec.name}.log"
        with open(file, "ab", opener=private_opener) as log:
            child = spawn(spec, stdout=log)
        self._record.add(spec, child.pid)
        self._children[spec.name] = child

    def _end(self, name: str) -> None:
        child, spec = self._children[name], self._specs[name]
        identity = identify(child.pid) if child.poll() is None else None
        if identity is not None:
            # A paused process hears nothing but this.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)
            end_processes([identity], stop_signal=spec.stop_signal, grace_s=spec.stop_grace_s)
            end_group(child.pid)  # not waited for yet: the pid is still this child's
        child.wait()
