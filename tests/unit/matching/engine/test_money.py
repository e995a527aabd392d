"""Holds, what fills use up of them, fees, and refusals for lack of funds."""

import msgspec
import pytest

from matching.engine.amounts import fee_units, rebate_units
from matching.engine.events import OrderPlaced, Traded
from tests.unit.matching.engine.notation import Desk, end, refusals, released, trades

# One lot is 10 base units; at 100 ticks it costs 500 quote units.


@pytest.mark.parametrize(
    ("resting", "order", "needed"),
    [
        ("", "buy 3 @ 100", 1500),
        ("", "sell 3 @ 100", 30),
        ("sell 3 @ 90", "buy 3 @ 100", 1500),  # the limit's amount, though it fills at 90
        ("sell 3 @ 90", "buy 3 @ 100 ioc", 1500),
        ("sell 3 @ 90", "buy 3 @ 100 fok", 1500),
        ("", "buy 3 @ 100 fok", 1500),
        ("sell 2 @ 100; sell 2 @ 110", "buy 3 market", 1550),
        ("sell 2 @ 100", "buy 3 market", 1000),  # costed on what is there
        ("sell 2 @ 100; taker: sell 1 @ 100; sell 9 @ 100", "buy 3 market", 1000),
        ("buy 1 @ 100", "sell 3 market", 30),
        ("sell 2 @ 100", "buy for 700", 700),
        ("buy 2 @ 100; buy 9 @ 50", "sell for 1300", 30),
        ("buy 2 @ 100", "sell for 1300", 20),
        ("buy 3 @ 100; buy 9 @ 50", "sell for 1300", 20),  # 300 left: none at 100, so it ends
        ("buy 2 @ 100; taker: buy 9 @ 50", "sell for 1300", 20),
    ],
)
def test_order_needs_exactly_its_hold(resting, order, needed):
    desk = Desk(resting)
    before = desk.engine.state_hash()

    assert refusals(desk.place(order, available=needed - 1)) == ["insufficient_balance"]
    assert desk.engine.state_hash() == before

    placed = desk.place(order, available=needed)[0]
    assert isinstance(placed, OrderPlaced)
    assert placed.hold_units == needed


@pytest.mark.parametrize("order", ["buy 3 market", "sell 3 @ 100 fok", "sell for 700"])
def test_order_that_finds_nothing_leaves_no_hold(order):
    desk = Desk()

    events = desk.place(order)

    assert released(events) == [events[0].hold_units]
    assert events[0].order.hold_units == 0


@pytest.mark.parametrize(
    ("resting", "order", "used", "given_back"),
    [
        # (hold used, of which paid) for each fill, then what the close gives back.
        ("sell 2 @ 90; sell 2 @ 100", "buy 3 @ 100", [(1000, 900), (500, 500)], []),
        ("sell 2 @ 90", "buy 3 @ 100 ioc", [(1000, 900)], [500]),
        ("sell 2 @ 90; sell 2 @ 100", "buy 3 market", [(900, 900), (500, 500)], []),
        ("sell 2 @ 90", "buy 3 market", [(900, 900)], []),
        ("sell 9 @ 100", "buy for 1700", [(1500, 1500)], [200]),
        ("sell 9 @ 100", "buy for 1500", [(1500, 1500)], []),
        ("sell 2 @ 100", "buy for 1700", [(1000, 1000)], [700]),
        ("sell 2 @ 100", "buy for 499", [], [499]),
        # A maker that buys: its own price is the trade's price.
        ("buy 2 @ 100", "sell 3 @ 90 ioc", [(1000, 1000)], [10]),
        ("buy 2 @ 100", "sell 3 market", [(1000, 1000)], [10]),
        ("buy 2 @ 100; buy 9 @ 50", "sell for 1300", [(1000, 1000), (250, 250)], []),
        ("sell 2 @ 90; taker: sell 1 @ 95", "buy 3 @ 100", [(1000, 900)], [500]),
    ],
)
def test_fills_use_up_the_hold_and_the_close_gives_back_the_rest(resting, order, used, given_back):
    desk = Desk(resting)

    events = desk.place(order)

    fills = [e for e in events if isinstance(e, Traded)]
    assert [(e.buyer_hold_units, e.quote_units) for e in fills] == used
    assert [e for e in released(events) if e] == given_back
    order_now = events[0].order
    if order_now.status not in ("new", "partially_filled"):
        assert order_now.hold_units == 0


def test_resting_rest_holds_what_it_still_needs():
    desk = Desk("sell 2 @ 90")

    order = desk.place("buy 5 @ 100")[0].order
    assert (order.remaining_lots, order.hold_units) == (3, 1500)

    desk.place("ann: sell 1 @ 100")
    assert (order.remaining_lots, order.hold_units) == (2, 1000)
    assert released(desk.cancel(order.order_id, account="taker")) == [1000]
    assert (order.hold_units, order.status, order.reason) == (0, "cancelled", "requested")


@pytest.mark.parametrize(
    ("received_units", "rate_ppm", "fee"),
    [
        (1_000_000, 750, 750),
        (1, 750, 1),  # rounded up
        (1_333, 750, 1),
        (1_334, 750, 2),
        (1_000_000, 0, 0),
        (10, 1_000_000, 10),
        (10, 2_000_000, 10),  # never more than was received
        (10**30, 1, 10**24),
    ],
)
def test_fee_is_rounded_up_and_never_more_than_received(received_units, rate_ppm, fee):
    assert fee_units(received_units=received_units, rate_ppm=rate_ppm) == fee


@pytest.mark.parametrize(
    ("received_units", "maker_ppm", "fee_units", "rebate"),
    [
        (1_333, -750, 9, 0),  # rounded down
        (1_334, -750, 9, 1),
        (1_000_000, -750, 1_000, 750),
        (1_000_000, -750, 700, 700),  # never more than the taker's fee
        (1_000_000, -750, 0, 0),
        (10**30, -1, 10**30, 10**24),
    ],
)
def test_rebate_is_rounded_down_and_never_more_than_the_takers_fee(
    received_units, maker_ppm, fee_units, rebate
):
    got = rebate_units(
        taker_received_units=received_units, maker_ppm=maker_ppm, taker_fee_units=fee_units
    )
    assert got == rebate


@pytest.mark.parametrize(
    ("order", "taker_ppm", "fees", "rebate"),
    [
        ("buy", 150_000, (5, 0), 3),  # 30 base at 15 %, of which 10 % go to the maker
        ("sell", 150_000, (0, 225), 150),  # 1,500 quote
        ("buy", 50_000, (2, 0), 2),  # 10 % would be 3
        ("buy", 0, (0, 0), 0),
    ],
)
def test_maker_of_a_negative_rate_gets_a_part_of_the_takers_fee(order, taker_ppm, fees, rebate):
    desk = Desk()
    resting = "sell" if order == "buy" else "buy"
    desk.apply(_with_rates(desk.command(f"{resting} 3 @ 100", account="maker"), -100_000, 990_000))

    events = desk.apply(_with_rates(desk.command(f"{order} 3 @ 100"), -990_000, taker_ppm))

    trade = next(e for e in events if isinstance(e, Traded))
    assert (trade.base_units, trade.quote_units) == (30, 1500)
    assert (trade.buyer_fee_units, trade.seller_fee_units) == fees
    assert trade.rebate_units == rebate


@pytest.mark.parametrize(("resting", "order"), [("sell", "buy"), ("buy", "sell")])
def test_maker_pays_the_maker_rate_and_taker_the_taker_rate_in_what_they_receive(resting, order):
    desk = Desk()
    desk.apply(_with_rates(desk.command(f"{resting} 3 @ 100", account="maker"), 20_000, 990_000))

    events = desk.apply(_with_rates(desk.command(f"{order} 3 @ 100"), 990_000, 50_000))

    trade = next(e for e in events if isinstance(e, Traded))
    assert (trade.base_units, trade.quote_units) == (30, 1500)
    if order == "buy":  # the taker receives 30 base at 5%, the maker 1,500 quote at 2%
        assert (trade.buyer_fee_units, trade.seller_fee_units) == (2, 30)
    else:  # the maker receives 30 base at 2%, the taker 1,500 quote at 5%
        assert (trade.buyer_fee_units, trade.seller_fee_units) == (1, 75)


@pytest.mark.parametrize(("resting", "order"), [("sell", "buy"), ("buy", "sell")])
def test_the_least_of_all_rates_is_one_unit(resting, order):
    desk = Desk()
    desk.place(f"maker: {resting} 1 @ 100", fee=1)

    trade = desk.place(f"{order} 1 @ 100", fee=1)[1]

    assert (trade.buyer_fee_units, trade.seller_fee_units) == (1, 1)


def test_amounts_beyond_64_bits_stay_exact():
    big = 10**18 + 1
    desk = Desk(
        lot_units=big,
        tick_lot_units=big,
        max_notional_units=10**40,
        max_price_ticks=10**12,
        max_quantity_lots=10**9,
    )
    desk.place("ann: sell 3 @ 999999999999", available=10**30)

    events = desk.place("buy 3 @ 999999999999", available=10**40)

    assert trades(events) == ["3 @ 999999999999"]
    assert events[1].quote_units == 3 * 999_999_999_999 * big
    assert end(events) == "filled"


def _with_rates(command, maker_ppm, taker_ppm):
    return msgspec.structs.replace(command, maker_ppm=maker_ppm, taker_ppm=taker_ppm)
