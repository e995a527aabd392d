"""What is refused leaves a line: who wanted what, from where, why not. What it held does not."""

import json
import uuid
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.exchange import Exchange, wait_until
from tests.integration.api.conftest import Client

MARK = "kanarie-of-refusals"
NOBODYS = str(uuid.UUID(int=1))
# Method, path, what is sent beside the headers, the code that is told.
CASES: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("GET", "/api/v1/orders/1", {"headers": {"Authorization": f"Bearer {MARK}"}}, "unauthorized"),
    ("GET", "/api/v1/accounts", {"headers": {"Authorization": f"Bearer {MARK}"}}, "unauthorized"),
    ("POST", "/api/v1/orders", {"json": {"token": MARK}}, "unauthorized"),
    ("POST", "/login", {"data": {"password": MARK}}, "forbidden"),
    ("PUT", "/api/v1/orders", {}, "method_not_allowed"),
    ("PUT", "/api/v3/order", {}, "method_not_allowed"),
    ("GET", "/api/v1/markets?token=" + MARK, {}, "validation_error"),
    ("GET", "/api/v3/account", {"headers": {"X-MBX-APIKEY": MARK}}, "-2014"),
    ("GET", "/api/v3/depth?symbol=" + MARK, {}, "-1121"),
)


def lines(exchange: Exchange) -> list[str]:
    """Return what the web process wrote of refusals."""
    return [line for line in exchange.log("web").splitlines() if " refused " in line]


def ask(exchange: Exchange, method: str, path: str, sent: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the status of an answer, and what was written of it."""
    before = len(lines(exchange))
    status = httpx.request(method, exchange.base_url + path, timeout=30, **sent).status_code
    wait_until(lambda: len(lines(exchange)) > before, timeout_s=5, what="a line of the refusal")
    return status, lines(exchange)[before:]


@pytest.mark.parametrize(("method", "path", "sent", "code"), CASES)
def test_a_refusal_leaves_a_line(
    exchange: Exchange, method: str, path: str, sent: dict[str, Any], code: str
) -> None:
    status, written = ask(exchange, method, path, sent)

    assert 400 <= status < 500
    (line,) = written
    for fact in (f"code={code}", f"method={method}", f"path={path.partition('?')[0]}", "127.0.0.1"):
        assert fact in line, fact
    assert MARK not in line


def test_what_is_somebody_elses_leaves_a_line_and_an_answer_of_the_market_none(
    exchange: Exchange, alice: Client
) -> None:
    headers = {"Authorization": f"Bearer {alice.token}"}
    account = alice.new_account()
    order = {
        "user_id": account,
        "market": "BTC/EUR",
        "side": "buy",
        "order_type": "Limit",
        "price": "10",
        "quantity": "1",
    }
    poor = httpx.post(f"{exchange.base_url}/api/v1/orders", json=order, headers=headers)
    assert poor.json()["error"]["code"] == "insufficient_balance"

    status, written = ask(exchange, "GET", f"/api/v1/accounts/{NOBODYS}", {"headers": headers})

    assert status == 404
    (line,) = written  # so the order left none
    assert "code=account_not_found" in line


def test_sockets_leave_lines_too(exchange: Exchange) -> None:
    before = len(lines(exchange))
    for path, params in (("/ws", {"token": MARK}), ("/ws-api/v3", {"apiKey": MARK})):
        method = "authenticate" if path == "/ws" else "session.logon"
        with connect(exchange.ws_url + path) as socket:
            socket.send(json.dumps({"id": "1", "method": method, "params": params}))
            assert "error" in socket.recv(timeout=10)
    wait_until(lambda: len(lines(exchange)) >= before + 2, timeout_s=5, what="two lines")
    written = lines(exchange)[before:]

    assert ["method=/ws " in line or "method=/ws-api/v3" in line for line in written] == [True] * 2
    assert MARK not in "".join(written)


def test_a_stranger_writes_no_line_of_their_own(exchange: Exchange) -> None:
    path = "/api/v1/orders/1%0Alogged_in%20user_id=1%0D%1B[2J"

    _status, written = ask(exchange, "GET", path, {})

    assert len(written) == 1
    assert "\x1b[2J" not in written[0]
    assert not [line for line in exchange.log("web").splitlines() if line.startswith("logged_in")]
