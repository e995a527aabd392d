"""What few orders ask for: taken, refused by name where it does not fit, spelled as commands do."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from api.transport.exact_json import Number
from api.v1.fitting import fitting
from api.v1.requests import asked_words, parse_amend, parse_place
from matching.conditions import Conditions
from matching.gateway.reply_codes import code_of
from tests.terms import btc_usd
from zavora.foundation.errors import ValidationFailed

EXPIRY = "2027-01-31T12:00:00Z"
EXPIRY_US = 1_801_396_800_000_000
MARKET = {
    "user_id": str(uuid4()),
    "market": "BTC/USD",
    "side": "Sell",
    "order_type": "Market",
    "quantity": "1",
}
LIMIT = {**MARKET, "order_type": "Limit", "price": "20000"}
STOP = {**MARKET, "order_type": "Stop", "stop_price": "19000"}
STOP_LIMIT = {**LIMIT, "order_type": "StopLimit", "stop_price": "19000"}
TAKE_PROFIT = {**MARKET, "order_type": "TakeProfit", "stop_price": "22000"}
TRAILING = {**MARKET, "order_type": "TrailingStop", "trail_bps": 100}


def asked(body):
    """Return the words of commands for what a body asks for."""
    return asked_words(parse_place(body))


def refused(body):
    """Return what is wrong with a body, by field."""
    with pytest.raises(ValidationFailed) as refusal:
        parse_place(body)
    return refusal.value.details


# --- what is taken --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [LIMIT, MARKET, LIMIT | {"time_in_force": "ioc"}])
def test_an_ordinary_order_asks_for_nothing_more(body):
    assert asked(body)["conditions"] is None


@pytest.mark.parametrize(
    ("body", "order_type", "conditions"),
    [
        (STOP, "market", Conditions(trigger="stop", trigger_price="19000")),
        (STOP_LIMIT, "limit", Conditions(trigger="stop", trigger_price="19000")),
        (TAKE_PROFIT, "market", Conditions(trigger="take_profit", trigger_price="22000")),
        (
            LIMIT | {"order_type": "take_profit_limit", "trigger_price": 22000},
            "limit",
            Conditions(trigger="take_profit", trigger_price="22000"),
        ),
        (
            STOP | {"trigger_by": "OPPOSITE"},
            "market",
            Conditions(trigger="stop", trigger_price="19000", trigger_by="opposite"),
        ),
        (TRAILING, "market", Conditions(trigger="stop", trail_bps=100)),
        (
            LIMIT | {"order_type": "trailing-stop", "trail_price": "50", "activation_price": "1"},
            "limit",
            Conditions(trigger="stop", trail_price="50", activation_price="1"),
        ),
        (
            MARKET | {"order_type": "TakeProfit", "trail_price": "50"},
            "market",
            Conditions(trigger="take_profit", trail_price="50"),
        ),
    ],
)
def test_an_order_that_waits_says_for_what(body, order_type, conditions):
    words = asked(body)

    assert (words["order_type"], words["conditions"]) == (order_type, conditions)


@pytest.mark.parametrize(
    ("change", "conditions"),
    [
        ({"display_quantity": "0.1"}, Conditions(display_quantity="0.1")),
        ({"time_in_force": "GTD", "expires_at": EXPIRY}, Conditions(expires_us=EXPIRY_US)),
        ({"time_in_force": "gtd", "expires_at": "1801396800000"}, Conditions(expires_us=EXPIRY_US)),
        (
            {"time_in_force": "gtd", "expires_at": Number("1801396800000")},
            Conditions(expires_us=EXPIRY_US),
        ),
        ({"post_only": True, "post_only_mode": "SLIDE"}, Conditions(slides=True)),
        ({"time_in_force": "PostOnly", "post_only_mode": "Slide"}, Conditions(slides=True)),
        ({"self_trade_prevention": "Decrement"}, Conditions(self_trade="decrement")),
        ({"self_trade_prevention": "none"}, Conditions(self_trade="none")),
    ],
)
def test_a_limit_order_asks_for_more(change, conditions):
    assert asked(LIMIT | change)["conditions"] == conditions


def test_a_post_only_order_that_is_refused_asks_for_nothing_more():
    for change in ({"post_only": True}, {"post_only": True, "post_only_mode": "Reject"}):
        words = asked(LIMIT | change)
        assert (words["post_only"], words["conditions"]) == (True, None)


def test_a_market_order_has_a_worst_price():
    words = asked(MARKET | {"protection_price": "19000"})

    assert words["conditions"] == Conditions(protection_price="19000")


@pytest.mark.parametrize(
    ("body", "spelled", "meant"),
    [
        (LIMIT, "day", "day"),
        (LIMIT, "GTC", "gtc"),
        (STOP_LIMIT, "FOK", "fok"),
        (STOP, "GTC", "ioc"),
        (STOP, "Day", "day"),
        (TRAILING, "fok", "fok"),
    ],
)
def test_times_in_force_keep_their_meaning(body, spelled, meant):
    assert asked(body | {"time_in_force": spelled})["time_in_force"] == meant


def test_a_stop_that_waits_until_a_time_is_good_till_then():
    words = asked(STOP | {"time_in_force": "GTD", "expires_at": EXPIRY})

    assert (words["time_in_force"], words["conditions"].expires_us) == ("gtd", EXPIRY_US)


def test_figures_are_written_as_the_market_writes_them():
    body = STOP_LIMIT | {"display_quantity": "0.5", "stop_price": "19000.5"}

    fitted = fitting(btc_usd(), parse_place(body))

    assert (fitted.price, fitted.quantity) == ("20000.00", "1.000")
    assert (fitted.stop_price, fitted.display_quantity) == ("19000.50", "0.500")
    assert fitting(btc_usd(), parse_amend({"stop_price": "1"})).stop_price == "1.00"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (STOP, "stop_price"),
        (STOP_LIMIT, "price"),
        (LIMIT, "display_quantity"),
        (MARKET, "protection_price"),
        (MARKET | {"order_type": "TrailingStop"}, "trail_price"),
        (TRAILING, "activation_price"),
    ],
)
def test_a_figure_that_fits_no_tick_or_lot_is_named(body, field):
    with pytest.raises(ValidationFailed) as refusal:
        fitting(btc_usd(), parse_place(body | {field: "1.00001"}))

    assert list(refusal.value.details) == [field]


# --- what is refused ------------------------------------------------------------------------------

TRIGGERED = {"stop_price": "1", "trigger_by": "Last", "trail_price": "1", "trail_bps": 5}


@pytest.mark.parametrize("body", [LIMIT, MARKET])
@pytest.mark.parametrize(
    ("name", "value"),
    [*TRIGGERED.items(), ("trigger_price", "1"), ("activation_price", "1")],
)
def test_what_orders_that_wait_have_is_not_for_others(body, name, value):
    assert refused(body | {name: value}) == {
        name: "is for orders that wait: Stop, StopLimit, TakeProfit, TakeProfitLimit, TrailingStop"
    }


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (STOP | {"stop_price": None}, "stop_price", "is required"),
        (STOP_LIMIT | {"stop_price": None}, "stop_price", "is required"),
        (STOP_LIMIT | {"price": None}, "price", "is required for a limit order"),
        (STOP | {"price": "1"}, "price", "is for limit orders only"),
        (STOP | {"trigger_price": "1"}, "trigger_price", "another name of stop_price"),
        (STOP | {"trigger_by": "mark"}, "trigger_by", "expected one of: Last, Opposite"),
        (STOP | {"trail_price": "1"}, "trail_price", "is for orders that trail"),
        (STOP | {"trail_bps": "1"}, "trail_bps", "is for orders that trail"),
        (STOP | {"activation_price": "1"}, "activation_price", "is for orders that trail"),
        (STOP | {"quantity": None}, "quantity", "is required"),
        (TAKE_PROFIT | {"stop_price": None}, "stop_price", "unless it trails"),
        (TAKE_PROFIT | {"trail_bps": 5}, "stop_price", "excludes trail_bps"),
        (TAKE_PROFIT | {"trail_price": "5"}, "stop_price", "excludes trail_price"),
        (TAKE_PROFIT | {"activation_price": "1"}, "activation_price", "is for orders that trail"),
        (TRAILING | {"trail_bps": None}, "trail_price", "is required for a trailing stop"),
        (TRAILING | {"trail_price": "1"}, "trail_bps", "excludes trail_price"),
        (TRAILING | {"stop_price": "1"}, "stop_price", "excludes trail_bps"),
        (TRAILING | {"trail_bps": 0}, "trail_bps", "whole number from 1 to 9999"),
        (TRAILING | {"trail_bps": 10_000}, "trail_bps", "whole number from 1 to 9999"),
        (TRAILING | {"trail_bps": "1.5"}, "trail_bps", "whole number from 1 to 9999"),
        (
            STOP | {"quantity": None, "quote_quantity": "5"},
            "quote_quantity",
            "is not for a sell that waits",
        ),
        (STOP | {"post_only": True}, "post_only", "expected false for a market order"),
        (STOP_LIMIT | {"quote_quantity": "5"}, "quote_quantity", "is for market orders only"),
        (STOP_LIMIT | {"protection_price": "5"}, "protection_price", "is for market orders only"),
        (LIMIT | {"protection_price": "5"}, "protection_price", "is for market orders only"),
        (MARKET | {"display_quantity": "1"}, "display_quantity", "is for limit orders only"),
        (STOP | {"display_quantity": "1"}, "display_quantity", "is for limit orders only"),
        (
            LIMIT | {"display_quantity": "1", "time_in_force": "IOC"},
            "display_quantity",
            "is for orders that rest",
        ),
        (LIMIT | {"display_quantity": "0"}, "display_quantity", "expected a figure above zero"),
        (LIMIT | {"post_only_mode": "Slide"}, "post_only_mode", "is for post-only orders"),
        (
            LIMIT | {"post_only": True, "post_only_mode": "jump"},
            "post_only_mode",
            "expected one of: Reject, Slide",
        ),
        (
            LIMIT | {"post_only": True, "time_in_force": "FOK"},
            "time_in_force",
            "expected GTC, GTD or Day",
        ),
        (LIMIT | {"time_in_force": "GTD"}, "expires_at", "is required for a GTD order"),
        (LIMIT | {"expires_at": EXPIRY}, "expires_at", "is for GTD orders only"),
        (
            LIMIT | {"expires_at": EXPIRY, "time_in_force": "Day"},
            "expires_at",
            "is for GTD orders only",
        ),
        (
            LIMIT | {"expires_at": "tomorrow", "time_in_force": "GTD"},
            "expires_at",
            "expected an RFC 3339 time",
        ),
        (
            LIMIT | {"expires_at": "2027-01-31T12:00:00", "time_in_force": "GTD"},
            "expires_at",
            "expected an RFC 3339 time",
        ),
        (
            LIMIT | {"expires_at": "9999-12-31T12:00:00Z", "time_in_force": "GTD"},
            "expires_at",
            "before the year 9999",
        ),
        (MARKET | {"time_in_force": "Day"}, "time_in_force", "expected IOC or FOK"),
        (
            MARKET | {"time_in_force": "GTD", "expires_at": EXPIRY},
            "time_in_force",
            "expected IOC or FOK",
        ),
        (
            LIMIT | {"self_trade_prevention": "all"},
            "self_trade_prevention",
            "expected one of: None, Taker, Maker, Both, Decrement",
        ),
    ],
)
def test_what_does_not_go_together_is_named(body, field, expected):
    details = refused(body)

    assert list(details) == [field]
    assert expected in details[field]


@pytest.mark.parametrize(
    "reason",
    [
        "self_trade_mode",
        "expiry_passed",
        "display_quantity",
        "would_trigger_at_once",
        "no_reference_price",
        "trail_out_of_range",
        "too_many_trigger_orders",
        "not_triggerable",
    ],
)
def test_what_a_market_refuses_is_an_invalid_order(reason):
    assert code_of(reason) == "invalid_order"


def test_what_is_wrong_by_itself_is_not_named_a_second_time():
    assert list(refused(TRAILING | {"trail_bps": "x"})) == ["trail_bps"]
    assert list(refused(STOP | {"stop_price": "x"})) == ["stop_price"]
    assert list(refused(LIMIT | {"time_in_force": "GTD", "expires_at": True})) == ["expires_at"]


def test_an_expiry_is_read_to_the_microsecond():
    order = parse_place(
        LIMIT | {"time_in_force": "GTD", "expires_at": "2027-01-31T13:00:00.000001+01:00"}
    )

    assert order.expires_at == datetime(2027, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
    assert asked_words(order)["conditions"].expires_us == EXPIRY_US + 1


def test_every_field_that_few_orders_have_reaches_the_command():
    first = asked(
        LIMIT
        | {"order_type": "TakeProfitLimit", "trail_price": "1", "activation_price": "2"}
        | {"trigger_by": "Opposite", "time_in_force": "GTD", "expires_at": EXPIRY}
        | {"post_only": True, "post_only_mode": "Slide", "display_quantity": "0.1"}
        | {"self_trade_prevention": "Both"}
    )["conditions"]
    second = asked(TRAILING | {"protection_price": "1"})["conditions"]
    third = asked(STOP)["conditions"]

    asks = [msgspec.structs.asdict(one) for one in (first, second, third)]
    plain = msgspec.structs.asdict(Conditions())
    unset = {name for name in plain if all(one[name] == plain[name] for one in asks)}
    assert unset == {"trigger_state", "triggered_us", "leg", "list_id"}
