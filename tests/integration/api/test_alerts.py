"""Price alerts through the API: set at a browser session, read by any credential, pushed to one."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import redis
from websockets.sync.client import connect
from websockets.typing import Origin

from marketdata.wire import ALERTS_CHANNEL, AlertState, encode
from tests.exchange import Exchange

PATH = "/api/v1/alerts"
PERSON = {"email": "alerted@example.com", "password": "correct horse battery staple"}
WISH = {"market": "BTC-EUR", "condition": "FallsTo", "price": "0.5"}
WAIT_S = 20


@pytest.fixture(scope="module")
def browser(exchange: Exchange) -> Iterator[httpx.Client]:
    """Somebody who signed up and logged in."""
    with httpx.Client(base_url=exchange.base_url, timeout=30) as http:
        for path in ("/signup", "/login"):
            http.get(path)
            form = {**PERSON, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
            assert http.post(path, data=form).status_code == 302
        http.headers["X-CSRFToken"] = http.cookies["csrftoken"]
        yield http


def refused(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_an_alert_is_set_changed_read_with_a_token_and_removed(browser: httpx.Client) -> None:
    made = browser.post(PATH, json={**WISH, "note": "low"}).json()["data"]
    assert {name: made[name] for name in ("market", "condition", "price", "state", "note")} == {
        "market": "BTC/EUR", "condition": "FallsTo", "price": "0.50", "state": "Armed",
        "note": "low",
    }  # fmt: skip
    assert (made["by_page"], made["by_mail"], made["told_count"], made["told_at"]) == (
        True, False, 0, None,
    )  # fmt: skip
    one = f"{PATH}/{made['id']}"
    changed = browser.patch(one, json={"price": 0.25, "repeats": True, "note": ""}).json()["data"]
    assert (changed["price"], changed["repeats"], changed["note"]) == ("0.25", True, "")
    listed = browser.get(PATH)
    assert listed.headers["cache-control"] == "no-store"
    assert listed.json()["data"] == [changed]

    token = browser.post("/api/v1/keys", json={"scopes": ["read", "trade"]}).json()["data"]
    headers = {"Authorization": f"Bearer {token['secret']}"}
    with httpx.Client(base_url=browser.base_url, headers=headers, timeout=30) as bot:
        assert bot.get(PATH).json()["data"] == [changed]
        assert refused(bot.post(PATH, json=WISH), 403)["code"] == "forbidden"
        assert refused(bot.delete(one), 403)["code"] == "forbidden"
    assert browser.delete(one).json()["data"] == changed
    assert refused(browser.delete(one), 404)["code"] == "not_found"
    assert browser.get(PATH).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["market", "condition", "price"]),
        ({**WISH, "condition": "Touches"}, ["condition"]),
        ({**WISH, "price": "0"}, ["price"]),
        ({**WISH, "price": "0.001"}, ["price"]),
        ({**WISH, "price": [1]}, ["price"]),
        ({**WISH, "note": "x" * 101}, ["note"]),
        ({**WISH, "repeats": 1}, ["repeats"]),
        ({**WISH, "by_page": False}, ["by_page"]),
        ({**WISH, "by_mail": True}, ["by_mail"]),
        ({**WISH, "more": 1}, ["more"]),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_set(
    browser: httpx.Client, body: Any, fields: list[str]
) -> None:
    error = refused(browser.post(PATH, json=body), 422)
    assert (error["code"], list(error["details"])) == ("validation_error", fields)
    assert browser.get(PATH).json()["data"] == []


def test_what_is_not_there_is_not_found(browser: httpx.Client) -> None:
    error = refused(browser.post(PATH, json={**WISH, "market": "BTC/DOGE"}), 404)
    assert error["code"] == "market_not_found"
    for path in (f"{PATH}/1000000", f"{PATH}/odd"):
        assert refused(browser.patch(path, json={"note": "x"}), 404)["code"] == "not_found"


def test_the_page_of_its_owner_hears_of_an_alert_and_nobody_elses(
    exchange: Exchange, browser: httpx.Client
) -> None:
    with psycopg.connect(exchange.database_url) as tables:
        row = tables.execute("SELECT id FROM accounts_user WHERE email = %s", [PERSON["email"]])
        (user_id,) = row.fetchone() or (0,)
    headers = {"Cookie": f"sessionid={browser.cookies['sessionid']}"}
    url = f"{exchange.ws_url}/ws"
    origin = Origin(exchange.base_url)
    with connect(url, additional_headers=headers, origin=origin) as socket:
        for method, params in (("authenticate", {}), ("subscribe", {"channel": "alerts"})):
            socket.send(json.dumps({"id": method, "method": method, "params": params}))
            answer = json.loads(socket.recv(timeout=WAIT_S))
            assert answer["id"] == method, answer
        assert answer["result"]["subscriptionId"] == "alerts:*"

        state = AlertState(
            7, user_id, "BTC/EUR", "rises_to", "1.00", "", False, True, False, "told", 1, "1.01",
            1_760_000_000_000_000, 1_750_000_000_000_000,
        )  # fmt: skip
        others = AlertState(8, user_id + 1, *encode_rest(state))
        with redis.Redis.from_url(exchange.redis_url, socket_timeout=5) as queue:
            queue.publish(ALERTS_CHANNEL, encode([others, state]))
        push = json.loads(socket.recv(timeout=WAIT_S))
    assert (push["method"], push["params"]["market"]) == ("alerts", "BTC/EUR")
    told = push["params"]["data"]
    assert (told["id"], told["state"], told["told_price"]) == ("7", "Told", "1.01")
    assert told["told_at"] == "2025-10-09T08:53:20.000000Z"


def encode_rest(state: AlertState) -> list[Any]:
    """Return what follows an alert's and its owner's id."""
    return [getattr(state, name) for name in state.__struct_fields__[2:]]
