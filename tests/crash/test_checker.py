"""The checker of the crash test must be able to fail."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.crash.notes import (
    ListTold,
    Notes,
    OrderStored,
    OrderTold,
    Stored,
    TradeStored,
    TradeTold,
    find_faults,
)
from tests.crash.standing import Standing, find_left
from tests.crash.together import Answer, said_together
from tests.crash.wholes import PreventedStored, PreventedTold, ReplacedTold, part_name

TOLD = OrderTold(
    1, "ann", "a", "BTC/USD", "buy", Decimal(10), Decimal(2), Decimal(1), "partially_filled", ""
)
ROW = OrderStored(
    1, "ann", "a", "BTC/USD", "buy", Decimal(10), Decimal(2), Decimal(1), "partially_filled"
)
TRADE_TOLD = TradeTold("BTC/USD", 7, 1, Decimal(10), Decimal(1))
LIST = ListTold(5, "ann", "pair", "BTC/USD", "oco", (6, 7), False)
# A replacement of which both halves took effect, and one that took none.
OLD = replace(ROW, order_id=11, client_order_id="old", status="cancelled")
NEW = replace(ROW, order_id=12, client_order_id="new")
REPLACED = ReplacedTold("ann", "new", 11, False, True, 12)
NOT_TRIED = ReplacedTold("ann", "newer", 1, False, False, None)
# Two at 10 that accounts of one owner exchanged, and one that two orders lost, each as it was told.
EXCHANGED = PreventedStored(
    3, "transfer", Decimal(10), Decimal(2), 11, 12, tuple(map(Decimal, (-20, 2, 20, -2)))
)
DECREMENTED = PreventedStored(4, "decrement", Decimal(10), Decimal(1), 11, 12, ())
PREVENTED = PreventedTold(12, False, "transfer", Decimal(10), Decimal(2))
MET = PreventedTold(11, True, "decrement", Decimal(10), Decimal(1))
# What protects, until when a timer runs, and when it is read.
LIMITS = (2, 60_000)
NOW, DUE, PLACED = (f"2026-11-30T08:00:{second}.000000Z" for second in ("00", "30", "10"))
TRADE_ROW = TradeStored("BTC/USD", 7, 2, 1, Decimal(10), Decimal(1))


def honest() -> tuple[Notes, Stored]:
    """Return notes, and tables that bear them out."""
    notes = Notes(orders=[TOLD], trades=[TRADE_TOLD], refused=[("ann", "r")], not_queued=["q"])
    stored = Stored(orders={1: ROW}, trades={("BTC/USD", 7): TRADE_ROW})
    stored.applied_by_key[("ann", "a")] = 1
    stored.applied_by_request["p"] = 1
    notes.lists, stored.lists[5] = [LIST], LIST
    notes.protections["ann", "BTC/USD"] = stored.protections["ann", "BTC/USD"] = LIMITS
    notes.timers = {"ann": DUE, "bob": None}
    notes.replaced = [REPLACED, NOT_TRIED]
    stored.orders |= {11: OLD, 12: NEW}
    notes.batches = notes.parts = {"batch": 3, "not settled": 2}
    stored.rows_by_request["batch"] = 3
    notes.batches["other"], notes.parts[part_name("other", 1)] = 4, 2
    stored.rows_by_request[part_name("other", 1)] = 2
    stored.applied_by_request["batch"] = 2
    notes.prevented, stored.prevented = [PREVENTED, MET], [EXCHANGED, DECREMENTED]
    stored.now, stored.timers, stored.oldest_open = NOW, {"ann": DUE}, {"ann": PLACED}
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


# --- lists, protections and timers ----------------------------------------------------------------


def test_a_lost_list_is_found() -> None:
    notes, stored = honest()
    del stored.lists[5]
    assert find_faults(notes, stored).lost == ["list 5: told, and not in the tables"]


@pytest.mark.parametrize(
    "row",
    [
        replace(LIST, account="bob"),
        replace(LIST, client_list_id="other"),
        replace(LIST, market="ETH/USD"),
        replace(LIST, kind="oto"),
        replace(LIST, order_ids=(6,)),
        replace(LIST, order_ids=(6, 8)),
    ],
)
def test_a_list_that_is_another_is_found(row: ListTold) -> None:
    notes, stored = honest()
    stored.lists[5] = row
    assert len(find_faults(notes, stored).lost) == 1


def test_a_list_that_is_done_may_not_go_on() -> None:
    notes, stored = honest()
    stored.lists[5] = replace(LIST, is_done=True)
    assert not find_faults(notes, stored)
    notes.lists.append(replace(LIST, is_done=True))
    assert not find_faults(notes, stored)
    stored.lists[5] = LIST
    assert find_faults(notes, stored).lost == ["list 5: told done, and goes on"]


def test_a_second_list_of_a_client_list_id_is_found() -> None:
    notes, stored = honest()
    stored.lists[8] = replace(LIST, list_id=8, order_ids=(9, 10))
    assert find_faults(notes, stored).doubled == ["client list id pair of ann: 2 lists"]


@pytest.mark.parametrize("found", [None, (3, 60_000), (2, 500)])
def test_a_lost_protection_is_found(found: tuple[int, int] | None) -> None:
    notes, stored = honest()
    if found is None:
        del stored.protections["ann", "BTC/USD"]
    else:
        stored.protections["ann", "BTC/USD"] = found
    assert len(find_faults(notes, stored).lost) == 1


def test_a_protection_that_was_taken_away_may_not_stay() -> None:
    notes, stored = honest()
    notes.protections["ann", "BTC/USD"] = None
    assert len(find_faults(notes, stored).lost) == 1


def test_a_lost_timer_is_found_before_it_is_due() -> None:
    notes, stored = honest()
    stored.timers = {}
    assert len(find_faults(notes, stored).lost) == 1
    stored.timers = {"ann": PLACED}
    assert len(find_faults(notes, stored).lost) == 1


def test_a_timer_that_was_ended_may_not_stay() -> None:
    notes, stored = honest()
    stored.timers["bob"] = DUE
    assert len(find_faults(notes, stored).lost) == 1


def test_a_timer_that_did_not_fire_or_left_an_order_is_found() -> None:
    notes, stored = honest()
    stored.now = "2026-11-30T08:01:00.000000Z"
    stored.oldest_open = {"ann": stored.now}
    assert len(find_faults(notes, stored).lost) == 1
    stored.timers = {}
    assert not find_faults(notes, stored)
    stored.oldest_open = {"ann": PLACED}
    assert len(find_faults(notes, stored).lost) == 1


# --- replacements, batches and preventions --------------------------------------------------------


def test_a_lost_half_of_a_replacement_is_found() -> None:
    notes, stored = honest()
    del stored.orders[12]
    assert find_faults(notes, stored).lost == [
        "replacement new: new order told 12, stored None",
    ]
    notes, stored = honest()
    stored.orders[11] = replace(OLD, status="new")
    assert find_faults(notes, stored).lost == [
        "replacement new: told that 11 is cancelled, and it is not",
    ]
    del stored.orders[11]
    assert len(find_faults(notes, stored).lost) == 1


def test_a_half_that_was_told_as_refused_and_is_there_is_found() -> None:
    notes, stored = honest()
    stored.orders[13] = replace(NEW, order_id=13, client_order_id="newer")
    assert find_faults(notes, stored).lost == [
        "replacement newer: new order told None, stored 13",
        "replacement newer: placed 13 without its cancel",
    ]


def test_an_order_may_be_placed_without_its_cancel_only_where_that_was_asked_for() -> None:
    notes, stored = honest()
    notes.replaced = [replace(REPLACED, is_cancelled=False)]
    assert find_faults(notes, stored).lost == ["replacement new: placed 12 without its cancel"]
    notes.replaced = [replace(REPLACED, is_cancelled=False, goes_on=True)]
    assert not find_faults(notes, stored)


def test_a_second_new_order_of_a_replacement_is_found() -> None:
    notes, stored = honest()
    stored.orders[13] = replace(NEW, order_id=13)
    assert find_faults(notes, stored).doubled == ["client order id new of ann: 2 orders"]


@pytest.mark.parametrize("rows", [1, 2, 4, 6])
def test_a_batch_of_which_not_all_was_settled_or_more_is_found(rows: int) -> None:
    notes, stored = honest()
    stored.rows_by_request["batch"] = rows
    assert find_faults(notes, stored).lost == [
        f"batch batch: of 3 orders {rows} are in the journal",
    ]


def test_a_batch_that_took_effect_more_often_than_it_has_orders_is_found() -> None:
    notes, stored = honest()
    stored.applied_by_request["batch"] = 4
    assert find_faults(notes, stored).doubled == ["request batch: took effect 4 times"]


@pytest.mark.parametrize("lost", [EXCHANGED, DECREMENTED])
def test_a_lost_prevention_is_found(lost: PreventedStored) -> None:
    notes, stored = honest()
    stored.prevented.remove(lost)
    assert len(find_faults(notes, stored).lost) == 1


@pytest.mark.parametrize(
    ("name", "figure"),
    [("mode", "maker"), ("price", Decimal(9)), ("quantity", Decimal(3)), ("taker_order_id", 11)],
)
def test_a_prevention_that_is_another_is_found(name: str, figure: Any) -> None:
    notes, stored = honest()
    stored.prevented[0] = replace(EXCHANGED, **{name: figure})
    assert any("told" in text for text in find_faults(notes, stored).lost)


@pytest.mark.parametrize("moved", [(), (-20, 2, 20), (-20, 2, 20, -2) * 2, (-19, 2, 19, -2)])
def test_an_exchange_whose_entries_are_lost_doubled_or_others_is_found(
    moved: tuple[int, ...],
) -> None:
    notes, stored = honest()
    stored.prevented[0] = replace(EXCHANGED, moved=tuple(map(Decimal, moved)))
    assert len(find_faults(notes, stored).lost) == 1


def test_an_entry_of_what_was_not_exchanged_is_found() -> None:
    notes, stored = honest()
    stored.prevented[1] = replace(DECREMENTED, moved=(Decimal(1), Decimal(-1)))
    assert len(find_faults(notes, stored).lost) == 1


def test_a_lost_prevented_quantity_is_found() -> None:
    notes, stored = honest()
    notes.orders = [replace(TOLD, prevented=Decimal(1))]
    assert find_faults(notes, stored).lost == ["order 1: prevented told 1, stored 0"]
    notes.orders = [replace(TOLD, status="cancelled")]
    stored.orders[1] = replace(ROW, status="cancelled", prevented=Decimal(1))
    assert find_faults(notes, stored).lost == ["order 1: prevented told 0, stored 1"]


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        (["", "invalid_order"], 200),
        (["engine_unavailable", "overloaded"], 503),
        (["engine_unavailable", ""], 504),
        (["engine_unavailable", "invalid_order"], 504),
        (["outcome_unknown", "engine_unavailable"], 504),
        (["outcome_unknown", "internal_error"], 500),
    ],
)
def test_a_batch_is_not_answered_while_one_of_its_orders_is_not(
    codes: list[str], status: int
) -> None:
    items: list[dict[str, Any]] = [
        {"error": {"code": code}} if code else {"order": {}} for code in codes
    ]
    assert said_together(Answer(200, items)).status == status


# --- what the clock should have done --------------------------------------------------------------


def test_nothing_is_left_where_all_was_done() -> None:
    assert find_left(Standing()) == []


@pytest.mark.parametrize("name", ["switches", "auctions", "orders", "queued", "tripped"])
def test_what_should_not_stand_any_more_is_found(name: str) -> None:
    (text,) = find_left(Standing(**{name: [(7,)]}))
    assert text.startswith(name)
    assert "(7,)" in text
