"""Where a process can be asked what it measured: GET /metrics, on an address of its own.

The library's own server makes a thread for whoever connects and lets them keep it. This one is a
single thread with an event loop of its own, whichever server the process otherwise runs: few
connections, little to be read of each, a deadline for the whole of it, and one answer.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from zavora.foundation import metrics
from zavora.foundation.setting_values import SettingValue

CONNECTIONS_MAX: Final = 8
HEAD_BYTES_MAX: Final = 8_192
# For all of a connection: asking, answering, taking the answer.
CONNECTION_S: Final = 5.0
BIND_RETRY_S: Final = 1.0
_BIND: Final = SettingValue("ZAVORA_METRICS_BIND")

# What is told only when it is asked for: brings ``Told`` gauges up to date. May take a second.
Refresh = Callable[[], None]

log = structlog.get_logger(__name__)


def start(role: str, refresh: Sequence[Refresh] = ()) -> None:
    """Expose what this process measures, where ``ZAVORA_METRICS_BIND`` says so.

    An address that is taken keeps nobody from working: it is tried again each second.
    """
    bind = _BIND.value
    if bind is None:
        return
    server = _Listener(metrics.expose(role), refresh)
    threading.Thread(
        target=lambda: asyncio.run(server.serve(*bind)), name="metrics", daemon=True
    ).start()


class _Listener:
    def __init__(self, registry: CollectorRegistry, refresh: Sequence[Refresh]) -> None:
        self._registry = registry
        self._refresh = refresh
        self._connections = 0

    async def serve(self, host: str, port: int) -> None:
        """Listen for as long as the process lives."""
        is_told = False
        while True:
            try:
                server = await asyncio.start_server(
                    self._handle, host, port, limit=HEAD_BYTES_MAX, backlog=CONNECTIONS_MAX
                )
            except OSError as error:
                if not is_told:
                    log.error("metrics_not_exposed", host=host, port=port, error=str(error))
                    is_told = True
                await asyncio.sleep(BIND_RETRY_S)  # between attempts
                continue
            log.info("metrics_exposed", host=host, port=port)
            async with server:
                await server.serve_forever()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        if self._connections >= CONNECTIONS_MAX:
            transport.abort()
            return
        self._connections += 1
        # What is written counts as taken only once the system has all of it.
        transport.set_write_buffer_limits(high=0)
        try:
            with contextlib.suppress(
                TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                async with asyncio.timeout(CONNECTION_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        finally:
            transport.abort()
            self._connections -= 1

    def _answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request; of its headers none counts."""
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _response("404 Not Found", b"Only /metrics is here.\n")
        if method != b"GET":
            return _response("405 Method Not Allowed", b"Only GET.\n", "Allow: GET\r\n")
        for refresh in self._refresh:
            try:
                refresh()
            except Exception:
                # What it would have told is missing; the rest is told all the same.
                log.exception("metrics_not_refreshed")
        return _response("200 OK", generate_latest(self._registry))


def _response(status: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE_PLAIN_0_0_4}\r\n"
        f"Content-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body
