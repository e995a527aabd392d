"""What tables cannot say of orders that wait, hide or end in time: events, long chains, bounds."""

import sys
from itertools import chain
from random import Random

import msgspec
import pytest

from matching.engine.changing import CLOSED_MAX
from matching.engine.commands import Continue, Expire
from matching.engine.engine import EXPIRIES_MAX
from matching.engine.events import (
    DepthChanged,
    Event,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderShifted,
    OrderTriggered,
    Prevented,
    Traded,
)
from matching.engine.firing import CHAIN_MAX
from tests.unit.matching.engine.notation import (
    MARKET_ID,
    SECOND_US,
    Desk,
    changed,
    depth,
    desk_at,
    end,
    refusals,
)

CHAIN_LENGTH = 10_000
# Frames that a command may need beneath its caller, however many orders it sets off.
DEPTH_MAX = 30


def _kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


# --- what is told, and in which order ------------------------------------------------------------


def test_events_come_as_things_happen_and_the_book_last():
    desk = desk_at(100, "buy 3 @ 99 show 2; buy 9 @ 97", "sell 2 @ 97 stop 99 #a")

    events = desk.place("sell 2 @ 99")

    assert _kinds(events) == [
        OrderPlaced,
        Traded,
        OrderShifted,  # the next slice stands behind its level
        OrderTriggered,
        Traded,
        Traded,
        DepthChanged,
        DepthChanged,
    ]
    assert depth(events) == ["buy 99: 0", "buy 97: 8"]
    assert [e.taker_status for e in events if isinstance(e, Traded)] == [
        "filled",
        "partially_filled",
        "filled",
    ]


def test_a_level_whose_next_slice_is_as_large_tells_no_depth():
    desk = Desk("sell 6 @ 101 show 2")

    assert depth(desk.place("buy 2 @ 101")) == []
    assert depth(desk.place("buy 1 @ 101")) == ["sell 101: 1"]


def test_prevention_is_told_before_what_ends_by_it():
    desk = Desk("taker: sell 2 @ 100; sell 1 @ 100")

    both = desk.place("buy 3 @ 100 self both")

    assert _kinds(both) == [OrderPlaced, Prevented, OrderClosed, OrderClosed, DepthChanged]
    prevented = both[1]
    assert (prevented.mode, prevented.quantity_lots) == ("both", 2)
    assert (prevented.maker_left_lots, prevented.taker_left_lots) == (2, 3)


def test_decrement_tells_what_is_left_and_what_is_released():
    desk = Desk("taker: sell 5 @ 100")

    prevented = desk.place("buy 2 @ 101 self decrement")[1]

    assert (prevented.quantity_lots, prevented.price_ticks) == (2, 100)
    assert (prevented.maker_left_lots, prevented.taker_left_lots) == (3, 0)
    assert (prevented.maker_released_units, prevented.taker_released_units) == (20, 2 * 101 * 5)
    order = desk.engine.order(1)
    assert (order.prevented_lots, order.remaining_lots, order.hold_units) == (2, 3, 30)


def test_trades_tell_what_icebergs_have_left_in_all():
    desk = Desk("sell 9 @ 101 show 2")

    trades = [e for e in desk.place("buy 3 @ 101") if isinstance(e, Traded)]

    assert [trade.maker_left_lots for trade in trades] == [7, 6]
    assert [trade.maker_filled_lots for trade in trades] == [2, 3]


def test_an_order_that_waits_is_amended_in_place():
    desk = desk_at(100, "", "sell 1 market stop 96 #a; sell 2 market stop 96 #b")
    order = desk.engine.order(3)
    priority, number = order.priority, order.trigger_number

    events = desk.step("amend a to 5 stop 95")

    assert _kinds(events) == [OrderAmended]
    assert events[0].hold_units == 40
    assert events[0].remaining_lots == 5
    assert (order.priority, order.trigger_number) == (priority, number)


def test_an_order_that_waits_is_not_amended_beyond_what_is_available():
    desk = desk_at(100, "", "buy 2 @ 100 stop 102 #a")
    unchanged = desk.engine.state_hash()

    assert refusals(desk.step("amend a to 3", available=499)) == ["insufficient_balance"]
    assert desk.engine.state_hash() == unchanged
    assert desk.step("amend a to 3", available=500)[0].hold_units == 500


def test_a_triggered_order_knows_when_and_keeps_its_number():
    desk = desk_at(100, "buy 1 @ 99", "sell 3 @ 101 stop 99 #a")
    order = desk.engine.order(4)

    desk.place("sell 1 @ 99")

    assert order.trigger_state == "triggered"
    assert order.triggered_us == order.updated_us == desk.time_us
    assert (order.order_id, order.created_us) == (4, 4)
    assert desk.engine.market(MARKET_ID).count_waiting_of(order.account_id) == 0


def test_a_market_order_called_gtc_is_ioc_once_it_is_there():
    desk = desk_at(100, "", "")
    command = desk.command("sell 3 market stop 96")
    terms = msgspec.structs.replace(command.terms, time_in_force="gtc")

    order = desk.apply(msgspec.structs.replace(command, terms=terms))[0].order

    assert order.terms.time_in_force == "ioc"


# --- what is due ---------------------------------------------------------------------------------


def test_what_is_due_is_known_by_market_and_time():
    desk = Desk("sell 1 @ 101 gtd 20 #a; sell 1 @ 102 gtd 10 #b; sell 1 @ 103")
    engine = desk.engine

    assert engine.next_expiry_us() == 10 * SECOND_US
    assert engine.due_markets(10 * SECOND_US - 1) == []
    assert engine.due_markets(10 * SECOND_US) == [MARKET_ID]
    desk.step("cancel b")
    assert engine.next_expiry_us() == 20 * SECOND_US
    desk.step("at 20")
    assert engine.next_expiry_us() is None
    assert engine.due_markets(99 * SECOND_US) == []


def test_a_bounded_number_ends_by_one_command():
    desk = Desk(f"{EXPIRIES_MAX + 1} x sell 1 @ 101 gtd 20 #a")

    first = desk.expire(20 * SECOND_US)
    assert sum(isinstance(event, OrderClosed) for event in first) == EXPIRIES_MAX
    assert depth(first) == ["sell 101: 1"]
    assert desk.engine.due_markets(20 * SECOND_US) == [MARKET_ID]
    second = desk.expire(20 * SECOND_US)

    assert [e.order.terms.client_order_id for e in second if isinstance(e, OrderClosed)] == [
        f"a{EXPIRIES_MAX + 1}"
    ]
    assert desk.engine.due_markets(20 * SECOND_US) == []


def test_orders_that_came_and_went_do_not_pile_up_among_what_is_due():
    desk = Desk()
    for number in range(500):
        desk.place(f"sell 1 @ 101 gtd {1_000 - number} #a")
        desk.step("cancel a")

    expiries = desk.engine.market(MARKET_ID).expiries
    assert len(expiries._heap) < 100
    assert expiries.next_us() is None


@pytest.mark.parametrize("command", [Expire(99, 1), Continue(99, 1)])
def test_nothing_is_due_in_a_market_that_is_not_there(command):
    assert refusals(Desk().apply(command)) == ["market_not_found"]


def test_an_auction_that_ends_by_itself_is_known_by_market_and_time():
    desk = Desk()
    engine = desk.engine
    assert engine.next_auction_end_us() is None

    desk.step("phase auction until 20")

    assert engine.next_auction_end_us() == 20 * SECOND_US
    assert engine.ending_auctions(20 * SECOND_US - 1) == []
    assert engine.ending_auctions(20 * SECOND_US) == [(MARKET_ID, 20 * SECOND_US)]
    desk.step("auction ends")
    assert engine.ending_auctions(20 * SECOND_US) == []


def test_a_market_that_closes_ends_a_bounded_number_by_one_command():
    desk = Desk(f"{CLOSED_MAX + 1} x sell 1 @ 101 #a", cancels_on_close=True)

    first = desk.phase("closed")
    assert sum(isinstance(event, OrderClosed) for event in first) == CLOSED_MAX
    assert desk.engine.unfinished_markets() == [MARKET_ID]
    desk.go_on()

    assert desk.book() == ""
    assert desk.engine.unfinished_markets() == []


def test_what_is_not_due_is_no_event():
    desk = Desk("sell 1 @ 101 gtd 20")

    assert desk.expire(19 * SECOND_US) == []
    assert desk.go_on() == []


# --- many at once --------------------------------------------------------------------------------


def test_who_found_no_room_in_a_command_is_unfinished_in_continuous_trading():
    desk = desk_at(100, "buy 99 @ 99", f"{CHAIN_MAX + 2} x sell 1 market stop 99 #a")

    events = desk.place("sell 1 @ 99")

    assert sum(isinstance(event, OrderTriggered) for event in events) == CHAIN_MAX
    queued = [e.order.terms.client_order_id for e in events if isinstance(e, OrderShifted)]
    assert sorted(queued) == [f"a{CHAIN_MAX + 1}", f"a{CHAIN_MAX + 2}"]
    assert desk.engine.unfinished_markets() == [MARKET_ID]
    desk.phase("halted")
    assert desk.engine.unfinished_markets() == []
    desk.phase("continuous")
    assert desk.engine.unfinished_markets() == []
    assert desk.waiting() == ""


@pytest.mark.unmutated
def test_ten_thousand_stops_that_set_each_other_off_enter_in_order_without_recursion():
    """Each is reached by the trade of the one before; 64 enter by a command."""
    desk = Desk(max_price_ticks=2 * CHAIN_LENGTH)
    for price in range(CHAIN_LENGTH + 1, 0, -1):
        desk.place(f"maker: buy 1 @ {price}")
    triggers = list(range(2, CHAIN_LENGTH + 2))
    Random(7).shuffle(triggers)
    ids = {}
    for price in triggers:
        ids[price] = desk.place(f"waiter: sell 1 market stop {price}")[0].order.order_id
    desk.engine.commit()
    before = desk.engine.state_hash()
    expected = [ids[price] for price in sorted(ids, reverse=True)]

    found = _run_chain(desk)

    after = desk.engine.state_hash()
    assert found == [expected[start : start + CHAIN_MAX] for start in range(0, 10_000, CHAIN_MAX)]
    assert (desk.book(), desk.waiting()) == ("", "")
    desk.engine.undo()
    assert desk.engine.state_hash() == before
    desk.order_count, desk.time_us = 2 * CHAIN_LENGTH + 1, 2 * CHAIN_LENGTH + 1
    assert _run_chain(desk) == found
    assert desk.engine.state_hash() == after


@pytest.mark.unmutated
def test_ten_thousand_stops_that_one_price_reaches_enter_the_nearest_first_then_by_age():
    desk = Desk("buy 1000 @ 90", max_price_ticks=2 * CHAIN_LENGTH)
    random = Random(7)
    ids = [
        (-price, desk.place(f"waiter: sell 1 @ 91 stop {price}")[0].order.order_id)
        for price in random.choices(range(90, 100), k=CHAIN_LENGTH)
    ]

    found = _run_chain(desk, price=90)

    assert [*chain.from_iterable(found)] == [order_id for _, order_id in sorted(ids)]
    assert {len(entered) for entered in found[:-1]} == {CHAIN_MAX}
    assert desk.public() == "buy 999 @ 90; sell 10000 @ 91"


def _run_chain(desk: Desk, price: int = CHAIN_LENGTH + 1) -> list[list[int]]:
    """Sell one lot, and go on until nobody's turn is to come; return who entered, by command."""
    limit, depth_now = sys.getrecursionlimit(), len(_frames())
    found = []
    sys.setrecursionlimit(depth_now + DEPTH_MAX)
    try:
        events = desk.place(f"taker: sell 1 @ {price}")
        while True:
            entered = [e.order.order_id for e in events if isinstance(e, OrderTriggered)]
            found.append(entered)
            if not desk.engine.unfinished_markets():
                return found
            events = desk.go_on()
    finally:
        sys.setrecursionlimit(limit)


def _frames() -> list[object]:
    frames, frame = [], sys._getframe()
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def test_who_is_reached_by_trades_that_interrupt_is_told_to_be_queued():
    desk = desk_at(100, "sell 1 @ 105; sell 5 @ 106", "buy 1 market stop 105 #a")
    desk.configure(dynamic_collar_ppm=50_000)

    events = desk.place("buy 3 @ 110")

    assert desk.engine.market(MARKET_ID).phase == "auction"
    told = [e.order for e in events if isinstance(e, OrderShifted)]
    assert [(o.terms.client_order_id, o.trigger_state) for o in told] == [("a", "queued")]


def test_who_is_queued_still_is_not_told_again():
    waiting = f"{2 * CHAIN_MAX + 2} x sell 1 @ 110 stop 95 #a"
    desk = desk_at(100, "buy 1 @ 95", waiting)

    told = [[type(e) for e in desk.place("sell 1 @ 95")], [type(e) for e in desk.go_on()]]

    assert [kinds.count(OrderTriggered) for kinds in told] == [CHAIN_MAX, CHAIN_MAX]
    assert [kinds.count(OrderShifted) for kinds in told] == [CHAIN_MAX + 2, 0]


@pytest.mark.parametrize(
    ("order", "expires_us"), [("buy 1 @ 99 gtd 20", None), ("buy 1 @ 99 show 1", 20 * SECOND_US)]
)
def test_a_time_belongs_to_orders_that_end_in_time_and_to_no_others(order, expires_us):
    desk = Desk()

    command = changed(desk.command(order), {"expires_us": expires_us})

    assert refusals(desk.apply(command)) == ["expiry_passed"]


# --- slices and places ---------------------------------------------------------------------------


def test_a_new_slice_has_a_place_behind_the_last_that_came():
    desk = Desk("sell 4 @ 101 show 2; sell 1 @ 101; sell 1 @ 101")

    desk.place("buy 2 @ 101")

    assert desk.ids() == [2, 3, 1]
    assert [desk.engine.order(order_id).priority for order_id in desk.ids()] == [2, 3, 4]


def test_an_order_stands_behind_a_slice_that_took_its_number():
    desk = Desk("sell 4 @ 101 show 2; sell 4 @ 101 show 2")
    desk.place("buy 4 @ 101")

    desk.place("sell 1 @ 101")

    assert [(n, desk.engine.order(n).priority) for n in desk.ids()] == [(1, 3), (2, 4), (4, 5)]


def test_a_slice_that_stands_alone_keeps_its_place():
    desk = Desk("sell 4 @ 101 show 2")

    desk.place("buy 2 @ 101")

    assert desk.engine.order(1).priority == 1


def test_an_order_whose_turn_comes_stands_behind_who_was_there():
    desk = desk_at(100, "buy 1 @ 99", "sell 1 @ 101 stop 99 #a")
    desk.place("ann: sell 1 @ 101")

    desk.place("sell 1 @ 99")

    assert desk.ids() == [5, 4]
    assert [desk.engine.order(order_id).priority for order_id in desk.ids()] == [5, 6]


def test_a_refused_condition_changes_nothing_and_a_condition_that_is_none_is_ordinary():
    desk = Desk()
    unchanged = desk.engine.state_hash()

    assert refusals(desk.place("sell 3 @ 101 show 0")) == ["display_quantity"]
    assert desk.engine.state_hash() == unchanged
    assert end(desk.place("sell 3 @ 101 show 3")) == "new"
    assert desk.book() == "sell 3 @ 101"
