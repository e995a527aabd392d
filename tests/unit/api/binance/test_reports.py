"""Answers about orders that ask for more than others."""

from decimal import Decimal
from typing import Any

import pytest

from api.binance.words import reports
from matching.conditions import Conditions
from matching.engine import rules
from matching.wire import PreventedState
from tests.unit.api.binance.orders import MS, US, order, terms_of

CREATED_MS = MS - 5_000


@pytest.mark.parametrize(
    ("fields", "conditions", "expected"),
    [
        ({}, {"trigger": "stop"}, "STOP_LOSS_LIMIT"),
        ({"post_only": True}, {"trigger": "stop"}, "STOP_LOSS_LIMIT"),
        ({"order_type": "market"}, {"trigger": "stop"}, "STOP_LOSS"),
        ({}, {"trigger": "take_profit"}, "TAKE_PROFIT_LIMIT"),
        ({"order_type": "market"}, {"trigger": "take_profit"}, "TAKE_PROFIT"),
        ({"post_only": True}, {}, "LIMIT_MAKER"),
        ({}, {"display_quantity": "1.0000"}, "LIMIT"),
    ],
)
def test_types_read_as_they_were_placed(
    fields: dict[str, Any], conditions: dict[str, Any], expected: str
) -> None:
    assert reports.type_word(order(**fields, conditions=Conditions(**conditions))) == expected


@pytest.mark.parametrize(
    ("time_in_force", "expected"),
    [("gtc", "GTC"), ("gtd", "GTC"), ("day", "GTC"), ("ioc", "IOC"), ("fok", "FOK")],
)
def test_orders_that_end_by_themselves_rest_until_then(time_in_force: str, expected: str) -> None:
    assert reports.lifetime_word(order(time_in_force=time_in_force)) == expected


def test_an_order_without_conditions_reads_as_ever() -> None:
    assert reports.order(order(), terms_of()) == {
        "symbol": "BTCUSDT", "orderId": 77, "orderListId": -1, "clientOrderId": "mine",
        "price": "100.50000000", "origQty": "2.00000000", "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "0.00000000", "status": "NEW",
        "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.00000000",
        "icebergQty": "0.00000000", "time": CREATED_MS, "updateTime": MS, "isWorking": True,
        "workingTime": CREATED_MS, "selfTradePreventionMode": "EXPIRE_TAKER",
    }  # fmt: skip


def test_an_order_that_waits_does_not_work() -> None:
    conditions = Conditions(trigger="stop", trigger_price="101.00", trigger_state="rising")
    state = order(conditions=conditions)
    expected = {"stopPrice": "101.00000000", "workingTime": -1}
    shown = reports.order(state, terms_of())
    assert {**expected, "isWorking": False}.items() <= shown.items()
    answer = reports.full(state, [], terms_of())
    assert expected.items() <= answer.items()
    assert "icebergQty" not in answer


def test_an_order_that_was_triggered_works_since_then() -> None:
    conditions = Conditions(
        trigger="take_profit",
        trail_bps=25,
        activation_price="99.00",
        trigger_state="triggered",
        triggered_us=US - 2_000_000,
    )
    expected = {
        "stopPrice": "99.00000000",
        "trailingDelta": 25,
        "isWorking": True,
        "workingTime": MS - 2_000,
    }
    shown = reports.order(order(conditions=conditions), terms_of())
    assert expected.items() <= shown.items()
    # When it began to trail is not kept.
    assert "trailingTime" not in shown


def test_every_mode_has_a_word() -> None:
    assert set(reports.SELF_TRADE_MODES) == set(rules.SELF_TRADE_MODES)


def test_self_trade_modes_are_the_orders_own_else_the_markets() -> None:
    terms = terms_of()
    assert reports.self_trade_word(order(), terms) == "EXPIRE_TAKER"
    for mode, word in reports.SELF_TRADE_MODES.items():
        state = order(conditions=Conditions(self_trade=mode))
        assert reports.self_trade_word(state, terms) == word


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"prevented_quantity": "0.2500"}, "0.25000000"),
        ({"reason": "self_trade", "remaining_quantity": "1.5000"}, "1.50000000"),
        (
            {
                "reason": "self_trade",
                "remaining_quantity": "0.5000",
                "prevented_quantity": "0.2500",
            },
            "0.75000000",
        ),
        ({"reason": "self_trade", "remaining_quantity": "0.0000"}, None),
    ],
)
def test_what_prevention_cost_an_order(fields: dict[str, Any], expected: str | None) -> None:
    assert reports.prevented_text(order(**fields)) == expected


def test_an_amendment_has_words_of_its_own() -> None:
    state = order(quantity="1.5000", conditions=Conditions(display_quantity="0.5000"))
    assert reports.amended(state, terms_of()) == {
        "transactTime": MS,
        "amendedOrder": {
            "symbol": "BTCUSDT", "orderId": 77, "orderListId": -1, "origClientOrderId": "mine",
            "clientOrderId": "mine", "price": "100.50000000", "qty": "1.50000000",
            "executedQty": "0.00000000", "preventedQty": "0.00000000",
            "quoteOrderQty": "0.00000000", "cumulativeQuoteQty": "0.00000000", "status": "NEW",
            "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "icebergQty": "0.50000000",
            "workingTime": CREATED_MS, "selfTradePreventionMode": "EXPIRE_TAKER",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("taker", {"takerPreventedQuantity": "3.00000000"}),
        ("maker", {"makerPreventedQuantity": "1.20000000"}),
        (
            "both",
            {"takerPreventedQuantity": "3.00000000", "makerPreventedQuantity": "1.20000000"},
        ),
        (
            "decrement",
            {"takerPreventedQuantity": "0.50000000", "makerPreventedQuantity": "0.50000000"},
        ),
    ],
)
def test_a_prevented_match_tells_what_each_lost(mode: str, expected: dict[str, str]) -> None:
    match = PreventedState(9, 1, mode, "100.25", "0.5000", 77, 88, 5, 5, US)
    ended = reports.ended_by(match)
    rests = {77: Decimal("1.2"), 88: Decimal(3)}
    assert set(ended) == {
        order_id
        for order_id, role in ((77, "maker"), (88, "taker"))
        if mode != "decrement" and f"{role}PreventedQuantity" in expected
    }
    word = reports.SELF_TRADE_MODES[mode]
    assert reports.prevented(match, terms_of(), rests) == {
        "symbol": "BTCUSDT",
        "preventedMatchId": 9,
        "takerOrderId": 88,
        "makerSymbol": "BTCUSDT",
        "makerOrderId": 77,
        "tradeGroupId": -1,
        "selfTradePreventionMode": word,
        "price": "100.25000000",
        **expected,
        "transactTime": MS,
    }
