"""Marked secrets go through every way in, with the log at its most talkative; none is in it."""

import json
import re
import secrets
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.exchange import Exchange
from tests.routes import compat_routes, django_paths, v1_edge_paths

# Letters only, so that nothing but its name says that it is secret.
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def canary() -> str:
    """Return a secret that looks like an ordinary word."""
    return "kanarie" + "".join(secrets.choice(LETTERS) for _ in range(13))


# Of the settings, and what each HMAC secret is sealed by.
SEALING_KEYS = tuple(canary() + canary() for _ in range(2))


@pytest.fixture(scope="module")
def talkative() -> Iterator[Exchange]:
    """An exchange with all its processes that logs all it can."""
    env = {
        "LOG_LEVEL": "DEBUG",
        "ZAVORA_SEALING_KEYS": ",".join(SEALING_KEYS),
        "EMAIL_URL": "dummymail://",  # a development exchange shows its mails in the log
    }
    with Exchange(demo=True, celery=True, extra_env=env) as exchange:
        yield exchange


def logs(exchange: Exchange) -> str:
    """Return what all processes and servers have written."""
    files = sorted(exchange.home.logs.iterdir())
    assert {file.stem for file in files} >= {
        *("web", "worker-0", "marketdata", "celery", "beat", "postgres", "valkey")
    }
    return "\n".join(file.read_text(errors="replace") for file in files)


def test_what_clients_send_is_in_no_log(talkative: Exchange) -> None:
    marked = canary()
    headers = {
        "Authorization": f"Bearer {marked}",
        "X-MBX-APIKEY": marked,
        "Cookie": f"sessionid={marked}; csrftoken={marked}",
        "X-CSRFToken": marked,
    }
    names = ("password", "token", "secret", "signature", "apiKey", "listenKey")
    fields = dict.fromkeys(names, marked)
    ways = [
        *v1_edge_paths(),
        *compat_routes(),
        *((method, path) for path in django_paths() for method in ("GET", "POST", "DELETE")),
        ("GET", "/no/such/page"),
        ("BREW", "/api/v1/orders"),
    ]
    with httpx.Client(base_url=talkative.base_url, timeout=30) as client:
        for method, path in ways:
            client.request(method, path, headers=headers, params=fields, json=fields)
            client.request(method, path, headers={"Cookie": headers["Cookie"]}, data=fields)
            client.request(method, path, content=f'{{"token": "{marked}", ')

    text = logs(talkative)
    assert "/api/v1/orders" in text  # it does tell what was asked
    assert len(ways) > 150
    assert marked not in text


def test_what_sockets_are_told_is_in_no_log(talkative: Exchange) -> None:
    from api.binance.ws_api.methods import OWN_METHODS, REST_METHODS
    from api.v1.socket.methods import METHODS

    marked = canary()
    fields = dict.fromkeys(("token", "password", "apiKey", "signature", "listenKey"), marked)
    for path, methods in (
        ("/ws", METHODS),
        ("/ws-api/v3", [*OWN_METHODS, *REST_METHODS]),
        (f"/ws/{marked}", ["SUBSCRIBE"]),
        (f"/stream?streams={marked}", ["SUBSCRIBE"]),
    ):
        for method in methods:
            try:
                with connect(talkative.ws_url + path, open_timeout=10) as socket:
                    socket.send(json.dumps({"id": "1", "method": method, "params": fields}))
                    socket.recv(timeout=10)
            except (WebSocketException, TimeoutError):
                pass  # it may well refuse

    assert marked not in logs(talkative)


def test_what_is_made_and_used_is_in_no_log(talkative: Exchange) -> None:
    token = talkative.create_token("canary@example.com", scopes="read,trade,withdraw")
    key = json.loads(talkative.manage("create_api_key", "--email", "canary@example.com", "--fund"))
    password, other = f"{canary()}-1", f"{canary()}-2"
    with httpx.Client(base_url=talkative.base_url, timeout=30) as client:
        for attempt in (password, other):  # the second finds the address taken
            client.get("/signup")
            form = {
                "email": "second.canary@example.com",
                "password": attempt,
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            }
            client.post("/signup", data=form)
            client.get("/login")
            login = {**form, "username": form["email"]}
            login["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
            client.post("/login", data=login)
        session = client.cookies.get("sessionid", "")
        listen_key = client.post(
            "/api/v3/userDataStream", headers={"X-MBX-APIKEY": key["key"]}
        ).json()["listenKey"]
        account = client.get("/api/v1/accounts", headers={"Authorization": f"Bearer {token}"})
        assert account.status_code == 200
        with connect(f"{talkative.ws_url}/ws/{listen_key}"):
            pass

    text = logs(talkative)
    for secret in (token, key["key"], key["secret"], password, other, session, listen_key):
        assert len(secret) > 15
        assert secret not in text


class Person(httpx.Client):
    """Somebody with a browser, who sends forms."""

    def send_form(self, page: str, path: str = "", **fields: str | list[str]) -> httpx.Response:
        """Open a page and send its form, with the token against foreign pages."""
        self.get(page)
        token = self.cookies.get("csrftoken", "")
        return self.post(path or page, data={**fields, "csrfmiddlewaretoken": token})


def test_what_people_do_is_in_no_log_even_where_it_fails(talkative: Exchange) -> None:
    email, password, wrong = f"{canary()}@example.com", f"{canary()}-1", f"{canary()}-2"
    address = f"bc1{canary()}"
    withdrawal = {"asset": "USD", "amount": "1", "address": address}
    with Person(base_url=talkative.base_url, timeout=30, follow_redirects=True) as person:
        person.send_form("/signup", email=email, password=password)
        person.send_form("/login", email=email, password=wrong)
        assert person.send_form("/login", email=email, password=password).status_code == 200
        key = {"label": "bot", "scopes": ["read", "withdraw"], "ip": "127.0.0.1"}
        page = person.send_form("/account/tokens", **key)
        (token,) = re.findall(r'id="new-token">([\w-]+)<', page.text)
        headers = {"Authorization": f"Bearer {token}"}
        accounts = person.get("/api/v1/accounts", headers=headers)
        (account,) = (one["id"] for one in accounts.json()["data"])
        path = f"/api/v1/accounts/{account}/withdraw"
        form = {"account": account, "key": "one"}
        person.send_form("/account", "/account/deposit", asset="USD", amount="9", **form)
        person.send_form("/account", "/account/withdraw", **form, **withdrawal)
        assert person.post(path, headers=headers, json=withdrawal).status_code == 200
        too_much = {**withdrawal, "amount": "1000000"}
        assert person.post(path, headers=headers, json=too_much).status_code == 400
        session = person.cookies["sessionid"]
        talkative.kill("postgres")
        try:
            for _ in range(2):
                person.post(path, headers=headers, json=withdrawal)
                person.post("/login", data={"email": email, "password": wrong})
                person.post("/account/withdraw", data={**form, **withdrawal})
        finally:
            talkative.restart("postgres")
        talkative.wait_until_healthy()
        device, csrf = person.cookies["device"], person.cookies["csrftoken"]
    talkative.manage("create_api_key", "--email", "canary@example.com")
    talkative.manage("rotate_keys", "--check")

    text = logs(talkative)
    assert "logged_in" in text
    assert "login_refused" in text
    settings = (*SEALING_KEYS, talkative.env["DATABASE_URL"], _secret_key(talkative))
    used = (password, wrong, token, session, device, csrf, address, email)
    for secret in (*used, *settings):
        assert len(secret) > 15
        assert secret not in text


def _secret_key(exchange: Exchange) -> str:
    return (exchange.home.path / "secrets" / "django_secret_key").read_text().strip()


def test_a_failed_statement_brings_no_value_into_the_servers_log(talkative: Exchange) -> None:
    marked = canary()
    not_null = "INSERT INTO accounts_user (password) VALUES (%s)"
    unique = (
        "INSERT INTO accounts_asset (code, name, scale, is_active, created_at)"
        " VALUES ('BTC', %s, 8, true, now())"
    )
    with psycopg.connect(talkative.env["DATABASE_URL"], autocommit=True) as connection:
        for statement in (not_null, unique):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(statement, [marked])
        with pytest.raises(psycopg.Error):  # the parameter stands in the statement's text
            connection.execute(f"SELECT no_such_function('{marked}')".encode())

    text = talkative.log("postgres")
    assert text.count("ERROR") >= 3  # that it failed is told
    assert marked not in text
