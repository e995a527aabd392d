"""A listening socket that several web processes have each one of, on the same port.

The kernel hands each connection to one of them, by a hash of its two ends (SO_REUSEPORT). A process
that dies takes its own connections with it, and those that it had not accepted yet; the next one
goes to another. Only processes of one user may share a port.
"""

import socket
from dataclasses import dataclass
from typing import Final

BACKLOG: Final = 1_024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a web process listens, and whether others do so, too."""

    host: str
    port: int
    is_shared: bool = False


def shared_listener(address: Address) -> socket.socket:
    """Return a socket that is bound and not listened on yet. Raises OSError."""
    family, kind, protocol, _, found = socket.getaddrinfo(
        address.host.strip("[]"), address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(found)
    listener.setblocking(False)
    return listener
