"""Every compatible route with bad input: a published error, never a 500, and nothing changed."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from api.binance.rest import trading
from api.binance.rest.routes import Security
from api.binance.rest.table import ROUTES
from tests.exchange import Exchange
from tests.integration.api.conftest import table_state
from tests.integration.binance.rest.conftest import ORDER, SYMBOL, Bot, error_of, now_ms
from tests.plain_client import PlainClient
from tests.texts import TEXTS

VALUES = (
    *("", " ", "abc", "NaN", "-1", "1e5", "0", "1.5", "9" * 19, "9" * 5_000),
    *("%", "[]", '["BTCEUR"]', '["BTCEUR","BTCEUR"]'),
    *TEXTS,
)
NAMES = (
    *("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice"),
    *("newClientOrderId", "newOrderRespType", "selfTradePreventionMode", "icebergQty", "orderId"),
    *("origClientOrderId", "cancelReplaceMode", "cancelOrderId", "limit", "fromId", "startTime"),
    *("endTime", "symbols", "interval", "recvWindow", "omitZeroBalances", "listenKey"),
    *("cancelOrigClientOrderId", "cancelNewClientOrderId", "cancelRestrictions", "permissions"),
    *("orderRateLimitExceededMode", "symbolStatus", "timeZone", "aboveType", "signature"),
    *("asset", "isFreeze", "clientTranId", "trailingDelta", "newQty", "preventedMatchId"),
    *("fromPreventedMatchId", "fromExecutionId"),
)
# These take no parameters.
WITHOUT_PARAMETERS = {
    *("/api/v3/ping", "/api/v3/time"),
    *("/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"),
}
# What tells whether a route reads a parameter at all: whatever it means, it is none of these.
PROBES = ("\x00", "9" * 400, "abc")
# Looked for only where the other way to name an order was not taken.
INSTEAD = {
    "origClientOrderId": "orderId",
    "cancelOrigClientOrderId": "cancelOrderId",
    "preventedMatchId": "orderId",
}
# What is right about every call, so that one wrong value is what is looked at.
RIGHT = {
    "symbol": SYMBOL,
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    # No multiples of lot and tick: an order with one of them mended is refused still.
    "quantity": "0.000001",
    "price": "0.001",
    "newQty": "0.000001",
    "cancelReplaceMode": "STOP_ON_FAILURE",
    "cancelOrderId": "1",
    "orderId": "1",
    "interval": "1m",
    "aboveType": "LIMIT_MAKER",
    "belowType": "STOP_LOSS",
}
STATUSES = {200, 400, 401, 404, 405, 409, 413, 429}
# They make or end something of their own; their tests are elsewhere.
STATEFUL = {("POST", "/api/v3/userDataStream"), ("DELETE", "/api/v3/openOrders")}
WALKED = sorted(set(ROUTES) - STATEFUL)


@pytest.fixture(scope="module", autouse=True)
def unchanged(exchange: Exchange, ann: Bot) -> Iterator[None]:
    """An open order far from everything, and after the walk every table as it was before."""
    order = ann.limit("BUY", "1", "5")
    before = table_state(exchange)
    yield
    assert table_state(exchange) == before
    ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order["orderId"])


@pytest.fixture(scope="module")
def plain(exchange: Exchange, ann: Bot) -> Iterator[PlainClient]:
    """A client with Ann's key, for very many requests."""
    client = PlainClient(exchange, {"X-MBX-APIKEY": ann.key})
    yield client
    client.close()


def send(
    plain: PlainClient,
    bot: Bot,
    route: tuple[str, str],
    params: dict[str, str],
    *,
    in_body: bool = False,
) -> Any:
    method, path = route
    signs = ROUTES[route].security in (Security.USER_DATA, Security.TRADE)
    text = urlencode({**params, "timestamp": str(now_ms())}, errors="replace")
    text = bot.signed(text) if signs else text
    if in_body:
        form = "application/x-www-form-urlencoded"
        return plain.request(method, path, text.encode(), content_type=form)
    return plain.request(method, f"{path}?{text}")


def check(response: Any) -> None:
    assert response.status_code in STATUSES, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-mbx-used-weight-1m"].isdigit()
    if response.status_code != 200:
        code, _msg = error_of(response)
        assert code < -1000 or response.status_code in (404, 405)


Changes = dict[str, str | None]
Told = tuple[int, Any]


def find_read(ask: Callable[[Changes], Told], names: Sequence[str]) -> list[str]:
    """Return which names a route reads. Names that together change no answer are read by nobody."""
    without = ask({})
    if all(ask(dict.fromkeys(names, probe)) == without for probe in PROBES):
        return []
    if len(names) == 1:
        return list(names)
    half = len(names) // 2
    return find_read(ask, names[:half]) + find_read(ask, names[half:])


@pytest.mark.parametrize("route", WALKED, ids=" ".join)
def test_one_wrong_value_at_a_time(plain: PlainClient, ann: Bot, route: tuple[str, str]) -> None:
    in_body = route[0] != "GET"

    def ask(changes: Changes) -> Told:
        # Long lists are not what this is about.
        params = {**RIGHT, "limit": "1"}
        in_query = False
        for name, value in changes.items():
            params.pop(INSTEAD.get(name, ""), None)
            params.pop(name, None)
            if value is not None:
                params[name] = value
                in_query = value[:1] == " "
        response = send(plain, ann, route, params, in_body=in_body and not in_query)
        check(response)
        return response.status_code, error_of(response) if response.status_code != 200 else None

    apart = [name for name in NAMES if name in RIGHT or name in INSTEAD or name == "limit"]
    read = find_read(ask, [name for name in NAMES if name not in apart])
    for name in apart:
        without = ask({name: None})
        if any(ask({name: value}) != without for value in PROBES):
            read.append(name)
    for name in read:
        for value in VALUES:
            ask({name: value})
    assert read or route[1] in WITHOUT_PARAMETERS


@pytest.mark.parametrize("route", WALKED, ids=" ".join)
def test_one_missing_parameter_at_a_time(
    plain: PlainClient, ann: Bot, route: tuple[str, str]
) -> None:
    for name in RIGHT:
        check(send(plain, ann, route, {key: text for key, text in RIGHT.items() if key != name}))


JUNK = (
    *(b"", b"&", b"=", b"&&==&&", b"%", b"%zz=%", b"\xff\xfe=\xff", b"a" * 100_000),
    *(
        b"&".join(b"p%d=" % n for n in range(5_000)),
        b"a=1&a=2",
        b"signature=&signature=",
        b"+" * 99,
    ),
    *(b'{"symbol": "BTCEUR"}', b"[1, 2]", b"symbol", b"symbol=%00&timestamp=%ff&signature=%80"),
)


@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_junk_for_a_query_or_a_body(plain: PlainClient, route: tuple[str, str]) -> None:
    method, path = route
    signed = ROUTES[route].security in (Security.USER_DATA, Security.TRADE)
    for junk in JUNK:
        for kind in ("application/x-www-form-urlencoded", "application/json", "text/plain"):
            if signed:  # else junk may well mean what is fine without any parameter
                response = plain.request(method, path, junk, content_type=kind)
                check(response)
                assert response.status_code != 200
        if len(junk) < 60_000 and junk.isascii():
            check(plain.request(method, f"{path}?{quote(junk, safe='%&=+[]{}:,')}"))


def test_every_parameter_is_walked() -> None:
    read = re.compile(r"params\.(?:text|needed|choice|symbols|_figure|flag)\(\s*\"(\w+)\"")
    folder = Path(trading.__file__).parent
    found = {name for file in folder.rglob("*.py") for name in read.findall(file.read_text())}
    assert found - {"apiKey", "returnRateLimits", "timestamp"} <= set(NAMES)
    assert len(found) > 15


def test_text_of_other_letters_is_refused_by_name(plain: PlainClient, ann: Bot) -> None:
    for name in ("origClientOrderId", "newClientOrderId"):
        for text in TEXTS:
            method = "GET" if name.startswith("orig") else "DELETE"
            named = {"symbol": SYMBOL, name: text}
            if method == "DELETE":
                named["orderId"] = "1"
            answer = send(plain, ann, (method, ORDER), named)
            assert answer.status_code == 400
            code, msg = error_of(answer)
            assert code == -1100, (name, text[:9], msg)
            assert f"Illegal characters found in parameter '{name}'" in msg


@pytest.mark.parametrize(
    "path",
    ["exchangeInfo", "ticker/24hr", "ticker/price", "ticker/bookTicker"],
)
def test_a_symbol_twice_is_refused_as_published(ann: Bot, path: str) -> None:
    for symbols, code in (('["BTCEUR","ETHUSDT","BTCEUR"]', -1151), ('["BTCEUR","x\x00"]', -1100)):
        answer = ann.get(f"/api/v3/{path}", params={"symbols": symbols})
        assert (answer.status_code, error_of(answer)[0]) == (400, code)
    answer = ann.get(f"/api/v3/{path}", params={"symbols": '["BTCEUR","ETHUSDT"]'})
    assert answer.status_code == 200


def test_a_body_that_is_too_long_is_refused(ann: Bot) -> None:
    response = ann.request("POST", ORDER, content=b"a=" + b"1" * 2_000_000)

    assert response.status_code == 413
    assert error_of(response)[0] == -1101


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
NOWHERE = (
    *("/api/v3", "/api/v3/nothing", "/sapi/v1/nothing/at/all", "/api/v3//order", "/sapi/v1"),
    *("/sapi/v2/account", "/sapi/v3/asset/getUserAsset", "/sapi", "/fapi/v1/exchangeInfo"),
    *("/fapi/v2/account", "/dapi/v1/exchangeInfo", "/eapi/v1/exchangeInfo", "/papi/v1/balance"),
    *("/wapi/v3/systemStatus.html", "/wapi", "/api/v4/order", "/api/v2/depth", "/api/v0"),
)


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_and_paths_are_refused_in_the_same_form(
    plain: PlainClient, method: str
) -> None:
    for path in NOWHERE:
        response = plain.request(method, path)
        assert (response.status_code, error_of(response)[0]) == (404, -1000)
    for known in {path for _, path in ROUTES}:
        if (method, known) not in ROUTES:
            response = plain.request(method, known)
            assert response.status_code == (200 if method == "OPTIONS" else 405)
            assert set(response.headers["allow"].split(", ")) >= {
                name for name, path in ROUTES if path == known
            }
            if method != "OPTIONS":
                assert error_of(response)[0] == -1000
