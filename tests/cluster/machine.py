"""What a cluster may leave on a machine, looked for by other means than its own."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil

from deploy.local.plan import MARK


def mounts() -> set[str]:
    """Return what is mounted, a line each."""
    return set(Path("/proc/self/mounts").read_text().splitlines())


def links() -> set[str]:
    """Return the names of this machine's network links."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def networks(pids: Iterable[int | str] | None = None) -> set[int]:
    """Return the network namespaces of these processes, or of all."""
    paths = (
        Path("/proc").glob("[0-9]*/ns/net")
        if pids is None
        else (Path(f"/proc/{pid}/ns/net") for pid in pids)
    )
    found = set()
    for path in paths:
        with contextlib.suppress(OSError):
            found.add(path.stat().st_ino)
    return found


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
