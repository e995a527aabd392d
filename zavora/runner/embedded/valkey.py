"""A Valkey of our own. It keeps nothing on disk: what only the queue knew, nobody was told."""

import contextlib
import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from zavora.foundation.secrets import get_or_create_secret
from zavora.runner.embedded.binaries import find_valkey
from zavora.runner.home import Home, HomeError
from zavora.runner.processes import ProcessSpec, Stage, write_private

HOST = "127.0.0.1"
# Below the ports that the kernel gives to outgoing connections: one of those could take our port
# while the server restarts, and a client that retries could even end up connected to itself.
PORTS = range(20_000, 30_000)
PORT_TRIES_MAX = 200
PING_TIMEOUT_S = 0.5

CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
save ""
appendonly no
maxmemory 1gb
maxmemory-policy noeviction
daemonize no
tcp-keepalive 60
loglevel warning
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """The Valkey of one home. Make it with ``prepare_valkey``."""

    program: Path
    config: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def spec(self) -> ProcessSpec:
        """Return how to run the server."""
        return ProcessSpec(
            name="valkey",
            argv=(str(self.program), str(self.config)),
            env=dict(os.environ),
            cwd=self.config.parent,
            stop_grace_s=1.0,
            stage=Stage.SERVER,
            is_ready=self.is_ready,
        )

    def is_ready(self, pid: int) -> bool:
        """Return whether our server answers; another one on the port would refuse the password."""
        request = f"AUTH {self.password}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((HOST, self.port), timeout=PING_TIMEOUT_S) as connection:
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2 and (received := connection.recv(256)):
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"


def prepare_valkey(home: Home) -> Valkey:
    """Return the home's server with its configuration written. Call it while holding the lock."""
    folder = home.path / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    server = Valkey(
        program=find_valkey(),
        config=home.run / "valkey.conf",
        port=_choose_port(home.run / "valkey.port"),
        password=get_or_create_secret(home.path, "valkey_password"),
    )
    text = CONFIG.format(host=HOST, port=server.port, password=server.password, folder=folder)
    write_private(server.config, text)
    return server


def _choose_port(note: Path) -> int:
    """Return the port of last time if it is still free, else another free one, and note it."""
    with contextlib.suppress(OSError, ValueError):
        if is_free(port := int(note.read_text())):
            return port
    port = free_port()
    write_private(note, str(port))
    return port


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on, outside the kernel's ephemeral range."""
    for port in random.sample(PORTS, PORT_TRIES_MAX):
        if is_free(port):
            return port
    raise HomeError(f"no free port found between {PORTS.start} and {PORTS.stop}")


def is_free(port: int) -> bool:
    """Return whether ``port`` on 127.0.0.1 can be listened on."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True
