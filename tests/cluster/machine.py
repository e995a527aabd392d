"""What a cluster may leave on a machine, looked for by other means than its own."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.plan import MARK


@dataclass(frozen=True, slots=True)
class Machine:
    """Mounts, links and network namespaces of this machine."""

    mounts: tuple[str, ...]
    links: frozenset[str]
    networks: frozenset[int]

    @classmethod
    def now(cls) -> "Machine":
        """Look."""
        networks = set()
        for path in Path("/proc").glob("[0-9]*/ns/net"):
            with contextlib.suppress(OSError):
                networks.add(path.stat().st_ino)
        return cls(
            mounts=tuple(sorted(Path("/proc/self/mounts").read_text().splitlines())),
            links=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            networks=frozenset(networks),
        )


def processes_of(home: Path, cluster_id: str) -> list[str]:
    """Return the command of each process that names the home or is marked, wherever it is."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            marked = process.environ().get(MARK) == cluster_id
            inside = any(str(home) in text for text in (*words, process.cwd()))
            if marked or inside:
                found.append(" ".join(words))
    return found


def listening(addresses: set[str]) -> set[str]:
    """Return which of these addresses somebody listens on, in this network."""
    found = set()
    for one in psutil.net_connections("tcp4"):
        if one.status == psutil.CONN_LISTEN and one.laddr:
            found.add(f"{one.laddr.ip}:{one.laddr.port}")
    return found & addresses
