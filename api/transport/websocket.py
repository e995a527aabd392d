"""One WebSocket connection's life, whichever API it speaks: from its first message to its last.

Messages are taken one after the other; calls may run beside the reading, so that many orders of a
connection wait for one commit. What is sent waits in the ``outbox``. Each API says what a message
means, and by which words a connection ends.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Final

import structlog

from api.transport.measured import api_name, open_socket
from api.transport.outbox import Closing, Outbox, Send
from marketdata.feed.topics import Message
from zavora.foundation.ending import end_tasks
from zavora.foundation.socket_counts import Silence

MESSAGE_CHARACTERS_MAX: Final = 65_536
# Calls of one connection that have no answer yet; more are not read before.
IN_FLIGHT_MAX: Final = 100
# How long the closing message may take.
CLOSE_WAIT_S: Final = 1.0

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

log = structlog.get_logger(__name__)


def address_of(scope: Scope) -> str:
    """Return the address of a scope's client, empty where it is not known."""
    client = scope.get("client")
    return client[0] if client else ""


async def is_connecting(receive: Receive) -> bool:
    """Take the first message of a handshake; False where the client has gone already."""
    return bool((await receive())["type"] == "websocket.connect")


async def accept(send: Send) -> None:
    """Let a client in."""
    await send({"type": "websocket.accept"})


async def refuse(send: Send, closing: Closing) -> None:
    """Turn a client away, or end its connection before it was served."""
    await send(closing.frame())


async def first_message(receive: Receive, send: Send, silent: Closing) -> Message:
    """Return what a client says first, or that it has gone; one that says nothing is ended."""
    ending: list[asyncio.Task[None]] = []

    async def close() -> None:
        # It may have gone meanwhile; each server has an exception of its own for that.
        with contextlib.suppress(Exception):
            await refuse(send, silent)

    def end() -> None:
        ending.append(asyncio.create_task(close(), name="socket-silent"))

    silence = Silence(end, lambda: False)
    try:
        return await receive()
    finally:
        silence.stop()
        for task in ending:
            task.cancel()


class Connection:
    """A connection that has been accepted. An API's own says what is done with a message."""

    # How it ends where the client neither says nor follows anything, or has gone.
    SILENT: ClassVar[Closing]
    GONE: ClassVar[Closing]
    # What it is counted under.
    API: ClassVar[str] = "other"
    # How it ends after so many seconds, if at all.
    OLD: ClassVar[Closing | None] = None
    LIFE_S: ClassVar[float] = 0.0

    def __init__(self, receive: Receive, outbox: Outbox) -> None:
        self.outbox = outbox
        self._receive = receive
        self._beside: set[asyncio.Task[None]] = set()
        self._is_receiving = False

    # --- what each API says -----------------------------------------------------------------------

    @property
    def is_in_use(self) -> bool:
        """Tell whether the client has a reason to stay silent."""
        raise NotImplementedError

    def begin(self) -> None:
        """Do what comes before the first message."""

    async def take(self, content: str | bytes) -> None:
        """Answer one message, or run beside the reading what will. May not raise."""
        raise NotImplementedError

    def end(self) -> None:
        """Leave everything: the connection has ended."""
        raise NotImplementedError

    # --- its life ---------------------------------------------------------------------------------

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a call whose answer the next message does not wait for."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def serve(self, first: Message = None) -> None:
        """Serve until either side ends it. ``first``: a message that was received already."""
        api_name.set(self.API)
        with open_socket(self.API, self.outbox):
            await self._serve(first)

    async def _serve(self, first: Message) -> None:
        writer = asyncio.create_task(self._write(), name="socket-writer")
        self._silence = Silence(lambda: self.outbox.close(self.SILENT), lambda: self.is_in_use)
        life: asyncio.TimerHandle | None = None
        if self.OLD is not None:
            loop = asyncio.get_running_loop()
            life = loop.call_later(self.LIFE_S, self.outbox.close, self.OLD)
        try:
            self.begin()
            await self._read(writer, first)
        finally:
            if life is not None:
                life.cancel()
            self._silence.stop()
            self.end()
            await end_tasks([writer, *self._beside])

    async def _write(self) -> None:
        try:
            await self.outbox.run()
        except Exception as error:
            # Whatever a server raises when its client has gone.
            log.debug("socket_gone", error=str(error))
        finally:
            # Nobody empties it any more, and a reader or a call may be waiting for room.
            self.outbox.close(self.GONE)

    async def _read(self, writer: "asyncio.Task[None]", first: Message) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as reading:

                def stop(_: object) -> None:
                    # The writer ends with the connection. Only the wait for the client is cut off:
                    # a message that is being answered may be half done.
                    if self._is_receiving:
                        reading.reschedule(loop.time())

                writer.add_done_callback(stop)
                try:
                    if await self._converse(first):
                        return
                finally:
                    writer.remove_done_callback(stop)
        except TimeoutError:
            if not reading.expired():
                raise
        # The closing message is still to be sent.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(writer), timeout=CLOSE_WAIT_S)

    async def _converse(self, message: Message) -> bool:
        """Take message after message; tell whether the client has gone."""
        outbox, receive = self.outbox, self._receive
        while not outbox.is_closing:
            if message is None:
                self._is_receiving = True
                message = await receive()
                self._is_receiving = False
            if message["type"] == "websocket.disconnect":
                return True
            self._silence.heard()
            text = message.get("text")
            await self.take(text if text is not None else message.get("bytes") or b"")
            while len(self._beside) >= IN_FLIGHT_MAX:
                await asyncio.wait(self._beside, return_when=asyncio.FIRST_COMPLETED)
            if outbox.is_full:
                await outbox.has_room()
            message = None
        return False
