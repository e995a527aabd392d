"""The engine against the naive book: the same commands, the same trades, books and money."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.engine_trials import Trial

COMMANDS_MIN = 200_000
RUNS = 100
COMMANDS_PER_RUN = 2_020


@pytest.mark.long
def test_engine_and_naive_book_agree_on_two_hundred_thousand_commands():
    commands_run = 0
    counts: dict[str, int] = {}

    @settings(
        max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(seed=st.integers(min_value=0, max_value=2**62))
    def run(seed: int) -> None:
        nonlocal commands_run
        trial = Trial(Random(seed))
        commands_run += trial.run(COMMANDS_PER_RUN)
        for what, count in trial.counts.items():
            counts[what] = counts.get(what, 0) + count

    run()

    assert commands_run >= COMMANDS_MIN
    # A comparison of refusals only would agree, too: every outcome must have been met.
    missing = [what for what in OUTCOMES if counts.get(what, 0) < 20]
    assert not missing, counts


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), command_count=st.integers(1, 60))
def test_engine_and_naive_book_agree_on_short_runs_that_can_be_shrunk(random, command_count):
    Trial(random).run(command_count)


OUTCOMES = (
    "trade",
    "undone batch",
    "reload",
    "insufficient_balance",
    "market_not_found",
    "market_halted",
    "market_post_only",
    "post_only_would_cross",
    "price_out_of_range",
    "price_band",
    "quantity_out_of_range",
    "notional_too_small",
    "notional_too_large",
    "duplicate_client_order_id",
    "too_many_open_orders",
    "order_not_open",
    "nothing_to_amend",
    "rules_not_changeable",
    "limit new ",
    "limit partially_filled ",
    "limit filled ",
    "limit cancelled self_trade",
    "limit expired ioc_unfilled",
    "limit expired fok_unfillable",
    "market filled ",
    "market cancelled self_trade",
    "market expired no_liquidity",
    "market expired fok_unfillable",
)
