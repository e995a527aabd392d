"""A line between the page and the exchange that spoils what the exchange tells on it.

    with HostileLine(exchange.port) as line:
        page.goto(f"http://127.0.0.1:{line.port}/trade/ETH-USDT")
        line.spoil = twice                      # each message of /ws through a function
        line.hold()                             # nothing more is handed on ...
        line.release()                          # ... and now all of it, at once
        line.go_silent()                        # half-open: TCP stays, nothing comes any more

Everything else (pages, files, REST) passes untouched. Connections made after ``go_silent`` work.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
CHUNK: Final = 65_536
TEXT: Final = 0x81  # a whole text message

# Returns what is handed on in place of a message.
Spoil = Callable[[str], Iterable[str]]


def untouched(text: str) -> Iterable[str]:
    """Hand a message on as it is."""
    return (text,)


class HostileLine:
    """A proxy in a thread of its own; what it does is set from the test's thread."""

    def __init__(self, target_port: int) -> None:
        self.spoil: Spoil = untouched
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._may_pass = asyncio.Event()
        self._sockets: set[_Socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self) -> None:
        """Keep back what the exchange tells from now on."""
        self._loop.call_soon_threadsafe(self._may_pass.clear)

    def release(self) -> None:
        """Hand on what was kept back, in one burst, and what follows as it comes."""
        self._loop.call_soon_threadsafe(self._may_pass.set)

    def go_silent(self) -> None:
        """Hand nothing on any more, either way, of the connections there are; close none."""
        for socket in list(self._sockets):
            socket.is_silent = True

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _start(self) -> None:
        self._may_pass.set()
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # Whoever hangs up, or is not there yet: the other side is told by the end of it.
            # Cancelled it is by ``_stop``, and the streams' server would call that a fault.
            ends = (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError)
            with contextlib.suppress(*ends):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        up_reader, up_writer = await asyncio.open_connection(HOST, self._target_port)
        try:
            is_socket = head.startswith(b"GET /ws ")
            up_writer.write(_without_extensions(head) if is_socket else head)
            if not is_socket:
                await _either(_copy(reader, up_writer), _copy(up_reader, writer))
                return
            writer.write(await up_reader.readuntil(b"\r\n\r\n"))
            socket = _Socket(self, up_reader, writer)
            self._sockets.add(socket)
            try:
                await _either(socket.ask(reader, up_writer), socket.read(), socket.tell())
            finally:
                self._sockets.discard(socket)
        finally:
            up_writer.close()

    async def pass_on(self) -> None:
        """Wait while messages are held back."""
        await self._may_pass.wait()


class _Socket:
    """One WebSocket: what the exchange tells waits here until it may pass."""

    def __init__(
        self, line: HostileLine, up: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.is_silent = False
        self._line = line
        self._up = up
        self._writer = writer
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    async def ask(self, reader: asyncio.StreamReader, up: asyncio.StreamWriter) -> None:
        """Hand on what the page says."""
        while data := await reader.read(CHUNK):
            if not self.is_silent:
                up.write(data)
                await up.drain()

    async def read(self) -> None:
        """Take what the exchange tells, and spoil it."""
        while True:
            kind, payload = await _frame(self._up)
            if kind != TEXT:
                self._frames.put_nowait(_framed(kind, payload))
                continue
            for text in self._line.spoil(payload.decode()):
                self._frames.put_nowait(_framed(TEXT, text.encode()))

    async def tell(self) -> None:
        """Hand it on."""
        while True:
            frame = await self._frames.get()
            await self._line.pass_on()
            if not self.is_silent:
                self._writer.write(frame)
                await self._writer.drain()


async def _either(*works: Coroutine[Any, Any, None]) -> None:
    """Run until the first of them has ended, then end the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def _without_extensions(head: bytes) -> bytes:
    """Return a handshake that offers no compression, so that messages can be read."""
    lines = head.split(b"\r\n")
    return b"\r\n".join(
        line for line in lines if not line.lower().startswith(b"sec-websocket-extensions:")
    )


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return a frame of the server's: its first byte, and what it carries."""
    kind, length = await reader.readexactly(2)
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2))
    elif length == 127:
        length = int.from_bytes(await reader.readexactly(8))
    return kind, await reader.readexactly(length)


def _framed(kind: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes([kind, length]) + payload
    if length < 65_536:
        return bytes([kind, 126]) + length.to_bytes(2) + payload
    return bytes([kind, 127]) + length.to_bytes(8) + payload
