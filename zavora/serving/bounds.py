"""The bounds of a web process, as the settings give them."""

import resource
from dataclasses import dataclass

from django.conf import settings

# Files and connections of our own: databases, queue, logs.
FILES_RESERVED = 200
# Parts of an unfinished message that are kept apart: a tiny one takes twenty times its bytes.
PARTS_MAX = 256


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection, one address and all may hold, and for how long; 0: no bound."""

    header_bytes_max: int
    headers_max: int
    header_wait_s: int
    keep_alive_s: int
    drain_s: int
    body_bytes_max: int
    body_wait_s: int
    write_wait_s: int
    message_bytes_max: int
    connections_max: int
    connections_per_address_max: int


def get_bounds() -> Bounds:
    """Return the bounds that the settings give."""
    return Bounds(
        header_bytes_max=settings.ZAVORA_HEADER_BYTES_MAX,
        headers_max=settings.ZAVORA_HEADERS_MAX,
        header_wait_s=settings.ZAVORA_HEADER_WAIT_S,
        keep_alive_s=settings.ZAVORA_KEEP_ALIVE_S,
        drain_s=settings.ZAVORA_DRAIN_S,
        body_bytes_max=settings.ZAVORA_BODY_BYTES_MAX,
        body_wait_s=settings.ZAVORA_BODY_WAIT_S,
        write_wait_s=settings.ZAVORA_WRITE_WAIT_S,
        message_bytes_max=settings.ZAVORA_SOCKET_MESSAGE_BYTES_MAX,
        connections_max=min(settings.ZAVORA_CONNECTIONS_MAX or _files(), _files()),
        connections_per_address_max=settings.ZAVORA_CONNECTIONS_PER_ADDRESS_MAX,
    )


def _files() -> int:
    """Return how many connections the system lets a process have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    return max(soft - FILES_RESERVED, soft // 2)


def raise_file_limit() -> None:
    """Let this process and its children have as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
