"""Keys through the API: everybody lists their own, a browser session makes and revokes them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.exchange import Exchange
from tests.signed import SigningKey, let_memory_be_old
from tests.signed_up import signed_up

PATH = "/api/v1/keys"


@pytest.fixture(scope="module")
def browser(exchange: Exchange) -> Iterator[httpx.Client]:
    """Somebody who signed up and logged in."""
    let_memory_be_old(exchange.redis_url)
    with signed_up(exchange, "keeper@example.com") as http:
        yield http


def made(browser: httpx.Client, **body: Any) -> Any:
    answer = browser.post(PATH, json={"scopes": ["read"], **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["data"]


def ids_of(browser: httpx.Client) -> list[str]:
    return [row["id"] for row in browser.get(PATH).json()["data"]]


def test_a_key_is_made_used_listed_and_revoked(exchange: Exchange, browser: httpx.Client) -> None:
    account = browser.get("/api/v1/accounts").json()["data"][0]["id"]
    new = made(
        browser,
        name="bot",
        kind="HMAC",
        scopes=["withdraw", "read"],
        account=account,
        markets=["ETH/EUR", "BTC/EUR", "ETH/EUR"],
        addresses=["127.0.0.1", "2001:DB8::1"],
        expires_at="2099-01-01T00:00:00Z",
    )
    secret, key = new["secret"], new["key"]
    assert key | {"id": "", "key": "", "created_at": ""} == {
        "id": "", "name": "bot", "kind": "HMAC", "key": "", "scopes": ["read", "withdraw"],
        "account_id": account, "markets": ["BTC/EUR", "ETH/EUR"],
        "addresses": ["127.0.0.1", "2001:db8::1"],
        "expires_at": "2099-01-01T00:00:00.000000Z", "revoked_at": None, "created_at": "",
        "last_used_at": None, "last_used_from": None,
    }  # fmt: skip
    signer = SigningKey(key["key"], secret)
    with httpx.Client(base_url=exchange.base_url, timeout=30) as http:
        listed = http.get(PATH, headers=signer.headers("GET", PATH))
        assert [row["id"] for row in listed.json()["data"]] == [key["id"]]
        assert secret not in listed.text
        edge = "/api/v1/orders/1"
        assert http.get(edge, headers=signer.headers("GET", edge)).status_code == 404

        ended = browser.delete(f"{PATH}/{key['id']}")
        assert ended.json()["data"]["revoked_at"] is not None
        assert browser.delete(f"{PATH}/{key['id']}").status_code == 200
        for path in (PATH, edge):
            assert http.get(path, headers=signer.headers("GET", path)).status_code == 401
    assert key["id"] not in ids_of(browser)


def test_a_pair_of_ones_own_and_a_token(exchange: Exchange, browser: httpx.Client) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pair = made(browser, kind="ed25519", public_key=public.decode())
    token = made(browser)

    assert pair["secret"] is None
    assert (token["key"]["kind"], token["key"]["key"]) == ("Bearer", None)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signed = SigningKey(pair["key"]["key"], secret).headers("GET", PATH)
    bearer = {"Authorization": f"Bearer {token['secret']}"}
    with httpx.Client(base_url=exchange.base_url, timeout=30) as http:
        for headers in (signed, bearer):
            page = http.get(PATH, headers=headers, params=None)
            assert {pair["key"]["id"], token["key"]["id"]} <= {
                row["id"] for row in page.json()["data"]
            }
        # A key neither makes nor ends keys, whatever it may do.
        assert http.post(PATH, headers=bearer, json={"scopes": ["read"]}).status_code == 403
        assert http.delete(f"{PATH}/{token['key']['id']}", headers=bearer).status_code == 403


def test_the_list_has_pages(browser: httpx.Client) -> None:
    for _ in range(3):
        made(browser)
    first = browser.get(PATH, params={"limit": 2}).json()
    rest = browser.get(PATH, params={"limit": 100, "cursor": first["meta"]["next"]}).json()
    ids = [int(row["id"]) for row in first["data"] + rest["data"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) >= 3
    assert rest["meta"]["next"] is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"scopes": ["fly"]}, {"scopes"}),
        ({"scopes": "read"}, {"scopes"}),
        ({"scopes": []}, {"scopes"}),
        ({"scopes": None}, {"scopes"}),
        ({"scopes": ["withdraw"]}, {"addresses"}),
        ({"addresses": ["here"], "name": "x" * 64}, {"addresses"}),
        ({"addresses": [1]}, {"addresses"}),
        ({"addresses": ["192.0.2.1"] * 31}, {"addresses"}),
        ({"name": "x" * 65}, {"name"}),
        ({"kind": "DSA"}, {"kind"}),
        ({"kind": "RSA"}, {"public_key"}),
        ({"kind": "RSA", "public_key": "x"}, {"public_key"}),
        ({"public_key": 5}, {"public_key"}),
        ({"account": "00000000-0000-4000-8000-000000000000"}, {"account"}),
        ({"account": "mine"}, {"account"}),
        ({"expires_at": "2001-01-01T00:00:00Z"}, {"expires_at"}),
        ({"expires_at": "tomorrow"}, {"expires_at"}),
        ({"colour": "red"}, {"colour"}),
    ],
)
def test_what_makes_no_key_is_named(browser: httpx.Client, body: Any, wrong: set[str]) -> None:
    before = ids_of(browser)
    answer = browser.post(PATH, json={"scopes": ["read"], **body})
    assert answer.status_code == 422, answer.text
    assert set(answer.json()["error"]["details"]) == wrong
    assert ids_of(browser) == before


def test_what_is_no_key_is_not_found(browser: httpx.Client) -> None:
    for text in ("0", "x", "9" * 18, "9" * 40, "-1"):
        assert browser.delete(f"{PATH}/{text}").status_code == 404
