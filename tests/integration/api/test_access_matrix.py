"""Every call of both APIs by every kind of caller, as ``docs/security.md`` says.

What is tried comes from the tables that the product routes by; a call that the document does not
name fails, and so does one that lets in another than it says.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from django.conf import settings
from websockets.sync.client import connect

from tests.exchange import Exchange
from tests.integration.api.conftest import Client, order
from tests.integration.binance.rest.conftest import Bot, new_key, now_ms
from tests.routes import compat_routes, django_paths, v1_edge_paths

DOCUMENT: Final = Path(settings.BASE_DIR) / "docs" / "security.md"
ANYBODY, IN, OUT, HIDDEN = "anybody", "in", "refused", "not there"
SCOPES: Final = ("read", "trade", "withdraw")
UNLIMITED: Final = "trade, not limited to an account"
# Errors of the compatible API that say who one is, or may not be.
COMPAT_REFUSALS: Final = {-2014, -2015, -1022, -1002}
PRIVATE_CHANNEL: Final = "orders"


def documented() -> dict[str, str]:
    """Return who may make a call, by the call, from the document's tables."""
    rules = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if len(cells) == 2 and (cells[1] == ANYBODY or cells[1] in _NAMED):
            rules[cells[0]] = cells[1]
    return rules


# What the document calls a rule: the scope it asks for, and whether it is about one account.
_NAMED: Final = {
    "any credential": (None, False),
    UNLIMITED: ("trade", False),
    **{scope: (scope, False) for scope in SCOPES},
    **{f"{scope}, own account": (scope, True) for scope in SCOPES},
}


def expected(rule: str, caller: str) -> set[str]:
    """Return what may become of a call by a caller under a rule."""
    if rule == ANYBODY:
        return {IN} if caller != "bogus" else {IN, OUT}
    scope, is_owned = _NAMED[rule]
    if caller in ("anonymous", "bogus"):
        return {OUT}
    if caller in SCOPES:
        return {IN} if scope in (None, caller) else {OUT}
    # Everybody else has all scopes, and the thing is not theirs.
    if rule == UNLIMITED and caller == "limited":
        return {OUT}
    return {HIDDEN, OUT} if is_owned else {IN}


# --- v1 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(exchange: Exchange) -> Iterator[dict[str, Any]]:
    """An owner's account and order, and everybody who comes for them."""
    owner = Client(exchange, "matrix.owner@example.com", scopes="read,trade,withdraw")
    account = owner.new_account(EUR="1000")
    other_account = owner.new_account()
    with_scope = {
        scope: exchange.create_token("matrix.owner@example.com", scopes=scope) for scope in SCOPES
    }
    limited = exchange.manage(
        "create_token", "--email", "matrix.owner@example.com", "--scopes", ",".join(SCOPES),
        "--account", other_account,
    ).strip().splitlines()[-1]  # fmt: skip
    yield {
        "account": account,
        "owner": owner,
        "tokens": {
            "anonymous": None,
            "bogus": "zvr_" + "x" * 43,
            **with_scope,
            "limited": limited,
            "other": exchange.create_token("matrix.other@example.com", scopes=",".join(SCOPES)),
        },
    }
    owner.data("POST", "/orders/cancel-all", json={"account": account})
    owner.close()


def v1_calls() -> list[tuple[str, str]]:
    """Return method and path of every call of v1, with names for what stands in a path."""
    from api.urls import urlpatterns

    methods = {}
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "view_class", None) or getattr(
            pattern.callback, "cls", None
        )
        if view is not None and str(pattern.pattern).startswith("v1/"):
            methods[f"/api/{pattern.pattern}"] = [
                name.upper() for name in ("get", "post", "patch", "delete") if hasattr(view, name)
            ]
    calls = [(method, path) for path, names in methods.items() for method in names]
    calls += [(m, p.replace("/orders/1", "/orders/<order>")) for m, p in v1_edge_paths()]
    named = [(m, p.replace("<str:account>", "<account>")) for m, p in calls]
    return sorted(
        {(m, p.replace("<path:symbol>", "BTC-EUR").replace("<str:", "<")) for m, p in named}
    )


def body_of(method: str, path: str, place: dict[str, Any]) -> Any:
    """Return a body that gets past every check of its shape, or none."""
    account = place["account"]
    bodies = {
        "/api/v1/orders": order(account, "buy", "1", "1"),
        "/api/v1/orders/batch": [order(account, "buy", "1", "1")],
        "/api/v1/orders/cancel-all": {"account": account},
        "/api/v1/accounts": {"label": "matrix"},
    }
    if method == "PATCH":
        return {"price": "2"}
    if path.endswith(("/deposit", "/withdraw")):
        return {"asset": "EUR", "amount": "0.01", "address": "somewhere"}
    return bodies.get(path) if method == "POST" else None


def verdict_of(response: httpx.Response) -> str:
    """Return what became of a call."""
    if response.status_code in (401, 403):
        return OUT
    if response.status_code == 404 and response.json()["error"]["code"] != "not_found":
        return HIDDEN
    body = response.json() if response.content else None
    items = body.get("data") if isinstance(body, dict) else None
    if isinstance(items, list) and items and isinstance(items[0], dict) and "error" in items[0]:
        code = items[0]["error"]["code"]
        return HIDDEN if code == "account_not_found" else IN
    return IN


@pytest.mark.parametrize(("method", "path"), v1_calls(), ids=" ".join)
def test_calls_of_v1(exchange: Exchange, place: dict[str, Any], method: str, path: str) -> None:
    rule = documented().get(f"{method} {path}")
    assert rule is not None, f"docs/security.md does not say who may {method} {path}"
    owner = place["owner"]
    for caller, token in place["tokens"].items():
        target = path.replace("<account>", place["account"]).replace("<withdrawal>", "1")
        if "<order>" in target:
            made = owner.data("POST", "/orders", json=order(place["account"], "buy", "1", "1"))
            target = target.replace("<order>", made["order"]["id"])
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = httpx.request(
            method,
            exchange.base_url + target,
            headers=headers,
            json=body_of(method, path, place),
            timeout=30,
        )
        verdict = verdict_of(response)
        allowed = expected(rule, caller)
        assert verdict in allowed, (caller, method, path, rule, response.status_code, response.text)


# --- the v1 socket --------------------------------------------------------------------------------


def socket_calls() -> list[str]:
    """Return the methods of the v1 socket, and what else one may subscribe to."""
    from api.v1.socket_methods import CHANNELS, METHODS

    return [
        *(name for name in METHODS if name not in ("subscribe", "authenticate")),
        *(f"subscribe {channel}" for channel in CHANNELS),
    ]


@pytest.mark.parametrize("call", socket_calls())
def test_methods_of_the_socket(exchange: Exchange, place: dict[str, Any], call: str) -> None:
    rule = documented().get(f"/ws {call}")
    assert rule is not None, f"docs/security.md does not say who may call {call} on /ws"
    method, _, channel = call.partition(" ")
    account = place["account"]
    params = {
        "placeOrder": order(account, "buy", "1", "1"),
        "cancelAll": {"account": account},
        "cancelOrder": {"order_id": "1"},
        "amendOrder": {"order_id": "1", "price": "2"},
        "cancelOnDisconnect": {"enabled": False},
        "cancelAllAfter": {"timeout_ms": 0},
        "subscribe": {"channel": channel},
        "unsubscribe": {"subscriptionId": "none"},
    }.get(method, {"market": "BTC/EUR"})
    for caller, token in place["tokens"].items():
        with connect(f"{exchange.ws_url}/ws", open_timeout=20) as socket:
            if token is not None:
                _ask(socket, "authenticate", {"token": token})
            answer = _ask(socket, method, params)
        code = answer.get("error", {}).get("code")
        verdict = OUT if code in (401, 403) else IN
        if code == 404 and method == "placeOrder":
            verdict = HIDDEN
        allowed = expected(rule, caller)
        if HIDDEN in allowed and method != "placeOrder":
            allowed = {IN, HIDDEN, OUT}  # what it does is bounded to the caller's own
        assert verdict in allowed, (caller, call, rule, answer)


def _ask(socket: Any, method: str, params: Any) -> dict[str, Any]:
    socket.send(json.dumps({"id": "1", "method": method, "params": params}))
    while True:
        answer: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if answer.get("id") == "1":
            return answer


# --- the compatible API ---------------------------------------------------------------------------

RIGHT: Final = {
    "symbol": "BTCEUR", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    # No multiples of lot and tick: whoever is let in is refused all the same.
    "quantity": "0.000001", "price": "0.001", "cancelReplaceMode": "STOP_ON_FAILURE",
    "cancelOrderId": "1", "orderId": "1", "interval": "1m", "aboveType": "LIMIT_MAKER",
    "belowType": "STOP_LOSS", "limit": "1", "listenKey": "x" * 60,
}  # fmt: skip


@pytest.fixture(scope="module")
def bots(exchange: Exchange) -> Iterator[dict[str, Bot | None]]:
    """A key of each scope, one that nobody has, and nobody."""
    made = {
        scope: new_key(exchange, "--email", "matrix.bot@example.com", "--scopes", scope)
        for scope in SCOPES
    }
    made["bogus"] = {**made["read"], "key": "k" * 64}
    bots: dict[str, Bot | None] = {name: Bot(exchange, key) for name, key in made.items()}
    yield {"anonymous": None, **bots}
    for bot in bots.values():
        if bot is not None:
            bot.close()


@pytest.mark.parametrize(("method", "path"), sorted(compat_routes()), ids=" ".join)
def test_calls_of_the_compatible_api(
    exchange: Exchange, bots: dict[str, Bot | None], method: str, path: str
) -> None:
    rule = documented().get(f"{method} {path}")
    assert rule is not None, f"docs/security.md does not say who may {method} {path}"
    for caller, bot in bots.items():
        text = urlencode({**RIGHT, "timestamp": now_ms()})
        if bot is None:
            query = f"{text}&signature={'0' * 64}" if rule != ANYBODY else text
            response = httpx.request(method, f"{exchange.base_url}{path}?{query}", timeout=30)
        else:
            is_signed = rule != ANYBODY and "userDataStream" not in path
            response = bot.send_raw(method, path, query=bot.signed(text) if is_signed else text)
        body = response.json()
        code = body.get("code") if isinstance(body, dict) else None
        verdict = OUT if code in COMPAT_REFUSALS or response.status_code in (401, 403) else IN
        allowed = expected(rule, caller)
        assert verdict in allowed, (caller, method, path, rule, response.status_code, response.text)


def test_methods_of_the_compatible_socket_are_those_of_rest() -> None:
    """Each does what the REST call does, by the same check of the same route."""
    from api.binance.table import ROUTES
    from api.binance.ws_api.methods import OWN_METHODS, REST_METHODS

    rules = documented()
    for name, (method, path, route) in REST_METHODS.items():
        assert route is ROUTES[(method, path)]
        assert rules.get(f"{method} {path}") is not None, name
    for name in OWN_METHODS:
        assert rules.get(f"/ws-api/v3 {name}") is not None, name


def test_the_document_names_nothing_that_is_not_there() -> None:
    from api.binance.ws_api.methods import OWN_METHODS

    there = {f"{method} {path}" for method, path in (*v1_calls(), *compat_routes())}
    there |= {f"/ws {call}" for call in socket_calls()}
    there |= {f"/ws-api/v3 {name}" for name in OWN_METHODS}
    there.add("/ws authenticate")
    assert set(documented()) <= there
    assert any("/admin/" in path for path in django_paths())  # whose matrix is of its own
