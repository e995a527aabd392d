"""The checker of the crash test must be able to fail."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.crash.notes import (
    Notes,
    OrderStored,
    OrderTold,
    Stored,
    TradeStored,
    TradeTold,
    find_faults,
)

TOLD = OrderTold(
    1, "ann", "a", "BTC/USD", "buy", Decimal(10), Decimal(2), Decimal(1), "partially_filled", ""
)
ROW = OrderStored(
    1, "ann", "a", "BTC/USD", "buy", Decimal(10), Decimal(2), Decimal(1), "partially_filled"
)
TRADE_TOLD = TradeTold("BTC/USD", 7, 1, Decimal(10), Decimal(1))
TRADE_ROW = TradeStored("BTC/USD", 7, 2, 1, Decimal(10), Decimal(1))


def honest() -> tuple[Notes, Stored]:
    """Return notes, and tables that bear them out."""
    notes = Notes(orders=[TOLD], trades=[TRADE_TOLD], refused=[("ann", "r")], not_queued=["q"])
    stored = Stored(orders={1: ROW}, trades={("BTC/USD", 7): TRADE_ROW})
    stored.applied_by_key[("ann", "a")] = 1
    stored.applied_by_request["p"] = 1
    return notes, stored


def test_nothing_is_wrong_where_the_tables_bear_out_what_was_told() -> None:
    assert not find_faults(*honest())


def test_a_lost_order_is_found() -> None:
    notes, stored = honest()
    del stored.orders[1]
    assert find_faults(notes, stored).lost == ["order 1: told, and not in the tables"]


def test_a_lost_fill_is_found() -> None:
    notes, stored = honest()
    del stored.trades[("BTC/USD", 7)]
    assert find_faults(notes, stored).lost == ["trade 7 of BTC/USD: told, and not in the tables"]


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, filled=Decimal(0), status="new"),
        replace(ROW, account="bob"),
        replace(ROW, client_order_id="b"),
        replace(ROW, market="ETH/USD"),
        replace(ROW, side="sell"),
    ],
)
def test_an_order_that_went_back_is_found(row: OrderStored) -> None:
    notes, stored = honest()
    stored.orders[1] = row
    assert len(find_faults(notes, stored).lost) == 1


def test_a_lost_cancel_is_found() -> None:
    notes, stored = honest()
    notes.orders.append(replace(TOLD, status="cancelled"))
    assert "told cancelled" in find_faults(notes, stored).lost[0]
    stored.orders[1] = replace(ROW, status="cancelled")
    assert not find_faults(notes, stored)
    stored.orders[1] = replace(ROW, status="cancelled", filled=Decimal(2))
    assert find_faults(notes, stored).lost


def test_a_trade_with_other_figures_or_parties_is_found() -> None:
    notes, stored = honest()
    stored.trades[("BTC/USD", 7)] = replace(TRADE_ROW, quantity=Decimal(2))
    assert find_faults(notes, stored).lost
    stored.trades[("BTC/USD", 7)] = replace(TRADE_ROW, taker_order_id=3)
    assert find_faults(notes, stored).lost


def test_a_second_order_of_a_client_order_id_is_found() -> None:
    notes, stored = honest()
    stored.orders[2] = replace(ROW, order_id=2)
    assert find_faults(notes, stored).doubled == ["client order id a of ann: 2 orders"]


def test_a_key_or_a_request_that_took_effect_twice_is_found() -> None:
    notes, stored = honest()
    stored.applied_by_key[("ann", "a")] = 2
    stored.applied_by_request["p"] = 2
    assert find_faults(notes, stored).doubled == [
        "key a: took effect 2 times",
        "request p: took effect 2 times",
    ]


def test_what_was_refused_or_not_queued_and_took_effect_is_found() -> None:
    notes, stored = honest()
    stored.applied_by_key[("ann", "r")] = 1
    stored.applied_by_request["q"] = 1
    assert len(find_faults(notes, stored).doubled) == 2
