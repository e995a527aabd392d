"""Streams against an exchange of the test's own that loses, repeats, lies and hangs up."""

import asyncio
import http
import ipaddress
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from zavora import (
    AsyncClient,
    BackOff,
    Client,
    FellBehind,
    NoConnection,
    OutcomeUnknown,
    Patience,
    Unauthorized,
)
from zavora.live import feeds
from zavora.live.stream import AsyncStream

WAIT_S = 10
ACCOUNT = "11111111-2222-3333-4444-555555555555"
HASTY = Patience(attempts_max=5, timeout_s=2, in_all_s=10, back_off=BackOff(0.01, 0.05))
TIME = "2026-01-31T12:00:00.000000Z"
Handler = Callable[["Lying", ServerConnection, dict[str, Any]], Awaitable[bool]]


class Lying:
    """Answers what it must; the test says what it pushes, and when it hangs up."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler
        self.asked: list[tuple[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self.came = asyncio.Condition()

    async def connected(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for text in socket:
            message = json.loads(text)
            async with self.came:
                self.asked.append((message["method"], message["params"]))
                self.came.notify_all()
            if self.handler is not None and await self.handler(self, socket, message):
                continue
            await self.answer(socket, message)

    async def answer(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        params = message["params"]
        result: dict[str, Any] = {}
        if message["method"] == "subscribe":
            result = {"subscriptionId": f"{params['channel']}:{params.get('market', '*')}"}
        if message["method"] == "authenticate":
            times = {"created_at": TIME, "updated_at": TIME}
            account = {"id": ACCOUNT, "label": "", "role": "Owner", "status": "Active", **times}
            result = {"accounts": [account]}
        await socket.send(json.dumps({"id": message["id"], "result": result}))

    async def push(self, channel: str, market: str, data: Any) -> None:
        params = {"market": market, "data": data, "subscription_id": f"{channel}:{market}"}
        await self.sockets[-1].send(json.dumps({"method": channel, "params": params}))

    async def heard(self, method: str, count: int) -> None:
        """Wait until something was asked for so often."""
        async with asyncio.timeout(WAIT_S), self.came:
            await self.came.wait_for(lambda: self.count(method) >= count)

    def count(self, method: str) -> int:
        return sum(asked == method for asked, _ in self.asked)

    def http(self, _: ServerConnection, request: Request) -> Response | None:
        """Answer REST: trades, newest first, and no orders."""
        address = urlsplit(request.path)
        if address.path == "/ws":
            return None
        data: Any = []
        if address.path.endswith("/trades") and "markets" in address.path:
            limit = int(parse_qs(address.query)["limit"][0])
            data = {"market": "A/B", "trades": self.trades[::-1][:limit]}
        content = json.dumps({"data": data, "meta": {"next": None}}).encode()
        headers = Headers({"Content-Length": str(len(content)), "Connection": "close"})
        return Response(http.HTTPStatus.OK.value, "OK", headers, content)


@asynccontextmanager
async def lying(handler: Handler | None = None) -> AsyncIterator[tuple[Lying, AsyncStream]]:
    server = Lying(handler)
    async with serve(server.connected, "127.0.0.1", 0, process_request=server.http) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        client = AsyncClient(f"http://127.0.0.1:{port}", "token", account=ACCOUNT, patience=HASTY)
        async with client, client.stream() as stream:
            yield server, stream


def trade(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "market": "A/B",
        "price": "1.0",
        "quantity": "2.0",
        "taker_side": "buy",
        "timestamp": TIME,
        "auction": False,
    }


def book(sequence: int, quantity: str, **more: Any) -> dict[str, Any]:
    check = zlib.crc32(f"5.00:{quantity}".encode())
    bids = {"bids": [["5.00", quantity]], "asks": [], "sequence": sequence}
    return {**bids, "checksum": check, **more}


async def test_a_book_heals_from_gaps_lies_and_hang_ups() -> None:
    async with lying() as (server, stream):
        feed = stream.book("A/B")
        await server.heard("subscribe", 1)
        await server.push("orderbook", "A/B", book(1, "1.0"))
        assert (await feed.next(WAIT_S)).bids[0][1] == 1
        await server.push("orderbook", "A/B", book(4, "4.0", prev_sequence=3))
        await server.heard("subscribe", 2)
        await server.heard("unsubscribe", 1)
        await server.push("orderbook", "A/B", book(4, "4.0"))
        assert (await feed.next(WAIT_S)).sequence == 4
        await server.push("orderbook", "A/B", book(5, "5.0", prev_sequence=4, checksum=1))
        await server.heard("subscribe", 3)
        await server.push("orderbook", "A/B", book(5, "5.0"))
        assert (await feed.next(WAIT_S)).sequence == 5
        server.sockets[-1].transport.abort()
        await server.heard("subscribe", 4)
        await server.push("orderbook", "A/B", book(9, "9.0"))
        assert (await feed.next(WAIT_S)).sequence == 9
        assert feed.renewals == 2
        await server.sockets[-1].send("{ this is no JSON")
        await server.heard("subscribe", 5)
        await server.push("orderbook", "A/B", book(10, "9.0"))
        assert (await feed.next(WAIT_S)).sequence == 10
        assert server.count("authenticate") == 3


async def test_trades_come_once_in_order_whatever_was_lost_or_repeated() -> None:
    async with lying() as (server, stream):
        server.trades = [trade(number) for number in range(1, 4)]
        feed = stream.trades("A/B")
        await server.heard("subscribe", 1)
        for number in (4, 4, 3, 5):
            server.trades = [trade(one) for one in range(1, max(number, 5) + 1)]
            await server.push("trades", "A/B", trade(number))
        # 6 and 7 are lost, and read by REST when 8 shows that.
        server.trades = [trade(number) for number in range(1, 9)]
        await server.push("trades", "A/B", trade(8))
        told = [int((await feed.next(WAIT_S)).id) for _ in range(5)]
        server.trades = [trade(number) for number in range(1, 12)]
        server.sockets[-1].transport.abort()
        told += [int((await feed.next(WAIT_S)).id) for _ in range(3)]
        assert told == list(range(4, 12))
        assert feed.skipped == 0


async def test_an_order_is_sent_again_under_its_name_and_an_amendment_is_not() -> None:
    async def hang_up_on_orders(
        server: Lying, socket: ServerConnection, message: dict[str, Any]
    ) -> bool:
        is_first = message["method"] == "placeOrder" and server.count("placeOrder") < 3
        if is_first or message["method"] == "amendOrder":
            socket.transport.abort()
            return True
        if message["method"] == "placeOrder":
            error = {"code": 503, "message": "busy", "data": {"code": "overloaded"}}
            if server.count("placeOrder") == 3:
                await socket.send(json.dumps({"id": message["id"], "error": error}))
                return True
            order = {
                **dict.fromkeys(("id", "user_id", "market"), "x"),
                "side": "Buy",
                "order_type": "Limit",
                "time_in_force": "GTC",
                "status": "New",
                **dict.fromkeys(("created_at", "updated_at"), TIME),
                **dict.fromkeys(("filled_quantity", "filled_quote_quantity"), "0"),
                "remaining_quantity": "1",
                "post_only": False,
            }
            result = {"order": order, "trades": []}
            await socket.send(json.dumps({"id": message["id"], "result": result}))
            return True
        return False

    async with lying(hang_up_on_orders) as (server, stream):
        placed = await stream.place_order("A/B", "buy", quantity=1, price=2)
        assert placed.order.status.is_open
        names = [
            params["client_order_id"] for method, params in server.asked if method == "placeOrder"
        ]
        assert len(names) == 4
        assert len(set(names)) == 1
        with pytest.raises(OutcomeUnknown):
            await stream.amend_order("x", price=3)
        assert server.count("amendOrder") == 1


async def test_a_credential_that_ends_ends_what_is_followed() -> None:
    async with lying() as (server, stream):
        feed = stream.orders()
        await server.heard("subscribe", 1)
        await server.sockets[-1].close(4001)
        with pytest.raises(Unauthorized):
            await feed.next(WAIT_S)
        with pytest.raises(Unauthorized):
            await stream.ping()


async def test_a_reader_that_is_too_slow_is_told_and_costs_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "WAITING_MAX", 10)
    async with lying() as (server, stream):
        feed = stream.trades("A/B")
        await server.heard("subscribe", 1)
        for number in range(1, 13):
            server.trades.append(trade(number))
            await server.push("trades", "A/B", trade(number))
        await server.heard("unsubscribe", 1)
        with pytest.raises(FellBehind):
            await feed.next(WAIT_S)


async def test_streams_of_who_waits_end_with_their_thread() -> None:
    async with lying() as (server, stream):
        url = stream.client.settings.base_url

        def waiting() -> list[Any]:
            with Client(url, "token", patience=HASTY) as client, client.stream() as live:
                tickers = live.tickers()
                with pytest.raises(TimeoutError):
                    tickers.next(0.05)
            return list(tickers)

        assert await asyncio.to_thread(waiting) == []
        assert server.count("subscribe") == 1


async def test_tls_is_checked_unless_one_says_otherwise(tmp_path: Path) -> None:
    server, certificate = Lying(), _certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    once = Patience(attempts_max=1, timeout_s=2, in_all_s=0.5)
    async with serve(
        server.connected, "127.0.0.1", 0, process_request=server.http, ssl=served
    ) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        url = f"https://127.0.0.1:{port}"
        for verify in (trusting, False):
            async with AsyncClient(url, "t", patience=HASTY, verify=verify) as client:
                assert await client.markets() == []
                async with client.stream() as stream:
                    assert stream.accounts == [ACCOUNT]
        async with AsyncClient(url, "t", patience=once) as client:
            with pytest.raises(NoConnection):
                await client.markets()
            with pytest.raises(NoConnection):
                async with client.stream():
                    pass


def _certificate(folder: Path) -> Path:
    """Make a certificate of the address that is used here, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now, address = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file
