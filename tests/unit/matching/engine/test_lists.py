"""Lists of orders and protections of quotes: what the tables do not show of what is told."""

import msgspec
import pytest

from matching.engine import Engine, EngineError
from matching.engine.events import (
    ListDone,
    OrderAmended,
    OrderClosed,
    OrderShifted,
    OrderTriggered,
    ProtectionChanged,
)
from matching.engine.rules import Protection
from tests.unit.matching.engine.notation import (
    ACCOUNTS,
    MARKET_ID,
    SECOND_US,
    Desk,
    changed,
    refusals,
)

QUOTES = "sell 5 @ 101 #a; buy 5 @ 99 #b"


def test_what_follows_is_as_much_smaller_as_it_is_told():
    desk = Desk()
    desk.step("oto: sell 5 @ 50 #w | buy 5 @ 100 #t")

    events = desk.step("bob: buy 5 @ 50")

    follower = desk.engine.order(desk.names["t"][1])
    assert [e for e in events if isinstance(e, OrderAmended)] == [
        OrderAmended(follower, 0, 2, 0, 0, 100, 5, None)
    ]
    assert (follower.quantity_lots, follower.hold_units) == (2, 2 * 100 * 5)


def test_what_follows_and_waits_is_told_with_the_price_that_it_waits_for():
    desk = Desk()
    desk.step("oto: sell 5 @ 50 #w | buy 5 @ 100 stop 105 #t")

    events = desk.step("bob: buy 5 @ 50")

    (amended,) = [e for e in events if isinstance(e, OrderAmended)]
    assert (amended.quantity_lots_before, amended.trigger_ticks_before) == (5, 105)


def test_what_follows_holds_what_was_brought_without_the_fee():
    asking = Desk()
    asking.step("oto: sell 5 @ 100 #w | buy 5 @ 100 #t")
    desk = Desk()
    desk.apply(msgspec.structs.replace(asking.applied[-1], maker_ppm=10_000))

    desk.apply(asking.command("bob: buy 5 @ 100"))

    follower = desk.engine.order(asking.names["t"][1])
    assert (follower.quantity_lots, follower.hold_units) == (4, 4 * 100 * 5)


@pytest.mark.parametrize(("begins", "waits"), [(95, "falling"), (105, "rising")])
def test_what_follows_trails_from_a_price_on_either_side(begins, waits):
    desk = Desk()
    desk.step(f"oto: buy 5 @ 100 #w | sell 5 market trail 2 from {begins} #t")

    desk.step("bob: sell 5 @ 100")

    assert desk.engine.order(desk.names["t"][1]).trigger_state == waits


def test_orders_that_name_two_lists_are_none():
    desk = Desk()
    desk.step("oto: buy 5 @ 99 #w | sell 5 @ 110 #t")
    command = desk.applied[-1]
    legs = (command.legs[0], changed(command.legs[1], {"list_id": 77}))
    desk = Desk()
    unchanged = desk.engine.state_hash()

    events = desk.apply(msgspec.structs.replace(command, legs=legs))

    assert refusals(events) == ["list_not_possible"]
    assert desk.engine.state_hash() == unchanged


def test_a_list_is_loaded_with_what_it_holds_and_with_nothing_else():
    desk = Desk()
    desk.step("oto: sell 5 @ 150 #v | buy 5 @ 100 #f")
    desk.step("oto: sell 5 @ 150 #w | buy 5 @ 100 #g")
    desk.step("bob: buy 9 @ 150")  # 600 for each lot's 500: all that they need, before their turn
    market = desk.engine.market(MARKET_ID)
    orders = {o.terms.client_order_id: msgspec.structs.replace(o) for o in market.open_orders()}
    assert orders.keys() == {"f", "w", "g"}
    assert orders["g"].hold_units == 5 * 100 * 5

    rebuilt = Engine()
    rebuilt.load(markets=[market.snapshot()], orders=orders.values())

    assert rebuilt.state_hash() == desk.engine.state_hash()


def test_a_list_that_holds_too_much_is_found_behind_one_of_which_one_order_is_left():
    desk = Desk()
    desk.step("oto: sell 5 @ 150 #v | buy 5 @ 100 #f")
    desk.step("oto: sell 5 @ 150 #w | buy 5 @ 100 #g")
    market = desk.engine.market(MARKET_ID)
    orders = {o.terms.client_order_id: msgspec.structs.replace(o) for o in market.open_orders()}
    del orders["f"]
    Engine().load(markets=[market.snapshot()], orders=map(msgspec.structs.replace, orders.values()))
    orders["g"].hold_units = 5 * 100 * 5 + 1

    with pytest.raises(EngineError, match=f"list {desk.names['w'][1]} does not hold"):
        Engine().load(markets=[market.snapshot()], orders=orders.values())


def test_who_trades_holds_for_itself_alone_from_there_on():
    desk = Desk("sell 1 @ 100")
    desk.step("buy 1 @ 100")
    desk.step("oco: buy 5 @ 90 #t | buy 5 @ 107 stop 105 #s")
    order = desk.engine.order(desk.names["t"][1])
    assert order.hold_units == 5 * 107 * 5

    events = desk.step("ann: sell 2 @ 90")

    assert order.hold_units == 3 * 90 * 5
    shifted = [e for e in events if isinstance(e, OrderShifted)]
    assert shifted == [OrderShifted(order, -5 * (107 - 90) * 5)]


def test_who_trades_and_ends_in_one_command_holds_nothing():
    desk = Desk("buy 2 @ 99; sell 1 @ 100")
    desk.step("bob: buy 1 @ 100")

    events = desk.step("oco: sell 5 @ 99 ioc #t | sell 5 @ 90 stop 95 #s")

    orders = [e.order for e in events if isinstance(e, OrderClosed)]
    assert [(o.reason, o.filled_lots, o.hold_units) for o in orders] == [
        ("ioc_unfilled", 2, 0),
        ("list", 0, 0),
    ]


def test_a_working_order_whose_turn_comes_gives_back_what_the_book_does_not_ask_for():
    desk = Desk("sell 1 @ 100; sell 1 @ 105; sell 5 @ 106")
    desk.step("bob: buy 1 @ 100")
    desk.step("oto: buy 5 market protect 110 stop 105 #w | sell 5 @ 120 #t")

    events = desk.step("bob: buy 1 @ 105")

    triggered = next(e for e in events if isinstance(e, OrderTriggered))
    assert triggered.order.order_id == desk.names["w"][1]
    assert triggered.released_units == 5 * (110 - 106) * 5


def test_a_list_is_done_when_its_last_order_is_cancelled():
    desk = Desk()
    desk.step("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s")
    desk.step("bob: buy 2 @ 110")

    events = desk.step("cancel t")

    account_id, order_id = desk.names["t"]
    assert [e for e in events if isinstance(e, ListDone)] == [
        ListDone(MARKET_ID, account_id, order_id)
    ]


def test_a_list_is_done_when_a_protection_ends_what_is_left_of_it():
    desk = Desk()
    desk.step("protect taker fills 1 window 60")
    desk.step("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s")

    events = desk.step("bob: buy 2 @ 110")

    account_id, order_id = desk.names["t"]
    assert [(e.order.order_id, e.order.reason) for e in events if isinstance(e, OrderClosed)] == [
        (desk.names["s"][1], "list"),
        (order_id, "protection"),
    ]
    assert [e for e in events if isinstance(e, ListDone)] == [
        ListDone(MARKET_ID, account_id, order_id)
    ]


def test_a_protection_is_told_with_what_it_has_counted():
    desk = Desk(QUOTES)
    maker = ACCOUNTS["maker"]

    told = [
        event
        for step in (
            "protect maker fills 2 lots 9 window 60",
            "buy 3 @ 101",
            "protect maker reset",
            "protect maker not",
        )
        for event in desk.step(step)
        if isinstance(event, ProtectionChanged)
    ]

    rules = 2, 9, 60 * SECOND_US
    counted = Protection(*rules, began_us=desk.time_us - 2, fills=1, lots=3)
    assert told == [
        ProtectionChanged(MARKET_ID, maker, one)
        for one in (Protection(*rules), counted, Protection(*rules), None)
    ]


def test_a_window_ends_to_the_microsecond():
    for later_us, is_open in ((60 * SECOND_US - 1, False), (60 * SECOND_US, True)):
        desk = Desk(QUOTES)
        desk.step("protect maker fills 2 window 60")
        desk.place("buy 1 @ 101")
        desk.time_us += later_us - 1  # the next order comes a microsecond after
        desk.place("buy 1 @ 101")

        assert bool(desk.book()) == is_open
