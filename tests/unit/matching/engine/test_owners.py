"""Whose orders do not trade with each other, and what is not known of older ones."""

import pytest

from matching.engine.events import Prevented
from tests.unit.matching.engine.notation import OWNERS, Desk, end, released, trades

UNKNOWN = 0


@pytest.mark.parametrize(
    ("resting", "taker", "scope", "ends"),
    [
        # As journals of before owners were recorded say it: by account.
        (("sibling", UNKNOWN), ("taker", UNKNOWN), "owner", "filled"),
        (("taker", UNKNOWN), ("taker", UNKNOWN), "owner", "cancelled self_trade"),
        # An order of then that still rests, met by one of now.
        (("sibling", UNKNOWN), ("taker", OWNERS[12]), "owner", "filled"),
        (("taker", UNKNOWN), ("taker", OWNERS[12]), "owner", "cancelled self_trade"),
        (("taker", UNKNOWN), ("taker", OWNERS[12]), "account", "cancelled self_trade"),
        # Whoever is not known is nobody, and not the first owner of all.
        (("sibling", 1), ("taker", UNKNOWN), "owner", "filled"),
        (("sibling", 1), ("taker", OWNERS[12]), "account", "filled"),
        # Both of now.
        (("sibling", OWNERS[15]), ("taker", OWNERS[12]), "owner", "cancelled self_trade"),
        (("sibling", OWNERS[15]), ("taker", OWNERS[12]), "account", "filled"),
        (("taker", OWNERS[12]), ("taker", OWNERS[12]), "account", "cancelled self_trade"),
    ],
)
def test_orders_are_ones_own_by_account_and_by_owner_where_known(resting, taker, scope, ends):
    desk = Desk(self_trade_scope=scope)
    desk.place("sell 5 @ 100", account=resting[0], owner_id=resting[1])

    events = desk.place("buy 5 @ 100", account=taker[0], owner_id=taker[1])

    assert end(events) == ends
    assert trades(events) == (["5 @ 100"] if ends == "filled" else [])


def test_a_changed_scope_counts_for_orders_that_rest_already():
    desk = Desk(self_trade_scope="account")
    desk.place("sell 5 @ 100", account="sibling")
    desk.configure(self_trade_scope="owner")

    assert end(desk.place("buy 5 @ 100")) == "cancelled self_trade"


def test_whole_or_nothing_is_nothing_where_the_other_did_not_ask_for_transfers():
    desk = Desk()
    desk.place("sell 5 @ 100", account="sibling")

    assert end(desk.place("buy 5 @ 100 fok self transfer")) == "expired fok_unfillable"
    assert desk.book() == "sell 5 @ 100"


def test_an_amended_order_keeps_its_owner():
    desk = Desk("sell 5 @ 110")
    desk.place("sell 5 @ 100", account="sibling")
    desk.place("buy 5 @ 90")

    events = desk.amend(3, price=100, account="taker")

    assert end(events) == "cancelled self_trade"


def test_orders_beyond_a_lowered_limit_stay_and_may_be_amended():
    desk = Desk("sell 1 @ 101; sell 1 @ 102; sell 1 @ 103")
    desk.configure(max_open_orders=1)

    assert end(desk.amend(2, price=105)) == "new"
    assert desk.book() == "sell 1 @ 101; sell 1 @ 103; sell 1 @ 105"


@pytest.mark.parametrize(
    ("order", "held", "told"),
    [
        ("buy 3 market self transfer", 2 * 98 * 5 + 99 * 5, 2 * 98 * 5),
        # It holds nothing for what is not traded.
        ("buy 3 market self decrement", 99 * 5, 0),
    ],
)
def test_what_a_market_order_to_buy_loses_is_given_back_as_it_is_lost(order, held, told):
    desk = Desk()
    desk.place("sibling: sell 2 @ 98 self transfer")
    desk.place("ann: sell 1 @ 99")

    placed, *events = desk.place(order)

    assert placed.hold_units == held
    prevented = [e for e in events if isinstance(e, Prevented)]
    assert [e.taker_released_units for e in prevented] == [told]
    assert trades(events) == ["1 @ 99"]
    assert sum(released(events)) == 0
