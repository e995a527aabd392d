"""Ports of a cluster: a block of its own, the same at each start.

A process of the supervisor's keeps the first port of the block for as long as the cluster runs, so
two clusters that start at the same moment never take the same block.
"""

import contextlib
import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from zavora.runner.embedded.valkey import PORTS, is_free
from zavora.runner.home import HomeError
from zavora.runner.processes import write_private

BLOCK: Final = 64


def take_block(file: Path, names: Sequence[str]) -> tuple[dict[str, int], socket.socket]:
    """Return a port for each name, and the socket that keeps the block until it is closed.

    The block is that of last time, which ``file`` notes: etcd has its addresses in its data. Raises
    HomeError where somebody else uses one of its ports.
    """
    if len(names) >= BLOCK:
        raise ValueError(f"{len(names)} ports do not fit into a block of {BLOCK}")
    with contextlib.suppress(OSError, ValueError):
        base = int(json.loads(file.read_text())["first"])
        claim = _claim(base)
        ports = numbered(base, names)
        busy = next((name for name, port in ports.items() if not is_free(port)), None)
        if claim is None or busy is not None:
            raise HomeError(
                f"port {ports[busy] if busy else base} ({busy or 'the first of its ports'}) is in"
                " use by another program: end that, or begin anew (cluster-down, cluster-reset)"
            )
        return ports, claim
    for base in random.sample(PORTS[::BLOCK], len(PORTS[::BLOCK])):
        if base + BLOCK > PORTS.stop or (claim := _claim(base)) is None:
            continue
        ports = numbered(base, names)
        if all(is_free(port) for port in ports.values()):
            write_private(file, json.dumps({"first": base}))
            return ports, claim
        claim.close()
    raise HomeError(f"no {BLOCK} free ports in a row between {PORTS.start} and {PORTS.stop}")


def numbered(base: int, names: Sequence[str]) -> dict[str, int]:
    """Return ports in a row, after the first one, which is kept for the block itself."""
    return {name: base + 1 + number for number, name in enumerate(names)}


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket()
    try:
        claim.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return None
    return claim
