"""Breaking the links between the primary and its replicas, and losing the primary's host.

A replica's receiver is stopped, so that it asks for nothing more. What the network still has for it
must be lost, too: where hosts are namespaces the very connections are cut by nftables; where they
are one machine the receiver is told to end before it goes on, and it does so before it reads.
"""

import contextlib
import shutil
import signal
from collections.abc import Iterator
from typing import Final

import psutil

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.leftovers import postgres_data
from tests.cluster.trials import ask_server, server_url, wait_for

_SENDERS: Final = "SELECT client_port FROM pg_stat_replication WHERE client_port IS NOT NULL"
_TABLE: Final = "zavora_trial"
GONE_WAIT_S: Final = 20.0


def receivers(cluster: Cluster, primary: str) -> list[psutil.Process]:
    """Return the process of each replica that receives the primary's log."""
    found = []
    for host in HOSTS:
        server = None if host == primary else cluster.identity(f"postgres-{host}")
        if server is None:
            continue
        for child in psutil.Process(server.pid).children():
            with contextlib.suppress(psutil.Error):
                if "walreceiver" in " ".join(child.cmdline()):
                    found.append(child)
    return found


@contextlib.contextmanager
def broken_links(cluster: Cluster, primary: str) -> Iterator[None]:
    """Let nothing reach the replicas from here on; lose what was under way. Heals at the end."""
    stopped = receivers(cluster, primary)
    assert len(stopped) == len(HOSTS) - 1, stopped
    enter = cluster.description["hosts"][primary]["enter"]
    for one in stopped:
        one.send_signal(signal.SIGSTOP)
    try:
        if enter:
            _cut_connections(cluster, primary)
        yield
    finally:
        for one in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGTERM)  # heard before anything is read
                one.send_signal(signal.SIGCONT)
        if enter:
            cluster.run_on(primary, ("nft", "delete", "table", "inet", _TABLE))


def _cut_connections(cluster: Cluster, primary: str) -> None:
    """Drop all that goes over the connections by which the replicas receive."""
    rows = ask_server(server_url(cluster, primary), _SENDERS)
    assert rows
    ports = ", ".join(str(port) for (port,) in rows)
    done = cluster.run_on(primary, ("nft", "add", "table", "inet", _TABLE))
    assert done.returncode == 0, done.stderr
    for hook, end in (("input", "sport"), ("output", "dport")):
        for words in (
            f"add chain inet {_TABLE} {hook} {{ type filter hook {hook} priority 0; }}",
            f"add rule inet {_TABLE} {hook} tcp {end} {{ {ports} }} drop",
        ):
            done = cluster.run_on(primary, ("nft", words))
            assert done.returncode == 0, done.stderr


def lose_primary(cluster: Cluster, primary: str) -> None:
    """Kill Patroni and PostgreSQL with all that it started, and delete what they kept."""
    server = cluster.identity(f"postgres-{primary}")
    assert server is not None
    family = psutil.Process(server.pid).children(recursive=True)
    cluster.hold(f"patroni-{primary}", signal.SIGKILL)
    cluster.kill(f"postgres-{primary}")
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    wait_for(
        lambda: not any(one.is_running() for one in family),
        wait_s=GONE_WAIT_S,
        what="the end of the primary's processes",
    )
    shutil.rmtree(postgres_data(cluster.home, primary))
