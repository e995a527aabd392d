"""The hosts of a cluster: where a process listens, and what to put before its command.

On ``loopback`` they are names for 127.0.0.1. As ``namespaces`` each has a network of its own: an
address, a cable to a switch, and nothing else, so links between hosts can be cut by nftables.
Nothing of it has a name outside: a namespace lives by an open file of the supervisor and by the
processes inside, so the kernel takes it down with them, however they end.
"""

import contextlib
import ipaddress
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.missing import Missing
from zavora.runner.home import HomeError

HOSTS: Final = ("a", "b", "c")
# Where clients come in, and what watches: the balancer and the monitoring of a real site.
EDGE: Final = "edge"
LOOPBACK: Final = "127.0.0.1"
_MAKE_WAIT_S: Final = 10.0
_POLL_S: Final = 0.01
# Networks that a cluster may have: 10.64.0.0/24 to 10.127.255.0/24.
_NETWORKS: Final = 64 * 256
_CLIENT: Final = 254


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its address, and what runs a command on it."""

    name: str
    address: str
    enter: tuple[str, ...] = ()


def loopback_hosts() -> dict[str, Host]:
    """Return hosts that are all this machine."""
    return {name: Host(name, LOOPBACK) for name in (*HOSTS, EDGE)}


def choose_network(cluster_id: str) -> str:
    """Return a private /24 that no address or route of this machine uses, by the cluster's id."""
    used = [
        ipaddress.ip_network(route["dst"], strict=False)
        for route in json.loads(_run("ip", "-j", "-4", "route", "show", "table", "all"))
        if route.get("dst", "default") != "default"
    ]
    first = int(cluster_id, 16)
    for number in range(first, first + _NETWORKS):
        second, third = divmod(number % _NETWORKS, 256)
        network = ipaddress.ip_network(f"10.{64 + second}.{third}.0/24")
        if not any(network.overlaps(one) for one in used):
            return str(network)
    raise HomeError("no network between 10.64.0.0 and 10.127.255.0 is free")


def link_name(cluster_id: str) -> str:
    """Return the name of this machine's own end of the cable to the cluster's switch."""
    return f"zv{cluster_id}"


def remove_link(cluster_id: str) -> bool:
    """Remove this machine's end of the cable, if it is there; return whether it was."""
    name = link_name(cluster_id)
    if not Path("/sys/class/net", name).exists():
        return False
    _run("ip", "link", "delete", name)
    return True


@contextlib.contextmanager
def namespace_hosts(cluster_id: str, network: str) -> Iterator[dict[str, Host]]:
    """Make the hosts' networks and yield the hosts; they end with their last process.

    Raises Missing where this user or kernel cannot.
    """
    addresses = list(ipaddress.ip_network(network).hosts())
    names = (*HOSTS, EDGE)
    with contextlib.ExitStack() as stack:
        files = {name: _new_namespace(stack) for name in ("switch", *names)}
        paths = {name: f"/proc/{os.getpid()}/fd/{file}" for name, file in files.items()}
        remove_link(cluster_id)
        _connect(paths, own_end=link_name(cluster_id))
        bits = network.partition("/")[2]
        for name, address in zip(names, addresses, strict=False):
            _batch(
                ["link set lo up", f"addr add {address}/{bits} dev eth0", "link set eth0 up"],
                inside=paths[name],
            )
        own = link_name(cluster_id)
        _batch([f"addr add {addresses[_CLIENT - 1]}/{bits} dev {own}", f"link set {own} up"])
        yield {
            name: Host(name, str(address), enter_by(paths[name]))
            for name, address in zip(names, addresses, strict=False)
        }


def enter_by(path: str) -> tuple[str, ...]:
    """Return what to put before a command that is to run in the network namespace at ``path``."""
    return ("nsenter", f"--net={path}", "--")


def cut(here: Sequence[str], addresses: Sequence[str]) -> None:
    """Drop all that goes between a host (by what enters it) and these addresses, both ways."""
    heal(here)
    listed = ", ".join(addresses)
    rules = "".join(
        f"chain {hook} {{ type filter hook {hook} priority 0; ip {end} {{ {listed} }} drop; }}\n"
        for hook, end in (("input", "saddr"), ("output", "daddr"))
    )
    _run(*here, "nft", "-f", "-", text=f"table inet zavora_cut {{\n{rules}}}\n")


def heal(here: Sequence[str]) -> None:
    """Take back what ``cut`` did on this host."""
    _run(
        *(*here, "nft", "-f", "-"),
        text="add table inet zavora_cut\ndelete table inet zavora_cut\n",
    )


def _new_namespace(stack: contextlib.ExitStack) -> int:
    """Return an open file of a new network namespace, which keeps it alive."""
    ours = Path("/proc/self/ns/net").stat().st_ino
    try:
        maker = subprocess.Popen(["unshare", "--net", "sleep", str(_MAKE_WAIT_S)])
    except OSError as error:
        raise Missing(f"no network namespaces without unshare: {error}") from error
    try:
        deadline = time.monotonic() + _MAKE_WAIT_S
        path = Path(f"/proc/{maker.pid}/ns/net")
        while path.stat().st_ino == ours:
            if maker.poll() is not None or time.monotonic() > deadline:
                raise Missing("this machine makes no network namespaces (unshare --net failed)")
            time.sleep(_POLL_S)
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        maker.kill()
        maker.wait()
    stack.callback(os.close, file)
    return file


def _connect(paths: Mapping[str, str], *, own_end: str) -> None:
    """Connect each host, and this machine, to the switch by a cable."""
    lines = ["link add br0 type bridge", "link set br0 up"]
    ends = {name: ("eth0", paths[name]) for name in (*HOSTS, EDGE)}
    ends["own"] = (own_end, f"/proc/{os.getpid()}/ns/net")
    for name, (end, where) in ends.items():
        lines += [
            f"link add to-{name} type veth peer name {end} netns {where}",
            f"link set to-{name} master br0",
            f"link set to-{name} up",
        ]
    _batch(lines, inside=paths["switch"])


def _batch(lines: Sequence[str], *, inside: str | None = None) -> None:
    before = enter_by(inside) if inside else ()
    _run(*before, "ip", "-batch", "-", text="\n".join(lines) + "\n")


def _run(*command: str, text: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
    except OSError as error:
        raise Missing(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        raise HomeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
