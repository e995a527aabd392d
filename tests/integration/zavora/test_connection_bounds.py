"""Each bound on a stranger's connections by itself, on every server, and what is without it.

``test_attacks`` shows that all attacks together do no harm; a bound that is lost there may hide
behind another. Here one process has short waits and counts nothing, the other counts and waits for
ever, so that each case can end for one reason only.
"""

import asyncio
import dataclasses
import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.binance.streams.closing import SILENT
from tests.exchange import Exchange, wait_until
from tests.strangers import PIECE, Stranger, frame, kept_peers
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, WEB_SERVERS, web

MIB: Final = 1 << 20
WAITS: Final = ("HEADER_WAIT_S", "KEEP_ALIVE_S", "BODY_WAIT_S", "WRITE_WAIT_S", "SOCKET_SILENCE_S")
COUNTS: Final = ("CONNECTIONS_PER_ADDRESS_MAX", "SOCKETS_PER_ADDRESS_MAX")
# Where a wait is kept a case is over after a second or two, and else never.
ENDS_WITHIN_S: Final = 25.0
STAYS_FOR_S: Final = 3.0
TRICKLE_S: Final = 0.2
CONNECTIONS_MAX: Final = 20
SOCKETS_MAX: Final = 6
_addresses = (f"127.0.7.{number}" for number in itertools.count(1))

Case = Callable[[Stranger], Awaitable[None]]


def _settings(names: tuple[str, ...], value: int) -> dict[str, str]:
    return {f"ZAVORA_{name}": str(value) for name in names}


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/api/v1/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module", params=WEB_SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ports(exchange: Exchange, server: str) -> Iterator[tuple[int, int]]:
    """Give the ports of a process that waits for nobody and of one that counts them."""
    kinds = (
        _settings(WAITS, 1) | _settings(COUNTS, 0),
        _settings(WAITS, 0)
        | {
            "ZAVORA_CONNECTIONS_PER_ADDRESS_MAX": str(CONNECTIONS_MAX),
            "ZAVORA_SOCKETS_PER_ADDRESS_MAX": str(SOCKETS_MAX),
        },
    )
    names, found = [], []
    for settings in kinds:
        port = free_port()
        spec = web({**exchange.env, **settings, "PORT": str(port)}, port=port, server=server)
        spec = dataclasses.replace(spec, name=f"bounds-{server}-{port}")
        names.append(exchange.launch(spec))
        found.append(port)
    for port in found:
        wait_until(lambda port=port: _is_healthy(port), timeout_s=60, what=server)
    yield found[0], found[1]
    for name in names:
        exchange.kill(name)


@pytest.fixture
def hurried(ports: tuple[int, int]) -> int:
    return ports[0]


@pytest.fixture
def counting(ports: tuple[int, int]) -> int:
    return ports[1]


# --- waits: heads ---------------------------------------------------------------------------------


async def says_nothing(one: Stranger) -> None:
    await one.read_to_end()


async def half_a_head(one: Stranger) -> None:
    await one.send(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ")
    await one.read_to_end()


async def a_head_that_trickles(one: Stranger) -> None:
    await one.send(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n")
    await _trickle(one, b"x-a: b\r\n")


async def nothing_after_a_request(one: Stranger) -> None:
    await _ask_once(one)
    await one.read_to_end()


async def half_a_head_after_a_request(one: Stranger) -> None:
    await _ask_once(one)
    await one.send(b"GET /health/live HTTP/1.1\r\nx-a: ")
    await one.read_to_end()


async def a_head_that_trickles_after_a_request(one: Stranger) -> None:
    await _ask_once(one)
    await one.send(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n")
    await _trickle(one, b"x-a: b\r\n")


async def _ask_once(one: Stranger) -> None:
    await one.ask("/health/live")
    await one.read_answer()


async def _trickle(one: Stranger, part: bytes) -> None:
    """Send a part again and again until the other end has gone."""
    reading = asyncio.ensure_future(one.read_to_end())
    try:
        while not reading.done():
            await one.send(part)
            await asyncio.wait((reading,), timeout=TRICKLE_S)
    except OSError:
        return
    finally:
        reading.cancel()


# --- waits: bodies --------------------------------------------------------------------------------


async def half_a_body_for_the_edge(one: Stranger) -> None:
    await _half_a_body(one, "/api/v1/orders")


async def half_a_body_for_django(one: Stranger) -> None:
    await _half_a_body(one, "/api/v1/accounts")


async def half_a_body_for_the_compatible_api(one: Stranger) -> None:
    await _half_a_body(one, "/api/v3/order")


async def a_body_that_trickles(one: Stranger) -> None:
    await one.ask("/api/v1/orders", "content-length: 90000", method="POST")
    await _trickle(one, b"x")


async def chunks_that_trickle(one: Stranger) -> None:
    await one.ask("/api/v1/accounts", "transfer-encoding: chunked", method="POST")
    await _trickle(one, b"1\r\nx\r\n")


async def a_body_that_nobody_wants(one: Stranger) -> None:
    await one.ask("/health/live", "content-length: 90000")
    await _trickle(one, b"x")


async def _half_a_body(one: Stranger, path: str) -> None:
    await one.ask(path, "content-length: 90000", method="POST")
    await one.send(b"x" * 40_000)
    await one.read_to_end()


# --- waits: sockets without a reason --------------------------------------------------------------


async def a_silent_socket(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await one.read_to_close()


async def a_socket_that_falls_silent(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await one.say({"id": "1", "method": "ping", "params": {}})
    await one.read_to_close()


async def a_socket_that_follows_nothing_any_more(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    topic = {"channel": "ticker", "market": "BTC/EUR"}
    await one.say({"id": "1", "method": "subscribe", "params": topic})
    await one.say({"id": "2", "method": "unsubscribe", "params": topic})
    await one.read_to_close()


async def a_compatible_socket_that_falls_silent(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await one.say({"id": 1, "method": "LIST_SUBSCRIPTIONS"})
    await one.read_to_close()


async def a_stream_without_streams(one: Stranger) -> None:
    assert await one.shake_hands("/stream")
    await one.read_to_close()


async def a_numbered_stream_without_streams(one: Stranger) -> None:
    assert await one.shake_hands("/ws/1")
    await one.read_to_close()


async def a_silent_socket_of_the_socket_api(one: Stranger) -> None:
    assert await one.shake_hands("/ws-api/v3")
    await one.read_to_close()


ENDING: Final[tuple[Case, ...]] = (
    says_nothing,
    half_a_head,
    a_head_that_trickles,
    nothing_after_a_request,
    half_a_head_after_a_request,
    a_head_that_trickles_after_a_request,
    half_a_body_for_the_edge,
    half_a_body_for_django,
    half_a_body_for_the_compatible_api,
    a_body_that_trickles,
    chunks_that_trickle,
    a_body_that_nobody_wants,
    a_silent_socket,
    a_socket_that_falls_silent,
    a_socket_that_follows_nothing_any_more,
    a_compatible_socket_that_falls_silent,
    a_stream_without_streams,
    a_numbered_stream_without_streams,
    a_silent_socket_of_the_socket_api,
)


# --- waits: who takes nothing ---------------------------------------------------------------------


async def takes_no_answers(one: Stranger) -> None:
    for _ in range(40):
        await one.ask("/static/build/app.js")
    await _until_given_up(one)


async def takes_no_messages(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    said = frame(b'{"id": "%b", "method": "ping", "params": {}}' % (b"x" * 60_000))
    await _send_until_given_up(one, said, 30 * MIB)


async def takes_no_pongs(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await _send_until_given_up(one, 500 * frame(b"x" * 125, opcode=9), 30 * MIB)


async def _send_until_given_up(one: Stranger, data: bytes, bytes_max: int) -> None:
    async def send() -> None:
        while one.sent < bytes_max:
            await one.send(data)

    sending = asyncio.ensure_future(send())
    try:
        await _until_given_up(one)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _until_given_up(one: Stranger) -> None:
    """Wait until the process has let go, reading nothing meanwhile."""
    while one.is_kept:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(TRICKLE_S)


TAKING_NOTHING: Final[tuple[Case, ...]] = (takes_no_answers, takes_no_messages, takes_no_pongs)


async def _ended(port: int, case: Case, within_s: float) -> bool:
    """Tell whether a case is over in time."""
    receive_bytes = 2_048 if case in TAKING_NOTHING else None
    try:
        async with (
            Stranger(port, next(_addresses), receive_bytes=receive_bytes) as one,
            asyncio.timeout(within_s),
        ):
            await case(one)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


async def _tried(port: int, cases: tuple[Case, ...], within_s: float) -> dict[str, bool]:
    ended = await asyncio.gather(*(_ended(port, case, within_s) for case in cases))
    return {case.__name__: is_ended for case, is_ended in zip(cases, ended, strict=True)}


async def test_every_wait_for_a_client_ends(hurried: int) -> None:
    found = await _tried(hurried, (*ENDING, *TAKING_NOTHING), ENDS_WITHIN_S)
    held = [name for name, is_ended in found.items() if not is_ended]
    assert not held, ", ".join(held)


async def test_without_these_bounds_clients_are_waited_for(counting: int, server: str) -> None:
    found = await _tried(counting, (*ENDING, *TAKING_NOTHING), STAYS_FOR_S)
    # Granian reads no body that nobody wants, and its guard counts the bytes of pings.
    own = {"a_body_that_nobody_wants", "takes_no_pongs"} if server == "granian" else set()
    assert {name for name, is_ended in found.items() if is_ended} <= own


# --- counts ---------------------------------------------------------------------------------------


async def test_an_address_has_so_many_connections(counting: int) -> None:
    address, other = next(_addresses), next(_addresses)
    strangers = [Stranger(counting, address) for _ in range(2 * CONNECTIONS_MAX)]
    for one in strangers:
        await one.__aenter__()

    def kept() -> int:
        return sum(peer == address for peer, _ in kept_peers(counting))

    await asyncio.to_thread(
        wait_until, lambda: kept() == CONNECTIONS_MAX, timeout_s=5, what="the bound"
    )
    async with Stranger(counting, other) as someone:
        await someone.ask("/health/live")
        assert b" 200 " in await someone.read_answer()
    for one in strangers:
        await one.__aexit__()
    await asyncio.to_thread(wait_until, lambda: not kept(), timeout_s=5, what="their end")

    async def is_served() -> bool:
        async with Stranger(counting, address) as again:
            await again.ask("/health/live")
            return b" 200 " in await again.read_answer()

    for _ in range(20):  # what has ended is noticed a moment later
        if await is_served():
            return
        await asyncio.sleep(TRICKLE_S)
    pytest.fail("the address is not served any more")


async def test_an_address_has_so_many_sockets_of_all_kinds(counting: int) -> None:
    address = next(_addresses)
    paths = ("/ws", "/stream", "/ws-api/v3", "/ws/1")

    async def opened(count: int) -> list[bool]:
        strangers = [Stranger(counting, address) for _ in range(count)]
        try:
            return [
                await (await one.__aenter__()).shake_hands(paths[number % len(paths)])
                for number, one in enumerate(strangers)
            ]
        finally:
            for one in strangers:
                await one.__aexit__()

    assert await opened(SOCKETS_MAX + 3) == [True] * SOCKETS_MAX + [False] * 3
    for _ in range(100):  # what has ended is noticed a moment later
        if all(await opened(SOCKETS_MAX)):
            return
        await asyncio.sleep(TRICKLE_S)
    pytest.fail("sockets that have ended are still counted")


# --- bytes ----------------------------------------------------------------------------------------


async def an_endless_header(one: Stranger) -> None:
    await one.send(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ")
    await _send_on(one, PIECE)


async def an_endless_path(one: Stranger) -> None:
    await one.send(b"GET /")
    await _send_on(one, PIECE)


async def an_endless_trailer(one: Stranger) -> None:
    await one.ask("/api/v1/orders", "transfer-encoding: chunked", method="POST")
    await one.send(b"0\r\nx-a: ")
    await _send_on(one, PIECE)


async def an_endless_chunk_extension(one: Stranger) -> None:
    await one.ask("/api/v1/orders", "transfer-encoding: chunked", method="POST")
    await one.send(b"5;x=")
    await _send_on(one, PIECE)


async def an_endless_body_in_chunks(one: Stranger) -> None:
    await one.ask("/api/v1/accounts", "transfer-encoding: chunked", method="POST")
    await _send_on(one, b"10000\r\n" + PIECE + b"\r\n")


async def an_endless_frame(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await one.send(b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(4))
    await _send_on(one, PIECE)


async def endless_fragments(one: Stranger) -> None:
    assert await one.shake_hands("/ws-api/v3")
    await one.send(frame(b"x", is_last=False))
    await _send_on(one, frame(PIECE, opcode=0, is_last=False))


async def answers_that_nobody_takes(one: Stranger) -> None:
    assert await one.shake_hands("/ws")
    await _send_on(one, frame(b'{"id": "%b", "method": "ping", "params": {}}' % (b"x" * 60_000)))


async def _send_on(one: Stranger, data: bytes) -> None:
    while one.sent < ENDLESS_BYTES:
        await one.send(data)


ENDLESS_BYTES: Final = 48 * MIB
# Most of them lie in the kernel's buffers, at both ends.
TAKEN_BYTES_MAX: Final = 16 * MIB
ENDLESS: Final[tuple[Case, ...]] = (
    an_endless_header,
    an_endless_path,
    an_endless_trailer,
    an_endless_chunk_extension,
    an_endless_body_in_chunks,
    an_endless_frame,
    endless_fragments,
    answers_that_nobody_takes,
)


@pytest.mark.parametrize("case", ENDLESS, ids=lambda case: case.__name__)
async def test_nothing_is_taken_without_end(counting: int, server: str, case: Case) -> None:
    # Who takes no answers is read no more; all others are ended.
    is_to_end = case is not answers_that_nobody_takes
    async with Stranger(counting, next(_addresses), receive_bytes=2_048) as one:
        is_ended = False
        try:
            async with asyncio.timeout(STAYS_FOR_S):
                await case(one)
        except TimeoutError:
            # Who sends into a closed window is told nothing of the end.
            is_ended = not one.is_kept
        except ConnectionError:
            is_ended = True
        assert is_ended is is_to_end
        # Granian's guard looks at its sockets a hundred times a second, not at each byte.
        is_guarded = server == "granian" and case is endless_fragments
        assert one.sent < (ENDLESS_BYTES if is_guarded else TAKEN_BYTES_MAX)


@pytest.mark.parametrize(("count", "is_taken"), [(90, True), (200, False)])
async def test_a_head_has_so_many_headers(counting: int, count: int, is_taken: bool) -> None:
    async with Stranger(counting, next(_addresses)) as one:
        await one.ask("/health/live", *(f"x{number}: a" for number in range(count)))
        async with asyncio.timeout(ENDS_WITHIN_S):
            answer = await one.read_answer()
    assert (b" 200 " in answer) is is_taken


async def test_requests_sent_ahead_have_a_bound(counting: int, server: str) -> None:
    async with Stranger(counting, next(_addresses)) as one:
        head = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        await one.send(40 * (head + b"\r\n") + head + b"connection: close\r\n\r\n")
        async with asyncio.timeout(ENDS_WITHIN_S):
            assert (await one.read_to_end()).count(b"HTTP/1.1 200") == 41
    if server != "uvicorn":  # others read one after the other
        return
    async with Stranger(counting, next(_addresses)) as one:
        await one.send(90 * (head + b"\r\n"))
        async with asyncio.timeout(ENDS_WITHIN_S):
            assert (await one.read_to_end()).count(b"HTTP/1.1 200") <= 51


@pytest.mark.parametrize("path", ["/stream", "/ws-api/v3"])
async def test_a_socket_is_told_why_it_ends(hurried: int, server: str, path: str) -> None:
    if server == "granian":  # which sends nothing while it waits for a message; its guard ends it
        return
    async with connect(f"ws://{HOST}:{hurried}{path}") as socket, asyncio.timeout(ENDS_WITHIN_S):
        with pytest.raises(ConnectionClosed) as ending:
            await socket.recv()
    assert ending.value.rcvd is not None
    assert (ending.value.rcvd.code, ending.value.rcvd.reason) == SILENT[:2]
