"""What is compressed, for whom, and what stays as it is."""

import gzip
import re

import httpx
import pytest

GZIP, PLAIN = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}
PACKED = [
    "/api/v1/markets",
    "/api/v3/exchangeInfo",
    "/api/v3/ticker/24hr",
    "/trade/BTC-USD",
    "/api/docs",
    "/api/schema?format=json",
]
NEVER = ["/api/v3/depth?symbol=BTCEUR&limit=5000", "/api/v1/markets/BTC-EUR/order-book?depth=1000"]


@pytest.fixture(scope="module")
def client(exchange):
    with httpx.Client(base_url=exchange.base_url) as connected:
        yield connected


@pytest.fixture(scope="module")
def deep_book(client, exchange):
    """A book that would be worth compressing."""
    token = exchange.create_token("packer@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    account = client.get("/api/v1/accounts", headers=headers).json()["data"][0]["id"]
    money = {"asset": "EUR", "amount": "1000000"}
    client.post(f"/api/v1/accounts/{account}/deposit", json=money, headers=headers)
    terms = {"user_id": account, "market": "BTC/EUR", "side": "Buy", "order_type": "Limit"}
    orders = [{**terms, "price": f"10.{cents:02}", "quantity": "0.123"} for cents in range(100)]
    placed = client.post("/api/v1/orders/batch", json=orders, headers=headers)
    assert placed.status_code == 200, placed.text
    yield
    client.post("/api/v1/orders/cancel-all", json={"account": account}, headers=headers)


def raw(client, path, headers):
    with client.stream("GET", path, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", PACKED)
def test_long_answers_are_compressed_for_those_who_take_it(client, path):
    plain, body = raw(client, path, PLAIN)
    packed, fewer = raw(client, path, GZIP)
    assert plain.status_code == packed.status_code == 200
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    for answer in (plain, packed):  # a cache must tell the two apart
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert int(packed.headers["content-length"]) == len(fewer)
    assert len(fewer) * 2 < len(body)
    assert len(gzip.decompress(fewer)) == pytest.approx(len(body), rel=0.05)
    refused, same = raw(client, path, {"Accept-Encoding": "br, gzip;q=0"})
    if path.startswith("/api/v"):
        assert "content-encoding" not in refused.headers
        assert len(same) == pytest.approx(len(body), rel=0.05)


@pytest.mark.usefixtures("deep_book")
@pytest.mark.parametrize("path", NEVER)
def test_books_never_are(client, path):
    answer, body = raw(client, path, GZIP)
    assert "content-encoding" not in answer.headers
    assert len(body) > 1_400
    assert body.startswith(b"{")


def test_pages_static_files_are_hashed_compressed_and_kept_for_ever(client):
    page = client.get("/trade/BTC-USD").text
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    assert len(addresses) > 4, "not collected; run make build"
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.(js|css|svg)$", address), address
        for encoding in ("br", "gzip"):
            answer, _ = raw(client, address, {"Accept-Encoding": encoding})
            assert answer.headers.get("content-encoding", "small") in (encoding, "small")
            assert "immutable" in answer.headers["cache-control"]
    scripts = [address for address in addresses if address.endswith(".js")]
    for encoding, most in (("br", 115_000), ("gzip", 130_000)):
        bodies = [raw(client, one, {"Accept-Encoding": encoding})[1] for one in scripts]
        assert sum(map(len, bodies)) < most


def test_what_comes_on_demand_is_hashed_and_kept_as_well(client):
    page = client.get("/trade/BTC-USD").text
    (app,) = set(re.findall(r'src="(/static/build/app\.[^"]+)"', page))
    later = re.findall(r'import\("\./(chunks/[^"]+)"\)', client.get(app).text)
    assert any("palette" in name for name in later)
    for name in later:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name), name
        answer = client.get(f"/static/build/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_pages_with_a_form_differ_each_time_so_that_their_length_tells_nothing(client):
    lengths = {len(raw(client, "/login", GZIP)[1]) for _ in range(10)}
    assert len(lengths) > 1


@pytest.mark.parametrize(("path", "kind"), [("/favicon.ico", "image/"), ("/robots.txt", "text/")])
def test_what_browsers_and_crawlers_ask_for_is_there(client, path, kind):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ["/nothing", "/trade/NO-SUCH", "/static/nothing.js"])
def test_what_is_not_there_is_told_by_our_page_in_development_too(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Back to the market" in answer.text or "There is no market NO/SUCH." in answer.text
    assert "urlpatterns" not in answer.text
