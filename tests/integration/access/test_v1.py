"""Every call of v1, over HTTP and on its socket, by everybody, as docs/security.md says."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.access import rules
from tests.access.people import SIGNERS, People, order, order_list

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Somebody else's things are not there.
HIDDEN = ("account_not_found", "order_not_found", "not_found")
# Whoever hears this was let in: of frozen ones others may have cancelled the order.
NOT_OPEN = "order_not_open"
EVIL = "https://evil.example"


def body_of(method: str, path: str, account: str, second: str) -> Any:
    """Return a body that gets past every check of its shape, or none."""
    money = {"asset": "EUR", "amount": "0.01"}
    bodies = {
        "/api/v1/orders": order(account),
        "/api/v1/orders/batch": [order(account)],
        "/api/v1/orders/cancel-all": {"account": account},
        "/api/v1/orders/lists": order_list(account),
        "/api/v1/orders/preview": order(account),
        "/api/v1/accounts": {"label": "matrix"},
        "/api/v1/transfers": {"from_account": account, "to_account": second, **money},
        "/api/v1/keys": {"scopes": ["read"]},
        "/api/v1/alerts": {"market": "BTC/EUR", "condition": "FallsTo", "price": "1"},
    }
    if path.endswith("/protections/<market>") and method == "PUT":
        # Nothing that happens here reaches it.
        return {"max_fills": 1_000_000, "window_ms": 1}
    if path.endswith("/preferences") and method == "PUT":
        return {"document": {}}
    if method == "PATCH" and "alerts" in path:
        return {"note": "matrix"}
    if method == "PATCH":
        return {"price": "2"} if "orders" in path else {"label": "matrix"}
    if path.endswith("/replace"):
        return {**order(account), "policy": "AllowFailure"}
    if path.endswith(("/deposit", "/withdraw")):
        to = {"address": "somewhere"} if path.endswith("/withdraw") else {}
        return {**money, **to}
    if path.endswith("/addresses") and method == "POST":
        return {"asset": "EUR", "address": "somewhere-else"}
    if path.endswith("/reports"):
        return {"kind": "Statement", "from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z"}
    return bodies.get(path) if method == "POST" else None


def cell_of(answer: httpx.Response) -> str:
    """Return what became of a call, as the table says it."""
    if answer.headers["content-type"].startswith("text/csv"):
        assert answer.status_code == 200
        return rules.YES
    body = answer.json()
    items = body.get("data")
    error = body.get("error") or {}
    status = answer.status_code
    if isinstance(items, list) and items and isinstance(items[0], dict) and "error" in items[0]:
        error = items[0]["error"]
        statuses = {"account_not_found": 404, "account_frozen": 403, "forbidden": 403}
        status = statuses[error["code"]]
    if error.get("code") == "account_frozen":
        return "frozen"
    if status in (401, 403) or error.get("code") in HIDDEN:
        return str(status)
    assert status in (200, 201) or error.get("code") == NOT_OPEN, answer.text
    return rules.YES


def asked(people: People, method: str, path: str, caller: str) -> httpx.Response:
    """Return the answer to a call by somebody, about things of their own for frozen ones."""
    target = path.replace("<account>", people.account(caller)).replace("<market>", "BTC-EUR")
    if "<withdrawal>" in target:
        target = target.replace("<withdrawal>", str(people.withdrawal(caller)))
    if "<address>" in target:
        target = target.replace("<address>", str(people.address(caller)))
    target = target.replace("<report>", str(people.report(caller)))
    target = target.replace("<snapshot>", str(people.snapshot))
    if "<list>" in target:
        target = target.replace("<list>", people.list_of_orders(caller))
    if "<order>" in target:
        target = target.replace("<order>", people.order(caller))
    if "<alert>" in target:
        target = target.replace("<alert>", str(people.alert(caller)))
    target = target.replace("<key>", str(people.doomed_token))
    body = body_of(method, path, people.account(caller), people.second(caller))
    headers = people.headers(caller)
    request = people.http.build_request(method, target, headers=headers, json=body)
    request.headers.update(people.signed_headers(caller, request))
    return people.http.send(request)


@pytest.mark.parametrize("call", rules.V1)
def test_calls(people: People, call: str) -> None:
    method, path = call.split(" ")
    rule = rules.V1[call]
    meant = {caller: rules.v1_cell(call, rule, caller) for caller in rules.V1_CALLERS}
    found = {caller: cell_of(asked(people, method, path, caller)) for caller in rules.V1_CALLERS}
    assert found == meant


def test_no_path_takes_another_method(people: People) -> None:
    for path in {call.split(" ")[1] for call in rules.V1}:
        for method in METHODS:
            if f"{method} {path}" not in rules.V1:
                answer = asked(people, method, path, "all")
                assert answer.status_code == 405, (method, path, answer.text)


# --- the socket -----------------------------------------------------------------------------------


@pytest.fixture(params=rules.SOCKET_CALLERS)
def caller(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def socket(people: People, caller: str) -> Iterator[ClientConnection]:
    """A connection of somebody, who has not authenticated yet."""
    by_cookie = caller in ("session", "foreign page", "other session", "viewer", "trader")
    headers = {"Cookie": people.headers(caller)["Cookie"]} if by_cookie else {}
    origin = EVIL if caller == "foreign page" else people.exchange.base_url
    url = f"{people.exchange.ws_url}/ws"
    with connect(url, additional_headers=headers, origin=origin, open_timeout=20) as made:  # type: ignore[arg-type]
        yield made


def ask(socket: Any, method: str, params: Any) -> dict[str, Any]:
    socket.send(json.dumps({"id": "1", "method": method, "params": params}))
    while True:
        answer: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if answer.get("id") == "1":
            return answer


def test_methods_of_the_socket(people: People, socket: ClientConnection, caller: str) -> None:
    """All of them on one connection, after trying to authenticate."""
    account = people.account(caller)
    order_id = people.order(caller)
    market = {"market": "BTC/EUR"}
    token = people.headers(caller).get("Authorization", "").removeprefix("Bearer ")
    signature = people.signed_params(caller) if caller in SIGNERS else {}
    params: dict[str, Any] = {
        "authenticate": {"token": token} if token else signature,
        "placeOrder": order(account),
        "previewOrder": order(account),
        "placeOrderList": order_list(account),
        "cancelOrderList": {"list_id": people.list_of_orders(caller)},
        "cancelAll": {"account": account},
        "getQueue": {"account": account, **market},
        "cancelOrder": {"order_id": order_id},
        "amendOrder": {"order_id": order_id, "price": "2"},
        "replaceOrder": {"order_id": order_id, **order(account), "policy": "AllowFailure"},
        "cancelOnDisconnect": {"enabled": False},
        "cancelAllAfter": {"timeout_ms": 0},
        "ping": {},
        "unsubscribe": {"subscriptionId": "markets:*"},
    }
    # What ends things comes last.
    last = (
        "cancelAll",
        "cancelOrder",
        "cancelOrderList",
        "amendOrder",
        "replaceOrder",
        "unsubscribe",
    )
    calls = sorted(rules.SOCKET, key=lambda call: (call != "authenticate", *map(call.__eq__, last)))
    found = {}
    for call in calls:
        method, _, channel = call.partition(" ")
        about = {"channel": channel} if channel in ("markets", "balances", "alerts") else market
        sent = {**about, "channel": channel} if channel else params.get(method, market)
        answer = ask(socket, method, sent)
        found[call] = socket_cell_of(answer)
        if rules.socket_cell(call, rules.SOCKET[call], caller) == rules.OWN:
            assert account not in json.dumps(answer)
            found[call] = rules.OWN if found[call] == rules.YES else found[call]
    meant = {call: rules.socket_cell(call, rule, caller) for call, rule in rules.SOCKET.items()}
    assert found == meant


def socket_cell_of(answer: dict[str, Any]) -> str:
    """Return what became of a call, as the table says it."""
    error = answer.get("error")
    if error is None or error["data"]["code"] == NOT_OPEN:
        return rules.YES
    return "frozen" if error["data"]["code"] == "account_frozen" else str(error["code"])
