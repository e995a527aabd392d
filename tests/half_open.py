"""A proxy whose connections can go half-open: the sockets stay, and nothing is passed on any more.

Like a firewall that forgot a connection, or a host that lost its cable: neither end is told.
"""

import asyncio
import threading
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

HOST = "127.0.0.1"
CHUNK = 65_536
Direction = Literal["both", "to_client", "to_server"]
DIRECTIONS: tuple[Direction, ...] = ("both", "to_client", "to_server")


class _Link:
    """One connection through the proxy."""

    def __init__(self) -> None:
        self.said = b""  # what the client has sent
        self.is_dropped = {"to_client": False, "to_server": False}


class HalfOpenProxy:
    """Passes bytes on to a server of 127.0.0.1, until ``freeze``. Use as a context manager."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="half-open-proxy")
        self._links: list[_Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def freeze(self, direction: Direction, *, said: bytes) -> int:
        """Pass nothing on any more where the client has sent ``said``; return for how many.

        Connections made later work.
        """
        frozen = [link for link in self._links if said in link.said]
        for link in frozen:
            for name in link.is_dropped:
                link.is_dropped[name] = link.is_dropped[name] or direction in ("both", name)
        return len(frozen)

    def count(self, said: bytes) -> int:
        """Return how many connections there were whose client has sent ``said``."""
        return sum(said in link.said for link in self._links)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials, at, _ = self._target.netloc.rpartition("@")
        self.url = urlunsplit(self._target._replace(netloc=f"{credentials}{at}{HOST}:{port}"))

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link()
        self._links.append(link)
        far_reader, far_writer = await asyncio.open_connection(HOST, self._target.port)
        pair = [
            asyncio.ensure_future(self._pass(link, "to_server", reader, far_writer)),
            asyncio.ensure_future(self._pass(link, "to_client", far_reader, writer)),
        ]
        self._tasks.update(pair)
        await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        for task in pair:
            task.cancel()
        for each in (writer, far_writer):
            each.transport.abort()

    async def _pass(
        self,
        link: _Link,
        direction: Literal["to_client", "to_server"],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if direction == "to_server":
                    link.said += data
                if not link.is_dropped[direction]:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
