"""Signed requests that come twice, or elsewhere than they were meant for: what writes counts once.

Two web processes have it switched on; the exchange's first one has not, as the protocol leaves it.
"""

import dataclasses
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from tests.exchange import HOST, Exchange, wait_until
from tests.integration.api.test_servers import answers
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, SYMBOL, Bot, now_ms
from tests.integration.binance.user_data.conftest import Socket
from tests.signed import let_memory_be_old
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import web

CAME_BEFORE = (400, -1021, "This signed request came before: sign it with a new timestamp.")
SETTING = "ZAVORA_COMPAT_SIGNED_ONCE"


@pytest.fixture(scope="module")
def urls(exchange: Exchange) -> Iterator[list[str]]:
    """The addresses of two web processes in which what is signed counts once."""
    found = []
    for name in ("web-once", "web-once-too"):
        port = free_port()
        spec = web({**exchange.env, "PORT": str(port), SETTING: "1"}, port=port, server="uvicorn")
        exchange.launch(dataclasses.replace(spec, name=name))
        found.append(f"{HOST}:{port}")
    for url in found:
        wait_until(lambda url=url: answers(f"http://{url}"), timeout_s=60, what=url)
    yield found
    for name in ("web-once", "web-once-too"):
        exchange.kill(name)


@pytest.fixture(autouse=True)
def clean(exchange: Exchange, ann: Bot, urls: list[str], book: None) -> Iterator[None]:
    # A first request lets the memory begin, if the queue was started anew.
    send(ann, urls[0], "DELETE", OPEN_ORDERS, text(symbol=SYMBOL))
    let_memory_be_old(exchange.redis_url)
    yield
    ann.tidy_up()


def text(**params: object) -> str:
    return urlencode({**params, "timestamp": now_ms()})


def order_text(**more: object) -> str:
    terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return text(**terms, quantity="1", price="10", **more)


def send(bot: Bot, url: str, method: str, path: str, query: str) -> tuple[int, int, str]:
    """Send a text that the bot signs; return status, code and message (zero and "" for none)."""
    answer = httpx.request(
        method, f"http://{url}{path}?{bot.signed(query)}", headers=dict(bot.headers), timeout=30
    )
    body = answer.json()
    refused = body if isinstance(body, dict) and "code" in body else {"code": 0, "msg": ""}
    return answer.status_code, refused["code"], refused["msg"]


def open_orders(bot: Bot) -> int:
    return len(bot.ok("GET", OPEN_ORDERS, symbol=SYMBOL))


def test_an_order_that_is_replayed_is_placed_once_whichever_process_it_comes_to(
    ann: Bot, urls: list[str]
) -> None:
    query = order_text()
    assert send(ann, urls[0], "POST", ORDER, query)[:2] == (200, 0)
    for url in urls * 2:
        assert send(ann, url, "POST", ORDER, query) == CAME_BEFORE
    assert open_orders(ann) == 1
    assert send(ann, urls[1], "POST", ORDER, order_text())[:2] == (200, 0)
    assert open_orders(ann) == 2


def test_without_the_setting_it_is_placed_again(exchange: Exchange, ann: Bot) -> None:
    """The control: the protocol's own way."""
    query = order_text()
    first = f"{HOST}:{exchange.port}"
    assert [send(ann, first, "POST", ORDER, query)[:2] for _ in range(2)] == [(200, 0)] * 2
    assert open_orders(ann) == 2


def test_a_signature_counts_nowhere_else_than_where_it_came_first(
    ann: Bot, urls: list[str]
) -> None:
    """Looked at is not cancelled: the text of a look, sent as a cancel, writes nothing."""
    assert send(ann, urls[0], "POST", ORDER, order_text())[:2] == (200, 0)
    look = text(symbol=SYMBOL)
    for _ in range(2):  # a look may be repeated
        assert send(ann, urls[0], "GET", OPEN_ORDERS, look)[:2] == (200, 0)
    assert send(ann, urls[0], "DELETE", OPEN_ORDERS, look) == CAME_BEFORE
    placed = order_text()
    assert send(ann, urls[0], "POST", f"{ORDER}/test", placed)[:2] == (200, 0)
    assert send(ann, urls[1], "POST", ORDER, placed) == CAME_BEFORE
    assert open_orders(ann) == 1


def test_what_is_late_early_altered_or_anothers_is_refused_by_its_own_code(
    ann: Bot, ben: Bot, urls: list[str]
) -> None:
    late, early = (order_text() for _ in range(2))
    late = late.replace(late.rpartition("=")[2], str(now_ms() - 6_500))
    early = early.replace(early.rpartition("=")[2], str(now_ms() + 60_000))
    fresh = order_text()
    altered = ann.signed(fresh).replace("price=10", "price=11")
    others = ben.signed(fresh)
    assert send(ann, urls[0], "POST", ORDER, late)[:2] == (400, -1021)
    assert send(ann, urls[0], "POST", ORDER, early)[:2] == (400, -1021)
    for query in (altered, others):
        answer = httpx.post(f"http://{urls[0]}{ORDER}?{query}", headers=dict(ann.headers))
        assert (answer.status_code, answer.json()["code"]) == (400, -1022)
    assert open_orders(ann) == 0
    # None of them has used the text up: it was never signed so.
    assert send(ann, urls[0], "POST", ORDER, fresh)[:2] == (200, 0)


async def test_by_the_websocket_api_it_counts_once_too(ben: Bot, urls: list[str]) -> None:
    sockets = [await Socket.open(f"ws://{url}/ws-api/v3") for url in urls]

    def signed(**params: object) -> dict[str, object]:
        params = {**params, "apiKey": ben.key, "timestamp": now_ms()}
        line = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {**params, "signature": ben.signature(line.encode())}

    order = signed(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="1", price="10"
    )
    log_on, subscribe = signed(), signed()
    assert (await sockets[0].call("order.place", order))["status"] == 200
    assert (await sockets[0].call("session.logon", log_on))["status"] == 200
    method = "userDataStream.subscribe.signature"
    assert (await sockets[0].call(method, subscribe))["status"] in (200, 400)
    for socket in sockets:
        for name, params in (
            ("order.place", order), ("session.logon", log_on), (method, subscribe),
        ):  # fmt: skip
            answer = await socket.call(name, params)
            assert (answer["status"], answer["error"]["code"]) == (400, -1021), (name, answer)
    # Who has logged on signs no more, and is not asked.
    plain = {name: order[name] for name in order if name not in ("apiKey", "signature")}
    for _ in range(2):
        assert (await sockets[0].call("order.place", plain))["status"] == 200
    assert open_orders(ben) == 3
    ben.tidy_up()
    for socket in sockets:
        await socket.end()
