"""The exchange answers alike under each of the three web servers."""

import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from tests.exchange import Exchange
from zavora.runner.exchange import WEB_SERVERS, web

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def alone() -> Iterator[Exchange]:
    with Exchange() as exchange:
        yield exchange


@pytest.mark.parametrize("server", WEB_SERVERS)
def test_it_serves_pages_the_edge_and_sockets_and_frees_its_port_when_it_is_killed(
    alone: Exchange, server: str
) -> None:
    alone.kill("web")
    alone.launch(web(alone.env, port=alone.port, server=server))
    alone.wait_until_healthy()

    page = httpx.get(f"{alone.base_url}/", follow_redirects=True)
    markets = httpx.get(f"{alone.base_url}/api/v1/markets")  # the edge
    accounts = httpx.get(f"{alone.base_url}/api/v1/accounts")  # Django
    with connect(f"{alone.ws_url}/ws") as socket:
        socket.send(json.dumps({"id": "1", "method": "ping", "params": {}}))
        pong = json.loads(socket.recv(timeout=10))

    assert page.status_code == 200
    assert markets.json() == {"data": []}
    assert accounts.status_code == 401
    assert accounts.json()["error"]["code"] == "unauthorized"
    assert (pong["id"], list(pong["result"])) == ("1", ["pong"])

    alone.restart("web")

    alone.wait_until_healthy()
