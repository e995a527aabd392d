"""Bots with keys of a running exchange, which sign their requests by hand."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.exchange import Exchange

SYMBOL = "BTCEUR"
ORDER = "/api/v3/order"
OPEN_ORDERS = "/api/v3/openOrders"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Bot(httpx.Client):
    """A client with one key. ``call`` signs; ``ok`` wants success, ``refused`` an error."""

    def __init__(self, exchange: Exchange, made: dict[str, str]) -> None:
        self.key, self.secret, self.account = made["key"], made["secret"], made["account"]
        super().__init__(base_url=exchange.base_url, headers={"X-MBX-APIKEY": self.key}, timeout=30)

    def signature(self, text: bytes) -> str:
        """Return the signature of a text by this key."""
        if not self.secret.startswith("-----BEGIN"):
            return hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
        private = load_pem_private_key(self.secret.encode(), None)
        if isinstance(private, Ed25519PrivateKey):
            made = private.sign(text)
        else:
            assert isinstance(private, RSAPrivateKey)
            made = private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(made).decode()

    def call(self, method: str, path: str, **params: Any) -> httpx.Response:
        """Send a signed request with its parameters in the query."""
        text = urlencode({"timestamp": now_ms(), **params})
        return self.send_raw(method, path, query=self.signed(text))

    def signed(self, text: str, covered: str | None = None) -> str:
        """Return a text with the signature of it (or of ``covered``) at its end."""
        signature = self.signature((text if covered is None else covered).encode())
        return f"{text}{'&' if text else ''}{urlencode({'signature': signature})}"

    def send_raw(
        self, method: str, path: str, *, query: str = "", body: str = "", **options: Any
    ) -> httpx.Response:
        """Send just these bytes."""
        headers = {"content-type": "application/x-www-form-urlencoded"} if body else {}
        headers |= options.pop("headers", {})
        url = httpx.URL(str(self.base_url).rstrip("/") + path, query=query.encode() or None)
        return self.request(method, url, content=body.encode() or None, headers=headers, **options)

    def ok(self, method: str, path: str, **params: Any) -> Any:
        """Return the body of an answer that must be a success."""
        response = self.call(method, path, **params)
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()

    def refused(self, method: str, path: str, **params: Any) -> tuple[int, str]:
        """Return code and message of an answer that must be a refusal with status 400."""
        response = self.call(method, path, **params)
        assert response.status_code == 400, (response.status_code, response.text)
        return error_of(response)

    def limit(self, side: str, price: str, quantity: str, **more: Any) -> Any:
        """Place a limit order."""
        terms = {"type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": quantity}
        return self.ok("POST", ORDER, **{"symbol": SYMBOL, "side": side, **terms, **more})

    def balances(self) -> dict[str, tuple[str, str]]:
        """Return (free, locked) by asset."""
        rows = self.ok("GET", "/api/v3/account")["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}

    def tidy_up(self, symbol: str = SYMBOL) -> None:
        """Cancel everything; nothing open is fine."""
        response = self.call("DELETE", OPEN_ORDERS, symbol=symbol)
        assert response.status_code == 200 or error_of(response)[0] == -2011, response.text


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return code and message of an error, which must have the published form."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-mbx-used-weight-1m"].isdigit()
    body = response.json()
    assert set(body) <= {"code", "msg", "data"}, body
    assert isinstance(body["code"], int), body
    assert isinstance(body["msg"], str), body
    return body["code"], body["msg"]


def new_key(exchange: Exchange, *options: str) -> dict[str, str]:
    """Return key, secret and account as the command prints them."""
    made: dict[str, str] = json.loads(
        exchange.manage("create_api_key", *options).strip().splitlines()[-1]
    )
    return made


@pytest.fixture(scope="session")
def ann(exchange: Exchange) -> Iterator[Bot]:
    """A bot with an HMAC key."""
    with Bot(exchange, new_key(exchange, "--email", "ann@example.com", "--fund")) as bot:
        yield bot


@pytest.fixture(scope="session")
def ben(exchange: Exchange) -> Iterator[Bot]:
    """Another person's bot, with an Ed25519 key."""
    options = ("--email", "ben@example.com", "--kind", "ed25519", "--fund")
    with Bot(exchange, new_key(exchange, *options)) as bot:
        yield bot


# What else a key may be, each by its name: ``create_api_key``'s arguments.
SPECIAL = """
import json
from accounts.people.selectors import find_user
from accounts.services import create_account, create_api_key
from tests.actors import SYSTEM
user = find_user("ann@example.com")
second = create_account(by=SYSTEM, owner_id=user.pk, label="Second").public_id
far = ["192.0.2.7", "2001:db8::1"]
kinds = {
    "hmac": {}, "ed25519": {"kind": "ed25519"}, "rsa": {"kind": "rsa"},
    "reader": {"scopes": ["read"]}, "trader": {"scopes": ["trade", "withdraw"]},
    "elsewhere": {"ip_allowed": far}, "here": {"ip_allowed": [*far, "127.0.0.1"]},
    "revoked": {}, "expiring": {}, "second": {},
}
made = {}
for name, options in kinds.items():
    options = {"kind": "hmac", "scopes": ["read", "trade"], **options}
    key = create_api_key(by=SYSTEM, user_id=user.pk, account_id=second, **options)
    made[name] = {"key": key.key, "secret": key.secret, "account": str(key.account_id)}
print(json.dumps(made))
"""


@pytest.fixture(scope="session")
def special(exchange: Exchange, ann: Bot) -> Iterator[Callable[[str], Bot]]:
    """Bots with keys of every kind for an account of Ann's that is empty."""
    made = json.loads(exchange.manage("shell", "-c", SPECIAL).strip().splitlines()[-1])
    with contextlib.ExitStack() as stack:
        bots = {name: stack.enter_context(Bot(exchange, keys)) for name, keys in made.items()}
        yield bots.__getitem__


# What other modules have left in the book, whose owners nobody here knows.
EMPTY = """
from accounts.models import Account
from matching.models import Order
from matching.services import freeze_account, unfreeze_account
from tests.actors import SYSTEM
still_open = Order.objects.filter(market__symbol="BTC/EUR", status__in=["new", "partially_filled"])
for account in Account.objects.filter(status="active", pk__in=still_open.values("account_id")):
    freeze_account(by=SYSTEM, account_id=account.public_id)
    unfreeze_account(by=SYSTEM, account_id=account.public_id)
print(still_open.count())
"""


@pytest.fixture(scope="module")
def empty_book(exchange: Exchange) -> None:
    """Let nobody's order be in BTC/EUR."""
    assert exchange.manage("shell", "-c", EMPTY).strip().splitlines()[-1] == "0"


@pytest.fixture
def book(empty_book: None, ann: Bot, ben: Bot) -> Iterator[None]:
    """An empty book of BTC/EUR, left as it was found."""
    yield
    for bot in (ann, ben):
        bot.tidy_up()
