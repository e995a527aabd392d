"""An order that is to follow a cancel: refused by what holds once the old one is gone."""

import pytest

from matching.engine.entering import refusal_before
from tests.unit.matching.engine.notation import MARKET_ID, Desk

LEAVING = "buy 2 @ 100 #old"


def refused(desk: Desk, text: str, *, available: int = 10**12) -> str | None:
    """Return why ``text`` would be refused after the first order is gone; nothing happens."""
    before = desk.engine.state_hash()
    leaving = desk.engine.order(1)
    assert leaving is not None
    command = desk.command(text, account="maker", available=available)
    refusal = refusal_before(desk.engine.market(MARKET_ID), command, leaving=leaving)
    assert desk.engine.state_hash() == before
    return refusal and refusal.reason


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


def test_a_halted_market_lets_nothing_follow():
    desk = Desk(LEAVING)
    desk.phase("halted")

    assert refused(desk, "buy 2 @ 101") == "market_halted"


@pytest.mark.parametrize(
    ("following", "needed"),
    [
        ("buy 2 @ 101", 2 * 101 * 5),
        ("sell 3 @ 101", 3 * 10),
        ("sell 3 market", 3 * 10),
        ("buy for 250", 250),
    ],
)
def test_what_it_needs_must_be_there(following, needed):
    desk = Desk(f"{LEAVING}; sell 9 @ 110")

    assert refused(desk, following, available=needed) is None
    assert refused(desk, following, available=needed - 1) == "insufficient_balance"


@pytest.mark.parametrize("following", ["buy 3 market", "sell for 250"])
def test_what_depends_on_the_book_is_left_to_the_book(following):
    desk = Desk(f"{LEAVING}; ann: sell 9 @ 110; bob: buy 9 @ 90")

    assert refused(desk, following, available=0) is None


@pytest.mark.parametrize(
    ("following", "needed"),
    [
        ("buy 3 market protect 120 stop 115", 3 * 120 * 5),
        ("buy 3 @ 120 stop 115", 3 * 120 * 5),
        ("sell 3 market stop 80", 3 * 10),
        ("buy 2 @ 101 show 1", 2 * 101 * 5),
        ("buy 2 @ 112 post-only slide", 2 * 109 * 5),
    ],
)
def test_what_it_needs_with_conditions_must_be_there(following, needed):
    desk = Desk(f"{LEAVING}; sell 9 @ 110")

    assert refused(desk, following, available=needed) is None
    assert refused(desk, following, available=needed - 1) == "insufficient_balance"


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


def test_the_order_that_stays_keeps_its_name():
    desk = Desk("buy 2 @ 100 #old; buy 1 @ 99 #new")
    command = desk.command("buy 2 @ 101 #old", account="maker")
    other = desk.engine.order(2)
    assert other is not None

    refusal = refusal_before(desk.engine.market(MARKET_ID), command, leaving=other)

    assert refusal is not None
    assert refusal.reason == "duplicate_client_order_id"
