"""What the stream tells of orders that wait, that show a part, or that met one of their owner."""

from typing import Any

import pytest

from api.binance.user_data.execution_reports import execution_reports
from marketdata.feed.account_streams import AccountStep
from matching.conditions import Conditions
from matching.wire import OrderChange, OrderState, PreventedState
from tests.unit.api.binance.orders import MS, US, order, terms_of


def reports_of(*changes: OrderChange) -> list[dict[str, Any]]:
    steps = [AccountStep(100 + number, change, None) for number, change in enumerate(changes)]
    return list(execution_reports(terms_of(), steps, US))


def stop(**fields: Any) -> OrderState:
    conditions = {"trigger": "stop", "trigger_price": "101.00", "trigger_state": "rising"}
    conditions |= fields.pop("conditions", {})
    return order(**fields, conditions=Conditions(**conditions))


def met(mode: str, quantity: str = "0.5000", *, maker: int = 77, taker: int = 88) -> PreventedState:
    return PreventedState(9, 1, mode, "100.25", quantity, maker, taker, 5, 5, US)


def test_a_stop_is_new_when_it_is_placed_and_new_again_when_it_enters_the_market() -> None:
    triggered = {"trigger_state": "triggered", "triggered_us": US}
    placed, entered, ended = reports_of(
        OrderChange("new", stop()),
        OrderChange("triggered", stop(conditions=triggered)),
        OrderChange(
            "cancelled", stop(status="cancelled", reason="requested", conditions=triggered)
        ),
    )
    waits = {"o": "STOP_LOSS_LIMIT", "P": "101.00000000", "p": "100.50000000"}
    assert {**waits, "x": "NEW", "X": "NEW", "w": False}.items() <= placed.items()
    assert "W" not in placed
    assert {**waits, "x": "NEW", "X": "NEW", "w": True, "W": MS}.items() <= entered.items()
    assert {"x": "CANCELED", "w": False, "W": MS}.items() <= ended.items()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"trigger_state": "trailing"}, {"P": "0.00000000", "d": 150, "D": MS - 5_000}),
        (
            {"trigger_state": "falling", "activation_price": "99.00"},
            {"P": "99.00000000", "d": 150, "D": -1},
        ),
        (
            {"trigger_state": "trailing", "activation_price": "99.00"},
            {"P": "99.00000000", "d": 150},
        ),
    ],
)
def test_a_trailing_order_tells_its_delta_and_since_when_it_trails(
    conditions: dict[str, Any], expected: dict[str, Any]
) -> None:
    conditions = {"trigger_price": None, "trail_bps": 150, **conditions}
    (report,) = reports_of(OrderChange("new", stop(conditions=conditions)))
    assert expected.items() <= report.items()
    assert ("D" in report) == ("D" in expected)


def test_an_iceberg_tells_what_it_shows() -> None:
    iceberg = order(conditions=Conditions(display_quantity="0.2500", self_trade="both"))
    (report,) = reports_of(OrderChange("new", iceberg))
    assert {"F": "0.25000000", "V": "EXPIRE_BOTH", "o": "LIMIT"}.items() <= report.items()
    assert not {"d", "D", "A", "v"} & set(report)


def test_an_order_that_ended_by_a_meeting_is_told_once_with_all_that_it_lost() -> None:
    ended = order(status="cancelled", reason="self_trade", remaining_quantity="1.5000")
    (report,) = reports_of(
        OrderChange("prevented", order(remaining_quantity="1.5000"), prevented=met("maker")),
        OrderChange("cancelled", ended),
    )
    expected = {
        "x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH", "c": "mine", "C": "", "w": False,
        "v": 9, "A": "1.50000000", "B": "1.50000000", "u": -1, "U": 88, "Cs": "BTCUSDT",
        "pl": "0.50000000", "pL": "100.25000000", "pY": "50.12500000", "I": 101,
    }  # fmt: skip
    assert expected.items() <= report.items()


@pytest.mark.parametrize("mode", ["taker", "maker"])
def test_who_loses_nothing_by_a_meeting_is_told_nothing(mode: str) -> None:
    maker, taker = (77, 88) if mode == "taker" else (88, 77)
    meeting = met(mode, maker=maker, taker=taker)
    assert reports_of(OrderChange("prevented", order(), prevented=meeting)) == []


def test_where_both_lose_what_they_would_have_traded_the_larger_one_goes_on() -> None:
    first, second = reports_of(
        OrderChange(
            "prevented",
            order(prevented_quantity="0.5000", remaining_quantity="1.5000"),
            prevented=met("decrement"),
        ),
        OrderChange(
            "prevented",
            order(id=88, prevented_quantity="0.5000", remaining_quantity="0.0000"),
            prevented=met("decrement"),
        ),
        OrderChange(
            "cancelled",
            order(
                id=88,
                prevented_quantity="0.5000",
                remaining_quantity="0.0000",
                status="cancelled",
                reason="self_trade",
            ),
        ),
    )
    lost = {"x": "TRADE_PREVENTION", "A": "0.50000000", "B": "0.50000000", "v": 9}
    assert {**lost, "X": "NEW", "w": True, "U": 88}.items() <= first.items()
    assert {**lost, "X": "EXPIRED_IN_MATCH", "w": False, "U": 77}.items() <= second.items()


def test_a_taker_that_meets_several_is_told_of_each_it_survives_and_of_its_end() -> None:
    def taker(prevented: str, remaining: str, **fields: Any) -> OrderState:
        return order(id=88, prevented_quantity=prevented, remaining_quantity=remaining, **fields)

    ended = taker("2.0000", "0.0000", status="cancelled", reason="self_trade")
    first, last = reports_of(
        OrderChange("prevented", taker("0.5000", "1.5000"), prevented=met("decrement")),
        OrderChange("prevented", taker("2.0000", "0.0000"), prevented=met("decrement", "1.5000")),
        OrderChange("cancelled", ended),
    )
    assert (first["X"], first["A"], first["B"]) == ("NEW", "0.50000000", "0.50000000")
    assert (last["X"], last["A"], last["B"]) == ("EXPIRED_IN_MATCH", "2.00000000", "1.50000000")
