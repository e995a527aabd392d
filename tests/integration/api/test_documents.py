"""What the running exchange says of itself: its page, its health, its documents."""

import re

import httpx


def test_the_page_says_what_its_script_needs(exchange):
    page = httpx.get(f"{exchange.base_url}/trade/BTC-EUR")

    assert page.status_code == 200
    assert '"market": "BTC/EUR"' in page.text
    assert "csrftoken" in page.cookies
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert httpx.get(f"{exchange.base_url}/").status_code == 200
    assert httpx.get(f"{exchange.base_url}/trade/NOPE-USD").status_code == 404


def test_health_is_as_documented(exchange):
    body = httpx.get(f"{exchange.base_url}/api/v1/health").json()

    assert body["status"] == "healthy"
    assert {name: one["status"] for name, one in body["services"].items()} == {
        "matching_engine": "up",
        "account_service": "up",
        "market_data_service": "up",
    }
    assert body["web"] == {"web": "up"}
    assert body["markets"]["total"] >= 6
    for below in ("", "/api/v1"):
        url = f"{exchange.base_url}{below}/health"
        assert httpx.get(f"{url}/live").json() == {"status": "alive"}
        assert httpx.get(f"{url}/ready").json() == {"status": "ready", "waits_for": []}
    assert exchange.manage("healthcheck", "web", "--ready").strip() == "web is up: ready"


def test_the_document_lists_every_route_and_validates(exchange):
    exchange.manage("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
    document = httpx.get(f"{exchange.base_url}/api/schema?format=json").json()

    assert document["openapi"].startswith("3.1")
    for path, methods in {
        "/api/v1/orders": {"post"},
        "/api/v1/orders/batch": {"post"},
        "/api/v1/orders/cancel-all": {"post"},
        "/api/v1/orders/preview": {"post"},
        "/api/v1/orders/lists": {"post"},
        "/api/v1/orders/lists/{list_id}": {"get", "delete"},
        "/api/v1/accounts/{account}/order-lists": {"get"},
        "/api/v1/accounts/{account}/protections/{market}": {"get", "put", "delete"},
        "/api/v1/accounts/{account}/protections/{market}/reset": {"post"},
        "/api/v1/orders/{order_id}": {"get", "post", "patch", "delete"},
        "/api/v1/markets": {"get"},
        "/api/v1/markets/{market}/order-book": {"get"},
        "/api/v1/markets/{symbol}/candles": {"get"},
        "/api/v1/accounts": {"get", "post"},
        "/api/v1/accounts/{account}/deposit": {"post"},
        "/api/v1/health": {"get"},
        "/api/v1/health/live": {"get"},
        "/api/v1/health/ready": {"get"},
    }.items():
        assert set(document["paths"][path]) == methods
    assert "Order" in document["components"]["schemas"]


def test_the_docs_page_needs_nobody_else(exchange):
    page = httpx.get(f"{exchange.base_url}/api/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert addresses
    assert all(address.startswith(("/", "#")) for address in addresses)
    # Hundreds of links lead to a place of the page itself; each other page is asked for once.
    places = {address for address in addresses if address.startswith("#")}
    assert places - {f"#{name}" for name in re.findall(r'id="([^"]+)"', page)} == set()
    for address in set(addresses) - places:
        url = exchange.base_url + address.replace("&amp;", "&")
        assert httpx.get(url, follow_redirects=True).status_code == 200


def test_a_foreign_host_gets_the_envelope(exchange):
    response = httpx.get(f"{exchange.base_url}/api/v1/accounts", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")
