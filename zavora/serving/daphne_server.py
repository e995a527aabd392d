"""Daphne with bounds: Twisted's channel and Autobahn's protocol, counted and with deadlines.

Daphne asks the application only once a body is whole, hands it messages without end, and takes
answers without end. So here the body is bounded while it comes, and both queues have a bound.
"""

import asyncio
from collections.abc import Hashable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import daphne.server
from autobahn.websocket import protocol
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from daphne.utils import import_by_path
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import LoopingCall
from twisted.web import http
from zope.interface import implementer

from zavora.foundation.bodies import BUDGET, HeldBody
from zavora.foundation.clients import with_client
from zavora.foundation.heap import settle
from zavora.foundation.socket_counts import SOCKETS, Turns
from zavora.serving.answers import ANSWERS
from zavora.serving.bounds import PARTS_MAX, Bounds, get_bounds
from zavora.serving.connections import Connections
from zavora.serving.daphne_endpoints import endpoints_of
from zavora.serving.listener import Address

# Autobahn formats its settings anew for each connection, for a line of a debugging log: a third of
# what opening a WebSocket costs.
protocol.pformat = repr

SWEEP_S: Final = 1.0
# Messages of a client that wait for the application before its socket is read no more.
INBOX_MAX: Final = 32
CLOSE_REASON_BYTES_MAX: Final = 123  # as RFC 6455 has it, of ASCII as ours are
NEVER: Final = float("inf")
NO_BOUND: Final = 1 << 40

BOUNDS: Final[Bounds] = get_bounds()
# Opening a WebSocket takes milliseconds here, so an address opens one each hundredth of a second.
OPENINGS: Final = Turns(0.01)
CONNECTIONS: Final = Connections(
    total_max=BOUNDS.connections_max, per_address_max=BOUNDS.connections_per_address_max
)


def _name(address: Any) -> Hashable:
    """Return what tells a connection from the others, by its other end."""
    return getattr(address, "host", None), getattr(address, "port", id(address))


@implementer(IPushProducer)
class Writable:
    """Tells whether a socket's client takes what is sent."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._event.set()

    def pauseProducing(self) -> None:  # noqa: N802
        """Note that much waits to be taken."""
        self._event.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        """Note that it was taken."""
        self._event.set()

    def stopProducing(self) -> None:  # noqa: N802
        """Let nobody wait for a client that has gone."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the client takes what is sent."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until the client has taken what waits, or is given up."""
        await self._event.wait()


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """A request. A body that breaks a bound goes no further, and the application answers it."""

    _held: HeldBody | None = None
    _bytes = 0
    _is_cut = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's name)
        """Begin to take the body, unless its announced length is too much."""
        super().gotLength(min(length or 0, BOUNDS.body_bytes_max or NO_BOUND))
        peer = self.channel.transport.getPeer()
        self._held = HeldBody(BUDGET, getattr(peer, "host", ""))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Take a part of the body."""
        if self._is_cut:
            return
        self._bytes += len(data)
        if 0 < BOUNDS.body_bytes_max < self._bytes:
            # One byte too many is kept, by which the application sees that it is too long.
            room = BOUNDS.body_bytes_max + 1 - (self._bytes - len(data))
            super().handleContentChunk(data[:room])
            self._is_cut = True
            self.channel.end_body_here()
        elif self._held is not None and not self._held.add(len(data)):
            self._is_cut = True
            self.channel.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        """Hand the request to the application; one for a WebSocket when it is its address' turn."""
        self.release()
        upgrades = self.requestHeaders.getRawHeaders(b"upgrade", ())
        if not any(name.lower() == b"websocket" for name in upgrades):
            return self._hand_over()
        address = self._client_address()
        if not SOCKETS.is_full(address) and (wait_s := OPENINGS.wait_s(address, reactor.seconds())):
            return reactor.callLater(wait_s, self._open_socket, address)
        return self._open_socket(address)

    def _client_address(self) -> str:
        headers = self.requestHeaders.getAllRawHeaders()
        sent = [(name.lower(), value) for name, values in headers for value in values]
        peer = self.channel.transport.getPeer()
        client = (getattr(peer, "host", ""), getattr(peer, "port", 0))
        address: str = with_client({"type": "websocket", "client": client, "headers": sent})[
            "client"
        ][0]
        return address

    def _open_socket(self, address: str) -> Any:
        if self.channel is None:  # the client did not wait
            return None
        if SOCKETS.is_full(address):
            self.channel.refuse(HTTPStatus.TOO_MANY_REQUESTS)
            return None
        return self._hand_over()

    def _hand_over(self) -> Any:
        channel = self.channel
        result = super().process()
        if self.transport is None:  # a WebSocket has it now
            channel.factory.channels.discard(channel)
        return result

    def release(self) -> None:
        """Give back what the body took while it came."""
        if self._held is not None:
            self._held.release()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the request."""
        self.release()
        super().connectionLost(reason)


class BoundedChannel(http.HTTPChannel):
    """One HTTP connection. Twisted bounds its headers; here are the deadlines."""

    requestFactory = BoundedRequest  # noqa: N815
    totalHeadersSize = BOUNDS.header_bytes_max or NO_BOUND  # noqa: N815
    MAX_LENGTH = BOUNDS.header_bytes_max or NO_BOUND
    maxHeaders = BOUNDS.headers_max or NO_BOUND  # noqa: N815

    def connectionMade(self) -> None:  # noqa: N802
        """Begin to wait for a request."""
        self.writable = Writable()
        super().connectionMade()
        self._waits_since = reactor.seconds()
        self._wait_s = BOUNDS.header_wait_s
        self._stuck_since = NEVER
        self.factory.channels.add(self)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the connection."""
        self.writable.stopProducing()
        self.factory.channels.discard(self)
        CONNECTIONS.release(_name(self.transport.getPeer()))
        super().connectionLost(reason)

    def pauseProducing(self) -> None:  # noqa: N802
        """Note that much waits to be taken."""
        self.writable.pauseProducing()
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Note that it was taken."""
        self.writable.resumeProducing()
        super().resumeProducing()

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Take a line of the head."""
        if self._waits_since == NEVER:
            self._waits_since = reactor.seconds()
            self._wait_s = BOUNDS.header_wait_s
        super().lineReceived(line)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take what has come; after a refusal nothing counts any more."""
        if not self.transport.disconnecting:
            if self._waits_since == NEVER and not self._handlingRequest:
                self._waits_since, self._wait_s = reactor.seconds(), BOUNDS.header_wait_s
            super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Begin with the body."""
        self._waits_since, self._wait_s = reactor.seconds(), BOUNDS.body_wait_s
        super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802
        """Hand the request over."""
        self._waits_since = NEVER
        super().allContentReceived()

    def end_body_here(self) -> None:
        """Let the application answer what has come so far; nothing else is read afterwards."""
        self.persistent = False
        self.allContentReceived()

    def check(self, now: float) -> None:
        """End the connection where its client is overdue."""
        if 0 < self._wait_s <= now - self._waits_since:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT)
        if not self.writable.is_set:
            self._stuck_since = min(self._stuck_since, now)
            if 0 < BOUNDS.write_wait_s <= now - self._stuck_since:
                self.transport.abortConnection()
        else:
            self._stuck_since = NEVER

    def refuse(self, status: HTTPStatus) -> None:
        """Answer in the server's own words, and close."""
        if not self.transport.disconnecting:
            self.transport.write(ANSWERS[status])
            self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self.refuse(HTTPStatus.BAD_REQUEST)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a line of the head that is too long."""
        self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


class BoundedHttpFactory(HTTPFactory):  # type: ignore[misc]
    """Makes the channels, and looks for overdue clients once a second."""

    protocol = BoundedChannel

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.timeOut = BOUNDS.keep_alive_s or None
        self.channels: set[BoundedChannel] = set()
        LoopingCall(self._sweep).start(SWEEP_S, now=False)

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Make a channel whose requests are ours; none where the address has too many."""
        if not CONNECTIONS.admit(_name(addr), getattr(addr, "host", "")):
            return None
        channel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest
        return channel

    def _sweep(self) -> None:
        now = reactor.seconds()
        for channel in list(self.channels):
            channel.check(now)


class Inbox(asyncio.Queue[dict[str, Any]]):
    """What a client said, for the application; while it is full the client is read no more."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol

    def put_nowait(self, item: dict[str, Any]) -> None:
        """Take a message."""
        super().put_nowait(item)
        if self.qsize() == INBOX_MAX and isinstance(self._protocol, BoundedSocket):
            self._protocol.transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        """Give the next message."""
        item = await super().get()
        if self.qsize() == INBOX_MAX - 1 and isinstance(self._protocol, BoundedSocket):
            self._protocol.transport.resumeProducing()
        return item


class BoundedSocket(WebSocketProtocol):  # type: ignore[misc]
    """One WebSocket connection. Autobahn bounds its messages."""

    def connectionMade(self) -> None:  # noqa: N802
        """Take the connection over from the channel."""
        self.writable = Writable()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.writable, True)
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the connection."""
        self.writable.stopProducing()
        CONNECTIONS.release(_name(self.transport.getPeer()))
        super().connectionLost(reason)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Do what the application says."""
        if message.get("type") == "websocket.close" and self.state == self.STATE_OPEN:
            # Autobahn's own way refuses the codes from 1001 on, and the socket would stay.
            reason = str(message.get("reason") or "").encode()[:CLOSE_REASON_BYTES_MAX]
            self.sendCloseFrame(code=message.get("code") or 1000, reasonUtf8=reason)
        else:
            super().handle_reply(message)

    def _fail_connection(self, code: int = 1001, reason: str = "") -> None:
        # Autobahn either says nothing or reads on until the client has answered, which costs more
        # than the flood is worth. Who listens is told why, and nobody is waited for.
        if self.state == self.STATE_OPEN:
            self.failedByMe, self.wasClean = True, False
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:CLOSE_REASON_BYTES_MAX])
            self.dropConnection(abort=False)
        else:
            super()._fail_connection(code, reason)

    def onMessageFrameData(self, payload: bytes) -> None:  # noqa: N802
        """Take what has come of a frame."""
        super().onMessageFrameData(payload)
        self._join(self.frame_data)

    def onMessageFrame(self, payload: list[bytes]) -> None:  # noqa: N802
        """Take a part of a message."""
        super().onMessageFrame(payload)
        self._join(self.message_data)

    def _join(self, parts: list[bytes] | None) -> None:
        if parts is not None and len(parts) > PARTS_MAX:
            parts[:] = [b"".join(parts)]

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        """Answer a ping, unless the client takes no answers."""
        if self.writable.is_set:
            super().onPing(payload)


class BoundedSocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes the sockets."""

    protocol = BoundedSocket


class BoundedServer(Server):  # type: ignore[misc]
    """Daphne with bounds on both queues of a connection."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application of a connection; return its inbox, or None where it has gone."""
        inbox = Inbox(protocol)
        scope.setdefault("asgi", {"version": "3.0"})
        if protocol not in self.connections:
            return None
        running = self.application(
            scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol)
        )
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a message once the client has taken what waits for it, or is given up."""
        connection = protocol if isinstance(protocol, BoundedSocket) else protocol.channel
        if connection is not None and not connection.writable.is_set:
            try:
                async with asyncio.timeout(BOUNDS.write_wait_s or None):
                    await connection.writable.wait()
            except TimeoutError:
                connection.transport.abortConnection()
        await super().handle_reply(protocol, message)


# Daphne has no other place to say which factories its server makes.
daphne.server.HTTPFactory = BoundedHttpFactory
daphne.server.WebSocketFactory = BoundedSocketFactory


def serve(
    application: str, *, address: Address, stop_s: int, ping_s: int, pong_wait_s: int
) -> None:
    """Serve until a signal comes. Daphne ends at once: ``stop_s`` is not needed."""
    server = BoundedServer(
        application=import_by_path(application),
        endpoints=endpoints_of(address),
        ping_interval=ping_s,
        ping_timeout=pong_wait_s,
        websocket_connect_timeout=BOUNDS.header_wait_s or -1,
        websocket_handshake_timeout=BOUNDS.header_wait_s,
        websocket_max_message_size=BOUNDS.message_bytes_max,
        websocket_max_frame_size=BOUNDS.message_bytes_max,
        verbosity=0,
    )
    settle()  # it tells the application of no start
    server.run()
    if server.abort_start:
        raise SystemExit(1)
