"""What is killed, and how the exchange gets it back. Run from the main thread."""

import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from tests.exchange import Exchange, wait_until

WORKER, STANDBY = "worker-0", "worker-0-standby"
LEASE_S: Final = 3.0
# How long something that died stays gone before its supervisor would have it back.
RESTART_S: Final = (0.0, 0.6)
TAKE_OVER_WAIT_S: Final = 30.0

_SHARD = "SELECT lease_owner, backend_pid, epoch FROM matching_shard WHERE id = 0"

# A live one has a session to look what waits to be adopted, too.
_WORKERS = (
    "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
    " WHERE application_name LIKE ANY (%s)"
)


def moment(*, ago_s: float = 0.0) -> str:
    """Return the time, or one before it, as the API writes it."""
    return (datetime.now(UTC) - timedelta(seconds=ago_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Killer:
    """Kills one part at a time; each method returns the moment right after the kill."""

    def __init__(self, exchange: Exchange, draw: random.Random) -> None:
        self._exchange = exchange
        self._draw = draw

    def kinds(self) -> dict[str, Callable[[], str]]:
        """Return what can be killed, by the name it has in the report."""
        return {
            "worker": self.kill_worker,
            "worker stopped and continued": self.stop_and_continue_worker,
            "valkey": self.kill_valkey,
            "postgresql backend": self.kill_backend,
            "postmaster": self.kill_postmaster,
            "web": self.kill_web,
        }

    def revive(self) -> None:
        """Start a worker that has ended by itself, as the supervisor would.

        The live one does when PostgreSQL was away for longer than the lease and the standby was
        the first to come back to it.
        """
        for name in (WORKER, STANDBY):
            if not self._exchange.is_running(name):
                self._exchange.restart(name)

    def kill_worker(self) -> str:
        """Kill -9 the live worker; the standby takes over when the lease has run out."""
        self._wait_for_standby()
        name, _ = self._live_worker()
        self._exchange.kill(name)
        at = moment()
        self._restart(name)
        return at

    def stop_and_continue_worker(self) -> str:
        """SIGSTOP the live worker until the standby is live and a lease has passed; SIGCONT it.

        It must then find out that it was replaced, and end.
        """
        self._wait_for_standby()
        name, epoch = self._live_worker()
        self._exchange.send(name, signal.SIGSTOP)
        at, began = moment(), time.monotonic()
        wait_until(lambda: self._shard()[2] > epoch, timeout_s=TAKE_OVER_WAIT_S, what="a take-over")
        time.sleep(max(0.0, began + 1.1 * LEASE_S - time.monotonic()))  # the pause under test
        self._exchange.send(name, signal.SIGCONT)
        self._exchange.wait_for_exit(name, timeout_s=TAKE_OVER_WAIT_S)
        self._restart(name)
        return at

    def kill_valkey(self) -> str:
        """Kill -9 Valkey: everything in it is gone."""
        self._exchange.kill("valkey")
        at = moment()
        self._restart("valkey")
        return at

    def kill_backend(self) -> str:
        """Kill -9 the live worker's PostgreSQL backend; the postmaster then restarts them all."""
        self._live_worker()
        _, pid, _ = self._shard()
        os.kill(pid, signal.SIGKILL)
        return moment()

    def kill_postmaster(self) -> str:
        """Kill -9 the postmaster."""
        self._exchange.kill("postgres")
        at = moment()
        self._restart("postgres")
        return at

    def kill_web(self) -> str:
        """Kill -9 the one web process."""
        self._exchange.kill("web")
        at = moment()
        self._restart("web")
        return at

    # --- inside ---

    def _restart(self, name: str) -> None:
        time.sleep(self._draw.uniform(*RESTART_S))  # how long a supervisor would take
        self._exchange.restart(name)

    def _wait_for_standby(self) -> None:
        """Wait until the worker that was restarted last has started, so that both are there."""
        wait_until(self._has_both, timeout_s=TAKE_OVER_WAIT_S, what="a standby")

    def _has_both(self) -> bool:
        names = [f"%-{self._exchange.pid(name)}-%" for name in (WORKER, STANDBY)]
        try:
            with psycopg.connect(self._exchange.database_url, connect_timeout=3) as connection:
                row = connection.execute(_WORKERS, (names,)).fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and row[0] == len(names)

    def _live_worker(self) -> tuple[str, int]:
        """Return the name of the process that owns the shard, and its epoch."""
        return wait_until(self._find_live_worker, timeout_s=TAKE_OVER_WAIT_S, what="a live worker")

    def _find_live_worker(self) -> tuple[str, int] | None:
        owner, backend, epoch = self._shard()
        for name in (WORKER, STANDBY):
            is_owner = f"-{self._exchange.pid(name)}-" in owner
            if is_owner and backend and self._exchange.is_running(name):
                return name, epoch
        return None

    def _shard(self) -> tuple[str, Any, int]:
        try:
            with psycopg.connect(self._exchange.database_url, connect_timeout=3) as connection:
                row = connection.execute(_SHARD).fetchone()
        except psycopg.OperationalError:
            return "", None, 0  # restarting
        return row or ("", None, 0)
