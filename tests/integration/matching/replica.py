"""A real replica of an exchange's PostgreSQL, to fail over to."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.exchange import Exchange, wait_until
from zavora.runner.embedded.binaries import find_postgres
from zavora.runner.embedded.privileges import own, run_as_for


class Copy:
    """A streaming replica of an exchange's PostgreSQL."""

    NAME = "copy"

    def __init__(self, exchange: Exchange, folder: Path, *, options: Sequence[str] = ()) -> None:
        """Make and start it in an empty folder; ``options``: of its server, as ``name=value``."""
        self._programs = find_postgres().folder
        self._run_as = run_as_for(self._programs / "postgres")
        self.data, self.sockets = folder / "data", folder / "s"
        self.sockets.mkdir(mode=0o700)
        own(folder, self._run_as)
        self._log = (folder / "log").open("ab")
        self._run(
            "pg_basebackup", "--dbname", f"{exchange.database_url}&application_name={self.NAME}",
            "--pgdata", str(self.data), "--wal-method=stream", "--checkpoint=fast",
            "--write-recovery-conf",
        )  # fmt: skip
        given = conninfo_to_dict(exchange.database_url)
        self.url = make_conninfo(**{**given, "host": str(self.sockets)})
        self._server = subprocess.Popen(
            [*self._run_as.prefix, str(self._programs / "postgres"), "-D", str(self.data),
             "-c", f"unix_socket_directories={self.sockets}", "-c", "listen_addresses=",
             "-c", "max_connections=200", "-c", "wal_retrieve_retry_interval=100ms",
             *(word for option in options for word in ("-c", option))],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        wait_until(lambda: self.ask("SELECT 1") == 1, timeout_s=30, what="a replica")

    def ask(self, statement: str, *arguments: Any) -> Any:
        """Return the first figure of an answer, None where there is none."""
        try:
            with psycopg.connect(self.url) as session:
                row = session.execute(statement, arguments).fetchone()
        except psycopg.OperationalError:  # it starts, or starts again
            return None
        return None if row is None else row[0]

    def family(self) -> list[int]:
        """Return the pids of its postmaster and of all that this began."""
        begun = psutil.Process(self._server.pid).children(recursive=True)
        return [self._server.pid, *(one.pid for one in begun)]

    def log(self) -> str:
        """Return what its server has said."""
        return Path(self._log.name).read_text(errors="replace")

    def end(self) -> None:
        """End it."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.send_signal(signal.SIGCONT)
            self._server.wait(20)
        self._log.close()

    def _run(self, program: str, *arguments: str) -> None:
        argv = [*self._run_as.prefix, str(self._programs / program), *arguments]
        subprocess.run(argv, check=True, stdout=self._log, stderr=self._log, timeout=60)
