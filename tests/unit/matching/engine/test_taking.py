"""Who trades with whom, at which price, and what becomes of the rest."""

import pytest

from tests.unit.matching.engine.notation import Desk, depth, end, refusals, trades


@pytest.mark.parametrize(
    ("resting", "taker", "expected_trades", "expected_end", "expected_book"),
    [
        # Nothing within the limit: the order rests.
        ("sell 5 @ 101", "buy 5 @ 100", [], "new", "buy 5 @ 100; sell 5 @ 101"),
        # Best price first, at the maker's price.
        (
            "sell 5 @ 101; sell 5 @ 100",
            "buy 7 @ 101",
            ["5 @ 100", "2 @ 101"],
            "filled",
            "sell 3 @ 101",
        ),
        ("buy 5 @ 99; buy 5 @ 100", "sell 7 @ 90", ["5 @ 100", "2 @ 99"], "filled", "buy 3 @ 99"),
        # Oldest first at one price.
        (
            "sell 1 @ 100; sell 2 @ 100; sell 3 @ 100",
            "buy 4 @ 100",
            ["1 @ 100", "2 @ 100", "1 @ 100"],
            "filled",
            "sell 2 @ 100",
        ),
        # What the limit does not reach rests, behind the trades.
        (
            "sell 5 @ 100; sell 5 @ 102",
            "buy 9 @ 101",
            ["5 @ 100"],
            "partially_filled",
            "buy 4 @ 101; sell 5 @ 102",
        ),
        # IOC: the rest expires.
        ("sell 5 @ 100", "buy 9 @ 101 ioc", ["5 @ 100"], "expired ioc_unfilled", ""),
        ("sell 5 @ 102", "buy 9 @ 101 ioc", [], "expired ioc_unfilled", "sell 5 @ 102"),
        ("sell 9 @ 100", "buy 9 @ 101 ioc", ["9 @ 100"], "filled", ""),
        # FOK: all within the limit, or nothing.
        ("sell 5 @ 100; sell 4 @ 101", "buy 9 @ 101 fok", ["5 @ 100", "4 @ 101"], "filled", ""),
        (
            "sell 5 @ 100; sell 4 @ 102",
            "buy 9 @ 101 fok",
            [],
            "expired fok_unfillable",
            "sell 5 @ 100; sell 4 @ 102",
        ),
        ("buy 5 @ 100; buy 4 @ 99", "sell 9 @ 99 fok", ["5 @ 100", "4 @ 99"], "filled", ""),
        ("", "buy 1 @ 100 fok", [], "expired fok_unfillable", ""),
        # FOK counts only what stands before the taker's first own order.
        (
            "sell 5 @ 100; taker: sell 1 @ 100; sell 9 @ 100",
            "buy 6 @ 100 fok",
            [],
            "expired fok_unfillable",
            "sell 5 @ 100; sell 1 @ 100; sell 9 @ 100",
        ),
        (
            "sell 5 @ 100; taker: sell 1 @ 100",
            "buy 5 @ 100 fok",
            ["5 @ 100"],
            "filled",
            "sell 1 @ 100",
        ),
        # Self-trade prevention: matching stops, earlier fills stay, the own order is untouched.
        ("taker: sell 5 @ 100", "buy 5 @ 100", [], "cancelled self_trade", "sell 5 @ 100"),
        (
            "sell 2 @ 100; taker: sell 5 @ 100; sell 9 @ 100",
            "buy 7 @ 100",
            ["2 @ 100"],
            "cancelled self_trade",
            "sell 5 @ 100; sell 9 @ 100",
        ),
        (
            "sell 2 @ 100; taker: sell 5 @ 101",
            "buy 7 @ 102 ioc",
            ["2 @ 100"],
            "cancelled self_trade",
            "sell 5 @ 101",
        ),
        ("sell 2 @ 100; taker: sell 5 @ 101", "buy 2 @ 102", ["2 @ 100"], "filled", "sell 5 @ 101"),
        # Market by base: whatever the price, the rest expires.
        (
            "sell 2 @ 100; sell 5 @ 900",
            "buy 4 market",
            ["2 @ 100", "2 @ 900"],
            "filled",
            "sell 3 @ 900",
        ),
        ("sell 2 @ 100", "buy 4 market", ["2 @ 100"], "expired no_liquidity", ""),
        ("", "sell 4 market", [], "expired no_liquidity", ""),
        (
            "buy 2 @ 100; taker: buy 2 @ 90",
            "sell 4 market",
            ["2 @ 100"],
            "cancelled self_trade",
            "buy 2 @ 90",
        ),
        ("sell 2 @ 100", "buy 3 market fok", [], "expired fok_unfillable", "sell 2 @ 100"),
        # Market by quote: one lot at 100 costs 500. 1,700 buys three, 200 are left over.
        ("sell 9 @ 100", "buy for 1700", ["3 @ 100"], "filled", "sell 6 @ 100"),
        ("sell 9 @ 100", "buy for 1500", ["3 @ 100"], "filled", "sell 6 @ 100"),
        # Level by level: two at 100 (1,000), then one at 120 (600); 100 are left.
        (
            "sell 2 @ 100; sell 9 @ 120",
            "buy for 1700",
            ["2 @ 100", "1 @ 120"],
            "filled",
            "sell 8 @ 120",
        ),
        # Stops where not one lot is affordable.
        ("sell 2 @ 100; sell 9 @ 120", "buy for 1599", ["2 @ 100"], "filled", "sell 9 @ 120"),
        ("sell 2 @ 100", "buy for 499", [], "expired no_liquidity", "sell 2 @ 100"),
        ("sell 2 @ 100", "buy for 1700", ["2 @ 100"], "expired no_liquidity", ""),
        ("sell 2 @ 100", "buy for 1000", ["2 @ 100"], "filled", ""),
        ("", "buy for 1000", [], "expired no_liquidity", ""),
        (
            "sell 2 @ 100; taker: sell 1 @ 101",
            "buy for 2000",
            ["2 @ 100"],
            "cancelled self_trade",
            "sell 1 @ 101",
        ),
        # That not one lot is affordable is seen before that the next order is the taker's own.
        (
            "sell 2 @ 100; taker: sell 1 @ 101",
            "buy for 1504",
            ["2 @ 100"],
            "filled",
            "sell 1 @ 101",
        ),
        # Selling by quote: the proceeds never exceed the budget, and nothing cheaper is tried.
        ("buy 2 @ 100; buy 9 @ 50", "sell for 1300", ["2 @ 100", "1 @ 50"], "filled", "buy 8 @ 50"),
        ("buy 2 @ 100; buy 9 @ 50", "sell for 1249", ["2 @ 100"], "filled", "buy 9 @ 50"),
        (
            "buy 2 @ 100; buy 9 @ 50",
            "sell for 499",
            [],
            "expired no_liquidity",
            "buy 2 @ 100; buy 9 @ 50",
        ),
        (
            "buy 2 @ 100; buy 9 @ 50",
            "sell for 999",
            ["1 @ 100"],
            "filled",
            "buy 1 @ 100; buy 9 @ 50",
        ),
    ],
)
def test_taker_and_book(resting, taker, expected_trades, expected_end, expected_book):
    desk = Desk(resting)

    events = desk.place(taker)

    assert trades(events) == expected_trades
    assert end(events) == expected_end
    assert desk.book() == expected_book


@pytest.mark.parametrize(
    ("resting", "order", "refused"),
    [
        ("sell 5 @ 101", "buy 5 @ 100 post-only", []),
        ("sell 5 @ 101", "buy 5 @ 101 post-only", ["post_only_would_cross"]),
        ("buy 5 @ 99", "sell 5 @ 99 post-only", ["post_only_would_cross"]),
        ("buy 5 @ 99", "sell 5 @ 100 post-only", []),
        ("taker: sell 5 @ 101", "buy 5 @ 101 post-only", ["post_only_would_cross"]),
    ],
)
def test_post_only_refuses_whatever_would_cross_own_orders_included(resting, order, refused):
    desk = Desk(resting)
    before = desk.engine.state_hash()

    assert refusals(desk.place(order)) == refused

    assert (desk.engine.state_hash() == before) == bool(refused)


def test_trades_are_numbered_without_gap_and_know_the_first_of_their_run():
    desk = Desk("sell 1 @ 100; sell 1 @ 100; sell 1 @ 101; sell 1 @ 101; sell 1 @ 101")

    first = desk.place("buy 3 market")
    second = desk.place("buy 2 market")

    numbers = [(e.sequence, e.run_sequence) for e in first + second if hasattr(e, "run_sequence")]
    assert numbers == [(1, 1), (2, 1), (3, 3), (4, 4), (5, 4)]
    assert desk.engine.market(1).last_price_ticks == 101


def test_depth_tells_each_changed_level_once_in_the_order_touched():
    desk = Desk("sell 1 @ 100; sell 2 @ 100; sell 5 @ 101; buy 4 @ 98")
    sequence = desk.engine.market(1).depth_sequence

    events = desk.place("buy 4 @ 101")

    assert depth(events) == ["sell 100: 0", "sell 101: 4"]
    assert desk.engine.market(1).depth_sequence == sequence + 2
    assert depth(desk.place("buy 6 @ 101")) == ["sell 101: 0", "buy 101: 2"]
    assert depth(desk.place("buy 1 @ 90 ioc")) == []
    assert depth(desk.place("buy 3 @ 98")) == ["buy 98: 7"]


def test_makers_and_taker_carry_their_fills():
    desk = Desk("sell 3 @ 100; sell 3 @ 102")
    maker = desk.engine.order(2)

    taker = desk.place("buy 5 @ 102")[0].order

    assert (taker.filled_lots, taker.remaining_lots, taker.filled_quote_units) == (5, 0, 2520)
    assert (maker.filled_lots, maker.remaining_lots, maker.filled_quote_units) == (2, 1, 1020)
    assert (maker.status, maker.updated_us, maker.created_us) == ("partially_filled", 3, 2)
    assert desk.engine.order(1) is None


def test_who_comes_later_stands_behind_whatever_its_number():
    desk = Desk()
    desk.order_count = 7
    desk.place("ann: sell 1 @ 100")
    desk.order_count = 3
    desk.place("bob: sell 1 @ 100")

    assert desk.ids() == [8, 4]
    assert [order.priority for order in desk.engine.market(1).open_orders()] == [8, 9]
