"""Signed requests: wherever the parameters stand, and everything that may be wrong with them."""

import itertools
import time
from urllib.parse import urlencode

import pytest

from tests.integration.binance.rest.conftest import ORDER, SYMBOL, Bot, error_of, now_ms

ACCOUNT = "/api/v3/account"
TEST = "/api/v3/order/test"


def order_pairs() -> list[tuple[str, str]]:
    return [
        ("symbol", SYMBOL),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "1"),
        ("price", "10"),
        ("timestamp", str(now_ms())),
    ]


# --- where parameters stand -----------------------------------------------------------------------


@pytest.mark.parametrize("split", range(8))
def test_parameters_may_be_split_over_query_and_body_anywhere(ann: Bot, split: int) -> None:
    pairs = order_pairs()
    query, body = urlencode(pairs[:split]), urlencode(pairs[split:])
    covered = query + body

    in_body = ann.send_raw("POST", TEST, query=query, body=ann.signed(body, covered))
    in_query = ann.send_raw("POST", TEST, query=ann.signed(query, covered), body=body)

    assert (in_body.status_code, in_body.json()) == (200, {})
    assert (in_query.status_code, in_query.json()) == (200, {})


@pytest.mark.parametrize("first", range(4))
def test_parameters_and_signature_may_come_in_any_order(ann: Bot, first: int) -> None:
    pairs = [("symbol", SYMBOL), ("orderId", "1"), ("timestamp", str(now_ms()))]
    for order in itertools.permutations(pairs):
        text = urlencode(order)
        signature = ann.signature(text.encode())
        pieces = text.split("&")
        pieces.insert(first, f"signature={signature}")
        for place in ({"query": "&".join(pieces)}, {"body": "&".join(pieces)}):
            response = ann.send_raw("DELETE", ORDER, **place)
            assert error_of(response) == (-2011, "Unknown order sent.")


def test_the_query_wins_over_the_body(ann: Bot) -> None:
    query, body = urlencode(order_pairs()), "quantity=NaN&price=junk&symbol=NOPE"

    response = ann.send_raw("POST", TEST, query=ann.signed(query, query + body), body=body)

    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_trailing_slash_and_a_head_are_fine(ann: Bot, method: str) -> None:
    text = ann.signed(urlencode({"symbol": SYMBOL, "orderId": 1, "timestamp": now_ms()}))

    response = ann.send_raw(method, f"{ORDER}/", query=text)

    assert error_of(response)[0] in (-2011, -2013)


def test_unknown_parameters_are_ignored_but_signed(ann: Bot) -> None:
    pairs = [*order_pairs(), ("whatever", "1"), ("élan", "ü&%"), ("", "")]
    text = urlencode(pairs)

    assert ann.send_raw("POST", TEST, query=ann.signed(text)).json() == {}
    response = ann.send_raw("POST", TEST, query=ann.signed(text) + "&more=1")
    assert error_of(response)[0] == -1022


@pytest.mark.parametrize("name", ["symbol", "timestamp", "whatever", "signature"])
@pytest.mark.parametrize("place", ["query", "body"])
def test_a_repeated_parameter_is_refused(ann: Bot, name: str, place: str) -> None:
    text = urlencode([*order_pairs(), ("whatever", "1")])
    extra = f"&{name}=1"
    signed = f"{ann.signed(text + extra)}" if name != "signature" else ann.signed(text) + extra

    response = ann.send_raw("POST", TEST, **{place: signed})

    assert response.status_code == 400
    assert error_of(response)[0] == -1101


# --- signatures and clocks ------------------------------------------------------------------------


def test_another_text_another_key_and_no_signature_are_refused(ann: Bot, ben: Bot) -> None:
    text = urlencode(order_pairs())
    wrong = {
        "of another text": ann.signed(text, text + "0"),
        "of another key": ben.signed(text),
        "junk": f"{text}&signature=%ff%00junk",
        "cut": ann.signed(text)[:-1],
    }
    for what, query in wrong.items():
        response = ann.send_raw("POST", TEST, query=query)
        assert (what, response.status_code) == (what, 400)
        assert error_of(response) == (-1022, "Signature for this request is not valid.")
    for query in (text, f"{text}&signature="):
        code, message = error_of(ann.send_raw("POST", TEST, query=query))
        assert code == -1102
        assert "'signature'" in message


def test_ed25519_signs_query_and_body_together(ben: Bot) -> None:
    query, body = "symbol=BTCEUR", urlencode(order_pairs()[1:])

    response = ben.send_raw("POST", TEST, query=query, body=ben.signed(body, query + body))

    assert (response.status_code, response.json()) == (200, {})
    lowered = ben.signed(body, query + body).lower()
    assert error_of(ben.send_raw("POST", TEST, query=query, body=lowered))[0] == -1022


@pytest.mark.parametrize(
    ("shift_ms", "window", "code"),
    [
        (-4_000, None, 0),
        (-6_500, None, -1021),
        (+5_000, None, -1021),
        (-30_000, "60000", 0),
        (-30_000, "5000.5", -1021),
        (0, "60001", -1131),
        (0, "abc", -1100),
    ],
)
def test_a_timestamp_is_good_for_its_window(
    ann: Bot, shift_ms: int, window: str | None, code: int
) -> None:
    params = {"timestamp": now_ms() + shift_ms} | ({} if window is None else {"recvWindow": window})

    response = ann.call("GET", ACCOUNT, **params)

    assert (response.status_code == 200) if code == 0 else (error_of(response)[0] == code)


def test_a_request_that_is_replayed_is_stopped_by_its_name_then_by_its_time(
    ann: Bot, book: None
) -> None:
    pairs = [*order_pairs(), ("newClientOrderId", "replayed"), ("recvWindow", "1500")]
    query = ann.signed(urlencode(pairs))

    assert ann.send_raw("POST", ORDER, query=query).status_code == 200
    second = ann.send_raw("POST", ORDER, query=query)
    assert error_of(second) == (-2010, "Duplicate order sent.")
    sent_ms = int(dict(pairs)["timestamp"])
    while now_ms() - sent_ms <= 1_500:
        time.sleep(0.05)  # until the request is stale: its own clock is what is tested
    stale = ann.send_raw("POST", ORDER, query=query)
    assert error_of(stale)[0] == -1021
    assert len(ann.ok("GET", "/api/v3/openOrders", symbol=SYMBOL)) == 1


# --- one mistake, one answer ----------------------------------------------------------------------


def test_checks_come_in_the_published_order(ann: Bot) -> None:
    """Everything is wrong; each line mends the first thing and sees the next one."""
    headers = {"X-MBX-APIKEY": "no key"}
    bad_values = "&type=LIMIT&timeInForce=GTC&side=NEITHER&quantity=x&price=0"
    stale, fresh = f"&timestamp={now_ms() - 90_000}", f"&timestamp={now_ms()}"

    def answer(text: str, **options: object) -> tuple[int, int]:
        response = ann.send_raw("POST", TEST, query=text, **options)
        return response.status_code, error_of(response)[0]

    unsigned = "&signature=00"
    assert answer("", headers=headers) == (401, -2014)
    assert answer("", headers={"X-MBX-APIKEY": "x" * 64}) == (401, -2015)
    assert answer(bad_values + stale + unsigned) == (400, -1102)
    assert answer("symbol=NOPE" + bad_values + stale + unsigned) == (400, -1021)
    assert answer("symbol=NOPE" + bad_values + fresh + unsigned) == (400, -1022)
    assert answer(ann.signed("symbol=NOPE" + bad_values + fresh)) == (400, -1121)
    assert answer(ann.signed(f"symbol={SYMBOL}{bad_values}{fresh}")) == (400, -1117)
    good_side = bad_values.replace("NEITHER", "BUY")
    assert answer(ann.signed(f"symbol={SYMBOL}{good_side}{fresh}")) == (400, -1100)
    good_figure = good_side.replace("quantity=x", "quantity=0.000001")
    assert answer(ann.signed(f"symbol={SYMBOL}{good_figure}{fresh}")) == (400, -1013)
