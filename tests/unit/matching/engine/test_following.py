"""An order in another's place: refused by what holds once the old one is gone, which then stays."""

import pytest

from matching.engine.commands import Replace
from matching.engine.events import DepthChanged, OrderClosed, OrderPlaced, OrderRejected, Replaced
from matching.engine.replacing import leaving_of
from tests.unit.matching.engine.notation import (
    ACCOUNTS,
    MARKET_ID,
    PLENTY_UNITS,
    Desk,
    depth,
    refusals,
    released,
)

LEAVING = "buy 2 @ 100 #old"
FREED = 2 * 100 * 5


def replacing(desk: Desk, text: str, *, available: int = PLENTY_UNITS) -> Replace:
    """Return what puts an order in the first one's place."""
    command = desk.command(text, account="maker", available=available)
    return Replace(MARKET_ID, command.account_id, 1, command, False, desk.time_us)


def refused(desk: Desk, text: str, *, available: int = PLENTY_UNITS) -> str | None:
    """Return why ``text`` was refused in the first order's place, which then stays."""
    desk.engine.commit()
    before = desk.engine.state_hash()
    reasons = refusals(desk.engine.apply(replacing(desk, text, available=available)))
    assert (desk.engine.state_hash() == before) == bool(reasons)
    desk.engine.undo()
    assert desk.engine.state_hash() == before
    return reasons[0] if reasons else None


def leaving(desk: Desk, account_id: int, order_id: int) -> list[int] | None:
    """Return the orders that end before one in an order's place is there."""
    place = desk.command("sell 6 @ 105")
    command = Replace(MARKET_ID, account_id, order_id, place, True, desk.time_us)
    orders = leaving_of(desk.engine.market(MARKET_ID), command)
    return None if orders is None else [order.order_id for order in orders]


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        ("buy 2 @ 101", None),
        ("buy 2 @ 101 #old", None),
        ("buy 2 @ 101 #other", "duplicate_client_order_id"),
        ("buy 2 @ 10001", "price_out_of_range"),
        ("buy 1001 @ 100", "quantity_out_of_range"),
        # Whether it would take is for the book to say, when it comes to it.
        ("buy 2 @ 110 post-only", None),
    ],
)
def test_rules_and_names_count_without_the_old_order(following, reason):
    desk = Desk(f"{LEAVING}; buy 1 @ 99 #other; sell 1 @ 110")

    assert refused(desk, following) == reason


def test_the_old_order_frees_a_place_among_those_allowed():
    desk = Desk(f"{LEAVING}; buy 1 @ 99", max_open_orders=2)

    assert refused(desk, "buy 2 @ 101") is None
    desk.configure(max_open_orders=1)
    assert refused(desk, "buy 2 @ 101") == "too_many_open_orders"


def test_an_order_that_waits_frees_a_place_among_those_that_may():
    desk = Desk("buy 2 @ 100 stop 100; buy 2 @ 120 stop 110", max_trigger_orders=2)

    assert refused(desk, "buy 2 @ 101 stop 101") is None
    desk.configure(max_trigger_orders=1)
    assert refused(desk, "buy 2 @ 101 stop 101") == "too_many_trigger_orders"


def test_a_halted_market_lets_nothing_follow():
    desk = Desk(LEAVING)
    desk.phase("halted")

    assert refused(desk, "buy 2 @ 101") == "market_halted"


@pytest.mark.parametrize(
    ("following", "needed"),
    [
        ("buy 3 @ 101", 3 * 101 * 5 - FREED),
        ("sell 3 @ 101", 3 * 10),
        ("sell 3 market", 3 * 10),
        ("buy for 1250", 1250 - FREED),
        ("buy 3 market protect 120 stop 115", 3 * 120 * 5 - FREED),
        ("sell 3 market stop 80", 3 * 10),
        ("buy 3 @ 101 show 1", 3 * 101 * 5 - FREED),
        ("buy 3 @ 112 post-only slide", 3 * 109 * 5 - FREED),
    ],
)
def test_what_it_needs_must_be_there_with_what_the_old_order_held(following, needed):
    desk = Desk(f"{LEAVING}; sell 9 @ 110")

    assert refused(desk, following, available=needed) is None
    assert refused(desk, following, available=needed - 1) == "insufficient_balance"


def test_what_a_list_held_counts_whichever_of_its_orders_held_it():
    desk = Desk("ann: buy 1 @ 97")
    desk.step("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s")
    account_id, stop_id = desk.names["s"]
    place = desk.command("sell 6 @ 105", available=10)
    command = Replace(MARKET_ID, account_id, stop_id, place, False, desk.time_us)

    events = desk.apply(command)

    assert [type(event) for event in events[:2]] == [Replaced, OrderClosed]
    assert released(events) == [0, 50]
    assert desk.book() == "buy 1 @ 97; sell 6 @ 105"


@pytest.mark.parametrize("following", ["buy 9 market", "buy 2 @ 110 post-only"])
def test_what_depends_on_the_book_is_left_to_the_book(following):
    desk = Desk(f"{LEAVING}; ann: sell 9 @ 110")

    replaced, *rest = desk.apply(replacing(desk, following, available=0))

    assert isinstance(replaced, Replaced)
    assert replaced.cancel_refused is None
    assert isinstance(replaced.place_refused, OrderRejected)
    assert [type(event) for event in rest] == [OrderClosed, DepthChanged]
    assert desk.book() == "sell 9 @ 110"


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        ("buy 2 @ 101 gtd 0", "expiry_passed"),
        ("buy 2 @ 101 show 0", "display_quantity"),
        ("sell for 250 stop 80", "not_triggerable"),
    ],
)
def test_conditions_count_as_they_do_for_a_new_order(following, reason):
    assert refused(Desk(LEAVING), following) == reason


def test_depth_is_told_once_for_each_level_that_differs_in_the_end():
    desk = Desk(LEAVING)

    same = desk.apply(replacing(desk, "buy 2 @ 100"))

    assert [type(event) for event in same] == [Replaced, OrderClosed, OrderPlaced]
    account_id = same[1].order.account_id
    place = desk.command("buy 3 @ 99", account="maker")
    other = desk.apply(Replace(MARKET_ID, account_id, 2, place, False, desk.time_us))
    assert depth(other) == ["buy 100: 0", "buy 99: 3"]


def test_whose_turn_comes_as_the_old_order_goes_enters_at_that_time():
    desk = Desk("buy 5 @ 98; ann: buy 1 @ 97")
    desk.place("waiter: sell 2 @ 90 stop 97 by opposite #w")

    desk.apply(replacing(desk, "buy 4 @ 110 stop 105"))

    entered = desk.engine.order(desk.names["w"][1])
    assert (entered.triggered_us, entered.updated_us) == (desk.time_us, desk.time_us)


def test_somebody_elses_order_is_nobodys():
    desk = Desk(LEAVING)
    place = desk.command("buy 2 @ 101", account="ann")
    command = Replace(MARKET_ID, place.account_id, 1, place, False, desk.time_us)

    assert refusals(desk.apply(command)) == ["order_not_open"]
    assert desk.book() == "buy 2 @ 100"


def test_with_an_order_of_a_list_the_others_go():
    desk = Desk("ann: buy 1 @ 97 #b")
    desk.step("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s")

    assert leaving(desk, *desk.names["t"]) == [desk.names["t"][1], desk.names["s"][1]]
    assert leaving(desk, *desk.names["b"]) == [desk.names["b"][1]]
    assert leaving(desk, ACCOUNTS["ann"], desk.names["t"][1]) is None


def test_in_a_market_that_is_not_there_neither_happens():
    desk = Desk(LEAVING)
    place = desk.command("buy 2 @ 101", account="maker")
    command = Replace(MARKET_ID + 1, place.account_id, 1, place, True, desk.time_us)

    assert refusals(desk.apply(command)) == ["market_not_found"]
