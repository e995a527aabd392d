"""Every call of the compatible API and its sockets by everybody, as docs/security.md says."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.access import rules, stream_rules
from tests.access.people import People
from tests.integration.binance.rest.conftest import now_ms
from tests.routes import METHODS

# Errors that say who one is, or may not be.
REFUSALS = (-2014, -2015, -1022, -1002)
OUTSIDERS = ("limited", "other")
LAST = "session.logon, session.logout"
# No multiples of lot and tick: whoever is let in with an order is refused all the same.
PARAMS = {
    "symbol": "BTCEUR", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.000001", "price": "0.001", "cancelReplaceMode": "STOP_ON_FAILURE",
    "interval": "1m", "aboveType": "LIMIT_MAKER", "belowType": "STOP_LOSS", "limit": "1",
    "fromAccountType": "SPOT", "toAccountType": "SPOT", "asset": "EUR", "amount": "0.01",
    "newQty": "0.000001", "stopPrice": "0.001", "orderListId": "1", "abovePrice": "0.002",
    "belowStopPrice": "0.001", "workingType": "LIMIT_MAKER", "workingSide": "BUY",
    "workingPrice": "0.001", "workingQuantity": "0.000001", "pendingType": "LIMIT_MAKER",
    "pendingSide": "SELL", "pendingPrice": "0.002", "pendingQuantity": "0.000001",
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "0.002",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "0.001",
}  # fmt: skip


class Stranger:
    """Somebody at the compatible API: what they send with a call."""

    def __init__(self, people: People, caller: str) -> None:
        name = {"unsigned": "all", "logged on": "all"}.get(caller, caller)
        made = people.keys.get(name, {})
        self.key: str = "k" * 64 if caller == "unknown" else made.get("key", "")
        self.headers = people.headers("cookie") if caller == "cookie" else {}
        self._secret: str = (
            people.keys["all"]["secret"] if caller == "unknown" else made.get("secret", "")
        )
        self._is_unsigned = caller == "unsigned"

    def signature(self, text: str) -> str:
        """Return the signature of a text; who has no key, or does not sign, sends a wrong one."""
        if not self._secret:
            return "0" * 64
        made = private_key(self._secret).sign(text.encode() + b"?" * self._is_unsigned)
        return base64.b64encode(made).decode()


@cache
def private_key(pem: str) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def cell_of(body: Any, caller: str, rule: rules.Rule, people: People) -> str:
    """Return what became of a call, as the table says it."""
    code = body.get("code") if isinstance(body, dict) else None
    assert code not in (-1000, -1102, -1121), body  # that would say nothing about who may
    if code in REFUSALS:
        return str(code)
    if caller not in OUTSIDERS or rule is rules.ANYBODY:
        return rules.YES
    # Of what they were answered nothing is the owner's.
    assert people.accounts["owner"] not in json.dumps(body)
    return rules.OWN


@pytest.mark.parametrize("call", rules.COMPAT)
def test_calls(people: People, call: str) -> None:
    method, path = call.split(" ")
    rule = rules.COMPAT[call]
    # Outsiders first: they come for an order that is still there afterwards.
    order_id, of_all = people.new_order("all"), people.listen_key("all")
    found = {}
    for caller in sorted(rules.COMPAT_CALLERS, key=lambda name: name not in OUTSIDERS):
        stranger = Stranger(people, caller)
        listen_key = of_all if caller in OUTSIDERS else people.listen_keys["unknown"]
        about = {**PARAMS, "orderId": order_id, "cancelOrderId": order_id}
        about |= {"toEmail": people.second(caller)} if method == "POST" else {}
        text = urlencode({**about, "listenKey": listen_key, "timestamp": now_ms()})
        if rule is not rules.ANYBODY and not rule.by_listen_key:
            text += "&" + urlencode({"signature": stranger.signature(text)})
        headers = {**stranger.headers, **({"X-MBX-APIKEY": stranger.key} if stranger.key else {})}
        answer = people.http.request(method, f"{path}?{text}", headers=headers)
        assert answer.status_code not in (404, 405, 500), answer.text
        found[caller] = cell_of(answer.json(), caller, rule, people)
        if caller in OUTSIDERS:
            assert order_id not in answer.text
            assert people.is_open(order_id)
            assert people.listen_key("all") == of_all
    assert found == {c: rules.compat_cell(call, rule, c) for c in rules.COMPAT_CALLERS}


def test_no_path_takes_another_method(people: People) -> None:
    for path in {call.split(" ")[1] for call in rules.COMPAT}:
        for method in METHODS:
            if f"{method} {path}" not in rules.COMPAT:
                answer = people.http.request(method, path)
                assert answer.status_code == 405, (method, path, answer.text)


# --- the WebSocket API ----------------------------------------------------------------------------


def ask(socket: ClientConnection, method: str, params: dict[str, Any]) -> dict[str, Any]:
    socket.send(json.dumps({"id": 1, "method": method, "params": params}))
    while True:
        answer: Any = json.loads(socket.recv(timeout=20))
        if isinstance(answer, dict) and answer.get("id") == 1:
            return answer


@pytest.mark.parametrize("caller", rules.WS_API_CALLERS)
def test_methods_of_the_websocket_api(people: People, caller: str) -> None:
    """All of them on one connection; what begins and what ends a session comes last."""
    stranger = Stranger(people, caller)
    order_id, of_all = people.new_order("all"), people.listen_key("all")
    listen_key = of_all if caller in OUTSIDERS else people.listen_keys["unknown"]
    about = {**PARAMS, "orderId": order_id, "cancelOrderId": order_id, "listenKey": listen_key}
    url = f"{people.exchange.ws_url}/ws-api/v3"
    methods = rules.ws_api_rules()
    found = {}
    with connect(url, additional_headers=stranger.headers, open_timeout=20) as socket:
        if caller == "logged on":
            assert ask(socket, "session.logon", signed(stranger, {}))["status"] == 200
        for method in sorted(methods, key=lambda name: (LAST.find(name), name)):
            rule = methods[method]
            params = sent_with(stranger, method, rule, about, is_on=caller == "logged on")
            answer = ask(socket, method, params)
            body = answer.get("error", answer.get("result"))
            found[method] = cell_of(body, caller, rule, people)
            if caller in OUTSIDERS and rule is not rules.ANYBODY:
                assert order_id not in json.dumps(answer)
    if caller in OUTSIDERS:
        assert people.is_open(order_id)
        assert people.listen_key("all") == of_all
    assert found == {m: rules.compat_cell(m, rule, caller) for m, rule in methods.items()}


def sent_with(
    stranger: Stranger, method: str, rule: rules.Rule, about: dict[str, str], *, is_on: bool
) -> dict[str, Any]:
    """Return the parameters of a method, with what proves who asks where it asks for that."""
    if method.startswith("session.") and method != "session.logon":
        return {}
    if method in ("userDataStream.subscribe", "userDataStream.unsubscribe"):
        return {}
    if rule is rules.ANYBODY:
        return about
    if rule.by_listen_key:
        return {**about, "apiKey": stranger.key} if stranger.key else about
    if is_on and not method.endswith((".signature", ".logon")):
        return {**about, "timestamp": now_ms()}
    return signed(stranger, {} if method.endswith((".signature", ".logon")) else about)


def signed(stranger: Stranger, about: dict[str, str]) -> dict[str, Any]:
    params = {**about, "timestamp": now_ms(), **({"apiKey": stranger.key} if stranger.key else {})}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": stranger.signature(text)}


# --- streams --------------------------------------------------------------------------------------


@contextmanager
def opened(people: People, path: str) -> Iterator[ClientConnection]:
    with connect(people.exchange.ws_url + path, open_timeout=20) as socket:
        yield socket


def followed(socket: ClientConnection) -> Any:
    """Return the names of what a connection follows, or the code that it ended with."""
    try:
        return ask(socket, "LIST_SUBSCRIPTIONS", {})["result"]
    except ConnectionClosed as closed:
        return str(closed.rcvd and closed.rcvd.code)


@pytest.mark.parametrize("caller", stream_rules.STREAM_CALLERS)
def test_streams(people: People, caller: str) -> None:
    """By the address, by its query and by asking for them."""
    names = [*stream_rules.STREAMS.values()]
    listen_key = people.listen_keys.get(caller) or people.listen_key("read")
    for wanted, rule in ((names, rules.ANYBODY), ([listen_key], stream_rules.LISTEN_KEY)):
        cell = stream_rules.stream_cell("", rule, caller)
        meant = wanted if cell == rules.YES else cell
        for path in (f"/ws/{'/'.join(wanted)}", f"/stream?streams={'/'.join(wanted)}"):
            with opened(people, path) as socket:
                assert followed(socket) == meant
        with opened(people, "/ws") as socket:
            socket.send(json.dumps({"id": 2, "method": "SUBSCRIBE", "params": wanted}))
            assert followed(socket) == meant


def test_what_clients_of_streams_ask_for(people: People) -> None:
    params: dict[str, Any] = {"SET_PROPERTY": ["combined", True], "GET_PROPERTY": ["combined"]}
    for path in ("/ws", "/ws/1", "/stream"):
        for method in stream_rules.STREAM_METHODS:
            with opened(people, path) as socket:
                answer = ask(socket, method, params.get(method, ["btceur@trade"]))
                assert "result" in answer, (path, method, answer)
