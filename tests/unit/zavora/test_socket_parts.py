"""A message in tiny parts takes little more than its bytes, and pongs wait for nobody."""

import asyncio
import subprocess
import sys
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from tests.strangers import frame
from zavora.runner.home import PROJECT_DIR
from zavora.serving.bounds import PARTS_MAX
from zavora.serving.uvicorn_server import BoundedSocketProtocol

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PARTS = 10 * PARTS_MAX


class Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.has_answered = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += bytes(data)
        self.has_answered.set()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Served:
    """An accepted socket under Uvicorn, fed by hand, and what its application receives."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Any] = asyncio.Queue()
        self.transport = Transport()
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            log_config=None,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        self.protocol = BoundedSocketProtocol(config, ServerState(), {})

    async def _serve(self, _scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            self.received.put_nowait(await receive())

    async def open(self) -> "Served":
        self.protocol.connection_made(self.transport)
        self.protocol.data_received(HANDSHAKE)
        await asyncio.wait_for(self.transport.has_answered.wait(), 5)
        assert b" 101 " in self.transport.written
        return self


async def test_parts_are_kept_together_under_uvicorn() -> None:
    served = await Served().open()
    served.protocol.data_received(frame(b"ab", is_last=False))
    for _ in range(PARTS):
        served.protocol.data_received(frame(b"cd", opcode=0, is_last=False))
        assert len(served.protocol.frames) <= PARTS_MAX
    served.protocol.data_received(frame(b"e", opcode=0))
    message = await asyncio.wait_for(served.received.get(), 5)
    assert message["text"] == "ab" + "cd" * PARTS + "e"


async def test_who_takes_nothing_is_sent_no_pongs_under_uvicorn() -> None:
    served = await Served().open()
    before = len(served.transport.written)
    served.protocol.pause_writing()
    for _ in range(1_000):
        served.protocol.data_received(frame(b"x" * 125, opcode=9))
    assert len(served.transport.written) == before
    served.protocol.resume_writing()
    served.protocol.data_received(frame(b"y", opcode=9))
    assert served.transport.written[before:] == b"\x8a\x01y"


# In a process of its own: Twisted installs a reactor, and Daphne its factories.
UNDER_DAPHNE = f"""
import django; django.setup()
from zavora.serving.daphne_server import BoundedSocket
socket = BoundedSocket()
socket.failedByMe, socket.websocket_version = False, 13
socket.message_data, socket.frame_data = [], []
most = 0
for _ in range({PARTS}):
    socket.onMessageFrameData(b"ab")
    most = max(most, len(socket.frame_data))
assert b"".join(socket.frame_data) == b"ab" * {PARTS}
for _ in range({PARTS}):
    socket.onMessageFrame([b"cd"])
    most = max(most, len(socket.message_data))
assert b"".join(socket.message_data) == b"cd" * {PARTS}
print(most)
"""


def test_parts_are_kept_together_under_daphne() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_DAPHNE], cwd=PROJECT_DIR, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) <= PARTS_MAX + 1
