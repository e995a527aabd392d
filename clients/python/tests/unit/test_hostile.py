"""The clients against a server that does everything that servers should not do."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from zavora import AsyncClient, BackOff, Client, NoConnection, OutcomeUnknown, Patience, Unreadable

ACCOUNT = "11111111-2222-3333-4444-555555555555"
HASTY = Patience(attempts_max=6, timeout_s=0.3, in_all_s=20, back_off=BackOff(0.01, 0.02))
Act = Callable[[socket.socket, bytes], None]


class HostileServer:
    """Does with each request what the next act says; notes what came, and what took effect."""

    def __init__(self, acts: list[Act]) -> None:
        self.acts = acts
        self.requests: list[bytes] = []
        self.done: dict[str, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "HostileServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = _request(connection)
                if request:
                    self.requests.append(request)
                    self.acts[min(len(self.requests), len(self.acts)) - 1](connection, request)


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().splitlines() if line[:15] == b"content-length:"), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, body: Any, *headers: str) -> Act:
    """Answer, and close."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(connection: socket.socket, _: bytes) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
        connection.sendall("\r\n".join([*lines, *headers, "", ""]).encode() + content)

    return act


def refusal(status: int, code: str, *headers: str) -> Act:
    return answer(status, {"error": {"code": code, "message": code}}, *headers)


def hang_up(connection: socket.socket, _: bytes) -> None:
    """Close without a word."""


def reset(connection: socket.socket, _: bytes) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def half_an_answer(connection: socket.socket, _: bytes) -> None:
    """Promise more than is sent."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def gibberish(connection: socket.socket, _: bytes) -> None:
    """Speak something else than HTTP."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def silence(connection: socket.socket, _: bytes) -> None:
    """Say nothing for longer than anybody waits."""
    time.sleep(0.45)


TROUBLES: list[Act] = [hang_up, reset, half_an_answer, gibberish, silence]
BALANCE = {
    **dict.fromkeys(("total", "available"), "5"),
    "account_id": ACCOUNT,
    "asset": "EUR",
    "locked": "0",
    "updated_at": "2026-01-31T12:00:00Z",
}


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Something that calls a method of a client of one kind or the other."""

    def by_client(url: str, name: str, *arguments: Any, **named: Any) -> Any:
        with Client(url, "token", account=ACCOUNT, patience=HASTY) as client:
            return getattr(client, name)(*arguments, **named)

    def by_async_client(url: str, name: str, *arguments: Any, **named: Any) -> Any:
        async def called() -> Any:
            async with AsyncClient(url, "token", account=ACCOUNT, patience=HASTY) as client:
                return await getattr(client, name)(*arguments, **named)

        return asyncio.run(called())

    return by_client if request.param == "sync" else by_async_client


def keys_of(server: HostileServer) -> list[bytes]:
    lines = [line for request in server.requests for line in request.splitlines()]
    return [line for line in lines if line.lower().startswith(b"idempotency-key:")]


def test_money_moves_once_through_all_of_it(call: Callable[..., Any]) -> None:
    with HostileServer([*TROUBLES, answer(200, {"data": BALANCE})]) as server:
        assert call(server.url, "deposit", "EUR", "5").total == 5

    assert len(server.requests) == 6
    keys = keys_of(server)
    assert len(keys) == 6
    assert len(set(keys)) == 1


def test_an_order_keeps_its_name_and_is_given_up_as_unknown(call: Callable[..., Any]) -> None:
    with HostileServer(TROUBLES) as server, pytest.raises(OutcomeUnknown) as told:
        call(server.url, "place_order", "BTC/EUR", "buy", quantity=1, price=2)

    names = {
        json.loads(one.partition(b"\r\n\r\n")[2])["client_order_id"] for one in server.requests
    }
    assert names == {told.value.key}
    assert len(server.requests) == HASTY.attempts_max


def test_what_could_happen_twice_is_sent_once(call: Callable[..., Any]) -> None:
    for act in (hang_up, half_an_answer, silence):
        with HostileServer([act]) as server, pytest.raises(OutcomeUnknown):
            call(server.url, "create_account", "x")
        assert len(server.requests) == 1


def test_limits_and_an_outage_are_waited_out(call: Callable[..., Any]) -> None:
    acts = [
        refusal(429, "rate_limit_exceeded", "Retry-After: 0"),
        refusal(503, "overloaded", "Retry-After: 0.05"),
        answer(502, b"<html>bad gateway</html>"),
        answer(200, {"data": []}),
    ]
    began = time.monotonic()
    with HostileServer(acts) as server:
        assert call(server.url, "markets") == []

    assert len(server.requests) == 4
    assert time.monotonic() - began > 0.05


def test_answers_that_are_none_are_told_from_refusals(call: Callable[..., Any]) -> None:
    for body in (b"<html>", b'{"data": 1}', b'{"nothing": []}', b"[" * 100_000):
        with HostileServer([answer(200, body)]) as server, pytest.raises(Unreadable):
            call(server.url, "markets")


def test_where_nobody_listens_that_is_said(call: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(NoConnection):
        call(f"http://127.0.0.1:{port}", "place_order", "BTC/EUR", "buy", quantity=1)
