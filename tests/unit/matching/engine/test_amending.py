"""Amending and cancelling open orders."""

import pytest

from matching.engine.commands import CancelAll
from matching.engine.events import DepthChanged, OrderAmended, OrderClosed, Traded
from tests.unit.matching.engine.notation import (
    ACCOUNTS,
    MARKET_ID,
    Desk,
    depth,
    desk_at,
    end,
    refusals,
    released,
    trades,
)


def test_less_quantity_at_the_same_price_keeps_the_place_in_the_queue():
    desk = Desk("sell 5 @ 100; sell 5 @ 100")

    events = desk.amend(1, lots=3)

    assert [type(e) for e in events] == [OrderAmended, DepthChanged]
    assert events[0].hold_units == -20
    assert depth(events) == ["sell 100: 8"]
    assert desk.ids() == [1, 2]
    order = desk.engine.order(1)
    assert (order.quantity_lots, order.remaining_lots, order.hold_units, order.priority) == (
        3,
        3,
        30,
        1,
    )
    assert (order.created_us, order.updated_us) == (1, 3)


@pytest.mark.parametrize("change", [{"lots": 6}, {"price": 101}, {"price": 101, "lots": 2}])
def test_anything_else_goes_to_the_end_of_the_queue(change):
    desk = Desk("sell 5 @ 100; sell 5 @ 100; sell 5 @ 101")

    events = desk.amend(1, **change)

    assert end(events) == "new"
    assert desk.engine.order(1).priority == 4
    assert desk.ids() == ([2, 1, 3] if "price" not in change else [2, 3, 1])


def test_same_level_more_quantity_tells_depth_once():
    desk = Desk("sell 5 @ 100; sell 5 @ 100")

    assert depth(desk.amend(1, lots=6)) == ["sell 100: 11"]


def test_quantity_counts_what_is_filled_already():
    desk = Desk("sell 5 @ 100")
    desk.place("buy 2 @ 100")

    assert refusals(desk.amend(1, lots=2)) == ["quantity_out_of_range"]
    events = desk.amend(1, lots=3)

    order = desk.engine.order(1)
    assert events[0].hold_units == -20
    assert (order.quantity_lots, order.filled_lots, order.remaining_lots) == (3, 2, 1)
    assert order.status == "partially_filled"


@pytest.mark.parametrize(
    ("price", "expected_trades", "expected_end", "expected_book"),
    [
        (100, ["2 @ 100"], "partially_filled", "buy 3 @ 100; sell 4 @ 102"),
        (102, ["2 @ 100", "3 @ 102"], "filled", "sell 1 @ 102"),
        (99, [], "new", "buy 5 @ 99; sell 2 @ 100; sell 4 @ 102"),
    ],
)
def test_price_across_the_book_trades_as_a_taker(
    price, expected_trades, expected_end, expected_book
):
    desk = Desk("ann: buy 5 @ 98; sell 2 @ 100; sell 4 @ 102")

    events = desk.amend(1, price=price, account="ann")

    assert trades(events) == expected_trades
    assert end(events) == expected_end
    assert desk.book() == expected_book
    assert events[0].hold_units == 5 * (price - 98) * 5


def test_amended_order_stops_at_its_own_account():
    desk = Desk("ann: buy 5 @ 98; sell 2 @ 100; ann: sell 4 @ 101")

    events = desk.amend(1, price=101, account="ann")

    assert trades(events) == ["2 @ 100"]
    assert end(events) == "cancelled self_trade"
    assert released(events) == [3 * 101 * 5]
    assert desk.book() == "sell 4 @ 101"


def test_funds_are_what_is_available_and_what_the_order_holds():
    desk = Desk("buy 5 @ 98")  # holds 2,450; 5 at 100 need 2,500

    assert refusals(desk.amend(1, price=100, available=49)) == ["insufficient_balance"]
    assert desk.amend(1, price=100, available=50)[0].hold_units == 50


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, "nothing_to_amend"),
        ({"price": 98}, "nothing_to_amend"),
        ({"price": 98, "lots": 5}, "nothing_to_amend"),
        ({"price": 0}, "price_out_of_range"),
        ({"price": 10_001}, "price_out_of_range"),
        ({"lots": 0}, "quantity_out_of_range"),
        ({"lots": 1_001}, "quantity_out_of_range"),
        ({"price": 1}, "notional_too_small"),
        ({"lots": 1_000}, "notional_too_large"),
        ({"price": 102}, "post_only_would_cross"),
    ],
)
def test_amendment_is_refused_whole(change, refused):
    desk = Desk(
        "buy 5 @ 98 post-only; ann: sell 4 @ 102",
        min_notional_units=100,
        max_notional_units=400_000,
    )
    before = desk.engine.state_hash()

    assert refusals(desk.amend(1, **change)) == [refused]
    assert desk.engine.state_hash() == before


def test_an_order_by_amount_that_waits_tells_no_lots():
    desk = Desk()
    desk.place("maker: buy for 250 stop 104")

    events = desk.amend(1, trigger=103)

    assert [(e.hold_units, e.remaining_lots) for e in events] == [(0, 0)]
    assert desk.engine.order(1).remaining_lots == 0


def test_only_the_own_open_order_of_that_market_is_amended_or_cancelled():
    desk = Desk("sell 5 @ 100; sell 1 @ 101")
    desk.cancel(2)
    before = desk.engine.state_hash()

    for order_id, account in ((1, "ann"), (2, "maker"), (99, "maker")):
        assert refusals(desk.amend(order_id, price=90, account=account)) == ["order_not_open"]
        assert refusals(desk.cancel(order_id, account=account)) == ["order_not_open"]

    assert desk.engine.state_hash() == before


@pytest.mark.parametrize(
    ("side", "cancelled", "book"),
    [
        (None, [1, 2, 4], "buy 9 @ 97"),
        ("buy", [2], "buy 9 @ 97; sell 3 @ 100; sell 1 @ 103"),
        ("sell", [1, 4], "buy 2 @ 98; buy 9 @ 97"),
    ],
)
def test_cancel_all_takes_the_account_s_orders_oldest_first(side, cancelled, book):
    desk = Desk("sell 1 @ 103; buy 2 @ 98; ann: buy 9 @ 97; sell 3 @ 100")

    events = desk.apply(CancelAll(MARKET_ID, ACCOUNTS["maker"], side, 9))

    closed = [e.order for e in events if isinstance(e, OrderClosed)]
    assert [order.order_id for order in closed] == cancelled
    assert {order.status for order in closed} == {"cancelled"}
    assert {order.reason for order in closed} == {"requested"}
    assert desk.book() == book
    assert not any(isinstance(e, Traded) for e in events)


def test_cancel_all_lets_an_order_fire_that_waits_for_what_is_left():
    desk = desk_at(100, "buy 2 @ 98; ann: buy 9 @ 97", "sell 3 market stop 97 by opposite")

    events = desk.cancel_all("maker")

    assert trades(events) == ["3 @ 97"]
    assert desk.book() == "buy 6 @ 97"


def test_levels_are_told_down_to_the_lowest_price():
    desk = desk_at(100, "buy 1 @ 1; buy 3 @ 2; sell 4 @ 101", "buy 2 @ 1 stop 101")

    assert depth(desk.cancel_all("maker", "buy")) == ["buy 1: 0", "buy 2: 0"]
    assert depth(desk.place("buy 1 @ 101")) == ["sell 101: 3", "buy 1: 2"]


def test_an_amendment_tells_what_was_asked_for_until_then():
    desk = desk_at(100, "sell 5 @ 101 #a", "sell 5 @ 90 stop 95 #s")

    first, *_ = desk.step("amend a to 3 @ 102")
    second, *_ = desk.step("amend s to 4 @ 89 stop 94")

    told = [
        (e.price_ticks_before, e.quantity_lots_before, e.trigger_ticks_before)
        for e in (first, second)
    ]
    assert told == [(101, 5, None), (90, 5, 95)]


def test_cancel_all_of_nothing_is_nothing():
    desk = Desk("sell 1 @ 103")

    assert desk.apply(CancelAll(MARKET_ID, ACCOUNTS["bob"], None, 9)) == []
    assert refusals(desk.apply(CancelAll(77, ACCOUNTS["bob"], None, 9))) == ["market_not_found"]


def test_client_order_id_is_unique_among_open_orders_and_free_again_after():
    desk = Desk("ann: buy 5 @ 98 #mine")

    assert refusals(desk.place("ann: buy 5 @ 97 #mine")) == ["duplicate_client_order_id"]
    assert refusals(desk.place("bob: buy 5 @ 97 #mine")) == []
    assert desk.engine.order_by_client_id(MARKET_ID, ACCOUNTS["ann"], "mine").order_id == 1
    assert desk.engine.order_by_client_id(77, ACCOUNTS["ann"], "mine") is None
    desk.cancel(1, account="ann")
    assert desk.engine.order_by_client_id(MARKET_ID, ACCOUNTS["ann"], "mine") is None
    assert refusals(desk.place("ann: buy 5 @ 97 #mine")) == []
    # One that is filled at once was never open.
    assert refusals(desk.place("maker: sell 10 @ 97 #x")) == []
    assert refusals(desk.place("maker: sell 10 @ 97 #x")) == []
