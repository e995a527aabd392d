"""The same application under each ASGI server: edge, views, pages and sockets."""

import dataclasses
import json

import httpx
import pytest
from websockets.sync.client import connect

from tests.exchange import HOST, wait_until
from tests.integration.api.conftest import order
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import WEB_SERVERS, web

pytestmark = pytest.mark.usefixtures("clean_book")


def answers(url: str) -> bool:
    """Tell whether a web process is there."""
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(params=sorted(set(WEB_SERVERS) - {"uvicorn"}))
def base_url(exchange, request):
    """A second web process of the exchange, under another server (all else runs on uvicorn)."""
    port = free_port()
    spec = web(exchange.env, port=port, server=request.param)
    name = exchange.launch(dataclasses.replace(spec, name=f"web-{request.param}"))
    url = f"http://{HOST}:{port}"
    wait_until(lambda: answers(url), timeout_s=60, what=f"an answer of {request.param}")
    yield url
    exchange.kill(name)


def test_every_server_serves_all_of_it(base_url, alice):
    account = alice.new_account(EUR="1000")
    # A server may close a connection after it refused a body: each request has one of its own.
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(
        base_url=base_url, headers=alice.headers, timeout=30, limits=limits
    ) as client:
        api = "/api/v1"
        placed = client.post(f"{api}/orders/", json=order(account, "buy", "10", "1"))
        assert placed.status_code == 200, placed.text
        order_id = placed.json()["data"]["order"]["id"]
        assert client.delete(f"{api}/orders/{order_id}").json()["data"]["status"] == "Cancelled"
        for symbol in ("BTC/EUR", "BTC%2FEUR", "BTC-EUR"):
            ticker = client.get(f"{api}/markets/{symbol}/ticker").json()["data"]
            assert ticker["market"] == "BTC/EUR"
        assert client.get(f"{api}/accounts/{account}/balances").status_code == 200
        for path in (f"{api}/orders", f"{api}/accounts"):
            huge = b'"' + b"x" * 2_000_000 + b'"'
            for content in (huge, iter([huge])):
                kind = {"content-type": "application/json"}
                response = client.post(path, content=content, headers=kind)
                assert response.json()["error"]["code"] == "payload_too_large"
        assert client.get("/").status_code == 200
        assert client.get("/nothing").status_code == 404

    with connect(base_url.replace("http", "ws") + "/ws") as socket:
        socket.send(json.dumps({"id": "1", "method": "ping", "params": {}}))
        assert "pong" in json.loads(socket.recv(timeout=10))["result"]
