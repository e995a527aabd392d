"""Uvicorn with bounds: its own parser, counted.

Its parser (llhttp) is C and sets no bound on headers, and there is no deadline for them
(encode/uvicorn#157). Here every byte is counted that the parser took without giving anything in
return, be it of a request line, a header, a trailer or a chunk's extension.
"""

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from zavora.serving.answers import ANSWERS
from zavora.serving.bounds import PARTS_MAX, Bounds, get_bounds
from zavora.serving.connections import Connections
from zavora.serving.listener import Address, shared_listener

SWEEP_TICKS: Final = 10  # of a tenth of a second each
# Requests that a client may send ahead of its answers.
PIPELINED_MAX: Final = 50
NEVER: Final = float("inf")

BOUNDS: Final[Bounds] = get_bounds()
CONNECTIONS: Final = Connections(
    total_max=BOUNDS.connections_max, per_address_max=BOUNDS.connections_per_address_max
)
HELD_MAX: Final = BOUNDS.header_bytes_max or 1 << 62


class Refused(Exception):
    """What the parser reads is refused; ends its work from inside a callback."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    # Whether the process is to end: what is answered from then on is each connection's last.
    is_draining: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bytes that the parser took since it gave us something.
        self._held = 0
        # When we began to wait for a head, or for what we do not want to read; NEVER: we do not.
        self._waits_since = NEVER
        self._stuck_since = NEVER
        self._refusal = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless its address has too many."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        if not CONNECTIONS.admit(transport, self.client[0] if self.client else ""):
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        CONNECTIONS.release(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, never more than the bound without getting anything back."""
        self._unset_keepalive_if_required()
        self._held += len(data)
        if self._held <= HELD_MAX:
            self._feed(data)
            return
        self._held -= len(data)
        for start in range(0, len(data), HELD_MAX):
            piece = data[start : start + HELD_MAX]
            self._held += len(piece)
            self._feed(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._held > HELD_MAX:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return

    def _feed(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            self._refuse(self._refusal)

    # --- what the parser gives ---

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._waits_since == NEVER:
            self._waits_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Start the application, unless there are too many headers or requests."""
        self._held = 0
        self._waits_since = NEVER
        if 0 < BOUNDS.headers_max < len(self.headers):
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise Refused
        if len(self.pipeline) > PIPELINED_MAX:
            self._refusal = HTTPStatus.TOO_MANY_REQUESTS
            raise Refused
        super().on_headers_complete()
        if self.is_draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._held = 0
        self._waits_since = NEVER
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; the rest of this one must not take for ever."""
        if self.cycle.more_body:
            self._waits_since = self.loop.time()
        super().on_response_complete()

    # --- the end ---

    def end_with_this_answer(self) -> None:
        """Say with what is under way that nothing else will be answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    # --- deadlines ---

    def check(self, now: float) -> None:
        """End the connection where its client is overdue."""
        if 0 < BOUNDS.header_wait_s <= now - self._waits_since:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        if self.flow is not None and self.flow.write_paused:
            self._stuck_since = min(self._stuck_since, now)
            if 0 < BOUNDS.write_wait_s <= now - self._stuck_since:
                self.transport.abort()
        else:
            self._stuck_since = NEVER

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer where no other answer is under way, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(ANSWERS[status])
        self.transport.close()


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection. Frames are bounded by ``ws_max_size``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stuck_since = NEVER

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        CONNECTIONS.release(self.transport)
        super().connection_lost(exc)

    def handle_cont(self, event: Frame) -> None:
        """Take a part of a message."""
        if len(self.frames) >= PARTS_MAX:
            self.frames = [b"".join(self.frames)]
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping, unless the client takes no answers."""
        output = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(output))

    def check(self, now: float) -> None:
        """End the connection of a client that takes nothing."""
        if self.writable.is_set():
            self._stuck_since = NEVER
            return
        self._stuck_since = min(self._stuck_since, now)
        if 0 < BOUNDS.write_wait_s <= now - self._stuck_since:
            self.transport.abort()


class BoundedServer(uvicorn.Server):
    """Uvicorn, looking for overdue clients once a second, and leaving nobody without an answer."""

    _drains_until: float | None = None

    async def on_tick(self, counter: int) -> bool:
        """Do what a tick asks for; say whether to end."""
        if counter % SWEEP_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for protocol in list(self.server_state.connections):
                protocol.check(now)  # type: ignore[union-attr]
        is_over = await super().on_tick(counter)
        return is_over and (self.force_exit or self._has_drained())

    def _has_drained(self) -> bool:
        """Tell whether all had the time to learn that their connections end.

        No other connection is taken. Who keeps one closes it after the answer that says so, or
        because nobody used it.
        """
        now = asyncio.get_running_loop().time()
        if self._drains_until is None:
            self._drains_until = now + BOUNDS.drain_s
            BoundedHttpProtocol.is_draining = True
            # Who is refused a connection has sent nothing, and asks another process.
            for server in self.servers:
                server.close()
            for protocol in list(self.server_state.connections):
                if isinstance(protocol, BoundedHttpProtocol):
                    protocol.end_with_this_answer()
        return now >= self._drains_until or not self.server_state.connections


def serve(
    application: str, *, address: Address, stop_s: int, ping_s: int, pong_wait_s: int
) -> None:
    """Serve until a signal comes."""
    config = uvicorn.Config(
        application,
        host=address.host,
        port=address.port,
        access_log=False,
        log_level="warning",
        http=BoundedHttpProtocol,
        ws=BoundedSocketProtocol,
        # Compressing each message for each socket halves what one process can deliver.
        ws_per_message_deflate=False,
        ws_max_size=BOUNDS.message_bytes_max or 1 << 30,
        ws_ping_interval=ping_s,
        ws_ping_timeout=pong_wait_s,
        timeout_keep_alive=BOUNDS.keep_alive_s or 1 << 30,
        timeout_graceful_shutdown=stop_s,
        # zavora/foundation/clients.py finds the client, the same under every server.
        proxy_headers=False,
    )
    server = BoundedServer(config)
    server.run([shared_listener(address)] if address.is_shared else None)
    if not server.started:
        raise SystemExit(1)
