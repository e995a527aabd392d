"""v1 takes signed keys beside tokens: what is refused, by which word, and nothing comes twice."""

import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from tests.exchange import HOST, Exchange, wait_until
from tests.integration.api.conftest import order
from tests.integration.api.test_servers import answers
from tests.signed import SigningKey, let_memory_be_old, now_text
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import web

ACCOUNTS = "/api/v1/accounts"
ORDERS = "/api/v1/orders"
CANCEL = "/api/v1/orders/cancel-all"
MAKE = """
import json
from decimal import Decimal
from accounts.services import create_account, create_api_key, ensure_user, deposit
from tests.actors import SYSTEM
user = ensure_user(by=SYSTEM, email="signer@example.com")
account = user.accounts.get().public_id
create_account(by=SYSTEM, owner_id=user.pk, label="Second")
deposit(by=SYSTEM, account_id=account, asset="EUR", amount=Decimal(1000), source="bank")
kinds = {
    "hmac": {}, "ed25519": {}, "rsa": {}, "other": {"kind": "hmac"}, "used": {"kind": "hmac"},
    "reader": {"kind": "hmac", "scopes": ["read"]},
    "elsewhere": {"kind": "hmac", "ip_allowed": ["192.0.2.7"]},
}
made = {"account": str(account)}
for name, options in kinds.items():
    options = {"kind": name, "scopes": ["read", "trade", "withdraw"], **options}
    key = create_api_key(by=SYSTEM, user_id=user.pk, account_id=account, label=name, **options)
    made[name] = (key.key, key.secret)
print(json.dumps(made))
"""


@dataclasses.dataclass
class Signers:
    """Keys of one account by their names, and a client without any credential."""

    account: str
    keys: dict[str, SigningKey]
    http: httpx.Client

    def send(
        self,
        key: str,
        method: str,
        target: str,
        body: Any = None,
        /,
        *,
        http: httpx.Client | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Send a request that a key signed; ``more`` is what is signed in place of what is sent."""
        content = b"" if body is None else json.dumps(body).encode()
        clock = {name: more.pop(name) for name in ("timestamp", "window") if name in more}
        signed = {"method": method, "target": target, "body": content, **more}
        headers = self.keys[key].headers(**signed, **clock)
        return self.post(method, target, content, headers, http=http)

    def post(
        self, method: str, target: str, content: bytes, headers: Any, *, http: Any = None
    ) -> httpx.Response:
        """Send a request with these headers, as it is."""
        kind = {"Content-Type": "application/json"} if content else {}
        return (http or self.http).request(
            method, target, content=content, headers={**headers, **kind}
        )


@pytest.fixture(scope="module")
def signers(exchange: Exchange) -> Iterator[Signers]:
    made = json.loads(exchange.manage("shell", "-c", MAKE).strip().splitlines()[-1])
    account = made.pop("account")
    let_memory_be_old(exchange.redis_url)
    keys = {name: SigningKey(*pair) for name, pair in made.items()}
    with httpx.Client(base_url=exchange.base_url, timeout=30) as http:
        yield Signers(account, keys, http)
        Signers(account, keys, http).send("hmac", "POST", CANCEL, {"account": account})


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and reason."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("details", {}).get("reason", "")


# The edge answers one, Django the other.
READS = (f"{ORDERS}/1", ACCOUNTS)
UNAUTHORIZED = (401, "unauthorized")


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_a_signed_request_is_let_in(signers: Signers, kind: str) -> None:
    (account,) = signers.send(kind, "GET", ACCOUNTS).json()["data"]
    assert account["id"] == signers.account
    body = order(signers.account, "buy", "10", "1")
    placed = signers.send(kind, "POST", ORDERS, body).json()["data"]["order"]
    target = f"{ACCOUNTS}/{signers.account}/orders?status=Open&limit=5"
    assert placed["id"] in [row["id"] for row in signers.send(kind, "GET", target).json()["data"]]
    slash = f"{ORDERS}/{placed['id']}/"
    assert signers.send(kind, "DELETE", slash).json()["data"]["status"] == "Cancelled"
    milliseconds = str(time.time_ns() // 1_000_000)
    assert signers.send(kind, "GET", ACCOUNTS, timestamp=milliseconds).status_code == 200


@pytest.mark.parametrize("target", READS)
def test_what_was_altered_is_refused(signers: Signers, target: str) -> None:
    wrong = (*UNAUTHORIZED, "bad_signature")
    query = f"{target}?limit=1"
    post = ORDERS if target != ACCOUNTS else f"{ACCOUNTS}/{signers.account}/deposit"
    body = {"asset": "EUR", "amount": "1"}
    altered = (
        signers.send("hmac", "GET", query, target=target),
        signers.send("hmac", "GET", query, target=f"{target}?limit=2"),
        signers.send("hmac", "GET", target, target=f"{target}/"),
        signers.send("hmac", "GET", target, target="/api/v3/account"),
        signers.send("hmac", "GET", target, method="DELETE"),
        signers.send("hmac", "POST", post, body, body=b'{"asset": "EUR", "amount": "2"}'),
        signers.send("hmac", "POST", post, body, body=b""),
        signers.send("hmac", "POST", post, body, method="post"),
    )
    assert [refusal(answer) for answer in altered] == [wrong] * len(altered)
    headers = signers.keys["hmac"].headers("GET", target)
    for changed in (
        {"Zavora-Timestamp": now_text(1)},
        {"Zavora-Window": "60000"},
        {"Zavora-Key": signers.keys["other"].name},
        {"Zavora-Signature": "0" * 64},
        {"Zavora-Signature": signers.keys["other"].headers("GET", target)["Zavora-Signature"]},
    ):
        answer = signers.post("GET", target, b"", {**headers, **changed})
        assert refusal(answer) == wrong, changed


@pytest.mark.parametrize("target", READS)
@pytest.mark.parametrize(
    ("ahead_ms", "window", "is_in"),
    [
        (-6_500, None, False),
        (-3_000, None, True),
        (-6_500, "10000", True),
        (-62_000, "60000", False),
        (-500, "100", False),
        (+5_000, "60000", False),
        (+300, None, True),
    ],
)
def test_a_signature_is_good_for_its_window(
    signers: Signers, target: str, ahead_ms: int, window: str | None, is_in: bool
) -> None:
    answer = signers.send("hmac", "GET", target, timestamp=now_text(ahead_ms), window=window)
    if is_in:
        assert answer.status_code in (200, 404), answer.text
    else:
        assert refusal(answer) == (*UNAUTHORIZED, "outside_window")


@pytest.mark.parametrize("target", READS)
def test_who_may_not_is_told_why(signers: Signers, target: str) -> None:
    stranger = SigningKey("x" * 64, "secret")
    answer = signers.post("GET", target, b"", stranger.headers("GET", target))
    assert refusal(answer) == (*UNAUTHORIZED, "unknown_key")
    assert refusal(signers.send("elsewhere", "GET", target)) == (403, "forbidden", "")
    body = order(signers.account, "buy", "10", "1")
    assert refusal(signers.send("reader", "POST", ORDERS, body)) == (403, "forbidden", "")
    both = {**signers.keys["hmac"].headers("GET", target), "Authorization": "Bearer zvr_x"}
    answer = signers.post("GET", target, b"", both)
    assert refusal(answer) == (*UNAUTHORIZED, "two_credentials")


@pytest.mark.parametrize("target", READS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Zavora-Key", None),
        ("Zavora-Key", "short"),
        ("Zavora-Timestamp", None),
        ("Zavora-Timestamp", "1700000000"),
        ("Zavora-Timestamp", "-700000000000"),
        ("Zavora-Timestamp", "now"),
        ("Zavora-Signature", None),
        ("Zavora-Signature", "!"),
        ("Zavora-Signature", "a" * 1_369),
        ("Zavora-Window", "0"),
        ("Zavora-Window", "60001"),
        ("Zavora-Window", "5e3"),
    ],
)
def test_a_header_that_cannot_be_read_is_named(
    signers: Signers, target: str, name: str, value: str | None
) -> None:
    headers = signers.keys["hmac"].headers("GET", target)
    headers = {key: text for key, text in {**headers, name: value}.items() if text is not None}
    answer = signers.post("GET", target, b"", headers)
    assert answer.status_code == 422, answer.text
    assert set(answer.json()["error"]["details"]) == {name}


# --- replays --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second_web(exchange: Exchange) -> Iterator[httpx.Client]:
    """Another web process of the same exchange."""
    port = free_port()
    spec = web({**exchange.env, "PORT": str(port)}, port=port, server="uvicorn")
    name = exchange.launch(dataclasses.replace(spec, name="web-second"))
    url = f"http://{HOST}:{port}"
    wait_until(lambda: answers(url), timeout_s=60, what="the second web process")
    with httpx.Client(base_url=url, timeout=30) as http:
        yield http
    exchange.kill(name)


REPLAYED = (*UNAUTHORIZED, "replayed")


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
def test_what_was_sent_once_is_refused_by_every_process(
    signers: Signers, second_web: httpx.Client, kind: str
) -> None:
    body = json.dumps({"asset": "EUR", "amount": "1"}).encode()
    deposit = f"{ACCOUNTS}/{signers.account}/deposit"
    place = json.dumps(order(signers.account, "buy", "10", "1")).encode()
    for method, target, content in (
        ("GET", ACCOUNTS, b""),
        ("POST", deposit, body),
        ("POST", ORDERS, place),
    ):
        headers = signers.keys[kind].headers(method, target, content)
        first = signers.post(method, target, content, headers)
        assert first.status_code == 200, first.text
        for http in (signers.http, second_web):
            # The letter case of hex does not make another request of it.
            for spelled in (str, str.upper) if kind == "hmac" else (str,):
                again = {**headers, "Zavora-Signature": spelled(headers["Zavora-Signature"])}
                answer = signers.post(method, target, content, again, http=http)
                assert refusal(answer) == REPLAYED


def test_of_many_that_come_at_once_to_two_processes_one_counts(
    signers: Signers, second_web: httpx.Client
) -> None:
    """What lets two in where nobody shares the marks is ``tests/unit/api/test_replays.py``."""
    target = f"{ACCOUNTS}/{signers.account}/deposit"
    body = b'{"asset": "EUR", "amount": "1"}'
    balances = f"{ACCOUNTS}/{signers.account}/balances"

    def total() -> float:
        (row,) = signers.send("hmac", "GET", balances).json()["data"]
        return float(row["total"])

    for _ in range(5):
        before = total()
        headers = signers.keys["hmac"].headers("POST", target, body)

        def send(http: httpx.Client, headers: Any = headers) -> int:
            return signers.post("POST", target, body, headers, http=http).status_code

        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(send, [signers.http, second_web] * 4))

        assert sorted(statuses) == [200] + [401] * 7
        assert total() == before + 1


def test_a_server_that_lost_its_memory_lets_nothing_old_in(
    signers: Signers, second_web: httpx.Client, exchange: Exchange
) -> None:
    headers = signers.keys["hmac"].headers("GET", ACCOUNTS)
    assert signers.post("GET", ACCOUNTS, b"", headers).status_code == 200
    with redis.Redis.from_url(exchange.redis_url) as server:
        server.delete(*server.keys("{signed}:*"))

    # The other process never saw it, and the server has forgotten.
    answer = signers.post("GET", ACCOUNTS, b"", headers, http=second_web)

    assert refusal(answer) == (*UNAUTHORIZED, "too_old")
    let_memory_be_old(exchange.redis_url)
    assert signers.send("hmac", "GET", ACCOUNTS, http=second_web).status_code == 200


def test_marks_expire_by_themselves(signers: Signers, exchange: Exchange) -> None:
    assert signers.send("hmac", "GET", ACCOUNTS).status_code == 200
    with redis.Redis.from_url(exchange.redis_url) as server:
        names = [name for name in server.keys("{signed}:*") if not name.endswith(b"since")]
        assert names
        assert all(0 < server.pttl(name) <= 75_000 for name in names)


# --- last use -------------------------------------------------------------------------------------


def test_the_last_use_of_a_key_is_told(signers: Signers) -> None:
    def last_use() -> Any:
        rows = signers.send("hmac", "GET", "/api/v1/keys").json()["data"]
        (row,) = [row for row in rows if row["name"] == "used"]
        return row["last_used_at"] and (row["last_used_at"][:4], row["last_used_from"])

    assert last_use() is None
    refused = signers.send("used", "GET", ACCOUNTS, target="/")
    assert refused.status_code == 401
    assert signers.send("used", "GET", f"{ORDERS}/1").status_code == 404

    told = wait_until(last_use, timeout_s=10, what="the last use")

    assert told == (time.strftime("%Y", time.gmtime()), "127.0.0.1")
