"""Every text of v1, its socket and the streams, through texts that no field means: no 500."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets.sync.client as sockets

import api
from api.v1.socket.methods import METHODS
from tests.exchange import Exchange
from tests.integration.api.conftest import Client, order, table_state
from tests.integration.binance.clients.accounts import extra_web
from tests.plain_client import Answer, PlainClient
from tests.texts import LONE_SURROGATE, TEXTS

TAKEN = re.compile(
    r"\.(?:take|text|label|uuid|choice|flag|decimal|integer|moment)\(\s*\"(\w+)\"", re.ASCII
)
EDGES = ("v1", "edge", "requests.py", "cursors.py")
# Methods that name an order.
NAMING = ("cancelOrder", "amendOrder", "replaceOrder")
JSON_TEXTS = (*TEXTS, LONE_SURROGATE)


def names() -> list[str]:
    """Return the name of every field that v1 takes anywhere."""
    folder = Path(api.__file__).parent
    files = [file for edge in EDGES for file in ([folder / edge], (folder / edge).rglob("*.py"))]
    found: set[str] = set()
    for group in files:
        for file in group:
            if file.is_file():
                found.update(TAKEN.findall(file.read_text()))
    assert len(found) > 20
    return sorted(found)


NAMES = names()


@pytest.fixture(scope="module")
def place(exchange: Exchange, alice: Client) -> Iterator[dict[str, str]]:
    account = alice.new_account(EUR="1000")
    made = alice.data("POST", "/orders", json=order(account, "buy", "10", "1"))["order"]["id"]
    before = table_state(exchange)
    yield {"account": account, "order": made}
    after = table_state(exchange)
    # An account may be called anything printable; nothing else may have come of it.
    before.pop("accounts_account"), after.pop("accounts_account")
    assert after == before
    alice.data("POST", "/orders/cancel-all", json={"account": account})


def reads(place: dict[str, str]) -> list[str]:
    own = f"/accounts/{place['account']}"
    market = "/markets/BTC-EUR"
    return [
        *("/accounts", own, f"{own}/balances", f"{own}/orders", f"{own}/trades", f"{own}/ledger"),
        *(f"{own}/withdrawals", f"{own}/addresses"),
        *("/markets", "/markets/tickers", market, f"{market}/order-book", f"{market}/ticker"),
        *(f"{market}/trades", f"{market}/candles", f"/orders/{place['order']}"),
    ]


def writes(place: dict[str, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return each route with a body that lacks only what is walked, and then is refused still."""
    own = f"/accounts/{place['account']}"
    placed = order(place["account"], "buy", "10.001", "1")
    money = {"asset": "EUR", "amount": "0"}
    return {
        ("POST", "/orders"): placed,
        ("PATCH", f"/orders/{place['order']}"): {"price": "10.001"},
        ("DELETE", f"/orders/{place['order']}"): {"user_id": "nobody"},
        ("POST", "/orders/cancel-all"): {"account": "nobody"},
        ("POST", "/accounts"): {"surprise": 1},
        ("POST", f"{own}/deposit"): money,
        ("POST", f"{own}/withdraw"): money,
        ("POST", f"{own}/addresses"): {"asset": "nobody", "address": "far"},
    }


def asked_for(response: Any) -> str:
    """Return what an answer answers."""
    if isinstance(response, Answer):
        return response.asked
    return f"{response.request.method} {str(response.request.url)[:200]}"


def check(response: Any, told: Any) -> None:
    told = (told, asked_for(response), response.text[:300])
    assert response.status_code < 500, told
    assert response.headers["content-type"] == "application/json", told
    if response.status_code >= 400:
        assert set(response.json()["error"]) >= {"code", "message"}, told


def is_no_field(error: Any, name: str) -> bool:
    """Tell whether a refusal says that there is no such field, so that no text of it is read."""
    return (error.get("details") or {}).get(name) == "is not a field of this request"


@pytest.fixture(scope="module")
def plain(exchange: Exchange, alice: Client) -> Iterator[PlainClient]:
    """A client with Alice's token, for very many requests."""
    client = PlainClient(exchange, {"Authorization": f"Bearer {alice.token}"})
    yield client
    client.close()


def test_queries(alice: Client, plain: PlainClient, place: dict[str, str]) -> None:
    read = 0
    for path in reads(place):
        without = alice.get(path).status_code
        for name in NAMES:
            for text in TEXTS:
                response = plain.request("GET", f"/api/v1{path}?{urlencode({name: text})}")
                check(response, (name, text[:20]))
                if response.status_code == without or is_no_field(response.json()["error"], name):
                    break  # nobody looks at it
                read += 1
        odd = plain.request("GET", f"/api/v1{path}?asset=%ED%A0%80&cursor=%ff%00")
        check(odd, "not UTF-8")
    assert read > 10 * len(TEXTS)


def test_bodies(plain: PlainClient, place: dict[str, str]) -> None:
    for (method, path), body in writes(place).items():
        for name in NAMES:
            for text in JSON_TEXTS:
                content = json.dumps({**body, name: text}).encode()
                response = plain.request(
                    method, f"/api/v1{path}", content, content_type="application/json"
                )
                check(response, (name, text[:20]))
                assert response.status_code >= 400
                if is_no_field(response.json()["error"], name):
                    break


def test_paths_and_headers(alice: Client, place: dict[str, str]) -> None:
    odd = ("%00", "a%00b", "%ED%A0%80", "%F0%9F%98%80", "%E2%80%AE", "%0d%0aX: 1", "x" * 5_000, "²")
    for text in odd:
        for path in ("/accounts/{}", "/accounts/{}/orders", "/orders/{}", "/markets/{}/candles"):
            check(alice.get(path.format(text)), text[:20])
        check(alice.delete(f"/orders/{text}"), text[:20])
    for value in (b"\xff\xfe", b"a" * 5_000, "é".encode(), "\u202e".encode()):
        for name in (b"Idempotency-Key", b"X-Request-ID", b"Authorization", b"Cookie"):
            headers = [(name, value if name != b"Cookie" else b"sessionid=" + value)]
            check(alice.request("POST", "/orders", json={}, headers=headers), value[:20])


# --- sockets --------------------------------------------------------------------------------------


def asked(socket: Any, body: Any) -> Any:
    """Return the next answer to a message, leaving out what is pushed."""
    socket.send(json.dumps(body))
    while True:
        answer = json.loads(socket.recv(timeout=20))
        if {"id", "result", "error", "code"} & set(answer):
            return answer


@pytest.mark.parametrize("method", METHODS)
def test_the_socket_of_v1(alice: Client, exchange: Exchange, method: str, place: Any) -> None:
    with sockets.connect(f"{exchange.ws_url}/ws") as socket:
        asked(socket, {"id": 0, "method": "authenticate", "params": {"token": alice.token}})
        good = {"market": "BTC/EUR", "channel": "ticker", "id": place["order"]}
        for name in [*NAMES, "subscriptionId", "token", "id", "order_id", "channel"]:
            for text in JSON_TEXTS:
                params = {**good, name: text} if method != "placeOrder" else {name: text}
                if method in NAMING and name not in ("id", "order_id"):
                    params = {"id": place["order"], "surprise": 1, name: text}
                if method == "cancelAll":
                    params = {name: text}
                answer = asked(socket, {"id": 7, "method": method, "params": params})
                error = answer.get("error") or {}
                assert error.get("code") != "internal_error", (name, text[:20], answer)
                if is_no_field(error, name):
                    break
        for text in JSON_TEXTS:
            answer = asked(socket, {"id": text, "method": method, "params": {}})
            assert (answer.get("error") or {}).get("code") != "internal_error", answer


@pytest.fixture
def patient(exchange: Exchange) -> Iterator[int]:
    """The port of a web process that takes messages as fast as they come."""
    yield from extra_web(exchange, "web-patient", ZAVORA_STREAM_MESSAGES_PER_S="1000")


def test_the_streams_of_the_compatible_api(patient: int) -> None:
    for text in JSON_TEXTS:
        with sockets.connect(f"ws://127.0.0.1:{patient}/ws/0") as socket:
            for body in (
                {"method": "SUBSCRIBE", "params": [text], "id": 1},
                {"method": "SUBSCRIBE", "params": ["btceur@trade"], "id": text},
                {"method": "UNSUBSCRIBE", "params": [text], "id": 1},
                {"method": text, "params": [], "id": 1},
            ):
                answer = asked(socket, body)
                assert "code" in answer or answer.get("result", 0) is None, (text[:20], answer)
            both = {"method": "SUBSCRIBE", "params": ["btceur@trade", "btceur@trade"], "id": 2}
            assert asked(socket, both) == {"result": None, "id": 2}
            names = asked(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 3})
            assert names["result"] == ["btceur@trade"]
