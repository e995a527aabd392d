"""A stranger's connection to a web process, byte by byte, and what the process keeps of it."""

import asyncio
import base64
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
PIECE: Final = b"a" * 65_536
# Of Linux's /proc/net/tcp: open, and closed by the other end alone.
_KEPT_STATES: Final = frozenset({"01", "08"})
_CLOSE_FRAME: Final = 0x88
_READINGS_MAX: Final = 5


class Stranger:
    """One connection from an address of one's own. Use as an asynchronous context manager."""

    def __init__(self, port: int, address: str, *, receive_bytes: int | None = None) -> None:
        self._to = (HOST, port)
        self._socket = socket.socket()
        self._socket.setblocking(False)
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.bind((address, 0))
        self.sent = 0

    async def __aenter__(self) -> Self:
        """Connect."""
        await asyncio.get_running_loop().sock_connect(self._socket, self._to)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self._socket.close()

    @property
    def is_kept(self) -> bool:
        """Tell whether the process holds its end of the connection; nothing is read for it."""
        here, port = self._socket.getsockname()
        return (here, port) in kept_peers(self._to[1])

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises OSError once the other end has gone."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)
        self.sent += len(data)

    async def receive(self) -> bytes:
        """Return what has come, at least a byte; nothing once the other end has gone."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        return b""

    async def read_to_end(self) -> bytes:
        """Return all that comes until the other end has gone."""
        data = b""
        while more := await self.receive():
            data += more
        return data

    async def read_answer(self) -> bytes:
        """Return the head of an answer with a body that follows it at once."""
        data = b""
        while b"\r\n\r\n" not in data and (more := await self.receive()):
            data += more
        return data

    async def ask(self, path: str, *lines: str, method: str = "GET") -> None:
        """Send the head of a request."""
        head = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *lines]
        await self.send("\r\n".join([*head, "", ""]).encode())

    async def shake_hands(self, path: str) -> bool:
        """Ask for a WebSocket; tell whether it was accepted."""
        key = base64.b64encode(os.urandom(16)).decode()
        await self.ask(
            path,
            "upgrade: websocket",
            "connection: Upgrade",
            "sec-websocket-version: 13",
            f"sec-websocket-key: {key}",
        )
        return (await self.read_answer()).startswith(b"HTTP/1.1 101")

    async def say(self, message: Any) -> None:
        """Send a message on a WebSocket."""
        await self.send(frame(json.dumps(message).encode()))

    async def read_to_close(self) -> None:
        """Read messages until the closing one, or until the other end has gone."""
        data = b""
        while more := await self.receive():
            data += more
            while len(data) >= 2:
                if data[0] == _CLOSE_FRAME:
                    return
                length, header = data[1] & 0x7F, 2
                if length == 126:
                    length, header = int.from_bytes(data[2:4]), 4
                elif length == 127:
                    length, header = int.from_bytes(data[2:10]), 10
                if len(data) < header + length:
                    break
                data = data[header + length :]


def frame(payload: bytes, *, opcode: int = 1, is_last: bool = True) -> bytes:
    """Return a client's frame; its mask changes nothing."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65_536:
        size = b"\xfe" + length.to_bytes(2)
    else:
        size = b"\xff" + length.to_bytes(8)
    return bytes([(0x80 if is_last else 0) | opcode]) + size + bytes(4) + payload


def kept_peers(port: int) -> list[tuple[str, int]]:
    """Return the other ends of the connections that are open at a port of this machine.

    The system's table is read in parts, and what others change meanwhile may hide a line or show
    it twice: what two readings agree on is told.
    """
    found = _read_peers(port)
    for _ in range(_READINGS_MAX):
        before, found = found, _read_peers(port)
        if found == before:
            break
    return found


def _read_peers(port: int) -> list[tuple[str, int]]:
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, state, *_ = line.split()
        if state in _KEPT_STATES and int(here.partition(":")[2], 16) == port:
            address, _, peer_port = there.partition(":")
            found.append((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(peer_port, 16)))
    return found
