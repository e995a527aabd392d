"""What calls send: exact figures, keys, and the account where it goes."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from zavora import Client, OrderStatus, Side
from zavora.core.calls import text_of
from zavora.models import Order
from zavora.routes.terms import order_body

ACCOUNT = "11111111-2222-3333-4444-555555555555"


def call_of(name: str, *arguments: Any, **named: Any) -> Any:
    """Return the call, or the listing, that a client's method makes."""
    made: Any = getattr(Client, name).make(None, *arguments, **named)
    return made


@pytest.mark.parametrize(
    ("terms", "order_type"),
    [
        ({"quantity": 1}, "Market"),
        ({"quantity": 1, "price": "2"}, "Limit"),
        ({"quantity": 1, "stop_price": "2"}, "Stop"),
        ({"quantity": 1, "stop_price": "2", "price": "3"}, "StopLimit"),
        ({"quantity": 1, "trail_bps": 50}, "TrailingStop"),
        ({"quantity": 1, "trail_price": "5", "price": "3"}, "TrailingStop"),
        ({"quantity": 1, "stop_price": "2", "order_type": "TakeProfit"}, "TakeProfit"),
    ],
)
def test_figures_say_what_kind_of_order_it_is(terms: dict[str, Any], order_type: str) -> None:
    assert order_body("BTC/EUR", "buy", terms)["order_type"] == order_type


def test_an_order_is_sent_exactly_and_under_a_name() -> None:
    price, expires = Decimal("0.00000001"), datetime(2026, 1, 31, tzinfo=UTC)
    call = call_of(
        "place_order", "BTC/EUR", Side.BUY, quantity="1.10", price=price, expires_at=expires
    ).of(ACCOUNT)

    body = msgspec.json.decode(call.content())

    assert body == {
        "user_id": ACCOUNT,
        "market": "BTC/EUR",
        "side": "Buy",
        "order_type": "Limit",
        "price": "0.00000001",
        "quantity": "1.10",
        "expires_at": "2026-01-31T00:00:00+00:00",
        "client_order_id": call.key,
    }
    assert call.key
    assert len(call.key) == 32


@pytest.mark.parametrize("price", [1.1, True, Decimal("NaN"), Decimal("Infinity")])
def test_what_is_not_exact_is_refused_before_anything_is_sent(price: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="price"):
        call_of("place_order", "BTC/EUR", "buy", quantity=1, price=price)


def test_an_unknown_term_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="post_olny"):
        call_of("place_order", "BTC/EUR", "buy", quantity=1, post_olny=True)


def test_the_account_goes_where_it_belongs() -> None:
    batch = call_of("place_orders", [{"market": "A/B", "side": "buy", "quantity": 1}])
    fills = call_of("fills", account=None).first

    assert batch.needs_account
    assert fills.needs_account
    assert batch.of(ACCOUNT).body[0]["user_id"] == ACCOUNT
    assert fills.of(ACCOUNT).target() == f"/api/v1/accounts/{ACCOUNT}/trades?limit=500"
    with pytest.raises(TypeError, match="account"):
        fills.target()


def test_parts_of_a_path_cannot_leave_their_place() -> None:
    assert call_of("order", "../keys?x=1").target() == "/api/v1/orders/..%2Fkeys%3Fx%3D1"
    assert call_of("market", "BTC/EUR").target() == "/api/v1/markets/BTC-EUR"


def test_times_need_a_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert text_of(datetime(2026, 1, 1, tzinfo=zone)) == "2026-01-01T00:00:00+02:00"
    with pytest.raises(ValueError, match="time zone"):
        text_of(datetime(2026, 1, 1))  # noqa: DTZ001


def test_unknown_words_and_fields_are_kept_or_passed_over() -> None:
    order = {
        **dict.fromkeys(("id", "user_id", "market"), "x"),
        "side": "Buy",
        "order_type": "Limit",
        "remaining_quantity": "0.00000000",
        "filled_quantity": "1",
        "filled_quote_quantity": "1",
        "time_in_force": "GTC",
        "post_only": False,
        "status": "Dreaming",
        "created_at": "2026-01-31T12:00:00.000001Z",
        "updated_at": "2026-01-31T12:00:00.000001Z",
        "from_the_future": {"x": 1},
    }

    read = msgspec.json.decode(msgspec.json.encode(order), type=Order)

    assert read.status == "Dreaming"
    assert not read.status.is_open
    assert OrderStatus.NEW.is_open
    assert f"{read.remaining_quantity:f}" == "0.00000000"
    assert read.created_at.tzinfo is UTC
    assert read.side is Side.BUY
    assert read.side.opposite is Side.SELL
