"""What a new order of each type needs, what contradicts it, and the filters of its symbol."""

from typing import Any

import pytest

from api.binance.rest.order_filters import Figures, filtered, read_figures
from api.binance.rest.order_kinds import KINDS, check_excluded, check_required
from api.binance.rest.params import Params
from api.binance.words.errors import CompatError
from marketdata.feed.view import MarketView
from tests.unit.api.binance.orders import terms_of

STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1"}


def params(**members: Any) -> Params:
    return Params.of_object(members)


def refusal(act: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(CompatError) as caught:
        act(*arguments)
    return caught.value.code, caught.value.msg


def missing(name: str) -> tuple[int, str]:
    return -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def illegal(name: str, legal: str) -> tuple[int, str]:
    return -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def either(name: str, other: str) -> tuple[int, str]:
    return -1102, f"Param '{name}' or '{other}' must be sent, but both were empty/null!"


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("LIMIT", {}, missing("timeInForce")),
        ("LIMIT", {"timeInForce": "GTC"}, missing("price")),
        ("LIMIT_MAKER", {}, missing("price")),
        ("MARKET", {"quantity": ""}, either("quantity", "quoteOrderQty")),
        ("STOP_LOSS", {}, either("stopPrice", "trailingDelta")),
        ("STOP_LOSS", {"quantity": "", "stopPrice": "9"}, missing("quantity")),
        ("TAKE_PROFIT", {}, either("stopPrice", "trailingDelta")),
        ("STOP_LOSS_LIMIT", {"stopPrice": "9"}, missing("timeInForce")),
        ("STOP_LOSS_LIMIT", {"timeInForce": "GTC", "stopPrice": "9"}, missing("price")),
        (
            "TAKE_PROFIT_LIMIT",
            {"timeInForce": "GTC", "price": "9"},
            either("stopPrice", "trailingDelta"),
        ),
    ],
)
def test_each_type_needs_its_parameters(
    kind: str, sent: dict[str, str], expected: tuple[int, str]
) -> None:
    assert refusal(check_required, params(**(ORDER | {"type": kind} | sent))) == expected


@pytest.mark.parametrize("kind", STOPS)
@pytest.mark.parametrize("sent", [{"stopPrice": "9"}, {"trailingDelta": "10"}])
def test_a_stop_needs_a_price_or_a_distance(kind: str, sent: dict[str, str]) -> None:
    limit = {"timeInForce": "GTC", "price": "9"} if kind.endswith("_LIMIT") else {}
    check_required(params(**(ORDER | {"type": kind} | limit | sent)))
    check_required(params(**(ORDER | {"type": kind, "stopPrice": "8"} | limit | sent)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("LIMIT", "stopPrice"), ("LIMIT", "trailingDelta"), ("LIMIT", "quoteOrderQty"),
        ("MARKET", "price"), ("MARKET", "stopPrice"), ("MARKET", "icebergQty"),
        ("LIMIT_MAKER", "stopPrice"), ("STOP_LOSS", "price"), ("STOP_LOSS", "icebergQty"),
        ("STOP_LOSS", "quoteOrderQty"), ("TAKE_PROFIT", "price"), ("TAKE_PROFIT", "icebergQty"),
        ("STOP_LOSS_LIMIT", "quoteOrderQty"), ("TAKE_PROFIT_LIMIT", "quoteOrderQty"),
    ],
)  # fmt: skip
def test_what_contradicts_a_type_is_not_required(kind: str, name: str) -> None:
    expected = (-1106, f"Parameter '{name}' sent when not required.")
    assert refusal(check_excluded, params(**{name: "1"}), KINDS[kind]) == expected


@pytest.mark.parametrize("kind", [*STOPS, "LIMIT", "LIMIT_MAKER", "MARKET"])
def test_an_iceberg_of_nothing_is_none(kind: str) -> None:
    check_excluded(params(icebergQty="0.00"), KINDS[kind])
    assert read_figures(params(icebergQty="0.00"), terms_of()).iceberg_quantity is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"stopPrice": "1.123456789"}, (-1111, "Parameter 'stopPrice' has too much precision.")),
        ({"icebergQty": "1.123456789"}, (-1111, "Parameter 'icebergQty' has too much precision.")),
        (
            {"stopPrice": "1e5"},
            illegal("stopPrice", r"^([0-9]{1,20})(\.[0-9]{1,20})?$"),
        ),
        (
            {"trailingDelta": "1.5"},
            illegal("trailingDelta", "^[0-9]{1,20}$"),
        ),
        ({"trailingDelta": ""}, (-1105, "Parameter 'trailingDelta' was empty.")),
    ],
)
def test_figures_that_are_none(sent: dict[str, str], expected: tuple[int, str]) -> None:
    assert refusal(read_figures, params(**sent), terms_of()) == expected


def figures(**changes: Any) -> Figures:
    given: dict[str, Any] = dict.fromkeys(Figures.__struct_fields__)
    return Figures(**(given | {"price": "100", "quantity": "1"} | changes))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"stop_price": "100.001"}, "PRICE_FILTER"),
        ({"stop_price": "0"}, "PRICE_FILTER"),
        ({"stop_price": "1000000001"}, "PRICE_FILTER"),
        ({"iceberg_quantity": "0.00001"}, "LOT_SIZE"),
        ({"iceberg_quantity": "0.0099"}, "ICEBERG_PARTS"),
        ({"trail_bps": 9}, "TRAILING_DELTA"),
        ({"trail_bps": 0}, "TRAILING_DELTA"),
        ({"trail_bps": 2_001}, "TRAILING_DELTA"),
        ({"price": "1", "quantity": "4.9999"}, "NOTIONAL"),
    ],
)
def test_filters_are_named(changes: dict[str, Any], name: str) -> None:
    view = MarketView(terms_of())
    expected = (-1013, f"Filter failure: {name}")
    assert refusal(filtered, view, figures(**changes)) == expected


def test_an_iceberg_shows_no_more_than_there_is() -> None:
    view = MarketView(terms_of())
    expected = (-1013, "IcebergQty exceeds QTY.")
    assert refusal(filtered, view, figures(iceberg_quantity="1.0001")) == expected


def test_what_passes_is_written_as_the_market_writes_it() -> None:
    asked = figures(stop_price="100.5", iceberg_quantity="0.01", trail_bps=10)
    assert filtered(MarketView(terms_of()), asked) == figures(
        price="100.00",
        quantity="1.0000",
        stop_price="100.50",
        iceberg_quantity="0.0100",
        trail_bps=10,
    )
