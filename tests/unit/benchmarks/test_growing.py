"""The simulation of growing: money between cells, and the arithmetic of sizes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.growing.capacity import compute
from benchmarks.growing.costs import Costs, UnknownInput, Wanted, with_settings
from benchmarks.growing.exploring import TWO_STEPS, drain, people
from benchmarks.growing.naive import NO_IDEMPOTENCY, ONE_STEP
from benchmarks.growing.protocol import (
    RETURNED,
    SETTLED,
    Transfer,
    World,
    begin,
    funded,
)
from benchmarks.growing.reconciling import reconcile
from benchmarks.growing.trials import explored, small_world, walk


def test_money_between_cells_is_kept_in_every_order_of_messages_and_crashes() -> None:
    found = explored(TWO_STEPS)
    assert found.broken == ""
    assert found.states > 1_000


@pytest.mark.parametrize("naive", [NO_IDEMPOTENCY, ONE_STEP], ids=lambda one: one.name)
def test_simpler_protocols_make_or_lose_money(naive) -> None:
    assert "made or lost" in explored(naive).broken


@settings(max_examples=10, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_reconcile_finds_every_tampering_and_raises_no_false_alarm(seed: int) -> None:
    states, tamperings = walk(seed)
    assert states > 100
    assert tamperings > 50


def test_a_transfer_to_a_closed_account_comes_back() -> None:
    world = World((funded("a", ann=10), replace(funded("b", bob=1), closed=frozenset({"bob"}))))
    begun = begin(world, Transfer("t", "a", "ann", "b", "bob", 7))
    assert begun.cell("a").balance("ann") == 3
    ended = drain(TWO_STEPS, begun)
    assert ended.cell("a").balance("ann") == 10
    assert ended.cell("a").balance("clearing:b") == 0
    assert [row.state for row in ended.cell("a").outgoing] == [RETURNED]
    assert reconcile(ended.cells) == []


def test_a_key_that_comes_again_moves_nothing_again() -> None:
    world, asked = small_world()
    once = drain(TWO_STEPS, begin(world, asked[0]))
    again = drain(TWO_STEPS, begin(once, replace(asked[0], units=1)))
    assert again == once
    assert people(again) == people(world)
    assert {row.state for row in again.cell("a").outgoing} == {SETTLED}


@pytest.mark.parametrize("units", [0, -1, 11])
def test_what_is_no_amount_or_not_there_is_not_begun(units: int) -> None:
    world = World((funded("a", ann=10), funded("b", bob=1)))
    assert begin(world, Transfer("t", "a", "ann", "b", "bob", units)) == world


def test_twice_the_trades_in_the_same_time_take_twice_the_log_and_disk() -> None:
    costs = replace(Costs(), tables=tuple(replace(t, row_bytes=100.0) for t in Costs().tables))
    one = compute(costs, Wanted())
    two = compute(costs, replace(Wanted(), trades=2 * Wanted().trades))
    assert two.wal_day_bytes == pytest.approx(2 * one.wal_day_bytes)
    assert two.attached.by_table["matching_trade"] == pytest.approx(
        2 * one.attached.by_table["matching_trade"]
    )
    assert two.cells >= one.cells
    assert one.takeover_s <= Wanted().takeover_max_s


def test_an_assumption_can_be_set_by_name_and_a_wrong_one_is_refused() -> None:
    costs, wanted = with_settings(Costs(), Wanted(), ["peak_factor=50", "worker_us=25"])
    assert (costs.worker_us, wanted.peak_factor) == (25, 50)
    for text in ("peak_factor=0", "peak_factor=much", "nothing=1", "tables=1", "days=inf"):
        with pytest.raises(UnknownInput, match=text.partition("=")[0]):
            with_settings(Costs(), Wanted(), [text])
