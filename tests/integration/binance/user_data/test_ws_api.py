"""The WebSocket API of a running exchange: its envelope, its methods, sessions, and bad input."""

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.access.rules import ANYBODY, ws_api_rules
from tests.integration.binance.user_data.conftest import Bot, Socket
from tests.socket_client import WAIT_S

Keep = Callable[[Socket], Socket]


@pytest_asyncio.fixture
async def api(bots: list[Bot], sockets: Keep) -> Socket:
    """A connection that nobody has logged on."""
    return sockets(await Socket.open(f"{bots[0].exchange.ws_url}/ws-api/v3"))


def error_of(answer: Any, status: int = 400) -> int:
    """Return the code of a refusal."""
    assert answer["status"] == status, answer
    assert "result" not in answer
    assert answer["error"]["msg"]
    code: int = answer["error"]["code"]
    return code


def limit_order(text: str = "buy 10 @ 0.9", **more: Any) -> dict[str, Any]:
    side, quantity, _, price = text.split()
    return {
        "symbol": "EURUSDT",
        "side": side.upper(),
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": price,
        "quantity": quantity,
        **more,
    }


# --- the envelope ---------------------------------------------------------------------------------


async def test_answers_have_id_status_result_and_limits(api: Socket) -> None:
    answer = await api.call("ping")
    assert (answer["status"], answer["result"]) == (200, {})
    (weight,) = [each for each in answer["rateLimits"] if each["rateLimitType"] != "ORDERS"]
    assert set(weight) == {"rateLimitType", "interval", "intervalNum", "limit", "count"}
    later = (await api.call("time"))["rateLimits"][0]["count"]
    assert later > weight["count"]
    assert "rateLimits" not in await api.call("time", {"returnRateLimits": False})
    assert abs((await api.call("time"))["result"]["serverTime"] - time.time() * 1000) < 5_000


async def test_limits_can_be_switched_off_for_a_connection(bots: list[Bot], sockets: Keep) -> None:
    url = f"{bots[0].exchange.ws_url}/ws-api/v3?returnRateLimits=false"
    api = sockets(await Socket.open(url))
    assert "rateLimits" not in await api.call("ping")
    assert (await api.call("ping", {"returnRateLimits": True}))["rateLimits"]


async def test_ids_are_echoed_as_they_came(api: Socket) -> None:
    for text, echoed in (("7", 7), ("-7", -7), ('"7"', "7"), ("null", None), ('"a_b-1"', "a_b-1")):
        answer = await api.raw(f'{{"id": {text}, "method": "ping"}}', answer_id=echoed)
        assert (answer["status"], answer["id"]) == (200, echoed)
        assert type(answer["id"]) is type(echoed)
    assert (await api.raw('{"method": "ping"}'))["id"] is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{nonsense", -1135),
        ("", -1135),
        ("[]", -1135),
        ("7", -1135),
        ("null", -1135),
        ("[" * 10_000, -1135),
        ('{"id": null, "params": ' + "[" * 10_000 + "]" * 10_000 + "}", -1135),
        ('{"id": null, "method": "ping", "params": NaN}', -1135),
        ('{"id": null, "method": "ping", "method": "ping"}', -1101),
        ('{"id": null}', -1102),
        ('{"id": null, "method": null}', -1102),
        ('{"id": null, "method": 7}', -1135),
        ('{"id": null, "method": ["ping"]}', -1135),
        ('{"id": null, "method": "ping", "params": []}', -1135),
        ('{"id": null, "method": "ping", "params": "x"}', -1135),
        ('{"id": null, "method": "nonsense"}', -1000),
        ('{"id": null, "method": "PING"}', -1000),
        ('{"id": {}, "method": "ping"}', -1100),
        ('{"id": true, "method": "ping"}', -1100),
        ('{"id": 1.5, "method": "ping"}', -1100),
        ('{"id": "' + "x" * 37 + '", "method": "ping"}', -1100),
        ('{"id": ' + "9" * 5_000 + ', "method": "ping"}', -1100),
        (b"\xff\xfe", -1135),
        ('"\\ud800"', -1135),
        ('{"id": null, "method": "\\ud800"}', -1000),
        ('{"id": "\\ud800", "method": "ping"}', -1100),
        ('{"id": null, "method": "ping", "params": {"\\ud800": 1, "x": "\\ud800"}}', -1135),
    ],
)
async def test_what_cannot_be_read_is_refused(api: Socket, text: str | bytes, code: int) -> None:
    assert error_of(await api.raw(text)) == code
    assert (await api.call("ping"))["status"] == 200


async def test_a_message_that_is_too_long_is_refused(api: Socket) -> None:
    assert error_of(await api.raw('"' + "x" * 70_000 + '"'), 413) == -1101
    assert (await api.call("ping"))["status"] == 200


# Nobody has to sign these.
PUBLIC = [name for name, rule in ws_api_rules().items() if rule is ANYBODY]


@pytest.mark.parametrize("method", ws_api_rules())
async def test_no_values_break_a_method(api: Socket, alice: Bot, method: str) -> None:
    """A walk through values of wrong kinds, signed, so that they get as far as they can."""
    values = ["", "x", "-1", "1e5", "NaN", "9" * 40, "0", "\x00", "é", "\ud800", "%zz", "a&b=c"]
    others = [None, True, 1.5, -1, 10**30, [], {}, ["EURUSDT"], [[["x"]]], {"a": {"b": 1}}]
    names = ["symbol", "limit", "side", "type", "price", "quantity", "orderId", "interval"]
    names += ["listenKey", "subscriptionId", "symbols", "fromId", "startTime", "recvWindow"]
    names += ["newClientOrderId", "origClientOrderId", "cancelReplaceMode", "timestamp", "apiKey"]
    for index, value in enumerate([*values, *others]):
        good = limit_order(interval="1m") if method in PUBLIC else limit_order()
        for name in (names[index % len(names)], names[(index * 3 + 1) % len(names)]):
            params = {**good, name: value}
            body = {"id": index, "method": method, "params": params}
            answer = await api.raw(json.dumps(body), answer_id=index)
            assert answer["status"] in (200, 400, 401), (params, answer)
            signed = alice.signed(**{key: str(one) for key, one in params.items()})
            body["params"] = {**signed, name: value}
            answer = await api.raw(json.dumps(body), answer_id=index)
            assert answer["status"] in (200, 400, 401, 409), (params, answer)


# --- calls ----------------------------------------------------------------------------------------


async def test_market_data_reads_as_over_rest(api: Socket, alice: Bot) -> None:
    await alice.order("buy 10 @ 0.9")
    async with asyncio.timeout(WAIT_S):  # the feed hears of the order just after its owner
        bids: list[list[str]] = []
        while bids != [["0.90000000", "10.00000000"]]:
            depth = await api.call("depth", {"symbol": "EURUSDT", "limit": 5})
            bids = depth["result"]["bids"]
    symbols = (await api.call("exchangeInfo", {"symbols": ["EURUSDT", "EURUSD"]}))["result"]
    assert {each["symbol"] for each in symbols["symbols"]} == {"EURUSDT", "EURUSD"}
    book = (await api.call("ticker.book", {"symbol": "EURUSDT"}))["result"]
    assert (book["symbol"], book["bidPrice"]) == ("EURUSDT", "0.90000000")
    klines = await api.call("klines", {"symbol": "EURUSDT", "interval": "1m", "limit": 2})
    assert isinstance(klines["result"], list)
    assert error_of(await api.call("depth", {"symbol": "NONESUCH"})) == -1121
    assert error_of(await api.call("depth")) == -1102


@pytest.mark.parametrize("who", [0, 2])
async def test_an_orders_life(api: Socket, bots: list[Bot], who: int) -> None:
    bot = bots[who]
    test = await api.call("order.test", bot.signed(**limit_order()))
    assert (test["status"], test["result"]) == (200, {})
    placed = await api.call("order.place", bot.signed(**limit_order(newClientOrderId="ws-1")))
    order = placed["result"]
    assert (order["clientOrderId"], order["status"], order["fills"]) == ("ws-1", "NEW", [])
    kinds = [(each["rateLimitType"], each["interval"]) for each in placed["rateLimits"]]
    assert ("ORDERS", "SECOND") in kinds
    named = {"symbol": "EURUSDT", "orderId": order["orderId"]}
    found = (await api.call("order.status", bot.signed(**named)))["result"]
    assert found == await bot.get("order", **named)
    opened = await api.call("openOrders.status", bot.signed(symbol="EURUSDT"))
    assert [each["orderId"] for each in opened["result"]] == [order["orderId"]]
    replaced = await api.call(
        "order.cancelReplace",
        bot.signed(
            **limit_order("buy 11 @ 0.9"),
            cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrderId=order["orderId"],
        ),
    )
    assert replaced["result"]["cancelResult"] == replaced["result"]["newOrderResult"] == "SUCCESS"
    new_id = replaced["result"]["newOrderResponse"]["orderId"]
    named = {"symbol": "EURUSDT", "orderId": new_id}
    cancelled = await api.call("order.cancel", bot.signed(**named))
    assert cancelled["result"]["status"] == "CANCELED"
    assert error_of(await api.call("order.cancel", bot.signed(**named))) == -2011
    assert error_of(await api.call("order.status", bot.signed(symbol="EURUSDT", orderId=1))) == (
        -2013
    )
    assert error_of(await api.call("openOrders.cancelAll", bot.signed(symbol="EURUSDT"))) == -2011
    account = (await api.call("account.status", bot.signed()))["result"]
    assert account["balances"] == (await bot.get("account"))["balances"]


async def test_a_failed_replacement_says_what_failed(api: Socket, alice: Bot) -> None:
    params = limit_order(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=1)
    answer = await api.call("order.cancelReplace", alice.signed(**params))
    assert error_of(answer) == -2022
    assert answer["error"]["data"]["cancelResult"] == "FAILURE"
    assert answer["error"]["data"]["newOrderResult"] == "NOT_ATTEMPTED"


async def test_many_orders_of_a_connection_wait_together(api: Socket, alice: Bot) -> None:
    calls = [
        api.call("order.place", alice.signed(**limit_order(newClientOrderId=f"many-{number}")))
        for number in range(250)
    ]
    answers = await asyncio.gather(*calls)
    assert {answer["status"] for answer in answers} == {200}
    assert len({answer["result"]["orderId"] for answer in answers}) == 250
    done = await api.call("openOrders.cancelAll", alice.signed(symbol="EURUSDT"))
    assert len(done["result"]) == 250


async def test_mistakes_of_keys_and_signatures(api: Socket, alice: Bot, bob: Bot) -> None:
    good = alice.signed(**limit_order())
    missing = {name: value for name, value in good.items() if name != "apiKey"}
    assert error_of(await api.call("order.place", missing), 401) == -2014
    assert error_of(await api.call("order.place", good | {"apiKey": "x" * 64}), 401) == -2015
    assert error_of(await api.call("order.place", good | {"apiKey": bob.key})) == -1022
    assert error_of(await api.call("order.place", good | {"price": "0.8"})) == -1022
    assert error_of(await api.call("order.place", good | {"signature": ""})) == -1102
    stale = alice.signed(**limit_order(), timestamp=int(time.time() * 1000) - 6_000)
    assert error_of(await api.call("order.place", stale)) == -1021
    ahead = alice.signed(**limit_order(), timestamp=int(time.time() * 1000) + 5_000)
    assert error_of(await api.call("order.place", ahead)) == -1021
    wide = alice.signed(**limit_order(), recvWindow=60_001)
    assert error_of(await api.call("order.place", wide)) == -1131
    assert (await api.call("order.place", alice.signed(**limit_order(recvWindow=9_000))))[
        "status"
    ] == 200


async def test_numbers_booleans_and_encoded_texts_are_signed_as_sent(
    api: Socket, alice: Bot
) -> None:
    params = limit_order(newClientOrderId="a:b/c", price=0.9, quantity=10)
    body = json.dumps({"id": 1, "method": "order.place", "params": alice.signed(**params)})
    assert (await api.raw(body, answer_id=1))["status"] == 200
    # Sent as 10.00, signed as 10.00.
    params = {**limit_order(), "timestamp": int(time.time() * 1000), "apiKey": alice.key}
    params |= {"quantity": "10.00", "returnRateLimits": "false"}
    text = "&".join(f"{name}={quote(str(params[name]), safe='')}" for name in sorted(params))
    body = json.dumps({"id": 2, "method": "order.place", "params": params})
    body = body.replace('"10.00"', "10.00").replace('"false"', "false")
    body = body.replace("}}", f', "signature": "{alice.sign(text)}"}}}}')
    answer = await api.raw(body, answer_id=2)
    assert answer["status"] == 200, answer
    assert "rateLimits" not in answer
    params = {"symbol": "EURUSDT", "origClientOrderId": "a:b/c", "apiKey": alice.key}
    params["timestamp"] = str(int(time.time() * 1000))
    text = "&".join(f"{name}={quote(params[name], safe='')}" for name in sorted(params))
    answer = await api.call("order.status", params | {"signature": alice.sign(text)})
    assert Decimal(answer["result"]["price"]) == Decimal("0.9")


# --- sessions -------------------------------------------------------------------------------------


async def test_a_session_needs_no_more_signatures(api: Socket, carol: Bot) -> None:
    status = (await api.call("session.status"))["result"]
    assert (status["apiKey"], status["authorizedSince"]) == (None, None)
    stamp = {"timestamp": int(time.time() * 1000)}
    assert error_of(await api.call("account.status", stamp), 401) == -2014
    on = (await api.call("session.logon", carol.signed()))["result"]
    assert (on["apiKey"], on["userDataStream"]) == (carol.key, False)
    assert type(on["authorizedSince"]) is type(on["connectedSince"]) is int
    placed = await api.call("order.place", limit_order() | stamp)
    assert placed["result"]["status"] == "NEW"
    assert error_of(await api.call("order.place", limit_order())) == -1102
    old = {"timestamp": stamp["timestamp"] - 60_000}
    assert error_of(await api.call("order.place", limit_order() | old)) == -1021
    # A request's own key comes first.
    assert error_of(await api.call("order.place", carol.signed() | {"signature": "x"})) == -1102

    subscribed = await api.call("userDataStream.subscribe")
    assert subscribed["result"] == {"subscriptionId": 0}
    assert error_of(await api.call("userDataStream.subscribe")) == -2035
    assert (await api.call("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
    await api.call("openOrders.cancelAll", {"symbol": "EURUSDT"} | stamp)
    await api.until(lambda: len(api.of("executionReport")) == 1)
    off = (await api.call("session.logout"))["result"]
    assert off["apiKey"] is None
    await api.until(lambda: api.of("eventStreamTerminated"))
    assert error_of(await api.call("account.status", stamp), 401) == -2014
    assert error_of(await api.call("userDataStream.subscribe"), 401) == -2015


async def test_a_key_with_a_shared_secret_cannot_log_on(api: Socket, alice: Bot) -> None:
    assert error_of(await api.call("session.logon", alice.signed())) == -4056
    assert error_of(await api.call("session.logon", alice.signed() | {"signature": "0"})) == -1022


# --- streams --------------------------------------------------------------------------------------


async def test_several_accounts_on_one_connection(api: Socket, alice: Bot, bob: Bot) -> None:
    method = "userDataStream.subscribe.signature"
    first = (await api.call(method, alice.signed()))["result"]
    second = (await api.call(method, bob.signed()))["result"]
    assert (first, second) == ({"subscriptionId": 0}, {"subscriptionId": 1})
    assert error_of(await api.call(method, bob.signed())) == -2035
    await bob.order("buy 10 @ 0.9")
    await api.until(lambda: len(api.messages) == 2)
    assert [set(message) for message in api.messages] == [{"subscriptionId", "event"}] * 2
    assert [message["subscriptionId"] for message in api.messages] == [1, 1]

    ended = await api.call("userDataStream.unsubscribe", {"subscriptionId": 1})
    assert (ended["status"], ended["result"]) == (200, {})
    await api.until(lambda: api.messages[-1]["event"]["e"] == "eventStreamTerminated")
    assert api.messages[-1]["subscriptionId"] == 1
    missing = {"subscriptionId": 1}
    assert error_of(await api.call("userDataStream.unsubscribe", missing)) == -2036
    await bob.order("buy 10 @ 0.9")
    await alice.order("buy 10 @ 0.9")
    await api.until(lambda: len(api.messages) == 5)
    assert [message["subscriptionId"] for message in api.messages[3:]] == [0, 0]
    await api.call("userDataStream.unsubscribe")
    await api.until(lambda: len(api.messages) == 6)
    assert (await api.call("session.subscriptions"))["result"] == []


async def test_listen_keys_live_as_over_rest(api: Socket, alice: Bot, bob: Bot) -> None:
    key = {"apiKey": alice.key}
    made = (await api.call("userDataStream.start", key))["result"]["listenKey"]
    assert len(made) == 60
    assert made.isalnum()
    assert (await alice.listen_key()).json() == {"listenKey": made}
    named = {"listenKey": made}
    assert (await api.call("userDataStream.ping", key | named))["result"] == {}
    others = {"apiKey": bob.key} | named
    assert error_of(await api.call("userDataStream.ping", others)) == -1125
    assert error_of(await api.call("userDataStream.stop", others)) == -1125
    assert (await api.call("userDataStream.stop", key | named))["result"] == {}
    assert error_of(await api.call("userDataStream.ping", key | named)) == -1125
    assert error_of(await api.call("userDataStream.ping", key)) == -1102


async def test_a_deleted_listen_key_ends_its_streams(alice: Bot, sockets: Keep) -> None:
    socket = await alice.follow()
    combined = await alice.follow(path="/stream?streams=")
    listen_key = (await alice.listen_key()).json()["listenKey"]
    assert (await alice.listen_key("PUT", listenKey=listen_key)).json() == {}
    await alice.order("buy 10 @ 0.9")
    await socket.until(lambda: len(socket.messages) == 2)
    assert (await alice.listen_key("DELETE", listenKey=listen_key)).json() == {}
    assert await socket.closed_with() == 1001
    assert await combined.closed_with() == 1001
    for each in (socket, combined):
        (expired,) = each.of("listenKeyExpired")
        assert expired["listenKey"] == listen_key
        assert each.events[-1] == expired
    answer = await alice.listen_key("PUT", listenKey=listen_key)
    assert (answer.status_code, answer.json()["code"]) == (400, -1125)
    assert (await alice.listen_key()).json()["listenKey"] != listen_key


async def test_a_listen_key_is_subscribed_to_like_a_stream(alice: Bot, sockets: Keep) -> None:
    listen_key = (await alice.listen_key()).json()["listenKey"]
    socket = sockets(await Socket.open(f"{alice.exchange.ws_url}/ws/0"))
    assert (await socket.call("SUBSCRIBE", [listen_key]))["result"] is None
    assert (await socket.call("LIST_SUBSCRIPTIONS"))["result"] == [listen_key]
    await alice.order("buy 10 @ 0.9")
    await socket.until(lambda: len(socket.events) == 2)
    assert (await socket.call("UNSUBSCRIBE", [listen_key]))["result"] is None
    await alice.order("buy 10 @ 0.9")
    assert (await socket.call("LIST_SUBSCRIPTIONS"))["result"] == []
    assert len(socket.events) == 2


async def test_a_revoked_key_ends_what_it_began(bots: list[Bot]) -> None:
    exchange = bots[0].exchange
    whose = ("--email", "stream-guest@example.com", "--scopes", "read")
    made = await asyncio.to_thread(exchange.manage, "create_api_key", *whose)
    guest = Bot(exchange, made.strip().splitlines()[-1])
    socket, by_key = await guest.subscribe(), await guest.follow()
    revoke = (
        "from accounts.models import ApiKey; from accounts.keys.tokens import revoke_key;"
        "from tests.actors import SYSTEM;"
        f"revoke_key(by=SYSTEM, key_id=ApiKey.objects.get(lookup='{guest.key}').pk)"
    )
    await asyncio.to_thread(exchange.manage, "shell", "-c", revoke)
    await socket.until(lambda: socket.of("eventStreamTerminated"))
    assert await by_key.closed_with() == 1001
    answer = await socket.call("userDataStream.subscribe.signature", guest.signed())
    assert error_of(answer, 401) == -2015
    await socket.end()
