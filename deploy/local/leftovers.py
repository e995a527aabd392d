"""What may be left of a cluster whose supervisor is gone: found by marks of its own, and ended.

The kernel tells each process that its supervisor died. What has started others (Patroni, nginx) may
be killed before it has ended them; those are known by the mark in their environment, or by their
working folder inside the home.
"""

import contextlib
import shutil
import signal
from pathlib import Path
from typing import Final

import psutil

from deploy.local.hosts import HOSTS, remove_link
from deploy.local.plan import MARK
from deploy.local.state import control_socket, description_file, identity_file, read_json
from zavora.runner.home import Home
from zavora.runner.processes import (
    ProcessIdentity,
    ProcessRecord,
    end_processes,
    identify,
    is_alive,
)

# Programs that write over their environment, and stay in their own folder.
_BY_FOLDER: Final = frozenset({"postgres", "nginx"})
_GRACE_S: Final = 5.0


def postmaster(home: Home, host: str) -> ProcessIdentity | None:
    """Return the PostgreSQL of a host, whoever started it."""
    data = postgres_data(home, host)
    try:
        pid = int((data / "postmaster.pid").read_text().partition("\n")[0])
        process = psutil.Process(pid)
        is_ours = process.name() == "postgres" and Path(process.cwd()) == data
    except (OSError, ValueError, psutil.Error):
        return None
    return identify(pid) if is_ours else None


def postgres_data(home: Home, host: str) -> Path:
    """Return PostgreSQL's data folder on a host."""
    return home.path / host / "patroni" / "postgres"


def find_strays(home: Home) -> list[ProcessIdentity]:
    """Return every live process of the home's cluster, recorded or not."""
    cluster_id = read_json(identity_file(home)).get("id")
    strays = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            is_ours = cluster_id is not None and process.environ().get(MARK) == cluster_id
            if not is_ours and process.info["name"] in _BY_FOLDER:
                is_ours = Path(process.cwd()).is_relative_to(home.path)
            if is_ours and (identity := identify(process.pid)):
                strays.append(identity)
    return strays


def end_leftovers(home: Home) -> list[str]:
    """End every process of a cluster that nobody supervises, and remove what it left outside.

    Hold the home's lock. Returns the names of what still ran, and ``others`` for those without.
    """
    recorded = _recorded(home)
    names = {one: name for name, one in recorded.items() if is_alive(one)}
    found = {*names, *find_strays(home)}
    servers = {one for host in HOSTS if (one := postmaster(home, host))}
    # All at once: each has been told by the kernel already, and some wait for others in vain.
    end_processes(
        [one for one in found if not _is_postgres(one)],
        stop_signal=signal.SIGTERM,
        grace_s=_GRACE_S,
    )
    end_processes(servers, stop_signal=signal.SIGINT, grace_s=_GRACE_S)
    end_processes(find_strays(home), stop_signal=signal.SIGKILL, grace_s=0.0)
    ProcessRecord(home.processes_file).clear()
    if cluster_id := read_json(identity_file(home)).get("id"):
        remove_link(cluster_id)
    return sorted(names.values()) + (["others"] if found - names.keys() else [])


def _recorded(home: Home) -> dict[str, ProcessIdentity]:
    entries = read_json(home.processes_file)
    return {
        name: ProcessIdentity(entry["pid"], entry["started"]) for name, entry in entries.items()
    }


def _is_postgres(identity: ProcessIdentity) -> bool:
    try:
        return psutil.Process(identity.pid).name() == "postgres"
    except psutil.Error:
        return False


def remove_traces(home: Home) -> None:
    """Remove the files that are true only while the cluster is up."""
    description_file(home).unlink(missing_ok=True)
    socket = control_socket(home)
    for path in (socket, *home.path.glob("*/haproxy/admin.sock")):
        path.unlink(missing_ok=True)
    if socket.parent != home.run:
        shutil.rmtree(socket.parent, ignore_errors=True)
