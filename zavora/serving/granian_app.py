"""What Granian's worker runs: the application, and a guard over the worker's connections.

Granian is Rust; it can bound neither WebSocket frames nor the connections of an address, and sends
no pings. But its sockets are files of this process, so the guard can look at them: whose they are,
and how much has come on each. One that breaks a bound is shut down, which Granian takes for the
client's going. It has a thread of its own: whoever makes the event loop busy must not make the
guard late. So its looks are calls that keep the interpreter's lock: giving it up costs the switch
interval each time while the loop is busy. (Linux only: elsewhere these bounds are not kept.)
"""

import asyncio
import contextlib
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from zavora import asgi
from zavora.serving.bounds import Bounds, get_bounds
from zavora.serving.connections import Connections

log = structlog.get_logger(__name__)

FILES: Final = Path("/proc/self/fd")
IS_LINUX: Final = sys.platform == "linux"
SCAN_S: Final = 0.25
# Between two looks, however much comes: what a flood may bring is what comes in so much time.
TICK_S: Final = 0.004
# So little fits between a WebSocket's client and Granian that a flood cannot outrun a tick.
RECEIVE_BUFFER_BYTES: Final = 16_384
# A number that no other socket ever has; Python does not name the option.
SO_COOKIE: Final = 57
COOKIE_BYTES: Final = 8
# Offset of tcpi_bytes_received in Linux' struct tcp_info.
BYTES_RECEIVED_AT: Final = 128
TCP_INFO_BYTES: Final = 192
# What comes beside messages: pings and pongs, and headers of fragments.
SLACK_BYTES: Final = 4_096
SLACK_BYTES_PER_MINUTE: Final = 2_048
# How long a client may take to answer a closing message.
CLOSE_WAIT_S: Final = 10.0
# A client that vanished is noticed after idle + interval x probes.
KEEP_ALIVE_IDLE_S: Final = 60
KEEP_ALIVE_INTERVAL_S: Final = 10
KEEP_ALIVE_PROBES: Final = 3

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Peer = tuple[str, int]


def _frame_bytes(message: dict[str, Any]) -> int:
    """Return how many bytes a client's unfragmented frame of a message had on the wire."""
    text = message.get("text")
    if text is None:
        length = len(message.get("bytes") or b"")
    else:
        length = len(text) if text.isascii() else len(text.encode())
    return length + (6 if length < 126 else 8 if length < 65_536 else 14)


class WatchedSocket:
    """A WebSocket: what has come on it, and how much of that reached the application."""

    __slots__ = ("base", "consumed", "file", "is_answered", "peer", "since")

    def __init__(self, peer: Peer, file: int, base: int) -> None:
        self.peer = peer
        self.file = file
        self.base = base
        self.consumed = 0
        self.is_answered = False
        self.since = time.monotonic()

    def undelivered(self, received: int) -> int:
        """Return how many bytes Granian holds that make no message yet."""
        return received - self.base - self.consumed


class Guard:
    """Looks at the sockets of this process that came in by one port."""

    def __init__(self, bounds: Bounds) -> None:
        self._message_bytes_max = bounds.message_bytes_max
        self._write_wait_s = bounds.write_wait_s
        self._connections = Connections(
            # Granian itself bounds them all.
            total_max=0,
            per_address_max=bounds.connections_per_address_max,
        )
        # Files are numbers that are used again: which socket each one is.
        self._cookies: dict[int, bytes] = {}
        # None: no connection of a client's.
        self._peers: dict[int, Peer | None] = {}
        self._files: dict[Peer, int] = {}
        self._watched: dict[int, WatchedSocket] = {}
        self._poll = select.epoll() if IS_LINUX else None
        self._port = int(os.environ["ZAVORA_SERVING_PORT"])
        self._scanned_at = float("-inf")
        # Held by the guard's thread while it looks, and by the event loop while it adds a socket.
        self._lock = threading.Lock()

    def start(self) -> None:
        """Look from now on, in a thread that ends with the process."""
        if self._poll is not None:
            threading.Thread(target=self._run, name="guard", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._look_at_all()
            except Exception:
                log.exception("guard_failed")
            time.sleep(TICK_S)

    def _look_at_all(self) -> None:
        """Wait for something to come, no longer than until the next scan, and look."""
        assert self._poll is not None
        events = self._poll.poll(max(0.0, self._scanned_at + SCAN_S - time.monotonic()))
        with self._lock:
            if time.monotonic() - self._scanned_at >= SCAN_S:
                # First: a scan that fails is tried, and told, no more often than one that does not.
                self._scanned_at = time.monotonic()
                self._scan()
            for file, _ in events:
                watched = self._watched.get(file)
                if watched is not None:
                    self._look(watched)

    # --- whose they are ---

    def _scan(self) -> None:
        """Notice what was opened and closed since the last time; shut what is one too many."""
        seen = set()
        for entry in FILES.iterdir():
            file = int(entry.name)
            cookie = _cookie(file)
            if cookie is None:
                continue
            seen.add(file)
            if self._cookies.get(file) != cookie:
                self._forget(file)
                self._cookies[file] = cookie
                self._notice(file)
        for file in self._cookies.keys() - seen:
            self._forget(file)

    def _notice(self, file: int) -> None:
        self._peers[file] = None
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
            if connection.type != socket.SOCK_STREAM or connection.family == socket.AF_UNIX:
                return
            if connection.getsockname()[1] != self._port:
                return
            peer: Peer = connection.getpeername()[:2]  # raises for the socket that listens
            if not self._connections.admit(file, peer[0]):
                connection.shutdown(socket.SHUT_RDWR)
                return
            self._peers[file] = peer
            self._files[peer] = file
            self._ask_for_life(connection)

    def _ask_for_life(self, connection: socket.socket) -> None:
        """Let TCP notice clients that vanished, or take nothing of what waits for them."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, KEEP_ALIVE_IDLE_S),
            (socket.TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_S),
            (socket.TCP_KEEPCNT, KEEP_ALIVE_PROBES),
            (socket.TCP_USER_TIMEOUT, 1_000 * self._write_wait_s),
        ):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

    def _forget(self, file: int) -> None:
        self._cookies.pop(file, None)
        peer = self._peers.pop(file, None)
        if peer is not None:
            self._connections.release(file)
            if self._files.get(peer) == file:
                del self._files[peer]
        self._watched.pop(file, None)

    @contextlib.contextmanager
    def _opened(self, peer: Peer, file: int) -> Any:
        """Give a socket to look at, if it is still the one of ``peer``; else None."""
        try:
            connection = socket.socket(fileno=os.dup(file))
        except OSError:
            yield None
            return
        with connection:
            try:
                is_same = connection.getpeername()[:2] == peer
            except OSError:
                is_same = False
            yield connection if is_same else None

    # --- what has come ---

    def watch(self, client: tuple[str, Any]) -> WatchedSocket | None:
        """Bound what may come on a client's WebSocket without making a message."""
        if self._poll is None or not self._message_bytes_max:
            return None
        peer = (client[0], int(client[1]))
        with self._lock:
            file = self._files.get(peer)
            if file is None or _cookie(file) != self._cookies[file]:
                self._scan()
                file = self._files.get(peer)
            if file is None:
                return None
            with self._opened(peer, file) as connection:
                if connection is None:
                    return None
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                watched = WatchedSocket(peer, file, _bytes_received(file))
                with contextlib.suppress(FileExistsError):
                    self._poll.register(file, select.EPOLLIN | select.EPOLLET)
            self._watched[file] = watched
        return watched

    def end(self, watched: WatchedSocket) -> None:
        """Give the client some time to answer the closing message, and then no more."""
        asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self._cut, watched)

    def _cut(self, watched: WatchedSocket) -> None:
        with self._opened(watched.peer, watched.file) as connection:
            if connection is not None:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _look(self, watched: WatchedSocket) -> None:
        try:
            undelivered = watched.undelivered(_bytes_received(watched.file))
        except OSError:  # closed since
            return
        if watched.is_answered and undelivered <= SLACK_BYTES:
            # No message: pings and the like. A frame that is unfinished gains this only once.
            watched.base += undelivered
            watched.is_answered = False
            return
        minutes = (time.monotonic() - watched.since) / 60
        allowed = self._message_bytes_max + SLACK_BYTES + SLACK_BYTES_PER_MINUTE * minutes
        if undelivered > allowed:
            self._cut(watched)


def _option(file: int, level: int, option: int, length: int) -> bytes:
    """Return a socket's option. Raises OSError for what is no socket, or nothing any more.

    Nothing in here gives up the interpreter's lock.
    """
    view = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, file)
    try:
        return view.getsockopt(level, option, length)
    finally:
        view.detach()


def _cookie(file: int) -> bytes | None:
    """Return what names a socket for good, None for what is none."""
    try:
        return _option(file, socket.SOL_SOCKET, SO_COOKIE, COOKIE_BYTES)
    except OSError:
        return None


def _bytes_received(file: int) -> int:
    """Return how many bytes a connection has taken in. Raises OSError."""
    info = _option(file, socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    received: int = struct.unpack_from("<Q", info, BYTES_RECEIVED_AT)[0]
    return received


GUARD: Final = Guard(get_bounds())


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection."""
    if scope["type"] == "websocket":
        await _serve_socket(scope, receive, send)
        return
    if scope["type"] == "lifespan":
        GUARD.start()
    await asgi.application(scope, receive, send)


async def _serve_socket(scope: Scope, receive: Receive, send: Send) -> None:
    # Set once the socket is accepted: Granian reads no messages before, and most of those that an
    # attacker opens are refused.
    watched: WatchedSocket | None = None

    async def counted() -> dict[str, Any]:
        message = await receive()
        if watched is not None and message["type"] == "websocket.receive":
            watched.consumed += _frame_bytes(message)
            watched.is_answered = True
        return message

    async def noticed(message: dict[str, Any]) -> None:
        nonlocal watched
        if message["type"] == "websocket.accept":
            watched = GUARD.watch(scope["client"])
        elif message["type"] == "websocket.close" and watched is not None:
            GUARD.end(watched)  # Granian waits for the client's answer as long as it takes
        await send(message)

    try:
        await asgi.application(scope, counted, noticed)
    finally:
        if watched is not None:
            GUARD.end(watched)
