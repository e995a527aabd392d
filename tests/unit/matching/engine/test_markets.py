"""Phases, rules and the limits that orders must keep."""

import msgspec
import pytest

from matching.engine import EngineError
from matching.engine.commands import ConfigureMarket, SetPhase
from matching.engine.events import MarketChanged
from tests.unit.matching.engine.notation import (
    ACCOUNTS,
    MARKET_ID,
    RULES,
    Desk,
    changed,
    refusals,
)

STOPPED = ("cancel_only", "halted", "pre_open", "closed")


@pytest.mark.parametrize("phase", STOPPED)
def test_stopped_market_takes_cancels_only(phase):
    desk = Desk("sell 5 @ 100; sell 5 @ 101")
    assert [type(e) for e in desk.phase(phase)] == [MarketChanged]

    assert refusals(desk.place("buy 5 @ 90")) == ["market_halted"]
    assert refusals(desk.place("buy 5 @ 90 post-only")) == ["market_halted"]
    assert refusals(desk.place("buy 5 market")) == ["market_halted"]
    assert refusals(desk.amend(1, lots=3)) == ["market_halted"]
    assert refusals(desk.cancel(1)) == []
    assert desk.book() == "sell 5 @ 101"


def test_post_only_phase_takes_post_only_orders_only():
    desk = Desk("sell 5 @ 100; sell 5 @ 101 post-only")
    desk.phase("post_only")

    assert refusals(desk.place("buy 5 @ 90")) == ["market_post_only"]
    assert refusals(desk.place("buy 5 market")) == ["market_post_only"]
    assert refusals(desk.amend(1, lots=3)) == ["market_post_only"]
    assert refusals(desk.amend(2, lots=3)) == []
    assert refusals(desk.place("buy 5 @ 90 post-only")) == []
    assert refusals(desk.place("buy 5 @ 100 post-only")) == ["post_only_would_cross"]


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        ("buy 2 @ 0", ["price_out_of_range"]),
        ("buy 2 @ 1000", []),
        ("buy 2 @ 1001", ["price_out_of_range"]),
        ("buy 0 @ 100", ["quantity_out_of_range"]),
        ("sell 41 @ 100", ["quantity_out_of_range"]),
        ("sell 0 market", ["quantity_out_of_range"]),
        ("sell 41 market", ["quantity_out_of_range"]),
        ("sell 1 market", []),  # by base: no amount to check
        ("buy 1 @ 199", ["notional_too_small"]),
        ("buy 1 @ 200", []),
        ("buy 40 @ 100", []),
        ("buy 40 @ 101", ["notional_too_large"]),
        ("buy for 999", ["notional_too_small"]),
        ("buy for 1000", []),
        ("sell for 20000", []),
        ("sell for 20001", ["notional_too_large"]),
    ],
)
def test_limits_of_the_rules(order, refused):
    desk = Desk(
        max_price_ticks=1_000,
        max_quantity_lots=40,
        min_notional_units=1_000,
        max_notional_units=20_000,
    )

    assert refusals(desk.place(order)) == refused


def test_budget_of_nothing_is_too_small_even_without_a_minimum():
    assert refusals(Desk("sell 1 @ 100").place("buy for 0")) == ["notional_too_small"]


@pytest.mark.parametrize(
    ("price", "refused"), [(950, []), (949, ["price_band"]), (1050, []), (1051, ["price_band"])]
)
def test_band_is_about_the_last_price(price, refused):
    desk = Desk("sell 1 @ 1000; ann: buy 9 @ 400", band_ppm=50_000)
    assert refusals(desk.place("bob: buy 1 @ 4000")) == []  # no last price yet: no band

    assert refusals(desk.place(f"bob: sell 1 @ {price}")) == refused
    assert refusals(desk.amend(2, price=price, account="ann")) == refused
    assert refusals(desk.amend(2, lots=3, account="ann")) == []  # a price may stay where it is


@pytest.mark.parametrize(
    "change",
    [
        {"price_ticks": 100},  # a market order with a price
        {"budget_units": 500},  # quantity and budget
        {"quantity_lots": None},  # neither
        {"post_only": True},
        {"quantity_lots": None, "budget_units": 500, "time_in_force": "fok"},
    ],
)
def test_contradictory_market_order_is_refused(change):
    desk = Desk("sell 5 @ 100")
    command = changed(desk.command("buy 2 market"), change)

    assert len(refusals(desk.apply(command))) == 1
    assert desk.book() == "sell 5 @ 100"


@pytest.mark.parametrize(
    "change",
    [
        {"price_ticks": None},
        {"quantity_lots": None},
        {"budget_units": 500},
        {"post_only": True, "time_in_force": "ioc"},
        {"post_only": True, "time_in_force": "fok"},
    ],
)
def test_contradictory_limit_order_is_refused(change):
    desk = Desk("sell 5 @ 100")
    command = changed(desk.command("buy 2 @ 99"), change)

    assert len(refusals(desk.apply(command))) == 1
    assert desk.book() == "sell 5 @ 100"


def test_order_id_in_use_is_the_caller_s_mistake():
    desk = Desk("sell 5 @ 100")
    command = msgspec.structs.replace(desk.command("buy 2 @ 99"), order_id=1)
    before = desk.engine.state_hash()

    with pytest.raises(EngineError, match="order id 1 is in use"):
        desk.apply(command)

    assert desk.engine.state_hash() == before


@pytest.mark.parametrize("change", [{"lot_units": 1}, {"tick_lot_units": 1}, {"base_id": 7}])
def test_tick_and_lot_change_only_while_halted_and_empty(change):
    desk = Desk("sell 1 @ 100; sell 1 @ 100")
    desk.place("buy 1 @ 100")
    command = ConfigureMarket(msgspec.structs.replace(RULES, **change), "continuous", 5)

    assert refusals(desk.apply(command)) == ["rules_not_changeable"]
    desk.phase("halted")
    assert refusals(desk.apply(command)) == ["rules_not_changeable"]
    desk.cancel(2)
    assert refusals(desk.apply(command)) == []

    market = desk.engine.market(MARKET_ID)
    assert (market.rules, market.phase) == (command.rules, "continuous")
    assert market.last_price_ticks is None  # it was counted in other ticks
    assert (market.trade_sequence, market.depth_sequence) == (1, 4)


def test_other_rules_change_at_any_time_and_leave_open_orders_alone():
    desk = Desk("sell 5 @ 100")
    rules = msgspec.structs.replace(RULES, max_price_ticks=50, min_notional_units=10**6)

    events = desk.apply(ConfigureMarket(rules, "continuous", 5))

    assert [type(e) for e in events] == [MarketChanged]
    assert desk.book() == "sell 5 @ 100"
    assert refusals(desk.place("buy 1 @ 51")) == ["price_out_of_range"]


@pytest.mark.parametrize(
    "change",
    [
        {"lot_units": 0},
        {"tick_lot_units": 0},
        {"min_notional_units": 9, "max_notional_units": 8},
        {"max_price_ticks": 0},
        {"max_quantity_lots": 0},
        {"band_ppm": -1},
        {"max_open_orders": 0},
        {"max_trigger_orders": -1},
        {"max_iceberg_parts": 0},
        {"protection_ppm": -1},
        {"min_trail_bps": 0},
        {"min_trail_bps": 9, "max_trail_bps": 8},
        {"max_trail_bps": 10_000},
        {"dynamic_collar_ppm": -1},
        {"static_collar_ppm": -1},
        {"interruption_s": 0},
    ],
)
def test_rules_that_contradict_themselves_are_refused(change):
    desk = Desk()
    rules = msgspec.structs.replace(RULES, market_id=2, **change)

    assert refusals(desk.apply(ConfigureMarket(rules, "continuous", 5))) == ["rules_not_changeable"]
    assert not desk.engine.has_market(2)


@pytest.mark.parametrize(
    "change",
    [
        {"lot_units": 1},
        {"tick_lot_units": 1},
        {"min_notional_units": 8, "max_notional_units": 8},
        {"max_price_ticks": 1},
        {"max_quantity_lots": 1},
        {"band_ppm": 0},
        {"max_open_orders": 1},
        {"max_trigger_orders": 0},
        {"max_iceberg_parts": 1},
        {"protection_ppm": 0},
        {"min_trail_bps": 1},
        {"min_trail_bps": 9, "max_trail_bps": 9},
        {"max_trail_bps": 9_999},
        {"dynamic_collar_ppm": 0},
        {"static_collar_ppm": 0},
        {"interruption_s": 1},
    ],
)
def test_rules_may_be_as_narrow_as_can_be(change):
    desk = Desk()
    rules = msgspec.structs.replace(RULES, market_id=2, **change)

    assert refusals(desk.apply(ConfigureMarket(rules, "continuous", 5))) == []
    assert desk.engine.market(2).rules == rules


def test_unknown_market():
    desk = Desk()

    assert refusals(desk.apply(SetPhase(7, "halted", 1))) == ["market_not_found"]
    place = msgspec.structs.replace(desk.command("buy 1 @ 1"), market_id=7)
    assert refusals(desk.apply(place)) == ["market_not_found"]


@pytest.mark.parametrize("market_id", [MARKET_ID, 2])
def test_no_market_is_delisted_by_its_rules(market_id):
    desk = Desk()
    rules = msgspec.structs.replace(RULES, market_id=market_id)

    assert refusals(desk.apply(ConfigureMarket(rules, "delisted", 5))) == ["phase_not_possible"]
    assert [market.phase for market in desk.engine.markets()] == ["continuous"]


def test_an_account_s_open_orders_are_counted_in_all_markets():
    desk = Desk("ann: sell 1 @ 101; ann: sell 1 @ 110 stop 90; bob: sell 1 @ 102")
    rules = msgspec.structs.replace(RULES, market_id=2)
    desk.apply(ConfigureMarket(rules, "continuous", 5))
    desk.apply(msgspec.structs.replace(desk.command("ann: buy 1 @ 99"), market_id=2))

    assert desk.engine.count_of(ACCOUNTS["ann"]) == 3
    assert desk.engine.count_of(ACCOUNTS["taker"]) == 0
    assert [market.count_open() for market in desk.engine.markets()] == [3, 1]
