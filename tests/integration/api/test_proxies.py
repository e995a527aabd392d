"""Whose word about the client counts, over the whole way: edge, Django, compatible API, sockets."""

import dataclasses
import http.client
import itertools
import json
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.exchange import HOST, Exchange, wait_until
from tests.integration.api.conftest import Client, table_state
from tests.integration.api.test_servers import answers
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import WEB_SERVERS, web

CLIENT = "198.51.100.20"
OTHER = "198.51.100.21"
_visitors = (f"192.0.2.{number}" for number in itertools.count(100))


@pytest.fixture(scope="module", params=WEB_SERVERS)
def behind_proxy(exchange: Exchange, request: pytest.FixtureRequest) -> Iterator[str]:
    """Another web process that trusts a proxy on loopback, and counts closely."""
    port = free_port()
    env = {
        **exchange.env,
        "ZAVORA_TRUSTED_PROXIES": "127.0.0.0/8,::1",
        "ZAVORA_RATE_LIMIT_IP_PER_MINUTE": "20",
        "ZAVORA_COMPAT_WEIGHT_PER_MINUTE": "20",
        "ZAVORA_SOCKETS_PER_ADDRESS_MAX": "2",
        "SECURE_HSTS_SECONDS": "3600",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": "1",
    }
    spec = web(env, port=port, server=request.param)
    name = exchange.launch(dataclasses.replace(spec, name=f"web-proxied-{request.param}"))
    url = f"http://{HOST}:{port}"
    wait_until(lambda: answers(url), timeout_s=60, what=f"an answer of {request.param}")
    yield url
    exchange.kill(name)


@pytest.fixture(scope="module")
def bound_token(exchange: Exchange, alice: Client) -> str:
    """A token of alice's that counts from CLIENT only."""
    token = exchange.create_token("bound-to-an-address@example.com")
    with psycopg.connect(exchange.database_url) as connection:
        connection.execute(
            "UPDATE accounts_apikey SET ip_allowed = ARRAY[%s]::inet[] WHERE owner_id ="
            " (SELECT id FROM accounts_user WHERE email = 'bound-to-an-address@example.com')",
            (CLIENT,),
        )
    return token


def _from(address: str, **more: str) -> dict[str, str]:
    return {"X-Forwarded-For": address, **more}


def _statuses(url: str, headers: dict[str, str]) -> list[int]:
    """Return what the edge and Django answer."""
    with httpx.Client(base_url=url, headers=headers) as client:
        return [
            client.get("/api/v1/orders/1").status_code,
            client.get("/api/v1/accounts").status_code,
        ]


def test_by_default_a_forwarded_address_changes_nothing(
    exchange: Exchange, bound_token: str
) -> None:
    before = table_state(exchange)
    headers = _from(CLIENT, Authorization=f"Bearer {bound_token}")
    assert _statuses(exchange.base_url, headers) == [403, 403]
    url = f"{exchange.ws_url}/ws"
    with connect(url, additional_headers=_from(CLIENT)) as socket:
        call = {"id": "1", "method": "authenticate", "params": {"token": bound_token}}
        socket.send(json.dumps(call))
        assert json.loads(socket.recv(10))["error"]["code"] == 403
    assert table_state(exchange) == before


def test_a_trusted_proxys_client_counts_everywhere(behind_proxy: str, bound_token: str) -> None:
    key = {"Authorization": f"Bearer {bound_token}"}
    assert _statuses(behind_proxy, _from(CLIENT, **key)) == [404, 200]
    assert _statuses(behind_proxy, _from(f"{CLIENT}, {OTHER}", **key)) == [403, 403]
    assert _statuses(behind_proxy, _from(f"{OTHER}, {CLIENT}", **key)) == [404, 200]
    assert _statuses(behind_proxy, _from("nonsense", **key)) == [403, 403]
    url = behind_proxy.replace("http", "ws") + "/ws"
    with connect(url, additional_headers=_from(CLIENT)) as socket:
        call = {"id": "1", "method": "authenticate", "params": {"token": bound_token}}
        socket.send(json.dumps(call))
        assert "result" in json.loads(socket.recv(10))


@pytest.mark.parametrize("path", ["/api/v1/markets", "/api/v3/time"])
def test_each_client_behind_a_proxy_has_limits_of_its_own(behind_proxy: str, path: str) -> None:
    # The servers before had the same budget: each test comes from an address of its own.
    address = next(_visitors)
    with httpx.Client(base_url=behind_proxy) as client:
        statuses = [client.get(path, headers=_from(address)).status_code for _ in range(22)]
        neighbour = client.get(path, headers=_from("198.51.100.32")).status_code
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert neighbour == 200


def test_each_client_behind_a_proxy_has_sockets_of_its_own(behind_proxy: str) -> None:
    url = behind_proxy.replace("http", "ws") + "/ws"
    here = {"additional_headers": _from("198.51.100.40")}
    with connect(url, **here), connect(url, **here):
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, **here)
        assert refusal.value.response.status_code in (403, 429)
        with connect(url, additional_headers=_from("198.51.100.41")) as other:
            other.send('{"id": "1", "method": "ping"}')
            assert json.loads(other.recv(10))["id"] == "1"


def test_the_scheme_that_a_trusted_proxy_names_counts(behind_proxy: str) -> None:
    with httpx.Client(base_url=behind_proxy) as client:
        policies = [
            client.get(
                "/", headers=_from(CLIENT, **{"X-Forwarded-Proto": proto}), follow_redirects=True
            ).headers["content-security-policy"]
            for proto in ("https", "http")
        ]
    assert "wss://" in policies[0]
    assert "wss://" not in policies[1]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/api/v1/markets", HOST),
        ("/api/v1/orders", HOST),
        ("/api/v1/accounts", HOST),
        ("/api/v1/nothing", HOST),
        ("/api/v3/time", HOST),
        ("/api/v3/depth?symbol=BTCEUR", HOST),
        ("/login", HOST),
        ("/static/root/robots.txt", HOST),
        ("/api/v1/markets", "foreign.example"),
        ("/api/v3/time", "foreign.example"),
    ],
)
def test_who_came_by_https_is_told_to_come_by_nothing_else(
    behind_proxy: str, path: str, host: str
) -> None:
    address = next(_visitors)
    found = []
    with httpx.Client(base_url=behind_proxy, headers={"Host": host}) as client:
        for proto in ("https", "http"):
            answer = client.get(path, headers=_from(address, **{"X-Forwarded-Proto": proto}))
            found.append(answer.headers.get_list("strict-transport-security"))
            assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
            kind = answer.headers["content-type"]
            assert not kind.startswith("text/") or "charset=utf-8" in kind.replace('"', "")
            # Data of the APIs is no page, whoever is led to it.
            kept = answer.headers.get_list("content-disposition")
            assert kept == (['attachment; filename="api.json"'] if "/api/" in path else [])
    assert found == [["max-age=3600; includeSubDomains"], []]


@pytest.mark.parametrize("path", ["/api/v1/markets", "/api/v1/accounts", "/api/v3/time", "/login"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_page_of_others_reads_our_answers(exchange: Exchange, path: str, origin: str) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    with httpx.Client(base_url=exchange.base_url, headers=asks) as client:
        for method in ("GET", "OPTIONS"):
            names = client.request(method, path).headers.keys()
            assert not [name for name in names if name.startswith("access-control-")]


# --- hosts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/api/v1/markets", "/api/v1/orders", "/api/v3/time", "/api/v1/accounts", "/login"]
)
def test_a_foreign_host_is_refused_at_every_door(exchange: Exchange, path: str) -> None:
    answer = httpx.get(f"{exchange.base_url}{path}", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    if path.startswith("/api/v3"):
        assert set(answer.json()) == {"code", "msg"}
    else:
        assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize("path", ["/ws", "/ws-api/v3", "/stream?streams=btceur@trade"])
def test_a_foreign_host_gets_no_socket(behind_proxy: str, path: str) -> None:
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Host": "evil.example", **key}
    answer = httpx.get(f"{behind_proxy}{path}", headers=handshake)
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("path", ["/health/live", "/api/v1/health"])
def test_probes_may_name_any_host(exchange: Exchange, path: str) -> None:
    answer = httpx.get(f"{exchange.base_url}{path}", headers={"Host": "10.0.0.9:8000"})
    assert answer.status_code in (200, 503)
    assert "status" in answer.json()


@pytest.mark.parametrize(("version", "status"), [("1.0", 200), ("1.1", 400)])
def test_without_a_host_only_http_1_0_is_served(
    exchange: Exchange, version: str, status: int
) -> None:
    connection = http.client.HTTPConnection(HOST, exchange.port, timeout=10)
    connection._http_vsn_str = f"HTTP/{version}"  # type: ignore[attr-defined]
    connection.putrequest("GET", "/api/v1/markets", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()
