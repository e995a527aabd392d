"""The running exchange: idempotency, paging, sessions, credentials."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psycopg
import pytest

from api.transport.django_threads import THREADS_MAX
from tests.exchange import wait_until
from tests.integration.api.conftest import Client, order, table_state
from tests.integration.binance.rest.conftest import empty_book as empty_book

pytestmark = pytest.mark.usefixtures("clean_book")


def test_a_repeat_with_the_same_key_gets_the_first_answer(alice, exchange):
    account = alice.new_account(EUR="1000")
    body = order(account, "buy", "10", "1", client_order_id=f"c-{uuid4()}")
    first = alice.data("POST", "/orders", json=body)
    before = table_state(exchange)

    again = alice.data("POST", "/orders", json=body)
    spelled = alice.data("POST", "/orders", json=body | {"price": "10.00", "side": "BUY"})
    other = alice.post("/orders", json=body | {"price": "11"})

    assert again == first == spelled
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    assert table_state(exchange) == before


def test_a_repeat_of_a_refusal_is_the_same_refusal(alice, exchange):
    account = alice.new_account(EUR="5")
    body = order(account, "buy", "10", "1", client_order_id=f"c-{uuid4()}")
    first = alice.post("/orders", json=body)
    alice.data("POST", f"/accounts/{account}/deposit", json={"asset": "EUR", "amount": "100"})

    again = alice.post("/orders", json=body)

    assert (first.status_code, first.json()["error"]["code"]) == (400, "insufficient_balance")
    assert again.json()["error"] == first.json()["error"]


def test_a_header_key_is_another_than_a_client_order_id(alice):
    account = alice.new_account(EUR="1000")
    key = f"k-{uuid4()}"
    with_id = alice.data(
        "POST", "/orders", json=order(account, "buy", "10", "1", client_order_id=key)
    )

    body = order(account, "buy", "11", "1")
    first = alice.data("POST", "/orders", json=body, headers={"Idempotency-Key": key})
    again = alice.data("POST", "/orders", json=body, headers={"Idempotency-Key": key})

    assert first == again
    assert first["order"]["id"] != with_id["order"]["id"]


def test_a_cancellation_with_a_key_can_be_repeated(alice):
    account = alice.new_account(EUR="1000")
    order_id = alice.data("POST", "/orders", json=order(account, "buy", "10", "1"))["order"]["id"]
    headers = {"Idempotency-Key": f"x-{uuid4()}"}

    first = alice.data("DELETE", f"/orders/{order_id}", headers=headers)

    assert first["status"] == "Cancelled"
    assert alice.data("DELETE", f"/orders/{order_id}", headers=headers) == first
    assert alice.delete(f"/orders/{order_id}").status_code == 409


def test_a_deposit_with_a_key_counts_once(alice):
    account = alice.new_account()
    path, headers = f"/accounts/{account}/deposit", {"Idempotency-Key": f"d-{uuid4()}"}
    for _ in range(3):
        alice.data("POST", path, json={"asset": "EUR", "amount": 5}, headers=headers)

    other = alice.post(path, json={"asset": "EUR", "amount": 6}, headers=headers)

    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    assert alice.balances(account) == {"EUR": ("5.00000000", "0.00000000", "5.00000000")}


def test_a_withdrawal_answers_with_balance_and_state(alice):
    account = alice.new_account(EUR="5")
    path, headers = f"/accounts/{account}/withdraw", {"Idempotency-Key": f"w-{uuid4()}"}
    body = {"asset": "EUR", "amount": "1.5", "address": "somewhere"}

    first = alice.data("POST", path, json=body, headers=headers)

    assert (first["total"], first["withdrawal"]["state"]) == ("3.50000000", "Settled")
    assert alice.data("POST", path, json=body, headers=headers) == first
    kinds = [entry["kind"] for entry in alice.data("GET", f"/accounts/{account}/ledger")]
    assert kinds == ["Withdrawal", "Deposit"]


def test_an_account_opens_without_a_body(alice):
    assert alice.data("POST", "/accounts")["status"] == "Active"


def test_batch_items_have_keys_of_their_own(alice, exchange):
    account = alice.new_account(EUR="1000")
    items = [order(account, "buy", price, "1") for price in ("10", "11", "12")]
    headers = {"Idempotency-Key": f"b-{uuid4()}"}
    first = alice.data("POST", "/orders/batch", json=items, headers=headers)
    before = table_state(exchange)

    assert alice.data("POST", "/orders/batch", json=items, headers=headers) == first
    assert [item["order"]["price"] for item in first] == ["10.00", "11.00", "12.00"]
    assert table_state(exchange) == before


def test_a_trailing_slash_means_nothing(alice):
    account = alice.new_account(EUR="1000")
    placed = alice.data("POST", "/orders/", json=order(account, "buy", "10", "1"))
    order_id = placed["order"]["id"]

    assert alice.data("GET", f"/orders/{order_id}/")["id"] == order_id
    assert alice.data("DELETE", f"/orders/{order_id}/")["status"] == "Cancelled"
    assert alice.data("POST", "/accounts/", json={})["label"] == ""
    assert alice.data("GET", f"/accounts/{account}/balances/")


def test_an_order_lives_and_ends(alice):
    account = alice.new_account(EUR="1000")
    order_id = alice.data("POST", "/orders", json=order(account, "buy", "10", "2"))["order"]["id"]

    smaller = alice.data("PATCH", f"/orders/{order_id}", json={"quantity": 1})["order"]
    cancelled = alice.data("POST", f"/orders/{order_id}")
    again = alice.delete(f"/orders/{order_id}")
    amended = alice.patch(f"/orders/{order_id}", json={"price": 11})

    assert (smaller["quantity"].rstrip("0"), smaller["status"]) == ("1.", "New")
    assert (cancelled["status"], cancelled["reason"]) == ("Cancelled", "requested")
    assert alice.data("GET", f"/orders/{order_id}") == cancelled
    for late in (again, amended):
        assert (late.status_code, late.json()["error"]["code"]) == (409, "order_not_open")
    assert alice.balances(account)["EUR"] == ("1000.00000000", "0.00000000", "1000.00000000")


def test_orders_are_listed_newest_first_in_pages(alice):
    account = alice.new_account(EUR="10000")
    placed = [
        alice.data("POST", "/orders", json=order(account, "buy", str(price), "1"))["order"]["id"]
        for price in range(10, 17)
    ]
    alice.data("DELETE", f"/orders/{placed[0]}")
    path = f"/accounts/{account}/orders"

    seen, cursor = [], None
    while True:
        page = alice.get(path, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["meta"]["next"]
        if cursor is None:
            break
    open_ids = [one["id"] for one in alice.data("GET", f"{path}?status=open&market=BTC-EUR")]
    cancelled = [one["id"] for one in alice.data("GET", f"{path}?status=Filled,cancelled")]

    assert seen == placed[::-1]
    assert open_ids == placed[:0:-1]
    assert cancelled == placed[:1]
    assert alice.data("GET", f"{path}?market=BTC/USD") == []


def test_trades_page_by_their_ids(alice, bob, empty_book):
    buyer, seller = alice.new_account(EUR="1000"), bob.new_account(BTC="5")
    bob.data("POST", "/orders", json=order(seller, "sell", "10", "5"))
    for _ in range(5):
        alice.data("POST", "/orders", json=order(buyer, "buy", "10", "1"))

    first = alice.get("/markets/BTC-EUR/trades?limit=2").json()
    cursor = first["meta"]["next"]
    second = alice.get(f"/markets/BTC-EUR/trades?limit=2&cursor={cursor}").json()
    ids = [int(one["id"]) for page in (first, second) for one in page["data"]["trades"]]
    fills = alice.data("GET", f"/accounts/{buyer}/trades?limit=5")

    assert ids == list(range(ids[0], ids[0] - 4, -1))
    assert [int(fill["id"]) for fill in fills] == list(range(ids[0], ids[0] - 5, -1))
    assert {fill["liquidity"] for fill in fills} == {"Taker"}


def test_one_spelling_is_as_good_as_another(alice):
    answers = [
        alice.data("GET", f"/markets/{symbol}/order-book")
        for symbol in ("BTC/EUR", "BTC%2FEUR", "BTC-EUR")
    ]

    assert answers[0] == answers[1] == answers[2]
    assert alice.head("/markets/BTC-EUR/ticker").content == b""
    assert alice.options("/orders").headers["allow"] == "POST, OPTIONS"


def test_the_request_id_is_the_callers_where_it_is_a_uuid(alice):
    mine = str(uuid4())

    assert alice.get("/markets", headers={"X-Request-ID": mine}).headers["x-request-id"] == mine
    other = alice.get("/nothing", headers={"X-Request-ID": "x"})
    assert other.headers["x-request-id"] == other.json()["request_id"] != "x"


def test_scopes_bound_what_a_token_does(exchange):
    with Client(exchange, "reader@example.com", scopes="read") as reader:
        account = reader.data("GET", "/accounts")[0]["id"]
        for method, path, body in (
            ("POST", "/orders", order(account, "buy", "10", "1")),
            ("DELETE", "/orders/1", None),
            ("POST", "/accounts", {}),
            ("POST", f"/accounts/{account}/withdraw", {"asset": "EUR", "amount": "1"}),
        ):
            response = reader.request(method, path, json=body)
            assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")


def test_a_new_account_can_trade_at_once(alice):
    alice.data("GET", "/accounts")
    for _ in range(5):
        account = alice.data("POST", "/accounts", json={})["id"]
        response = alice.post("/orders", json=order(account, "buy", "10", "1"))
        assert response.json()["error"]["code"] == "insufficient_balance"


def test_a_revoked_token_ends_within_a_second(exchange):
    with Client(exchange, "leaver@example.com") as leaver:
        account = leaver.new_account(EUR="100")
        placed = leaver.data("POST", "/orders", json=order(account, "buy", "10", "1"))
        path = f"/orders/{placed['order']['id']}"
        assert leaver.delete(path).status_code == 200  # and leaves nothing in the book
        exchange.manage(
            "shell",
            "-c",
            "from accounts.access.selectors import find_caller_by_token as f;"
            "from accounts.services import revoke_key; from tests.actors import SYSTEM;"
            f"revoke_key(by=SYSTEM, key_id=f('{leaver.token}').key_id)",
        )
        revoked_at = time.monotonic()

        wait_until(
            lambda: leaver.get("/orders/1").status_code == 401,
            timeout_s=2,
            what="the end of a token",
        )
        assert time.monotonic() - revoked_at < 1
        assert leaver.post("/orders", json=order(account, "buy", "10", "1")).status_code == 401


def test_views_keep_their_database_connections(alice, exchange):
    account = alice.new_account()

    def sessions_so_far() -> int:
        with psycopg.connect(exchange.database_url) as connection:
            query = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
            row = connection.execute(query).fetchone()
        return row[0] if row else 0

    before = sessions_so_far()
    with ThreadPoolExecutor(16) as threads:
        paths = [f"/accounts/{account}/balances"] * 100
        statuses = {one.status_code for one in threads.map(alice.get, paths)}

    assert statuses == {200}
    # A thread's first, or an aged one that is made anew; not one for each request.
    assert sessions_so_far() - before <= 3 * THREADS_MAX


def test_who_was_answered_finds_the_order_in_the_book(alice):
    """Answers and events come to the web process by different ways."""
    account = alice.new_account(EUR="1000000")
    for number in range(100):
        price = f"{100 + number}.00"
        alice.data("POST", "/orders", json=order(account, "buy", price, "0.1"))
        book = alice.data("GET", "/markets/BTC-EUR/order-book?depth=1")
        assert book["bids"][0][0] == price


# --- browsers ---------------------------------------------------------------------------------


@pytest.fixture
def browser(exchange):
    """A person who signed up on the page and logged in."""
    with httpx.Client(base_url=exchange.base_url, follow_redirects=True, timeout=30) as client:
        # One that is nothing like the address: a random one now and then is.
        form = {"email": f"{uuid4()}@example.com", "password": "correct horse battery"}
        for path in ("/signup", "/login"):
            page = client.get(path)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            form["csrfmiddlewaretoken"] = token[1] if token else ""
            client.post(path, data=form, headers={"Referer": f"{exchange.base_url}{path}"})
        assert "sessionid" in client.cookies
        yield client


def test_a_session_orders_with_its_csrf_token_only(browser, exchange):
    api = "/api/v1"
    account = browser.get(f"{api}/accounts").json()["data"][0]["id"]
    origin = {"Origin": exchange.base_url}
    token = {"X-CSRFToken": browser.cookies["csrftoken"]}
    money = {"asset": "EUR", "amount": "100"}
    body = order(account, "buy", "10", "1")

    for headers in (
        {},
        origin,
        {"Origin": "http://evil.example"} | token,
        {"X-CSRFToken": "x" * 32},
    ):
        for path, content in (
            (f"{api}/accounts/{account}/deposit", money),
            (f"{api}/orders", body),
        ):
            response = browser.post(path, json=content, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
    deposit = browser.post(f"{api}/accounts/{account}/deposit", json=money, headers=origin | token)
    placed = browser.post(f"{api}/orders", json=body, headers=origin | token)

    assert (deposit.status_code, placed.status_code) == (200, 200)
    order_id = placed.json()["data"]["order"]["id"]
    assert browser.delete(f"{api}/orders/{order_id}", headers=origin).status_code == 403
    assert browser.delete(f"{api}/orders/{order_id}", headers=origin | token).status_code == 200


def test_a_logged_out_session_is_worth_nothing(browser, exchange):
    session = browser.cookies["sessionid"]
    assert browser.get("/api/v1/orders/1").status_code == 404
    token = browser.cookies["csrftoken"]
    browser.post(
        "/logout", data={"csrfmiddlewaretoken": token}, headers={"Origin": exchange.base_url}
    )

    def is_out() -> bool:
        url = f"{exchange.base_url}/api/v1/orders/1"
        return httpx.get(url, headers={"Cookie": f"sessionid={session}"}).status_code == 401

    wait_until(is_out, timeout_s=1.5, what="the end of a session")
