"""The image's roles as containers, hardened as the chart has them, on servers of a scratch home."""

import contextlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.deploy.relay import relay
from tests.exchange import wait_until
from zavora.runner.embedded.servers import RunningServers
from zavora.runner.embedded.valkey import free_port
from zavora.runner.home import Home, owner_lock

ROLE: Final = ("python", "-m", "zavora.role")
UID: Final = 1000
# Starting Python and Django, on processors that others use, too.
START_S: Final = 60.0
SECRETS_INSIDE: Final = "/run/secrets"
# Debian's podman by itself asks for more than it may have here (docs/containers.md).
PODMAN: Final = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc")


class Container:
    """A running role. It is removed by ``Containers``."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text(errors="replace")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        return _podman("exec", self.name, *command)

    def manage(self, *arguments: str) -> str:
        """Run a management command inside; its output. Raises AssertionError where it fails."""
        done = self.run(*ROLE, "manage", *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def end(self, *, wait_s: float) -> int:
        """Ask it to end; return its exit code. Raises TimeoutExpired where it takes longer."""
        _podman("kill", "--signal", "TERM", self.name)
        return self._process.wait(timeout=wait_s)


class Containers:
    """PostgreSQL and Valkey on a scratch home, and containers of ``image`` that use them."""

    def __init__(self, image: str) -> None:
        self.image = image
        self._folder = Path(tempfile.mkdtemp(prefix="zavora-containers-"))
        self._secrets = self._folder / "secrets"
        self._stack = contextlib.ExitStack()
        self._names: list[str] = []
        self._prefix = f"zavora-test-{os.getpid()}"

    def __enter__(self) -> Self:
        self._stack.callback(subprocess.run, ["rm", "-rf", str(self._folder)], check=True)
        try:
            self._start_servers()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._names):
            _podman("rm", "--force", "--volumes", "--time", "0", name)
        self._stack.close()

    def start(
        self,
        role: str,
        *,
        name: str = "",
        env: Mapping[str, str] | None = None,
        owner: bool = False,
    ) -> Container:
        """Start a role as the chart does: read-only, without any capability, as uid 1000."""
        name = f"{self._prefix}-{name or role}"
        log = self._folder / f"{name}.log"
        settings = {
            "ZAVORA_BIND": "127.0.0.1",
            "DATABASE_URL_FILE": f"{SECRETS_INSIDE}/database_url",
            "REDIS_URL_FILE": f"{SECRETS_INSIDE}/redis_url",
            "SECRET_KEY_FILE": f"{SECRETS_INSIDE}/secret_key",
            "ZAVORA_SEALING_KEYS_FILE": f"{SECRETS_INSIDE}/sealing_keys",
            **({"ZAVORA_OWNER_DATABASE_URL_FILE": f"{SECRETS_INSIDE}/owner"} if owner else {}),
            **(env or {}),
        }
        command = [
            *PODMAN,
            *("run", "--name", name, "--network", "host", "--no-healthcheck"),
            *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,mode=1777"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096"),
            *("--volume", f"{self._secrets}:{SECRETS_INSIDE}:ro"),
            *(part for key, value in settings.items() for part in ("--env", f"{key}={value}")),
            *(self.image, role),
        ]
        self._names.append(name)
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        return Container(name, process, log)

    def start_web(self, name: str) -> tuple[Container, str]:
        """Start a web process on a port of its own; return it and its address once it answers."""
        port = free_port()
        web = self.start("web", name=name, env={"PORT": str(port)})
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{address}/health/live"), timeout_s=START_S, what=name)
        return web, address

    def _start_servers(self) -> None:
        home = Home(self._folder / "home")
        home.prepare()
        self._stack.enter_context(owner_lock(home, wait_s=0))
        servers = RunningServers(home)
        self._stack.callback(servers.stop)
        # These tests have no servers otherwise; nobody's URLs stand in the way of our own.
        others = {name: os.environ.pop(name, None) for name in ("DATABASE_URL", "REDIS_URL")}
        try:
            servers.start()
        finally:
            os.environ.update({name: url for name, url in others.items() if url is not None})
        port = self._stack.enter_context(relay(_socket_of(servers.urls.database_url)))
        self._secrets.mkdir(mode=0o700)
        values = {
            "database_url": _at_port(servers.urls.database_url, port),
            "owner": _at_port(servers.urls.owner_database_url, port),
            "redis_url": servers.urls.redis_url,
            "secret_key": secrets.token_urlsafe(48),
            "sealing_keys": secrets.token_urlsafe(48),
        }
        for name, value in values.items():
            file = self._secrets / name
            # As an editor leaves it: the line has an end.
            file.write_text(f"{value}\n")
            file.chmod(0o400)
            os.chown(file, UID, UID)
        os.chown(self._secrets, UID, UID)


def answers(url: str) -> bool:
    """Return whether something says 200 there."""
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def inspect(image: str) -> dict[str, Any]:
    """Return what the image says of itself."""
    done = _podman("image", "inspect", image)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def _socket_of(url: str) -> Path:
    """Return where the server of a URL listens: it opens no port."""
    parts = urlsplit(url)
    (folder,) = parse_qs(parts.query)["host"]
    return Path(folder) / f".s.PGSQL.{parts.port}"


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"


def _podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def containers(image: str) -> Iterator[Containers]:
    """Yield servers without tables, and take everything away afterwards."""
    with Containers(image) as started:
        yield started
