"""What a stranger may try to make a web process hold, each bounded, on loopback only.

``python -m tests.attacks PORT SECONDS [NAME ...]`` makes the attacks at once, from an address of
their own each, and prints what became of them as one JSON object. Run in a process of its own, so
that whoever is being watched meanwhile does not wait for this one's work.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

MIB: Final = 1 << 20
PIECE: Final = b"a" * 65_536
ENDLESS_BYTES: Final = 80 * MIB
FRAME_BYTES: Final = 15 * MIB
# Between the end of a connection and the next: what is tried is what can be held, not how many
# connections a second there can be.
PAUSE_S: Final = 3.0
# In so many seconds the connections of an attack begin.
BEGIN_S: Final = 1.5
# The attackers share the processors with the exchange, which an attacker does not.
NICE: Final = 10
CONNECT_WAIT_S: Final = 10.0
# So soon the server has refused a connection that it does not keep.
REFUSED_WITHIN_S: Final = 0.5


@dataclass
class Report:
    """What became of an attack."""

    # Connections that it made, those of them that the server ended, and most at one moment.
    opened: int = 0
    ended: int = 0
    held_most: int = 0
    held_at_end: int = 0
    # The most bytes that one connection got rid of.
    bytes_most: int = 0
    # The first lines of answers, by count.
    answers: dict[str, int] | None = None

    def answered(self, data: bytes) -> None:
        """Count an answer by its first line."""
        line = data.split(b"\r\n", 1)[0].decode("latin-1")[:40]
        self.answers = self.answers or {}
        self.answers[line] = self.answers.get(line, 0) + 1


class Attack:
    """One kind of attack: connections from one address until the time is over."""

    def __init__(self, port: int, address: str, seconds: float) -> None:
        self.port = port
        self.address = address
        self.report = Report()
        self._held = 0
        self._ends_at = asyncio.get_running_loop().time() + seconds

    @property
    def is_over(self) -> bool:
        """Tell whether the time is over."""
        return asyncio.get_running_loop().time() >= self._ends_at

    @property
    def remaining_s(self) -> float:
        """Return how long to go on."""
        return max(0.0, self._ends_at - asyncio.get_running_loop().time())

    @contextlib.asynccontextmanager
    async def connection(self, *, receive_bytes: int | None = None):
        """Give a connected socket; one that the server does not take counts as ended."""
        loop = asyncio.get_running_loop()
        one = socket.socket()
        one.setblocking(False)
        if receive_bytes is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        one.bind((self.address, 0))
        self.report.opened += 1
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                await loop.sock_connect(one, ("127.0.0.1", self.port))
            self._held += 1
            self.report.held_most = max(self.report.held_most, self._held)
            try:
                yield one
                if not self.is_over:
                    self.report.ended += 1
                elif await self._is_held(one):
                    self.report.held_at_end += 1
            finally:
                self._held -= 1
        except (OSError, TimeoutError):
            self.report.ended += 1
        finally:
            one.close()

    async def _is_held(self, one: socket.socket) -> bool:
        """Tell whether the server keeps a connection, and is not just about to refuse it.

        The kernel takes connections for the server, which refuses those that are too many after.
        """
        try:
            async with asyncio.timeout(REFUSED_WITHIN_S):
                while await asyncio.get_running_loop().sock_recv(one, 65_536):
                    pass
        except TimeoutError:
            return True
        except OSError:
            pass
        return False

    async def send(self, one: socket.socket, data: bytes) -> None:
        """Send, for as long as the attack goes on."""
        async with asyncio.timeout(self.remaining_s + 0.01):
            await asyncio.get_running_loop().sock_sendall(one, data)

    async def wait_for_end(self, one: socket.socket) -> None:
        """Read until the server ends the connection, or the time is over."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.remaining_s):
                is_first = True
                while data := await loop.sock_recv(one, 65_536):
                    if is_first:
                        self.report.answered(data)
                        is_first = False


Body = Callable[[Attack], Awaitable[None]]


async def _again(attack: Attack, body: Body) -> None:
    """Begin anew whenever the server has ended it."""
    while not attack.is_over:
        await body(attack)
        await asyncio.sleep(min(PAUSE_S, attack.remaining_s))


async def _many(attack: Attack, count: int, body: Body) -> None:
    async def one_of_them(number: int) -> None:
        await asyncio.sleep(BEGIN_S * number / count)
        await _again(attack, body)

    await asyncio.gather(*map(one_of_them, range(count)))


# --- heads ----------------------------------------------------------------------------------------


async def endless_header(attack: Attack) -> None:
    """Send one header value that does not end."""

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            await attack.send(one, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ")
            sent = 0
            try:
                while sent < ENDLESS_BYTES and not attack.is_over:
                    await attack.send(one, PIECE)
                    sent += len(PIECE)
            finally:
                attack.report.bytes_most = max(attack.report.bytes_most, sent)
            await attack.wait_for_end(one)

    await _again(attack, one_connection)


async def endless_trailer(attack: Attack) -> None:
    """Send a chunked body whose trailer does not end."""

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            head = b"POST /api/v1/orders HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            await attack.send(one, head + b"transfer-encoding: chunked\r\n\r\n0\r\nx-a: ")
            sent = 0
            try:
                while sent < ENDLESS_BYTES and not attack.is_over:
                    await attack.send(one, PIECE)
                    sent += len(PIECE)
            finally:
                attack.report.bytes_most = max(attack.report.bytes_most, sent)
            await attack.wait_for_end(one)

    await _again(attack, one_connection)


async def many_headers(attack: Attack) -> None:
    """Send ten thousand short headers."""
    lines = b"".join(b"x%d: a\r\n" % number for number in range(10_000))

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            await attack.send(one, b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n")
            await attack.send(one, lines + b"\r\n")
            await attack.wait_for_end(one)

    await _again(attack, one_connection)


async def slow_headers(attack: Attack) -> None:
    """Keep two hundred heads unfinished, a few bytes at a time."""

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            await attack.send(one, b"GET /api/v1/markets HTTP/1.1\r\nhost: 127.0.0.1\r\n")
            while not attack.is_over:
                await attack.send(one, b"x-a: b\r\n")
                try:
                    async with asyncio.timeout(min(0.5, attack.remaining_s + 0.01)):
                        data = await asyncio.get_running_loop().sock_recv(one, 65_536)
                except TimeoutError:
                    continue
                if data:
                    attack.report.answered(data)
                return

    await _many(attack, 200, one_connection)


async def idle(attack: Attack) -> None:
    """Connect and say nothing at all."""

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            await attack.wait_for_end(one)

    await _many(attack, 300, one_connection)


# --- bodies ---------------------------------------------------------------------------------------


async def _half_bodies(attack: Attack, path: bytes, count: int) -> None:
    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            head = b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            await attack.send(one, head % path + b"content-length: 500000\r\n\r\n")
            await attack.send(one, b"x" * 100_000)
            await attack.wait_for_end(one)

    await _many(attack, count, one_connection)


async def half_bodies_edge(attack: Attack) -> None:
    """Send a hundred and fifty halves of orders."""
    await _half_bodies(attack, b"/api/v1/orders", 150)


async def half_bodies_django(attack: Attack) -> None:
    """Send halves of what Django answers: more than it has threads."""
    await _half_bodies(attack, b"/api/v1/accounts", 16)


async def half_bodies_compat(attack: Attack) -> None:
    """Send halves of orders of the compatible API."""
    await _half_bodies(attack, b"/api/v3/order", 50)


async def slow_readers(attack: Attack) -> None:
    """Ask for large answers, again and again, and read none of them."""
    request = b"GET /static/build/app.js HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

    async def one_connection(attack: Attack) -> None:
        async with attack.connection(receive_bytes=2_048) as one:
            for _ in range(20):
                await attack.send(one, request)
            while not attack.is_over:
                await asyncio.sleep(min(0.5, attack.remaining_s))
                await attack.send(one, b"\r\n")  # fails once the server has ended it

    await _many(attack, 16, one_connection)


# --- sockets --------------------------------------------------------------------------------------


async def _shake_hands(attack: Attack, one: socket.socket, path: bytes) -> bool:
    key = base64.b64encode(os.urandom(16))
    head = b"GET %b HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    head = head % path + b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n" % key
    await attack.send(one, head)
    data = b""
    async with asyncio.timeout(attack.remaining_s + 0.01):
        while b"\r\n\r\n" not in data:
            more = await asyncio.get_running_loop().sock_recv(one, 4_096)
            if not more:
                break
            data += more
    if data:
        attack.report.answered(data)
    return data.startswith(b"HTTP/1.1 101")


async def _frames(attack: Attack, path: bytes) -> None:
    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            if not await _shake_hands(attack, one, path):
                return
            await attack.send(one, b"\x81\xff" + FRAME_BYTES.to_bytes(8) + bytes(4))
            sent = 0
            try:
                while sent < FRAME_BYTES - len(PIECE) and not attack.is_over:
                    await attack.send(one, PIECE)
                    sent += len(PIECE)
            finally:
                attack.report.bytes_most = max(attack.report.bytes_most, sent)
            await attack.wait_for_end(one)

    await _many(attack, 20, one_connection)


async def frames(attack: Attack) -> None:
    """Send twenty messages of 15 MiB, and never their last bytes."""
    await _frames(attack, b"/ws")


async def silent_sockets(attack: Attack) -> None:
    """Open eight hundred sockets and say nothing."""

    async def one_connection(attack: Attack) -> None:
        async with attack.connection() as one:
            if await _shake_hands(attack, one, b"/ws"):
                await attack.wait_for_end(one)

    await _many(attack, 800, one_connection)


ATTACKS: Final[dict[str, Body]] = {
    body.__name__: body
    for body in (
        endless_header,
        endless_trailer,
        many_headers,
        slow_headers,
        idle,
        half_bodies_edge,
        half_bodies_django,
        half_bodies_compat,
        slow_readers,
        frames,
        silent_sockets,
    )
}


async def attack_all(port: int, seconds: float, names: list[str]) -> dict[str, Report]:
    """Make the attacks at once; return what became of each."""
    attacks = {
        name: Attack(port, f"127.0.0.{number}", seconds)
        for number, name in enumerate(ATTACKS, start=101)
        if name in names
    }
    print("begun", flush=True)  # noqa: T201 (whoever started this waits for it)
    await asyncio.gather(*(ATTACKS[name](attack) for name, attack in attacks.items()))
    return {name: attack.report for name, attack in attacks.items()}


def main() -> None:
    """Attack, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("names", nargs="*", default=list(ATTACKS), metavar="NAME")
    arguments = parser.parse_args()
    os.nice(NICE)
    reports = asyncio.run(attack_all(arguments.port, arguments.seconds, arguments.names))
    json.dump({name: asdict(report) for name, report in reports.items()}, sys.stdout)


if __name__ == "__main__":
    main()
