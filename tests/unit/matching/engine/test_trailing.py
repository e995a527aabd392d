"""Trailing orders: what tables do not show of their marks, their numbers and what is told."""

from matching.engine.events import (
    DepthChanged,
    OrderPlaced,
    OrderShifted,
    OrderTriggered,
    Traded,
    TrailMoved,
)
from matching.engine.rules import TrailMark
from matching.engine.trailing import Trail
from tests.unit.matching.engine.notation import MARKET_ID, desk_at


def test_an_order_that_trails_tells_from_where_and_the_last_one_that_nobody_does():
    desk = desk_at(100, "sell 1 @ 104", "sell 1 @ 90 trail 5; sell 1 @ 90 trail 9")

    up = [e for e in desk.place("buy 1 @ 104") if isinstance(e, TrailMoved)]
    first = [e for e in desk.cancel(4, account="waiter") if isinstance(e, TrailMoved)]
    last = [e for e in desk.cancel(5, account="waiter") if isinstance(e, TrailMoved)]

    assert [(e.reference, e.rises, e.price_ticks) for e in up] == [("last", False, 104)]
    assert first == []
    assert [(e.number, e.price_ticks) for e in last] == [(up[0].number, None)]
    assert desk.engine.market(MARKET_ID).snapshot().trails == ()


def test_to_take_out_a_mark_that_is_not_there_is_nothing():
    trail = Trail(rises=False)
    trail.put_mark(7, 100)

    trail.put_mark(6, None)

    assert list(trail.marks()) == [(7, 100)]


def test_an_order_that_begins_to_trail_is_shifted():
    desk = desk_at(100, "sell 1 @ 110", "sell 1 @ 90 trail 3 from 110 #a")

    events = desk.place("buy 1 @ 110")

    assert [type(event) for event in events] == [
        OrderPlaced,
        Traded,
        TrailMoved,
        OrderShifted,
        DepthChanged,
    ]
    assert events[3].order.trigger_state == "trailing"


def test_who_begins_to_trail_is_told_from_where_by_the_next_number():
    desk = desk_at(100, "buy 5 @ 99", "")

    told = [
        [e for e in desk.place(text) if isinstance(e, TrailMoved)]
        for text in ("sell 1 @ 90 trail 3", "sell 1 @ 99", "sell 1 @ 90 trail 3")
    ]

    numbers = [order.trigger_number for order in desk.engine.market(MARKET_ID).open_orders()]
    assert numbers == [0, 1, 2]
    first, second = (
        TrailMoved(MARKET_ID, "last", False, number, price) for number, price in ((1, 100), (2, 99))
    )
    assert told == [[first], [], [second]]


def test_who_is_caught_up_with_trails_as_one_and_no_price_twice():
    desk = desk_at(102, "buy 1 @ 100; sell 2 @ 102", "sell 1 @ 90 trail 9 #a")
    desk.place("sell 1 @ 100")
    desk.place("waiter: sell 1 @ 90 trail 9 #b")

    told = [
        [(e.number, e.price_ticks) for e in desk.place("buy 1 @ 102") if isinstance(e, TrailMoved)]
        for _ in range(2)
    ]

    assert told == [[(2, None), (1, 102)], []]
    assert desk.engine.market(MARKET_ID).snapshot().trails == (TrailMark("last", False, 1, 102),)


def test_who_was_reached_takes_the_next_number_and_its_mark_is_gone():
    desk = desk_at(100, "buy 5 @ 97", "sell 1 @ 97 stop 97; sell 1 @ 110 trail 3")

    events = desk.place("sell 1 @ 97")

    queued = [e.order.trigger_number for e in events if isinstance(e, OrderTriggered)]
    assert queued == [2, 3]  # the first one is of when it began to trail
    assert [e for e in events if isinstance(e, TrailMoved)] == [
        TrailMoved(MARKET_ID, "last", False, 1, None)
    ]
    assert desk.engine.market(MARKET_ID).snapshot().trails == ()


def test_who_trails_by_ticks_and_who_by_basis_points_fire_at_one_price_by_age():
    # 1.5% of 101 is 1.515: both fire at 99.
    desk = desk_at(101, "", "sell 1 @ 90 trail 2; sell 1 @ 90 trail 150bps")
    older, younger = desk.ids()

    desk.place("ann: buy 1 @ 99")
    events = desk.place("bob: sell 1 @ 99")

    fired = [e.order.order_id for e in events if isinstance(e, OrderTriggered)]
    assert fired == [older, younger]
