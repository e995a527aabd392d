"""What the cluster consists of: who runs where, under which name, at which address.

A server or process is named after what it is and its host: ``etcd-a``, ``patroni-b``, ``web-c``,
``worker-0-a`` (shard 0). What runs on the edge has no host in its name.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.hosts import EDGE, HOSTS, Host
from deploy.local.missing import Programs, search_path
from zavora.foundation.secrets import get_or_create_secret
from zavora.runner.home import Home
from zavora.runner.processes import ProcessSpec, Stage

SHARDS: Final = (0, 1)
VALKEY_HOSTS: Final = ("a", "b")
# A shard's worker and its standby, whichever is first, are never on one host.
WORKER_HOSTS: Final = {0: ("a", "b"), 1: ("b", "c")}
MARKET_DATA_HOSTS: Final = ("b", "c")
CELERY_HOST: Final = "c"
BEAT_HOST: Final = "a"

# The name by which Sentinels know the queue.
QUEUE: Final = "queue"
DATABASE: Final = "zavora"
SUPERUSER: Final = "postgres"
OWNER: Final = "zavora_owner"
RUN_USER: Final = "zavora_run"
SECRETS: Final = (
    *("postgres_superuser", "postgres_replication", "postgres_rewind"),
    *("postgres_owner", "postgres_run", "patroni", "valkey", "sentinel"),
    *("django_secret_key", "sealing_key", "operator_password"),
)
# Says of a process that it is of this cluster; nothing but the supervisor sets it.
MARK: Final = "ZAVORA_CLUSTER_PROCESS"

WORKERS: Final = tuple(f"worker-{shard}-{h}" for shard in SHARDS for h in WORKER_HOSTS[shard])
MARKET_DATA: Final = tuple(f"marketdata-{host}" for host in MARKET_DATA_HOSTS)
WEBS: Final = tuple(f"web-{host}" for host in HOSTS)
CELERY: Final = f"celery-{CELERY_HOST}"
BEAT: Final = f"beat-{BEAT_HOST}"
# Zavora's own processes: each has a port for its metrics, too.
ZAVORA: Final = (*WORKERS, *MARKET_DATA, *WEBS, CELERY, BEAT)
EDGE_ENDPOINTS: Final = ("https", "http", "prometheus", "alertmanager", "receiver")
# In this order they get their ports.
ENDPOINTS: Final = (
    *(f"etcd-{host}" for host in HOSTS),
    *(f"etcd-peer-{host}" for host in HOSTS),
    *(f"postgres-{host}" for host in HOSTS),
    *(f"patroni-{host}" for host in HOSTS),
    *(f"valkey-{host}" for host in VALKEY_HOSTS),
    *(f"sentinel-{host}" for host in HOSTS),
    *(f"{part}-{h}" for h in HOSTS for part in ("primary", "replica", "queue", "haproxy")),
    *WEBS,
    *EDGE_ENDPOINTS,
    *(f"metrics-{name}" for name in ZAVORA),
)


def host_of(name: str) -> str:
    """Return the name of the host that a process or an endpoint is on."""
    last = name.rpartition("-")[2]
    return last if last in HOSTS else EDGE


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster as it is to be. ``database_by``: what its processes name in DATABASE_URL."""

    home: Home
    cluster_id: str
    database_by: str
    hosts: Mapping[str, Host]
    network: str
    ports: Mapping[str, int]
    programs: Programs
    secrets: Mapping[str, str] = field(repr=False)

    def host(self, name: str) -> Host:
        """Return the host that a process or an endpoint is on."""
        return self.hosts[host_of(name)]

    def address(self, endpoint: str) -> str:
        """Return ``address:port`` of an endpoint."""
        return f"{self.host(endpoint).address}:{self.ports[endpoint]}"

    def folder(self, host: str, part: str) -> Path:
        """Return (and make) the folder of what ``part`` keeps on a host."""
        folder = self.home.path / host / part
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def spec(
        self, name: str, argv: tuple[str, ...], *, folder: Path, stage: Stage = Stage.SERVER
    ) -> ProcessSpec:
        """Return how to run a server on the host that its name says."""
        return ProcessSpec(
            name=name,
            argv=(*self.host(name).enter, *argv),
            env=self.environment(),
            cwd=folder,
            stop_grace_s=5.0,
            stage=stage,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of every process: little of the caller's, and the mark."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            **_compiled_code(),
            "PATH": search_path(),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            MARK: self.cluster_id,
        }

    def database_url(self, user: str, *, host: str, database: str = DATABASE) -> str:
        """Return the URL by which a process on ``host`` reaches the primary as ``user``."""
        password = self.secrets[_PASSWORDS[user]]
        if self.database_by == "hosts":
            places = ",".join(self.address(f"postgres-{name}") for name in HOSTS)
            return (
                f"postgresql://{user}:{password}@{places}/{database}"
                "?target_session_attrs=read-write"
            )
        return f"postgresql://{user}:{password}@{self.address(f'primary-{host}')}/{database}"

    def redis_url(self, *, host: str) -> str:
        """Return the URL by which a process on ``host`` reaches the queue's master."""
        return f"redis://:{self.secrets['valkey']}@{self.address(f'queue-{host}')}/0"


def _compiled_code() -> dict[str, str]:
    """Keep compiled code where Python was told to keep none: twenty processes import the same."""
    if "PYTHONDONTWRITEBYTECODE" not in os.environ:
        return {}
    return {"PYTHONPYCACHEPREFIX": str(Path(sys.prefix) / "cache" / "bytecode")}


_KEPT: Final = ("HOME", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX")
_PASSWORDS: Final = {
    SUPERUSER: "postgres_superuser",
    OWNER: "postgres_owner",
    RUN_USER: "postgres_run",
}


def make_secrets(home: Home) -> dict[str, str]:
    """Return the cluster's secrets, made the first time, each in a file of its owner's alone."""
    return {name: get_or_create_secret(home.path, name) for name in SECRETS}
