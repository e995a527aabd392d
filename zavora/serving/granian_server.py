"""Granian with bounds: its options, and a guard inside its worker for what has no option."""

import os

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from zavora.serving.bounds import get_bounds
from zavora.serving.listener import BACKLOG, Address

APPLICATION = "zavora.serving.granian_app:application"
HTTP1_BUFFER_BYTES_MIN = 8_192
HEADER_WAIT_S_MAX = 60


def serve(
    application: str, *, address: Address, stop_s: int, ping_s: int, pong_wait_s: int
) -> None:
    """Serve until a signal comes. Granian has no pings: the guard asks TCP for signs of life.

    ``application`` is what the guard's own application hands connections to, always. Its listener
    shares the port with others whether asked to or not.
    """
    del application, ping_s, pong_wait_s
    bounds = get_bounds()
    os.environ["ZAVORA_SERVING_PORT"] = str(
        address.port
    )  # by which the guard knows clients' connections
    # Each of its threads would keep a heap of its own for what attackers made it hold once.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    Granian(
        APPLICATION,
        address=address.host,
        port=address.port,
        interface=Interfaces.ASGI,
        # HTTP/2 has bounds of its own, all larger; whoever wants it has a proxy that speaks it.
        http=HTTPModes.http1,
        backlog=BACKLOG,
        backpressure=bounds.connections_max,
        http1_settings=HTTP1Settings(
            # It also ends connections that wait for their next request.
            header_read_timeout=1_000 * (bounds.header_wait_s or HEADER_WAIT_S_MAX),
            max_buffer_size=max(
                bounds.header_bytes_max or HTTP1Settings().max_buffer_size, HTTP1_BUFFER_BYTES_MIN
            ),
        ),
        log_access=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=stop_s,
    ).serve()
